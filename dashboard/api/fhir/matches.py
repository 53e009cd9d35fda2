"""Which stored facts and alerts fulfil a search: one finder for each kind of resource that is served."""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from dashboard.api.fhir.query import Query
from dashboard.api.fhir.resources import (
    CATEGORIES,
    OBSERVATION_STATUS,
    Refusal,
    Resource,
    flag_resource,
    issue_resource,
    medication_resource,
    observation_resource,
    of_ids,
    patient_resource,
)
from jobs.importers.canonical import Refused
from jobs.importers.coded import Coding
from jobs.importers.fhir_r4 import (
    ATC,
    LOINC_SYSTEM,
    OUR_DRUGS,
    RXNORM,
)
from jobs.importers.measure_meant import meant_by_codes
from models import vocabulary
from models.alert import Alert, AlertEvent
from models.alert_lifecycle import present_day
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import Patient

Found = tuple[list[tuple[int, Resource]], int, dict[int, str]]
"""Rows as (key for the next page, resource), how many match in all, and whose they are (patient id -> mrn)."""


def _total(session: Session, key: Any, conditions: Sequence[Any], *joins: Any) -> int:
    query = sa.select(sa.func.count(sa.distinct(key)))
    for join in joins:
        query = query.join(join)
    return int(session.execute(query.where(*conditions)).scalar_one())


def _find_patients(session: Session, query: Query, after: int, limit: int) -> Found:
    conditions: list[Any] = [of_ids(value.split(",")) for value in query.all("_id")]
    conditions += query.moments(col(Patient.updated_at), "_lastUpdated")
    for value in query.all("identifier"):
        conditions.append(col(Patient.mrn).in_([code for _, code in query.tokens(value)]))
    for name, columns in (
        ("family", (Patient.family_name,)),
        ("given", (Patient.given_name,)),
        ("name", (Patient.family_name, Patient.given_name)),
    ):
        for value in query.all(name):
            # A FHIR string matches from its beginning, whatever its case.
            conditions.append(
                sa.or_(*(sa.func.lower(col(column)).startswith(value.lower(), autoescape=True) for column in columns))
            )
    for value in query.all("gender"):
        conditions.append(col(Patient.sex).in_([code for _, code in query.tokens(value)]))
    for value in query.all("birthdate"):
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            raise Refusal(400, "invalid", "birthdate is written 2014-05-31.")
        try:
            conditions.append(col(Patient.birth_date) == dt.date.fromisoformat(value))
        except ValueError as error:
            raise Refusal(400, "invalid", "There is no such date.") from error
    for value in query.all("active"):
        active = col(Patient.status) == "active"
        conditions.append(active if value == "true" else sa.not_(active))
    query.check()
    total = _total(session, col(Patient.id), conditions)
    found = session.exec(
        select(Patient).where(*conditions, col(Patient.id) > after).order_by(col(Patient.id)).limit(limit)
    ).all()
    return (
        [(one.id or 0, patient_resource(one)) for one in found],
        total,
        {one.id or 0: one.mrn for one in found},
    )


def _fact_ids(value: str) -> list[int]:
    return [int(part) for part in value.split(",") if re.fullmatch(r"\d{1,15}", part, re.ASCII)]


def _facts(
    session: Session, model: Any, query: Query, after: int, limit: int, conditions: list[Any]
) -> tuple[list[tuple[Any, Patient]], int, dict[bytes, tuple[int, int]]]:
    """Current facts that fulfil the conditions, with first id and number of versions by identity."""
    conditions += [col(model.known_to).is_(None), *query.patients("patient", "subject")]
    conditions += query.moments(col(model.imported_at), "_lastUpdated")
    for value in query.all("_id"):
        named = sa.select(col(model.identity)).where(col(model.id).in_(_fact_ids(value)))
        conditions.append(col(model.identity).in_(named))
    query.check()
    whose = col(Patient.id) == col(model.patient_id)
    total = int(
        session.execute(sa.select(sa.func.count(col(model.id))).join(Patient, whose).where(*conditions)).scalar_one()
    )
    found = [
        (fact, patient)
        for fact, patient in session.exec(
            select(model, Patient)
            .join(Patient, whose)
            .where(*conditions, col(model.id) > after)
            .order_by(col(model.id))
            .limit(limit)
        )
    ]
    firsts: dict[bytes, tuple[int, int]] = {}
    identities = [fact.identity for fact, _ in found]
    for start in range(0, len(identities), 500):
        versions = (
            sa.select(col(model.identity), sa.func.min(col(model.id)), sa.func.count())
            .where(col(model.identity).in_(identities[start : start + 500]))
            .group_by(col(model.identity))
        )
        firsts.update((identity, (int(first), int(many))) for identity, first, many in session.execute(versions))
    return found, total, firsts


