"""The synthetic cohort is deterministic, keeps to the contract, and its truth agrees with its data."""

import csv
import datetime as dt
from bisect import bisect_right
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jobs.importers.load import import_paths
from models.database import engine_for, upgrade
from models.patient_facts import date_of
from models.patient_reading import read_patients
from seed_data.cohort import OVERLAY_STATES, PRINCIPAL_STATES, _next_dose, _taper, _tiled, write_cohort
from seed_data.csv_folder import COLUMNS, REQUIRED, TRUTH_COLUMNS
from seed_data.demo import demo_users, write_demo_clinic
from seed_data.stories import load_stories

AS_OF = date(2026, 11, 22)
PATIENTS = 400
STORIES = len(load_stories())
STEP = {"cmas": (52, 3), "mmt8": (80, 6), "mmt8_bilateral": (150, 11), "mmt_total": (260, 19)}
FACTOR = {"prednisone": 1.0, "prednisolone": 1.0, "methylprednisolone": 1.25}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("cohort")
    write_cohort(directory, PATIENTS, 11, AS_OF)
    return directory


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, dtype=str, keep_default_na=False)


def each(frame: pd.DataFrame) -> list[Any]:
    """Rows as named tuples (of text, which the type of itertuples does not know)."""
    return list(frame.itertuples(index=False))


@pytest.fixture(scope="module")
def truth(folder: Path) -> pd.DataFrame:
    return read(folder, "truth.csv")


@pytest.fixture(scope="module")
def valid(folder: Path) -> pd.DataFrame:
    """Observations as known at the end: the last row of each source_id, none entered in error or held back."""
    frame = read(folder, "observations.csv").drop_duplicates("source_id", keep="last")
    frame = frame[frame["status"] != "entered-in-error"].copy()
    frame["date"] = frame["observed_at"].str[:10]
    frame["number"] = pd.to_numeric(frame["value"].str.lstrip("<"))
    slips = read(folder, "truth.csv").query("state in ('wrong_unit', 'typing_error')")
    held = slips[slips["detail"].str.endswith("held back")]
    names = set(zip(held["mrn"], held["detail"].str.split().str[0], held["start_date"], strict=True))
    doubtful = [row in names for row in zip(frame["mrn"], frame["measure"], frame["date"], strict=True)]
    return frame[~np.array(doubtful)]


@pytest.mark.parametrize(("name", "columns"), [*COLUMNS.items(), ("truth.csv", TRUTH_COLUMNS)])
def test_every_file_has_exactly_its_columns_in_every_row(folder: Path, name: str, columns: tuple[str, ...]) -> None:
    with (folder / name).open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        assert tuple(next(reader)) == columns
        assert {len(row) for row in reader} == {len(columns)}


@pytest.mark.parametrize("name", COLUMNS)
def test_nothing_the_contract_requires_is_blank(folder: Path, name: str) -> None:
    frame = read(folder, name)
    assert len(frame)
    assert not (frame[list(REQUIRED[name])] == "").any(axis=None)


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    counts = write_cohort(tmp_path, PATIENTS, 11, AS_OF)
    for name in counts:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
        assert counts[name] == (folder / name).read_bytes().count(b"\n") - 1


def test_another_seed_gives_other_patients(folder: Path, tmp_path: Path) -> None:
    write_cohort(tmp_path, PATIENTS, 12, AS_OF)
    assert (tmp_path / "patients.csv").read_bytes() != (folder / "patients.csv").read_bytes()


def test_a_cohort_larger_than_one_block_numbers_its_patients_through(tmp_path: Path) -> None:
    write_cohort(tmp_path, 2_003, 1, AS_OF, years=0.5)
    numbers = read(tmp_path, "patients.csv")["mrn"]
    assert list(numbers) == [f"C{k:07d}" for k in range(1, 2_004)]
    assert set(read(tmp_path, "observations.csv")["mrn"]) <= set(numbers)


@pytest.mark.parametrize(("patients", "seed", "years"), [(0, 1, 5), (10, -1, 5), (10, 1, 0.1)])
def test_a_cohort_that_cannot_be_is_refused(tmp_path: Path, patients: int, seed: int, years: float) -> None:
    with pytest.raises(ValueError, match="must"):
        write_cohort(tmp_path, patients, seed, AS_OF, years)


