"""What the pages read: plain rows from stored assessments, alerts and patients. No rule is computed here.

Every query is one pass over an index and returns only what is shown, so that ten thousand patients stay quick.
"""

import datetime as dt
import json
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models.alert import Alert, AlertEvent
from models.alert_lifecycle import needs_a_look, state_of
from models.assessment import Assessment, EvaluationRun
from models.event import ClinicalEvent
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import Patient

LABS_RULE = "overdue-labs"
STEROID_RULE = "prolonged-high-dose-steroids"
UNSEEN_SHOWN = 2000
"""At most so many settled alerts that nobody has looked at are listed."""

SEVERITIES = {"urgent": 3, "action": 2, "watch": 1}


QUIET_GAPS = ("missing-safety-screen", "no-response-after-pulse", "steroid-sparing-not-working")
"""Rules whose missing facts may never come (what was screened before a drug begun years ago)."""
SAME_QUESTION = ("raised-troponin", "rising-muscle-enzymes")
"""Rules that ask the same question of several series, one of which suffices."""


def nav_counts(session: Session, today: dt.date) -> dict[str, int]:
    """Counts of the top bar by page name.

    Alerts: open ones for today and this week that no other covers (those for the next visit wait on their page).
    Labs due: patients with overdue tests.
    """
    open_now = sa.and_(
        col(Alert.ended_at).is_(None),
        col(Alert.severity).in_(["urgent", "action"]),
        col(Alert.covered_by).is_(None),
        sa.or_(col(Alert.snoozed_until).is_(None), col(Alert.snoozed_until) <= today),
        sa.or_(col(Alert.acknowledged_at).is_(None), col(Alert.lapses_on) <= today),
    )
    alerts = session.execute(
        sa.select(sa.func.count()).select_from(Alert).join(Patient).where(open_now, col(Patient.status) == "active")
    ).scalar_one()
    labs = session.execute(
        sa.select(sa.func.count(sa.distinct(col(Assessment.patient_id))))
        .join(Patient, col(Patient.id) == col(Assessment.patient_id))
        .where(col(Assessment.rule) == LABS_RULE, col(Assessment.state) == "met", col(Patient.status) == "active")
    ).scalar_one()
    return {"Alerts": alerts, "Labs due": labs}


def search_patients(session: Session, text: str, *, limit: int = 8) -> list[dict[str, Any]]:
    """Patients whose record number starts with, or whose name contains, each word of the text; active ones first."""
    words = [word for word in text.split() if word.strip("·")]
    if not words:
        return []
    table: Any = Patient
    query = sa.select(table.mrn, table.given_name, table.family_name, table.diagnosis, table.birth_date, table.status)
    for word in words[:6]:
        plain = word.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
        query = query.where(
            sa.or_(
                table.mrn.ilike(f"{plain}%", escape="\\"),
                table.family_name.ilike(f"%{plain}%", escape="\\"),
                table.given_name.ilike(f"%{plain}%", escape="\\"),
            )
        )
    first = words[0]
    rank = sa.case((table.mrn == first, 0), (table.family_name.ilike(f"{first}%"), 1), else_=2)
    found = session.execute(query.order_by(table.status != "active", rank, table.family_name, table.mrn).limit(limit))
    return [
        {
            "mrn": row.mrn,
            "name": _name(row.given_name, row.family_name, row.mrn),
            "diagnosis": row.diagnosis,
            "birth_date": row.birth_date,
            "status": row.status,
        }
        for row in found
    ]


def panel_patients(session: Session) -> list[dict[str, Any]]:
    """Every active patient: `id`, `mrn`, `name`, `diagnosis`, `birth_date`, `sex`, `site`, `clinician`, `revision`."""
    table: Any = Patient
    query = sa.select(
        table.id, table.mrn, table.given_name, table.family_name, table.diagnosis, table.birth_date, table.sex,
        table.site, table.clinician, table.revision,
    ).where(table.status == "active")  # fmt: skip
    return [
        {
            "id": row.id,
            "mrn": row.mrn,
            "name": _name(row.given_name, row.family_name, row.mrn),
            "diagnosis": row.diagnosis,
            "birth_date": row.birth_date,
            "sex": row.sex,
            "site": row.site,
            "clinician": row.clinician,
            "revision": row.revision,
        }
        for row in session.execute(query)
    ]


def _name(given: str, family: str, mrn: str) -> str:
    return " ".join(part for part in (given, family) if part) or mrn


def reasons(session: Session) -> list[dict[str, Any]]:
    """Every answer `met` of an active rule: what stands beside a patient's name.

    Rows: `patient_id`, `rule`, `subject`, `severity`, `grade`, `since`, `due`, `explanation`, `numbers` (a dict).
    """
    table: Any = Assessment
    query = sa.select(
        table.patient_id, table.rule, table.subject, table.severity, table.grade, table.since, table.due,
        table.explanation, table.numbers,
    ).where(table.state == "met", table.status == "active")  # fmt: skip
    return [dict(row._mapping) | {"numbers": json.loads(row.numbers)} for row in session.execute(query)]