def _find_observations(session: Session, query: Query, after: int, limit: int) -> Found:
    conditions: list[Any] = query.moments(col(Observation.effective_at), "date")
    conditions += [col(Observation.measure).in_(_measures_of(query.tokens(value))) for value in query.all("code")]
    for value in query.all("category"):
        wanted = {code for _, code in query.tokens(value)}
        keys = [key for key, row in vocabulary.measures().items() if CATEGORIES.get(row.kind, "exam") in wanted]
        conditions.append(col(Observation.measure).in_(keys))
    for value in query.all("status"):
        wanted = {code for _, code in query.tokens(value)}
        ours = [ours for ours, theirs in OBSERVATION_STATUS.items() if theirs in wanted]
        conditions.append(col(Observation.status).in_(ours))
    found, total, firsts = _facts(session, Observation, query, after, limit, conditions)
    rows = [(fact.id, observation_resource(fact, patient, *firsts[fact.identity])) for fact, patient in found]
    return rows, total, {patient.id or 0: patient.mrn for _, patient in found}


def _measures_of(tokens: Sequence[tuple[str | None, str]]) -> list[str]:
    """The measures that codes mean; every LOINC of a measure finds it."""
    keys = []
    for system, code in tokens:
        for name in ("loinc", "local"):
            if system not in (None, "", LOINC_SYSTEM) and name == "loinc":
                continue
            try:
                keys.append(meant_by_codes("", [Coding(name, code, "")], ()).measure.key)
            except Refused:
                continue
    return keys


def _find_medications(session: Session, query: Query, after: int, limit: int) -> Found:
    conditions: list[Any] = []
    for value in query.all("code"):
        keys = []
        for system, code in query.tokens(value):
            known = vocabulary.drug_for_rxnorm(code) if system in (None, "", RXNORM) else None
            if known is None and system in (None, "", ATC):
                keys += [row.key for row in vocabulary.drugs().values() if row.atc == code.upper()]
            known = known or (vocabulary.drug(code) if system in (None, "", OUR_DRUGS) else None)
            keys += [known.key] if known is not None else [code.lower()]
        conditions.append(col(MedicationStatement.drug).in_(keys))
    today = query.here.today
    ended = sa.and_(col(MedicationStatement.end_on).is_not(None), col(MedicationStatement.end_on) < today)
    for value in query.all("status"):
        wanted = {code for _, code in query.tokens(value)}
        kinds = [
            sa.and_(col(MedicationStatement.status) == "active", sa.not_(ended)) if "active" in wanted else None,
            sa.and_(col(MedicationStatement.status) == "active", ended) if "completed" in wanted else None,
            col(MedicationStatement.status).in_(wanted & {"stopped", "entered-in-error"}),
        ]
        conditions.append(sa.or_(*(kind for kind in kinds if kind is not None)))
    found, total, firsts = _facts(session, MedicationStatement, query, after, limit, conditions)
    rows = [(fact.id, medication_resource(fact, patient, *firsts[fact.identity], today)) for fact, patient in found]
    return rows, total, {patient.id or 0: patient.mrn for _, patient in found}


def _last_changes(session: Session, alerts: Sequence[Alert]) -> dict[int, dt.datetime]:
    """When something last happened to each alert."""
    ids = [alert.id or 0 for alert in alerts]
    found: dict[int, dt.datetime] = {alert.id or 0: alert.opened_at for alert in alerts}
    for start in range(0, len(ids), 500):
        newest = (
            sa.select(col(AlertEvent.alert_id), sa.func.max(col(AlertEvent.id)))
            .where(col(AlertEvent.alert_id).in_(ids[start : start + 500]))
            .group_by(col(AlertEvent.alert_id))
        )
        last = [int(row[1]) for row in session.execute(newest)]
        for event in session.exec(select(AlertEvent).where(col(AlertEvent.id).in_(last))):
            found[event.alert_id] = event.at
    return found


