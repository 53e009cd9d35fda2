"""One rule, read from its own file: what it asks, on which numbers, what it gets wrong, and what was changed here."""

import datetime as dt
import inspect
import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import Field
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, ctx, dcc, html, no_update
from sqlmodel import Session

from dashboard.components.badges import SEVERITY_WORDS, mark_tag
from dashboard.components.dates import clock_time, short_day
from dashboard.components.formats import counted, number
from dashboard.components.reasons import rule_title
from dashboard.components.states import empty_state, notice
from dashboard.components.tables import table
from dashboard.pages.rules import RECENT_DAYS, STATUS_WORDS, UNCERTAIN, status_tag
from dashboard.secure import DECIDERS, READERS, Current, Page, SecureDash, current
from dashboard.shell import REFRESH
from jobs.evaluation import evaluate
from jobs.phrasing import subject_label
from jobs.provenance import Number, all_numbers
from jobs.rule import Example, Rule, Source, rule
from jobs.thresholds import Thresholds, set_parameter, set_status, thresholds_on
from models.accounts import audit
from models.alert_lifecycle import present_day
from models.database import reading, writing
from models.errors import ActionRefused
from models.labs_due import patient_of
from models.rule_activity import (
    answers_now,
    causes_of_silence,
    failure_history,
    failures,
    history,
    last_run,
    open_alerts,
    opened_since,
)
from models.vocabulary import drug, events, measures

PAGE = Page("/rules/<key>", "Rule", READERS)

BODY, SAID, KEY, CHANGED = "rule-body", "rule-said", "rule-key", "rule-changed"
MODAL, FORM, WHAT = "rule-modal", "rule-form", "rule-form-what"
VALUE, FROM, MRN, UNTIL = "rule-form-value", "rule-form-from", "rule-form-mrn", "rule-form-until"
REASON, SAVE, RESET = "rule-form-reason", "rule-form-save", "rule-form-reset"
CHANGE = "rule-change"
STATUS = ":status"
"""Stands for the status where a parameter's name would stand."""

HISTORY_SHOWN = 100


def layout(key: str, **_query: str) -> Any:
    """The page of one rule."""
    here = current()
    try:
        shown = rule(key)
    except KeyError:
        missing = empty_state(
            "There is no such rule",
            "It may belong to another version of the program.",
            action="All rules",
            href="/rules",
        )
        return html.Div(missing, className="page records")
    return html.Div(
        [
            html.Div([dcc.Link("Rules", href="/rules"), " / ", shown.key], className="crumbs"),
            html.Div(id=SAID, role="status"),
            html.Div(body(here, shown), id=BODY),
            dcc.Store(id=KEY, data=key),
            dcc.Store(id=CHANGED),
            dmc.Modal(
                html.Div(id=FORM), id=MODAL, opened=False, title="", size="md", centered=True,
                closeButtonProps={"aria-label": "Close"},
            ),
        ],
        className="page records rule",
    )  # fmt: skip


