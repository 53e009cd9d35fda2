"""The CSV folder as another clinic's IT would write it: counts, refusals, corrections, units, clock changes."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stories.conftest import Clinic, cmas, day, drug, event, laboratory, observation


def _adds_up(report: dict) -> bool:
    counts = [report["total"], *report["files"]]
    return all(one["read"] == one["created"] + one["updated"] + one["unchanged"] + one["rejected"] for one in counts)


def _facts(clinic: Clinic, mrn: str, offset: int = 0, *options: object) -> list[dict]:
    """Every fact the rules name as evidence for one patient."""
    seen: dict[tuple[str, int], dict] = {}
    for one in clinic.evaluate(offset, "--patient", mrn, "--all-states", "--dry-run", *options):
        seen |= {(fact["kind"], fact["id"]): fact for fact in one["evidence"]}
    return list(seen.values())


def test_counts_add_up_by_file_and_in_all(clinic: Clinic) -> None:
    folder = clinic.folder(
        patients=[{"mrn": "1"}, {"mrn": "2"}],
        observations=[cmas("1", 27, -14), cmas("1", 24), cmas("1", 53), cmas("3", 20)],
        medications=[drug("1", "prednisone", 20, -10)],
        events=[event("1", "rash")],
    )
    report = clinic("import", folder, "--format", "json", code=1).json()
    assert {"total", "files", "rejects"} <= set(report)
    assert report["total"] == {"read": 8, "created": 6, "updated": 0, "unchanged": 0, "rejected": 2}
    assert [one["name"] for one in report["files"]] == [
        "patients.csv",
        "observations.csv",
        "medications.csv",
        "events.csv",
    ]
    assert all(set(one) == {"name", "read", "created", "updated", "unchanged", "rejected"} for one in report["files"])
    assert _adds_up(report)
    assert [(one["file"], one["line"], one["column"], one["value"]) for one in report["rejects"]] == [
        ("observations.csv", 4, "value", "53"), ("observations.csv", 5, "mrn", "3"),
    ]  # fmt: skip
    assert all(set(one) == {"file", "line", "column", "value", "why"} and one["why"] for one in report["rejects"])


def test_the_same_folder_twice_changes_nothing(clinic: Clinic) -> None:
    folder = clinic.folder(
        patients=[{"mrn": "1", "family_name": "A"}],
        observations=[
            cmas("1", 27, -14, source_id="a"), cmas("1", 24), cmas("1", 25, source_id="a", status="corrected"),
        ],
        medications=[drug("1", "prednisone", 20, -10), drug("1", "prednisone", 20, -10, -2)],
        events=[event("1", "rash"), event("1", "rash", present="no")],
    )  # fmt: skip
    clinic("import", folder)
    before = clinic.evaluate(0, "--all-states", "--dry-run")
    report = clinic("import", folder, "--format", "json").json()
    assert report["total"] == {"read": 8, "created": 0, "updated": 0, "unchanged": 8, "rejected": 0}
    assert clinic.evaluate(0, "--all-states", "--dry-run") == before


def test_a_dry_run_counts_and_changes_nothing(clinic: Clinic) -> None:
    folder = clinic.folder(patients=[{"mrn": "1"}], observations=[cmas("1", 27)])
    dry = clinic("import", folder, "--dry-run", "--format", "json").json()
    real = clinic("import", folder, "--format", "json").json()
    assert dry["total"] == real["total"] == {"read": 2, "created": 2, "updated": 0, "unchanged": 0, "rejected": 0}


def test_semicolons_a_byte_order_mark_another_order_and_unknown_columns(clinic: Clinic, tmp_path: Path) -> None:
    folder = tmp_path / "german"
    folder.mkdir()
    (folder / "patients.csv").write_text(
        '\ufefffamily_name;favourite_colour;mrn;autoantibodies\nÄrger;blau;007;"NXP2;MDA5"\n', "utf-8"
    )
    (folder / "observations.csv").write_text(
        "observed_at;value;mrn;measure;unit\n2025-03-02T10:00;27;007;cmas;\n2025-03-16T10:00;24;007;cmas;\n", "utf-8"
    )
    done = clinic("import", folder, "--format", "json")
    assert done.json()["total"]["created"] == 3
    assert "favourite_colour" in done.stderr
    assert [one["mrn"] for one in clinic.evaluate()] == ["007"]


def test_a_blank_cell_never_erases(clinic: Clinic) -> None:
    clinic.load(
        patients=[{"mrn": "1", "diagnosis": "IBM", "status": "active", "family_name": "A"}],
        observations=[
            laboratory("1", "ck", 100, -20, 200, source_id="x"),
            laboratory("1", "ck", 900, 0, 200, source_id="y"),
        ],
        medications=[drug("1", "prednisone", 40, -60, -40, source_id="m")],
    )
    report = clinic.load(
        patients=[{"mrn": "1", "diagnosis": None, "status": None, "family_name": "B"}],
        observations=[laboratory("1", "ck", 910, 0, None, source_id="y", status="corrected")],
        medications=[drug("1", "prednisone", 40, -60, None, source_id="m", route="oral")],
    )
    assert report["total"]["rejected"] == 0
    (one,) = [one for one in clinic.evaluate(0, "--rule", "rising-muscle-enzymes") if one["subject"] == "ck"]
    assert {(fact["value"], fact["upper_limit"]) for fact in one["evidence"] if fact["date"] == day(0)} == {
        (910, 200.0)
    }
    assert clinic.met(0, "--rule", "prolonged-high-dose-steroids") == set()


BAD_OBSERVATIONS = [
    (laboratory("1", "troponin_t", 20, 0, 14, unit=""), "unit"),
    (laboratory("1", "troponin_i", 20, 0, 14, unit=""), "unit"),
    (laboratory("1", "ck", 20, 0, 14, unit=""), "unit"),
    (laboratory("1", "ck", 20, 0, 14, unit="furlong"), "unit"),
    (cmas("1", 53), "value"),
    (observation("1", "mmt8", 81), "value"),
    (observation("1", "mmt8_bilateral", 151), "value"),
    (observation("1", "mmt_total", 261), "value"),
    (cmas("1", 24, max_value=48), "max_value"),
    (observation("1", "mmt8", 70, max_value=150), "max_value"),
    (cmas("1", -1), "value"),
    (cmas("1", "many"), "value"),
    (cmas("1", ""), "value"),
    (observation("1", "cmass", 24), "measure"),
    (observation("1", "physician_global", 10.5), "value"),
    (observation("1", "haq", 3.1), "value"),
    ({**cmas("1", 24), "observed_at": "16.03.2026"}, "observed_at"),
    ({**cmas("1", 24), "observed_at": ""}, "observed_at"),
    ({**cmas("1", 24), "status": "perhaps"}, "status"),
    ({**cmas("", 24)}, "mrn"),
    ({**cmas("1", 24), "value": "nan"}, "value"),
]


def test_observations_that_cannot_be_used_are_refused_each_with_its_column(clinic: Clinic) -> None:
    clinic.people("1")
    report = clinic.load(observations=[row for row, _ in BAD_OBSERVATIONS], code=1)
    number = len(BAD_OBSERVATIONS)
    assert report["total"] == {"read": number, "created": 0, "updated": 0, "unchanged": 0, "rejected": number}
    assert [(one["line"], one["column"]) for one in report["rejects"]] == [
        (line, column) for line, (_, column) in enumerate(BAD_OBSERVATIONS, 2)
    ]


BAD_ROWS = [
    ("medications", {**drug("1", "prednisone", 20, 0), "frequency": "sometimes"}, "frequency"),
    ("medications", {**drug("1", "prednisone", 20, 0), "unit": "spoon"}, "unit"),
    ("medications", {**drug("1", "prednisone", "", 0)}, "dose"),
    ("medications", {**drug("1", "prednisone", 20, 0), "start_date": "2026-02-30"}, "start_date"),
    ("medications", drug("1", "prednisone", 20, 0, -1), "end_date"),
    ("medications", {**drug("1", "prednisone", 20, 0), "route": "by post"}, "route"),
    ("medications", {**drug("1", "prednisone", 20, 0), "status": "paused?"}, "status"),
    ("events", event("1", "party"), "event"),
    ("events", event("1", "rash", present="perhaps"), "present"),
    ("events", {**event("1", "rash"), "date": "yesterday"}, "date"),
    ("patients", {"mrn": "2", "sex": "f?"}, "sex"),
    ("patients", {"mrn": "2", "diagnosis": "COLD"}, "diagnosis"),
    ("patients", {"mrn": "2", "status": "lost"}, "status"),
    ("patients", {"mrn": "2", "birth_date": "1990-13-01"}, "birth_date"),
    ("patients", {"mrn": "", "family_name": "Nobody"}, "mrn"),
]


def test_other_rows_are_refused_each_with_its_column(clinic: Clinic) -> None:
    clinic.people("1")
    files: dict[str, list[dict]] = {}
    expected = []
    for kind, row, column in BAD_ROWS:
        files.setdefault(kind, []).append(row)
        expected.append((f"{kind}.csv", len(files[kind]) + 1, column))
    report = clinic.load(**files, code=1)
    assert sorted((one["file"], one["line"], one["column"]) for one in report["rejects"]) == sorted(expected)


def test_one_bad_row_in_a_thousand_costs_one_row(clinic: Clinic, tmp_path: Path) -> None:
    rows = [laboratory("1", "ck", 100 + n, -n % 300, 200, source_id=f"s{n}") for n in range(1000)]
    rows[499]["value"] = "1OO"
    folder = clinic.folder(patients=[{"mrn": "1"}], observations=rows)
    rejects = tmp_path / "rejects.csv"
    report = clinic("import", folder, "--rejects", rejects, "--format", "json", code=1).json()
    assert report["total"] == {"read": 1001, "created": 1000, "updated": 0, "unchanged": 0, "rejected": 1}
    with rejects.open(encoding="utf-8", newline="") as stream:
        (kept,) = csv.DictReader(stream)
    assert (kept["file"], kept["line"], kept["value"], kept["source_id"]) == ("observations.csv", "501", "1OO", "s499")
    assert kept["why"]


def test_units_become_one(clinic: Clinic) -> None:
    clinic.people("1")
    clinic.load(
        observations=[
            laboratory("1", "ck", 2, -20, 4, unit="ukat/L"),
            laboratory("1", "ck", 20, 0, 4, unit="ukat/L"),
            laboratory("1", "ldh", 300, -20, 250, unit="IU/L"),
            laboratory("1", "ldh", 901, 0, 250, unit="U/L"),
            laboratory("1", "troponin_t", "0.09", 0, "0.014", unit="ng/mL"),
            laboratory("1", "troponin_i", "0.02", 0, "0.016", unit="ug/L"),
        ]
    )
    facts = {
        (fact["measure"], fact["date"]): (fact["value"], fact["unit"], fact["upper_limit"])
        for fact in _facts(clinic, "1")
    }
    assert facts["ck", day(0)] == (1200, "U/L", 240)
    assert facts["ldh", day(0)] == (901, "U/L", 250)
    assert facts["ldh", day(-20)] == (300, "U/L", 250)
    assert facts["troponin_t", day(0)] == (90, "ng/L", 14)
    assert facts["troponin_i", day(0)] == (20, "ng/L", 16)


def test_a_value_below_the_detection_limit_is_kept_with_its_sign(clinic: Clinic) -> None:
    clinic.people("1")
    report = clinic.load(
        observations=[
            laboratory("1", "troponin_t", "<3", 0, 14, unit="ng/L"),
            laboratory("1", "crp", "< 0.6", 0, 5, unit="mg/L"),
        ]
    )
    assert report["total"]["created"] == 2
    (fact,) = _facts(clinic, "1")
    assert (fact["value"], fact["comparator"]) == (3, "<")


def test_a_later_row_with_the_same_id_is_a_correction_and_the_past_keeps_what_was_known(clinic: Clinic) -> None:
    clinic.people("1")
    clinic.load(observations=[cmas("1", 27, -14, source_id="a"), cmas("1", 24, 0, source_id="b")])
    assert clinic.met() == {("1", "declining-strength", "cmas")}
    report = clinic.load(
        observations=[cmas("1", 27, 0, source_id="b", status="corrected", received_at=f"{day(2)}T09:00:00")]
    )
    assert report["total"] == {"read": 1, "created": 0, "updated": 1, "unchanged": 0, "rejected": 0}
    assert clinic.met(3) == set()
    assert clinic.met(3, "--known-at", f"{day(2)}T08:59:59") == {("1", "declining-strength", "cmas")}
    assert clinic.met(3, "--known-at", f"{day(2)}T09:00:00") == set()
    assert [one["state"] for one in clinic.alerts("all")] == ["withdrawn"]


def test_a_result_that_arrives_late_was_not_known_before(clinic: Clinic) -> None:
    clinic.people("1")
    clinic.load(
        observations=[cmas("1", 27, -14), cmas("1", 24, -7, received_at=f"{day(-2)}T12:00:00Z")],
    )
    assert clinic.met(0, "--known-at", f"{day(-2)}T11:59:59Z") == set()
    assert clinic.met(0, "--known-at", f"{day(-2)}T12:00:00Z") == {("1", "declining-strength", "cmas")}
    assert clinic.met(-7) == {("1", "declining-strength", "cmas")}


def test_a_result_entered_in_error_counts_no_more(clinic: Clinic) -> None:
    clinic.people("1", "2", "3")
    wrong = [cmas(mrn, 20, 0, source_id=f"b{mrn}") for mrn in ("1", "2")]
    clinic.load(
        observations=[cmas("1", 27, -14), cmas("2", 27, -14), *wrong],
        medications=[drug("3", "prednisone", 60, -40, source_id="m")],
    )
    assert len(clinic.evaluate(0)) >= 3
    clinic.load(
        observations=[{**wrong[0], "status": "entered-in-error"}, {**wrong[1], "status": "cancelled"}],
        medications=[drug("3", "prednisone", 60, -40, source_id="m", status="entered-in-error")],
    )
    assert clinic.met(0) == set()


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        (
            "Europe/Berlin",
            {
                "2026-03-29T23:30:00": "2026-03-29",
                "2026-03-29T22:30:00Z": "2026-03-30",
                "2026-03-28T22:30:00Z": "2026-03-28",
                "2026-03-28T23:30:00Z": "2026-03-29",
                "2026-03-29T02:30:00": "2026-03-29",
                "2025-10-26T02:30:00": "2025-10-26",
                "2025-10-26T22:59:00Z": "2025-10-26",
                "2025-10-26T23:00:00Z": "2025-10-27",
            },
        ),
        (
            "America/New_York",
            {
                "2026-03-08T02:30:00": "2026-03-08",
                "2026-03-09T03:59:00Z": "2026-03-08",
                "2026-03-09T04:00:00Z": "2026-03-09",
                "2025-11-02T01:30:00": "2025-11-02",
                "2025-11-03T04:59:00Z": "2025-11-02",
                "2025-11-02T23:30:00-05:00": "2025-11-02",
                "2026-03-01T20:00:00": "2026-03-01",
                "2026-03-01": "2026-03-01",
            },
        ),
    ],
)
def test_clinical_days_are_days_of_the_clinic_also_on_the_nights_of_the_clock_change(
    clinic_in: Callable[[str], Clinic], zone: str, days: dict[str, str]
) -> None:
    clinic = clinic_in(zone)
    clinic.people(*days)
    clinic.load(
        observations=[
            {**laboratory(instant, "troponin_i", 90, 0, 16, unit="ng/L"), "observed_at": instant} for instant in days
        ]
    )
    told: dict[str, tuple[str, str]] = {}
    for asked in ("2025-11-20", "2026-04-10"):
        found = clinic(
            "evaluate", "--as-of", asked, "--dry-run", "--rule", "raised-troponin", "--format", "json"
        ).json()
        told |= {one["mrn"]: (one["since"], one["evidence"][0]["date"]) for one in found}
    assert told == {instant: (expected, expected) for instant, expected in days.items()}


def test_knowledge_is_cut_at_an_instant_in_the_clinics_zone(clinic_in: Callable[[str], Clinic]) -> None:
    clinic = clinic_in("America/New_York")
    clinic.people("1")
    clinic.load(observations=[cmas("1", 27, -14), cmas("1", 20, -1, received_at=f"{day(0)}T09:00:00")])
    met = {("1", "declining-strength", "cmas")}
    assert clinic.met(0, "--known-at", f"{day(0)}T08:59:00") == set()
    assert clinic.met(0, "--known-at", f"{day(0)}T12:59:00Z") == set()
    assert clinic.met(0, "--known-at", f"{day(0)}T13:00:00Z") == met
    assert clinic.met(0, "--known-at", f"{day(0)}T09:00:00") == met


def test_single_files_may_be_named_in_any_order(clinic: Clinic) -> None:
    folder = clinic.folder(patients=[{"mrn": "1"}], observations=[cmas("1", 27, -14)])
    report = clinic("import", folder / "observations.csv", folder / "patients.csv", "--format", "json").json()
    assert report["total"]["created"] == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("observations.csv", "mrn;value\n1;2\n"),
        ("patients.csv", "name\nAda\n"),
        ("patients.csv", b"mrn,family_name\n1,\xe4\n"),
    ],
)
def test_what_cannot_be_read_is_wrong_usage_and_changes_nothing(
    clinic: Clinic, tmp_path: Path, name: str, content: str | bytes
) -> None:
    folder = clinic.folder(patients=[{"mrn": "1"}])
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    done = clinic("import", folder, "--format", "json", code=2)
    assert done.stdout == ""
    assert done.stderr
    assert "No patient" in clinic("suggest", "1", code=2).stderr


def test_paths_that_do_not_exist_and_unknown_options_are_wrong_usage(clinic: Clinic, tmp_path: Path) -> None:
    for arguments in (
        ("import", tmp_path / "nowhere"),
        ("import",),
        ("import", tmp_path),
        ("import", tmp_path, "--from", "pigeon"),
        ("import", tmp_path, "--format", "xml"),
        ("evaluate", "--as-of", "yesterday"),
        ("evaluate", "--as-of", "2026-02-30"),
        ("evaluate", "--known-at", "then"),
        ("evaluate", "--rule", "no-such-rule"),
        ("evaluate", "--patient", "nobody"),
        ("alerts", "--state", "asleep"),
        ("alerts", "--patient", "nobody"),
        ("suggest", "nobody"),
        ("suggest",),
        ("exposure", "nobody"),
        ("score", "tis", tmp_path / "none.json"),
        ("score", "cmas", tmp_path / "none.json"),
        ("replay", "--from", day(0), "--to", day(-1)),
        ("replay", "--from", day(0)),
        ("replay", "--from", day(-1), "--to", day(0), "--set", "nonsense"),
        ("replay", "--from", day(-1), "--to", day(0), "--set", "no-such-rule.x=1"),
        ("replay", "--from", day(-1), "--to", day(0), "--set", "declining-strength.no_such=1"),
        ("replay", "--from", day(-1), "--to", day(0), "--rule", "no-such-rule"),
        ("jobs", "run", "no-such-job"),
        ("user", "add", "x", "--role", "king", "--password", "correct horse battery"),
        ("user", "disable", "nobody"),
        ("user", "password", "nobody", "--password", "correct horse battery"),
        ("db", "restore", tmp_path / "none.db"),
        ("cohort", "--patients", "0", "--seed", "1", "--out", tmp_path / "c"),
        ("alert", "ack", "999", "--by", "nurse"),
        ("alert", "ack", "999"),
        ("alert", "ack", "one", "--by", "nurse"),
        ("dance",),
    ):
        done = clinic.run(*arguments, env=clinic.env)
        assert (done.code, done.stdout) == (2, ""), f"{arguments}: exit {done.code}, {done.stdout!r}, {done.stderr!r}"
        assert done.stderr


def test_lines_of_windows_cells_with_line_breaks_and_headers_in_capitals(clinic: Clinic, tmp_path: Path) -> None:
    folder = tmp_path / "windows"
    folder.mkdir()
    (folder / "patients.csv").write_bytes(b"MRN,Family_Name\r\n1,Ada\r\n\r\n")
    (folder / "observations.csv").write_bytes(
        b"mrn,measure,value,unit,observed_at,comment\r\n"
        b'1,cmas,27,,2025-03-02T10:00,"tired,\r\nbut ""fine"""\r\n1,cmas,24,,2025-03-16T10:00,\r\n'
    )
    assert clinic("import", folder, "--format", "json").json()["total"]["created"] == 3
    assert clinic.met(0) == {("1", "declining-strength", "cmas")}


