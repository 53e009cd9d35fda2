"""Is this installation sound? Settings, database, clock, mail, disk, jobs, versions, each with what to do.

Nothing is changed: the database is opened as it is and not upgraded, and no message is sent. Nothing here tells of a
patient, and no secret is repeated.
"""

import datetime as dt
import os
import shutil
import smtplib
import socket
import sqlite3
import stat
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from jobs.backup import NAME, STAMP, backup_folder
from jobs.health import FAILED, LATE, health
from jobs.mllp.standing import standing
from models.assessment import EvaluationRun
from models.database import engine_for, is_sqlite, newest_version, reading, schema_version
from models.errors import MyopanelError, told
from models.job_run import JobRun
from models.observation import Observation
from models.received_message import heard_of
from models.settings import Settings

CLOCKS_AGREE = dt.timedelta(seconds=5)
"""Further apart than this, this machine's clock and the database server's are said to differ."""
AHEAD = dt.timedelta(minutes=1)
"""Records later than now by more than this were written by a clock that was ahead, or this one is behind."""
LEAST_FREE = 1 << 30
"""Bytes that should be free where the database and the backups are; more where the database is large."""
BACKUP_AGE = dt.timedelta(hours=36)
MAIL_SECONDS = 5


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One thing looked at: how it is, what was found, and what to do about it (empty where nothing is)."""

    check: str
    state: State
    found: str
    do: str = ""

    def row(self) -> dict[str, Any]:
        """As data, ready for JSON."""
        return asdict(self)


def examine(settings: Settings, now: dt.datetime) -> list[Check]:
    """Every check, in the order in which trouble is looked for. Reads only; `now` is what this machine's clock says."""
    checks = list(_settings(settings))
    engine = engine_for(settings.database_url)
    try:
        opened = list(_database(engine, settings))
        checks += opened
        if not any(one.state is State.FAIL for one in opened):
            checks += _clock(engine, settings, now)
            checks += _jobs(engine, settings, now)
            checks += _backups(engine, settings, now)
            checks += _hl7(engine, settings, now)
    finally:
        engine.dispose()
    checks += [*_mail(settings), *_disk(settings), *_versions()]
    return checks


def settings_refused(error: MyopanelError) -> Check:
    """What is said where the settings cannot even be read."""
    return Check("settings", State.FAIL, str(error), "Correct the named variables of the environment and start again.")


# ------------------------------------------------------------------------------------------------------------ settings


def _settings(settings: Settings) -> Iterator[Check]:
    outside = settings.host not in {"127.0.0.1", "::1", "localhost"}
    if settings.environment != "production":
        yield Check(
            "settings",
            State.WARN if outside else State.OK,
            f"environment {settings.environment}, listening on {settings.host}:{settings.port}",
            "Set MYOPANEL_ENVIRONMENT=production before patients are in it: cookies then need HTTPS."
            if outside
            else "",
        )
    else:
        yield Check("settings", State.OK, f"environment production, listening on {settings.host}:{settings.port}")
    if not settings.public_address and settings.smtp_host:
        yield Check(
            "settings",
            State.WARN,
            "links in messages lead to the address the server listens on",
            "Set MYOPANEL_PUBLIC_ADDRESS to the address people use.",
        )
    secret = (settings.database_file.parent if settings.database_file else Path.cwd()) / "myopanel.secret"
    if settings.secret_key is None and secret.exists():
        mode = stat.S_IMODE(secret.stat().st_mode)
        if mode & 0o077:
            yield Check("settings", State.FAIL, f"{secret} can be read by others ({mode:o})", f"chmod 600 {secret}")


# ------------------------------------------------------------------------------------------------------------ database