def test_nothing_is_dated_or_learnt_after_the_last_day(folder: Path) -> None:
    last = AS_OF.isoformat()
    observations = read(folder, "observations.csv")
    assert observations["observed_at"].str[:10].max() <= last
    assert observations["received_at"].str[:10].max() <= last
    assert read(folder, "medications.csv")["start_date"].max() <= last
    assert read(folder, "events.csv")["date"].max() <= last
    assert read(folder, "truth.csv")["end_date"].max() <= last


def test_a_repeated_source_id_is_a_later_correction_or_a_withdrawal(folder: Path) -> None:
    frame = read(folder, "observations.csv")
    again = frame[frame.duplicated("source_id", keep="first")]
    assert set(again["status"]) == {"corrected", "entered-in-error"}
    assert (again["received_at"] > again["observed_at"]).all()
    for name in ("medications.csv", "events.csv"):
        assert not read(folder, name).duplicated("source_id").any()


def test_the_impurities_of_real_data_are_there(folder: Path) -> None:
    frame = read(folder, "observations.csv")
    assert {"U/L", "IU/L", "ukat/L"} == set(frame.loc[frame["measure"] == "ck", "unit"])
    assert {"ng/L", "ng/mL"} == set(frame.loc[frame["measure"].str.startswith("troponin"), "unit"])
    assert frame["value"].str.startswith("<").any()
    late = frame[(frame["received_at"] != "") & (frame["status"] == "final")]
    assert 0.005 < len(late) / len(frame) < 0.03
    assert set(frame["status"]) == {"final", "corrected", "entered-in-error"}


def test_scores_lie_within_their_instrument_and_children_have_cmas(folder: Path, valid: pd.DataFrame) -> None:
    for name, (maximum, _) in STEP.items():
        scores = valid[valid["measure"] == name]
        assert set(scores["max_value"]) == {str(maximum)}
        assert scores["number"].between(0, maximum).all()
    people = read(folder, "patients.csv")
    children = set(people.loc[people["birth_date"] > "2009-01-01", "mrn"])
    assert set(valid.loc[valid["measure"] == "cmas", "mrn"]) >= children & set(valid["mrn"])
    assert (people["diagnosed_on"] > people["birth_date"]).all()


def test_every_upper_limit_is_in_the_unit_of_its_value(valid: pd.DataFrame) -> None:
    ck = valid[valid["measure"] == "ck"]
    limits = {unit: set(ck.loc[ck["unit"] == unit, "upper_limit"]) for unit in ("U/L", "ukat/L")}
    assert limits["U/L"] == {"170", "200"}
    assert limits["ukat/L"] == {"2.83", "3.33"}


def test_principal_states_tile_each_patients_time(truth: pd.DataFrame) -> None:
    assert set(truth["state"]) <= {*PRINCIPAL_STATES, *OVERLAY_STATES}
    principal = truth[truth["state"].isin(PRINCIPAL_STATES)]
    for _, spans in principal.groupby("mrn"):
        starts = pd.to_datetime(spans["start_date"]).to_numpy()
        ends = pd.to_datetime(spans["end_date"]).to_numpy()
        assert (starts[1:] - ends[:-1] == np.timedelta64(1, "D")).all()


def test_every_state_occurs(truth: pd.DataFrame) -> None:
    assert set(truth["state"]) == {*PRINCIPAL_STATES, *OVERLAY_STATES}


def test_a_flare_lowers_the_scores_and_stability_does_not(valid: pd.DataFrame, truth: pd.DataFrame) -> None:
    """Mean score in the last four weeks of a flare against the stable time before it, in steps of the instrument."""
    falls, steady = [], []
    by_patient = dict(list(valid[valid["measure"].isin(STEP)].sort_values("date").groupby("mrn")))
    for mrn, spans in truth[truth["state"].isin(PRINCIPAL_STATES)].groupby("mrn"):
        if mrn not in by_patient:
            continue
        scores = by_patient[mrn]
        step = STEP[scores["measure"].iloc[0]][1]
        previous = None
        for span in each(spans):
            inside = scores[scores["date"].between(span.start_date, span.end_date)]["number"]
            if span.state == "flare" and previous is not None and len(inside) >= 2 and len(previous) >= 4:
                falls.append((previous.tail(4).mean() - inside.iloc[-1]) / step)
            if span.state == "stable":
                previous = inside
                if len(inside) >= 12:
                    steady.append((inside.head(6).mean() - inside.tail(6).mean()) / step)
            else:
                previous = None
    assert len(falls) > 20
    assert np.mean(np.array(falls) >= 1) > 0.8
    assert abs(float(np.median(steady))) < 0.1
    assert np.mean(np.array(steady) >= 1) < 0.02


