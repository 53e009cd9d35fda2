"""Which protection is missing beside steroids and immunosuppression."""

import datetime as dt
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.rule import CANNOT_TELL, MET, NOT_MET, Rule
from jobs.rules import steroid_monotherapy, taper_too_fast
from jobs.rules.missing_prophylaxis import BONE_DRUG, PNEUMOCYSTIS, RULE, SCAN, SUPPLEMENTS, Parameters
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, frames

P = Parameters()
ADULT = [{"mrn": "1", "age_years": 55}]
ILD = {"event": "interstitial_lung_disease", "day": -400}
CHILD = [{"mrn": "1", "age_years": 9}]


def pred(dose: float, start: int, end: int | None = None, **more: Any) -> dict[str, Any]:
    return {"drug": "prednisone", "dose": dose, "start": start, "end": end, **more}


def agent(drug: str, start: int, end: int | None = None, frequency: str = "daily") -> dict[str, Any]:
    return {"drug": drug, "dose": 1, "start": start, "end": end, "frequency": frequency}


def assess(subject: str, *medications: dict[str, Any], **facts: Any) -> dict[str, Any]:
    facts.setdefault("patients", ADULT)
    rows = on_frames(RULE, frames(medications=medications, **facts), AS_OF, P).to_dict("records")
    rows = [row for row in rows if row["subject"] == subject]
    assert len(rows) == 1
    return rows[0]


@pytest.mark.parametrize(
    ("medications", "events", "state"),
    [
        ([pred(2.5, -90)], [], MET),  # day 91
        ([pred(2.5, -89)], [], NOT_MET),
        ([pred(2.4, -400)], [], NOT_MET),
        ([pred(5, -120, -60), pred(5, -45)], [], MET),  # a pause of two weeks
        ([pred(5, -120, -60), pred(5, -44)], [], NOT_MET),
        ([pred(5, -120)], [{"event": "dxa", "day": -730}], NOT_MET),
        ([pred(5, -120)], [{"event": "dxa", "day": -731}], MET),
        ([pred(5, -120)], [{"event": "dxa", "day": -10, "present": "no"}], MET),
    ],
)
def test_a_scan_is_called_for_after_three_months(
    medications: list[dict[str, Any]], events: list[dict[str, Any]], state: str
) -> None:
    assert assess(SCAN, *medications, events=events)["state"] == state


def test_a_scan_is_due_half_a_year_after_the_start() -> None:
    assert assess(SCAN, pred(5, -120))["due"].date() == AS_OF + dt.timedelta(days=63)


def test_children_have_no_rows_for_scan_and_bone_drug() -> None:
    table = on_frames(RULE, frames(medications=[pred(5, -120)], patients=CHILD), AS_OF, P)
    assert set(table["subject"]) == {SUPPLEMENTS, PNEUMOCYSTIS}


@pytest.mark.parametrize("drug", ["cholecalciferol", "calcium carbonate", "calcium and vitamin d"])
def test_any_supplement_counts(drug: str) -> None:
    assert assess(SUPPLEMENTS, pred(5, -120))["state"] == MET
    assert assess(SUPPLEMENTS, pred(5, -120), agent(drug, -10))["state"] == NOT_MET


