"""Lines of sources.csv and source_checks.csv: where numbers come from, and who has read it."""

from collections.abc import Mapping

from models.vocabulary.loading.lines import Line
from models.vocabulary.rows import (
    Source,
    SourceCheck,
)

SOURCE_KINDS = frozenset(
    {
        "guideline",
        "article",
        "label",
        "terminology",
        "instrument",
        "regulation",
        "secondary",
        "educational-page",
        "project",
    }
)
HOW_READ = frozenset({"full text", "part", "summary", "abstract", "second-hand", "list", "own choice", "not read"})


def read_source(line: Line) -> Source:
    """A line of sources.csv."""
    return Source(
        id=line.text("id"),
        title=line.text("title"),
        year=line.whole("year"),
        where=line.text("where"),
        kind=line.choice("kind", SOURCE_KINDS),
    )


def read_source_check(line: Line, sources: Mapping[str, Source]) -> SourceCheck:
    """A line of source_checks.csv."""
    check = SourceCheck(
        source=line.choice("source", sources.keys()),
        read=line.choice("read", HOW_READ),
        checked_by=line.text("checked_by"),
        checked_on=line.day("checked_on"),
        next_review=line.day("next_review"),
        note=line.optional("note"),
    )
    if check.next_review < check.checked_on:
        line.fail("next_review lies before checked_on")
    return check
