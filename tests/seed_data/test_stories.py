"""The stories are valid rows of the contract, and their expectations agree with their own numbers."""

import csv
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from seed_data.csv_folder import COLUMNS, REQUIRED, UnwritableRow, write_file
from seed_data.stories import (
    EXAMINATIONS,
    BadStory,
    Expectation,
    Story,
    load_silent_laboratory,
    load_stories,
    write_silent_laboratory,
    write_stories,
)

AS_OF = date(2026, 11, 22)
CONTRACT_RULES = {
    "declining-strength", "overdue-labs", "prolonged-high-dose-steroids", "raised-troponin", "rising-muscle-enzymes",
    "steroid-monotherapy", "steroid-myopathy-pattern", "no-response-after-pulse", "steroid-sparing-not-working",
    "taper-too-fast", "red-flag-symptoms", "plasmapheresis-after-ivig", "missing-safety-screen", "missing-prophylaxis",
    "drug-safety", "pain-without-weakness", "overdue-assessment",
}  # fmt: skip
LATER_RULES = {"lung-function", "skin-activity", "mda5-lung-disease", "lung-screening", "cancer-screening"}
HEADLINE_RULES = {
    "declining-strength", "overdue-labs", "prolonged-high-dose-steroids", "rising-muscle-enzymes", "raised-troponin",
}  # fmt: skip
PHENOTYPES = {
    "true_myositis", "pain_non_inflammatory", "steroid_myopathy_possible", "exercise_ck", "ici_myositis",
    "gbs_pattern", "indeterminate", "stable",
}  # fmt: skip
MAXIMUM = {"cmas": 52, "mmt8": 80, "mmt8_bilateral": 150, "mmt_total": 260}
STORIES = load_stories()
EVERYONE = STORIES + load_silent_laboratory()


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("stories")
    write_stories(directory, AS_OF)
    return directory


def story(slug: str) -> Story:
    (found,) = [one for one in STORIES if one.file.endswith(f"_{slug}.toml")]
    return found


def expectations(slug: str) -> Iterator[tuple[str, int, str]]:
    one = story(slug)
    yield from ((item.rule, item.on_day, item.state) for item in one.expect)
    yield from ((item.rule, item.on_day, "never met") for item in one.expect_not)


@pytest.mark.parametrize("name", COLUMNS)
def test_every_file_has_exactly_the_columns_of_the_contract(folder: Path, name: str) -> None:
    with (folder / name).open(encoding="utf-8", newline="") as stream:
        assert tuple(next(csv.reader(stream))) == COLUMNS[name]


@pytest.mark.parametrize("name", COLUMNS)
def test_every_row_has_what_the_contract_requires(folder: Path, name: str) -> None:
    written = rows(folder, name)
    assert written
    assert [row for row in written for column in REQUIRED[name] if not row[column]] == []


def test_only_scores_have_no_unit(folder: Path) -> None:
    assert {row["measure"] for row in rows(folder, "observations.csv") if not row["unit"]} <= EXAMINATIONS


def test_every_strength_score_lies_within_its_instrument(folder: Path) -> None:
    scores = [row for row in rows(folder, "observations.csv") if row["measure"] in MAXIMUM]
    assert scores
    assert all(0 <= float(row["value"]) <= MAXIMUM[row["measure"]] for row in scores)


def test_no_row_is_dated_after_the_day_of_the_question(folder: Path) -> None:
    stamps = [row["observed_at"] for row in rows(folder, "observations.csv")]
    stamps += [row["received_at"] for row in rows(folder, "observations.csv") if row["received_at"]]
    stamps += [row["date"] for row in rows(folder, "events.csv")]
    stamps += [row["start_date"] for row in rows(folder, "medications.csv")]
    assert max(datetime.fromisoformat(stamp).date() for stamp in stamps) == AS_OF


def test_no_medicine_ends_before_it_starts(folder: Path) -> None:
    assert all(row["end_date"] == "" or row["start_date"] <= row["end_date"] for row in rows(folder, "medications.csv"))


