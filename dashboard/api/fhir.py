"""FHIR R4: patients, results, treatments and alerts to read and search; a Bundle of facts to take over.

What is served are current facts in canonical units. A resource keeps its id through corrections: it is that of the
first version. An unknown search parameter is refused rather than ignored, because ignoring a filter shows more than was
asked for. Reading a patient is on record, as on the pages.
"""

import datetime as dt
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import flask
import orjson
import sqlalchemy as sa
from flask.typing import ResponseReturnValue
from sqlmodel import Session, col, select
from werkzeug.exceptions import HTTPException

from dashboard.secure import READERS, Current, SecureDash, current, roles
from jobs import evaluation
from jobs.importers.canonical import Refused
from jobs.importers.coded import Coding, measure_of
from jobs.importers.fhir_r4 import (
    ATC,
    LOINC_SYSTEM,
    OUR_DIAGNOSES,
    OUR_DRUGS,
    OUR_MEASURES,
    OUR_RECORD_NUMBERS,
    RXNORM,
    SNOMED,
    UCUM,
    Content,
    sheets_of,
)
from jobs.importers.load import ImportReport, Reject, import_sources
from jobs.rule import all_rules
from models import vocabulary
from models.accounts import audit
from models.alert import Alert, AlertEvent
from models.alert_lifecycle import present_day, state_of
from models.clock import start_of_day
from models.database import reading, writing
from models.errors import UsageError
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import Patient

BASE = "/fhir/R4"
MIME = "application/fhir+json"
DEFAULT_COUNT, LARGEST_COUNT = 50, 500
OUR_RULES = "urn:myopanel:rule"
OUR_ANSWERS = "urn:myopanel:answer"
OUR_ALERT_STATE = "urn:myopanel:alert-state"
UNNAMED = "myopanel-"
"""Prefix of the id of a patient whose record number is not a FHIR id."""

_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}", re.ASCII)

GENERAL_TROPONIN: Mapping[str, tuple[str, str]] = {
    # The method is not kept as a code: a code that names one would claim too much.
    "troponin_t": ("6598-7", "Troponin T.cardiac [Mass/volume] in Serum or Plasma"),
    "troponin_i": ("10839-9", "Troponin I.cardiac [Mass/volume] in Serum or Plasma"),
}
SEVERITIES: Mapping[str, str] = {"urgent": "high", "action": "moderate", "watch": "low"}
OBSERVATION_STATUS: Mapping[str, str] = {
    "final": "final", "corrected": "corrected", "entered-in-error": "entered-in-error", "cancelled": "cancelled",
    "not-done": "final",
}  # fmt: skip
CATEGORIES: Mapping[str, str] = {"laboratory": "laboratory", "body": "vital-signs", "respiratory": "procedure"}
ROUTES: Mapping[str, tuple[str, str]] = {
    "oral": ("26643006", "Oral route"),
    "iv": ("47625008", "Intravenous route"),
    "im": ("78421000", "Intramuscular route"),
    "sc": ("34206005", "Subcutaneous route"),
    "topical": ("6064005", "Topical route"),
    "inhaled": ("447694001", "Respiratory tract route"),
    "intra-articular": ("12130007", "Intra-articular route"),
}

log = logging.getLogger(__name__)

Resource = dict[str, Any]


class Refusal(Exception):
    """What is answered with an OperationOutcome: status, code of the issue, and a sentence."""

    def __init__(self, status: int, code: str, why: str, issues: Sequence[Resource] = ()) -> None:
        super().__init__(why)
        self.status = status
        self.issues = list(issues) or [issue(code, why)]


def issue(code: str, why: str, *, severity: str = "error", expression: str = "") -> Resource:
    """One issue of an OperationOutcome."""
    made: Resource = {"severity": severity, "code": code, "diagnostics": why}
    return made | ({"expression": [expression]} if expression else {})


