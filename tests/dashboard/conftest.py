"""An application on a small clinic, people to sign in as, and a browser that is signed in.

The clinic is written straight into the tables: what the pages show is under test here, not what the rules find.
"""

import datetime as dt
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import Session

from tests.web_server import web_server

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from playwright.sync_api import Page
    from sqlalchemy import Engine

    from dashboard.secure import SecureDash

NOW = dt.datetime(2026, 11, 22, 7, 2, tzinfo=dt.UTC)
TODAY = NOW.date()
PASSWORD = "a long enough password"
TOKEN = "token-of-the-laboratory"
PEOPLE = {"nora": "nurse", "paul": "physician", "ada": "admin", "vera": "viewer"}


def days(count: int) -> dt.date:
    """The date so many days from today."""
    return TODAY + dt.timedelta(days=count)


@dataclass
class Clock:
    """A clock that the test moves."""

    now: dt.datetime = NOW

    def __call__(self) -> dt.datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        """Let time pass: `clock.forward(minutes=20)`."""
        self.now += dt.timedelta(**delta)


@dataclass
class Clinic:
    """A running application, its database and its clock."""

    app: "SecureDash"
    engine: "Engine"
    clock: Clock
    patients: dict[str, int] = field(default_factory=dict)

    def client(self, name: str | None = None) -> "FlaskClient":
        """A browser without scripts, signed in as `name` unless None."""
        client = self.app.server.test_client()
        if name is not None:
            answer = sign_in(client, name)
            assert answer.status_code == 303, answer.text
        return client

    def alert_ids(self, rule: str | None = None) -> list[int]:
        """Numbers of the alerts (of one rule), oldest first."""
        from sqlmodel import select

        from models.alert import Alert

        with Session(self.engine) as session:
            query = select(Alert).order_by(Alert.id)  # type: ignore[arg-type]
            return [alert.id or 0 for alert in session.exec(query) if rule in (None, alert.rule)]


def form_token(client: "FlaskClient") -> str:
    """The token of the sign-in form."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', client.get("/sign-in").text)
    assert found
    return found[1]


def sign_in(client: "FlaskClient", name: str, password: str = PASSWORD, **form: str) -> Any:
    """Send the sign-in form."""
    return client.post("/sign-in", data={"csrf": form_token(client), "name": name, "password": password} | form)


def csrf_of(client: "FlaskClient") -> str:
    """The token that the page's script would send along."""
    client.get("/")
    cookie = client.get_cookie("_csrf_token")
    assert cookie is not None
    return str(cookie.value)


def call(client: "FlaskClient", output: str, changed: str = "x.n_clicks", **options: Any) -> Any:
    """Ask for a callback by its output, as the Dash renderer does."""
    headers = {"X-CSRFToken": csrf_of(client)} | options.pop("headers", {})
    body = {"output": output, "outputs": [], "inputs": [], "changedPropIds": [changed]} | options
    return client.post("/_dash-update-component", json=body, headers=headers)


@pytest.fixture
def clock() -> Clock:
    """Sunday 22 November 2026, 07:02 UTC, until the test moves it."""
    return Clock()


@pytest.fixture(scope="session", autouse=True)
def real_hasher() -> Iterator[Callable[[], Any]]:
    """What hashes passwords in a clinic. Here they cost little: hundreds of tests sign somebody in."""
    from argon2 import PasswordHasher

    from models import accounts

    real = accounts._hasher
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_hasher", lambda: cheap)
        yield real


