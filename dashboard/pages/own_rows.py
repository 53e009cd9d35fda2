"""Own rows: measures, drugs and monitoring rows that a clinic adds, changes or ends, each tried before it is kept."""

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, cast

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, ctx, dcc, html, no_update
from sqlmodel import Session

from dashboard.components.dates import clock_time, short_day
from dashboard.components.formats import counted
from dashboard.components.reasons import rule_title
from dashboard.components.states import empty_state, notice
from dashboard.components.tables import table
from dashboard.secure import DECIDERS, Current, Page, SecureDash, current
from dashboard.shell import REFRESH
from jobs.evaluation import evaluate
from jobs.own_rows import (
    Change,
    Listed,
    Outcome,
    adding,
    begin_trial,
    ending,
    keep,
    may_decide,
    own_rows,
    returning,
    set_aside,
    trial_of,
)
from models.alert_lifecycle import present_day
from models.database import reading, writing
from models.errors import ActionRefused, MyopanelError
from models.own_vocabulary import Version, words_of
from models.vocabulary import DRUG_CLASSES, drug, events, measures, tests, vocabulary
from models.vocabulary.own import FIELDS, KINDS, Kind, OwnField

PAGE = Page("/rules/own", "Own rows", DECIDERS)

BODY, SAID, CHANGED, MODAL, FORM = "own-row-body", "own-row-said", "own-row-changed", "own-row-modal", "own-row-form"
OPEN, FIELD = "own-row-open", "own-row-field"
WHAT, KIND, FROM, REASON = "own-row-what", "own-row-kind", "own-row-from", "own-row-reason"
TRY, SAVE, TRIAL, POLL, OUTCOME = "own-row-try", "own-row-save", "own-row-trial", "own-row-poll", "own-row-outcome"

ADD, ALTER, END, RETURN = "add", "change", "end", "return"
TITLES: Mapping[Kind, str] = {"measure": "Measures", "drug": "Drugs", "monitoring": "Monitoring rows"}
WORDS: Mapping[str, str] = {"measure": "measure", "drug": "drug", "monitoring": "monitoring row"}
DIFFERING_SHOWN = 10
POLL_MS = 700


def layout(**_query: str) -> Any:
    """What the clinic added, and forms to add, change and end."""
    return html.Div(
        [
            html.Div([dcc.Link("Rules", href="/rules"), " / own rows"], className="crumbs"),
            html.Div(id=SAID, role="status"),
            html.Div(body(current()), id=BODY),
            dcc.Store(id=CHANGED),
            dmc.Modal(
                html.Div(id=FORM), id=MODAL, opened=False, title="", size="lg", centered=True,
                closeButtonProps={"aria-label": "Close"},
            ),
        ],
        className="page records rules",
    )  # fmt: skip