def outcome(issues: Sequence[Resource]) -> Resource:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def register(app: SecureDash) -> None:
    """The routes. People may read with their session; only a machine may send."""
    server = app.server

    @server.get(f"{BASE}/metadata")
    @roles("service", *READERS)
    def capability() -> ResponseReturnValue:
        return _answered(lambda here: (_capability(here), 200))

    @server.get(f"{BASE}/<kind>")
    @roles("service", *READERS)
    def search_type(kind: str) -> ResponseReturnValue:
        return _answered(lambda here: (_search(here, kind), 200))

    @server.get(f"{BASE}/<kind>/<resource_id>")
    @roles("service", *READERS)
    def read(kind: str, resource_id: str) -> ResponseReturnValue:
        return _answered(lambda here: (_read(here, kind, resource_id), 200))

    @server.post(BASE)
    @server.post(f"{BASE}/")
    @roles("service")
    def take_over() -> ResponseReturnValue:
        return _answered(_take_over)


def _answered(make: Callable[[Current], tuple[Resource, int]]) -> flask.Response:
    """What was made, or an OperationOutcome that says why not; never a page of HTML."""
    try:
        body, status = make(current())
    except Refusal as refused:
        body, status = outcome(refused.issues), refused.status
    except HTTPException as error:
        if error.code in {401, 403}:
            raise
        body, status = outcome([issue("processing", error.description or error.name)]), error.code or 400
    except sa.exc.OperationalError as error:
        log.warning("a FHIR request met a busy database: %s", type(error.orig).__name__)
        body, status = outcome([issue("transient", "The database is busy; send it again.")]), 503
    response = flask.Response(orjson.dumps(body), status, mimetype=MIME)
    if status == 503:
        response.headers["Retry-After"] = "30"
    return response


# ------------------------------------------------------------------------------------------------------------ resources


def patient_reference_id(mrn: str, patient_id: int) -> str:
    """The id under which a patient is served: the record number where FHIR allows it as an id."""
    return mrn if _ID.fullmatch(mrn) and not mrn.startswith(UNNAMED) else f"{UNNAMED}{patient_id}"


def subject_of(patient: Patient) -> Resource:
    """A reference that carries the record number, so that it can be followed without asking."""
    return {
        "reference": f"Patient/{patient_reference_id(patient.mrn, patient.id or 0)}",
        "identifier": {"system": OUR_RECORD_NUMBERS, "value": patient.mrn},
    }


