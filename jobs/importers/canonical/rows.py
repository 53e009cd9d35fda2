"""The four kinds of rows as they are sent: text, one cell per column."""

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Kind = Literal["patients", "observations", "medications", "events"]

KINDS: tuple[Kind, ...] = ("patients", "observations", "medications", "events")
"""In the order in which they are loaded: a fact needs its patient."""


class _Row(BaseModel):
    """Text cells by column; numbers, days, instants and None are written as a file would have them."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    @field_validator("*", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, (dt.date, dt.datetime)):
            return value.isoformat()
        if isinstance(value, (int, float)):
            return repr(value)
        return value

    def cells(self) -> list[str]:
        """The cells in the order of the columns."""
        return list(self.__dict__.values())


class PatientRow(_Row):
    """A row of patients.csv as sent."""

    mrn: str = Field(description="Record number, compared exactly as text.")
    family_name: str = ""
    given_name: str = ""
    birth_date: str = ""
    sex: str = Field("", description="female, male, other, unknown")
    diagnosis: str = Field("", description="A code of the vocabulary's diagnoses.")
    diagnosed_on: str = ""
    autoantibodies: str = Field("", description="Codes separated by `;`.")
    site: str = ""
    clinician: str = ""
    status: str = Field("", description="active, discharged, deceased, moved")


class ObservationRow(_Row):
    """A row of observations.csv as sent."""

    mrn: str
    measure: str
    value: str = Field("", description="May start with `<` or `>`.")
    unit: str = Field("", description="As the laboratory wrote it; empty only for scores.")
    observed_at: str
    max_value: str = Field("", description="Maximum of a strength score; its instrument's when blank.")
    upper_limit: str = Field("", description="As reported with this result, in the unit of the result.")
    lower_limit: str = ""
    assay: str = ""
    assessor: str = ""
    received_at: str = Field("", description="When it became known here; blank: since `observed_at`.")
    status: str = Field("", description="final, corrected, entered-in-error, cancelled, not-done")
    reason: str = ""
    source_id: str = Field("", description="The sender's id of the result: a later row with it is a correction.")
    comment: str = ""


class MedicationRow(_Row):
    """A row of medications.csv as sent."""

    mrn: str
    drug: str
    dose: str
    unit: str
    frequency: str
    route: str = ""
    start_date: str
    end_date: str = Field("", description="Last day taken; blank: continuing.")
    intent: str = Field("", description="daily, pulse, infusion")
    status: str = Field("", description="active, stopped, entered-in-error")
    received_at: str = ""
    source_id: str = ""
    confirmed_on: str = Field("", description="When somebody last confirmed with the patient that this is taken.")


class EventRow(_Row):
    """A row of events.csv as sent. `status` is for the patient's page only: the file has no such column."""

    mrn: str
    event: str
    date: str
    end_date: str = ""
    present: str = Field("", description="yes, no")
    detail: str = ""
    received_at: str = ""
    source_id: str = ""
    status: str = Field("", description="final, entered-in-error")


ROWS: dict[Kind, type[_Row]] = {
    "patients": PatientRow,
    "observations": ObservationRow,
    "medications": MedicationRow,
    "events": EventRow,
}

COLUMNS: dict[Kind, tuple[str, ...]] = {kind: tuple(row.model_fields) for kind, row in ROWS.items()}
"""The columns of each kind in the order in which `reader` expects the cells."""

FILE_COLUMNS: dict[Kind, tuple[str, ...]] = {**COLUMNS, "events": COLUMNS["events"][:-1]}
"""The columns a file may have."""

REQUIRED: dict[Kind, tuple[str, ...]] = {
    "patients": ("mrn",),
    "observations": ("mrn", "measure", "value", "unit", "observed_at"),
    "medications": ("mrn", "drug", "dose", "unit", "frequency", "start_date"),
    "events": ("mrn", "event", "date"),
}
"""The columns without which a file cannot be read."""