@pytest.mark.parametrize(
    ("medications", "events", "state", "since"),
    [
        ([pred(30, -30)], [], MET, 0),  # more than 30 days
        ([pred(30, -29)], [], NOT_MET, None),
        ([pred(29.9, -60)], [], NOT_MET, None),
        ([pred(40, -100, -60), pred(5, -59)], [], MET, -70),  # within the year
        ([pred(15, -333)], [], MET, 0),  # 5.01 g in a year
        ([pred(15, -332)], [], CANNOT_TELL, None),
        ([pred(5, -9)], [{"event": "osteoporosis", "day": -500}], MET, -9),
        ([pred(5, -90, -50)], [{"event": "osteoporosis", "day": -500}], NOT_MET, None),  # no steroid any more
        ([pred(30, -30), agent("alendronate", -5, frequency="weekly")], [], NOT_MET, None),
        ([pred(30, -30), agent("zoledronic acid", -300, frequency="once")], [], NOT_MET, None),
        ([pred(30, -30), agent("zoledronic acid", -380, frequency="once")], [], MET, 0),
    ],
)
def test_a_bone_drug_is_called_for_by_osteoporosis_or_a_very_high_dose(
    medications: list[dict[str, Any]], events: list[dict[str, Any]], state: str, since: int | None
) -> None:
    row = assess(BONE_DRUG, *medications, events=events)
    assert row["state"] == state
    assert (None if pd.isna(row["since"]) else (row["since"].date() - AS_OF).days) == since


@pytest.mark.parametrize(
    ("medications", "state"),
    [
        ([pred(20, -27), agent("methotrexate", -27, frequency="weekly")], MET),
        ([pred(20, -26), agent("methotrexate", -27, frequency="weekly")], NOT_MET),
        ([pred(19, -90), agent("methotrexate", -27, frequency="weekly")], NOT_MET),
        ([pred(20, -90)], NOT_MET),  # no second immunosuppressant
        ([pred(20, -90), agent("hydroxychloroquine", -90)], NOT_MET),
        ([pred(20, -90), agent("ivig", -90, frequency="every-4-weeks")], NOT_MET),
        ([agent("cyclophosphamide", -30, frequency="once")], MET),
        ([agent("cyclophosphamide", -50, frequency="once")], NOT_MET),
        ([pred(5, -10), agent("rituximab", -100, frequency="once")], MET),
        ([agent("rituximab", -100, frequency="once")], None),  # no steroid: no row
        ([pred(20, -27), agent("azathioprine", -27), agent("dapsone", -1)], NOT_MET),
    ],
)
def test_protection_against_pneumocystis(medications: list[dict[str, Any]], state: str | None) -> None:
    if state is None:
        assert on_frames(RULE, frames(medications=medications), AS_OF, P).empty
    else:
        assert assess(PNEUMOCYSTIS, *medications)["state"] == state


MMF = agent("mycophenolate mofetil", -200)