def instant(moment: dt.datetime) -> str:
    """ISO 8601 in UTC to the millisecond, as FHIR writes instants."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def concept(system: str, code: str, display: str = "", text: str = "") -> Resource:
    """A CodeableConcept of one coding."""
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]} | ({"text": text} if text else {})


def patient_resource(patient: Patient) -> Resource:
    """A Patient."""
    name = {"family": patient.family_name, "given": patient.given_name.split()}
    made: Resource = {
        "resourceType": "Patient",
        "id": patient_reference_id(patient.mrn, patient.id or 0),
        "meta": {"versionId": str(patient.revision), "lastUpdated": instant(patient.updated_at)},
        "identifier": [
            {
                "use": "usual",
                "type": concept("http://terminology.hl7.org/CodeSystem/v2-0203", "MR"),
                "system": OUR_RECORD_NUMBERS,
                "value": patient.mrn,
            }
        ],
        # The exact word is kept beside FHIR's yes or no.
        "extension": [{"url": f"{OUR_RECORD_NUMBERS}:status", "valueCode": patient.status}],
        "active": patient.status == "active",
        "gender": patient.sex,
    }
    if patient.family_name or patient.given_name:
        made["name"] = [{key: value for key, value in name.items() if value}]
    if patient.birth_date:
        made["birthDate"] = patient.birth_date.isoformat()
    if patient.status == "deceased":
        made["deceasedBoolean"] = True
    if patient.site:
        made["managingOrganization"] = {"display": patient.site}
    if patient.diagnosis:
        known = vocabulary.diagnoses().get(patient.diagnosis)
        made["extension"].append(
            {
                "url": OUR_DIAGNOSES,
                "valueCodeableConcept": concept(OUR_DIAGNOSES, patient.diagnosis, known.label if known else ""),
            }
        )
    return made


def measure_concept(key: str) -> Resource:
    """The code of a measure: our own key, and LOINC where a code says no more than we know."""
    known = vocabulary.measure(key)
    codings = [{"system": OUR_MEASURES, "code": key, "display": known.label}]
    code, name = GENERAL_TROPONIN.get(key, (known.loinc, known.loinc_name))
    if code:
        codings.insert(0, {"system": LOINC_SYSTEM, "code": code} | ({"display": name} if name else {}))
    return {"coding": codings, "text": known.short_label}


def observation_resource(fact: Observation, patient: Patient, identifier: int, version: int) -> Resource:
    """An Observation in canonical units; a result not done has a reason instead of a value."""
    known = vocabulary.measure(fact.measure)
    made = _meta("Observation", fact, identifier, version)
    made |= {
        "status": OBSERVATION_STATUS[fact.status],
        "category": [
            concept("http://terminology.hl7.org/CodeSystem/observation-category", CATEGORIES.get(known.kind, "exam"))
        ],
        "code": measure_concept(fact.measure),
        "subject": subject_of(patient),
        "effectiveDateTime": instant(fact.effective_at),
        "issued": instant(fact.received_at),
    }
    if fact.value is not None:
        if known.family == "presence":
            positive = fact.value == 1
            made["valueCodeableConcept"] = concept(
                SNOMED, "10828004" if positive else "260385009", "Positive" if positive else "Negative"
            )
        else:
            made["valueQuantity"] = _quantity(fact.value, fact.unit) | (
                {"comparator": fact.comparator} if fact.comparator else {}
            )
    if fact.status == "not-done":
        absent = concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", "not-performed")
        made["dataAbsentReason"] = absent | ({"text": fact.reason} if fact.reason else {})
    limits = {"low": fact.lower_limit, "high": fact.upper_limit}
    if any(limit is not None for limit in limits.values()):
        made["referenceRange"] = [
            {side: _quantity(limit, fact.unit) for side, limit in limits.items() if limit is not None}
        ]
    if fact.assay:
        made["method"] = {"text": fact.assay}
    if fact.assessor:
        made["performer"] = [{"display": fact.assessor}]
    if fact.comment:
        made["note"] = [{"text": fact.comment}]
    return made


def repeat_of(frequency: str) -> Resource:
    """How often, as a Timing says it."""
    often = vocabulary.frequencies()[frequency]
    if often.every_days is None:
        return {"count": 1}
    weeks, days = divmod(often.every_days, 7)
    period = {"period": often.every_days, "periodUnit": "d"} if days else {"period": weeks, "periodUnit": "wk"}
    return {"frequency": often.doses, **period}


def medication_resource(
    fact: MedicationStatement, patient: Patient, identifier: int, version: int, today: dt.date
) -> Resource:
    """A MedicationStatement."""
    known = vocabulary.drugs().get(fact.drug)
    codings = []
    if known is not None:
        codings.append({"system": OUR_DRUGS, "code": known.key, "display": known.label})
        # Codes from memory are used to read and not handed on.
        if known.rxnorm and known.rxnorm_mark == "seen":
            codings.append({"system": RXNORM, "code": known.rxnorm, "display": known.label})
        if known.atc and known.atc_mark == "seen":
            codings.append({"system": ATC, "code": known.atc})
    ended = fact.end_on is not None and fact.end_on < today
    status = {"active": "completed" if ended else "active"}.get(fact.status, fact.status)
    period = {"start": fact.start_on.isoformat()}
    if fact.end_on:
        period["end"] = fact.end_on.isoformat()
    drug = {"coding": codings} if codings else {}
    made = _meta("MedicationStatement", fact, identifier, version) | {
        "status": status,
        "medicationCodeableConcept": drug | {"text": known.label if known else fact.drug},
        "subject": subject_of(patient),
        "effectivePeriod": period,
        "dateAsserted": instant(fact.received_at),
        "dosage": [
            {
                "timing": {"repeat": repeat_of(fact.frequency)},
                "doseAndRate": [{"doseQuantity": _quantity(fact.dose, fact.unit)}],
            }
        ],
    }
    if fact.route in ROUTES:
        made["dosage"][0]["route"] = concept(SNOMED, *ROUTES[fact.route])
    return made


def _meta(kind: str, fact: Observation | MedicationStatement, identifier: int, version: int) -> Resource:
    made: Resource = {
        "resourceType": kind,
        "id": str(identifier),
        "meta": {
            "versionId": str(version),
            "lastUpdated": instant(fact.imported_at),
            "source": f"urn:myopanel:sender:{quote(fact.sender, safe='')}",
        },
    }
    if fact.source_id:
        system = f"urn:myopanel:source:{quote(fact.sender, safe='')}"
        made["identifier"] = [{"system": system, "value": fact.source_id}]
    return made


def _quantity(value: float, unit: str) -> Resource:
    code = unit or "{score}"
    number = int(value) if float(value).is_integer() and abs(value) < 1e15 else value
    return {"value": number, "unit": code, "system": UCUM, "code": code}


def _rule_titles() -> Mapping[str, str]:
    return {rule.key: rule.title for rule in all_rules()}


def issue_resource(alert: Alert, patient: Patient, changed: dt.datetime, today: dt.date) -> Resource:
    """A DetectedIssue: one episode of a rule being true, in the rule's own words."""
    state = state_of(alert, today)
    rule = concept(OUR_RULES, alert.rule, _rule_titles().get(alert.rule, ""))
    made: Resource = {
        "resourceType": "DetectedIssue",
        "id": str(alert.id),
        "meta": {"lastUpdated": instant(changed)},
        "extension": [{"url": OUR_ALERT_STATE, "valueCode": state}],
        "status": "entered-in-error" if state == "withdrawn" else "final",
        "code": rule,
        "severity": SEVERITIES.get(alert.severity, "low"),
        "patient": subject_of(patient),
        "identifiedDateTime": instant(alert.opened_at),
        "author": {"display": f"Myopanel {alert.rule} {alert.rule_version}"},
        "detail": " ".join(filter(None, (alert.explanation, alert.suggested_action))),
    }
    kinds = {"observation": "Observation", "medication": "MedicationStatement"}
    facts = [
        {"reference": f"{kinds[fact['kind']]}/{fact['id']}"}
        for fact in json.loads(alert.evidence)
        if fact.get("kind") in kinds and fact.get("id")
    ]
    if facts:
        made["evidence"] = [{"detail": facts}]
    done = [
        (alert.acknowledged_at, alert.acknowledged_by, alert.acknowledged_reason or "reviewed"),
        (alert.resolved_at, alert.resolved_by, alert.outcome or "reviewed"),
    ]
    mitigation = [
        {"action": _answer(code), "date": instant(at), "author": {"display": by}} for at, by, code in done if at and by
    ]
    if mitigation:
        made["mitigation"] = mitigation
    return made


