"""Rules: every clinical question asked of the data, and the tables the rules rest on."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from dash import Input, Output, State, dcc, html, no_update

from dashboard.components.addresses import address, query_of
from dashboard.components.badges import mark_tag, tag
from dashboard.components.dates import clock_time, short_day
from dashboard.components.formats import counted, number
from dashboard.components.states import notice, page_head
from dashboard.components.tables import table, tabs
from dashboard.secure import DECIDERS, READERS, Current, Page, SecureDash, current
from dashboard.shell import URL
from jobs.provenance import Number, due_for_review, resting_on
from jobs.rule import Rule, all_rules
from jobs.rules.overdue_labs import in_force
from jobs.thresholds import Thresholds, thresholds_on
from models.alert_lifecycle import present_day
from models.database import reading
from models.rule_activity import answers_now, failures, last_run, open_alerts, opened_since, settings_changed
from models.vocabulary import (
    ACTIVE_TREATMENT,
    ANY_DRUG,
    ANY_IMMUNOSUPPRESSANT,
    ANY_MONITORED,
    Drug,
    MonitoringRow,
    Source,
    SourceCheck,
    action_limits,
    drug,
    drugs,
    measures,
    screening,
    source_checks,
    sources,
    taper_templates,
    tests,
    vocabulary,
)

PAGE = Page("/rules", "Rules", READERS, nav=40)

CONTENT = "rules-content"
VIEWS = (
    ("rules", "Rules"),
    ("monitoring", "Monitoring"),
    ("screening", "Screening"),
    ("limits", "Action limits"),
    ("drugs", "Steroid equivalents"),
    ("tapers", "Taper templates"),
    ("sources", "Sources"),
)
STATUS_WORDS = {
    "active": ("active", "Runs, and opens alerts.", "accent"),
    "shadow": ("shadow", "Runs and is counted, but opens no alert.", "warn"),
    "draft": ("draft", "Does not run yet.", "warn"),
    "retired": ("retired", "No longer runs; old alerts can still explain themselves.", ""),
}
RECENT_DAYS = 28
LIMITS_FOR = {ANY_MONITORED: "any monitored drug", ANY_DRUG: "any drug"}
UNCERTAIN = ("seed", "memory", "default")


def layout(**query: str) -> Any:
    """The page; the tab comes from the address."""
    return html.Div(
        [page_head("Rules"), html.Div(content(current(), query), id=CONTENT)],
        className="page records rules",
    )


def register(app: SecureDash) -> None:
    """Changing the tab changes the address only."""

    @app.callback(
        Output(CONTENT, "children"),
        Input(URL, "search"),
        State(URL, "pathname"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def show(search: str | None, pathname: str | None) -> Any:
        return content(current(), query_of(search)) if pathname == PAGE.path else no_update


def content(here: Current, query: Mapping[str, str]) -> Any:
    """The tabs and the chosen table."""
    view = query.get("tab", "rules")
    shown: dict[str, Callable[[], Any]] = {
        "rules": lambda: rule_list(here),
        "monitoring": lambda: monitoring_table(here),
        "screening": screening_table,
        "limits": limits_table,
        "drugs": equivalents_table,
        "tapers": taper_tables,
        "sources": lambda: source_table(here),
    }
    view = view if view in shown else "rules"
    links = [(key, words, address(PAGE.path, {}, tab="" if key == "rules" else key)) for key, words in VIEWS]
    if here.may(DECIDERS):
        links.append(("own", "Own rows", "/rules/own"))
    return [html.Div(tabs(links, view, label="Tables"), className="view-line"), html.Div(shown[view]())]


def status_tag(status: str) -> Any:
    """`active`, `shadow`, ... with what it means."""
    words, title, kind = STATUS_WORDS.get(status, (status, "", ""))
    return tag(words, title=title, kind=kind)


# ------------------------------------------------------------------------------------------------------------ the rules


def rule_list(here: Current) -> Any:
    """One row a rule: question, status, what it says at present, how much of it is to be verified."""
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        thresholds = thresholds_on(session, today)
        answers, alerts = answers_now(session), open_alerts(session)
        recent = opened_since(session, here.now - timedelta(days=RECENT_DAYS))
        changed, broken, run = settings_changed(session, today), failures(session), last_run(session)
        ran = clock_time(run.finished_at, here.settings.zone, here.today) if run else ""
    rows = []
    for rule in sorted(all_rules(), key=lambda one: (list(STATUS_WORDS).index(thresholds.status[one.key]), one.title)):
        said = answers.get(rule.key, {})
        own = changed.get(rule.key, 0)
        marks: list[Any] = [status_tag(thresholds.status[rule.key])]
        if rule.key in broken:
            marks.append(
                tag(f"failed for {broken[rule.key]['patients']}", title=broken[rule.key]["error"], kind="warn")
            )
        if own:
            marks.append(tag(f"{own} changed here", title="Thresholds set by this clinic, or for one patient."))
        rows.append(
            [
                (
                    [
                        dcc.Link(rule.title, href=f"/rules/{rule.key}", className="name"),
                        html.Span(rule.question, className="sub"),
                    ],
                    "who wide wrap",
                ),
                (html.Div(marks, className="marks"), ""),
                faint(alerts.get(rule.key, 0)),
                faint(recent.get(rule.key, 0)),
                faint(said.get("met", 0)),
                faint(said.get("cannot_tell", 0)),
                faint(uncertain(rule)),
                (rule.version, "quiet"),
            ]
        )
    total = sum(alerts.values())
    return [
        notice(
            [
                html.B(f"{counted(len(broken), 'rule')} failed in the last run. "),
                "For the patients concerned nothing was concluded; their alerts stay as they were.",
            ],
            kind="bad",
        )
        if broken
        else None,
        table(
            [
                "Rule",
                "Status",
                "Alerts now",
                f"Opened in {RECENT_DAYS} d",
                "Met",
                "Cannot tell",
                "To verify",
                "Version",
            ],
            rows,
            label="Rules",
            numeric=[2, 3, 4, 5, 6],
            kind="cards inline-numbers",
        ),
        html.P(
            f"{counted(len(rows), 'rule')}, {counted(total, 'running alert')}; answers as of the run at {ran}."
            if ran
            else "The rules have not run yet.",
            className="quiet more",
        ),
    ]


def faint(count: int) -> Any:
    """A count; zero steps back."""
    return number(count) if count else html.Span("0", className="none")


def uncertain(rule: Rule) -> int:
    """How many of a rule's thresholds are site settings, or stand unverified."""
    return sum(field.metadata["mark"] in UNCERTAIN for field in rule.parameter_fields())


