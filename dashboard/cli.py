"""The `myopanel` command. Each command asks the clock once and passes the day down; heavy imports wait for their turn.

Exit codes: 0 done; 1 done, but some rows or rules failed; 2 wrong usage or unreadable input, nothing changed.
"""

import atexit
import contextvars
import datetime as dt
import gc
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import TyperException

from dashboard import __version__
from dashboard.absence_commands import add_to as add_absence_commands
from dashboard.output import Format, out, print_json, print_rows, say
from dashboard.waiting_commands import add_to as add_waiting_commands
from models.clock import clinic_date, end_of_day, utc_now
from models.errors import ActionRefused, MyopanelError, UnknownPatient, UsageError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine
    from sqlmodel import Session

    from jobs.evaluation import EvaluationReport
    from jobs.own_rows import Change
    from models.alert import Alert
    from models.settings import Settings


_opened: "list[Engine]" = []
"""What the command at work has opened. It is closed at its end, also where several commands run in one process."""


def _short() -> None:
    """For commands that end within a second: what starting builds stays, and looking for garbage in it is a tenth."""
    gc.disable()


app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Myositis clinics' panel.")
db = typer.Typer(no_args_is_help=True, help="The database: schema, backup, restore.")
alert = typer.Typer(no_args_is_help=True, callback=_short, help="Act on one alert.")
score = typer.Typer(no_args_is_help=True, help="Calculators: JSON in, JSON out.")
jobs = typer.Typer(no_args_is_help=True, help="The scheduled jobs and their last runs.")
user = typer.Typer(no_args_is_help=True, callback=_short, help="Accounts.")
rule = typer.Typer(no_args_is_help=True, help="The rules, their thresholds and status.")
words = typer.Typer(no_args_is_help=True, help="The clinic's own measures, drugs and monitoring rows.")
for name, group in (("db", db), ("alert", alert), ("score", score), ("jobs", jobs), ("user", user), ("rule", rule)):
    app.add_typer(group, name=name)
app.add_typer(words, name="vocabulary")

Workers = Annotated[int, typer.Option("--workers", metavar="N", help="Processes that share the work.")]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", metavar="ADDRESS", help="A Dask cluster that does the work.")
]
FormatOption = Annotated[Format, typer.Option("--format", help="table, json or csv, on standard output.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="The clinic day asked about; today if not given.")
]
KnownAt = Annotated[
    str | None,
    typer.Option(
        "--known-at", metavar="INSTANT", help="With the knowledge of then: only what had been received by it."
    ),
]
By = Annotated[str, typer.Option("--by", metavar="USER", help="Who is doing this.")]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="A note for the alert's history.")]
ReasonCode = Annotated[str | None, typer.Option("--reason", metavar="CODE", help="A coded answer, such as reviewed.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        out(f"myopanel {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="The version, and nothing else.")
    ] = False,
) -> None:
    del version  # its callback has printed it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    collecting = gc.isenabled()
    # An interpreter that ends looks through all its objects once more: a quarter of a short command, for nothing.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    try:
        # What a command holds (the clinic's vocabulary) ends with it, also where several run in one process.
        result = contextvars.copy_context().run(
            app, args=list(arguments) if arguments is not None else None, standalone_mode=False, prog_name="myopanel"
        )
    except typer.Exit as stop:
        return int(stop.exit_code)
    except typer.Abort:
        say("Stopped.")
        return 2
    except TyperException as error:
        shown: Any = error  # its `show` prints the usage line too; the stubs do not know it
        shown.show(file=sys.stderr)
        return 2
    except MyopanelError as error:
        say(f"Error: {error}")
        return error.exit_code
    except BrokenPipeError:
        return 0
    except Exception as error:
        trouble = _trouble_with_the_database(error)
        if trouble is None:
            raise
        say(f"Error: {trouble}")
        return 2
    finally:
        while _opened:
            _opened.pop().dispose()
        if collecting:
            gc.enable()
    return result if isinstance(result, int) else 0


def _trouble_with_the_database(error: Exception) -> str | None:
    """What is said where the database cannot do its work; None for any other error, which is a fault of ours."""
    library = sys.modules.get("sqlalchemy.exc")
    if library is None or not isinstance(error, library.OperationalError):
        return None
    cause = str(error.orig)
    if "locked" in cause:
        return "The database is busy: another process has been writing for too long. Nothing was changed; try again."
    if "full" in cause or "No space" in cause:
        return "The disk is full: the database cannot be written. Nothing was changed; make room and try again."
    if "readonly" in cause or "read-only" in cause:
        return "The database is read-only for this user: run as the user who owns it. Nothing was changed."
    return "The database does not answer. Nothing more was changed; `myopanel doctor` says what to look at."


def _day(text: str | None, settings: "Settings", now: dt.datetime, what: str = "--as-of") -> dt.date:
    """The day that was asked about, or today."""
    if text is None:
        return clinic_date(now, settings.timezone)
    return _written_day(text, what)