def _answer(code: str) -> Resource:
    known = vocabulary.answers().get(code)
    return concept(OUR_ANSWERS, code, known.label if known else "")


def flag_resource(patient: Patient, alerts: Sequence[Alert], changed: dt.datetime, today: dt.date) -> Resource:
    """A Flag: that and why a patient is on the list, without the values."""
    titles = _rule_titles()
    states = [state_of(alert, today) for alert in alerts]
    by_severity = {one: sum(alert.severity == one for alert in alerts) for one in SEVERITIES}
    counts = ", ".join(f"{number} {name}" for name, number in by_severity.items() if number)
    names = ", ".join(dict.fromkeys(titles.get(alert.rule, alert.rule) for alert in alerts))
    return {
        "resourceType": "Flag",
        "id": patient_reference_id(patient.mrn, patient.id or 0),
        "meta": {"lastUpdated": instant(changed)},
        "status": "active",
        "category": [concept("http://terminology.hl7.org/CodeSystem/flag-category", "clinical")],
        "code": {
            "coding": [{"system": OUR_RULES, "code": rule} for rule in dict.fromkeys(alert.rule for alert in alerts)],
            "text": f"Myositis clinic: {counts} ({states.count('open')} open): {names}",
        },
        "subject": subject_of(patient),
        "period": {"start": instant(min(alert.opened_at for alert in alerts))},
    }