# ---------------------------------------------------------------------------------------------- the tables of the house


def monitoring_table(here: Current) -> Any:
    """Which test is asked of whom, how often; the profile in use first."""
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        thresholds = thresholds_on(session, today)
    groups: dict[tuple[Any, ...], list[MonitoringRow]] = {}
    for row in sorted(vocabulary().monitoring, key=lambda row: not _in_use(row, thresholds)):
        same = (
            row.treatment, row.only_if, row.from_day, row.to_day, row.interval_days, row.mark, row.profile, row.source,
            row.note,
        )  # fmt: skip
        groups.setdefault((*same, _in_use(row, thresholds)), []).append(row)
    lines = [
        [
            (treatment_words(rows[0].treatment), "who"),
            ", ".join(tests()[row.test].label.split(" (")[0] for row in rows),
            (_phase(rows[0]), "quiet nowrap"),
            (_interval(rows[0], thresholds), "nowrap"),
            (mark_tag(rows[0].mark), ""),
            (html.Span(rows[0].profile, title="A set of intervals that belong together"), "quiet"),
            (
                tag("in use", kind="accent")
                if _in_use(rows[0], thresholds)
                else html.Span("not in use", className="none"),
                "nowrap",
            ),
            ([_source(rows[0].source), _note(_only_if(rows[0].only_if, rows[0].note))], "wide"),
        ]
        for rows in groups.values()
    ]
    return [
        _lead(
            "What each treatment, and some conditions, ask for, and how often. The shortest interval of all reasons "
            "counts. "
            "Which profile is used, and the interval on active treatment, are set with the rule ",
            dcc.Link("Overdue laboratory tests", href="/rules/overdue-labs"),
            ".",
        ),
        table(
            ["Treatment", "Tests", "When", "Every", "Known", "Profile", "Used", "Source"],
            lines,
            label="Monitoring",
            kind="cards",
        ),
        html.H2("Nothing asked for"),
        _lead("Drugs without a row in use, and why. A drug that is in no table asks for nothing either."),
        table(
            ["Drug", "Why", "Known", "Source"],
            [
                [
                    (treatment_words(row.treatment), "who"),
                    (row.because, "wide wrap"),
                    (mark_tag(row.mark), ""),
                    (_source(row.source), "wide"),
                ]
                for row in vocabulary().no_monitoring.values()
            ],
            label="Nothing asked for",
            kind="cards",
        ),
    ]