def cannot_tell(session: Session) -> list[tuple[int, str, str]]:
    """What active rules could not answer and somebody should know of: patient id, rule, and why.

    Left to the patient's page: rules of `QUIET_GAPS`, and a stale value of an enzyme or assay beside a current one of
    another (LDH measured once last year, CK last week).
    """
    table: Any = Assessment
    query = sa.select(table.patient_id, table.rule, table.cannot_tell_because).where(
        table.state == "cannot_tell", table.status == "active", table.rule.not_in(QUIET_GAPS)
    )
    told = {
        (row.patient_id, row.rule)
        for row in session.execute(
            sa.select(table.patient_id, table.rule).where(table.state != "cannot_tell", table.rule.in_(SAME_QUESTION))
        )
    }
    return [
        (row.patient_id, row.rule, row.cannot_tell_because or "no reason given")
        for row in session.execute(query)
        if (row.patient_id, row.rule) not in told or "no newer value" not in (row.cannot_tell_because or "")
    ]


def not_evaluated(session: Session) -> list[tuple[int, str]]:
    """Active patients whose newest facts no run has looked at, and which: silence about them means nothing."""
    table: Any = Patient
    query = sa.select(table.id, table.evaluated_revision).where(
        table.status == "active", table.revision != table.evaluated_revision
    )
    return [
        (row.id, "newest facts not evaluated yet" if row.evaluated_revision else "not evaluated yet")
        for row in session.execute(query)
    ]


def next_labs(session: Session) -> dict[int, dt.date]:
    """By patient, the day the next required blood test is (or was) due: the earliest of all tests that count."""
    table: Any = Assessment
    paused = sa.or_(table.numbers.like('%"paused"%'), table.numbers.like('%"not_possible"%'))
    query = (
        sa.select(table.patient_id, sa.func.min(table.due).label("due"))
        .where(table.rule == LABS_RULE, table.due.is_not(None), ~paused)
        .group_by(table.patient_id)
    )
    return {row.patient_id: row.due for row in session.execute(query)}


def steroid_answers(session: Session) -> dict[int, dict[str, Any]]:
    """By patient, the own numbers of the high-dose steroid rule (`high_days`, `dose`, ...)."""
    table: Any = Assessment
    query = sa.select(table.patient_id, table.numbers).where(table.rule == STEROID_RULE)
    return {row.patient_id: json.loads(row.numbers) for row in session.execute(query)}


def alert_states(session: Session, today: dt.date) -> dict[tuple[int, str, str], dict[str, Any]]:
    """The alert behind each answer `met`: the running one, or the resolved one where the same thing is still true.

    By (patient id, rule, subject): `state` and `covered_by`.
    """
    alert: Any = Alert
    answer: Any = Assessment
    columns = (
        alert.patient_id, alert.rule, alert.subject, alert.covered_by, alert.snoozed_until, alert.withdrawn_at,
        alert.resolved_at, alert.settled_at, alert.acknowledged_at, alert.lapses_on,
    )  # fmt: skip
    running = sa.select(*columns).where(alert.ended_at.is_(None))
    # Ended episodes pile up over the years: only those whose question is still answered `met` are read.
    same = sa.and_(answer.patient_id == alert.patient_id, answer.rule == alert.rule, answer.subject == alert.subject)
    resolved = (
        sa.select(*columns).join(answer, same).where(alert.resolved_at.is_not(None), answer.state == "met")
    ).order_by(alert.id)
    states: dict[tuple[int, str, str], dict[str, Any]] = {}
    for query in (resolved, running):
        row: Any
        for row in session.execute(query):
            identity = (row.patient_id, row.rule, row.subject)
            states[identity] = {"state": state_of(row, today), "covered_by": row.covered_by}
    return states