# --------------------------------------------------------------------------------------------------------------- search


@dataclass
class _Query:
    """A search: its parameters, each of which must be used or is refused."""

    here: Current
    given: list[tuple[str, str]]

    def __post_init__(self) -> None:
        self.used: set[str] = {"_format", "_pretty", "_count", "_after", "_summary", "_total"}

    def all(self, *names: str) -> list[str]:
        """Every value of the parameters: all of them must hold."""
        self.used.update(names)
        return [value for name, value in self.given if name in names]

    def number(self, name: str, default: int) -> int:
        """A parameter that is a whole number not below 0."""
        values = self.all(name)
        if not values:
            return default
        if not re.fullmatch(r"\d{1,15}", values[-1], re.ASCII):
            raise Refusal(400, "invalid", f"{name} must be a whole number.")
        return int(values[-1])

    def check(self) -> None:
        """Refuse what nobody used."""
        unknown = sorted({name for name, _ in self.given} - self.used)
        if unknown:
            raise Refusal(400, "not-supported", f"Not a search parameter here: {', '.join(unknown)}.")

    def tokens(self, value: str) -> list[tuple[str | None, str]]:
        """`system|code,code` as (system or None, code)."""
        pairs = []
        for part in value.split(","):
            system, bar, code = part.rpartition("|")
            pairs.append((system if bar else None, code.strip()))
        return pairs

    def moments(self, column: Any, *names: str) -> list[Any]:
        """Conditions of a date parameter (`ge2026-03-01`) on an instant; days are the clinic's."""
        return [self._moment(column, value) for value in self.all(*names)]

    def _moment(self, column: Any, value: str) -> Any:
        found = re.fullmatch(r"(eq|ne|gt|lt|ge|le|sa|eb)?(\d{4}(?:-\d{2}(?:-\d{2}(?:T.+)?)?)?)", value, re.ASCII)
        if found is None:
            raise Refusal(400, "invalid", "A date is written ge2026-03-01 or lt2026-03-01T10:00:00Z.")
        try:
            begin, end = self._span(found[2].replace(" ", "+"))
        except (ValueError, OverflowError) as error:
            raise Refusal(400, "invalid", "There is no such date.") from error
        prefix = found[1] or "eq"
        return {
            "eq": sa.and_(column >= begin, column < end),
            "ne": sa.or_(column < begin, column >= end),
            "gt": column >= end,
            "sa": column >= end,
            "ge": column >= begin,
            "lt": column < begin,
            "eb": column < begin,
            "le": column < end,
        }[prefix]

    def _span(self, text: str) -> tuple[dt.datetime, dt.datetime]:
        zone = self.here.settings.timezone
        if "T" in text:
            moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=self.here.settings.zone)
            moment = moment.astimezone(dt.UTC)
            # A text to the second means that second, one with a fraction that millisecond.
            return moment, moment + dt.timedelta(milliseconds=1 if moment.microsecond else 1000)
        parts = [int(part) for part in text.split("-")]
        if len(parts) == 3:
            day = dt.date(*parts)
            return start_of_day(day, zone), start_of_day(day + dt.timedelta(days=1), zone)
        year, month = parts[0], parts[1] if len(parts) == 2 else 1
        first = dt.date(year, month, 1)
        last = dt.date(year + 1, 1, 1) if len(parts) == 1 else (first + dt.timedelta(days=32)).replace(day=1)
        return start_of_day(first, zone), start_of_day(last, zone)

    def patients(self, *names: str) -> list[Any]:
        """Conditions on the patient: `patient`, `subject`, and their identifiers."""
        base = f"{_base_url(self.here)}/"
        conditions: list[Any] = []
        for value in self.all(*names):
            ids = [part.strip().removeprefix(base).removeprefix("Patient/") for part in value.split(",")]
            conditions.append(_of_ids(ids))
        spelled = [spelling for name in names for spelling in (f"{name}.identifier", f"{name}:identifier")]
        numbers = [[code for _, code in self.tokens(value)] for value in self.all(*spelled)]
        return conditions + [col(Patient.mrn).in_(one) for one in numbers]


