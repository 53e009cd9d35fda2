"""The row that the lists show of one patient, from facts and answers."""

import datetime as dt
from typing import Any

import orjson
import pytest

from jobs.rule import Answer
from jobs.summary import summary_of
from models.patient_facts import Happening, PatientFacts, Reading, Statement, day_number
from models.patient_summary import LATE, OF_FACTS, bits_of, digest_of
from models.states import Cause, Severity, State

TODAY = dt.date(2026, 11, 22)
NOW = day_number(TODAY)


def reading(measure: str, ago: int, value: float, limit: float | None = None, sign: str = "") -> Reading:
    return Reading(NOW - ago, value, limit, sign, 1000 - ago, None, None, measure)


def statement(dose: float | None, start: int, end: int | None = None, drug: str = "prednisone") -> Statement:
    return Statement(
        1, drug, dose, "mg", "daily", "oral", NOW + start, None if end is None else NOW + end, "daily", "active"
    )


def patient(*readings: Reading, statements: tuple[Statement, ...] = (), today: int = NOW) -> PatientFacts:
    series: dict[str, list[Reading]] = {}
    for one in readings:
        series.setdefault(one.measure, []).append(one)
    return PatientFacts(today=today, id=1, series=series, statements=statements)


def summary(facts: PatientFacts | None = None, *, status: str = "active", **answers: list[Answer]) -> dict[str, Any]:
    told = {key.replace("_", "-"): found for key, found in answers.items()}
    statuses = dict.fromkeys(told, status)
    return summary_of(
        facts or patient(), told, statuses, lambda key, answer: f"{key} says 3.5 of {answer.subject}. More."
    )


def met(subject: str, severity: Severity = Severity.ACTION, since: int = -3, **numbers: Any) -> Answer:
    return Answer(subject, State.MET, None, severity, since=NOW + since, numbers=numbers)


def untold(subject: str, because: str, cause: Cause | None = None) -> Answer:
    return Answer(subject, State.CANNOT_TELL, cannot_tell_because=because, cause=cause)


def lab(test: str, state: str, due: int, answer: State = State.NOT_MET) -> Answer:
    numbers = {
        "due_state": state,
        "interval_days": 42,
        "measured": True,
        "last_day": TODAY,
        "treatment": "x",
        "note": "",
    }
    return Answer(test, answer, due=NOW + due, numbers=numbers)


# ------------------------------------------------------------------------------------------------------------- reasons


def test_what_is_met_is_kept_in_the_words_of_its_rule_with_its_days() -> None:
    fall = met("cmas", Severity.URGENT, reference=27, latest=24)
    (kept,) = orjson.loads(summary(declining_strength=[fall])["reasons"])
    assert kept["text"] == "Weaker: CMAS 27 → 24 of 52 since 19 Nov 2026"
    assert (kept["rule"], kept["subject"], kept["severity"]) == ("declining-strength", "cmas", "urgent")
    assert kept["since"] == "2026-11-19"


def test_a_rule_without_a_phrase_is_told_by_the_first_sentence_of_its_explanation() -> None:
    (kept,) = orjson.loads(summary(overdue_assessment=[met("strength")])["reasons"])
    assert kept["text"] == "overdue-assessment says 3.5 of strength"


def test_answers_that_share_a_line_keep_the_numbers_that_the_line_needs() -> None:
    rise = {"latest": 640.0, "times_limit": 3.2, "factor": 2.0, "exercise": False, "reference": 320.0}
    kept = orjson.loads(summary(rising_muscle_enzymes=[met("ck", **rise), met("ast", **rise)])["reasons"])
    assert {one["line"] for one in kept} == {""}
    assert set(kept[0]["numbers"]) == {"latest", "comparator", "times_limit", "factor", "exercise"}


@pytest.mark.parametrize("status", ["shadow", "draft", "retired"])
def test_a_rule_that_is_not_active_is_not_shown(status: str) -> None:
    row = summary(status=status, raised_troponin=[untold("troponin_t", "no upper limit on file")])
    assert (row["reasons"], row["gaps"], row["untold"]) == ("[]", [], False)


# ------------------------------------------------------------------------------------------------- what cannot be told


def test_what_could_not_be_told_is_kept_once_without_the_patients_own_date() -> None:
    row = summary(raised_troponin=[untold(one, "no newer value than 14 Aug 2026", Cause.STALE) for one in ("t", "i")])
    assert row["gaps"] == [{"rule": "raised-troponin", "words": "no newer value", "cause": "stale"}]
    assert row["untold"] is True


def test_a_stale_series_beside_a_current_one_is_not_told_but_a_missing_limit_is() -> None:
    current = Answer("ck", State.NOT_MET)
    stale = untold("ldh", "no newer value than 14 Aug 2025", Cause.STALE)
    limit = untold("aldolase", "no upper limit on file", Cause.NO_LIMIT)
    assert summary(rising_muscle_enzymes=[current, stale])["gaps"] == []
    assert [gap["cause"] for gap in summary(rising_muscle_enzymes=[current, stale, limit])["gaps"]] == ["no-limit"]
    assert len(summary(rising_muscle_enzymes=[stale])["gaps"]) == 1


def test_rules_whose_facts_may_never_come_are_silent_about_them() -> None:
    assert summary(missing_safety_screen=[untold("azathioprine:tpmt", "begun before our records")])["gaps"] == []