def alert_rows(session: Session, today: dt.date, *, ids: list[int] | None = None) -> list[dict[str, Any]]:
    """Alerts of the nurse list, worst patient first: everything running, and what settled without being seen.

    `ids` asks for some alerts whatever their state, to redraw them after an action. Rows: the alert's columns that are
    shown, `state`, `needs_a_look`, `numbers` (dict), `evidence` (as stored), and the patient's `mrn`, `name`,
    `diagnosis`, `clinician`.
    """
    alert: Any = Alert
    patient: Any = Patient
    # Columns instead of objects: a list of thousands is read every time somebody acts.
    query = sa.select(
        *(getattr(alert, name) for name in _ALERT_COLUMNS),
        patient.mrn, patient.given_name, patient.family_name, patient.diagnosis, patient.clinician,
    ).join(patient, patient.id == alert.patient_id)  # fmt: skip
    if ids is None:
        running = query.where(alert.ended_at.is_(None), patient.status == "active")
        unseen = (
            query.where(alert.ended_at.is_not(None), alert.seen_at.is_(None), alert.resolved_at.is_(None))
            .order_by(alert.ended_at.desc())
            .limit(UNSEEN_SHOWN)
        )
        found = [*session.execute(running), *session.execute(unseen)]
    else:
        found = [
            row
            for start in range(0, len(ids), 500)
            for row in session.execute(query.where(alert.id.in_(ids[start : start + 500])))
        ]
    rows = [_alert_row(row, today) for row in found]
    worst: dict[int, tuple[int, dt.date]] = {}
    for row in rows:
        asks = row["state"] == "open" and row["covered_by"] is None
        rank = (-SEVERITIES.get(row["severity"], 0) if asks else 0, row["since"] or today)
        worst[row["patient_id"]] = min(worst.get(row["patient_id"], rank), rank)
    rows.sort(
        key=lambda row: (
            *worst[row["patient_id"]],
            row["patient_id"],
            row["covered_by"] is not None,
            -SEVERITIES.get(row["severity"], 0),
            row["id"],
        )
    )
    return rows


_ALERT_COLUMNS = (
    "id", "patient_id", "rule", "subject", "severity", "grade", "since", "due", "explanation", "suggested_action",
    "clears_when", "cannot_tell_because", "numbers", "evidence", "opened_at", "owner", "acknowledged_at",
    "acknowledged_by", "snoozed_until", "lapses_on", "worsened_at", "settled_at", "seen_at", "resolved_at",
    "withdrawn_at", "covered_by", "escalation", "previous_id",
)  # fmt: skip


def _alert_row(found: Any, today: dt.date) -> dict[str, Any]:
    row = {name: getattr(found, name) for name in (*_ALERT_COLUMNS, "mrn", "diagnosis", "clinician")}
    return row | {
        "name": _name(found.given_name, found.family_name, found.mrn),
        "numbers": json.loads(found.numbers),
        "state": state_of(found, today),
        "needs_a_look": needs_a_look(found),
    }


def list_version(session: Session) -> str:
    """Changes whenever the nurse list may have changed: an event of an alert, or an evaluation that was reconciled."""
    event = session.execute(sa.select(sa.func.max(col(AlertEvent.id)))).scalar() or 0
    run = session.execute(sa.select(sa.func.max(col(EvaluationRun.id)))).scalar() or 0
    return f"{event}.{run}"


def evidence_rows(session: Session, evidence: str) -> list[dict[str, Any]]:
    """The facts an alert rests on, newest first: `date`, `what`, `value`, `unit`, `upper_limit`, `detail`, `status`.

    `evidence` is the stored JSON list: documents with `kind` and `id`, or short ids such as `o17`, `m4`, `e2`.
    """
    wanted: dict[str, list[int]] = {"o": [], "m": [], "e": []}
    for item in json.loads(evidence):
        if isinstance(item, dict):
            kind, number = str(item.get("kind", ""))[:1], item.get("id")
        else:
            kind, number = str(item)[:1], str(item)[1:]
        if kind in wanted and str(number).lstrip("ome").isdecimal():
            wanted[kind].append(int(str(number).lstrip("ome")))
    rows: list[dict[str, Any]] = [
        {
            "date": fact.effective_on,
            "what": fact.measure,
            "value": f"{fact.comparator}{fact.value:g}" if fact.value is not None else "not done",
            "unit": fact.unit,
            "upper_limit": fact.upper_limit,
            "detail": " · ".join(filter(None, (fact.assay, fact.assessor, fact.comment))),
            "status": "" if fact.known_to is None else "replaced since",
        }
        for fact in session.exec(select(Observation).where(col(Observation.id).in_(wanted["o"])))
    ]
    rows += [
        {
            "date": given.start_on,
            "what": given.drug,
            "value": f"{given.dose:g}",
            "unit": f"{given.unit} {given.frequency}",
            "upper_limit": None,
            "detail": f"until {given.end_on.isoformat()}" if given.end_on else "continuing",
            "status": "" if given.known_to is None else "replaced since",
        }
        for given in session.exec(select(MedicationStatement).where(col(MedicationStatement.id).in_(wanted["m"])))
    ]
    rows += [
        {
            "date": happened.occurred_on,
            "what": happened.event,
            "value": "yes" if happened.present else "no",
            "unit": "",
            "upper_limit": None,
            "detail": happened.detail,
            "status": "" if happened.known_to is None else "replaced since",
        }
        for happened in session.exec(select(ClinicalEvent).where(col(ClinicalEvent.id).in_(wanted["e"])))
    ]
    return sorted(rows, key=lambda row: row["date"], reverse=True)