def _of_ids(ids: Sequence[str]) -> Any:
    """Patients by the ids under which they are served."""
    numbers = [int(one.removeprefix(UNNAMED)) for one in ids if re.fullmatch(rf"{UNNAMED}\d{{1,15}}", one, re.ASCII)]
    return sa.or_(
        col(Patient.mrn).in_([one for one in ids if _ID.fullmatch(one) and not one.startswith(UNNAMED)]),
        col(Patient.id).in_(numbers),
    )


Found = tuple[list[tuple[int, Resource]], int, dict[int, str]]
"""Rows as (key for the next page, resource), how many match in all, and whose they are (patient id -> mrn)."""


def _search(here: Current, kind: str) -> Resource:
    finder = _FINDERS.get(kind)
    if finder is None:
        raise Refusal(404, "not-supported", f"{kind[:60]} is not served; {', '.join(_FINDERS)} are.")
    query = _Query(here, list(flask.request.args.items(multi=True)))
    count = min(query.number("_count", DEFAULT_COUNT), LARGEST_COUNT)
    if query.all("_summary")[-1:] == ["count"]:
        count = 0
    after = query.number("_after", 0)
    with reading(here.engine) as session:
        rows, total, people = finder(session, query, after, count + 1)
    more = len(rows) > count
    rows = rows[:count]
    # One row more than asked for was read to see whether there is a next page: nobody saw it.
    whose = {_patient_named(resource) for _, resource in rows}
    shown = [number for number, mrn in people.items() if {mrn, patient_reference_id(mrn, number)} & whose]
    _note_reading(here, shown, f"FHIR {kind}")
    base = _base_url(here)
    given = [(name, value) for name, value in query.given if name != "_after"]
    address = f"{base}/{kind}"
    links = [{"relation": "self", "url": f"{address}?{urlencode(query.given)}" if query.given else address}]
    if more and rows:
        links.append({"relation": "next", "url": f"{address}?{urlencode([*given, ('_after', str(rows[-1][0]))])}"})
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "link": links,
        "entry": [
            {
                "fullUrl": f"{base}/{kind}/{resource['id']}",
                "resource": resource,
                "search": {"mode": "match"},
            }
            for _, resource in rows
        ],
    }


def _patient_named(resource: Resource) -> str:
    if resource["resourceType"] == "Patient":
        return str(resource["id"])
    return str((resource.get("subject") or resource["patient"])["identifier"]["value"])


def _read(here: Current, kind: str, resource_id: str) -> Resource:
    if kind not in _FINDERS:
        raise Refusal(404, "not-supported", f"{kind[:60]} is not served; {', '.join(_FINDERS)} are.")
    if not _ID.fullmatch(resource_id):
        raise Refusal(404, "not-found", f"There is no such {kind}.")
    query = _Query(here, [("_id", resource_id)])
    with reading(here.engine) as session:
        rows, _, people = _FINDERS[kind](session, query, 0, 1)
    if not rows:
        raise Refusal(404, "not-found", f"There is no such {kind}.")
    _note_reading(here, people, f"FHIR {kind}")
    return rows[0][1]