@pytest.mark.parametrize(
    ("medications", "facts", "since"),
    [
        ([pred(30, -27)], {}, 0),  # the upper end of the range, whatever else is taken
        ([pred(30, -26)], {}, None),
        ([pred(29, -90)], {}, None),
        ([pred(15, -27, frequency="twice-daily")], {}, 0),
        ([pred(60, -27, frequency="every-other-day")], {}, 0),  # 30 mg a day on average
        ([pred(30, -60, route="inhaled")], {}, None),
        # More than 15 mg for more than two weeks beside another agent: only with a further risk.
        ([pred(16, -14), MMF], {}, None),
        ([pred(16, -14), MMF], {"patients": [{"mrn": "1", "age_years": 55, "autoantibodies": "RO52;MDA5"}]}, 0),
        ([pred(16, -13), MMF], {"patients": [{"mrn": "1", "age_years": 55, "autoantibodies": "MDA5"}]}, None),
        ([pred(15, -90), MMF], {"patients": [{"mrn": "1", "age_years": 55, "autoantibodies": "MDA5"}]}, None),
        ([pred(16, -90)], {"patients": [{"mrn": "1", "age_years": 55, "autoantibodies": "MDA5"}]}, None),
        ([pred(16, -20), MMF], {"events": [{"event": "interstitial_lung_disease", "day": -400}]}, -6),
        ([pred(16, -20), MMF], {"events": [{"event": "interstitial_lung_disease", "day": -3}]}, -3),
        ([pred(16, -20), MMF], {"events": [ILD, {**ILD, "day": -3}]}, -6),
        ([pred(16, -20), MMF], {"events": [{**ILD, "end": -1}]}, None),
        ([pred(16, -20), MMF], {"events": [{**ILD, "end": 0}]}, -6),
        ([pred(16, -20), MMF], {"events": [{"event": "interstitial_lung_disease", "day": -3, "present": "no"}]}, None),
        ([pred(16, -20), MMF], {"observations": [{"measure": "lymphocytes", "value": 0.6, "day": -5}]}, -5),
        ([pred(16, -20), MMF], {"observations": [{"measure": "lymphocytes", "value": 0.9, "day": -5}]}, None),
        ([pred(16, -99), MMF], {"observations": [{"measure": "lymphocytes", "value": 0.6, "day": -91}]}, None),
        (
            [{"drug": "methylprednisolone", "dose": 1000, "route": "iv", "intent": "pulse", "start": -20, "end": -18},
             pred(16, -17), MMF], {}, -6,
        ),
        # After a checkpoint inhibitor the oncologists' thresholds, the steroid alone.
        ([pred(20, -27)], {"patients": [{"mrn": "1", "age_years": 70, "diagnosis": "ICI_MYOSITIS"}]}, 0),
        ([pred(31, -20)], {"patients": [{"mrn": "1", "age_years": 70, "diagnosis": "ICI_MYOSITIS"}]}, 0),
        ([pred(30, -20)], {"patients": [{"mrn": "1", "age_years": 70, "diagnosis": "ICI_MYOSITIS"}]}, None),
        ([pred(20, -27), agent("pembrolizumab", -60)], {}, 0),
    ],
)  # fmt: skip
def test_protection_against_pneumocystis_by_dose_duration_and_what_else_raises_the_risk(
    medications: list[dict[str, Any]], facts: dict[str, Any], since: int | None
) -> None:
    row = assess(PNEUMOCYSTIS, *medications, **facts)
    assert row["state"] == (NOT_MET if since is None else MET)
    if since is not None:
        assert (row["since"].date() - AS_OF).days == since
        assert "2021" in row["basis"] or "2022" in row["basis"]  # whose threshold it is


def test_a_small_child_is_judged_by_the_kilogram() -> None:
    light = [{"measure": "weight", "value": 15, "unit": "kg", "day": -10}]
    given_to_both = (pred(7, -40), agent("methotrexate", -40, frequency="weekly"))
    assert assess(PNEUMOCYSTIS, *given_to_both, patients=CHILD, observations=light)["state"] == MET
    assert assess(PNEUMOCYSTIS, *given_to_both, patients=CHILD)["state"] == NOT_MET
    assert assess(PNEUMOCYSTIS, *given_to_both, observations=light)["state"] == NOT_MET  # an adult


@pytest.mark.parametrize(
    ("medications", "may_stop"),
    [
        ([pred(40, -200, -60), pred(5, -59), MMF, agent("atovaquone", -200)], True),
        ([pred(40, -200, -20), pred(5, -19), MMF, agent("atovaquone", -200)], False),  # not for four weeks yet
        ([pred(14, -200), MMF, agent("atovaquone", -200)], True),
        ([pred(15, -200), MMF, agent("atovaquone", -200)], False),
        ([pred(5, -200), agent("rituximab", -100, frequency="once"), agent("atovaquone", -200)], False),
        ([agent("rituximab", -100, frequency="once"), agent("atovaquone", -200), pred(5, -300, -200)], False),
        ([pred(5, -200), MMF], False),  # nothing to stop
    ],
)
def test_protection_that_nothing_calls_for_any_more_can_be_reviewed(
    medications: list[dict[str, Any]], may_stop: bool
) -> None:
    assert assess(PNEUMOCYSTIS, *medications)["may_stop"] is may_stop


def value(measure: str, number: float, day: int = -20) -> dict[str, Any]:
    return {"measure": measure, "value": number, "day": day}


YOUNG = [{"mrn": "1", "age_years": 30}]


