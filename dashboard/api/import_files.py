"""Files around an import: its rejected rows as CSV, to mend and import again, and an empty folder to fill in."""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import flask
from flask.typing import ResponseReturnValue

from dashboard.secure import READERS, SecureDash, current, roles
from jobs.importers.canonical import FILE_COLUMNS, KINDS, Kind
from jobs.importers.inert import inert
from jobs.importers.sheet import kind_of_header
from models.database import reading
from models.imports_view import batch, rejected_cells

EXAMPLES: Mapping[Kind, Mapping[str, str]] = MappingProxyType(
    {
        "patients": {
            "mrn": "EXAMPLE-1", "family_name": "Example", "given_name": "Ada", "birth_date": "2014-05-02",
            "sex": "female", "diagnosis": "JDM", "diagnosed_on": "2024-03-01", "autoantibodies": "anti-NXP2",
            "status": "active",
        },
        "observations": {
            "mrn": "EXAMPLE-1", "measure": "ck", "value": "410", "unit": "U/L", "observed_at": "2026-03-02",
            "upper_limit": "200",
        },
        "medications": {
            "mrn": "EXAMPLE-1", "drug": "prednisone", "dose": "20", "unit": "mg", "frequency": "daily",
            "route": "oral", "start_date": "2026-02-01", "intent": "daily",
        },
        "events": {"mrn": "EXAMPLE-1", "event": "dysphagia", "date": "2026-03-02", "present": "no"},
    }
)  # fmt: skip
"""One row of each file; the whole folder is imported without a rejected row."""


def register(app: SecureDash) -> None:
    """Two downloads."""

    @app.server.get("/imports/<int:batch_id>/rejects.csv")
    @roles(*READERS)
    def rejects(batch_id: int) -> ResponseReturnValue:
        here = current()
        with reading(here.engine) as session:
            found = batch(session, batch_id)
            if found is None:
                flask.abort(404)
            wanted = flask.request.args.get("file", "")
            rows = [one for one in rejected_cells(session, batch_id) if not wanted or one["file"] == wanted]
        return _download(rejects_csv(rows).encode("utf-8"), f"rejects-{batch_id}.csv", "text/csv; charset=utf-8")

    @app.server.get("/imports/template.zip")
    @roles(*READERS)
    def template() -> ResponseReturnValue:
        return _download(template_zip(), "myopanel-template.zip", "application/zip")


def rejects_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """File, line, column and reason before the cells as sent, under the headings of the CSV folder.

    Cells that a spreadsheet would run as a formula get an apostrophe: what was rejected may have come from anywhere.
    """
    sent: list[dict[str, str]] = []
    kinds: set[Kind] = set()
    for row in rows:
        cells = {str(key).strip().lower(): str(cell) for key, cell in row["row"].items()}
        kind = kind_of_header(list(cells))
        if kind is not None:
            kinds.add(kind)
        sent.append(cells)
    known = list(dict.fromkeys(column for kind in KINDS if kind in kinds for column in FILE_COLUMNS[kind]))
    # Only columns that some row fills: one kind's header is enough for a file to be imported again.
    columns = known or list(dict.fromkeys(column for cells in sent for column in cells))
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["file", "line", "column", "why", *columns])
    for row, cells in zip(rows, sent, strict=True):
        told = [str(row[name]) for name in ("file", "line", "column", "why")]
        writer.writerow([inert(cell) for cell in [*told, *(cells.get(column, "") for column in columns)]])
    return out.getvalue()


def template_zip() -> bytes:
    """The four files of the CSV folder, each with its header and one example row."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as folder:
        for kind in KINDS:
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, FILE_COLUMNS[kind], restval="")
            writer.writeheader()
            writer.writerow(dict(EXAMPLES[kind]))
            folder.writestr(f"{kind}.csv", text.getvalue())
    return out.getvalue()


def _download(content: bytes, name: str, kind: str) -> flask.Response:
    response = flask.make_response(content)
    response.headers["Content-Type"] = kind
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
