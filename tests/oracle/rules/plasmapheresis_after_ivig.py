"""Is plasma being exchanged that holds the immunoglobulin just given?

Looked at: the days of plasma exchange and the days on which immunoglobulin was infused. What counts: an exchange within
three weeks after a dose. What does not: immunoglobulin given after the exchange, which is the right order.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.frames import Frames
from models.vocabulary import drug, frequencies
from tests.oracle import series
from tests.oracle.newest import FAR, dates
from tests.oracle.rule import (
    CANNOT_TELL,
    MET,
    NOT_MET,
    URGENT,
    Example,
    Rule,
    Source,
    assessments,
    day_text,
    empty,
    parameter,
)

SUBJECT = "plasmapheresis"


@dataclass(frozen=True)
class Parameters:
    """Thresholds of the plasmapheresis-after-ivig rule."""

    caution_days: int = parameter(
        21,
        unit="days",
        low=7,
        high=28,
        meaning="an exchange this soon after immunoglobulin removes much of it",
        source="half-life of IgG about three weeks; not seen in a source, to be verified",
        mark="memory",
    )
    shown_days: int = parameter(28, unit="days", low=1, high=90, meaning="how long after the exchange it is still said")


def evaluate(frames: Frames, as_of: dt.date, parameters: Parameters) -> pd.DataFrame:
    """One row per patient with a plasma exchange within `shown_days`."""
    table = frames.events
    if table.empty:
        return empty()
    today = int(np.datetime64(as_of, "D").astype("int64"))
    chosen = np.flatnonzero((table["event"] == "plasmapheresis").to_numpy() & table["present"].to_numpy(dtype=bool))
    if not len(chosen):
        return empty()
    patient = table["patient_id"].to_numpy()[chosen]
    begins = series.day_numbers(table["day"].to_numpy()[chosen])
    raw = table["end"].to_numpy()[chosen]
    # A series of exchanges that is planned to go on has been done up to today.
    ends = np.where(np.isnat(raw), begins, np.maximum(series.day_numbers(raw), begins))
    ends = np.minimum(ends, today)
    identifier = table["id"].to_numpy()[chosen]
    recent = today - ends <= parameters.shown_days
    found: dict[str, list[Any]] = {
        name: [] for name in ("patient", "state", "since", "recheck", "facts", "because", "dose", "exchange")
    }
    for who in np.unique(patient[recent]):
        mine = np.flatnonzero(recent & (patient == who))
        doses = _dose_days(frames, int(who), today)
        row = _judge(mine, begins, ends, doses, parameters.caution_days)
        state, exchange, dose, statement = row
        found["patient"].append(int(who))
        found["state"].append(state)
        found["since"].append(int(max(begins[exchange], min(dose + 1, ends[exchange]))) if state == MET else FAR)
        ongoing = [int(end) for end in series.day_numbers(raw[mine][~np.isnat(raw[mine])]) if end >= today]
        leaves = [int(ends[one]) + parameters.shown_days + 1 for one in mine]
        found["recheck"].append(today + 1 if ongoing else min(leaves))
        found["facts"].append((f"e{identifier[exchange]}", *((f"m{statement}",) if statement is not None else ())))
        found["because"].append(
            "both on one day, and which came first is not on record" if state == CANNOT_TELL else None
        )
        found["dose"].append(dose)
        found["exchange"].append(int(begins[exchange]))
    if not found["patient"]:
        return empty()
    return assessments(
        patient_id=np.array(found["patient"], dtype="int64"),
        subject=SUBJECT,
        state=found["state"],
        severity=[URGENT if state == MET else None for state in found["state"]],
        since=dates(found["since"]),
        recheck_on=dates(found["recheck"]),
        evidence=found["facts"],
        cannot_tell_because=found["because"],
        exchange_day=dates(found["exchange"]),
        dose_day=dates(found["dose"]),
    )


def _judge(
    mine: series.Ints, begins: series.Ints, ends: series.Ints, doses: list[tuple[int, int]], caution_days: int
) -> tuple[str, int, int, int | None]:
    """State, the exchange that decides, the newest dose that bears on it (-FAR: none), its statement."""
    same_day: tuple[int, int, int] | None = None
    for exchange in mine[::-1].tolist():
        for day, statement in sorted(doses, reverse=True):
            if day < ends[exchange] and begins[exchange] - day <= caution_days:
                return MET, exchange, day, statement
            if day == ends[exchange] and same_day is None:
                same_day = exchange, day, statement
    if same_day is not None:
        return CANNOT_TELL, *same_day
    newest = int(mine[-1])
    earlier = [(day, statement) for day, statement in doses if day < begins[newest]]
    if not earlier:
        return NOT_MET, newest, -FAR, None
    day, statement = max(earlier)
    return NOT_MET, newest, day, statement


def _dose_days(frames: Frames, patient: int, today: int) -> list[tuple[int, int]]:
    """Days up to today on which a patient had intravenous immunoglobulin, with the statement."""
    table = frames.medications
    if table.empty:
        return []
    rows = table[table["patient_id"].to_numpy() == patient]
    days: list[tuple[int, int]] = []
    every = {key: value.every_days for key, value in frequencies().items()}
    for row in rows.itertuples():
        known = drug(str(row.drug))
        if known is None or known.key != "ivig":
            continue
        start = int(np.datetime64(row.start, "D").astype("int64"))
        end = start if pd.isna(row.end) else int(np.datetime64(row.end, "D").astype("int64"))
        interval = every.get(str(row.frequency))
        if interval and pd.isna(row.end) and row.status != "stopped":
            end = today
        # One infusion spread over several days is written as a single dose with a last day.
        step = interval or 1
        days += [(day, int(str(row.id))) for day in range(start, min(end, today) + 1, step)]
    return days


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """Both days."""
    exchange = f"Plasma exchange on {day_text(row['exchange_day'])}"
    if pd.isna(row["dose_day"]):
        return f"{exchange}, no immunoglobulin before it."
    dose = f"immunoglobulin on {day_text(row['dose_day'])}"
    if row["state"] == CANNOT_TELL:
        return f"{exchange}, {dose}: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        return f"{exchange}, {dose}: more than {parameters.caution_days} days apart."
    return f"{exchange}, within {parameters.caution_days} days after {dose}: it removes what was just given."


def suggested_action(row: Mapping[str, Any], parameters: Parameters) -> str:
    """The first thing to do."""
    del parameters
    if row["state"] == CANNOT_TELL:
        return "ask which came first; exchange first, immunoglobulin after is the right order"
    if row["state"] != MET:
        return ""
    return (
        "talk to the ward today: put the exchange off if it can wait, or repeat immunoglobulin after the last exchange"
    )


RULE = Rule(
    key="plasmapheresis-after-ivig",
    title="Plasma exchange after immunoglobulin",
    question="Is plasma being exchanged that holds the immunoglobulin just given?",
    why_it_matters=(
        "Plasma exchange removes the immunoglobulin that was infused before it: an expensive and scarce "
        "treatment is lost, "
        "and the patient is without either."
    ),
    evaluate=evaluate,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="patient",
    reads=("plasmapheresis", "medications"),
    status="shadow",
    sources=(
        Source(
            "Refractory muscle pain",
            2025,
            "educational page, not a guideline",
            "seed",
            "not immediately after immunoglobulin; no number",
        ),
        Source(
            "Immunoglobulin after plasma exchange",
            None,
            "medx.it.com, a secondary source",
            "seed",
            "exchange first, immunoglobulin after",
        ),
        Source("Half-life of IgG", None, "about three weeks", "memory"),
    ),
    known_false_alarms=("an exchange that was ordered and never done", "an emergency in which both are wanted"),
    clears_when="four weeks have passed since the exchange, or it is recorded as not done",
    topic="treatment safety",
    limitations=(
        "Runs in shadow: the three weeks are from memory and have to be confirmed by a clinician. A caution, "
        "never a ban. "
        "An exchange planned for a later day is seen on that day; an order is seen when it is recorded on its own day."
    ),
    catalogue=("ESC-12",),
    examples=(
        Example(
            title="exchange three days after the last infusion",
            medications=(
                {"drug": "ivig", "dose": 2, "unit": "g/kg", "frequency": "once", "route": "iv", "start": -4, "end": -3},
            ),
            events=({"event": "plasmapheresis", "day": 0},),
            expect={"subject": SUBJECT, "state": MET, "severity": URGENT, "since": 0},
        ),
        Example(
            title="exchange first, immunoglobulin after",
            medications=({"drug": "ivig", "dose": 1, "unit": "g/kg", "frequency": "once", "route": "iv", "start": -2},),
            events=({"event": "plasmapheresis", "day": -3},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="22 days after the dose",
            medications=(
                {"drug": "ivig", "dose": 1, "unit": "g/kg", "frequency": "once", "route": "iv", "start": -22},
            ),
            events=({"event": "plasmapheresis", "day": 0},),
            expect={"subject": SUBJECT, "state": NOT_MET},
        ),
        Example(
            title="both on one day",
            medications=({"drug": "ivig", "dose": 1, "unit": "g/kg", "frequency": "once", "route": "iv", "start": -1},),
            events=({"event": "plasmapheresis", "day": -1},),
            expect={"subject": SUBJECT, "state": CANNOT_TELL},
        ),
    ),
)