def test_every_row_belongs_to_a_patient_with_an_invented_number(folder: Path) -> None:
    numbers = {row["mrn"] for row in rows(folder, "patients.csv")}
    assert all(number.startswith("S-") for number in numbers)
    for name in ("observations.csv", "medications.csv", "events.csv"):
        assert {row["mrn"] for row in rows(folder, name)} <= numbers


def test_a_source_id_is_used_twice_only_for_a_correction(folder: Path) -> None:
    seen: set[str] = set()
    repeated = []
    for row in rows(folder, "observations.csv"):
        if row["source_id"] in seen:
            repeated.append((row["mrn"], row["status"]))
        seen.add(row["source_id"])
    assert repeated == [(story("corrected_troponin").mrn, "corrected")]


def test_day_zero_can_be_any_day_even_the_29th_of_february(tmp_path: Path) -> None:
    leap = date(2028, 2, 29)
    write_stories(tmp_path, leap)
    ada = [row for row in rows(tmp_path, "observations.csv") if row["mrn"] == "S-0001" and row["measure"] == "cmas"]
    assert [(row["value"], row["observed_at"]) for row in ada] == [
        ("27", "2028-02-15T10:00:00"),
        ("24", "2028-02-29T10:00:00"),
    ]


def test_the_same_day_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_stories(tmp_path, AS_OF)
    assert all((tmp_path / name).read_bytes() == (folder / name).read_bytes() for name in COLUMNS)


@pytest.mark.parametrize("one", EVERYONE, ids=lambda one: one.mrn)
def test_a_story_has_three_sentences_and_says_why_it_expects_what_it_expects(one: Story) -> None:
    assert sum(one.story.count(mark) for mark in (". ", ".\n")) + one.story.endswith(".") == 3
    wanted = [*one.expect, *one.expect_not]
    assert wanted or not one.mrn.startswith("S-0")
    assert all(item.reason and item.rule in CONTRACT_RULES | LATER_RULES for item in wanted)
    assert all(item.on_day <= 0 and (item.since_day is None or item.since_day <= item.on_day) for item in wanted)
    assert all(item.state in ("met", "not_met", "cannot_tell") for item in wanted)
    assert all(item.severity in (None, "urgent", "action", "watch") for item in wanted)
    assert all(item.reason and item.state in PHENOTYPES for item in one.expect_suggestions)


def test_no_story_contradicts_itself() -> None:
    for one in EVERYONE:
        met = {(e.rule, e.subject, e.on_day, e.known_day) for e in one.expect if e.state == "met"}
        assert not met & {(e.rule, e.subject, e.on_day, e.known_day) for e in one.expect_not}


def test_every_headline_rule_is_expected_somewhere_and_denied_somewhere() -> None:
    assert {e.rule for one in STORIES for e in one.expect} >= HEADLINE_RULES
    assert {e.rule for one in STORIES for e in one.expect_not} >= HEADLINE_RULES


def first_day_of_high_dose_number_29(one: Story, threshold: float) -> int:
    """Day of the 29th day above `threshold` mg (or on it, for a dose per kilogram), counted from the story's rows."""
    days: set[int] = set()
    for given in one.medications:
        if given["drug"] == "prednisone" and given["dose"] >= threshold:
            days |= set(range(given["start"], given.get("end", 0) + 1))
    return sorted(days)[28]


@pytest.mark.parametrize(
    ("slug", "threshold"),
    [
        ("perfect_taper", 30.1),
        ("missed_taper", 30.1),
        ("steroid_myopathy_pattern", 30.1),
        ("three_days_without_tablets", 30.1),
        ("half_a_milligram_per_kilogram", 0.5 * 20),
    ],
)
def test_a_prolonged_high_dose_begins_on_its_29th_day(slug: str, threshold: float) -> None:
    since = {e.since_day for e in story(slug).expect if e.rule == "prolonged-high-dose-steroids"}
    assert since == {first_day_of_high_dose_number_29(story(slug), threshold)}


