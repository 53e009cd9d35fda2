"""Typing facts in: a score (in total or item by item), a result, a drug begun, changed or stopped, an event.

What is typed goes through the importer's own checks and versions; a message stands at the field it is about. After
each entry the rules look at this patient again, so that the page answers at once.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from sqlmodel import Session

from dashboard.components.accessible import aria
from dashboard.components.dates import short_day
from dashboard.components.formats import number
from dashboard.patient.restate import restated, withdrawal
from dashboard.patient.view import STRENGTH, dose_text
from dashboard.secure import Current
from jobs.evaluation import evaluate
from jobs.importers.load import FactsRefused, record_facts, row_from_form
from jobs.scores.cmas import ITEMS, cmas
from jobs.scores.exact import ScoreInputError
from jobs.scores.mmt import MUSCLE_GROUPS, SIDES, composition, mmt
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
    INTENTS,
    ROUTES,
    STEROID_ROUTES_NOT_COUNTED,
    accepted_units,
    drug,
    drugs,
    events,
    frequencies,
    measures,
    vocabulary,
)

KINDS = ("score", "result", "drug", "event")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "score": ("measure", "value", "observed_at", "assessor", "comment"),
    "result": ("measure", "value", "unit", "upper_limit", "lower_limit", "assay", "observed_at", "comment"),
    "drug": ("current", "drug", "dose", "unit", "frequency", "route", "intent", "start_date", "end_date"),
    "event": ("event", "date", "end_date", "present", "detail"),
}
"""The fields of each form; all but `current` are columns of the canonical rows."""

DRUG_FIELDS: Mapping[str, tuple[str, ...]] = {
    "start": ("drug", "dose", "unit", "frequency", "route", "intent", "start_date", "end_date"),
    "change": ("current", "dose", "unit", "frequency", "start_date"),
    "stop": ("current", "end_date"),
}
DOSE_UNITS = ("mg", "g", "mg/kg", "g/kg", "mg/m2")
ITEMISED = STRENGTH
_POPUP = {"zIndex": 430}


def field_id(kind: str, field: str) -> str:
    """The id of a form's field."""
    return f"patient-{kind}-{field}"


# ---------------------------------------------------------------------------------------------------------------- forms


def forms(today: dt.date, running: Sequence[tuple[int, str]], weight: float | None) -> Any:
    """The four forms as tabs. `running` are the current medication statements: id and words."""
    return dmc.Tabs(
        [
            dmc.TabsList(
                [
                    dmc.TabsTab(text, value=kind)
                    for kind, text in zip(KINDS, ("Score", "Result", "Drug", "Event"), strict=True)
                ]
            ),
            dmc.TabsPanel(_score_form(today), value="score", pt="sm"),
            dmc.TabsPanel(_result_form(today), value="result", pt="sm"),
            dmc.TabsPanel(_drug_form(today, running, weight), value="drug", pt="sm"),
            dmc.TabsPanel(_event_form(today), value="event", pt="sm"),
        ],
        value="score",
        id="patient-entry-tabs",
        keepMounted=True,
    )


def _select(kind: str, field: str, label: str, data: Any, value: str | None = None, **more: Any) -> Any:
    return dmc.Select(
        id=field_id(kind, field),
        label=label,
        data=data,
        value=value,
        size="sm",
        comboboxProps=_POPUP,
        **({"searchable": True} | more),
    )


def _date(kind: str, field: str, label: str, value: dt.date | None, **more: Any) -> Any:
    return dmc.DateInput(
        id=field_id(kind, field),
        label=label,
        value=value.isoformat() if value else None,
        valueFormat="YYYY-MM-DD",
        size="sm",
        clearable=value is None,
        popoverProps=_POPUP,
        **more,
    )


def _text(kind: str, field: str, label: str, **more: Any) -> Any:
    return dmc.TextInput(id=field_id(kind, field), label=label, value="", size="sm", **more)


def _end(kind: str) -> list[Any]:
    return [
        html.Div(id=f"patient-{kind}-said", role="alert", className="form-said"),
        html.Div(
            html.Button("Save", id=f"patient-{kind}-save", type="button", className="button", n_clicks=0),
            className="form-end",
        ),
    ]


def _score_form(today: dt.date) -> Any:
    kinds = {"strength", "global", "function", "skin"}
    names = [key for key, row in measures().items() if row.kind in kinds and key not in vocabulary().retired]
    options = [
        {"value": key, "label": f"{measures()[key].short_label} (of {number(measures()[key].max_value or 0)})"}
        for key in names
    ]
    return html.Div(
        [
            html.Div(
                [
                    _select("score", "measure", "Instrument", options, "cmas", allowDeselect=False),
                    _date("score", "observed_at", "Day", today),
                ],
                className="form-row",
            ),
            html.Div(
                [
                    _text("score", "value", "Total", inputProps={"inputMode": "decimal"}),
                    _text("score", "assessor", "Assessor", description=None),
                ],
                className="form-row",
            ),
            html.Details(
                [html.Summary("Enter item by item, the total is worked out"), html.Div(id="patient-items")],
                id="patient-items-box",
            ),
            html.Div(id="patient-items-said", role="status"),
            _text("score", "comment", "Comment"),
            *_end("score"),
        ],
        className="form-stack",
    )