def _written_day(text: str, what: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{what}: {text!r} is not a date. Write it as YYYY-MM-DD.") from None


def _instant(text: str | None, settings: "Settings") -> dt.datetime | None:
    """An ISO instant; a naive one is in the clinic's zone, a bare date means the end of that clinic day."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-22"):
            return end_of_day(dt.date.fromisoformat(text), settings.timezone)
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--known-at: {text!r} is not an instant. Write it as 2026-11-22T07:00 or with an offset."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=settings.zone)).astimezone(dt.UTC)


def _when(
    as_of: str | None, known_at: str | None, settings: "Settings", now: dt.datetime
) -> tuple[dt.date, dt.datetime | None]:
    known = _instant(known_at, settings)
    if as_of is None and known is not None:
        return clinic_date(known, settings.timezone), known
    return _day(as_of, settings, now), known


def _settings() -> "Settings":
    from models.settings import read_settings

    return read_settings()


def _engine(settings: "Settings") -> "Engine":
    from models.database import open_database

    engine = open_database(settings.database_url)
    _opened.append(engine)
    from models.own_vocabulary import clinic_vocabulary
    from models.vocabulary import hold

    hold(clinic_vocabulary(engine, clinic_date(utc_now(), settings.timezone)))
    return engine


# ------------------------------------------------------------------------------------------------------------- serving


@app.command()
def demo(
    patients: Annotated[int, typer.Option(help="How many invented patients beside the stories.", min=0)] = 200,
    port: Annotated[int | None, typer.Option(help="Where the web server listens; a free port if it is taken.")] = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Set everything up, print, and stop.")] = False,
) -> None:
    """A throw-away clinic: database, invented patients, rules evaluated, scheduler and web server running."""
    from dashboard.demonstration import run_demo

    run_demo(patients=patients, port=port, serve=not no_serve, now=utc_now())


@app.command()
def serve(
    scheduler: Annotated[bool, typer.Option(help="Whether the scheduler runs too, behind the lease.")] = True,
) -> None:
    """The web server on the configured database."""
    from dashboard.serving import serve_web

    settings = _settings()
    serve_web(settings, _engine(settings), with_scheduler=scheduler)


@app.command()
def worker() -> None:
    """The scheduler alone, for installations with several web processes; and the HL7 listener, if it is configured."""
    from dashboard.serving import listening_for_hl7
    from jobs.scheduler import Scheduler

    settings = _settings()
    engine = _engine(settings)
    with listening_for_hl7(settings, engine):
        say("Scheduler started; it acts while it holds the lease. Stop it with Ctrl-C.")
        Scheduler(engine, settings).run_forever()


@app.command()
def doctor(format: FormatOption = Format.TABLE) -> int:
    """Is this installation sound? Settings, database, clock, jobs, mail, disk, versions, each with what to do.

    Changes nothing. Ends with 1 where a check failed.
    """
    from jobs.doctor import State, examine, settings_refused
    from models.errors import SettingsError

    try:
        checks = examine(_settings(), utc_now())
    except SettingsError as error:
        checks = [settings_refused(error)]
    print_rows([one.row() for one in checks], format, ("check", "state", "found", "do"))
    failed = sum(one.state is State.FAIL for one in checks)
    warned = sum(one.state is State.WARN for one in checks)
    say(f"{len(checks)} checks: {failed} failed, {warned} to look at.")
    return 1 if failed else 0


# ------------------------------------------------------------------------------------------------------------ database


@db.command("upgrade")
def db_upgrade() -> None:
    """Schema to the newest version."""
    from models.database import upgrade

    out(f"schema version {upgrade(_settings().database_url)}")


@db.command("backup")
def db_backup(file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """A consistent copy while running."""
    from models.database import backup

    size = backup(_engine(_settings()), file)
    out(f"{file}: {size} bytes, integrity checked")


@db.command("restore")
def db_restore(file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Put a backup back, checked before; the database it replaces is kept beside it. Refused while it is in use."""
    from jobs.restoring import restore

    done = restore(_settings().database_url, file, utc_now())
    older = "" if done.was == done.version else f" (the backup had {done.was})"
    kept = "" if done.kept is None else f"; the database it replaced is {done.kept}"
    out(f"restored from {file}; schema version {done.version}{older}{kept}")


# ------------------------------------------------------------------------------------------------------------ facts in


@app.command("import")
def import_facts(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="CSV folders, tables, workbooks, FHIR or HL7 files.")
    ],
    source: Annotated[
        str, typer.Option("--from", metavar="FORMAT", help="auto, csv, xlsx, table, fhir or hl7.")
    ] = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")] = False,
    rejects: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the rejected rows here.")] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="USER", help="Who imports: an account; else the command line.")
    ] = None,
    sender: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who speaks (ids of results are the sender's own); else told by the file."),
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="What a table's columns mean: a file, or epic, redcap, steroid-diary."),
    ] = None,
    propose: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a guess of what a table's columns mean here; import nothing."),
    ] = None,
    no_evaluate: Annotated[
        bool, typer.Option("--no-evaluate", help="Leave the alerts of the patients concerned to the scheduler.")
    ] = False,
    format: FormatOption = Format.TABLE,
) -> int:
    """Facts in. Prints counts that add up; rejected rows are kept with file, line and reason.

    In a clinic that has been evaluated before, the alerts of the patients concerned are brought up to date.
    """
    from jobs.importers.load import import_paths

    settings, now = _settings(), utc_now()
    engine = _engine(settings)
    if by is not None:
        _known_account(engine, by)
    if propose is not None:
        return _propose(engine, settings, now, paths, propose, mapping, sender, format)
    report = import_paths(
        engine,
        paths,
        format=source,
        timezone=settings.timezone,
        by=by or "command line",
        now=now,
        sender=sender,
        dry_run=dry_run,
        rejects_file=rejects,
        mapping=mapping,
    )
    document = report.to_dict()
    for warning in document.get("warnings", []):
        say(f"Warning: {warning}")
    for reject in document["rejects"] if format is not Format.JSON else []:
        say(f"Rejected: {reject['file']} line {reject['line']}: {reject['why']}")
    counts = ["name", *document["total"]]
    rows = [*document["files"], {"name": "total", **document["total"]}]
    print_rows(rows, format, counts, document=document)
    failed = False
    if dry_run:
        say("Dry run: nothing was changed.")
    elif not no_evaluate:
        failed = _follow(engine, settings, now)
    return 1 if document["total"]["rejected"] or failed else 0


