"""What this server can do, in the form in which FHIR asks it: kinds of resource and their search parameters."""

from collections.abc import Mapping

from dashboard.api.fhir.addresses import base_url
from dashboard.api.fhir.outcome import MIME, Resource
from dashboard.secure import Current

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