def _result_form(today: dt.date) -> Any:
    kinds = {"laboratory": "Laboratory", "body": "Body", "respiratory": "Breathing"}
    data = [
        {
            "group": title,
            "items": [
                {"value": key, "label": row.label}
                for key, row in measures().items()
                if row.kind == kind and key not in vocabulary().retired
            ],
        }
        for kind, title in kinds.items()
    ]
    return html.Div(
        [
            html.Div(
                [
                    _select("result", "measure", "Test", data, "ck", allowDeselect=False),
                    _date("result", "observed_at", "Day taken", today),
                ],
                className="form-row",
            ),
            html.Div(
                [
                    _text("result", "value", "Value", placeholder="may begin with < or >"),
                    _select("result", "unit", "Unit", unit_options("ck"), "U/L", allowDeselect=False),
                ],
                className="form-row",
            ),
            html.Div(
                [
                    _text("result", "upper_limit", "Upper limit on the report"),
                    _text("result", "lower_limit", "Lower limit"),
                ],
                className="form-row",
            ),
            html.Div([_text("result", "assay", "Assay"), _text("result", "comment", "Comment")], className="form-row"),
            *_end("result"),
        ],
        className="form-stack",
    )


def _drug_form(today: dt.date, running: Sequence[tuple[int, str]], weight: float | None) -> Any:
    current = [{"value": str(one), "label": text} for one, text in running]
    words = {key: row.label for key, row in frequencies().items()}
    note = f"Last weight {number(weight)} kg" if weight else "No weight on file: doses per kg cannot be worked out"
    return html.Div(
        [
            dmc.SegmentedControl(
                id="patient-drug-mode",
                value="start",
                data=[
                    {"value": "start", "label": "Start"},
                    {"value": "change", "label": "Change dose"},
                    {"value": "stop", "label": "Stop"},
                ],
                size="xs",
            ),
            html.Div(
                _select("drug", "current", "Which", current, nothingFoundMessage="Nothing is being taken"),
                id="patient-drug-current-box",
                hidden=True,
            ),
            html.Div(
                _select("drug", "drug", "Drug", [{"value": key, "label": row.label} for key, row in drugs().items()]),
                id="patient-drug-drug-box",
            ),
            html.Div(
                [
                    _text("drug", "dose", "Dose", inputProps={"inputMode": "decimal"}),
                    _select("drug", "unit", "Unit", list(DOSE_UNITS), "mg", allowDeselect=False, searchable=False),
                    _select(
                        "drug",
                        "frequency",
                        "How often",
                        [{"value": key, "label": text} for key, text in words.items()],
                        "daily",
                        allowDeselect=False,
                        searchable=False,
                    ),
                ],
                className="form-row",
                id="patient-drug-dose-box",
            ),
            html.Div(
                [
                    _select("drug", "route", "Route", _route_options(), "oral", allowDeselect=False, searchable=False),
                    _select(
                        "drug", "intent", "Given as", sorted(INTENTS), "daily", allowDeselect=False, searchable=False
                    ),
                ],
                className="form-row",
                id="patient-drug-route-box",
            ),
            html.Div(
                [
                    html.Div(_date("drug", "start_date", "First day", today), id="patient-drug-start-box"),
                    html.Div(
                        _date("drug", "end_date", "Last day taken (empty: continuing)", None), id="patient-drug-end-box"
                    ),
                ],
                className="form-row",
            ),
            html.P(note, className="quiet small"),
            *_end("drug"),
        ],
        className="form-stack",
    )


def _route_options() -> list[dict[str, str]]:
    counted = sorted(ROUTES - STEROID_ROUTES_NOT_COUNTED, key=("oral", "iv", "sc", "im").index)
    return [{"value": key, "label": key} for key in (*counted, *sorted(STEROID_ROUTES_NOT_COUNTED))]