def _propose(
    engine: "Engine", settings: "Settings", now: dt.datetime, paths: Sequence[Path], target: Path, ready: str | None,
    sender: str | None, format: Format,
) -> int:  # fmt: skip
    """Write a guess of what the columns of a table mean, and show the first facts as it reads them."""
    from jobs.importers.tables import preview, proposed_mapping
    from models.own_vocabulary import words_at

    if len(paths) != 1:
        raise UsageError("Name one file to propose a mapping for.")
    if target.exists():
        raise UsageError(f"{target} exists; a mapping that somebody may have answered is not written over.")
    with words_at(engine, now, settings.timezone):
        found = proposed_mapping(paths[0], ready, sender)
        rows = preview(paths[0], found)
    target.write_text(found.to_json(), encoding="utf-8")
    for note in found.notes:
        say(f"Note: {note}.")
    for question in found.questions():
        say(f"To answer in {target}: {question}")
    print_rows(rows, format, ["line", "kind", "mrn", "what", "value", "unit", "date", "why"], document=rows)
    say(f"Nothing was imported. Look through {target}, then: myopanel import {paths[0]} --mapping {target}")
    return 0


def _known_account(engine: "Engine", name: str) -> None:
    from sqlmodel import select

    from models.database import reading
    from models.user import User

    with reading(engine) as session:
        user = session.exec(select(User).where(User.name == name)).first()
    if user is None or user.disabled_at is not None:
        raise UsageError(f"--by: no account {name!r} is in use. Leave it out to import as the command line.")


def _follow(engine: "Engine", settings: "Settings", now: dt.datetime) -> bool:
    """Bring the alerts of whoever has new facts up to date; returns whether a rule failed."""
    from jobs.evaluation import follow

    report = follow(engine, timezone=settings.timezone, now=now)
    if report is None:
        return False
    _say_what_was_done(report)
    return bool(report.failures)


def _say_what_was_done(report: "EvaluationReport") -> None:
    for failure in report.failures:
        say(f"Rule {failure.rule} failed for {len(failure.patients)} patients: {failure.error}")
    decided = ", ".join(f"{number} {reason}" for reason, number in sorted(report.decisions.items())) or "none changed"
    say(
        f"as of {report.as_of.isoformat()}: {report.computed} of {report.patients} patients computed"
        + (f"; alerts: {decided}" if report.reconciled else "; a look only, no alert was changed")
    )


def _refuse_tomorrow(day: dt.date, settings: "Settings", now: dt.datetime) -> None:
    """A panel evaluated for a later day would take every later day's evaluation for a look at the past."""
    today = clinic_date(now, settings.timezone)
    if day > today:
        raise UsageError(
            f"--as-of: {day.isoformat()} lies after today ({today.isoformat()} in {settings.timezone}); nothing was "
            "changed. To see what time alone will bring, use --dry-run."
        )


add_absence_commands(user, settings=_settings, engine=_engine, clock=lambda: utc_now())
add_waiting_commands(app, settings=_settings, engine=_engine, follow=_follow, clock=utc_now)


# ----------------------------------------------------------------------------------------------------------- the rules


@app.command()
def evaluate(
    full: Annotated[
        bool, typer.Option("--full", help="Compute every patient, not only those with something new.")
    ] = False,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    rules: Annotated[
        list[str] | None, typer.Option("--rule", metavar="KEY", help="Only this rule; repeatable.")
    ] = None,
    patients: Annotated[
        list[str] | None, typer.Option("--patient", metavar="MRN", help="Only this patient; repeatable.")
    ] = None,
    all_states: Annotated[bool, typer.Option("--all-states", help="Print every state, not only `met`.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change no alert.")] = False,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    format: FormatOption = Format.TABLE,
) -> int:
    """Run the rules, reconcile alerts, print assessments."""
    from jobs.evaluation import evaluate as run

    settings, now = _settings(), utc_now()
    day, known = _when(as_of, known_at, settings, now)
    if not dry_run:
        _refuse_tomorrow(day, settings, now)
    report = run(
        _engine(settings),
        day,
        timezone=settings.timezone,
        now=now,
        full=full,
        known_at=known,
        rules=rules or None,
        mrns=patients or None,
        dry_run=dry_run,
        all_states=all_states,
        workers=workers,
        scheduler=scheduler,
    )
    columns = ["severity", "mrn", "rule", "subject", "state", "grade", "since", "explanation"]
    print_rows(report.assessments, format, columns, empty="No rule is met.")
    _say_what_was_done(report)
    return report.exit_code


