"""Reads one workbook by calamine and writes its cells as JSON lines; run as a process of its own, with bounds.

`python -m jobs.importers.foreign_workbook WORKBOOK OUT`. Exit 0: done; 2: no such workbook, with the reason; 3:
protected by a password; anything else: it wanted too much memory or time.
"""

import json
import sys
from pathlib import Path
from typing import Any

from jobs.importers.bounds import BOUNDS
from jobs.importers.cell_text import Exact, text_of_cell

MEMORY = 2 * 1024**3
"""Bytes of address space in which a workbook has to be read [default]."""

SECONDS = 90


def main(path: str, out: str) -> int:
    """Write the cells of a workbook; see the module."""
    _bound()
    import python_calamine as calamine

    try:
        with calamine.load_workbook(path) as book, Path(out).open("w", encoding="utf-8") as stream:
            for place, sheet in enumerate(book.sheets_metadata):
                has_cells = sheet.typ in (calamine.SheetTypeEnum.WorkSheet, calamine.SheetTypeEnum.MacroSheet)
                stream.write(json.dumps([sheet.name, has_cells]) + "\n")
                if place < BOUNDS.sheets and has_cells:
                    _write(book.get_sheet_by_index(place), stream)
    except calamine.PasswordError:
        return 3
    except (calamine.CalamineError, calamine.XmlError, calamine.ZipError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _write(sheet: Any, stream: Any) -> None:
    if sheet.start is None:
        return
    before = [""] * sheet.start[1]
    for number, row in enumerate(sheet.iter_rows(), 1):
        if number > BOUNDS.rows + 1:
            # One row too many is enough for whoever reads this to refuse it.
            return
        if any(cell != "" for cell in row):
            texts = [[text] if isinstance(text := text_of_cell(cell), Exact) else text for cell in row]
            stream.write(json.dumps([number, [*before, *texts]]) + "\n")


def _bound() -> None:
    """Let the operating system end this process where a workbook wants too much; Windows has no such limit."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