def test_steroid_myopathy_has_a_high_dose_and_no_rise_of_ck(valid: pd.DataFrame, truth: pd.DataFrame) -> None:
    ck = valid[valid["measure"] == "ck"].assign(ratio=lambda f: f["number"] / pd.to_numeric(f["upper_limit"]))
    ratios = []
    for span in each(truth[truth["state"] == "steroid_myopathy"]):
        spans = truth[(truth["mrn"] == span.mrn) & (truth["state"] == "prolonged_high_dose")]
        assert ((spans["start_date"] <= span.end_date) & (spans["end_date"] >= span.start_date)).any()
        mine = ck[(ck["mrn"] == span.mrn) & ck["date"].between(span.start_date, span.end_date)]
        ratios += mine["ratio"].tolist()
    assert len(ratios) > 10
    assert float(np.median(ratios)) < 1


def test_exercise_ck_follows_exercise_and_is_far_above_the_limit(
    folder: Path, valid: pd.DataFrame, truth: pd.DataFrame
) -> None:
    exercise = read(folder, "events.csv").query("event == 'strenuous_exercise'").set_index("mrn")["date"]
    spans = truth[truth["state"] == "exercise_ck"]
    assert len(spans)
    peaks = []
    for span in each(spans):
        assert exercise[span.mrn] == span.start_date
        inside = valid[
            (valid["mrn"] == span.mrn) & (valid["measure"] == "ck")
            & valid["date"].between(span.start_date, span.end_date)
        ]  # fmt: skip
        peaks += (inside["number"] / pd.to_numeric(inside["upper_limit"])).tolist()
    assert float(np.median(peaks)) > 5


def test_a_missed_lab_is_really_missing_and_late_from_the_50th_day(valid: pd.DataFrame, truth: pd.DataFrame) -> None:
    missed = truth[(truth["state"] == "lab_missed") & (truth["detail"] == "crp")]
    crp = {mrn: sorted(group["date"]) for mrn, group in valid[valid["measure"] == "crp"].groupby("mrn")}
    assert len(missed)
    checked = 0
    for span in each(missed):
        days = crp.get(span.mrn, [])
        assert not [day for day in days if span.start_date <= day <= span.end_date]
        before = [day for day in days if day < span.start_date]
        if before:
            assert (pd.Timestamp(span.start_date) - pd.Timestamp(before[-1])).days == 50
            checked += 1
    assert checked > 10


def test_a_missed_visit_stays_missed_and_the_next_one_is_no_earlier(valid: pd.DataFrame, truth: pd.DataFrame) -> None:
    missed = truth[truth["state"] == "visit_missed"]
    seen = {mrn: set(group["date"]) for mrn, group in valid.groupby("mrn")}
    assert (missed["end_date"] == AS_OF.isoformat()).sum() > 3
    for span in each(missed):
        assert not [day for day in seen[span.mrn] if span.start_date <= day <= span.end_date]
        assert (pd.Timestamp(span.end_date) - pd.Timestamp(span.start_date)).days >= 20 or span.end_date == str(AS_OF)


def test_a_chronic_ck_is_high_and_steady(valid: pd.DataFrame, truth: pd.DataFrame) -> None:
    ck = valid[valid["measure"] == "ck"].assign(ratio=lambda f: f["number"] / pd.to_numeric(f["upper_limit"]))
    never_ill = truth[truth["state"].isin(["flare", "steroid_myopathy", "exercise_ck", "typing_error"])]["mrn"]
    spans = truth[(truth["state"] == "chronic_ck") & ~truth["mrn"].isin(never_ill)]
    checked = 0
    for span in each(spans):
        ratio = ck.loc[(ck["mrn"] == span.mrn) & (ck["date"] >= span.start_date), "ratio"]
        if len(ratio) >= 12:
            level = float(span.detail.split()[1])
            assert np.median(ratio) == pytest.approx(level, rel=0.25)
            assert float(np.log(ratio / np.median(ratio)).abs().median()) < 0.3
            checked += 1
    assert checked > 10