@pytest.mark.parametrize(
    ("age", "medications", "observations", "risk", "state"),
    [
        (55, [pred(5, -120)], [value("frax_major", 30)], "very high", MET),
        (55, [pred(5, -120)], [value("frax_hip", 4.5)], "very high", MET),
        (55, [pred(5, -120)], [value("bone_t_score", -3.5)], "very high", MET),
        (55, [pred(5, -120)], [value("frax_major", 20)], "high", MET),
        (55, [pred(5, -120)], [value("frax_hip", 3)], "high", MET),
        (55, [pred(5, -120)], [value("bone_t_score", -2.5)], "high", MET),
        (55, [pred(5, -120)], [value("frax_major", 10)], "moderate", MET),
        (55, [pred(5, -120)], [value("frax_hip", 1.1)], "moderate", MET),
        (55, [pred(5, -120)], [value("bone_t_score", -1)], "moderate", MET),
        (55, [pred(5, -60)], [value("bone_t_score", -1)], "low", NOT_MET),  # three months not yet
        (55, [pred(5, -120)], [value("bone_t_score", -0.5), value("frax_major", 6)], "low", NOT_MET),
        (55, [pred(5, -120)], [value("bone_t_score", -0.5)], None, CANNOT_TELL),  # FRAX is missing, not low
        (55, [pred(5, -120)], [value("frax_major", 6)], None, CANNOT_TELL),
        (55, [pred(5, -120)], [], None, CANNOT_TELL),
        (55, [pred(5, -120)], [value("bone_t_score", -0.5, -900), value("frax_major", 6, -900)], None, CANNOT_TELL),
        (55, [pred(5, -120)], [value("bone_t_score", -0.5), value("bone_t_score", -2.6)], "high", MET),  # hip, spine
        (55, [pred(5, -120)], [value("bone_t_score", -2.6, -800), value("bone_t_score", -0.5)], None, CANNOT_TELL),
        (39, [pred(5, -400)], [value("frax_major", 40), value("bone_t_score", -3)], "low", NOT_MET),  # not for them
        (39, [pred(7.5, -182)], [value("bone_z_score", -3.1)], "moderate", MET),
        (39, [pred(7.5, -181)], [value("bone_z_score", -3.1)], "low", NOT_MET),
        (39, [pred(7.5, -182)], [value("bone_z_score", -3)], "low", NOT_MET),
        (39, [pred(7.5, -182)], [], None, CANNOT_TELL),
        (39, [pred(30, -30)], [], "very high", MET),
    ],
)
def test_the_risk_of_a_fracture_by_the_classes_of_the_guideline(
    age: int, medications: list[dict[str, Any]], observations: list[dict[str, Any]], risk: str | None, state: str
) -> None:
    row = assess(BONE_DRUG, *medications, observations=observations, patients=[{"mrn": "1", "age_years": age}])
    assert (row["risk"], row["state"]) == (risk, state)
    if state == CANNOT_TELL:
        assert "not on file" in row["cannot_tell_because"]


def test_moderate_is_for_the_next_visit_high_for_this_week() -> None:
    for number, severity in ((-1.5, "watch"), (-2.7, "action")):
        row = assess(BONE_DRUG, pred(5, -120), observations=[value("bone_t_score", number)])
        assert row["severity"] == severity


def test_a_fracture_is_a_very_high_risk_at_any_age_and_from_the_first_day() -> None:
    broken = [{"event": "fragility_fracture", "day": -300}]
    assert assess(BONE_DRUG, pred(5, -5), events=broken)["risk"] == "very high"
    assert assess(BONE_DRUG, pred(5, -5), events=broken, patients=YOUNG)["risk"] == "very high"


def test_who_has_a_bone_drug_is_asked_for_no_values() -> None:
    assert assess(BONE_DRUG, pred(5, -120), agent("alendronate", -90, frequency="weekly"))["state"] == NOT_MET


