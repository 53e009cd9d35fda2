"""The first facts of a file as a mapping reads them, to be looked at before anything is imported."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from jobs.importers.canonical import COLUMNS
from jobs.importers.coded import CodedRow
from jobs.importers.tables.finding import find_tables
from jobs.importers.tables.mapping import TableMappings

SHOWN = ("line", "kind", "mrn", "what", "value", "unit", "date", "why")
_WHAT = ("measure", "drug", "event", "family_name")
_VALUE = ("value", "dose", "present")
_DATE = ("observed_at", "start_date", "date", "birth_date")


def preview(path: Path, mapping: TableMappings, many: int = 10) -> list[dict[str, str]]:
    """The first facts of each table, one a line; `why` says why one cannot be read."""
    tables, _ = find_tables([path], [mapping])
    shown = []
    for table in tables:
        # As nobody's: what waits for a decision is asked about when it is imported.
        with replace(table, sender="").open() as sheet:
            for line, cells, why in islice(sheet.records, many):
                made = dict(zip(COLUMNS[sheet.kind], cells, strict=False)) if isinstance(cells, CodedRow) else {}
                shown.append(
                    {
                        "line": str(line),
                        "kind": sheet.kind,
                        "mrn": made.get("mrn", ""),
                        "what": _first(made, _WHAT),
                        "value": _first(made, _VALUE),
                        "unit": made.get("unit", ""),
                        "date": _first(made, _DATE),
                        "why": why,
                    }
                )
    return shown


def _first(made: dict[str, str], columns: Sequence[str]) -> str:
    return next((made[column] for column in columns if made.get(column)), "")
