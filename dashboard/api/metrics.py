"""`GET /metrics` for Prometheus: whether the clinic is being watched, in counts. Nothing in it is about one patient."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import flask
import sqlalchemy as sa
from flask.typing import ResponseReturnValue
from sqlmodel import Session, col, select

from dashboard.secure import READERS, Current, SecureDash, current, roles
from jobs.health import health
from models.alert import Alert
from models.alert_lifecycle import present_day
from models.assessment import EvaluationRun
from models.database import reading
from models.import_batch import ImportBatch
from models.operations import message_counts
from models.patient import Patient

MIME = "text/plain; version=0.0.4; charset=utf-8"
OUTCOMES = ("created", "updated", "unchanged", "waiting", "rejected")


class Metrics:
    """Samples grouped by metric, in the text format of Prometheus."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._told: set[str] = set()

    def add(self, name: str, kind: str, meaning: str, value: float, /, **labels: str) -> None:
        """One sample; the samples of a metric have to follow each other."""
        full = f"myopanel_{name}"
        if full not in self._told:
            self._told.add(full)
            self.lines += [f"# HELP {full} {meaning}", f"# TYPE {full} {kind}"]
        said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        self.lines.append(f"{full}{{{said}}} {value:.15g}" if said else f"{full} {value:.15g}")

    def text(self) -> str:
        """The whole page."""
        return "\n".join(self.lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def register(app: SecureDash) -> None:
    """The route."""

    @app.server.get("/metrics")
    @roles("service", *READERS)
    def metrics() -> ResponseReturnValue:
        return flask.Response(exposition(current()), 200, content_type=MIME)


def exposition(here: Current) -> str:
    """Every metric as of now."""
    made = Metrics()
    state = health(here.engine, here.settings, here.now)
    made.add("build_info", "gauge", "The version that runs.", 1, version=str(state["version"]))
    made.add(
        "up", "gauge", "1 while nothing is late or failed, as /health says.", state["status"] in {"ok", "starting"}
    )
    with reading(here.engine) as session:
        _patients_and_alerts(made, session, here)
        _evaluation(made, session, here.now)
        _jobs(made, state)
        _imports(made, session)
        for kind, counts in sorted(message_counts(session).items()):
            for sent, number in sorted(counts.items()):
                made.add("messages", "gauge", "Messages to people, by kind.", number, kind=kind, state=sent)
    return made.text()


def _patients_and_alerts(made: Metrics, session: Session, here: Current) -> None:
    people = sa.select(col(Patient.status), sa.func.count()).group_by(col(Patient.status)).order_by(col(Patient.status))
    for status, number in session.execute(people):
        made.add("patients", "gauge", "Patients, by status.", number, status=status)
    today = present_day(session, here.now, here.settings.timezone)
    state = sa.case(
        (col(Alert.snoozed_until) > today, "snoozed"),
        (
            sa.and_(
                col(Alert.acknowledged_at).is_not(None),
                sa.or_(col(Alert.lapses_on).is_(None), col(Alert.lapses_on) > today),
            ),
            "acknowledged",
        ),
        else_="open",
    )
    running = (
        sa.select(col(Alert.rule), col(Alert.severity), state.label("state"), sa.func.count())
        .join(Patient, col(Patient.id) == col(Alert.patient_id))
        .where(col(Alert.ended_at).is_(None), col(Patient.status) == "active")
        .group_by(col(Alert.rule), col(Alert.severity), sa.text("state"))
        .order_by(col(Alert.rule), col(Alert.severity), sa.text("state"))
    )
    meaning = "Running alerts of active patients, by rule, severity and state."
    for rule, severity, said, number in session.execute(running):
        made.add("alerts", "gauge", meaning, number, rule=rule, severity=severity, state=said)


def _evaluation(made: Metrics, session: Session, now: dt.datetime) -> None:
    run = session.exec(
        select(EvaluationRun)
        .where(col(EvaluationRun.finished_at).is_not(None), col(EvaluationRun.reconciled))
        .order_by(col(EvaluationRun.id).desc())
        .limit(1)
    ).first()
    if run is None or run.finished_at is None:
        return
    age = (now - run.finished_at).total_seconds()
    made.add("evaluation_age_seconds", "gauge", "How long ago the rules last ran over the panel.", max(age, 0))
    made.add("evaluation_patients", "gauge", "Patients of the last evaluation.", run.patients)
    made.add("evaluation_computed", "gauge", "Patients computed anew in the last evaluation.", run.computed)
    failed: Mapping[str, Any] = json.loads(run.rules_failed)
    made.add("rules_failed", "gauge", "Rules that failed in the last evaluation.", len(failed))
    for rule, what in sorted(failed.items()):
        patients = len(what.get("patients") or ()) if isinstance(what, dict) else 0
        meaning = "Patients that a failed rule left unevaluated."
        made.add("rule_failure_patients", "gauge", meaning, patients, rule=rule)


def _jobs(made: Metrics, state: Mapping[str, Any]) -> None:
    scheduler = state["scheduler"]
    if scheduler is not None:
        made.add("scheduler_alive", "gauge", "1 while a scheduler holds the lease.", bool(scheduler["alive"]))
    for job in state["jobs"]:
        made.add("job_late", "gauge", "1 for a job that should have run and has not.", job["late"], job=job["key"])
    for job in state["jobs"]:
        made.add("job_failed", "gauge", "1 if its newest run failed.", job["status"] == "failed", job=job["key"])
    for job in state["jobs"]:
        if job["last_success"]:
            at = dt.datetime.fromisoformat(job["last_success"]).timestamp()
            meaning = "When a job last succeeded."
            made.add("job_last_success_timestamp_seconds", "gauge", meaning, at, job=job["key"])


def _imports(made: Metrics, session: Session) -> None:
    table = col(ImportBatch.format)
    columns = [sa.func.coalesce(sa.func.sum(getattr(ImportBatch, name)), 0) for name in OUTCOMES]
    last = sa.func.max(col(ImportBatch.id))
    found = session.execute(
        sa.select(table, sa.func.count(), last, *columns)
        .where(col(ImportBatch.finished_at).is_not(None))
        .group_by(table)
        .order_by(table)
    ).all()
    for row in found:
        made.add("imports_total", "counter", "Imports so far.", row[1], format=row[0])
    for row in found:
        for outcome, number in zip(OUTCOMES, row[3:], strict=True):
            made.add("import_rows_total", "counter", "Rows, by outcome.", int(number), format=row[0], outcome=outcome)
    for row in found:
        batch = session.get(ImportBatch, row[2])
        if batch is not None and batch.finished_at is not None:
            meaning = "When something was last imported."
            made.add("last_import_timestamp_seconds", "gauge", meaning, batch.finished_at.timestamp(), format=row[0])