def test_function_that_varies_is_said_yes_and_no(folder: Path, truth: pd.DataFrame) -> None:
    events = read(folder, "events.csv")
    spans = truth[truth["state"] == "function_varies"]
    assert len(spans) > 10
    for span in each(spans):
        what = span.detail.split(":")[0]
        mine = events[(events["mrn"] == span.mrn) & (events["event"] == what) & (events["date"] >= span.start_date)]
        yes = (mine["present"] == "yes").sum()
        assert span.detail == f"{what}: yes at {yes} of {len(mine)} visits"
        assert 0 < yes < len(mine)


def test_who_was_diagnosed_late_was_ill_on_file_before(folder: Path, valid: pd.DataFrame, truth: pd.DataFrame) -> None:
    diagnosed = read(folder, "patients.csv").set_index("mrn")["diagnosed_on"]
    spans = truth[truth["state"] == "late_diagnosis"]
    assert len(spans) > 10
    for span in each(spans):
        ck = valid[(valid["mrn"] == span.mrn) & (valid["measure"] == "ck") & (valid["date"] < diagnosed[span.mrn])]
        assert span.start_date <= ck["date"].min()
        assert (ck["number"] > pd.to_numeric(ck["upper_limit"])).any()


def test_a_slip_is_written_as_the_truth_says_and_seen_or_not_seen_as_it_says(folder: Path) -> None:
    """Each patient's readings go through the application's own check: `held back` is caught, `passes` is not."""
    engine = engine_for(f"sqlite:///{folder.parent / 'slips.db'}")
    upgrade(str(engine.url))
    slips = read(folder, "truth.csv").query("state in ('wrong_unit', 'typing_error')")
    now = dt.datetime.combine(AS_OF, dt.time(12), tzinfo=dt.UTC)
    names = ("patients.csv", "observations.csv")
    few = folder.parent / "few"
    few.mkdir(exist_ok=True)
    for name in names:
        frame = read(folder, name)
        frame[frame["mrn"].isin(slips["mrn"])].to_csv(few / name, index=False)
    report = import_paths(engine, [few], timezone="UTC", by="test", now=now)
    assert report.total.rejected == 0
    with engine.connect() as connection:
        doubtful = {one.mrn: list(one.doubtful()) for one in read_patients(connection, AS_OF, timezone="UTC")}
    engine.dispose()
    fates = set()
    for slip in each(slips):
        measure, wrong = slip.detail.split()[:2]
        if slip.mrn not in doubtful:
            continue  # left the clinic since
        held = [one.reading for one in doubtful[slip.mrn] if one.reading.measure == measure]
        caught = [one for one in held if date_of(one.day).isoformat() == slip.start_date]
        fate = slip.detail.rpartition(": ")[2]
        assert bool(caught) == (fate == "held back"), slip
        if caught:
            assert f"{caught[0].value:g}" == wrong
        fates.add(fate)
    assert fates == {"held back", "passes"}


def test_someone_lost_to_follow_up_is_never_seen_again(valid: pd.DataFrame, truth: pd.DataFrame) -> None:
    lost = truth[truth["state"] == "lost_to_follow_up"]
    assert len(lost)
    for span in each(lost):
        assert span.end_date == AS_OF.isoformat()
        assert valid.loc[valid["mrn"] == span.mrn, "date"].max() < span.start_date


def test_prolonged_high_dose_can_be_counted_from_the_written_doses_and_weights(
    folder: Path, valid: pd.DataFrame, truth: pd.DataFrame
) -> None:
    """Counts high-dose days a second time, day by day, for every patient, and compares the 29th days."""
    medicines = read(folder, "medications.csv")
    medicines = medicines[medicines["drug"].isin(FACTOR)]
    weights = dict(list(valid[valid["measure"] == "weight"].groupby("mrn")))
    spans = truth[truth["state"] == "prolonged_high_dose"]
    counted, stated = set(), set(zip(spans["mrn"], spans["start_date"], spans["end_date"], strict=True))
    for mrn, courses in medicines.groupby("mrn"):
        daily: dict[int, float] = {}
        for row in each(courses):
            first, last = (dt.date.fromisoformat(one) for one in (row.start_date, row.end_date or AS_OF.isoformat()))
            for day in range(first.toordinal(), last.toordinal() + 1):
                daily[day] = daily.get(day, 0.0) + float(row.dose) * FACTOR[row.drug]
        mine = weights.get(mrn, valid.head(0))
        weighed = [dt.date.fromisoformat(str(one)[:10]).toordinal() for one in mine["date"]]
        kilograms = mine["number"].to_list()
        high = []
        for day, dose in sorted(daily.items()):
            known = bisect_right(weighed, day)
            if dose > 30 or (known and dose >= 0.5 * kilograms[known - 1]):
                high.append(day)
        spans_of_days: list[list[int]] = []
        for day in high:
            if spans_of_days and day - spans_of_days[-1][-1] <= 4:
                spans_of_days[-1].append(day)
            else:
                spans_of_days.append([day])
        for span in spans_of_days:
            if len(span) > 28:
                counted.add((mrn, *(str(dt.date.fromordinal(day)) for day in (span[28], span[-1]))))
    assert len(stated) > 20
    assert counted == stated