def register(app: SecureDash) -> None:
    """Opening a form, trying what it says, keeping it."""

    @app.callback(
        Output(MODAL, "opened"),
        Output(MODAL, "title"),
        Output(FORM, "children"),
        Input({"type": OPEN, "act": ALL, "kind": ALL, "row": ALL}, "n_clicks"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def open_form(clicks: list[int | None]) -> tuple[Any, Any, Any]:
        if not any(clicks) or not ctx.triggered_id:
            return no_update, no_update, no_update
        asked = ctx.triggered_id
        title, form = form_for(current(), asked["act"], cast(Kind, asked["kind"]), asked["row"])
        return True, title, form

    @app.callback(
        Output(TRIAL, "data"),
        Output(POLL, "disabled"),
        Output(SAVE, "disabled"),
        Output(OUTCOME, "children"),
        Input(TRY, "n_clicks"),
        State(WHAT, "data"),
        State({"type": FIELD, "name": ALL}, "value"),
        State({"type": FIELD, "name": ALL}, "id"),
        State(FROM, "value"),
        State(REASON, "value"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def try_it(
        clicks: int | None,
        what: Mapping[str, str],
        values: list[Any],
        names: list[Mapping[str, str]],
        begins: str | None,
        reason: str | None,
    ) -> tuple[Any, Any, Any, Any]:
        if not clicks:
            return (no_update,) * 4
        try:
            number = begin(current(), what, _said(values, names), begins, reason or "")
        except MyopanelError as refused:
            return None, True, True, notice(str(refused), kind="bad")
        return number, False, True, html.P("Checking: the rules' examples and every patient's tests…", role="status")

    @app.callback(
        Output(POLL, "disabled", allow_duplicate=True),
        Output(SAVE, "disabled", allow_duplicate=True),
        Output(OUTCOME, "children", allow_duplicate=True),
        Input(POLL, "n_intervals"),
        State(TRIAL, "data"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def look(_times: int | None, number: int | None) -> tuple[Any, Any, Any]:
        if number is None:
            return True, True, no_update
        here = current()
        try:
            _change, outcome = trial_of(here.engine, number, here.now)
        except ActionRefused as refused:
            return True, True, notice(str(refused), kind="bad")
        return (no_update,) * 3 if outcome is None else (True, False, outcome_shown(outcome))

    @app.callback(
        Output(SAVE, "disabled", allow_duplicate=True),
        Input({"type": FIELD, "name": ALL}, "value"),
        Input(FROM, "value"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def changed_since(_values: list[Any], _begins: str | None) -> bool:
        # What is kept is what was checked.
        return True

    @app.callback(
        Output(MODAL, "opened", allow_duplicate=True),
        Output(SAID, "children"),
        Output(CHANGED, "data"),
        Output(REFRESH, "data", allow_duplicate=True),
        Input(SAVE, "n_clicks"),
        State(TRIAL, "data"),
        State(WHAT, "data"),
        State({"type": FIELD, "name": ALL}, "value"),
        State({"type": FIELD, "name": ALL}, "id"),
        State(FROM, "value"),
        State(REASON, "value"),
        prevent_initial_call=True,
        roles=DECIDERS,
    )
    def save(
        clicks: int | None,
        number: int | None,
        what: Mapping[str, str],
        values: list[Any],
        names: list[Mapping[str, str]],
        begins: str | None,
        reason: str | None,
    ) -> tuple[Any, Any, Any, Any]:
        if not clicks:
            return (no_update,) * 4
        said = save_change(current(), what, _said(values, names), begins, reason or "", number)
        stamp = secrets.token_hex(4)
        return False, notice(said), stamp, stamp

    @app.callback(Output(BODY, "children"), Input(CHANGED, "data"), prevent_initial_call=True, roles=DECIDERS)
    def show(_changed: Any) -> Any:
        return body(current())


def _said(values: Sequence[Any], names: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The fields of the form that were filled in; several choices stand in one cell."""
    said = {}
    for value, name in zip(values, names, strict=True):
        text = ";".join(value) if isinstance(value, list) else str(value if value is not None else "")
        if text.strip():
            said[name["name"]] = text
    return said


# -------------------------------------------------------------------------------------------------------------- actions


def wanted(
    here: Current, session: Session, what: Mapping[str, str], said: Mapping[str, str], begins: str | None
) -> Change:
    """The change a form asks for.

    Raises:
        ActionRefused: what it says is missing, unknown, taken, or does not fit.
    """
    today = present_day(session, here.now, here.settings.timezone)
    day = dt.date.fromisoformat(begins) if begins else today
    when: dict[str, Any] = {"valid_from": day, "today": today, "now": here.now}
    if what["act"] == END:
        return ending(session, what["kind"], what["row"], **when)
    if what["act"] == RETURN:
        return returning(session, int(what["row"]), **when)
    change = adding(session, what["kind"], said, **when)
    if what["act"] == ALTER and change.key != what["row"]:
        raise ActionRefused("That is another row: who asks for what, of whom and from which day stays. Add it instead.")
    return change


def begin(here: Current, what: Mapping[str, str], said: Mapping[str, str], begins: str | None, reason: str) -> int:
    """Begin to try the change of a form; returns the trial's number.

    Raises:
        ActionRefused: as on saving.
    """
    with reading(here.engine) as session:
        change = wanted(here, session, what, said, begins)
        may_decide(session, here.user.name, reason)
        today = present_day(session, here.now, here.settings.timezone)
    return begin_trial(
        here.engine, change, by=here.user.name, today=today, now=here.now, timezone=here.settings.timezone
    )


def save_change(
    here: Current,
    what: Mapping[str, str],
    said: Mapping[str, str],
    begins: str | None,
    reason: str,
    number: int | None,
) -> str:
    """Keep what was tried, and look at everybody again where it holds from today; returns what was done, in words.

    Raises:
        ActionRefused: it was not checked, the form has changed since, or it is refused.
    """
    if number is None:
        raise ActionRefused("Check it first: what it does to the examples and to whom it asks.")
    tried, outcome = trial_of(here.engine, number, here.now)
    if outcome is None:
        raise ActionRefused("The check is still running.")
    with writing(here.engine) as session:
        change = wanted(here, session, what, said, begins)
        if change.document() != tried.document():
            raise ActionRefused("The form has changed since it was checked. Check again.")
        today = present_day(session, here.now, here.settings.timezone)
        cells = next((one.newest.cells for one in own_rows(session, today) if one.key == change.key), change.cells)
        keep(session, change, reason=reason, by=here.user.name, now=here.now)
    if change.valid_from <= today:
        evaluate(here.engine, today, timezone=here.settings.timezone, collect=False, now=here.now)
    verb = "ends" if change.ended else "holds"
    with words_of(here.engine, today):
        name = _name(change.kind, change.key, change.cells or cells)
    return f"{name} {verb} from {short_day(change.valid_from, today)} on."


# -------------------------------------------------------------------------------------------------------- what is shown


def body(here: Current) -> Any:
    """The clinic's rows by kind, and every version of them."""
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        found = own_rows(session, today)
        aside = set_aside(session, today)
    with words_of(here.engine, today):
        parts: list[Any] = [
            html.Div(
                [
                    html.H1("Own rows"),
                    html.Div(
                        [_button(f"Add a {WORDS[kind]}…", ADD, kind, "", "button-quiet") for kind in KINDS],
                        className="filters",
                    ),
                ],
                className="page-head",
            ),
            html.P(
                "Measures, drugs and monitoring rows that this clinic added to those of the program. Imports, charts "
                "and rules know them from their day on. Before one is kept, the rules' examples are answered anew and "
                "the patients counted who would be asked.",
                className="lead",
            ),
        ]
        if aside:
            parts.append(
                notice(
                    f"Not in use, because it no longer fits this version of the program: {', '.join(aside)}. End it.",
                    kind="warn",
                )
            )
        if not found:
            parts.append(
                empty_state(
                    "Nothing was added yet",
                    "A test that only your laboratory does, a drug of a trial, an interval of your own: add it here.",
                )
            )
        for kind in KINDS:
            rows = [one for one in found if one.kind == kind]
            if rows:
                parts.append(_rows(kind, rows, today))
        if found:
            parts.append(_versions(found, here, today))
    return parts


def _rows(kind: Kind, rows: Sequence[Listed], today: dt.date) -> Any:
    lines = []
    for one in rows:
        shown = one.holds or one.newest
        cells = shown.cells or next(row.cells for row in reversed(one.history) if row.cells)
        later = one.newest if one.newest is not shown else None
        state = {"holds": "in use", "begins": "begins later", "ended": "ended"}[one.state]
        when = f"since {short_day(shown.valid_from, today)}"
        acts = []
        if one.state != "ended":
            acts = [_button("Change…", ALTER, kind, one.key), _button("End…", END, kind, one.key)]
        lines.append(
            [
                (
                    [html.Span(_name(kind, one.key, cells), className="name"), html.Span(one.key, className="sub")],
                    "who",
                ),
                (_says(kind, cells), "wide wrap"),
                (
                    html.Span([html.I(), state], className=f"status {'good' if one.state == 'holds' else ''}".strip()),
                    "nowrap",
                ),
                (
                    [
                        when,
                        html.Span(
                            f"{'ends' if later.ended else 'changes'} {short_day(later.valid_from, today)}",
                            className="sub",
                        )
                        if later
                        else None,
                    ],
                    "nowrap",
                ),
                (html.Div(acts, className="marks"), "act"),
            ]
        )
    return html.Section(
        [
            html.H2(TITLES[kind]),
            table(["Name", "Says", "State", "From", ""], lines, label=TITLES[kind], kind="cards"),
        ],
        className="part",
    )


def _versions(found: Sequence[Listed], here: Current, today: dt.date) -> Any:
    newest = {one.newest.id for one in found}
    rows = sorted((version for one in found for version in one.history), key=lambda one: -one.id)
    lines = [
        [
            (clock_time(one.created_at, here.settings.zone, here.today), "nowrap"),
            (_name(one.kind, one.key, one.cells), "wide"),
            ("ended" if one.ended else _says(one.kind, one.cells), "wide wrap"),
            (short_day(one.valid_from, today), "nowrap"),
            (one.author, "nowrap"),
            (one.reason, "wide wrap"),
            (
                _button("Back to this…", RETURN, one.kind, str(one.id))
                if one.id not in newest and not one.ended
                else None,
                "act",
            ),
        ]
        for one in rows
    ]
    return html.Section(
        [
            html.H2("Every version"),
            html.P("Nothing is deleted: what was concluded on a day stays explained by the rows of that day."),
            table(["When", "What", "Says", "From", "By", "Reason", ""], lines, label="Every version", kind="cards"),
        ],
        className="part",
    )


def _button(words: str, act: str, kind: str, row: str, name: str = "row-button") -> html.Button:
    return html.Button(words, id={"type": OPEN, "act": act, "kind": kind, "row": row}, className=name)


def _name(kind: str, key: str, cells: Mapping[str, str] | None = None) -> str:
    """A row as people call it."""
    if kind != "monitoring":
        return (cells or {}).get("label") or key
    treatment, test, condition, first = key.split(":")
    known = drug(treatment)
    asks = known.label if known else events()[treatment].label if treatment in events() else treatment.replace("-", " ")
    row = tests().get(test)
    label = row.label if row else measures()[test].label if test in measures() else test
    more = [f"only if {condition.replace('_', ' ')}"] if condition else []
    more += [f"from day {first}"] if first != "0" else []
    return f"{asks[:1].upper()}{asks[1:]}: {label.split(' (')[0]}" + (f" ({', '.join(more)})" if more else "")


def _says(kind: str, cells: Mapping[str, str]) -> str:
    """What a row says, in one line."""
    if kind == "monitoring":
        until = f" to day {cells['to_day']}" if cells.get("to_day") else ""
        note = f"; {cells['note']}" if cells.get("note") else ""
        return f"every {cells['every']} days{until}{note}"
    left_out = {"key", "label", "short_label"}
    plain = {field.name: field.choices[0] for field in FIELDS[kind] if field.choices}
    said = [
        f"{field.label.lower()} {cells[field.name].replace(';', ', ')}"
        for field in FIELDS[kind]
        if field.name in cells and field.name not in left_out and cells[field.name] != plain.get(field.name)
    ]
    return "; ".join(said)


def outcome_shown(outcome: Outcome) -> Any:
    """What a change would do, and the examples it would answer otherwise."""
    shown = outcome.differ[:DIFFERING_SHOWN]
    more = len(outcome.differ) - len(shown)
    first, *rest = outcome.sentences()
    return html.Div(
        [
            notice([html.B(first), html.Br(), " ".join(rest)], kind="warn" if outcome.differ else "info"),
            html.Ul(
                [
                    html.Li(
                        [
                            html.B(f"{rule_title(one['rule'])}: {one['example']}. "),
                            f"Now {one['now']} Then {one['then']}",
                        ]
                    )
                    for one in shown
                ]
            )
            if shown
            else None,
            html.P(f"And {counted(more, 'example')} more.", className="quiet") if more > 0 else None,
        ]
    )


# ---------------------------------------------------------------------------------------------------------------- forms


def form_for(here: Current, act: str, kind: Kind, row: str) -> tuple[str, Any]:
    """The title and the form of an action on a row (a key, or the number of a version to go back to).

    Raises:
        ActionRefused: there is no such row.
    """
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        found = own_rows(session, today)
    cells: Mapping[str, str] = {}
    shown: Version | None = None
    if act != ADD:
        shown = next(
            (
                version
                for one in found
                for version in (one.history if act == RETURN else (one.holds or one.newest,))
                if (str(version.id) if act == RETURN else version.key) == row and version.kind == kind
            ),
            None,
        )
        if shown is None:
            raise ActionRefused("This row is not on record any more. Reload the page.")
        cells = shown.cells
    with words_of(here.engine, today):
        entries: list[Any] = []
        if act in (ADD, ALTER):
            entries = [
                _entry(field, cells.get(field.name, ""), kind, fixed=_fixed(act, kind, field)) for field in FIELDS[kind]
            ]
        elif shown is not None:
            entries = [html.P([html.B(_name(kind, shown.key, cells)), f": {_says(kind, cells)}"])]
    titles = {
        ADD: f"Add a {WORDS[kind]}",
        ALTER: f"Change a {WORDS[kind]}",
        END: f"End a {WORDS[kind]}",
        RETURN: "Back to an earlier version",
    }
    form = html.Div(
        [
            dcc.Store(id=WHAT, data={"act": act, "kind": kind, "row": row}),
            dcc.Store(id=TRIAL),
            dcc.Interval(id=POLL, interval=POLL_MS, disabled=True),
            html.Div(entries, className="form-pairs" if act in (ADD, ALTER) else None),
            dmc.DatePickerInput(
                id=FROM, label="From", value=today.isoformat(), minDate=today.isoformat(), valueFormat="D MMM YYYY"
            ),
            dmc.Textarea(
                id=REASON,
                label="Reason",
                description="Kept with your name and the date.",
                required=True,
                autosize=True,
                minRows=2,
            ),
            html.Div(id=OUTCOME, role="status"),
            html.Div(
                [
                    html.Button("Check", id=TRY, className="button-quiet"),
                    html.Button("Save", id=SAVE, className="button", disabled=True),
                ],
                className="form-end stays",
            ),
        ],
        className="form-stack",
    )
    return titles[act], form


def _fixed(act: str, kind: Kind, field: OwnField) -> bool:
    """Whether a field is part of what the row is, and stays when it is changed."""
    parts = {"measure": ("key",), "drug": ("key",), "monitoring": ("treatment", "test", "only_if", "from_day")}
    return act == ALTER and field.name in parts[kind]


def _entry(field: OwnField, value: str, kind: Kind, *, fixed: bool) -> Any:
    common: dict[str, Any] = {
        "id": {"type": FIELD, "name": field.name},
        "label": field.label,
        "description": field.means[:1].upper() + field.means[1:] + ".",
        "required": field.needed,
        "disabled": fixed,
    }
    if field.choices:
        data = [{"value": choice, "label": choice} for choice in field.choices]
        return dmc.Select(value=value or field.choices[0], data=data, allowDeselect=False, **common)
    if field.name == "classes":
        return dmc.MultiSelect(
            value=value.split(";") if value else [], data=sorted(DRUG_CLASSES), searchable=True, **common
        )
    if (kind, field.name) == ("monitoring", "treatment"):
        return dmc.Select(value=value or None, data=_treatments(), searchable=True, **common)
    if (kind, field.name) == ("monitoring", "test"):
        return dmc.Select(value=value or None, data=_tests(), searchable=True, **common)
    if (kind, field.name) == ("monitoring", "only_if"):
        return dmc.Select(value=value or None, data=_conditions(), searchable=True, clearable=True, **common)
    return dmc.TextInput(value=value, **common)


def _treatments() -> list[dict[str, Any]]:
    known = vocabulary()
    classes = sorted(DRUG_CLASSES - set(known.drugs))
    return [
        {"group": "Groups", "items": [{"value": "active-treatment", "label": "Any active treatment"}]},
        {
            "group": "Classes",
            "items": [{"value": name, "label": name.replace("-", " ")} for name in classes],
        },
        {"group": "Drugs", "items": [{"value": row.key, "label": row.label} for row in known.drugs.values()]},
        {
            "group": "Conditions on record",
            "items": [
                {"value": row.key, "label": row.label}
                for row in known.events.values()
                if row.kind in ("condition", "symptom")
            ],
        },
    ]


def _tests() -> list[dict[str, Any]]:
    known = vocabulary()
    alone = [row for row in known.measures.values() if row.key not in known.tests and row.key not in known.retired]
    return [
        {
            "group": "Tests",
            "items": [
                {"value": row.key, "label": row.label} for row in known.tests.values() if row.key not in known.retired
            ],
        },
        {"group": "Measures", "items": [{"value": row.key, "label": row.label} for row in alone]},
    ]


def _conditions() -> list[dict[str, Any]]:
    known = vocabulary()
    conditions = [row for row in known.events.values() if row.kind == "condition"]
    return [
        {"group": "Age", "items": [{"value": "child", "label": "child"}, {"value": "adult", "label": "adult"}]},
        {
            "group": "On record",
            "items": [{"value": row.key, "label": row.label} for row in conditions],
        },
        {
            "group": "Positive result",
            "items": [
                {"value": row.key, "label": row.label} for row in known.measures.values() if row.family == "presence"
            ],
        },
    ]
