"""What reading a resource gives: cells by column, and where each stood in the resource."""

from collections.abc import Callable, Iterable, Mapping

from jobs.importers.fhir_r4.entries import Entry
from jobs.importers.fhir_r4.index import Index

Cells = dict[str, str]
Reader = Callable[[Entry, Index], Iterable[tuple[Cells, Mapping[str, str]]]]
