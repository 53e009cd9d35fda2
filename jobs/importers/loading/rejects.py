"""A file of the rejected rows of an import, to be mended and imported again.

The rows stand as they were sent, under the headings they were sent under, beside where they stood and why they were
refused. Cells are safe to open in a spreadsheet. A row that was refused for several reasons (a wide table has several
results in a row) stands once.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from jobs.importers.canonical import FILE_COLUMNS, Kind
from jobs.importers.inert import inert
from jobs.importers.loading.report import Reject
from jobs.importers.sheet import REASONS
from models.errors import UsageError


class RejectsFile:
    """Rejected rows as sent, beside the reasons, in a file that can be mended and imported again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial = path.with_name(path.name + ".partial")
        self.columns: dict[str, None] = {}
        try:
            self.spool: IO[str] = self.partial.open("w+", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error

    def add(self, kind: Kind, reject: Reject, row: Mapping[str, str], columns: Sequence[str] = ()) -> None:
        """Keep one row. `columns`: the headings of its table, where it is not one of the CSV folder."""
        self.columns.update(dict.fromkeys(columns or FILE_COLUMNS[kind]))
        # The headings of the CSV folder are spelled as the contract has them; those of another table as it has them.
        said = dict(row) if columns else {name.strip().lower(): cell for name, cell in row.items()}
        self.spool.write(json.dumps([asdict(reject), said]) + "\n")

    def finish(self) -> None:
        """Write the file, under the headings of all that was refused: it can be imported as it is."""
        self.spool.seek(0)
        try:
            self._write(list(self.columns))
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error.strerror or error}") from error

    def _write(self, columns: Sequence[str]) -> None:
        with self.path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([inert(name) for name in (*REASONS, *columns)])
            for reject, row in self._once():
                told = [*(reject[name] for name in REASONS), *(row.get(column, "") for column in columns)]
                writer.writerow([inert(str(cell)) for cell in told])

    def _once(self) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
        """The rows, those that follow one another and are the same row with all of their reasons."""
        before: tuple[dict[str, Any], dict[str, str]] | None = None
        for text in self.spool:
            reject, row = json.loads(text)
            if before is not None and row == before[1] and _place(reject) == _place(before[0]):
                before[0]["why"] += f" | {reject['column']}: {reject['why']}"
                continue
            if before is not None:
                yield before
            before = (reject, row)
        if before is not None:
            yield before

    def close(self) -> None:
        """Remove what was only kept meanwhile."""
        self.spool.close()
        self.partial.unlink(missing_ok=True)


def _place(reject: Mapping[str, Any]) -> tuple[Any, Any]:
    return reject["file"], reject["line"]


@contextmanager
def rejects_file(path: Path | None) -> Iterator[RejectsFile | None]:
    """The file of rejects while an import runs; None where none is wanted."""
    if path is None:
        yield None
        return
    rejects = RejectsFile(path)
    try:
        yield rejects
    finally:
        rejects.close()
