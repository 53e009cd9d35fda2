"""Lines of answers.csv: the coded answers that people give to alerts and suggestions."""

from models.vocabulary.loading.lines import Line, refer
from models.vocabulary.rows import (
    Answer,
)


def read_answer(line: Line) -> Answer:
    """A line of answers.csv."""
    kinds = line.many("kinds")
    refer(line, "kinds", kinds, ("acknowledge", "outcome", "snooze", "decline"))
    if not kinds:
        line.fail("kinds is empty")
    return Answer(code=line.text("code"), label=line.text("label"), kinds=kinds)  # type: ignore[arg-type]  # checked