@pytest.fixture(scope="session")
def staffed_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one account of each role, to be copied: hashing passwords is slow on purpose."""
    import sqlite3

    from models.accounts import add_user
    from models.database import engine_for, writing

    path = tmp_path_factory.mktemp("staffed") / "staffed.db"
    shutil.copyfile(sqlite_template, path)
    engine = engine_for(f"sqlite:///{path}")
    with writing(engine) as session:
        for name, role in PEOPLE.items():
            add_user(session, name, role, PASSWORD, now=NOW, display_name=f"{name.capitalize()} Test")
        add_user(session, "lab", "service", TOKEN, now=NOW)
    engine.dispose()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture
def clinic(staffed_template: Path, tmp_path: Path, clock: Clock) -> Iterator[Clinic]:
    """An application on an empty clinic with one account of each role."""
    from dashboard.app import create_app
    from models.database import engine_for
    from models.settings import Settings

    path = tmp_path / "myopanel.db"
    shutil.copyfile(staffed_template, path)
    engine = engine_for(f"sqlite:///{path}")
    settings = Settings(database_url=f"sqlite:///{path}", secret_key="0123456789abcdefghijklmnopqrstuvwxyz")
    yield Clinic(create_app(settings, engine, clock=clock), engine, clock)
    engine.dispose()


ANSWERS: list[dict[str, Any]] = [
    {
        "mrn": "0012", "rule": "declining-strength", "subject": "cmas", "state": "met", "severity": "urgent",
        "grade": "corroborated", "since": days(-3), "explanation": "CMAS 27 -> 20 of 52 on 22 Nov 2026. More.",
        "numbers": {"reference": 27, "latest": 20}, "suggested_action": "repeat the CMAS, call today",
    },
    {
        "mrn": "0012", "rule": "overdue-labs", "subject": "ck", "state": "met", "severity": "action", "due": days(-12),
        "since": days(-4), "explanation": "CK was due 10 Nov 2026.", "suggested_action": "order CK",
    },
    {
        "mrn": "0012", "rule": "overdue-labs", "subject": "crp", "state": "met", "severity": "action", "due": days(-11),
        "since": days(-3), "explanation": "CRP was due 11 Nov 2026.", "suggested_action": "order CRP",
    },
    {
        "mrn": "0044", "rule": "raised-troponin", "subject": "troponin_t", "state": "met", "severity": "watch",
        "since": days(-8), "explanation": "Troponin T 22 ng/L, above its limit.",
        "numbers": {"kind": "T", "latest": 22, "upper_limit": 14, "troponin_i": "normal"},
        "suggested_action": "look at it at the next visit",
    },
    {
        "mrn": "0050", "rule": "rising-muscle-enzymes", "subject": "ck", "state": "cannot_tell",
        "cannot_tell_because": "no upper limit on file", "explanation": "CK: no upper limit on file.",
    },
    {
        "mrn": "0099", "rule": "declining-strength", "subject": "mmt8", "state": "met", "severity": "action",
        "since": days(-9), "explanation": "MMT8 fell.", "numbers": {"reference": 70, "latest": 62},
    },
]  # fmt: skip

PATIENTS = [
    ("0012", "Ada", "Karst", "JDM", "North", "paul", "active"),
    ("0044", "Ben", "Olsen", "IMNM", "South", "nora", "active"),
    ("0050", "Cem", "Demir", "DM", "North", "paul", "active"),
    ("0060", "Dana", "Ruiz", "PM", "South", "", "active"),
    ("0099", "Eva", "Gone", "DM", "North", "paul", "discharged"),
]


def fill(session: Session) -> dict[str, int]:
    """Write the small clinic; returns patient ids by record number."""
    from models.alert import Alert
    from models.alert_lifecycle import record
    from models.assessment import Assessment, EvaluationRun
    from models.observation import Observation
    from models.patient import Patient

    session.add(EvaluationRun(as_of=TODAY, full=True, started_at=NOW, finished_at=NOW))
    known: dict[str, int] = {}
    for mrn, given, family, diagnosis, site, clinician, status in PATIENTS:
        patient = Patient(
            mrn=mrn, given_name=given, family_name=family, diagnosis=diagnosis, site=site, clinician=clinician,
            status=status, birth_date=dt.date(2014, 5, 1), sex="female", created_at=NOW, updated_at=NOW,
            evaluated_revision=1,
        )  # fmt: skip
        session.add(patient)
        session.flush()
        known[mrn] = patient.id or 0
    evidence: list[int] = []
    for back, score in ((14, 27.0), (3, 20.0)):
        at = NOW - dt.timedelta(days=back)
        observed = Observation(
            patient_id=known["0012"], measure="cmas", value=score, max_value=52, effective_at=at,
            effective_on=at.date(), received_at=at, received_on=at.date(), imported_at=NOW, sender="csv",
            identity=f"cmas-{back}", content="x",
            assessor="PT Lind",
        )  # fmt: skip
        session.add(observed)
        session.flush()
        evidence.append(observed.id or 0)
    for answer in ANSWERS:
        row = {key: value for key, value in answer.items() if key not in {"mrn", "numbers"}}
        row |= {"patient_id": known[answer["mrn"]], "rule_version": "1.0.0"}
        row["numbers"] = json.dumps(answer.get("numbers", {}))
        if answer["rule"] == "declining-strength":
            row["evidence"] = json.dumps([{"kind": "observation", "id": one} for one in evidence])
        session.add(Assessment(**row))
        if answer["state"] != "met":
            continue
        row = {key: value for key, value in row.items() if key not in {"state", "cannot_tell_because"}}
        alert = Alert(**row, opened_at=NOW, opened_for=TODAY, last_true_on=TODAY)
        session.add(alert)
        session.flush()
        record(session, alert, "opened", "myopanel", NOW)
    keep_summaries(session)
    return known


def keep_summaries(session: Session) -> None:
    """Write what the lists show, from the answers and observations on file, as an evaluation does."""
    from sqlmodel import select

    from jobs.rule import Answer
    from jobs.summary import summary_of
    from models.assessment import Assessment
    from models.observation import Observation
    from models.patient import Patient
    from models.patient_facts import PatientFacts, Reading, day_number
    from models.patient_summary import write_summaries
    from models.standing import stand_again
    from models.states import Cause, Grade, Severity, State

    session.flush()
    rows = {}
    for patient in session.exec(select(Patient).where(Patient.status == "active")):
        series: dict[str, list[Reading]] = {}
        for fact in session.exec(select(Observation).where(Observation.patient_id == patient.id)):
            day, who = day_number(fact.effective_on), fact.id or 0
            reading = Reading(day, fact.value or 0, fact.upper_limit, "", who, None, None, fact.measure)
            series.setdefault(fact.measure, []).append(reading)
        answers: dict[str, list[Answer]] = {}
        told = {}
        for row in session.exec(select(Assessment).where(Assessment.patient_id == patient.id)):
            because = row.cannot_tell_because or ""
            answer = Answer(
                row.subject,
                State(row.state),
                Grade(row.grade) if row.grade else None,
                Severity(row.severity) if row.severity else None,
                since=day_number(row.since) if row.since else None,
                due=day_number(row.due) if row.due else None,
                cannot_tell_because=row.cannot_tell_because,
                cause=Cause.STALE if "no newer" in because else Cause.NO_LIMIT if because else None,
                numbers=json.loads(row.numbers),
            )
            answers.setdefault(row.rule, []).append(answer)
            told[row.rule, row.subject] = row.explanation
        facts = PatientFacts(today=day_number(TODAY), id=patient.id or 0, mrn=patient.mrn, series=series)
        statuses = dict.fromkeys(answers, "active")
        rows[patient.id or 0] = summary_of(facts, answers, statuses, lambda key, one, told=told: told[key, one.subject])
    write_summaries(session.connection(), rows)
    stand_again(session.connection(), list(rows), TODAY)


@pytest.fixture(scope="session")
def filled_template(staffed_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, int]]:
    """That database with the small clinic in it, to be copied, and the patients' ids by record number."""
    from models.database import engine_for, writing

    path = tmp_path_factory.mktemp("filled") / "filled.db"
    shutil.copyfile(staffed_template, path)
    engine = engine_for(f"sqlite:///{path}")
    with writing(engine) as session:
        known = fill(session)
    engine.dispose()  # the last connection brings everything into the one file
    return path, known


