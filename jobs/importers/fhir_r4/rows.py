"""What reading a resource gives: cells by column or why there are none, and where each stood in the resource."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from jobs.importers.canonical import Refused
from jobs.importers.fhir_r4.entries import Entry
from jobs.importers.fhir_r4.index import Index

Cells = dict[str, str]


class Unread(NamedTuple):
    """A row of which it is known which result it is, but not what it says."""

    refused: Refused
    cells: Cells


Read = tuple[Cells | Refused | Unread, Mapping[str, str]]
"""One row of a resource. Of several (components, dosages) each is taken over or refused alone."""

Reader = Callable[[Entry, Index], Iterable[Read]]