def _in_use(row: MonitoringRow, thresholds: Thresholds) -> bool:
    overdue = thresholds.clinic["overdue-labs"]
    return in_force(row, overdue.drug_profile, steroid_tests=overdue.steroid_tests == "yes")


def _interval(row: MonitoringRow, thresholds: Thresholds) -> str:
    if row.treatment == ACTIVE_TREATMENT and row.profile == "contract":
        return f"{thresholds.clinic['overdue-labs'].active_interval_days} d"
    return f"{row.interval_days} d"


def _phase(row: MonitoringRow) -> str:
    if row.from_day == 0 and row.to_day is None:
        return "throughout"
    if row.to_day is None:
        return f"from day {row.from_day}"
    return f"days {row.from_day} to {row.to_day}"


def screening_table() -> Any:
    """What is wanted before, or soon after, a treatment begins."""
    words = {"required": "required", "if-risk": "if at risk", "site": "site setting"}
    lines = [
        [
            (treatment_words(row.treatment), "who"),
            row.screen.replace("_", " "),
            (", ".join(_measure(key) for key in row.satisfied_by), "quiet"),
            ("before" if row.within_days == 0 else f"within {row.within_days} d", "nowrap"),
            (f"{row.valid_for_days} d" if row.valid_for_days else "always", "nowrap"),
            (words.get(row.requirement, row.requirement), "nowrap"),
            (mark_tag(row.mark), ""),
            ([_source(row.source), _note(_only_if(row.only_if, row.note))], "wide"),
        ]
        for row in screening()
    ]
    return [
        _lead("What should be on file before a treatment begins, or soon after, and for how long a result counts."),
        table(
            ["Treatment", "Screen", "Any of", "When", "Counts for", "Wanted", "Known", "Source"],
            lines,
            label="Screening",
            kind="cards",
        ),
    ]


def _only_if(condition: str, note: str) -> str:
    return "; ".join(filter(None, (f"only with {condition.replace('_', ' ')}" if condition else "", note)))


def limits_table() -> Any:
    """Values at which a monitored drug needs action."""
    lines = [
        [
            (_measure(row.measure), "who"),
            (LIMITS_FOR.get(row.applies_to) or treatment_words(row.applies_to), ""),
            (
                f"{row.direction} {number(row.limit, 2)} {row.unit}"
                if row.kind == "absolute"
                else f"{row.direction} {number(row.limit, 2)} times the reported limit"
                if row.kind == "times-limit"
                else f"rise of {number(row.limit)} {row.unit}"
                + (f" within {row.within_days} d" if row.within_days else ""),
                "nowrap",
            ),
            (f"from {row.from_age} y" if row.from_age else "", "nowrap"),
            "interrupt" if row.consequence == "interrupt" else "act",
            (mark_tag(row.mark), ""),
            ([_source(row.source), _note(row.caveat)], "wide"),
        ]
        for row in action_limits().values()
    ]
    return [
        _lead("Results at which somebody should act on a drug that is being monitored."),
        table(
            ["Measure", "Drug", "Limit", "Age", "Means", "Known", "Source"], lines, label="Action limits", kind="cards"
        ),
    ]


