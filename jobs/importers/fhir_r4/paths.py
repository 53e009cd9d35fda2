"""Where each column of a row stood in its resource, for reasons."""

from collections.abc import Mapping

IN_COMPONENT = frozenset({"measure", "value", "unit", "upper_limit", "lower_limit", "comparator"})

_STATEMENT = {
    "mrn": "subject",
    "drug": "medicationCodeableConcept",
    "dose": "dosage.doseAndRate.doseQuantity.value",
    "unit": "dosage.doseAndRate.doseQuantity.unit",
    "frequency": "dosage.timing",
    "route": "dosage.route",
    "start_date": "effectivePeriod.start",
    "end_date": "effectivePeriod.end",
    "status": "status",
    "received_at": "meta.lastUpdated",
    "source_id": "id",
}


def _under(root: str, paths: Mapping[str, str]) -> Mapping[str, str]:
    return {column: f"{root}.{path}" for column, path in paths.items()}


PATHS: Mapping[str, Mapping[str, str]] = {
    "Patient": _under(
        "Patient",
        {
            "mrn": "identifier", "family_name": "name.family", "given_name": "name.given", "birth_date": "birthDate",
            "sex": "gender", "status": "active", "site": "managingOrganization",
        },
    ),
    "Observation": _under(
        "Observation",
        {
            "mrn": "subject", "measure": "code", "value": "valueQuantity.value", "unit": "valueQuantity.unit",
            "comparator": "valueQuantity.comparator", "observed_at": "effectiveDateTime",
            "upper_limit": "referenceRange.high", "lower_limit": "referenceRange.low", "assay": "method",
            "assessor": "performer", "received_at": "issued", "status": "status", "reason": "dataAbsentReason",
            "source_id": "id", "comment": "note",
        },
    ),
    "MedicationStatement": _under("MedicationStatement", _STATEMENT),
    "MedicationRequest": _under(
        "MedicationRequest",
        {column: path.replace("dosage.", "dosageInstruction.", 1) for column, path in _STATEMENT.items()}
        | {"start_date": "authoredOn", "end_date": "dosageInstruction.timing.repeat.boundsPeriod.end"},
    ),
    "MedicationAdministration": _under(
        "MedicationAdministration",
        _STATEMENT | {"dose": "dosage.dose.value", "unit": "dosage.dose.unit", "start_date": "effectiveDateTime"},
    ),
    "Condition": _under(
        "Condition",
        {
            "mrn": "subject", "diagnosis": "code", "diagnosed_on": "onsetDateTime", "event": "code",
            "date": "onsetDateTime", "end_date": "abatementDateTime", "status": "verificationStatus",
            "received_at": "meta.lastUpdated", "detail": "note", "source_id": "id",
        },
    ),
    "Procedure": _under(
        "Procedure",
        {
            "mrn": "subject", "event": "code", "date": "performedDateTime", "end_date": "performedPeriod.end",
            "status": "status", "received_at": "meta.lastUpdated", "detail": "note", "source_id": "id",
        },
    ),
}  # fmt: skip
