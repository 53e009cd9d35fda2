"""All rules: status, what each asks, what it said in the last run, how many of its numbers are uncertain."""

from datetime import timedelta
from typing import Any

from dash import dcc, html

from dashboard.components.badges import tag
from dashboard.components.dates import clock_time
from dashboard.components.formats import counted, number
from dashboard.components.states import notice
from dashboard.components.tables import table
from dashboard.secure import Current
from jobs.rule import Rule, all_rules
from jobs.thresholds import thresholds_on
from models.alert_lifecycle import present_day
from models.database import reading
from models.rule_activity import answers_now, failures, last_run, open_alerts, opened_since, settings_changed

STATUS_WORDS = {
    "active": ("active", "Runs, and opens alerts.", "accent"),
    "shadow": ("shadow", "Runs and is counted, but opens no alert.", "warn"),
    "draft": ("draft", "Does not run yet.", "warn"),
    "retired": ("retired", "No longer runs; old alerts can still explain themselves.", ""),
}
RECENT_DAYS = 28


def status_tag(status: str) -> Any:
    """`active`, `shadow`, ... with what it means."""
    words, title, kind = STATUS_WORDS.get(status, (status, "", ""))
    return tag(words, title=title, kind=kind)


UNCERTAIN = ("seed", "memory", "default")


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