def equivalents_table() -> Any:
    """Milligrams that equal 5 mg of prednisone, and what does not count towards the dose."""
    lines = [
        [
            (row.label, "who"),
            number(row.equivalent_mg_to_5, 3) if row.equivalent_mg_to_5 else html.Span("–", className="none"),
            number(row.prednisone_factor, 3) if row.prednisone_factor else html.Span("–", className="none"),
            (mark_tag(row.factor_mark) if row.factor_mark else "", ""),
            (
                [_source(row.factor_source), _note("; ".join(filter(None, (_excluded(row), row.note))))],
                "wide",
            ),
        ]
        for row in drugs().values()
        if row.is_glucocorticoid
    ]
    return [
        _lead(
            "How each steroid is converted to prednisone. Topical, inhaled and intra-articular steroids add nothing to "
            "the dose; a pulse does."
        ),
        table(
            ["Steroid", "mg that equal 5 mg prednisone", "1 mg equals (mg)", "Known", "Source"],
            lines,
            label="Steroid equivalents",
            numeric=[1, 2],
            kind="cards",
        ),
    ]


def _excluded(row: Drug) -> str:
    return f"does not count: {row.excluded_because}" if row.excluded_because else ""


def taper_tables() -> Any:
    """The templates a steroid taper can follow, step by step."""
    parts: list[Any] = [
        _lead(
            "Templates to agree a taper from, on the patient's page. They are plans to compare with, not orders: the "
            "dose follows the patient."
        )
    ]
    for row in taper_templates().values():
        lines = [
            [
                (f"above {number(step.to_dose)} {row.unit}" if step.from_dose is None else
                 f"{number(step.from_dose)} to {number(step.to_dose)} {row.unit}", "nowrap"),
                f"minus {number(step.step, 2)} {row.unit}",
                f"{step.every_days} d",
                (mark_tag(step.mark), ""),
                (_source(step.source), "wide"),
            ]
            for step in row.steps
        ]  # fmt: skip
        begins = (
            f"begins on day {row.start_from_day}"
            if row.start_from_day == row.start_by_day
            else f"begins between day {row.start_from_day} and day {row.start_by_day}"
        )
        parts.append(
            html.Section(
                [
                    html.H2([f"{row.key}: {row.label} ", mark_tag(row.mark)]),
                    html.P([f"{row.population.capitalize()}; {begins}. ", _source(row.source), _note(row.note)]),
                    table(
                        ["Dose", "Step", "Every", "Known", "Source"], lines, label=f"Template {row.key}", kind="cards"
                    ),
                ],
                className="part",
            )
        )
    return parts


