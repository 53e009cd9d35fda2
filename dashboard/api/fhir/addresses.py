"""Where resources are served and under which ids: a patient's is the record number wherever FHIR allows it as an id."""

import re
from collections.abc import Sequence
from typing import Any

import flask
import sqlalchemy as sa
from sqlmodel import col

from dashboard.secure import Current
from models.patient import Patient

BASE = "/fhir/R4"
UNNAMED = "myopanel-"
"""Prefix of the id of a patient whose record number is not a FHIR id."""

FHIR_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}", re.ASCII)


def patient_reference_id(mrn: str, patient_id: int) -> str:
    """The id under which a patient is served: the record number where FHIR allows it as an id."""
    return mrn if FHIR_ID.fullmatch(mrn) and not mrn.startswith(UNNAMED) else f"{UNNAMED}{patient_id}"


def of_ids(ids: Sequence[str]) -> Any:
    """Patients by the ids under which they are served."""
    numbers = [int(one.removeprefix(UNNAMED)) for one in ids if re.fullmatch(rf"{UNNAMED}\d{{1,15}}", one, re.ASCII)]
    return sa.or_(
        col(Patient.mrn).in_([one for one in ids if FHIR_ID.fullmatch(one) and not one.startswith(UNNAMED)]),
        col(Patient.id).in_(numbers),
    )


def base_url(here: Current) -> str:
    """The address of this server, as others reach it."""
    root = here.settings.public_address or flask.request.host_url
    return f"{root.rstrip('/')}{BASE}"
