"""`myopanel demo`: a throw-away clinic from invented patients, through the same doors as a real one.

The folder is imported, the rules are run for some days of the past weeks and for today, and the demo cast acts on a few
alerts, so that the lists look as they do after a month of use. Everything lies in a folder of its own that goes when
the demonstration stops; a configured database is never touched.
"""

import datetime as dt
import secrets
import shutil
import tempfile
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from dashboard.output import out, say
from dashboard.serving import listen, serve_web
from jobs.evaluation import evaluate
from jobs.importers.load import import_paths
from models.accounts import add_user
from models.alert import Alert
from models.alert_lifecycle import acknowledge, assign, comment, resolve, snooze, state_of
from models.clock import clinic_date, start_of_day
from models.database import open_database, writing
from models.errors import UsageError
from models.settings import Settings, read_settings
from seed_data.demo import demo_users, write_demo_clinic

DAYS_LIVED = (-28, -21, -14, -7, -3, -1)


def run_demo(*, patients: int, port: int | None, serve: bool, now: dt.datetime) -> None:
    """Set the clinic up, print the address and the sign-ins, and serve until stopped.

    Raises:
        UsageError: the port asked for is taken.
    """
    configured = read_settings()
    listener = None
    if serve:
        try:
            listener = listen(configured.host, configured.port if port is None else port)
        except UsageError:
            if port is not None:
                raise
            listener = listen(configured.host, 0)
    folder = Path(tempfile.mkdtemp(prefix="myopanel-demo-"))
    settings = Settings(
        database_url=f"sqlite:///{folder / 'demo.db'}",
        timezone=configured.timezone,
        host=configured.host,
        port=configured.port,
        environment="demo",
        secret_key=SecretStr(secrets.token_urlsafe(48)),
        backup_directory=folder / "backups",
        mllp_port=None,  # a laboratory must never be told "taken" by a clinic that is thrown away
    )
    try:
        engine, password = build_demo_clinic(settings, folder, patients, now)
        if serve:

            def announce(address: str) -> None:
                _print_sign_ins(address, password)
                say("Invented patients only. Ctrl-C stops the demonstration and deletes it.")

            serve_web(
                settings, engine, with_scheduler=True, listener=listener, demo_password=password, announce=announce
            )
        else:
            _print_sign_ins("not serving (--no-serve)", password)
            out(f"Database   {settings.database_url}")
        engine.dispose()
    finally:
        if serve:
            shutil.rmtree(folder, ignore_errors=True)


def build_demo_clinic(settings: Settings, folder: Path, patients: int, now: dt.datetime) -> tuple[Engine, str]:
    """The clinic in the settings' database, standing at `now`; returns its engine and the password of its cast."""
    today = clinic_date(now, settings.timezone)
    say(f"Inventing {patients} patients and the stories, as of {today.isoformat()} ...")
    write_demo_clinic(folder / "clinic", patients, today)
    engine = open_database(settings.database_url)
    password = "-".join(secrets.choice(_WORDS) for _ in range(3)) + f"-{secrets.randbelow(90) + 10}"
    with writing(engine) as session:
        for one in demo_users():
            secret = None if one.role == "service" else password
            add_user(session, one.name, one.role, secret, now=now, display_name=one.display_name)
    report = import_paths(
        engine, [folder / "clinic"], timezone=settings.timezone, by="demonstration", now=now
    ).to_dict()
    counts = report["total"]
    say(f"Imported {counts['created']} facts ({counts['updated']} corrections, {counts['rejected']} rejected).")
    for offset in (*DAYS_LIVED, 0):
        day = today + dt.timedelta(days=offset)
        morning = start_of_day(day, settings.timezone) + dt.timedelta(hours=7)
        moment = min(morning, now)
        run = evaluate(engine, day, timezone=settings.timezone, now=moment, collect=False)
        with writing(engine) as session:
            _act(session, day, moment + dt.timedelta(minutes=30) if offset else moment)
        for failure in run.failures:
            say(f"Rule {failure.rule} failed for {len(failure.patients)} patients: {failure.error}")
    say("Rules evaluated for the past four weeks and today.")
    return engine, password


def _act(session: Session, day: dt.date, now: dt.datetime) -> None:
    """What the demo cast does on a morning: a fixed few of the alerts, by their number."""
    open_alerts = session.exec(select(Alert).where(col(Alert.ended_at).is_(None)).order_by(col(Alert.id))).all()
    for alert in open_alerts:
        if alert.id is None or state_of(alert, day) != "open":
            continue
        turn = alert.id % 11
        if turn == 1 and alert.severity != "urgent":
            acknowledge(
                session, alert.id, "nora", today=day, now=now, reason="reviewed", note="discussed at the huddle"
            )
        elif turn == 4 and alert.severity == "watch":
            snooze(
                session,
                alert.id,
                "nora",
                until=day + dt.timedelta(days=21),
                today=day,
                now=now,
                reason="deferred",
                note="visit booked",
            )
        elif turn == 6 and alert.owner is None:
            assign(session, alert.id, "nora", to="paul", today=day, now=now)
        elif turn == 8 and alert.rule == "overdue-labs" and (day - alert.opened_for).days >= 7:
            comment(session, alert.id, "nora", note="telephoned; blood test booked this week", now=now)
            resolve(session, alert.id, "nora", outcome="contacted-patient", today=day, now=now)


def _print_sign_ins(address: str, password: str) -> None:
    out(f"Myopanel demonstration: {address}")
    out("Sign in as one of these, all with the same password:")
    for one in demo_users():
        if one.role != "service":
            out(f"  {one.name:<8} {one.role:<10} {one.purpose}")
    out(f"Password   {password}")


_WORDS = (
    "amber", "basil", "cedar", "clover", "coral", "delta", "ember", "fern", "garnet", "hazel", "indigo", "ivory",
    "juniper", "lemon", "linden", "maple", "meadow", "olive", "opal", "pebble", "poplar", "quartz", "river", "saffron",
    "slate", "sorrel", "spruce", "tulip", "umber", "violet", "walnut", "willow",
)  # fmt: skip