def test_frax_is_asked_for_from_forty_years_on() -> None:
    assert "FRAX" in RULE.suggested_action(assess(SCAN, pred(5, -120)), P)
    assert "FRAX" not in RULE.suggested_action(assess(SCAN, pred(5, -120), patients=YOUNG), P)


@pytest.mark.parametrize(
    ("dose", "start", "events", "state"),
    [
        (5, -91, [{"event": "fragility_fracture", "day": -10}], MET),
        (5, -89, [{"event": "fragility_fracture", "day": -10}], NOT_MET),
        (1, -400, [{"event": "fragility_fracture", "day": -10}], NOT_MET),  # 0.05 mg/kg
        (5, -400, [{"event": "fragility_fracture", "day": -10, "present": "no"}], NOT_MET),
        (5, -400, [{"event": "osteoporosis", "day": -10}], MET),
    ],
)
def test_a_child_who_broke_a_bone_goes_to_a_bone_centre(
    dose: float, start: int, events: list[dict[str, Any]], state: str
) -> None:
    weight = [{"measure": "weight", "value": 20, "unit": "kg", "day": -10}]
    row = assess(BONE_DRUG, pred(dose, start), patients=CHILD, observations=weight, events=events)
    assert row["state"] == state
    if state == MET:
        assert "children's bone centre" in RULE.suggested_action(row, P)
        assert "scan" not in RULE.explain(row, P)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            {"events": [{"event": "osteoporosis", "day": day} for day in (-300, -4)]},
            "Osteoporosis on file since 26 Jan 2026",
        ),
        ({"observations": [value("bone_t_score", -2.46, -20)]}, "A T-score of -2.46 on 2 Nov 2026"),
        ({"observations": [value("frax_major", 19.96, -20)]}, "FRAX 19.96 % (major fracture) on 2 Nov 2026"),
    ],
)
def test_the_sentence_shows_the_first_record_and_the_digits_that_decide(facts: dict[str, Any], words: str) -> None:
    row = assess(BONE_DRUG, pred(5, -120), **facts)
    assert RULE.explain(row, P).startswith(f"{words}, and no bone-protecting drug on the present list of drugs. ")


def test_a_drug_that_was_stopped_is_not_called_absent_from_the_file() -> None:
    row = assess(SUPPLEMENTS, pred(5, -120), agent("cholecalciferol", -100, -30))
    assert RULE.explain(row, P) == (
        "2.5 mg/day of steroid or more since 25 Jul 2026, and no calcium with vitamin D on the present list of drugs."
    )


def test_the_sentence_of_a_years_sum_stays_true_tomorrow() -> None:
    said = {RULE.explain(assess(BONE_DRUG, pred(16, start)), P) for start in (-340, -350, -360)}
    assert said == {
        "5 g or more of prednisone-equivalent in the last year, and no bone-protecting drug on the present list of "
        "drugs. The risk of a fracture is very high (ACR 2022)."
    }


def test_co_trimoxazole_is_not_suggested_beside_methotrexate() -> None:
    row = assess(PNEUMOCYSTIS, pred(20, -27), agent("methotrexate", -27, frequency="weekly"))
    assert "not co-trimoxazole" in RULE.suggested_action(row, P)
    row = assess(PNEUMOCYSTIS, pred(20, -27), agent("azathioprine", -27))
    assert "co-trimoxazole" not in RULE.suggested_action(row, P)


def test_an_unknown_dose_cannot_be_told() -> None:
    assert assess(SCAN, pred(0.2, -120, unit="mg/kg"))["state"] == CANNOT_TELL


STATEMENT = st.fixed_dictionaries(
    {
        "drug": st.sampled_from(
            ["prednisone", "prednisone", "prednisone", "methotrexate", "rituximab", "alendronate", "dapsone"]
        ),
        "dose": st.sampled_from([2.5, 15, 20, 40]),
        "frequency": st.sampled_from(["daily", "daily", "daily", "weekly", "once"]),
        "start": st.integers(-120, -1),
        "days": st.integers(0, 130),
        "open": st.booleans(),
        "status": st.sampled_from(["active", "active", "active", "stopped"]),
    }
)