def test_a_stable_patient_asks_for_little(valid: pd.DataFrame, truth: pd.DataFrame) -> None:
    """Of the stable, few have a CK that rose by half above its limit, and few a missing test, on the last day."""
    now = truth[truth["end_date"] == AS_OF.isoformat()]
    stable = set(now.loc[now["state"] == "stable", "mrn"])
    stable -= set(now.loc[now["state"] == "visit_missed", "mrn"])
    burden = dict.fromkeys(stable, 0)
    for mrn in stable & set(now.loc[now["state"].isin(["lab_missed", "prolonged_high_dose"]), "mrn"]):
        burden[mrn] = burden.get(mrn, 0) + 1
    for mrn, group in valid[valid["measure"] == "ck"].groupby("mrn"):
        ratio = (group["number"] / pd.to_numeric(group["upper_limit"])).to_numpy()
        if mrn in stable and len(ratio) > 3 and ratio[-1] > 1 and ratio[-1] >= 1.5 * np.median(ratio[-4:-1]):
            burden[mrn] += 1
    counts = np.array([burden[mrn] for mrn in stable])
    assert np.median(counts) == 0
    assert counts.mean() < 0.1


def test_taper_a_comes_down_by_ten_five_two_and_a_half_and_one() -> None:
    doses, dose = [60.0], 60.0
    while dose > 7:
        dose, _ = _next_dose(dose)
        doses.append(dose)
    assert doses == [60, 50, 40, 30, 25, 20, 17.5, 15, 12.5, 10, 9, 8, 7]


def test_a_taper_leaves_no_day_out_and_ends_on_the_maintenance_dose() -> None:
    steps = _taper(-400, 0, 60.0, 28, 5.0)
    assert [a[1] + 1 for a in steps[:-1]] == [b[0] for b in steps[1:]]
    assert steps[0] == (-400, -373, 60.0)
    assert steps[-1][1:] == (0, 5.0)


def test_a_taper_without_maintenance_ends_with_no_steroid() -> None:
    assert _taper(-900, 0, 20.0, 14, 0.0)[-1][2] == 1.0


def test_pieces_of_time_are_cut_where_they_meet() -> None:
    pieces = [(-50, -20, "flare", ""), (-30, -10, "recovering", "")]
    assert [piece[:3] for piece in _tiled(-60, 0, pieces, "stable")] == [
        (-60, -51, "stable"),
        (-50, -20, "flare"),
        (-19, -10, "recovering"),
        (-9, 0, "stable"),
    ]


def test_the_demo_clinic_is_stories_and_cohort_in_one_folder(tmp_path: Path) -> None:
    counts = write_demo_clinic(tmp_path, 20, AS_OF)
    people = read(tmp_path, "patients.csv")["mrn"]
    assert (people.str.startswith("S-").sum(), people.str.startswith("C").sum()) == (STORIES, 20)
    for name in COLUMNS:
        assert len(read(tmp_path, name)) == counts[name]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*COLUMNS, "truth.csv"])


def test_a_demo_clinic_without_a_cohort_is_the_stories_alone(tmp_path: Path) -> None:
    assert write_demo_clinic(tmp_path, 0, AS_OF)["patients.csv"] == STORIES


def test_the_demo_cast_has_every_role_once_and_no_password() -> None:
    users = demo_users()
    assert [(user.name, user.role) for user in users] == [
        ("nora", "nurse"),
        ("paul", "physician"),
        ("ada", "admin"),
        ("vera", "viewer"),
        ("lab-feed", "service"),
    ]


def test_a_cohort_is_written_only_into_an_empty_folder(tmp_path: Path, cli: Any) -> None:
    (tmp_path / "kept").write_text("mine")
    done = cli("cohort", "--patients", 1, "--seed", 1, "--out", tmp_path)
    assert done.code == 2
    assert "not empty" in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]
