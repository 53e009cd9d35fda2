"""Jobs: what runs by itself, when it last ran and what it left undone; messages to people; who did what."""

import datetime as dt
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboard.components.accessible import aria
from dashboard.components.addresses import address, query_of
from dashboard.components.dates import clock_time, short_day
from dashboard.components.formats import counted, number
from dashboard.components.reasons import rule_title
from dashboard.components.states import empty_state, notice, page_head, section
from dashboard.components.tables import table, tabs
from dashboard.secure import READERS, Current, Page, SecureDash, current
from dashboard.shell import REFRESH, URL
from jobs.backup import NAME, backup_folder
from jobs.health import health
from jobs.lease import SCHEDULER
from jobs.mllp.standing import Standing, standing
from jobs.runner import MANUAL, run_job
from jobs.schedule import jobs_of
from models.accounts import audit
from models.database import is_sqlite, reading, writing
from models.errors import MyopanelError
from models.job_run import JobRun
from models.operations import (
    audit_count,
    audit_events,
    leases,
    message_counts,
    messages,
    reasons_unsent,
    run_counts,
    runs,
)
from models.received_message import Heard, heard_of
from models.rule_activity import failures

PAGE = Page("/jobs", "Jobs", READERS, nav=60)
ADMIN = ("admin",)

CONTENT, SAID, CHANGED, RUN = "jobs-content", "jobs-said", "jobs-changed", "jobs-run"
RUNS_SHOWN = 100
EVENTS_SHOWN = 200
SENDERS_SHOWN = 12

STATUS_KIND = {
    "succeeded": ("good", "done"),
    "partly": ("warn", "done in part"),
    "failed": ("bad", "failed"),
    "interrupted": ("warn", "interrupted"),
    "running": ("running", "running"),
}


def layout(**query: str) -> Any:
    """The page; the tab comes from the address."""
    here = current()
    return html.Div(
        [
            page_head("Jobs"),
            html.Div(id=SAID, role="status"),
            html.Div(content(here, query), id=CONTENT),
            dcc.Store(id=CHANGED),
        ],
        className="page records jobs",
    )