def cells(table: pd.DataFrame, place: int) -> dict[str, Any]:
    """A row as plain values: nothing is nothing, whatever the column holds beside it."""
    return {
        name: None if pd.api.types.is_scalar(value) and pd.isna(value) else value
        for name, value in table.iloc[place].items()
    }


@pytest.mark.parametrize("rule", [RULE, steroid_monotherapy.RULE, taper_too_fast.RULE], ids=lambda rule: rule.key)
@settings(max_examples=60, deadline=None)
@given(statements=st.lists(STATEMENT, min_size=1, max_size=5), later=st.integers(1, 40))
def test_an_answer_only_changes_on_the_day_it_said_to_look_again(
    rule: Rule, statements: list[dict[str, Any]], later: int
) -> None:
    parameters = taper_too_fast.Parameters(judge_stops="on") if rule is taper_too_fast.RULE else rule.defaults()
    events = [{"event": "dxa", "day": -715}]
    observations = [value("lymphocytes", 0.5, -75), value("bone_t_score", -0.2, -715), value("frax_major", 4, -725)]

    def on(shift: int) -> pd.DataFrame:
        rows = [
            {
                **row,
                "start": row["start"] - shift,
                "end": None if row["open"] else row["start"] + row["days"] - shift,
            }
            for row in statements
        ]
        day = AS_OF + dt.timedelta(days=shift)
        panel = frames(
            day,
            patients=ADULT,
            medications=rows,
            events=[{**row, "day": row["day"] - shift} for row in events],
            observations=[{**row, "day": row["day"] - shift} for row in observations],
        )
        return on_frames(rule, panel, day, parameters)

    before = on(0)
    if before.empty:
        return
    for place in range(len(before)):
        recheck = before["recheck_on"].iloc[place]
        until = later if pd.isna(recheck) else min(later, (recheck.date() - AS_OF).days - 1)
        assert pd.isna(recheck) or until >= 0
        if until < 1:
            continue
        after = on(until)
        assert cells(before, place) == cells(after, place)


@pytest.mark.parametrize(
    "courses",
    [
        [(20, -300, 0)],  # 7.3 g a year go on
        [(20, -400, -101), (5, -100, 0)],  # 20 mg leave the year, 5 mg enter it
        [(25, -420, -201), (14, -200, 0)],
        [(25, -700, -480), (25, -220, 0)],  # twice: the second time counts
    ],
)
def test_a_years_sum_is_told_since_the_day_it_was_reached_whatever_the_day_it_is_asked_on(
    courses: list[tuple[float, int, int]],
) -> None:
    def year(day: int) -> float:
        return sum(mg for mg, start, end in courses for one in range(day - 364, day + 1) if start <= one <= end)

    assert year(0) >= 5000
    reached = next(day + 1 for day in range(0, -800, -1) if year(day) < 5000)
    statements = [pred(mg, start, None if end == 0 else end) for mg, start, end in courses]
    row = assess(BONE_DRUG, *statements, patients=ADULT)
    assert (row["state"], row["since"].date()) == (MET, AS_OF + dt.timedelta(days=reached))


@pytest.mark.parametrize(("kind", "stays"), [("osteoporosis", False), ("fragility_fracture", True)])
def test_osteoporosis_can_be_denied_by_a_later_record_and_a_bone_that_broke_has_broken(kind: str, stays: bool) -> None:
    there, absent = {"event": kind, "day": -200}, {"event": kind, "day": -50, "present": "no"}
    again = {"event": kind, "day": -10}
    state = [
        assess(BONE_DRUG, pred(5, -300), patients=ADULT, events=events)["state"]
        for events in ([there], [there, absent], [there, absent, again])
    ]
    assert state[0] == MET
    assert (state[1] == MET) == stays
    assert state[2] == MET
