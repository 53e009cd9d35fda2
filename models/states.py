"""What an answer can be and how much it weighs: states, grades, severities and causes, declared once, in order."""

from enum import StrEnum


class State(StrEnum):
    """What a rule says of a patient and subject. Only `not_met` settles an alert; `cannot_tell` leaves it open."""

    MET = "met"
    NOT_MET = "not_met"
    CANNOT_TELL = "cannot_tell"


class Grade(StrEnum):
    """How strong the evidence is, weakest first."""

    POSSIBLE = "possible"
    CONFIRMED = "confirmed"
    CORROBORATED = "corroborated"

    @property
    def rank(self) -> int:
        """1 for the weakest; the higher the stronger."""
        return _GRADE_RANK[self]


class Severity(StrEnum):
    """When something is to be done: at the next visit, this week, on the same day."""

    WATCH = "watch"
    ACTION = "action"
    URGENT = "urgent"

    @property
    def rank(self) -> int:
        """1 for the least pressing; the higher the more pressing."""
        return _SEVERITY_RANK[self]


_GRADE_RANK = {grade: place for place, grade in enumerate(Grade, start=1)}
_SEVERITY_RANK = {severity: place for place, severity in enumerate(Severity, start=1)}


def grade_rank(grade: str | None) -> int:
    """The rank of a stored grade; 0 for none."""
    return 0 if grade is None else Grade(grade).rank


def severity_rank(severity: str | None) -> int:
    """The rank of a stored severity; 0 for none."""
    return 0 if severity is None else Severity(severity).rank


class Cause(StrEnum):
    """Why a rule cannot tell, as a code; the sentence beside it says it with names and dates."""

    STALE = "stale"
    """The newest value on file is too old."""
    NOTHING_TO_COMPARE = "nothing-to-compare"
    """There is no earlier value within reach."""
    NO_LIMIT = "no-limit"
    """No upper limit was reported with the value."""
    DOSE_UNKNOWN = "dose-unknown"
    """A dose, a weight for a dose per kg, or the day a drug ended is not known."""
    FEED_SILENT = "feed-silent"
    """The sender that normally delivers the test has fallen silent."""
    NOT_ON_FILE = "not-on-file"
    """A fact the question needs is not on file at all."""
    FACTS_DISAGREE = "facts-disagree"
    """Facts on file contradict each other."""