def _database(engine: Engine, settings: Settings) -> Iterator[Check]:
    file = settings.database_file
    if file is not None and not file.exists():
        yield Check(
            "database", State.FAIL, f"{file} does not exist", "Run `myopanel db upgrade`, or correct the address."
        )
        return
    try:
        found = schema_version(engine)
    except sa.exc.SQLAlchemyError as error:
        yield Check(
            "database",
            State.FAIL,
            f"it does not answer: {told(error)}",
            "Is the server running, the address right, the file a database? `myopanel db restore` puts a backup back.",
        )
        return
    newest = newest_version()
    if found is None or not found.isdigit() or found > newest:
        yield Check(
            "database",
            State.FAIL,
            f"schema version {found or 'none'}; this program knows {newest}",
            "Install the version that wrote it." if found else "Run `myopanel db upgrade`.",
        )
        return
    if found < newest:
        yield Check("database", State.FAIL, f"schema version {found}, not {newest}", "Run `myopanel db upgrade`.")
        return
    yield Check("database", State.OK, f"{engine.dialect.name}, schema version {found}")
    if file is None:
        return
    with engine.connect() as connection:
        verdict = str(connection.exec_driver_sql("pragma quick_check(1)").scalar())
    if verdict != "ok":
        yield Check(
            "database",
            State.FAIL,
            f"the file is damaged: {verdict.splitlines()[0]}",
            "Stop everything and put the newest backup back with `myopanel db restore`.",
        )
    if not os.access(file, os.W_OK) or not os.access(file.resolve().parent, os.W_OK):
        yield Check(
            "database",
            State.FAIL,
            f"{file} or its folder cannot be written by this user",
            "Run as the user who owns it: SQLite writes its log beside the file.",
        )
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o007:
        yield Check("database", State.WARN, f"{file} can be read by every user ({mode:o})", f"chmod 600 {file}")


# --------------------------------------------------------------------------------------------------------------- clock


def _clock(engine: Engine, settings: Settings, now: dt.datetime) -> Iterator[Check]:
    newest: list[dt.datetime] = []
    with engine.connect() as connection:
        for column in (EvaluationRun.finished_at, EvaluationRun.started_at, JobRun.started_at, Observation.imported_at):
            found = connection.execute(sa.select(sa.func.max(column))).scalar()
            if found is not None:
                newest.append(found)
        server = None if is_sqlite(engine) else connection.execute(sa.select(sa.func.now())).scalar()
    said = f"{now.astimezone(settings.zone):%Y-%m-%d %H:%M} in {settings.timezone}"
    ahead = max(newest, default=now) - now
    if ahead > AHEAD:
        yield Check(
            "clock",
            State.FAIL,
            f"{said}; the database has records of {max(newest):%Y-%m-%d %H:%M} UTC, later than now",
            "Set this machine's clock (NTP). If a clock was ahead when they were written, jobs wait until that moment.",
        )
    elif server is not None and abs(server - now) > CLOCKS_AGREE:
        apart = abs(server - now).total_seconds()
        yield Check(
            "clock",
            State.FAIL,
            f"{said}; the database server's clock is {apart:.0f} s apart",
            "Run NTP on both machines.",
        )
    else:
        yield Check("clock", State.OK, said)


# ------------------------------------------------------------------------------------------------------ jobs, backups


def _jobs(engine: Engine, settings: Settings, now: dt.datetime) -> Iterator[Check]:
    answer = health(engine, settings, now)
    alive = answer["scheduler"] is not None and answer["scheduler"]["alive"]
    if not alive:
        yield Check(
            "jobs",
            State.WARN,
            "no scheduler holds the lease: nothing is evaluated or sent by itself",
            "Start `myopanel serve` or `myopanel worker`.",
        )
    bad = answer["status"] in {LATE, FAILED}
    for problem in answer["problems"]:
        yield Check("jobs", State.FAIL if bad else State.WARN, problem, "See `myopanel jobs list` and the Jobs page.")
    if alive and not answer["problems"]:
        yield Check("jobs", State.OK, f"{answer['status']}, last evaluated {answer['evaluated_at'] or 'never'}")


def _backups(engine: Engine, settings: Settings, now: dt.datetime) -> Iterator[Check]:
    if not is_sqlite(engine):
        found = shutil.which("pg_dump")
        yield Check(
            "backups",
            State.WARN,
            "PostgreSQL is not backed up by this program" + ("" if found else "; pg_dump is not on this machine"),
            "See that your server is backed up (pg_dump, archiving), and try a restore.",
        )
        return
    folder = backup_folder(engine, settings)
    names = sorted(path.name for path in folder.iterdir() if NAME.fullmatch(path.name)) if folder.is_dir() else []
    if not names:
        yield Check(
            "backups",
            State.WARN,
            f"none in {folder}",
            "The nightly job writes one; `myopanel db backup FILE` does now.",
        )
        return
    taken = dt.datetime.strptime(names[-1], f"myopanel-{STAMP}.db").replace(tzinfo=dt.UTC)
    old = now - taken > BACKUP_AGE
    yield Check(
        "backups",
        State.WARN if old else State.OK,
        f"{len(names)}, the newest of {taken:%Y-%m-%d %H:%M} UTC",
        "The nightly backup did not run: see the Jobs page." if old else "",
    )