def register(app: SecureDash) -> None:
    """Running a job now, and changing the tab."""

    @app.callback(
        Output(SAID, "children"),
        Output(CHANGED, "data"),
        Output(REFRESH, "data", allow_duplicate=True),
        Input({"type": RUN, "job": ALL}, "n_clicks"),
        prevent_initial_call=True,
        roles=ADMIN,
    )
    def start(clicks: list[int | None]) -> tuple[Any, Any, Any]:
        if not any(clicks) or not ctx.triggered_id:
            return no_update, no_update, no_update
        said = run_now(current(), ctx.triggered_id["job"])
        stamp = secrets.token_hex(4)
        return said, stamp, stamp

    @app.callback(
        Output(CONTENT, "children"),
        Input(URL, "search"),
        Input(CHANGED, "data"),
        State(URL, "pathname"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def show(search: str | None, _changed: Any, pathname: str | None) -> Any:
        return content(current(), query_of(search)) if pathname == PAGE.path else no_update


def run_now(here: Current, key: str) -> Any:
    """Run a job once, by hand; returns how it ended."""
    with writing(here.engine) as session:
        audit(session, here.user.name, "run job", now=here.now, detail=key)
    done = run_job(here.engine, here.settings, key, slot=None, now=here.now)
    title = next(job.title for job in jobs_of(here.settings) if job.key == key)
    words = f"{title}: {STATUS_KIND.get(done.status, ('', done.status))[1]}"
    told = f"{words}, {counted(done.rows, 'row')}" + (f"; {done.message}" if done.message else "")
    return notice(f"{told}.", kind="info" if done.status == "succeeded" else "bad")


def content(here: Current, query: Mapping[str, str]) -> Any:
    """The tabs and what the chosen one shows."""
    admin = here.may(ADMIN)
    views = [("schedule", "Schedule"), ("runs", "Runs"), ("messages", "Messages")]
    if admin:
        views.append(("audit", "Audit trail"))
    view = query.get("tab", "schedule")
    if view not in dict(views):
        view = "schedule"
    shown = {"schedule": _schedule, "runs": _runs, "messages": _messages, "audit": _audit}[view]
    links = [(key, words, address(PAGE.path, {}, tab="" if key == "schedule" else key)) for key, words in views]
    return [html.Div(tabs(links, view, label="Views"), className="view-line"), html.Div(shown(here, query))]


# ------------------------------------------------------------------------------------------------------------- schedule


def _schedule(here: Current, query: Mapping[str, str]) -> Any:
    del query
    zone = here.settings.zone
    state = health(here.engine, here.settings, here.now)
    with reading(here.engine) as session:
        broken = failures(session)
        held = [one for one in leases(session) if one.name == SCHEDULER]
        listener, heard = standing(session, here.settings, here.now), heard_of(session)
    admin = here.may(ADMIN)
    lines = []
    for job in state["jobs"]:
        last = _instant(job["finished_at"] or job["last_run"])
        word: Any = (
            _status(job["status"]) if job["status"] else html.Span([html.I(), "not run yet"], className="status")
        )
        if job["late"]:
            word = [word, html.Span([html.I(), "late"], className="status warn")]
        cells: list[Any] = [
            (
                [html.Span(job["title"], className="name"), html.Span(job["cadence"], className="sub")],
                "who wrap",
            ),
            (html.Div(word, className="marks"), ""),
            (clock_time(last, zone, here.today) or html.Span("–", className="none"), "nowrap"),
            (_as_of(job["as_of"], here.today), "nowrap"),
            number(job["rows"]) if job["rows"] is not None else "",
            (clock_time(_instant(job["next"]), zone, here.today), "nowrap"),
            (job["message"], "wide"),
        ]
        if admin:
            cells.append(
                (
                    html.Button(
                        "Run now", id={"type": RUN, "job": job["key"]}, className="row-button", title=job["title"]
                    ),
                    "act",
                )
            )
        lines.append(cells)
    return [
        _unevaluated(broken),
        table(
            ["Job", "Last run", "Ended", "For", "Rows", "Next", "What it said", *([""] if admin else [])],
            lines,
            label="Jobs",
            numeric=[4],
            kind="cards",
        ),
        html.Div(
            [_scheduler_card(here, state, held), _backup_card(here, state), _hl7_card(here, listener, heard)],
            className="cards-side",
        ),
    ]


def _unevaluated(broken: Mapping[str, Mapping[str, Any]]) -> Any:
    """Whom the last run of the rules left out, by record number: somebody has to look at them by hand."""
    if not broken:
        return None
    parts = []
    for key, failed in broken.items():
        shown = [dcc.Link(mrn, href=f"/patients/{mrn}") for mrn in failed["mrns"]]
        told: list[Any] = []
        for link in shown:
            told += [" ", link]
        more = failed["patients"] - len(shown)
        parts.append(
            html.Li(
                [
                    dcc.Link(rule_title(key), href=f"/rules/{key}"),
                    f" left {counted(failed['patients'], 'patient')} unevaluated ({failed['error']}):",
                    *told,
                    f" and {more} more" if more > 0 else "",
                ]
            )
        )
    return notice([html.B("Not everything was evaluated in the last run."), html.Ul(parts)], kind="bad")


def _scheduler_card(here: Current, state: Mapping[str, Any], held: list[Any]) -> Any:
    zone = here.settings.zone
    scheduler = state.get("scheduler") or {}
    alive = bool(scheduler.get("alive"))
    word = html.Span(
        [html.I(), "running" if alive else "not running"], className=f"status {'good' if alive else 'bad'}"
    )
    facts: list[tuple[str, Any]] = [
        ("Scheduler", word),
        ("Last seen", clock_time(_instant(scheduler.get("last_seen")), zone, here.today) or "never"),
        ("Evaluated", clock_time(_instant(state.get("evaluated_at")), zone, here.today) or "not yet"),
        ("For", _as_of(state.get("evaluated_as_of"), here.today)),
    ]
    if here.may(ADMIN):
        # Machine names are for those who run the machines.
        facts += [("Held by", one.holder) for one in held]
    why = (
        None
        if alive
        else html.P(
            [
                "Start ",
                html.Code("myopanel serve"),
                " or ",
                html.Code("myopanel worker"),
                ": without it nothing runs by itself.",
            ]
        )
    )
    return section("Scheduler", [_facts(facts), why])


def _hl7_card(here: Current, listener: Standing, heard: Sequence[Heard]) -> Any:
    """Whether somebody listens for messages, and when each sender was last heard; nothing where there is neither."""
    if not listener.address and not heard:
        return None
    zone = here.settings.zone
    word = html.Span(
        [html.I(), "listening" if listener.alive else "not listening"],
        className=f"status {'good' if listener.alive else 'bad'}",
    )
    facts: list[tuple[str, Any]] = [("Listener", word if listener.address else "not configured")]
    if listener.address and here.may(ADMIN):
        facts.append(("Address", listener.address))
    if listener.unread:
        facts.append(("Not read yet", counted(listener.unread, "message")))
    for one in heard[:SENDERS_SHOWN]:
        not_taken = f", {number(one.not_taken)} not taken over" if one.not_taken else ""
        facts.append(
            (one.sender, f"{clock_time(one.last_at, zone, here.today)} ({counted(one.messages, 'message')}{not_taken})")
        )
    return section("HL7 messages", [_facts(facts)])


def _backup_card(here: Current, state: Mapping[str, Any]) -> Any:
    zone = here.settings.zone
    job = next((one for one in state["jobs"] if one["key"] == "backup"), None)
    last = _instant(job["last_success"]) if job else None
    facts: list[tuple[str, Any]] = [("Last nightly run", clock_time(last, zone, here.today) or "not yet")]
    if not is_sqlite(here.engine):
        facts.append(("Copies", "taken by the database server (pg_dump), not by this program"))
        return section("Backup", _facts(facts))
    try:
        folder = backup_folder(here.engine, here.settings)
        copies = sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name)) if folder.is_dir() else []
        sizes = [copy.stat().st_size for copy in copies]
    except (MyopanelError, OSError) as error:
        return section(
            "Backup", [_facts(facts), notice(f"The folder of the copies cannot be read: {error}", kind="bad")]
        )
    facts.append(("Copies kept", f"{len(copies)} of {here.settings.backups_kept}"))
    if copies:
        taken = dt.datetime.strptime(copies[-1].stem, "myopanel-%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
        size = f"{number(sizes[-1] / 1024 / 1024)} MB"
        facts.append(("Newest copy", f"{clock_time(taken, zone, here.today)}, {size}"))
    return section("Backup", _facts(facts))


# ----------------------------------------------------------------------------------------------------------------- runs


def _runs(here: Current, query: Mapping[str, str]) -> Any:
    job, status = query.get("job", ""), query.get("status", "")
    with reading(here.engine) as session:
        found = runs(session, job=job, status=status, limit=RUNS_SHOWN)
        counts = run_counts(session)
    titles = {one.key: one.title for one in jobs_of(here.settings)}
    chips = [
        ("", f"All {number(sum(counts.values()))}"),
        *((key, f"{words.capitalize()} {number(counts.get(key, 0))}") for key, (_, words) in STATUS_KIND.items()),
    ]
    head = html.Nav(
        [
            html.Span(words, className="chip here", **aria(current="true"))
            if key == status
            else dcc.Link(words, href=address(PAGE.path, query, status=key), className="chip")
            for key, words in chips
        ]
        + (
            [dcc.Link(f"only {titles.get(job, job)} ×", href=address(PAGE.path, query, job=""), className="chip")]
            if job
            else []
        ),
        className="chips",
        **aria(label="Status"),
    )
    if not found:
        return [head, empty_state("No such run", "Every run of a job is listed here, with how it ended.")]
    lines = [
        [
            (
                dcc.Link(titles.get(one.job, one.job), href=address(PAGE.path, query, job=one.job), className="name"),
                "who wrap",
            ),
            (_status(one.status), "nowrap"),
            (clock_time(one.started_at, here.settings.zone, here.today), "nowrap"),
            (_took(one), "nowrap"),
            (short_day(one.as_of, here.today), "nowrap"),
            (_slot(one.slot, here), "nowrap quiet"),
            number(one.rows),
            (one.message, "wide"),
        ]
        for one in found
    ]
    return [
        head,
        table(
            ["Job", "Ended", "Started", "Took", "For day", "Was due", "Rows", "What it said"],
            lines,
            label="Runs, newest first",
            numeric=[6],
            kind="cards",
        ),
        html.P(f"The newest {number(len(found))}.", className="quiet more") if len(found) == RUNS_SHOWN else None,
    ]


def _took(run: JobRun) -> str:
    if run.finished_at is None:
        return ""
    detail = json.loads(run.detail or "{}")
    spent = detail.get("seconds")
    if spent is None:
        spent = (run.finished_at - run.started_at).total_seconds()
    return f"{number(spent, 1)} s" if spent < 90 else f"{number(spent / 60, 1)} min"


def _slot(slot: str, here: Current) -> str:
    if slot.startswith(MANUAL):
        return "by hand"
    try:
        return clock_time(dt.datetime.fromisoformat(slot), here.settings.zone, here.today)
    except ValueError:
        return slot


# ------------------------------------------------------------------------------------------------------------- messages


def _messages(here: Current, query: Mapping[str, str]) -> Any:
    del query
    with reading(here.engine) as session:
        counts = message_counts(session)
        why = reasons_unsent(session)
        found = messages(session, limit=RUNS_SHOWN)
    if not counts:
        return empty_state(
            "No messages yet",
            "Morning digests and reminders of unanswered alerts wait here until they are sent, with the reason if they "
            "are not. They hold counts and a link, never a patient's name or value.",
        )
    zone = here.settings.zone
    lines = [
        [
            (clock_time(one.created_at, zone, here.today), "nowrap"),
            one.kind,
            (one.recipient, "nowrap"),
            (one.subject, "wide"),
            (
                html.Span([html.I(), f"sent {clock_time(one.sent_at, zone, here.today)}"], className="status good")
                if one.sent_at
                else html.Span([html.I(), "not sent"], className="status warn"),
                "nowrap",
            ),
            (one.not_sent_because if not one.sent_at else "", "wide"),
            number(one.tries),
        ]
        for one in found
    ]
    return [
        html.Div(
            [
                html.Span(
                    [html.B(number(count["sent"])), f"{kind} sent, ", html.B(number(count["unsent"])), "not sent"]
                )
                for kind, count in sorted(counts.items())
            ],
            className="numbers",
        ),
        notice(["Not sent: ", "; ".join(f"{reason} ({number(count)})" for reason, count in why), "."], kind="warn")
        if why
        else None,
        table(
            ["Written", "Kind", "To", "Subject", "State", "Why not", "Tries"],
            lines,
            label="Messages, newest first",
            numeric=[6],
            kind="cards",
        ),
    ]


# ---------------------------------------------------------------------------------------------------------- audit trail


def _audit(here: Current, query: Mapping[str, str]) -> Any:
    by, mrn = query.get("by", ""), query.get("mrn", "")
    with reading(here.engine) as session:
        found = audit_events(session, by=by, mrn=mrn, limit=EVENTS_SHOWN)
        total = audit_count(session)
    zone = here.settings.zone
    lines = [
        [
            (clock_time(one["at"], zone, here.today), "nowrap"),
            (dcc.Link(one["by"], href=address(PAGE.path, query, by=one["by"])), "nowrap"),
            (one["action"], "nowrap"),
            (dcc.Link(one["mrn"], href=address(PAGE.path, query, mrn=one["mrn"])) if one["mrn"] else "", "nowrap"),
            (one["detail"], "wide"),
        ]
        for one in found
    ]
    narrowed = [
        dcc.Link(f"{words} ×", href=address(PAGE.path, query, **{name: ""}), className="chip here")
        for name, value, words in (("by", by, f"by {by}"), ("mrn", mrn, f"patient {mrn}"))
        if value
    ]
    return [
        html.P(
            f"Newest {number(len(found))} of {counted(total, 'entry', 'entries')}: sign-ins, actions, and every "
            "patient's page that was opened. Choose a name or a record number to see only theirs.",
            className="lead quiet",
        ),
        html.Div(narrowed, className="chips") if narrowed else None,
        table(["When", "Who", "Did what", "Patient", "Detail"], lines, label="Audit trail, newest first", kind="cards"),
    ]


# --------------------------------------------------------------------------------------------------------- small pieces


def _status(status: str) -> Any:
    kind, words = STATUS_KIND.get(status, ("", status))
    return html.Span([html.I(), words], className=f"status {kind}")


def _instant(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


def _as_of(text: str | None, today: dt.date) -> str:
    return short_day(dt.date.fromisoformat(text), today) if text else ""


def _facts(pairs: list[tuple[str, Any]]) -> Any:
    return html.Dl([part for name, value in pairs for part in (html.Dt(name), html.Dd(value))], className="facts")
