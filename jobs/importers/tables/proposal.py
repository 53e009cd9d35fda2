"""The mapping that somebody named, or a guess for a file."""

from collections.abc import Sequence
from pathlib import Path

from jobs.importers.tables.grid import read_grids
from jobs.importers.tables.guess import propose
from jobs.importers.tables.mapping import TableMappings, mapping_of, read_mapping
from jobs.importers.tables.ready import READY, ready_mapping
from models.errors import UsageError


def named_mapping(name: str, paths: Sequence[Path]) -> TableMappings:
    """A mapping file, or a ready mapping for the first of the files; without open questions.

    Raises:
        UsageError: there is neither, it does not fit, or a question is open.
    """
    path = Path(name)
    if path.is_file():
        return read_mapping(path)
    if not paths:
        raise UsageError("Name at least one file to import.")
    return mapping_of(ready_mapping(name, read_grids(paths[0])).model_dump(), name)


def proposed_mapping(path: Path, ready: str | None = None, source: str | None = None) -> TableMappings:
    """A guess of what the tables of a file mean; its open questions are marked.

    Raises:
        UsageError: the file cannot be read, or nothing in it is known.
    """
    grids = read_grids(path)
    if not grids:
        raise UsageError(f"{path.name}: the file is empty.")
    if ready is not None and ready in READY:
        found = ready_mapping(ready, grids)
        return found if source is None else found.model_copy(update={"source": source})
    return propose(grids, source or path.stem)
