"""To store what was typed in, to correct it or take it back; and what is on file, entry by entry."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from sqlmodel import Session

from dashboard.components.dates import short_day
from dashboard.patient.entry.forms import DRUG_FIELDS
from dashboard.patient.restate import restated, withdrawal
from dashboard.patient.view import dose_text
from dashboard.secure import Current
from jobs.evaluation import evaluate
from jobs.importers.load import FactsRefused, record_facts, row_from_form
from models.accounts import audit
from models.alert_lifecycle import present_day
from models.database import reading, writing
from models.errors import ActionRefused
from models.event import CONFIRMED
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import Patient
from models.patient_record import FactOnFile, find, keep_items, stored_fact
from models.vocabulary import (
    drug,
    events,
    measures,
    written_unit,
)


def save_score(here: Current, mrn: str, cells: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> None:
    """Store a score with its items, and ask the rules again.

    Raises:
        FactsRefused: the importer's messages, by column. ActionRefused: the patient is unknown.
    """
    row = row_from_form("observations", {"mrn": mrn, "unit": "", **_given(cells)})
    with writing(here.engine) as session:
        patient = _patient(session, mrn)
        record_facts(session, [row], by=here.user.name, now=here.now, timezone=here.settings.timezone)
        keep_items(
            session,
            patient.id or 0,
            str(cells["measure"]),
            dt.date.fromisoformat(str(cells["observed_at"])[:10]),
            items,
        )
        audit(session, here.user.name, "entered score", now=here.now, patient_id=patient.id)
    ask_again(here, mrn)


def save_result(here: Current, mrn: str, cells: Mapping[str, Any]) -> None:
    """Store a result. Raises as `save_score`."""
    said = _given(cells)
    if said.get("unit") == "-":
        said["unit"] = ""
    row = row_from_form("observations", {"mrn": mrn, "value": "", "unit": "", "observed_at": "", **said})
    _store(here, mrn, [(row, "manual")], "entered result")


def save_event(here: Current, mrn: str, cells: Mapping[str, Any]) -> None:
    """Store an event. Raises as `save_score`."""
    row = row_from_form("events", {"mrn": mrn, "event": "", "date": "", **_given(cells)})
    _store(here, mrn, [(row, "manual")], "entered event")


def confirm_medication(here: Current, mrn: str, name: str) -> None:
    """Note that somebody confirmed today with the patient that a drug is taken as stated; all drugs: empty `name`.

    Raises:
        ActionRefused, FactsRefused: as `save_score`.
    """
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
    row = row_from_form(
        "events",
        {
            "mrn": mrn,
            "event": CONFIRMED,
            "date": today.isoformat(),
            "detail": name,
            # Confirmed, taken back and confirmed again on one day: each is an event of its own.
            "source_id": f"{CONFIRMED}:{mrn}:{name or 'all'}:{here.now.isoformat()}",
        },
    )
    _store(here, mrn, [(row, "manual")], "confirmed medication")


def save_drug(here: Current, mrn: str, mode: str, cells: Mapping[str, Any]) -> None:
    """Begin, change or stop a drug. A change ends the statement before it on the day before the new one begins.

    Raises:
        FactsRefused, ActionRefused: as `save_score`.
    """
    said = {key: value for key, value in _given(cells).items() if key in DRUG_FIELDS[mode] and key != "current"}
    empty = {"drug": "", "dose": "", "unit": "", "frequency": "", "start_date": ""}
    if mode == "start":
        _store(here, mrn, [(row_from_form("medications", {"mrn": mrn, **empty, **said}), "manual")], "entered drug")
        return
    if not cells.get("current"):
        raise FactsRefused([(0, "current", "", "say which of the drugs")])
    with reading(here.engine) as session:
        patient = _patient(session, mrn)
        before = stored_fact(session, patient.id or 0, "m", int(str(cells["current"])))
        session.expunge_all()
    if not isinstance(before, MedicationStatement):
        raise ActionRefused("This is not a drug.")
    told: dict[str, Any] = {"timezone": here.settings.timezone, "now": here.now}
    if mode == "stop":
        if not said.get("end_date"):
            raise FactsRefused([(0, "end_date", "", "the last day taken is missing")])
        _store(here, mrn, [(restated(before, mrn, **told, end_date=said["end_date"]), before.sender)], "stopped drug")
        return
    begins = said.get("start_date")
    if not begins:
        raise FactsRefused([(0, "start_date", "", "the first day of the new dose is missing")])
    day = dt.date.fromisoformat(str(begins)[:10])
    if day <= before.start_on:
        raise FactsRefused(
            [(0, "start_date", str(begins), f"the dose before began on {before.start_on}; withdraw it if it was wrong")]
        )
    last = (day - dt.timedelta(days=1)).isoformat()
    ended = restated(before, mrn, **told, end_date=last)
    begun = row_from_form(
        "medications",
        {"mrn": mrn, **empty, **said, "drug": before.drug, "route": before.route, "intent": before.intent},
    )
    _store(here, mrn, [(ended, before.sender), (begun, "manual")], "changed dose")


def withdraw(here: Current, mrn: str, kind: str, fact_id: int, reason: str) -> None:
    """Take a wrong entry back: it stays in the history as entered in error and counts nowhere.

    Raises:
        ActionRefused: no reason, no such entry, or an entry that cannot be said again here.
    """
    if not reason.strip():
        raise ActionRefused("Say why the entry is wrong: it stays on record.")
    with reading(here.engine) as session:
        patient = _patient(session, mrn)
        fact = stored_fact(session, patient.id or 0, kind, fact_id)
        session.expunge_all()
    if fact.status == "entered-in-error":
        raise ActionRefused("This entry is withdrawn already.")
    row = withdrawal(fact, mrn, reason.strip(), timezone=here.settings.timezone, now=here.now)
    _store(here, mrn, [(row, fact.sender)], "withdrew entry")


def correct_value(here: Current, mrn: str, fact_id: int, value: str, reason: str) -> None:
    """Replace the value of a result or score, keeping its day, unit, limits, assay and assessor.

    Raises:
        ActionRefused, FactsRefused: as `withdraw`, or the value cannot be.
    """
    if not reason.strip():
        raise ActionRefused("Say why the value is corrected: both stay on record.")
    told: dict[str, Any] = {"timezone": here.settings.timezone, "now": here.now}
    with reading(here.engine) as session:
        patient = _patient(session, mrn)
        fact = stored_fact(session, patient.id or 0, "o", fact_id)
        session.expunge_all()
    if not isinstance(fact, Observation):
        raise ActionRefused("Only results and scores have a value to correct.")
    limits: dict[str, Any] = {
        name: "" if limit is None else f"{limit!r}"
        for name, limit in (("upper_limit", fact.upper_limit), ("lower_limit", fact.lower_limit))
    }
    if fact.source_id:
        new = restated(
            fact, mrn, **told, value=value, unit=fact.unit, status="corrected", reason=reason.strip(), **limits
        )
        _store(here, mrn, [(new, fact.sender)], "corrected entry")
        return
    # Without a sender's id the value is part of what makes it this fact: the wrong one is taken back first.
    row = row_from_form(
        "observations",
        {
            "mrn": mrn,
            "measure": fact.measure,
            "value": value,
            "unit": fact.unit,
            "observed_at": fact.effective_at.isoformat(),
            "assay": fact.assay or "",
            "assessor": fact.assessor or "",
            "status": "corrected",
            "reason": reason.strip(),
            **limits,
        },
    )
    _store(
        here, mrn, [(withdrawal(fact, mrn, reason.strip(), **told), fact.sender), (row, "manual")], "corrected entry"
    )


def _store(here: Current, mrn: str, rows: Sequence[tuple[Any, str]], action: str) -> None:
    """Store rows of one or more senders in one transaction, note who did it, and ask the rules again."""
    with writing(here.engine) as session:
        patient = _patient(session, mrn)
        for row, sender in rows:
            record_facts(
                session, [row], by=here.user.name, now=here.now, timezone=here.settings.timezone, sender=sender
            )
        audit(session, here.user.name, action, now=here.now, patient_id=patient.id)
    ask_again(here, mrn)


def ask_again(here: Current, mrn: str) -> None:
    """Let the rules look at this patient, on the day the list stands at."""
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
    evaluate(here.engine, today, timezone=here.settings.timezone, mrns=[mrn], collect=False, now=here.now)


def _patient(session: Session, mrn: str) -> Patient:
    patient = find(session, mrn)
    if patient is None:
        raise ActionRefused(f"There is no patient {mrn} any more.")
    return patient


def _given(cells: Mapping[str, Any]) -> dict[str, Any]:
    return {key: "" if value is None else str(value) for key, value in cells.items()}


def running_statements(rows: Sequence[MedicationStatement], today: dt.date) -> list[tuple[int, str]]:
    """Statements that go on, for the lists of what can be changed or stopped."""
    found = []
    for row in rows:
        if row.known_to is not None or row.status != "active" or row.frequency == "once":
            continue
        if row.end_on is not None and row.end_on < today:
            continue
        known = drug(row.drug)
        label = known.label if known else row.drug
        dose = dose_text(row.dose, row.unit, row.frequency)
        found.append((row.id or 0, f"{label} {dose}, since {short_day(row.start_on, today)}"))
    return found


def record_table(rows: Sequence[FactOnFile], today: dt.date) -> Any:
    """Every current entry with where it came from, and the way to take it back or correct it."""
    if not rows:
        return html.P("Nothing on file yet.", className="quiet")
    return html.Table(
        [
            html.Thead(
                html.Tr(
                    [
                        *[html.Th(text) for text in ("Day", "Entry", "Value", "From")],
                        html.Th(html.Span("Change", className="only-read")),
                    ]
                )
            ),
            html.Tbody([_record_row(row, today) for row in rows]),
        ],
        className="plain record",
    )


def _record_row(row: FactOnFile, today: dt.date) -> html.Tr:
    if row.kind == "o":
        label = measures()[row.what].short_label if row.what in measures() else row.what
    elif row.kind == "m":
        known = drug(row.what)
        label = known.label if known else row.what
    else:
        label = events()[row.what].label if row.what in events() else row.what
    gone = row.status in {"entered-in-error", "cancelled"}
    who = row.entered_by or row.sender
    buttons: list[Any] = [html.Span("withdrawn", className="quiet")] if gone else []
    if not gone:
        if row.kind == "o" and row.status != "not-done":
            buttons.append(_record_button(row, "correct", "Correct"))
        buttons.append(_record_button(row, "withdraw", "Withdraw"))
    return html.Tr(
        [
            html.Td(short_day(row.day, today), className="nowrap"),
            html.Td([label, html.Small(f" {row.detail}", className="quiet") if row.detail else None]),
            html.Td(f"{row.value} {written_unit(row.unit)}".strip(), className="nowrap"),
            html.Td(who, className="quiet"),
            html.Td(buttons, className="row-actions"),
        ],
        className="gone" if gone else None,
    )


def _record_button(row: FactOnFile, act: str, text: str) -> html.Button:
    return html.Button(
        text,
        id={"type": "patient-fact", "kind": row.kind, "fact": row.id, "act": act},
        className="button-quiet",
        type="button",
    )