@app.command()
def alerts(
    state: Annotated[
        str, typer.Option(help="open, acknowledged, snoozed, settled, resolved, withdrawn or all.")
    ] = "open",
    patient: Annotated[str | None, typer.Option(metavar="MRN", help="Only this patient.")] = None,
    format: FormatOption = Format.TABLE,
) -> None:
    """The nurse list."""
    _short()
    from sqlmodel import col, select

    from models.alert import Alert
    from models.alert_lifecycle import RUNNING, STATES, alert_document, aside, history, present_day, state_of
    from models.database import reading
    from models.list_order import in_order
    from models.patient import Patient
    from models.standing import last_reviews, places, settle

    if state not in {*STATES, "all"}:
        raise UsageError(f"--state is one of {', '.join(STATES)} or all, not {state!r}.")
    settings = _settings()
    engine = _engine(settings)
    with reading(engine) as session:
        today = present_day(session, utc_now(), settings.timezone)
    settle(engine, today)
    with reading(engine) as session:
        query = select(Alert, Patient.mrn).join(Patient, col(Patient.id) == col(Alert.patient_id))
        if state in RUNNING:
            query = query.where(col(Alert.ended_at).is_(None), col(Patient.status) == "active")
        if patient is not None:
            if session.exec(select(Patient.id).where(Patient.mrn == patient)).first() is None:
                raise UnknownPatient(patient)
            query = query.where(Patient.mrn == patient)
        found = [(one, mrn) for one, mrn in session.exec(query) if state in {"all", state_of(one, today)}]
        # A table has no column for what happened to each, and a clinic's open alerts have a long history.
        told = [one.id for one, _ in found if one.id is not None] if format is not Format.TABLE else []
        events = history(session, told)
        people = sorted({one.patient_id for one, _ in found})
        ordered = in_order(
            [
                one.model_dump() | {"state": state_of(one, today), "aside": aside(one), "alert": one, "mrn": mrn}
                for one, mrn in found
            ],
            today,
            last_reviews(session.connection(), people),
            # What somebody has in hand, or what ended, is ordered by what it says itself, as on its tab.
            stands=places(session.connection(), people) if state in {"open", "all"} else None,
        )
        rows = [alert_document(row["alert"], row["mrn"], events.get(row["id"], []), today) for row in ordered]
    print_rows(
        rows,
        format,
        ["id", "severity", "mrn", "rule", "subject", "state", "grade", "since", "owner", "new_with", "explanation"],
        empty="No alert in this state." if state != "all" else "No alert.",
    )
    new = sum(row["new_with"] is not None for row in rows)
    if new:
        say(f"{new} of them are new with a version or a rule switched on (column new_with) and wait as one group.")


@app.command()
def panel(format: FormatOption = Format.TABLE) -> None:
    """Every active patient, worst first, as on the page: what they ask for, and how many alerts ask for it."""
    _short()
    from models.alert_lifecycle import present_day
    from models.database import reading
    from models.panel import panel_documents
    from models.standing import settle

    settings = _settings()
    engine = _engine(settings)
    with reading(engine) as session:
        today = present_day(session, utc_now(), settings.timezone)
    settle(engine, today)
    with reading(engine) as session:
        rows = panel_documents(session, today)
    print_rows(rows, format, ["mrn", "name", "asks", "alerts", "running", "diagnosis", "site"], empty="No patient.")


def _act(alert_id: int, by: str, verb: Callable[["Session", dt.date, dt.datetime], "Alert"]) -> None:
    from models.accounts import audit
    from models.alert_lifecycle import present_day, state_of
    from models.database import writing

    settings = _settings()
    now = utc_now()
    with writing(_engine(settings)) as session:
        today = present_day(session, now, settings.timezone)
        changed = verb(session, today, now)
        audit(session, by.strip(), f"alert {changed.id} by command", now=now, patient_id=changed.patient_id)
        out(f"alert {alert_id}: {state_of(changed, today)}")


@alert.command("ack")
def alert_ack(
    alert_id: Annotated[int, typer.Argument(metavar="ID")], by: By, reason: ReasonCode = None, note: Note = None
) -> None:
    """Seen, and being dealt with."""
    from models.alert_lifecycle import acknowledge

    _act(
        alert_id, by, lambda s, today, now: acknowledge(s, alert_id, by, today=today, now=now, reason=reason, note=note)
    )


@alert.command("snooze")
def alert_snooze(
    alert_id: Annotated[int, typer.Argument(metavar="ID")],
    by: By,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="The day it comes back.")] = None,
    reason: ReasonCode = None,
    note: Note = None,
) -> None:
    """Not now, until a day; back earlier if it gets worse."""
    from models.alert_lifecycle import snooze

    day = None if until is None else _written_day(until, "--until")
    _act(
        alert_id,
        by,
        lambda s, today, now: snooze(s, alert_id, by, until=day, today=today, now=now, reason=reason, note=note),
    )


@alert.command("assign")
def alert_assign(
    alert_id: Annotated[int, typer.Argument(metavar="ID")],
    by: By,
    to: Annotated[str | None, typer.Option(metavar="USER", help="To whom; empty gives it back to everybody.")] = None,
    note: Note = None,
) -> None:
    """Give it to somebody."""
    from models.absence import give

    if to is None:
        raise UsageError("--to: to whom? (--to '' gives it back to everybody)")
    _act(alert_id, by, lambda s, today, now: give(s, alert_id, by, to=to, today=today, now=now, note=note))


@alert.command("resolve")
def alert_resolve(
    alert_id: Annotated[int, typer.Argument(metavar="ID")],
    by: By,
    outcome: Annotated[str | None, typer.Option(metavar="CODE", help="What came of it.")] = None,
    reason: ReasonCode = None,
    note: Note = None,
) -> None:
    """Over, with an outcome."""
    from models.alert_lifecycle import resolve

    _act(
        alert_id,
        by,
        lambda s, today, now: resolve(s, alert_id, by, outcome=outcome or reason, today=today, now=now, note=note),
    )


