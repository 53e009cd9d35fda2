"""How commands print: a table for people, JSON or CSV for programs; nothing but the answer on standard output."""

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any


class Format(StrEnum):
    """What `--format` may be."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def say(message: str) -> None:
    """Progress, warnings and errors: to standard error."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201 - the command line's own voice


def out(text: str) -> None:
    """The answer: to standard output."""
    print(text, flush=True)  # noqa: T201 - the command line's own voice


def print_json(document: Any) -> None:
    """Any JSON-ready document, indented."""
    out(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def print_rows(
    rows: Sequence[Mapping[str, Any]],
    format: Format,
    columns: Mapping[str, str] | Sequence[str],
    *,
    document: Any = None,
    empty: str = "nothing",
) -> None:
    """Rows as a table of the named columns, or whole as JSON (or `document` in their place) or CSV."""
    if format is Format.JSON:
        print_json(list(rows) if document is None else document)
        return
    if format is Format.CSV:
        out(as_csv(rows, columns).rstrip("\n"))
        return
    titles = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
    out(as_table([[_cell(row.get(name)) for name in titles] for row in rows], list(titles.values())) if rows else empty)


def as_csv(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str] | Sequence[str] = ()) -> str:
    """CSV with a header; lists and objects as JSON in their cell."""
    names: dict[str, None] = dict.fromkeys(columns)
    for row in rows:
        names.update(dict.fromkeys(row))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_csv_cell(row.get(name)) for name in names])
    return stream.getvalue()


def as_table(rows: Sequence[Sequence[str]], titles: Sequence[str]) -> str:
    """Left-aligned columns under their titles; the last one runs as far as it needs."""
    widths = [max([len(title), *(len(row[place]) for row in rows)]) for place, title in enumerate(titles)]
    lines = ["  ".join(title.ljust(width) for title, width in zip(titles, widths, strict=True)).rstrip()]
    lines.append("  ".join("-" * min(width, 60) for width in widths))
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value).replace("\n", " ")


def _csv_cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "" if value is None else value