def source_table(here: Current) -> Any:
    """What is due for review, then everything numbers come from; what is a guideline, and what is not."""
    with reading(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
    words = {
        "guideline": "guideline",
        "educational-page": "educational page, not a guideline",
        "secondary": "secondary source, not a guideline",
        "project": "our own, no source",
    }
    lines = [
        [
            (row.id, "quiet"),
            (
                [
                    html.Span(f"{row.title} ({row.year}) " if row.year else f"{row.title} "),
                    tag(
                        words.get(row.kind, row.kind),
                        kind="warn" if row.kind in ("educational-page", "secondary", "project") else "",
                    ),
                    html.Span(_where(row), className="sub block"),
                ],
                "wide",
            ),
            (_checked(source_checks().get(row.id), today), "wide"),
            (_next_review(source_checks().get(row.id), today), "nowrap"),
            faint(len(resting_on(row.id))),
        ]
        for row in sources().values()
    ]
    return [
        _due_for_review(today),
        html.H2("All sources"),
        _lead(
            "Where the numbers come from, how much of each was read, by whom, and when it is to be read again. No "
            "clinician has checked them for this program. Educational pages were the origin of the project; they are "
            "never shown as guidelines."
        ),
        table(
            ["Id", "Title", "Read", "Next review", "Numbers"],
            lines,
            label="Sources",
            numeric=[4],
            kind="cards",
        ),
    ]


def _due_for_review(today: date) -> Any:
    """The sources to be looked at again by the present day, with the numbers that rest on each."""
    due = due_for_review(today)
    if not due:
        return html.P(f"No source is due for review on {short_day(today, today)}.", className="quiet")
    lines = [
        [
            ([html.Span(sources()[one.source].title), html.Span(_where(sources()[one.source]), className="sub block")],
             "wide"),
            (_checked(one.check, today), "wide"),
            (_next_review(one.check, today), "nowrap"),
            (_numbers(one.numbers), "wide"),
        ]
        for one in due
    ]  # fmt: skip
    return html.Section(
        [
            html.H2(f"Due for review: {counted(len(due), 'source')}"),
            _lead("Read second-hand, from memory, or read too long ago: check these against the original."),
            table(["Source", "Read", "Due", "Numbers that rest on it"], lines, label="Due for review", kind="cards"),
        ]
    )


def _checked(check: SourceCheck | None, today: date) -> Any:
    """How much was read, by whom and when."""
    if check is None:
        return tag("never checked", kind="warn")
    said = [
        html.Span(check.read),
        html.Span(f"{check.checked_by}, {short_day(check.checked_on, today)}", className="sub block"),
    ]
    return [*said, html.Span(check.note, className="sub block")] if check.note else said


def _next_review(check: SourceCheck | None, today: date) -> Any:
    if check is None or check.next_review <= today:
        return tag("now" if check is None else short_day(check.next_review, today), kind="warn")
    return short_day(check.next_review, today)


def _numbers(found: tuple[Number, ...]) -> Any:
    """How many numbers, and which, on demand."""
    return html.Details(
        [
            html.Summary(counted(len(found), "number")),
            html.Ul([html.Li(f"{one.owner}, {one.name}: {one.value}") for one in found], className="quiet small"),
        ]
    )


# --------------------------------------------------------------------------------------------------------- small pieces


def treatment_words(key: str) -> str:
    """A treatment, class of drugs or group of the tables in words."""
    if key == ACTIVE_TREATMENT:
        return "Any active treatment"
    if key == ANY_IMMUNOSUPPRESSANT:
        return "Any immunosuppressant"
    known = drug(key)
    return known.label if known else key.replace("-", " ").replace("jak", "JAK").capitalize()


def _measure(key: str) -> str:
    found = measures().get(key)
    return found.short_label if found else key.replace("_", " ")


def _source(source_id: str) -> Any:
    found = sources().get(source_id)
    if found is None:
        return html.Span(source_id, className="quiet")
    year = f" ({found.year})" if found.year else ""
    shown: list[Any] = [html.Span(f"{found.title}{year}", title=found.where)]
    if found.kind in ("educational-page", "secondary"):
        shown.append(html.Span(" · not a guideline", className="sub"))
    return html.Span(shown)


def _where(row: Source) -> Any:
    if row.where.startswith("https://"):
        return html.A(row.where.removeprefix("https://"), href=row.where, rel="noreferrer", target="_blank")
    return row.where


def _note(text: str) -> Any:
    return html.Span(text[:1].upper() + text[1:], className="sub block") if text else None


def _lead(*words: Any) -> Any:
    return html.P(list(words), className="lead quiet")
