"""The CSV folder format of the import contract, as a writer: which files there are and which columns each has.

Everything in this package ends in such a folder, so that invented patients enter the application by the same door as
real ones. The writer knows columns and order; what the values mean is the importer's business.
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

COLUMNS: dict[str, tuple[str, ...]] = {
    "patients.csv": (
        "mrn", "family_name", "given_name", "birth_date", "sex", "diagnosis", "diagnosed_on", "autoantibodies",
        "site", "clinician", "status",
    ),
    "observations.csv": (
        "mrn", "measure", "value", "unit", "observed_at", "max_value", "upper_limit", "lower_limit", "assay",
        "assessor", "received_at", "status", "reason", "source_id", "comment",
    ),
    "medications.csv": (
        "mrn", "drug", "dose", "unit", "frequency", "route", "start_date", "end_date", "intent", "status",
        "received_at", "source_id", "confirmed_on",
    ),
    "events.csv": ("mrn", "event", "date", "end_date", "present", "detail", "received_at", "source_id"),
}  # fmt: skip
"""File name -> columns, in the order they are written. Exactly the contract's columns."""

REQUIRED: dict[str, tuple[str, ...]] = {
    "patients.csv": ("mrn",),
    "observations.csv": ("mrn", "measure", "value", "observed_at"),
    "medications.csv": ("mrn", "drug", "dose", "unit", "frequency", "start_date"),
    "events.csv": ("mrn", "event", "date"),
}
"""File name -> columns that may not be blank (a score's unit may be, so `unit` is not among them)."""

TRUTH_COLUMNS: tuple[str, ...] = ("mrn", "state", "start_date", "end_date", "detail")
"""Columns of truth.csv, which accompanies a synthetic cohort and is never imported."""


class UnwritableRow(ValueError):
    """A row has a column the contract does not know, or lacks one it requires."""


def cell(value: object) -> str:
    """Text of one cell: blank for None, no trailing `.0` for whole numbers, otherwise what was given."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def write_file(directory: Path, name: str, rows: Iterable[Mapping[str, object]]) -> int:
    """Write one file of the folder; returns the number of data rows. Raises UnwritableRow at the first bad row."""
    columns, required = COLUMNS[name], REQUIRED[name]
    directory.mkdir(parents=True, exist_ok=True)
    count = 0
    with (directory / name).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for count, row in enumerate(rows, start=1):
            if unknown := set(row) - set(columns):
                raise UnwritableRow(f"{name}: unknown column {', '.join(sorted(unknown))}")
            if missing := [column for column in required if cell(row.get(column)) == ""]:
                raise UnwritableRow(f"{name} row {count} of {row.get('mrn')}: {', '.join(missing)} is blank")
            writer.writerow([cell(row.get(column)) for column in columns])
    return count