@alert.command("take-over")
def alert_take_over(
    by: By,
    alert_id: Annotated[int | None, typer.Argument(metavar="ID", help="One alert; without it, all that wait.")] = None,
) -> None:
    """Take what is new with a version into the list: one alert, or the whole group."""
    _short()
    from jobs.switching_on import take_over_group
    from models.accounts import audit
    from models.database import writing

    now = utc_now()
    with writing(_engine(_settings())) as session:
        taken = take_over_group(session, by, now=now, alert_ids=None if alert_id is None else [alert_id])
        if alert_id is not None and not taken:
            raise ActionRefused(f"Alert {alert_id} waits in no group.")
        audit(session, by.strip(), "took over new alerts by command", now=now, detail=f"{len(taken)} alerts")
    out(f"{len(taken)} {'alert is' if len(taken) == 1 else 'alerts are'} in the list now")


@alert.command("comment")
def alert_comment(alert_id: Annotated[int, typer.Argument(metavar="ID")], by: By, note: Note = None) -> None:
    """A note in its history."""
    from models.alert_lifecycle import comment

    _act(alert_id, by, lambda s, _, now: comment(s, alert_id, by, note=note, now=now))


@app.command()
def suggest(
    mrn: Annotated[str, typer.Argument(metavar="MRN")],
    as_of: AsOf = None,
    known_at: KnownAt = None,
    format: FormatOption = Format.TABLE,
) -> None:
    """Escalation suggestions for one patient: options to consider, never an order."""
    from jobs.suggest import suggest as ask

    settings = _settings()
    day, known = _when(as_of, known_at, settings, utc_now())
    answer = ask(_engine(settings), mrn, day, known, settings.timezone)
    rows = [
        {
            "key": one["key"],
            "status": one["status"],
            "urgency": one["urgency"],
            "title": one["title"],
            "options": "; ".join(option["text"] for option in one["options"]),
        }
        for one in answer["suggestions"]
    ]
    print_rows(
        rows,
        format,
        ["key", "status", "urgency", "title", "options"],
        document=answer,
        empty=f"State: {answer['state']}. Nothing to suggest.",
    )
    if format is Format.TABLE and rows:
        say(f"State: {answer['state']}")
        for one in answer["suppressed"]:
            say(f"Not suggested: {one['key']}: {one['reason']}")


@app.command()
def exposure(
    mrn: Annotated[str, typer.Argument(metavar="MRN")], as_of: AsOf = None, format: FormatOption = Format.TABLE
) -> None:
    """Prednisone-equivalent dose per day, spans above the limits, cumulative dose."""
    from sqlmodel import select

    from jobs.exposure import exposure_report
    from models.database import reading
    from models.patient import STATUSES, Patient
    from models.patient_reading import read_patients

    settings = _settings()
    day = _day(as_of, settings, utc_now())
    with reading(_engine(settings)) as session:
        identifier = session.exec(select(Patient.id).where(Patient.mrn == mrn)).first()
        if identifier is None:
            raise UnknownPatient(mrn)
        (patient,) = read_patients(
            session.connection(), day, timezone=settings.timezone, patient_ids=[identifier], statuses=STATUSES
        )
        report = exposure_report(patient)
    if format is Format.JSON:
        print_json(report)
    elif format is Format.CSV:
        print_rows(report["days"], format, list(report["days"][0]) if report["days"] else ["date", "dose"])
    else:
        print_rows(
            report["segments"],
            format,
            list(report["segments"][0]) if report["segments"] else [],
            empty="No systemic steroid.",
        )
        for span in report["spans"]:
            say(f"{span['limit'].capitalize()}: {span['start']} to {span['end'] or 'now'}, {span['days']} days")
        total = report["cumulative"]
        say(f"Cumulative: {total['total_mg']:g} mg, {total['last_365_days_mg']:g} mg of it in the last 365 days")
        # What stands beside the numbers in the application stands beside them here.
        for one in report["replaced"]:
            say(f"Please check: {one['says']}")
        for one in report["unknown"]:
            say(f"Not counted: {one['drug']} from {one['start']}: {one['why']}")
        for one in report["ignored"]:
            say(f"Not counted: {one['drug']}{' ' + one['route'] if one['route'] else ''}: {one['why']}")


@score.command("tis")
def score_tis(file: Annotated[Path, typer.Argument(metavar="FILE.json")]) -> None:
    """2016 ACR/EULAR total improvement score."""
    from jobs.scores.total_improvement import total_improvement_score

    print_json(total_improvement_score(_json(file)))


@score.command("cmas")
def score_cmas(file: Annotated[Path, typer.Argument(metavar="FILE.json")]) -> None:
    """CMAS total from its 14 items."""
    from jobs.scores.cmas import cmas

    print_json(cmas(_json(file)))


@score.command("mmt")
def score_mmt(file: Annotated[Path, typer.Argument(metavar="FILE.json")]) -> None:
    """MMT8 (80 or 150) or the whole MMT (260) from its muscle groups."""
    from jobs.scores.mmt import mmt

    print_json(mmt(_json(file)))


