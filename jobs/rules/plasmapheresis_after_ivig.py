"""Is plasma being exchanged that holds the immunoglobulin just given?

Looked at: the days of plasma exchange and the days on which immunoglobulin was infused. What counts: an exchange within
three weeks after a dose. What does not: immunoglobulin given after the exchange, which is the right order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.rule import (
    CANNOT_TELL,
    MET,
    NOT_MET,
    URGENT,
    Answer,
    Example,
    Rule,
    Source,
    day_text,
    parameter,
    stretch,
)
from models.patient_facts import Happening, PatientFacts, Statement, date_of
from models.states import Cause
from models.vocabulary import drug, frequencies, remembered

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


class _Exchange(NamedTuple):
    """A plasma exchange, or a series of them, as far as it has been done: first and last day, both included."""

    first: int
    last: int
    event: Happening


class _Dose(NamedTuple):
    """A day on which immunoglobulin was given into a vein."""

    day: int
    statement: Statement


def assess(patient: PatientFacts, as_of: int, parameters: Parameters) -> Iterator[Answer]:
    """One answer for a patient with a plasma exchange within `shown_days`."""
    # The last word on a day counts: what was planned for it may be recorded as not done.
    last_word = {event.day: event for event in patient.happenings if event.event == SUBJECT}
    exchanges = [
        exchange
        for event in patient.happenings
        if event.event == SUBJECT and event.present and last_word[event.day].present
        # A series of exchanges that is planned to go on has been done up to today.
        if as_of - (exchange := _Exchange(event.day, min(event.last_day, as_of), event)).last <= parameters.shown_days
    ]
    if not exchanges:
        return
    doses = immunoglobulin_days(patient, as_of)
    goes_on = any(one.event.end is not None and one.event.end >= as_of for one in exchanges)
    leaves = min(one.last for one in exchanges) + parameters.shown_days + 1
    recheck_on = as_of + 1 if goes_on else leaves

    taken_out = _dose_taken_out(exchanges, doses, parameters.caution_days)
    if taken_out is not None:
        exchange, dose = taken_out
        since = max(exchange.first, min(dose.day + 1, exchange.last))
        yield _answer(exchange, dose, recheck_on)._replace(state=MET, severity=URGENT, since=since)
        return
    together = _both_on_one_day(exchanges, doses)
    if together is not None:
        yield _answer(*together, recheck_on)._replace(
            state=CANNOT_TELL,
            cannot_tell_because="both on one day, and which came first is not on record",
            cause=Cause.FACTS_DISAGREE,
        )
        return
    newest = exchanges[-1]
    earlier = [dose for dose in doses if dose.day < newest.first]
    yield _answer(newest, max(earlier, default=None, key=_by_day), recheck_on)


def _answer(exchange: _Exchange, dose: _Dose | None, recheck_on: int) -> Answer:
    return Answer(
        SUBJECT,
        NOT_MET,
        recheck_on=recheck_on,
        evidence=(exchange.event.fact,) if dose is None else (exchange.event.fact, dose.statement.fact),
        numbers={
            "exchange_day": date_of(exchange.first),
            "exchange_last": date_of(exchange.last),
            "dose_day": None if dose is None else date_of(dose.day),
        },
    )


def _by_day(dose: _Dose) -> tuple[int, int]:
    return dose.day, dose.statement.id


def _dose_taken_out(
    exchanges: list[_Exchange], doses: list[_Dose], caution_days: int
) -> tuple[_Exchange, _Dose] | None:
    """The newest exchange, with the newest dose, that came soon after a dose or while one was given."""
    for exchange in reversed(exchanges):
        for dose in reversed(doses):
            if dose.day < exchange.last and exchange.first - dose.day <= caution_days:
                return exchange, dose
    return None


def _both_on_one_day(exchanges: list[_Exchange], doses: list[_Dose]) -> tuple[_Exchange, _Dose] | None:
    """The newest exchange that ended on the day of a dose."""
    for exchange in reversed(exchanges):
        for dose in reversed(doses):
            if dose.day == exchange.last:
                return exchange, dose
    return None


def immunoglobulin_days(patient: PatientFacts, today: int) -> list[_Dose]:
    """Days up to today on which a patient had intravenous immunoglobulin, oldest first."""
    days = []
    for one in patient.statements:
        if not _is_immunoglobulin(one.drug):
            continue
        often = frequencies().get(one.frequency)
        interval = often.every_days if often else None
        goes_on = bool(interval) and one.end is None and one.status != "stopped"
        last = today if goes_on else one.start if one.end is None else min(one.end, today)
        # One infusion spread over several days is written as a single dose with a last day.
        days += [_Dose(day, one) for day in range(one.start, last + 1, interval or 1)]
    return sorted(days, key=_by_day)


@remembered(maxsize=512)
def _is_immunoglobulin(name: str) -> bool:
    row = drug(name)
    return row is not None and row.key == "ivig"


def explain(row: Mapping[str, Any], parameters: Parameters) -> str:
    """Both days."""
    first, last = row["exchange_day"], row.get("exchange_last") or row["exchange_day"]
    exchange = "Plasma exchange " + (
        f"on {day_text(first)}" if first == last else f"from {day_text(first)} to {day_text(last)}"
    )
    if row["dose_day"] is None or row["dose_day"] != row["dose_day"]:  # a frame writes a missing day as NaT
        return f"{exchange}, no immunoglobulin before it."
    dose = f"immunoglobulin on {day_text(row['dose_day'])}"
    if row["state"] == CANNOT_TELL:
        return f"{exchange}, {dose}: {row['cannot_tell_because']}."
    if row["state"] == NOT_MET:
        return f"{exchange}, {dose}: more than {parameters.caution_days} days apart."
    if row["dose_day"] >= first:
        return f"{exchange}, {dose} while it was going on: it removes what was just given."
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
    assess=assess,
    explain=explain,
    suggested_action=suggested_action,
    parameters=Parameters,
    subject="patient",
    reads=("plasmapheresis", "medications"),
    version="2.0.0",
    changed="active: its caution is that of the educational page; only the 21 days are from memory and marked so",
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
    clears_when="the exchange is recorded as not done",
    in_time=lambda limits: f"the exchange is more than {stretch(limits.shown_days)} ago",
    topic="treatment safety",
    limitations=(
        "The three weeks are from memory and to be verified; that an exchange soon after immunoglobulin removes it is "
        "what the page says. A caution, never a ban. "
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