def test_a_patient_who_comes_back_is_looked_at_again(clinic: Clinic) -> None:
    clinic.people("1", status="discharged")
    clinic.load(observations=[cmas("1", 27, -14), cmas("1", 24)])
    assert clinic.met(0) == set()
    clinic.people("1", status="active")
    assert clinic.met(1) == {("1", "declining-strength", "cmas")}


def test_results_of_the_same_sample_by_another_id_are_other_results(clinic: Clinic) -> None:
    clinic.people("1")
    rows = [cmas("1", 27, -14, source_id="a"), cmas("1", 24, 0, source_id="b"), cmas("1", 24, 0, source_id="c")]
    assert clinic.load(observations=rows)["total"]["created"] == 3


def test_on_postgresql_the_same_folder_gives_the_same_counts(postgres_clinic: Clinic) -> None:
    clinic = postgres_clinic
    folder = clinic.folder(
        patients=[{"mrn": "1", "family_name": "Ä"}],
        observations=[cmas("1", 27, -14, source_id="a"), cmas("1", 53), cmas("1", 24, source_id="b")],
        medications=[drug("1", "prednisone", 20, -10)],
        events=[event("1", "rash")],
    )
    assert clinic("import", folder, "--format", "json", code=1).json()["total"] == {
        "read": 6, "created": 5, "updated": 0, "unchanged": 0, "rejected": 1,
    }  # fmt: skip
    assert clinic("import", folder, "--format", "json", code=1).json()["total"]["unchanged"] == 5
    clinic.load(observations=[cmas("1", 27, 0, source_id="b", status="corrected", received_at=f"{day(2)}T09:00:00")])
    known = "--known-at", f"{day(1)}T09:00:00"
    assert clinic.met(3, "--rule", "declining-strength", *known) == {("1", "declining-strength", "cmas")}
    assert clinic.met(3, "--rule", "declining-strength") == set()