@pytest.fixture
def filled(clinic: Clinic, filled_template: tuple[Path, Mapping[str, int]]) -> Clinic:
    """The same application on four active patients and one who has left, with answers and alerts."""
    template, known = filled_template
    clinic.engine.dispose()
    shutil.copyfile(template, str(clinic.engine.url.database))
    clinic.patients = dict(known)
    return clinic


@pytest.fixture
def served(filled: Clinic) -> Iterator[str]:
    """The address of the small clinic's web server, on a port of this machine."""
    with web_server(filled.app.server) as address:
        yield address


ENDS = "one => one.effect.getComputedTiming().endTime < Infinity"


def stands_still(page: "Page") -> None:
    """Wait until a page has what it asked for and nothing moves or changes colour any more."""
    page.wait_for_load_state("networkidle")
    page.evaluate(f"Promise.allSettled(document.getAnimations().filter({ENDS}).map(one => one.finished))")


@pytest.fixture
def open_as(page: "Page", served: str) -> Callable[..., "Page"]:
    """`open_as("nora", "/alerts")`: a browser page, signed in, on the small clinic."""

    def go(name: str, path: str = "/") -> "Page":
        page.context.clear_cookies()
        page.goto(f"{served}{path}")
        page.fill("main > form input[name=name]", name)
        page.fill("main > form input[name=password]", PASSWORD)
        page.click("main > form button")
        page.wait_for_selector(".page")
        if path == "/" and not page.url.endswith(path):
            # Whose work begins elsewhere goes to the panel by its link.
            page.click(".brand")
            page.wait_for_selector(".page[data-keys=panel]")
        return page

    return go