def register(app: SecureDash) -> None:
    """Changing a threshold or the status, with a reason."""

    @app.callback(
        Output(MODAL, "opened"),
        Output(MODAL, "title"),
        Output(FORM, "children"),
        Input({"type": CHANGE, "name": ALL}, "n_clicks"),
        State(KEY, "data"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def open_form(clicks: list[int | None], key: str) -> tuple[Any, Any, Any]:
        if not any(clicks) or not ctx.triggered_id:
            return no_update, no_update, no_update
        here = current()
        name = ctx.triggered_id["name"]
        with reading(here.engine) as session:
            today = present_day(session, here.now, here.settings.timezone)
            thresholds = thresholds_on(session, today)
        if name == STATUS:
            return True, "Change the rule's status", status_form(rule(key), thresholds, today)
        field = _field(rule(key), name)
        return True, "Change a threshold", threshold_form(rule(key), field, thresholds, today)

    @app.callback(
        Output(MODAL, "opened", allow_duplicate=True),
        Output(SAID, "children"),
        Output(CHANGED, "data"),
        Output(REFRESH, "data", allow_duplicate=True),
        Input(SAVE, "n_clicks"),
        Input(RESET, "n_clicks"),
        State(KEY, "data"),
        State(WHAT, "data"),
        State(VALUE, "value"),
        State(FROM, "value"),
        State(MRN, "value"),
        State(UNTIL, "value"),
        State(REASON, "value"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def save(
        saves: int | None,
        resets: int | None,
        key: str,
        what: str,
        value: Any,
        begins: str | None,
        mrn: str | None,
        until: str | None,
        reason: str | None,
    ) -> tuple[Any, Any, Any, Any]:
        if not (saves or resets):
            return (no_update,) * 4
        wanted = None if ctx.triggered_id == RESET else value
        if wanted == "" and ctx.triggered_id == SAVE:
            raise ActionRefused("Enter a value.")
        said = change(current(), rule(key), what, wanted, begins, (mrn or "").strip(), until, reason or "")
        stamp = secrets.token_hex(4)
        return False, notice(said), stamp, stamp

    @app.callback(
        Output(BODY, "children"), Input(CHANGED, "data"), State(KEY, "data"), prevent_initial_call=True, roles=READERS
    )
    def show(_changed: Any, key: str) -> Any:
        return body(current(), rule(key))


# -------------------------------------------------------------------------------------------------------------- actions


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
            shown_value = "back to what holds without it" if value is None else f"{_value(value)}"
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


# -------------------------------------------------------------------------------------------------------- what is shown


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


def body(here: Current, shown: Rule) -> Any:
    """The rule as it stands today."""
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        thresholds = thresholds_on(session, today)
        said = answers_now(session).get(shown.key, {})
        alerts = open_alerts(session).get(shown.key, 0)
        recent = opened_since(session, here.now - dt.timedelta(days=RECENT_DAYS)).get(shown.key, 0)
        silence = causes_of_silence(session, shown.key)
        broken = failures(session).get(shown.key)
        failed = failure_history(session, shown.key)
        changes = history(session, shown.key)
        run = last_run(session)
    status = thresholds.status[shown.key]
    may = here.may(DECIDERS)
    zone = here.settings.zone
    numbers = [
        (number(alerts), "running alerts"),
        (number(recent), f"opened in {RECENT_DAYS} days"),
        (number(said.get("met", 0)), "answers met"),
        (number(said.get("patients", 0)), "patients"),
        (number(said.get("cannot_tell", 0)), "cannot tell"),
    ]
    facts: list[tuple[str, Any]] = [
        ("Status", status_tag(status)),
        ("Version", shown.version),
        ("Last run", clock_time(run.finished_at, zone, here.today) if run else "not yet"),
        ("Looks at", ", ".join(_fact(name) for name in shown.reads)),
        ("About", shown.subject),
        ("For", " and ".join(shown.audience)),
        ("Catalogue", ", ".join(shown.catalogue)),
    ]
    if shown.covers:
        facts.append(("Covers", _links(shown.covers)))
    if shown.after:
        facts.append(("Reads the answers of", _links(shown.after)))
    aside = html.Aside(
        [
            html.Dl(
                [part for name, value in facts if value for part in (html.Dt(name), html.Dd(value))], className="facts"
            ),
            html.Button("Change status…", id={"type": CHANGE, "name": STATUS}, className="row-button") if may else None,
        ],
        className="aside",
    )
    return [
        html.Div([html.H1(shown.title), status_tag(status)], className="page-head"),
        _failed(broken, failed, zone, today),
        html.Div([html.Span([html.B(count), words]) for count, words in numbers], className="numbers"),
        html.Div(
            [
                html.Div(
                    [
                        html.P(shown.question, className="question"),
                        html.H2("Why it matters"),
                        html.P(shown.why_it_matters),
                        html.H2("What is looked at, and what counts"),
                        *[html.P(text) for text in what_counts(shown)],
                        html.H2("When it clears"),
                        html.P(
                            _sentence(shown.ends_when)
                            if shown.in_time
                            else f"{_sentence(shown.clears_when)} Without new facts nothing settles: "
                            "silence is not recovery."
                        ),
                        html.H2("Known false alarms"),
                        html.Ul([html.Li(_sentence(text)) for text in shown.known_false_alarms]),
                        *([html.H2("Limitations"), html.P(shown.limitations)] if shown.limitations else []),
                        *(
                            [
                                html.H2("Why it cannot tell, at present"),
                                html.Ul(
                                    [
                                        html.Li(f"{_sentence(why).rstrip('.')} ({counted(count, 'answer')})")
                                        for why, count in silence
                                    ]
                                ),
                            ]
                            if silence
                            else []
                        ),
                    ],
                    className="prose",
                ),
                aside,
            ],
            className="two",
        ),
        _parameters(shown, thresholds, changes, may, today),
        _sources(shown.sources),
        _examples(shown.examples),
        _history(shown, changes, zone, here.today),
    ]


def what_counts(shown: Rule) -> list[str]:
    """The paragraphs a rule file opens with, after its question, written for a nurse."""
    text = inspect.cleandoc(sys.modules[shown.explain.__module__].__doc__ or "")
    joined = " ".join(text.split("\n\n", 1)[-1].split())
    parts = re.split(r"(?=(?:Looked at|What counts|What does not[^:.]{0,12}):)", joined)
    return [part.strip() for part in parts if part.strip()]


def _failed(broken: dict[str, Any] | None, failed: list[dict[str, Any]], zone: dt.tzinfo, today: dt.date) -> Any:
    if broken:
        whom = ", ".join(broken["mrns"])
        more = (
            f" and {broken['patients'] - len(broken['mrns'])} more" if broken["patients"] > len(broken["mrns"]) else ""
        )
        return notice(
            [
                html.B(f"In the last run this rule failed for {counted(broken['patients'], 'patient')}. "),
                f"{broken['error']}. Left unevaluated: {whom}{more}.",
            ],
            kind="bad",
        )
    if failed:
        last = failed[0]
        return notice(
            f"It last failed {clock_time(last['at'], zone, today)} for {counted(last['patients'], 'patient')}: "
            f"{last['error']}."
            f" {counted(len(failed), 'failed run')} on record.",
            kind="warn",
        )
    return None


def _parameters(shown: Rule, thresholds: Thresholds, changes: list[dict[str, Any]], may: bool, today: dt.date) -> Any:
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
            ([html.Span(_code(_sentence(meta["meaning"]))), html.Code(field.name, className="key")], "wide"),
            (html.Span(_value(value), className="" if same else "changed"), "nowrap"),
            (meta["unit"], ""),
            (_value(field.default), "nowrap"),
            (_range(meta), "nowrap"),
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
            f" {name.replace('_', ' ')} {_value(one['value'])} until {short_day(one['expires_on'], today)}",
        ]
    return html.Span(told or "none at present")


def _sources(found: tuple[Source, ...]) -> Any:
    lines = [
        [
            ([html.Span(one.title), html.Span(one.says, className="sub block") if one.says else None], "wide"),
            str(one.year or ""),
            (mark_tag(one.mark), ""),
            (_where(one.where), "wide"),
        ]
        for one in found
    ]
    return html.Section(
        [html.H2("Sources"), table(["Title", "Year", "Known", "Where"], lines, label="Sources", kind="cards")],
        className="part",
    )


def _where(where: str) -> Any:
    if where.startswith("https://"):
        return html.A(where.removeprefix("https://"), href=where, rel="noreferrer", target="_blank")
    return where


def _examples(found: tuple[Example, ...]) -> Any:
    if not found:
        return None
    return html.Section(
        [
            html.H2("Worked examples"),
            html.P("Each is also a test: the program is not released if the rule answers differently."),
            html.Div([_example(one) for one in found], className="examples"),
        ],
        className="part",
    )


def _example(one: Example) -> Any:
    lines: list[tuple[int, list[Any]]] = []
    for fact in one.observations:
        found = measures().get(fact["measure"])
        limit = f", limit {_value(fact['upper_limit'])}" if fact.get("upper_limit") else ""
        most = f" of {number(fact.get('max_value') or found.max_value)}" if found and found.is_strength else ""
        unit = fact.get("unit") or (found.unit if found else "")
        label = found.short_label if found else fact["measure"]
        status = f" ({fact['status']})" if fact.get("status") else ""
        lines.append(
            (fact.get("day", 0), [label, f"{_value(fact.get('value', ''))}{most} {unit}{limit}{status}".strip()])
        )
    for fact in one.medications:
        known = drug(fact["drug"])
        every = str(fact.get("frequency", "daily")).replace("-", " ")
        dose = f"{_value(fact['dose'])} {fact.get('unit', 'mg')} {every}"
        until = f", until {_day(fact['end'])}" if fact.get("end") is not None else ""
        lines.append((fact["start"], [known.label if known else fact["drug"], f"{dose}{until}"]))
    for fact in one.events:
        kind = events().get(fact["event"])
        said = "no" if fact.get("present") in ("no", False) else "yes"
        lines.append((fact.get("day", 0), [kind.label if kind else fact["event"], said]))
    lines.sort(key=lambda line: line[0])
    about = _words(f"{name.replace('_', ' ')} {_value(value)}" for name, value in one.patient.items())
    return html.Div(
        [
            html.H3(_sentence(one.title)),
            html.P(f"Patient: {about}", className="sub") if about else None,
            table(
                ["Day", "Fact", "Value"],
                [[(_day(day), "nowrap quiet"), *cells] for day, cells in lines],
                label=f"Facts of the example: {one.title}",
            ),
            html.P([html.B("Answer: "), expected(one.expect)], className="answer"),
        ],
        className="example",
    )


def expected(expect: Mapping[str, Any]) -> str:
    """The answer of a worked example in words: `met, possible, this week, since the day asked about`."""
    words = {"met": "met", "not_met": "not met", "cannot_tell": "cannot tell"}
    told = []
    for name, value in expect.items():
        if name == "subject":
            told.append(subject_label(str(value)))
        elif name == "state":
            told.append(words.get(str(value), str(value)))
        elif name == "severity":
            told.append(SEVERITY_WORDS.get(str(value), str(value)).lower())
        elif name in ("since", "due", "recheck_on") and isinstance(value, int):
            told.append(f"{name.replace('recheck_on', 'looked at again')} {_day(value)}")
        elif name == "grade":
            told.append(str(value))
        elif value is not None:
            told.append(f"{name.replace('_', ' ')} {_value(value)}")
    return ", ".join(told)


def _history(shown: Rule, changes: list[dict[str, Any]], zone: dt.tzinfo, today: dt.date) -> Any:
    head = [html.H2("Changes")]
    released = f"Version {shown.version}" + (f": {shown.changed}" if shown.changed else "") + "."
    if not changes:
        return html.Section([*head, html.P(f"{released} Nothing was changed at this clinic.")], className="part")
    lines = []
    for one in changes[:HISTORY_SHOWN]:
        value = "back to the default" if one["value"] is None else _value(one["value"])
        until = f" until {short_day(one['expires_on'], today)}" if one["expires_on"] else ""
        lines.append(
            [
                (clock_time(one["at"], zone, today), "nowrap"),
                one["parameter"].replace("_", " ") or "status",
                (html.B(value), "nowrap"),
                (f"{short_day(one['valid_from'], today)}{until}", "nowrap"),
                (dcc.Link(one["mrn"], href=f"/patients/{one['mrn']}") if one["mrn"] else "clinic", "nowrap"),
                (one["author"], "nowrap"),
                (one["reason"], "wide"),
            ]
        )
    return html.Section(
        [
            *head,
            html.P(f"{released} A replay of an earlier month uses that month's thresholds."),
            table(["When", "What", "To", "From", "For", "By", "Reason"], lines, label="Changes", kind="cards"),
        ],
        className="part",
    )


# ---------------------------------------------------------------------------------------------------------------- forms


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
            description=f"{_range(meta)} {meta['unit']}; default {_value(field.default)}",
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


# --------------------------------------------------------------------------------------------------------- small pieces


def _field(shown: Rule, name: str) -> Field[Any]:
    for field in shown.parameter_fields():
        if field.name == name:
            return field
    raise ActionRefused(f"{shown.title} has no threshold {name!r} in this version.")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(float(value), 3)
    return str(value)


def _range(meta: Mapping[str, Any]) -> str:
    if meta["choices"]:
        return ", ".join(meta["choices"])
    low, high = meta["low"], meta["high"]
    if low is None and high is None:
        return ""
    if high is None:
        return f"from {_value(low)}"
    if low is None:
        return f"up to {_value(high)}"
    return f"{_value(low)} to {_value(high)}"


def _day(offset: int) -> str:
    if offset == 0:
        return "day 0"
    return f"day {offset}".replace("-", "\N{MINUS SIGN}") if offset < 0 else f"day +{offset}"


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}" if text else ""


def _code(text: str) -> list[Any]:
    """What stands between backticks in a rule file is a value, and shown as one."""
    return [html.Code(part) if place % 2 else part for place, part in enumerate(text.split("`"))]


def _words(items: Any) -> str:
    return ", ".join(str(item).replace("_", " ") for item in items)


def _fact(name: str) -> str:
    if name in measures():
        return measures()[name].short_label
    return rule_title(name).lower() if "-" in name else name.replace("_", " ")


def _links(keys: tuple[str, ...]) -> Any:
    out: list[Any] = []
    for key in keys:
        out += [", " if out else "", dcc.Link(rule_title(key), href=f"/rules/{key}")]
    return html.Span(out)