@score.command("worsening")
def score_worsening(file: Annotated[Path, typer.Argument(metavar="FILE.json")]) -> None:
    """Worsening against a baseline: {"definition": "proderm" | "imacs", "baseline": V, "visits": [V with "date"]}."""
    from jobs.scores.worsening import judge_document

    print_json(judge_document(_json(file)))


@score.command("classification")
def score_classification(file: Annotated[Path, typer.Argument(metavar="FILE.json")]) -> None:
    """2017 EULAR/ACR classification criteria, for research: score, probability, category and subgroup."""
    from jobs.scores.classification import classify

    print_json(classify(_json(file)))


@score.command("prednisone")
def score_prednisone(
    drug: Annotated[str, typer.Argument(metavar="DRUG")],
    dose: Annotated[str, typer.Argument(metavar="DOSE")],
    unit: Annotated[str, typer.Option(help="mg, g or mg/kg.")] = "mg",
    frequency: Annotated[str, typer.Option(help="daily, twice-daily, every-other-day, weekly, once, ...")] = "daily",
    weight: Annotated[str | None, typer.Option(metavar="KG", help="Needed for mg/kg.")] = None,
) -> None:
    """What a steroid dose equals in prednisone."""
    from jobs.scores.steroid_equivalence import prednisone_equivalent

    print_json(prednisone_equivalent(drug, dose, unit, frequency=frequency, weight_kg=weight))


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UsageError(f"{file} is not JSON: {error}") from error


@app.command()
def replay(
    first: Annotated[str, typer.Option("--from", metavar="DATE")],
    last: Annotated[str, typer.Option("--to", metavar="DATE")],
    rules: Annotated[list[str] | None, typer.Option("--rule", metavar="KEY")] = None,
    settings_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY.PARAM=VALUE", help="Try a threshold; repeatable.")
    ] = None,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    format: FormatOption = Format.TABLE,
) -> int:
    """What the rules would have said, day by day, as known each day."""
    from jobs.replay import replay as run

    settings = _settings()
    start, end = _written_day(first, "--from"), _written_day(last, "--to")
    if end < start:
        raise UsageError("--to lies before --from.")
    overrides: dict[str, dict[str, Any]] = {}
    for text in settings_ or []:
        name, equals, value = text.partition("=")
        key, dot, parameter = name.rpartition(".")
        if not (equals and dot and key and parameter):
            raise UsageError(f"--set {text!r}: write it as KEY.PARAM=VALUE, such as declining-strength.step_cmas=4.")
        overrides.setdefault(key, {})[parameter] = value
    report = run(
        _engine(settings),
        start,
        end,
        timezone=settings.timezone,
        rules=rules or None,
        overrides=overrides,
        workers=workers,
        scheduler=scheduler,
    )
    print_rows(
        report["rules"],
        format,
        ["rule", "opened", "per_week", "per_100_patient_months", "patients"],
        document=report,
        empty="No alert would have been opened.",
    )
    return 1 if report["failures"] else 0


@app.command()
def cohort(
    patients: Annotated[int, typer.Option(min=1)],
    seed: Annotated[int, typer.Option()],
    directory: Annotated[Path, typer.Option("--out", metavar="DIR")],
    as_of: AsOf = None,
) -> None:
    """A synthetic cohort with known true states, as a CSV folder plus truth.csv."""
    from seed_data.cohort import write_cohort

    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(f"--out: {directory} is not empty; a cohort is written only into a new or empty folder.")
    counts = write_cohort(directory, patients, seed, _day(as_of, _settings(), utc_now()))
    for name, number in counts.items():
        out(f"{name}: {number} rows")


# ---------------------------------------------------------------------------------------------------------------- jobs


@jobs.command("list")
def jobs_list(format: FormatOption = Format.TABLE) -> None:
    """The scheduled jobs and their last runs."""
    _short()
    from jobs.health import health

    settings = _settings()
    state = health(_engine(settings), settings, utc_now())
    print_rows(state["jobs"], format, list(state["jobs"][0]) if state["jobs"] else ["key"])


@jobs.command("run")
def jobs_run(name: Annotated[str, typer.Argument(metavar="NAME")], as_of: AsOf = None) -> int:
    """Run one job now."""
    from jobs.runner import run_by_hand

    settings, now = _settings(), utc_now()
    day = None if as_of is None else _written_day(as_of, "--as-of")
    if day is not None:
        _refuse_tomorrow(day, settings, now)
    run = run_by_hand(_engine(settings), settings, name, as_of=day, now=now)
    out(
        f"{name}: {run.status}"
        + (f", {run.rows} rows" if run.rows else "")
        + (f": {run.message}" if run.message else "")
    )
    return 0 if run.status == "succeeded" else 1


# ------------------------------------------------------------------------------------------------------------ accounts


@user.command("add")
def user_add(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    role: Annotated[str, typer.Option(help="nurse, physician, admin, viewer or service.")],
    password: Annotated[str | None, typer.Option(metavar="P", help="Asked for if not given.")] = None,
) -> None:
    """Add an account; a service gets a bearer token, printed once."""
    from models.accounts import add_user, audit
    from models.database import writing
    from models.user import ROLES

    if role not in ROLES:
        raise UsageError(f"--role is one of {', '.join(ROLES)}, not {role!r}.")
    now = utc_now()
    with writing(_engine(_settings())) as session:
        token = add_user(session, name, role, password if role == "service" else _password(password), now=now)
        audit(session, "command line", f"added user {name} ({role})", now=now)
    out(f"{name} ({role}) added" + (f"; bearer token: {token}" if token else ""))