def _event_form(today: dt.date) -> Any:
    titles = {"symptom": "Symptoms", "procedure": "Procedures", "screening": "Screening", "condition": "Conditions"}
    groups: dict[str, list[dict[str, str]]] = {}
    for key, row in events().items():
        if key == CONFIRMED:
            continue  # It has its own button, beside the drug.
        groups.setdefault(titles.get(row.kind, "Other"), []).append({"value": key, "label": row.label})
    data = [{"group": title, "items": items} for title, items in groups.items()]
    return html.Div(
        [
            html.Div(
                [
                    _select("event", "event", "Event", data),
                    _select(
                        "event",
                        "present",
                        "Present",
                        [{"value": "yes", "label": "yes"}, {"value": "no", "label": "no: asked and absent"}],
                        "yes",
                        allowDeselect=False,
                        searchable=False,
                    ),
                ],
                className="form-row",
            ),
            html.Div(
                [_date("event", "date", "Day", today), _date("event", "end_date", "Until (if over)", None)],
                className="form-row",
            ),
            _text("event", "detail", "Detail"),
            *_end("event"),
        ],
        className="form-stack",
    )


def unit_options(measure: str) -> list[dict[str, str]]:
    """The units a measure may come in, its own first; a pure score says so."""
    known = list(dict.fromkeys([measures()[measure].unit, *accepted_units(measure)]))
    return [{"value": unit or "-", "label": unit or "no unit"} for unit in known]


# ---------------------------------------------------------------------------------------------------------------- items


def item_fields(measure: str) -> Any:
    """A field for each item of an instrument; nothing for a score without items."""
    if measure == "cmas":
        rows = []
        for key, item in ITEMS.items():
            seconds = _item(f"{key}", "seconds", f"{item.label}, seconds", None) if item.seconds_from else html.Span()
            rows.append(
                html.Div([html.Span(f"{key}. {item.label}"), _item(key, "score", item.label, item.maximum), seconds])
            )
        head = html.Div([html.Span("Item"), html.Span("Grade"), html.Span("Seconds")], className="quiet small")
        return html.Div([head, *rows], className="items")
    if measure in STRENGTH:
        wanted = set(composition(measure))
        rows = []
        for key, group in MUSCLE_GROUPS.items():
            if not group.paired and key in wanted:
                rows.append(html.Div([html.Span(group.label), _item(key, "score", group.label, 10), html.Span()]))
            elif f"{key}.right" in wanted:
                left = f"{key}.left"
                rows.append(
                    html.Div(
                        [
                            html.Span(group.label),
                            _item(f"{key}.right", "score", f"{group.label} right", 10),
                            _item(left, "score", f"{group.label} left", 10) if left in wanted else html.Span(),
                        ]
                    )
                )
        head = html.Div(
            [html.Span("Muscle group, 0 to 10"), html.Span("Right"), html.Span("Left")], className="quiet small"
        )
        return html.Div([head, *rows], className="items")
    return html.P("This score has no items.", className="quiet")


def _item(key: str, part: str, label: str, maximum: int | None) -> Any:
    return dmc.NumberInput(
        id={"type": "patient-item", "item": key, "part": part},
        size="xs",
        min=0,
        max=maximum,
        clampBehavior="none",
        hideControls=True,
        allowDecimal=part == "seconds",
        placeholder=f"0–{maximum}" if maximum else "s",
        value="",
        debounce=200,
        **aria(label=label),
    )


def total_of_items(
    measure: str, items: Mapping[tuple[str, str], Any]
) -> tuple[int | None, list[str], list[dict[str, Any]]]:
    """Total, remarks and the items to keep, from what was typed (`(item, "score" | "seconds")` -> value)."""
    given = {key: value for key, value in items.items() if value not in ("", None)}
    if not given:
        return None, [], []
    kept: dict[str, dict[str, Any]] = {}
    for (item, part), value in given.items():
        name, _, side = item.partition(".")
        kept.setdefault(item, {"item": name, "side": side})[part] = float(value)
    try:
        if measure == "cmas":
            grades: dict[str, dict[str, Any]] = {}
            for (item, part), value in given.items():
                grades.setdefault(item, {})[part] = value
            score = cmas({"items": grades})
            missing = [f"Items still empty: {', '.join(score['missing'])}."] if score["missing"] else []
            return score["total"], [*missing, *score["problems"]], list(kept.values())
        muscles: dict[str, Any] = {}
        for (item, _part), value in given.items():
            name, _, side = item.partition(".")
            if side in SIDES:
                muscles.setdefault(name, {})[side] = value
            else:
                muscles[name] = value
        told = mmt({"instrument": measure, "items": muscles})
        missing = [f"{len(told['missing'])} groups still empty."] if told["missing"] else []
        return told["total"], [*missing, *told["flags"], *told["problems"]], list(kept.values())
    except ScoreInputError as error:
        return None, [str(error)], list(kept.values())


# --------------------------------------------------------------------------------------------------------------- saving


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


# --------------------------------------------------------------------------------------------------------------- record


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
            html.Td(f"{row.value} {row.unit}".strip(), className="nowrap"),
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
