"""Tables as they come from anywhere: a guess of what they mean, shown, confirmed, and kept for their source.

`grid` reads a file of any format as rows of text, `guess` proposes what its columns mean, `mapping` is what was
confirmed, `mapped` turns rows into facts by it. What could be meant in two ways is asked (dates) or held (thousands).
"""

from jobs.importers.tables.finding import find_tables
from jobs.importers.tables.grid import SUFFIXES, read_grids
from jobs.importers.tables.guess import propose
from jobs.importers.tables.mapping import TableMappings, mapping_of, read_mapping
from jobs.importers.tables.preview import preview
from jobs.importers.tables.proposal import named_mapping, proposed_mapping

__all__ = [
    "SUFFIXES",
    "TableMappings",
    "find_tables",
    "mapping_of",
    "named_mapping",
    "preview",
    "propose",
    "proposed_mapping",
    "read_grids",
    "read_mapping",
]
