"""To leave tests out for a while or to note that they were not possible, and to take that back."""

import datetime as dt
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.components.dates import day_and_ago, short_day
from dashboard.components.states import notice
from dashboard.pages.labs_due.states import (
    FORM_KIND,
    FORM_PATIENT,
    FORM_REASON,
    FORM_SAVE,
    FORM_TESTS,
    FORM_UNTIL,
    UNDO,
    Row,
    short_label,
)
from dashboard.secure import Current
from jobs.evaluation import evaluate
from jobs.importers.canonical import ObservationRow
from jobs.importers.load import record_facts
from models.accounts import audit
from models.alert_lifecycle import present_day
from models.database import writing
from models.errors import ActionRefused
from models.labs_due import (
    LONGEST_PAUSE_DAYS,
    end_pause,
    labs_rows,
    not_done_ids,
    patient_of,
    pause,
    take_back_not_done,
)
from models.patient_summary import NOT_TAKEN
from models.vocabulary import measures, tests

REASONS = (
    "Taken elsewhere, result awaited",
    "Treatment on hold",
    "Patient away",
    "Patient declined",
    "Blood could not be drawn",
    "Not needed: agreed with physician",
)


def leave_out(here: Current, mrn: str, kind: str, chosen: Sequence[str], reason: str, until: str | None) -> Any:
    """Pause tests, or note that they could not be taken; then answer the patient's rules anew. Returns what was done.

    Raises:
        ActionRefused: something the note needs is missing.
    """
    ids: list[int]
    with writing(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        patient = patient_of(session, mrn)
        required = {row["test"] for row in labs_rows(session, mrn=mrn)}
        if set(chosen) - required:
            raise ActionRefused("One of the tests is no longer required of this patient. Open the form again.")
        if kind == "pause":
            end = dt.date.fromisoformat(until) if until else None
            ids = pause(
                session, patient, chosen, reason=reason, until=end, by=here.user.name, today=today, now=here.now
            )
            action, what = "pause tests", f"paused until {short_day(end, today)}"
        else:
            if not chosen:
                raise ActionRefused("Choose at least one test.")
            if not reason.strip():
                raise ActionRefused("Say why the test was not possible.")
            if any(tests()[test].measures[0] not in measures() for test in chosen):
                raise ActionRefused("An examination can be paused, but not recorded as not possible.")
            marks = {test: f"not-possible-{secrets.token_hex(8)}" for test in chosen}
            record_facts(
                session,
                [
                    ObservationRow(
                        mrn=mrn,
                        measure=tests()[test].measures[0],
                        observed_at=today.isoformat(),
                        status="not-done",
                        reason=reason.strip(),
                        source_id=mark,
                        value="",
                    )
                    for test, mark in marks.items()
                ],
                by=here.user.name,
                now=here.now,
                timezone=here.settings.timezone,
            )
            ids = not_done_ids(session, patient.id or 0, list(marks.values()))
            action, what = "test not possible", "recorded as not possible"
        audit(
            session, here.user.name, action, now=here.now, patient_id=patient.id, detail=", ".join(sorted(set(chosen)))
        )
        name = patient.name
    _evaluate(here, mrn, today)
    labels = _and(short_label(tests()[test].label) for test in chosen)
    return notice(
        [
            f"{labels} of {name} {what}. ",
            html.Button("Undo", id=_undo_id("pause" if kind == "pause" else "not_done", ids), className="link"),
        ]
    )


def ask_again(here: Current, kind: str, ids: Sequence[int]) -> str:
    """Take back pauses or notes; returns the patient's name.

    Raises:
        ActionRefused: taken back already.
    """
    take_back: Callable[..., Any] = end_pause if kind == "pause" else take_back_not_done
    with writing(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        owners = {patient.mrn: patient for patient in (take_back(session, one, now=here.now) for one in ids)}
        for patient in owners.values():
            audit(session, here.user.name, f"take back {kind.replace('_', ' ')}", now=here.now, patient_id=patient.id)
        names = _and(patient.name for patient in owners.values())
        mrns = list(owners)
    for mrn in mrns:
        _evaluate(here, mrn, today)
    return names


def _evaluate(here: Current, mrn: str, today: dt.date) -> None:
    """The answer changes at once for the one patient; the panel's next run finds nothing new."""
    evaluate(here.engine, today, timezone=here.settings.timezone, mrns=[mrn], collect=False, now=here.now)


def form(mrn: str, rows: list[Row], known: list[dict[str, Any]], today: dt.date) -> Any:
    """What a nurse or physician fills in to leave tests out, and what is left out already."""
    wanted = [row for row in rows if row["state"] == "cannot_tell" or _is_due(row, today)] or rows
    return html.Div(
        [
            dcc.Store(id=FORM_PATIENT, data=mrn),
            dmc.SegmentedControl(
                id=FORM_KIND,
                value="pause",
                fullWidth=True,
                data=[{"value": "pause", "label": "Pause"}, {"value": "not_done", "label": "Not possible this time"}],
            ),
            dmc.MultiSelect(
                id=FORM_TESTS,
                label="Tests",
                required=True,
                data=[{"value": row["test"], "label": short_label(row["label"])} for row in rows],
                value=[row["test"] for row in wanted],
            ),
            dmc.Autocomplete(
                id=FORM_REASON,
                label="Reason",
                required=True,
                placeholder="In your words, or one of the usual ones",
                data=list(REASONS),
            ),
            dmc.DatePickerInput(
                id=FORM_UNTIL,
                label="Until",
                value=(today + dt.timedelta(days=28)).isoformat(),
                minDate=today.isoformat(),
                maxDate=(today + dt.timedelta(days=LONGEST_PAUSE_DAYS)).isoformat(),
                valueFormat="D MMM YYYY",
            ),
            html.Div(html.Button("Leave out", id=FORM_SAVE, className="button"), className="form-end"),
            html.Div([html.H3("Left out now"), *_excuses(known, today)], className="left-out") if known else None,
        ],
        className="form-stack",
    )


def _is_due(row: Row, today: dt.date) -> bool:
    return row["state"] not in NOT_TAKEN and bool(row["due"]) and row["due"] <= today


def _excuses(known: list[dict[str, Any]], today: dt.date) -> list[Any]:
    """What is left out already; what was said in one go is one line and taken back together."""
    together: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for one in known:
        together[one["kind"], one["reason"], one["day"], one["until"], one["by"]].append(one)
    lines = []
    for (kind, reason, day, until, by), group in together.items():
        names = ", ".join(sorted(_what(str(one["what"])) for one in group))
        span = f"paused until {short_day(until, today)}" if until else f"not possible {day_and_ago(day, today)}"
        lines.append(
            html.Div(
                [
                    html.Span([html.B(names), f" {span}: {reason} ", html.Span(f"({by})", className="sub")]),
                    html.Button("Take back", id=_undo_id(kind, [one["id"] for one in group]), className="link nowrap"),
                ],
                className="line",
            )
        )
    return lines


def _what(key: str) -> str:
    """The name of a test, or of the test that a measure belongs to."""
    if key == "all":
        return "All tests"
    if key in tests():
        return short_label(tests()[key].label)
    found = next((test.label for test in tests().values() if key in test.measures), "")
    return short_label(found) if found else measures()[key].short_label if key in measures() else key


def _undo_id(kind: str, ids: Sequence[int]) -> dict[str, str]:
    return {"type": UNDO, "kind": kind, "ids": ",".join(map(str, ids))}


def _and(words: Iterable[str]) -> str:
    found = list(words)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""