@user.command("disable")
def user_disable(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Let an account in no more; what it did stays on record."""
    from models.absence import pass_on
    from models.accounts import audit, disable_user
    from models.alert_lifecycle import present_day
    from models.database import writing

    now, settings = utc_now(), _settings()
    with writing(_engine(settings)) as session:
        disable_user(session, name, now=now)
        session.flush()
        pass_on(session, today=present_day(session, now, settings.timezone), now=now)
        audit(session, "command line", f"disabled user {name}", now=now)
    out(f"{name} disabled")


@user.command("password")
def user_password(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    password: Annotated[str | None, typer.Option(metavar="P", help="Asked for if not given.")] = None,
    role: Annotated[str | None, typer.Option(help="Not changed by this command.", hidden=True)] = None,
) -> None:
    """A new password (a service: a new token)."""
    from sqlmodel import select

    from models.accounts import audit, set_password
    from models.database import writing
    from models.user import User

    del role
    now = utc_now()
    with writing(_engine(_settings())) as session:
        account = session.exec(select(User).where(User.name == name)).first()
        if account is None:
            raise ActionRefused(f"There is no user {name!r}.")
        token = set_password(session, name, password if account.role == "service" else _password(password), now=now)
        audit(session, "command line", f"new password for {name}", now=now)
    out(f"{name}: password changed" + (f"; bearer token: {token}" if token else ""))


def _password(given: str | None) -> str:
    if given is not None:
        return given
    if not sys.stdin.isatty():
        line = sys.stdin.readline().rstrip("\n")
        if not line:
            raise UsageError("No password given: use --password, or type it when asked.")
        return line
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


# --------------------------------------------------------------------------------------------------------------- rules


@rule.command("list")
def rule_list(format: FormatOption = Format.TABLE) -> None:
    """Every rule with its status and version today."""
    from jobs.rule import all_rules
    from jobs.thresholds import thresholds_on
    from models.database import reading

    settings = _settings()
    with reading(_engine(settings)) as session:
        held = thresholds_on(session, clinic_date(utc_now(), settings.timezone))
    rows = [
        {"key": one.key, "status": held.status[one.key], "version": one.version, "question": one.question}
        for one in all_rules()
    ]
    print_rows(rows, format, ["key", "status", "version", "question"])


@rule.command("set")
def rule_set(
    assignments: Annotated[list[str], typer.Argument(metavar="KEY.PARAM=VALUE...")],
    by: By,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the change.")],
    patient: Annotated[
        str | None, typer.Option(metavar="MRN", help="For this patient only; for a year unless --until.")
    ] = None,
    valid_from: Annotated[str | None, typer.Option("--from", metavar="DATE", help="From this day on; today.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Last day it holds.")] = None,
) -> None:
    """A clinic's or a patient's own thresholds, with the reason; VALUE `default` goes back. All are set, or none."""
    from sqlmodel import select

    from jobs.thresholds import set_parameter
    from models.database import writing
    from models.patient import Patient

    settings, now = _settings(), utc_now()
    wanted = []
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        key, dot, parameter = name.rpartition(".")
        if not (equals and dot):
            raise UsageError(f"{assignment!r}: write it as KEY.PARAM=VALUE.")
        wanted.append((key, parameter, value))
    with writing(_engine(settings)) as session:
        identifier = None
        if patient is not None:
            identifier = session.exec(select(Patient.id).where(Patient.mrn == patient)).first()
            if identifier is None:
                raise UnknownPatient(patient)
        begins = _day(valid_from, settings, now, "--from")
        ends = None if until is None else _written_day(until, "--until")
        if ends is None and identifier is not None:
            # A patient's own threshold has an end, so that somebody looks at it again.
            ends = begins + dt.timedelta(days=365)
        for key, parameter, value in wanted:
            set_parameter(
                session,
                key,
                parameter,
                None if value == "default" else value,
                reason=reason,
                author=by,
                valid_from=begins,
                now=now,
                patient_id=identifier,
                expires_on=ends,
            )
    for key, parameter, value in wanted:
        whose = "" if patient is None else f" for patient {patient} until {ends}"
        out(f"{key}.{parameter} = {value}{whose}")


SWITCHED = {"on": "active", "off": "retired"}
"""What the two plain words for a rule's status mean."""


@rule.command("status")
def rule_status(
    key: Annotated[str, typer.Argument(metavar="KEY")],
    status: Annotated[str, typer.Argument(metavar="STATUS", help="on, off or shadow; also draft, active, retired.")],
    by: By,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the change.")],
    valid_from: Annotated[str | None, typer.Option("--from", metavar="DATE", help="From this day on; today.")] = None,
) -> None:
    """Switch a rule on, off, or to shadow (it runs and is counted, but shown to nobody)."""
    from jobs.thresholds import set_status
    from models.database import writing

    settings, now = _settings(), utc_now()
    with writing(_engine(settings)) as session:
        set_status(
            session,
            key,
            SWITCHED.get(status, status),
            reason=reason,
            author=by,
            valid_from=_day(valid_from, settings, now, "--from"),
            now=now,
        )
    out(f"{key}: {status}")


# ---------------------------------------------------------------------------------------------------------- vocabulary

Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the change.")]
FromDay = Annotated[str | None, typer.Option("--from", metavar="DATE", help="From this day on; today if not given.")]
TryOnly = Annotated[bool, typer.Option("--dry-run", help="Only say what it would do; nothing is kept.")]


@words.command("list")
def vocabulary_list(
    as_of: AsOf = None,
    known_at: KnownAt = None,
    history: Annotated[bool, typer.Option("--history", help="Every version, not only what holds.")] = False,
    format: FormatOption = Format.TABLE,
) -> None:
    """The clinic's own rows: what holds on a day, or every version with who and why."""
    from jobs.own_rows import own_rows
    from models.database import reading

    settings, now = _settings(), utc_now()
    day, known = _when(as_of, known_at, settings, now)
    with reading(_engine(settings)) as session:
        found = own_rows(session, day, known)
    rows = [
        {
            "id": version.id,
            "kind": one.kind,
            "key": one.key,
            "state": "ended" if version.ended else one.state if version is one.holds else "version",
            "from": version.valid_from.isoformat(),
            "by": version.author,
            "reason": version.reason,
            "cells": dict(version.cells),
        }
        for one in found
        for version in (one.history if history else (one.holds or one.newest,))
    ]
    print_rows(rows, format, ["id", "kind", "key", "state", "from", "by", "reason", "cells"])


@words.command("fields")
def vocabulary_fields(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="measure, drug or monitoring.")],
    format: FormatOption = Format.TABLE,
) -> None:
    """What may be said of a measure, a drug or a monitoring row."""
    from models.vocabulary.own import FIELDS

    if kind not in FIELDS:
        raise UsageError(f"{kind!r} is not something a clinic can add: {', '.join(FIELDS)}.")
    rows = [
        {
            "field": one.name,
            "needed": "yes" if one.needed else "",
            "means": one.means,
            "choices": ", ".join(one.choices),
        }
        for one in FIELDS[kind]
    ]
    print_rows(rows, format, ["field", "needed", "means", "choices"])