@pytest.mark.parametrize("slug", ["perfect_taper", "missed_taper", "half_a_milligram_per_kilogram"])
def test_the_28th_day_of_a_high_dose_is_denied_in_the_story_of_the_29th(slug: str) -> None:
    met = [day for rule, day, state in expectations(slug) if (rule, state) == ("prolonged-high-dose-steroids", "met")]
    assert ("prolonged-high-dose-steroids", min(met) - 1, "never met") in list(expectations(slug))


@pytest.mark.parametrize("measure", ["ck", "troponin_i", "crp"])
def test_overdue_begins_on_the_day_after_42_days_and_7_of_grace(measure: str) -> None:
    one = story("overdue_labs")
    last = max(given["day"] for given in one.observations if given["measure"] == measure)
    assert last + 42 + 7 + 1 == 0
    assert {e.since_day for e in one.expect} == {0}
    assert {e.on_day for e in one.expect_not} == {-1}


def test_an_exact_rise_of_one_and_a_half_is_exact() -> None:
    values = {g["day"]: g["value"] for g in story("ck_exactly_one_and_a_half").observations if g["measure"] == "ck"}
    assert values[0] * 2 == sorted(values[day] for day in (-112, -84, -42))[1] * 3


STEP = {"cmas": (3, 2.9), "mmt8": (6, 2.0), "mmt8_bilateral": (11, 3.8), "mmt_total": (19, 6.5)}


def strength_by_hand(one: Story, instrument: str, on_day: int) -> tuple[int | None, int | None, bool]:
    """First unregained fall, first shift (days, or None) and whether the newest score is two steps or more down.

    The contract's sentences about declining strength written out a second time, for a handful of scores.
    """
    step, error = STEP[instrument]
    scores = sorted((g["day"], g["value"]) for g in one.observations if g["measure"] == instrument)
    scores = [score for score in scores if score[0] <= on_day]
    fall = shift = None
    far = False
    for place, (day, value) in enumerate(scores):
        before = [v for d, v in scores[:place] if d >= day - 182][-4:]
        since = [v for _, v in scores[place:]]
        if not before or day < on_day - 182:
            continue
        reference, newest = sum(before) / len(before), since[-1]
        is_fall = value <= reference - step and not any(later >= reference - step / 2 for later in since[1:])
        mean = sum(since) / len(since)
        is_shift = (
            len(before) >= 2
            and len(since) >= 2
            and all(score < reference - step / 2 for score in since)
            and reference - mean >= max(step, 1.9 * error * (1 / len(before) + 1 / len(since)) ** 0.5)
        )
        fall = day if is_fall and fall is None else fall
        shift = day if is_shift and shift is None else shift
        far = far or ((is_fall or is_shift) and newest <= reference - 2 * step)
    return fall, shift, far


STRENGTH = [
    (one, item, True) for one in STORIES for item in one.expect if item.rule == "declining-strength"
] + [
    (one, item, False) for one in STORIES for item in one.expect_not if item.rule == "declining-strength"
]  # fmt: skip


@pytest.mark.parametrize(("one", "item", "wanted"), STRENGTH, ids=lambda x: getattr(x, "mrn", None))
def test_expected_declines_follow_from_the_scores_by_hand(one: Story, item: Expectation, wanted: bool) -> None:
    if one.patient["status"] != "active" or item.state == "cannot_tell":
        return
    measured = [name for name in STEP if any(g["measure"] == name for g in one.observations)]
    for instrument in [item.subject] if item.subject else measured:
        fall, shift, far = strength_by_hand(one, instrument, item.on_day)
        assert (fall is not None or shift is not None) == wanted
        if wanted:
            assert min(day for day in (fall, shift) if day is not None) == item.since_day
            assert item.grade == "corroborated" or item.grade == ("confirmed" if shift is not None else "possible")
            assert not far or item.severity == "urgent"


RISES = [(one, e, True) for one in STORIES for e in one.expect if e.rule == "rising-muscle-enzymes"] + [
    (one, e, False) for one in STORIES for e in one.expect_not if e.rule == "rising-muscle-enzymes"
]


