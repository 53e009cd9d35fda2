"""A file of the rejected rows of an import, to be mended and imported again."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

from jobs.importers.canonical import FILE_COLUMNS, KINDS, Kind
from jobs.importers.loading.report import Reject
from models.errors import UsageError


class RejectsFile:
    """Rejected rows as sent, beside the reasons, in a file that can be mended and imported again."""

    REASONS = ("file", "line", "column", "why")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial = path.with_name(path.name + ".partial")
        self.kinds: set[Kind] = set()
        try:
            self.spool: IO[str] = self.partial.open("w+", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error

    def add(self, kind: Kind, reject: Reject, row: Mapping[str, str]) -> None:
        """Keep one row; what columns the file needs is known only at the end."""
        self.kinds.add(kind)
        said = {name.strip().lower(): cell for name, cell in row.items()}
        self.spool.write(json.dumps([kind, asdict(reject), said]) + "\n")

    def finish(self) -> None:
        """Write the file. Rows of one kind keep that kind's header, so that the file can be imported as it is."""
        columns = list(dict.fromkeys(column for kind in KINDS if kind in self.kinds for column in FILE_COLUMNS[kind]))
        self.spool.seek(0)
        try:
            self._write(columns)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error.strerror or error}") from error

    def _write(self, columns: Sequence[str]) -> None:
        with self.path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([*self.REASONS, *columns])
            for text in self.spool:
                _, reject, row = json.loads(text)
                writer.writerow(
                    [*(reject[name] for name in self.REASONS), *(row.get(column, "") for column in columns)]
                )

    def close(self) -> None:
        """Remove what was only kept meanwhile."""
        self.spool.close()
        self.partial.unlink(missing_ok=True)


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
