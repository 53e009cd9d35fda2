"""The thresholds and the status of a rule: which are in use, and to change them for the clinic or for one patient."""

import datetime as dt
from dataclasses import Field
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from sqlmodel import Session

from dashboard.components.badges import mark_tag
from dashboard.components.dates import short_day
from dashboard.components.tables import table
from dashboard.pages.rule.words import (
    CHANGE,
    FROM,
    MRN,
    REASON,
    RESET,
    SAVE,
    STATUS,
    UNTIL,
    VALUE,
    WHAT,
    as_sentence,
    range_words,
    value_words,
    with_values,
)
from dashboard.pages.rules.rule_list import STATUS_WORDS, UNCERTAIN
from dashboard.secure import Current
from jobs.evaluation import evaluate
from jobs.provenance import Number, all_numbers
from jobs.rule import Rule
from jobs.thresholds import Thresholds, set_parameter, set_status
from models.accounts import audit
from models.alert_lifecycle import present_day
from models.database import writing
from models.errors import ActionRefused
from models.labs_due import patient_of
from models.rule_activity import (
    history,
)
from models.vocabulary import written_unit


def change(
    here: Current,
    shown: Rule,
    what: str,
    value: Any,
    begins: str | None,
    mrn: str,
    until: str | None,
    reason: str,
) -> str:
    """Set a threshold or the status (`what` is STATUS) from a day on; None goes back to what holds without it.

    What has come into force is evaluated at once. Returns what was done, in words.

    Raises:
        ActionRefused: no reason, a value out of range, a patient's own without an end, a day in the past.
    """
    with writing(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        day = dt.date.fromisoformat(begins) if begins else today
        if day < today:
            # A replay of last month has to find last month's thresholds.
            raise ActionRefused("A change begins today at the earliest: what was concluded before stands as it was.")
        if what == STATUS:
            set_status(
                session, shown.key, str(value), reason=reason, author=here.user.name, valid_from=day, now=here.now
            )
            patient_id, said = None, f"{shown.title}: {value} from {short_day(day, today)} on."
        else:
            patient = patient_of(session, mrn) if mrn else None
            patient_id = patient.id if patient else None
            end = dt.date.fromisoformat(until) if patient and until else None
            if patient and value is None and end is None:
                end = _end_of_own(session, shown.key, what, mrn, day)
            set_parameter(
                session,
                shown.key,
                what,
                value,
                reason=reason,
                author=here.user.name,
                valid_from=day,
                now=here.now,
                patient_id=patient_id,
                expires_on=end,
            )
            whom = f"for {patient.name} {mrn}" if patient else "for the clinic"
            shown_value = "back to what holds without it" if value is None else f"{value_words(value)}"
            said = f"{what.replace('_', ' ').capitalize()} {whom}: {shown_value}, from {short_day(day, today)} on."
        audit(
            session,
            here.user.name,
            "change rule status" if what == STATUS else "change threshold",
            now=here.now,
            patient_id=patient_id,
            detail=f"{shown.key} {'' if what == STATUS else what}".strip(),
        )
    if day <= today:
        evaluate(
            here.engine,
            today,
            timezone=here.settings.timezone,
            mrns=[mrn] if mrn else None,
            collect=False,
            now=here.now,
        )
    return said


def _end_of_own(session: Session, key: str, parameter: str, mrn: str, day: dt.date) -> dt.date:
    """Until when a patient's own threshold would hold: taking it back has to last as long."""
    ends: list[dt.date] = [
        one["expires_on"]
        for one in history(session, key)
        if one["mrn"] == mrn and one["parameter"] == parameter and one["expires_on"] and one["expires_on"] >= day
    ]
    if not ends:
        raise ActionRefused(f"Patient {mrn} has no threshold of their own here.")
    return max(ends)


def threshold_field(shown: Rule, name: str) -> Field[Any]:
    """The threshold of that name, refused where the rule has none."""
    for field in shown.parameter_fields():
        if field.name == name:
            return field
    raise ActionRefused(f"{shown.title} has no threshold {name!r} in this version.")


def threshold_form(shown: Rule, field: Field[Any], thresholds: Thresholds, today: dt.date) -> Any:
    """A value, from when, for whom, until when, why."""
    meta = field.metadata
    value = getattr(thresholds.clinic[shown.key], field.name)
    label = (meta["meaning"][:1].upper() + meta["meaning"][1:]).replace("`", "")
    if meta["choices"]:
        entry: Any = dmc.Select(id=VALUE, label=label, value=value, data=list(meta["choices"]), allowDeselect=False)
    elif isinstance(field.default, bool):
        choices = [{"value": "true", "label": "yes"}, {"value": "false", "label": "no"}]
        entry = dmc.Select(id=VALUE, label=label, value=str(value).lower(), data=choices, allowDeselect=False)
    else:
        entry = dmc.NumberInput(
            id=VALUE,
            label=label,
            description=f"{range_words(meta)} {written_unit(meta['unit'])}; default {value_words(field.default)}",
            value=value,
            min=meta["low"],
            max=meta["high"],
            allowDecimal=not isinstance(field.default, int),
            clampBehavior="none",
        )
    return html.Div(
        [
            dcc.Store(id=WHAT, data=field.name),
            entry,
            html.Div([mark_tag(meta["mark"]), " ", html.Span(meta["source"], className="sub")]),
            _from(today),
            dmc.TextInput(
                id=MRN,
                label="For one patient only",
                description="Record number; leave empty for the whole clinic.",
            ),
            dmc.DatePickerInput(
                id=UNTIL,
                label="Until, for one patient",
                description="A patient's own threshold always has an end.",
                minDate=today.isoformat(),
                valueFormat="D MMM YYYY",
                clearable=True,
            ),
            _why(),
            html.Div(
                [
                    html.Button("Back to default", id=RESET, className="button-quiet"),
                    html.Button("Save", id=SAVE, className="button"),
                ],
                className="form-end",
            ),
        ],
        className="form-stack",
    )


def status_form(shown: Rule, thresholds: Thresholds, today: dt.date) -> Any:
    """A status, from when, why."""
    return html.Div(
        [
            dcc.Store(id=WHAT, data=STATUS),
            dmc.Select(
                id=VALUE,
                label="Status",
                value=thresholds.status[shown.key],
                data=[{"value": key, "label": f"{words}: {title}"} for key, (words, title, _) in STATUS_WORDS.items()],
                allowDeselect=False,
            ),
            _from(today),
            # The same fields as for a threshold, so that one callback saves both; a status is the clinic's alone.
            html.Div([dmc.TextInput(id=MRN), dmc.DatePickerInput(id=UNTIL), html.Button(id=RESET)], hidden=True),
            _why(),
            html.Div(html.Button("Save", id=SAVE, className="button"), className="form-end"),
        ],
        className="form-stack",
    )


def _from(today: dt.date) -> Any:
    return dmc.DatePickerInput(
        id=FROM, label="From", value=today.isoformat(), minDate=today.isoformat(), valueFormat="D MMM YYYY"
    )


def _why() -> Any:
    return dmc.Textarea(
        id=REASON,
        label="Reason",
        description="Kept with your name and the date.",
        required=True,
        autosize=True,
        minRows=2,
    )


def thresholds_part(
    shown: Rule, thresholds: Thresholds, changes: list[dict[str, Any]], may: bool, today: dt.date
) -> Any:
    """Each threshold with the value in use, its default, its range and its source."""
    fields = shown.parameter_fields()
    if not fields:
        return html.Section([html.H2("Thresholds"), html.P("This rule has none.")], className="part")
    clinic = thresholds.clinic[shown.key]
    numbers = {one.name: one for one in all_numbers() if one.owner == shown.key}
    lines = []
    for field in fields:
        meta, value = field.metadata, getattr(clinic, field.name)
        same = value == field.default
        cells: list[Any] = [
            ([html.Span(with_values(as_sentence(meta["meaning"]))), html.Code(field.name, className="key")], "wide"),
            (html.Span(value_words(value), className="" if same else "changed"), "nowrap"),
            (written_unit(meta["unit"]), ""),
            (value_words(field.default), "nowrap"),
            (range_words(meta), "nowrap"),
            (
                [
                    mark_tag(meta["mark"]),
                    html.Span(meta["source"], className="sub block"),
                    _checked(numbers[field.name], today),
                ],
                "",
            ),
        ]
        if may:
            cells.append(
                (html.Button("Change…", id={"type": CHANGE, "name": field.name}, className="row-button"), "act")
            )
        lines.append(cells)
    unsure = sum(field.metadata["mark"] in UNCERTAIN for field in fields)
    own = [
        change
        for change in changes
        if change["mrn"] and change["valid_from"] <= today and (change["expires_on"] or today) >= today
    ]
    return html.Section(
        [
            html.H2("Thresholds"),
            html.P(
                f"{unsure} of {len(fields)} are site settings or to be verified; the mark beside each says which."
                if unsure
                else "Every one was read in the source beside it."
            ),
            table(
                ["Meaning", "Now", "Unit", "Default", "Range", "Known", *([""] if may else [])],
                lines,
                label="Thresholds",
                kind="cards",
            ),
            html.P(
                [html.B("Patients with thresholds of their own: "), _own(own, thresholds, shown, today)],
                className="more",
            )
            if own
            else None,
        ],
        className="part",
    )


def _checked(number: Number, today: dt.date) -> Any:
    """Until when the source of a threshold holds as read; who read it, on pointing."""
    due = number.next_review
    late = due is None or due <= today
    text = "review due" if late else f"review {short_day(due, today)}"
    return html.Span(text, className="sub block", title=f"Checked by: {number.checked_by}.")


def _own(changes: list[dict[str, Any]], thresholds: Thresholds, shown: Rule, today: dt.date) -> Any:
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for one in changes:
        newest.setdefault((one["mrn"], one["parameter"]), one)
    told: list[Any] = []
    for (mrn, name), one in newest.items():
        if one["value"] is None:
            continue
        told += [
            "; " if told else "",
            dcc.Link(mrn, href=f"/patients/{mrn}"),
            f" {name.replace('_', ' ')} {value_words(one['value'])} until {short_day(one['expires_on'], today)}",
        ]
    return html.Span(told or "none at present")