@words.command("add")
def vocabulary_add(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="measure, drug or monitoring.")],
    said: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...", help="See `vocabulary fields KIND`.")],
    by: By,
    reason: Why,
    valid_from: FromDay = None,
    dry_run: TryOnly = False,
    format: FormatOption = Format.TABLE,
) -> None:
    """Add a row of the clinic's own, or say something else of one; first it is tried on examples and patients."""
    from jobs.own_rows import adding

    cells: dict[str, str] = {}
    for part in said:
        name, equals, value = part.partition("=")
        if not equals or name in cells:
            raise UsageError(f"{part!r}: write each field once, as FIELD=VALUE.")
        cells[name] = value
    _change_vocabulary(
        lambda session, day, today, now: adding(session, kind, cells, valid_from=day, today=today, now=now),
        by, reason, valid_from, dry_run=dry_run, format=format,
    )  # fmt: skip


@words.command("end")
def vocabulary_end(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="measure, drug or monitoring.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="As `vocabulary list` names it.")],
    by: By,
    reason: Why,
    valid_from: FromDay = None,
    dry_run: TryOnly = False,
    format: FormatOption = Format.TABLE,
) -> None:
    """End a row from a day on. What was concluded before stays explained by it."""
    from jobs.own_rows import ending

    _change_vocabulary(
        lambda session, day, today, now: ending(session, kind, key, valid_from=day, today=today, now=now),
        by, reason, valid_from, dry_run=dry_run, format=format,
    )  # fmt: skip


@words.command("revert")
def vocabulary_revert(
    version: Annotated[int, typer.Argument(metavar="ID", help="A version, as `vocabulary list --history` names it.")],
    by: By,
    reason: Why,
    valid_from: FromDay = None,
    dry_run: TryOnly = False,
    format: FormatOption = Format.TABLE,
) -> None:
    """Back to what an earlier version said, from a day on; the versions between stay on record."""
    from jobs.own_rows import returning

    _change_vocabulary(
        lambda session, day, today, now: returning(session, version, valid_from=day, today=today, now=now),
        by, reason, valid_from, dry_run=dry_run, format=format,
    )  # fmt: skip


def _change_vocabulary(
    wanted: Callable[["Session", dt.date, dt.date, dt.datetime], "Change"],
    by: str,
    reason: str,
    valid_from: str | None,
    *,
    dry_run: bool,
    format: Format,
) -> None:
    """Try a change, keep it unless it is only tried, and print what it does."""
    from jobs.own_rows import keep, may_decide, outcome_of
    from models.alert_lifecycle import present_day
    from models.database import reading, writing

    settings, now = _settings(), utc_now()
    engine = _engine(settings)
    with reading(engine) as session:
        may_decide(session, by, reason)
        today = present_day(session, now, settings.timezone)
        day = today if valid_from is None else _written_day(valid_from, "--from")
        change = wanted(session, day, today, now)
    outcome = outcome_of(engine, change, today=today, now=now, timezone=settings.timezone)
    number = None
    if not dry_run:
        with writing(engine) as session:
            change = wanted(session, day, today, now)
            number = keep(session, change, reason=reason, by=by, now=now).id
    for sentence in outcome.sentences():
        say(sentence)
    row = {
        "id": number,
        "kind": change.kind,
        "key": change.key,
        "state": "ended" if change.ended else "set",
        "from": change.valid_from.isoformat(),
        "examples": outcome.examples,
        "differ": len(outcome.differ),
        "newly_asked": outcome.newly_asked,
        "newly_overdue": outcome.newly_overdue,
        "no_longer": outcome.no_longer,
    }
    details = row | {"cells": dict(change.cells), "differing": outcome.differ, "tests": outcome.tests}
    print_rows([row], format, list(row), document=details)
