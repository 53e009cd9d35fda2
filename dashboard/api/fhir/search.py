"""To search and to read, on record; and what this server says that it can do."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

import flask

from dashboard.api.fhir.matches import FINDERS
from dashboard.api.fhir.query import Query
from dashboard.api.fhir.resources import FHIR_ID, MIME, Refusal, Resource, base_url, patient_reference_id
from dashboard.secure import Current
from models.accounts import audit
from models.database import reading, writing

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


def capability_statement(here: Current) -> Resource:
    """The CapabilityStatement."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": here.today.isoformat(),
        "kind": "instance",
        "software": {"name": "Myopanel"},
        "implementation": {"description": "Myopanel, a myositis clinic's dashboard", "url": base_url(here)},
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


DEFAULT_COUNT, LARGEST_COUNT = 50, 500


def search(here: Current, kind: str) -> Resource:
    """A page of matches as a Bundle; the parameters are those of the request."""
    finder = FINDERS.get(kind)
    if finder is None:
        raise Refusal(404, "not-supported", f"{kind[:60]} is not served; {', '.join(FINDERS)} are.")
    query = Query(here, list(flask.request.args.items(multi=True)))
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
    base = base_url(here)
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


def read_one(here: Current, kind: str, resource_id: str) -> Resource:
    """One resource by its id."""
    if kind not in FINDERS:
        raise Refusal(404, "not-supported", f"{kind[:60]} is not served; {', '.join(FINDERS)} are.")
    if not FHIR_ID.fullmatch(resource_id):
        raise Refusal(404, "not-found", f"There is no such {kind}.")
    query = Query(here, [("_id", resource_id)])
    with reading(here.engine) as session:
        rows, _, people = FINDERS[kind](session, query, 0, 1)
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