def _note_reading(here: Current, patients: Iterable[int], detail: str) -> None:
    found = sorted(patients)
    if not found:
        return
    with writing(here.engine) as session:
        for patient_id in found:
            audit(session, here.user.name, "read patient", now=here.now, patient_id=patient_id, detail=detail)


def _base_url(here: Current) -> str:
    root = here.settings.public_address or flask.request.host_url
    return f"{root.rstrip('/')}{BASE}"


def _total(session: Session, key: Any, conditions: Sequence[Any], *joins: Any) -> int:
    query = sa.select(sa.func.count(sa.distinct(key)))
    for join in joins:
        query = query.join(join)
    return int(session.execute(query.where(*conditions)).scalar_one())


def _find_patients(session: Session, query: _Query, after: int, limit: int) -> Found:
    conditions: list[Any] = [_of_ids(value.split(",")) for value in query.all("_id")]
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
    session: Session, model: Any, query: _Query, after: int, limit: int, conditions: list[Any]
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


def _find_observations(session: Session, query: _Query, after: int, limit: int) -> Found:
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
                keys.append(measure_of([Coding(name, code, "")], "").key)
            except Refused:
                continue
    return keys


def _find_medications(session: Session, query: _Query, after: int, limit: int) -> Found:
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


def _find_issues(session: Session, query: _Query, after: int, limit: int) -> Found:
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


def _find_flags(session: Session, query: _Query, after: int, limit: int) -> Found:
    conditions: list[Any] = [*query.patients("patient", "subject"), col(Patient.status) == "active"]
    conditions += [_of_ids(value.split(",")) for value in query.all("_id")]
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


_FINDERS: Mapping[str, Callable[[Session, _Query, int, int], Found]] = {
    "Patient": _find_patients,
    "Observation": _find_observations,
    "MedicationStatement": _find_medications,
    "DetectedIssue": _find_issues,
    "Flag": _find_flags,
}

_PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "Patient": {
        "_id": "token", "_lastUpdated": "date", "identifier": "token", "family": "string", "given": "string",
        "name": "string", "gender": "token", "birthdate": "date", "active": "token",
    },
    "Observation": {
        "_id": "token", "_lastUpdated": "date", "patient": "reference", "subject": "reference", "code": "token",
        "date": "date", "category": "token", "status": "token",
    },
    "MedicationStatement": {
        "_id": "token", "_lastUpdated": "date", "patient": "reference", "subject": "reference", "code": "token",
        "status": "token",
    },
    "DetectedIssue": {
        "_id": "token", "_lastUpdated": "date", "patient": "reference", "code": "token", "identified": "date",
    },
    "Flag": {
        "_id": "token", "_lastUpdated": "date", "patient": "reference", "subject": "reference", "status": "token",
    },
}  # fmt: skip