def test_a_silent_feed_keeps_its_date() -> None:
    silent = untold("ck", "feed silent since 12 Nov 2026", Cause.FEED_SILENT)
    assert summary(overdue_labs=[silent])["gaps"][0]["words"] == "feed silent since 12 Nov 2026"


# ------------------------------------------------------------------------------------------------------------ the tests


def test_every_required_test_is_kept_and_the_next_one_is_the_earliest_that_counts() -> None:
    row = summary(
        overdue_labs=[lab("ck", "overdue", -20, State.MET), lab("crp", "not_due", 5), lab("troponin", "paused", -60)]
    )
    assert [(one["test"], one["state"]) for one in row["labs"]] == [
        ("ck", "overdue"),
        ("crp", "not_due"),
        ("troponin", "paused"),
    ]
    assert row["next_lab_due"] == row["to_take_from"] == TODAY - dt.timedelta(days=20)
    assert row["lab_states"] == bits_of(["overdue", "not_due", "paused"]) | LATE


def test_nobody_is_sent_to_have_blood_taken_while_results_stopped_coming_in() -> None:
    silent = lab("ck", "overdue", -20)._replace(
        state=State.CANNOT_TELL, cannot_tell_because="feed silent since 12 Nov 2026", cause=Cause.FEED_SILENT
    )
    row = summary(overdue_labs=[silent, lab("crp", "not_due", 5)])
    assert row["next_lab_due"] == TODAY - dt.timedelta(days=20)
    assert row["to_take_from"] == TODAY + dt.timedelta(days=5)


# ----------------------------------------------------------------------------------------------------------- the curves


def test_curves_are_a_dozen_small_numbers_and_the_last_value_is_in_words() -> None:
    scores = [reading("cmas", 20 * back, 40 + back % 3) for back in reversed(range(20))]
    row = summary(patient(*scores, reading("ck", 34, 320, 200), reading("ck", 4, 640, 200)))
    said, label, curve = orjson.loads(row["strength"])
    assert (said, label, len(curve)) == ("40/52", "CMAS", 12)
    told, times, rising, raised = orjson.loads(row["ck"])
    assert (told, times, raised) == ("640", "3.2×", 1)
    assert len(rising) == 2
    assert all(isinstance(value, int) and 0 <= value <= 100 for value in (*curve, *rising))
    assert row["last_lab"] == TODAY - dt.timedelta(days=4)
    assert row["last_visit"] == TODAY


def test_noise_within_a_few_points_looks_flat() -> None:
    noise = [reading("cmas", 30 * (4 - place), value) for place, value in enumerate([46, 47, 46, 48])]
    curve = orjson.loads(summary(patient(*noise))["strength"])[2]
    assert max(curve) - min(curve) <= 20


def test_of_several_instruments_the_one_scored_last_is_shown() -> None:
    row = summary(patient(reading("cmas", 40, 30), reading("mmt8", 3, 70)))
    assert orjson.loads(row["strength"])[:2] == ["70/80", "MMT8"]


def test_a_value_that_is_only_a_bound_says_so() -> None:
    assert orjson.loads(summary(patient(reading("ck", 4, 20, 200, "<")))["ck"])[0] == "<20"


def test_the_dose_is_kept_as_its_changes_and_ends_with_its_end() -> None:
    taken = (statement(40, -90, -31), statement(20, -30, -11))
    row = summary(patient(statements=taken))
    assert orjson.loads(row["steroid_steps"]) == [[NOW - 90, 40.0], [NOW - 30, 20.0], [NOW - 10, 0.0]]
    assert row["steroid_mg"] == 0


def test_a_steroid_of_unknown_dose_is_not_shown_as_none_taken() -> None:
    row = summary(patient(statements=(statement(None, -20),)))
    assert row["steroid_mg"] is None
    assert orjson.loads(row["steroid_steps"]) == [[NOW - 20, None]]


def test_days_at_high_dose_are_kept_as_the_day_they_count_from() -> None:
    row = summary(prolonged_high_dose_steroids=[met("steroids", high_days=33, dose=40, course_start=None)])
    assert row["high_from"] == TODAY - dt.timedelta(days=32)


# ------------------------------------------------------------------------------------------------------------ unchanged


def test_the_row_of_a_patient_with_unchanged_facts_is_the_same_tomorrow() -> None:
    scores = (reading("cmas", 10, 40), reading("ck", 10, 300, 200))
    taken = (statement(20, -60),)
    answers = {"overdue_labs": [lab("ck", "not_due", 20)]}
    today = summary(patient(*scores, statements=taken), **answers)
    tomorrow = summary(patient(*scores, statements=taken, today=NOW + 1), **answers)
    assert digest_of(today) == digest_of(tomorrow)
    assert set(today) == {*OF_FACTS, "gaps", "labs"}


def test_nothing_on_file_makes_a_small_row() -> None:
    row = summary()
    assert len(orjson.dumps(row)) < 400
    assert row["strength"] == row["ck"] == row["steroid_steps"] == ""


def test_events_do_not_disturb_the_row() -> None:
    facts = PatientFacts(today=NOW, id=1, happenings=[Happening(1, "rash", NOW - 3, None, True, "")])
    assert summary(facts)["untold"] is False