@pytest.mark.parametrize(("one", "item", "wanted"), RISES, ids=lambda x: getattr(x, "mrn", None))
def test_expected_rises_follow_from_the_values_by_hand(one: Story, item: Expectation, wanted: bool) -> None:
    results = [g for g in one.observations if g["measure"] == (item.subject or "ck") and g["day"] <= item.on_day]
    if item.state == "cannot_tell" or not all("upper_limit" in g for g in results):
        return
    ratios = [Fraction(str(g["value"])) / Fraction(str(g["upper_limit"])) for g in sorted(results, key=_by_day)]
    reference = median(ratios[-4:-1])
    met = ratios[-1] > 1 and ratios[-1] >= Fraction(3, 2) * reference
    assert met == wanted
    exercised = any(g["event"] == "strenuous_exercise" and -7 <= g["day"] <= 0 for g in one.events)
    if wanted:
        strong = ratios[-1] >= 3 or ratios[-1] >= 2 * reference
        assert item.severity == ("action" if strong and not exercised else "watch")


def _by_day(given: Mapping[str, Any]) -> int:
    return int(given["day"])


def test_no_feed_looks_silent_on_any_day_an_overdue_test_is_expected() -> None:
    for item in story("overdue_labs").expect:
        kinds = {"troponin_t", "troponin_i"} if item.subject == "troponin" else {item.subject}
        days = {g["day"] for one in STORIES for g in one.observations if g["measure"] in kinds}
        assert any(item.on_day - 7 <= day <= item.on_day for day in days)


def test_the_silent_laboratory_delivered_twenty_results_and_then_none_for_a_week() -> None:
    patients = load_silent_laboratory()
    ck = [g["day"] for one in patients for g in one.observations if g["measure"] == "ck"]
    assert max(ck) == -8
    assert sum(day >= -60 for day in ck) >= 20
    assert sum(max(ck) - 60 < day for day in ck) >= 20
    assert max(g["day"] for one in patients for g in one.observations if g["measure"] == "crp") == 0


def test_the_patients_of_the_silent_laboratory_would_be_overdue_were_it_not_silent(tmp_path: Path) -> None:
    assert write_silent_laboratory(tmp_path, AS_OF)["patients.csv"] == 24
    for one in load_silent_laboratory():
        for item in (e for e in one.expect if e.state == "cannot_tell"):
            last = max(g["day"] for g in one.observations if g["measure"] == item.subject)
            assert last + 42 + 7 < item.on_day


def test_a_row_with_a_column_the_contract_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnwritableRow, match="colour"):
        write_file(tmp_path, "patients.csv", [{"mrn": "S-1", "colour": "red"}])


def test_a_row_without_what_the_contract_requires_is_refused(tmp_path: Path) -> None:
    row = {"mrn": "S-1", "drug": "prednisone", "unit": "mg", "frequency": "daily", "start_date": "2026-01-01"}
    with pytest.raises(UnwritableRow, match="dose"):
        write_file(tmp_path, "medications.csv", [row])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('mrn = "S-1"\nmood = "good"', "mood"),
        ('mrn = "S-1"\nstory = "A."', "age_years"),
        ("mrn = ", "Invalid value"),
        (
            'mrn = "S-1"\nstory = "A."\nage_years = 3\ngiven_name = "A"\n[[observations]]\nmeasure = "ck"\nvalue = 1',
            "day",
        ),
    ],
)
def test_a_faulty_story_is_refused_with_file_and_fault(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadStory, match=f"bad.toml.*{fault}"):
        load_stories(tmp_path)


def test_a_record_number_used_twice_is_refused(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text('mrn = "S-1"\nstory = "A."\nage_years = 3', encoding="utf-8")
    with pytest.raises(BadStory, match="S-1"):
        load_stories(tmp_path)


def test_ages_are_right_on_the_day_of_the_question() -> None:
    child = story("half_a_milligram_per_kilogram")
    born = date.fromisoformat(str(child.patient_row(AS_OF)["birth_date"]))
    assert timedelta(days=5 * 365) < AS_OF - born < timedelta(days=6 * 365)
