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
        ([pred(30, -29)], [], MET, 0),
        ([pred(30, -28)], [], NOT_MET, None),
        ([pred(29.9, -60)], [], NOT_MET, None),
        ([pred(40, -100, -60), pred(5, -59)], [], MET, -71),  # within the year
        ([pred(15, -333)], [], MET, 0),  # 5.01 g in a year
        ([pred(15, -332)], [], NOT_MET, None),
        ([pred(5, -9)], [{"event": "osteoporosis", "day": -500}], MET, -9),
        ([pred(5, -90, -50)], [{"event": "osteoporosis", "day": -500}], NOT_MET, None),  # no steroid any more
        ([pred(30, -29), agent("alendronate", -5, frequency="weekly")], [], NOT_MET, None),
        ([pred(30, -29), agent("zoledronic acid", -300, frequency="once")], [], NOT_MET, None),
        ([pred(30, -29), agent("zoledronic acid", -380, frequency="once")], [], MET, 0),
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
            day, patients=ADULT, medications=rows, events=[{**row, "day": row["day"] - shift} for row in events]
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