def _find_issues(session: Session, query: Query, after: int, limit: int) -> Found:
    conditions: list[Any] = [*query.patients("patient"), *query.moments(col(Alert.opened_at), "identified")]
    by_id = query.all("_id")
    if by_id:
        conditions += [col(Alert.id).in_(_fact_ids(value)) for value in by_id]
    else:
        # What is running, of those the clinic looks after: what has ended is read by its id.
        conditions += [col(Alert.ended_at).is_(None), col(Patient.status) == "active"]
    for value in query.all("code"):
        conditions.append(col(Alert.rule).in_([code for _, code in query.tokens(value)]))
    changed = query.moments(col(AlertEvent.at), "_lastUpdated")
    if changed:
        happened = sa.select(col(AlertEvent.alert_id)).where(*changed)
        conditions.append(col(Alert.id).in_(happened))
    query.check()
    whose = col(Patient.id) == col(Alert.patient_id)
    total = int(
        session.execute(sa.select(sa.func.count(col(Alert.id))).join(Patient, whose).where(*conditions)).scalar_one()
    )
    found = session.exec(
        select(Alert, Patient)
        .join(Patient, whose)
        .where(*conditions, col(Alert.id) > after)
        .order_by(col(Alert.id))
        .limit(limit)
    ).all()
    changes = _last_changes(session, [alert for alert, _ in found])
    today = present_day(session, query.here.now, query.here.settings.timezone)
    rows = [(alert.id or 0, issue_resource(alert, patient, changes[alert.id or 0], today)) for alert, patient in found]
    return rows, total, {patient.id or 0: patient.mrn for _, patient in found}


def _find_flags(session: Session, query: Query, after: int, limit: int) -> Found:
    conditions: list[Any] = [*query.patients("patient", "subject"), col(Patient.status) == "active"]
    conditions += [of_ids(value.split(",")) for value in query.all("_id")]
    changed = query.moments(col(AlertEvent.at), "_lastUpdated")
    if changed:
        happened = sa.select(col(Alert.patient_id)).join(AlertEvent, col(AlertEvent.alert_id) == col(Alert.id))
        conditions.append(col(Patient.id).in_(happened.where(*changed)))
    for value in query.all("status"):
        # A patient without a running alert has no flag at all.
        if "active" not in {code for _, code in query.tokens(value)}:
            conditions.append(sa.false())
    query.check()
    conditions.append(col(Patient.id).in_(sa.select(col(Alert.patient_id)).where(col(Alert.ended_at).is_(None))))
    total = _total(session, col(Patient.id), conditions)
    found = session.exec(
        select(Patient).where(*conditions, col(Patient.id) > after).order_by(col(Patient.id)).limit(limit)
    ).all()
    ids = [patient.id or 0 for patient in found]
    alerts: dict[int, list[Alert]] = {patient_id: [] for patient_id in ids}
    running = select(Alert).where(col(Alert.ended_at).is_(None), col(Alert.patient_id).in_(ids)).order_by(col(Alert.id))
    for alert in session.exec(running):
        alerts[alert.patient_id].append(alert)
    changes = _last_changes(session, [alert for of in alerts.values() for alert in of])
    today = present_day(session, query.here.now, query.here.settings.timezone)
    rows = [
        (
            patient.id or 0,
            flag_resource(
                patient,
                alerts[patient.id or 0],
                max(changes[alert.id or 0] for alert in alerts[patient.id or 0]),
                today,
            ),
        )
        for patient in found
    ]
    return rows, total, {patient.id or 0: patient.mrn for patient in found}


FINDERS: Mapping[str, Callable[[Session, Query, int, int], Found]] = {
    "Patient": _find_patients,
    "Observation": _find_observations,
    "MedicationStatement": _find_medications,
    "DetectedIssue": _find_issues,
    "Flag": _find_flags,
}
