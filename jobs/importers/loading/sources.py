"""Which format the files of an import have, and the tables in them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from jobs.importers.csv_folder import find_csv, has_our_columns
from jobs.importers.excel import find_sheets, has_our_sheets
from jobs.importers.fhir_r4 import SUFFIXES as FHIR_SUFFIXES
from jobs.importers.fhir_r4 import find_resources, kept_resources
from jobs.importers.fhir_r4.records import FORMAT as FHIR
from jobs.importers.hl7v2_oru import FORMAT as HL7
from jobs.importers.hl7v2_oru import SUFFIXES as HL7_SUFFIXES
from jobs.importers.hl7v2_oru import find_messages, kept_messages
from jobs.importers.sheet import SheetSource
from jobs.importers.tables import SUFFIXES as TABLE_SUFFIXES
from jobs.importers.tables import TableMappings, find_tables
from jobs.importers.tables.finding import kept_rows
from jobs.importers.tables.mapped import FORMAT as TABLE
from jobs.importers.workbook import SUFFIXES as WORKBOOK_SUFFIXES
from models.errors import UsageError

FORMATS = ("auto", "csv", "xlsx", "table", "fhir", "hl7")


def find_sources(
    paths: list[Path], format: str, timezone: str, mappings: Callable[[], Sequence[TableMappings]] = tuple
) -> tuple[Sequence[SheetSource], str, list[str]]:
    """The tables behind the paths in the order in which they have to be loaded, their format, and warnings.

    Args:
        mappings: asked for where a table is not in the columns of the CSV folder.

    Raises:
        UsageError: no such format, nothing named, formats mixed, or a file that cannot be read at all.
    """
    if format not in FORMATS:
        raise UsageError(f"{format!r} is not an import format; known are {', '.join(FORMATS)}.")
    if not paths:
        raise UsageError("Name at least one folder or file to import.")
    told = {_format_of(path) for path in paths} if format == "auto" else {format}
    if len(told) > 1:
        raise UsageError(
            f"Files of different formats ({', '.join(sorted(told))}) cannot be imported in one go; import one after "
            "the other."
        )
    used = told.pop()
    sources: Sequence[SheetSource]
    if used == "fhir":
        sources, warnings = find_resources(paths, timezone)
    elif used == "hl7":
        sources, warnings = find_messages(paths)
    elif used == "table":
        sources, warnings = find_tables(paths, mappings())
    elif used == "xlsx":
        sources, warnings = find_sheets(paths)
    else:
        sources, warnings = find_csv(paths)
    return sources, used, warnings


Kept = tuple[int, str]
"""The line a row had in its file, and the row as it was kept."""

_READ_AGAIN: Mapping[str, Callable[[str, str, Iterable[Kept], str], Sequence[SheetSource]]] = {
    HL7: lambda file, sender, kept, _: kept_messages(file, sender, kept),
    FHIR: kept_resources,
    TABLE: lambda file, sender, kept, _: kept_rows(file, sender, kept),
}


def kept_sources(sender: str, rows: Iterable[tuple[str, str, int, str]], timezone: str) -> list[SheetSource]:
    """Rows of a sender that waited (format, file, line, as sent), in their order, as sheets to be read again."""
    return [
        source
        for (format, file), some in groupby(rows, key=lambda row: (row[0], row[1]))
        for source in _READ_AGAIN[format](file, sender, [(line, sent) for _, _, line, sent in some], timezone)
    ]


_FORMAT_OF_SUFFIX = {
    ".csv": "csv",
    **dict.fromkeys(WORKBOOK_SUFFIXES, "xlsx"),
    **dict.fromkeys(FHIR_SUFFIXES, "fhir"),
    **dict.fromkeys(HL7_SUFFIXES, "hl7"),
}


def _format_of(path: Path) -> str:
    """By the suffix; of a folder by what lies in it: one table makes it a CSV folder, whatever lies beside it."""
    if not path.is_dir():
        told = _FORMAT_OF_SUFFIX.get(path.suffix.lower(), "csv")
        if not path.is_file() or (told == "csv" and path.suffix.lower() not in TABLE_SUFFIXES):
            return told
        ours = {"csv": has_our_columns, "xlsx": has_our_sheets}.get(told)
        return told if ours is None or ours(path) else "table"
    inside = {_FORMAT_OF_SUFFIX.get(one.suffix.lower()) for one in path.iterdir() if one.is_file()}
    return next((format for format in ("csv", "fhir", "hl7") if format in inside), "csv")