def _capability(here: Current) -> Resource:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": here.today.isoformat(),
        "kind": "instance",
        "software": {"name": "Myopanel"},
        "implementation": {"description": "Myopanel, a myositis clinic's dashboard", "url": _base_url(here)},
        "fhirVersion": "4.0.1",
        "format": ["json", MIME],
        "rest": [
            {
                "mode": "server",
                "security": {"description": "A bearer token of a service account in each request."},
                "resource": [
                    {
                        "type": kind,
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "searchParam": [{"name": name, "type": type_} for name, type_ in parameters.items()],
                    }
                    for kind, parameters in _PARAMETERS.items()
                ],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


# --------------------------------------------------------------------------------------------------------------- import


def _take_over(here: Current) -> tuple[Resource, int]:
    """Import a Bundle. A transaction is taken over whole or not at all; anything else entry by entry."""
    request = flask.request
    if "xml" in (request.mimetype or ""):
        raise Refusal(415, "not-supported", "XML is not read here; send JSON.")
    try:
        sent = orjson.loads(request.get_data())
    except orjson.JSONDecodeError as error:
        raise Refusal(400, "structure", f"This is not JSON: {error}.") from error
    if not isinstance(sent, dict) or sent.get("resourceType") != "Bundle":
        raise Refusal(400, "invalid", "Send a Bundle.")
    entries = sent.get("entry", [])
    if not isinstance(entries, list):
        raise Refusal(400, "structure", "Bundle.entry must be a list.")
    for place, entry in enumerate(entries):
        inside = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(inside, dict) and inside.get("resourceType") == "Bundle":
            raise Refusal(400, "not-supported", f"Bundle.entry[{place}] is a bundle itself; send its entries.")
    whole = sent.get("type") == "transaction"
    became: dict[int, list[str]] = {}
    if whole:
        trial = _import(here, sent, became, dry_run=True)
        if trial.total.rejected:
            with writing(here.engine) as session:
                detail = f"{trial.total.rejected} of {trial.total.read} rows not readable"
                audit(session, here.user.name, "import refused", now=here.now, detail=detail)
            raise Refusal(422, "processing", "", [_issue_of(reject) for reject in trial.rejects])
        became.clear()
    report = _import(here, sent, became, dry_run=False)
    with writing(here.engine) as session:
        audit(session, here.user.name, "import", now=here.now, detail=f"batch {report.batch_id}")
    evaluation.follow(here.engine, timezone=here.settings.timezone, now=here.now)
    reasons: dict[int, list[Resource]] = {}
    for reject in report.rejects:
        reasons.setdefault(reject.line, []).append(_issue_of(reject))
    answer = "transaction-response" if whole else "batch-response"
    return {
        "resourceType": "Bundle",
        "type": answer,
        "extension": [
            {"url": f"urn:myopanel:import:{name}", "valueInteger": getattr(report.total, name)}
            for name in ("read", "created", "updated", "unchanged", "rejected")
        ],
        "entry": [
            {"response": _response_of(here, became.get(line, []), reasons.get(line, []))}
            for line in range(1, len(entries) + 1)
        ],
    }, 200


def _import(here: Current, sent: Resource, became: dict[int, list[str]], *, dry_run: bool) -> ImportReport:
    def follow(_file: str, line: int, what: str) -> None:
        became.setdefault(line, []).append(what)

    try:
        sheets, warnings = sheets_of(
            [Content("Bundle", message=sent)], here.settings.timezone, references_are_numbers=True
        )
        return import_sources(
            here.engine,
            sheets,
            format="fhir",
            name="FHIR Bundle",
            timezone=here.settings.timezone,
            by=here.user.name,
            now=here.now,
            sender=f"fhir:{here.user.name}",
            dry_run=dry_run,
            warnings=warnings,
            follow=follow,
        )
    except UsageError as error:
        raise Refusal(400, "structure", str(error)) from error


def _issue_of(reject: Reject) -> Resource:
    path = reject.column.partition(".")[2]
    expression = f"Bundle.entry[{reject.line - 1}]" + (f".resource.{path}" if path else "")
    return issue("processing", reject.why, expression=expression)


def _response_of(here: Current, became: Sequence[str], reasons: Sequence[Resource]) -> Resource:
    made: Resource = {"lastModified": instant(here.now)}
    if reasons:
        return made | {"status": "422 Unprocessable Entity", "outcome": outcome(reasons)}
    if not became:
        note = issue("informational", "This resource holds no fact for this clinic.", severity="information")
        return made | {"status": "200 OK", "outcome": outcome([note])}
    if "created" in became:
        return made | {"status": "201 Created"}
    if "updated" in became:
        return made | {"status": "200 OK"}
    note = issue("informational", "Nothing new: it was known already.", severity="information")
    return made | {"status": "200 OK", "outcome": outcome([note])}