# ----------------------------------------------------------------------------------------------------------------- HL7


def _hl7(engine: Engine, settings: Settings, now: dt.datetime) -> Iterator[Check]:
    if settings.mllp_port is None:
        return
    where = f"{settings.mllp_host}:{settings.mllp_port}"
    try:
        # A wildcard address listens on this machine as well.
        reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.mllp_host, settings.mllp_host)  # noqa: S104
        socket.create_connection((reached, settings.mllp_port), timeout=MAIL_SECONDS).close()
        listens = True
    except OSError:
        listens = False
    if not listens:
        yield Check(
            "hl7",
            State.FAIL,
            f"nobody listens on {where}",
            "Start `myopanel serve` or `myopanel worker` with these settings.",
        )
    if settings.mllp_host not in {"127.0.0.1", "::1", "localhost"}:
        yield Check(
            "hl7",
            State.WARN,
            f"{where} can be reached from other machines; MLLP knows neither passwords nor encryption",
            "Let only the senders reach it: a firewall, a VPN, or a TLS tunnel that ends on this machine.",
        )
    with reading(engine) as session:
        found, heard = standing(session, settings, now), heard_of(session)
    if found.unread:
        yield Check(
            "hl7",
            State.WARN,
            f"{found.unread} kept and not read yet",
            "They are tried again at the next start; the table received_message says what went wrong.",
        )
    if listens:
        senders = ", ".join(f"{one.sender} last {one.last_at:%Y-%m-%d %H:%M} UTC" for one in heard[:5])
        yield Check("hl7", State.OK, f"listening on {where}; {senders or 'no message yet'}")


# ------------------------------------------------------------------------------------------- mail, disk, versions


def _mail(settings: Settings) -> Iterator[Check]:
    if not settings.smtp_host:
        yield Check(
            "mail",
            State.WARN,
            "no mail server: digests and reminders wait in the outbox",
            "Set MYOPANEL_SMTP_HOST, or agree that the Jobs page is read every morning.",
        )
        return
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        with smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=MAIL_SECONDS) as connection:
            code, _ = connection.noop()
    except (OSError, smtplib.SMTPException) as error:
        why = "no such host" if isinstance(error, socket.gaierror) else type(error).__name__
        yield Check(
            "mail", State.FAIL, f"{where} does not answer ({why})", "Check MYOPANEL_SMTP_HOST and the firewall."
        )
        return
    good = code == 250
    yield Check(
        "mail",
        State.OK if good else State.WARN,
        f"{where} answers" + ("" if good else f" with {code}"),
        "" if good else "Ask whoever runs the mail server.",
    )


def _disk(settings: Settings) -> Iterator[Check]:
    file = settings.database_file
    if file is None:
        return
    folders = {file.resolve().parent} | ({settings.backup_directory} if settings.backup_directory else set())
    size = file.stat().st_size if file.exists() else 0
    needed = max(LEAST_FREE, 2 * size)
    for folder in sorted(folders):
        if not folder.is_dir():
            yield Check("disk", State.WARN, f"{folder} does not exist", "It is made when the first backup is written.")
            continue
        free = shutil.disk_usage(folder).free
        short = free < needed
        yield Check(
            "disk",
            State.FAIL if free < size else State.WARN if short else State.OK,
            f"{folder}: {free / 2**30:.1f} GiB free, the database has {size / 2**30:.2f} GiB",
            "Make room: a backup needs as much as the database, and a full disk stops everything." if short else "",
        )


def _versions() -> Iterator[Check]:
    def of(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "missing"

    told_of = {name: of(name) for name in ("myopanel", "dash", "pandas", "sqlmodel", "sqlalchemy", "apscheduler")}
    python = ".".join(map(str, sys.version_info[:3]))
    said = ", ".join(
        [f"Python {python}", f"SQLite {sqlite3.sqlite_version}", *(f"{n} {v}" for n, v in told_of.items())]
    )
    missing = [name for name, found in told_of.items() if found == "missing"]
    yield Check(
        "versions",
        State.FAIL if missing else State.OK,
        said,
        f"Install {', '.join(missing)} (`make install`)." if missing else "",
    )