def test_only_an_account_that_is_in_use_imports_by_name(clinic: Clinic) -> None:
    folder = clinic.folder(patients=[{"mrn": "1"}])
    assert "no account 'ghost'" in clinic("import", folder, "--by", "ghost", code=2).stderr
    clinic("user", "add", "nora", "--role", "nurse", "--password", "long enough to be let in")
    clinic("import", folder, "--by", "nora")


def test_importing_follows_its_patients_unless_it_is_left_to_the_scheduler(clinic: Clinic) -> None:
    clinic.people("1")
    assert clinic.alerts() == []
    clinic.load(observations=[cmas("1", 27, -14), cmas("1", 24)])
    assert clinic.alerts() == [], "a clinic never evaluated is not evaluated by an import"
    clinic.evaluate()
    clinic.load("--no-evaluate", observations=[cmas("1", 30, -1)])
    before = clinic.alerts("all")
    clinic.people("2")
    clinic.load(observations=[cmas("2", 40, -28), cmas("2", 24)])
    assert {one["mrn"] for one in clinic.alerts("all")} == {one["mrn"] for one in before} | {"2"}


def test_a_day_after_today_is_refused_unless_it_is_a_dry_run(clinic: Clinic) -> None:
    clinic.people("1")
    assert "lies after today" in clinic("evaluate", "--as-of", "9999-01-01", code=2).stderr
    assert "lies after today" in clinic("jobs", "run", "evaluate", "--as-of", "9999-01-01", code=2).stderr
    clinic("evaluate", "--as-of", "2999-01-01", "--dry-run")
