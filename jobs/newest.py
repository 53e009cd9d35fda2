"""The newest word on something said of one patient: is a symptom still there, how was strength, what comes next.

Shared by rules that ask "what was last said about this patient", each in its own way.
"""

from collections.abc import Sequence
from typing import NamedTuple

from models.patient_facts import Happening, PatientFacts
from models.states import State, grade_rank

DECLINING_STRENGTH = "declining-strength"
_A_CENTURY = 40_000


def lasts_until(event: Happening, for_days: int) -> int:
    """The last day a recorded event is taken to be there: its end, or `for_days` days after it was recorded."""
    return event.day + for_days if event.end is None else event.end


def still_there(event: Happening | None, today: int, for_days: int) -> bool:
    """Recorded as present and not ended; without an end for `for_days` days after it was recorded."""
    return event is not None and event.present and lasts_until(event, for_days) >= today


def forgotten(event: Happening, today: int, for_days: int, reach: int) -> bool:
    """Recorded as present without an end, longer than `for_days` but not longer than `reach` days ago."""
    return event.present and event.end is None and for_days < today - event.day <= reach


def going_on(patient: PatientFacts, name: str) -> Sequence[Happening]:
    """The records of something that is there today, oldest first, since it was last said not to be; else none."""
    found = on_record(patient, name)
    return found if found and (found[-1].end is None or found[-1].end >= patient.today) else ()


def on_record(patient: PatientFacts, name: str) -> Sequence[Happening]:
    """The records that something is or was there, ended or not, oldest first; none of them from before a "no".

    The newest word counts: osteoporosis that a later record says is not there is no osteoporosis.
    """
    found = list(patient.events(name))
    absent = max((place for place, one in enumerate(found) if not one.present), default=-1)
    return found[absent + 1 :]


class StrengthVerdict(NamedTuple):
    """What `declining-strength` answered, its instruments taken together: is there a fall on any, since when, how sure.

    Attributes:
        unknown: no instrument shows a fall, and of at least one nobody can tell.
        since: first day of the earliest fall, None without one.
        recheck_on: the first day on which time alone could change any of the answers.
        facts: the evidence of the falls.
    """

    met: bool = False
    unknown: bool = False
    since: int | None = None
    recheck_on: int | None = None
    grade: str | None = None
    facts: tuple[str, ...] = ()


NOT_ASKED = StrengthVerdict()


def strength_verdict(patient: PatientFacts) -> StrengthVerdict:
    """What `declining-strength` said of this patient before; nothing is met where it was not asked."""
    answers = patient.answers_of(DECLINING_STRENGTH)
    if not answers:
        return NOT_ASKED
    met = unknown = False
    since = recheck_on = grade = None
    facts: tuple[str, ...] = ()
    for answer in answers:
        if answer.recheck_on is not None and (recheck_on is None or answer.recheck_on < recheck_on):
            recheck_on = answer.recheck_on
        if answer.state == State.CANNOT_TELL:
            unknown = True
        elif answer.state == State.MET:
            met = True
            since = answer.since if since is None or (answer.since or since) < since else since
            facts += tuple(answer.evidence)
            if grade_rank(answer.grade) > grade_rank(grade):
                grade = answer.grade
    return StrengthVerdict(met, unknown and not met, since, recheck_on, grade, facts)


def next_after(today: int, *days: int | None) -> int | None:
    """The earliest of some days after `today`; None where there is none.

    What lies more than a century ahead stands for "continuing" and is no day.
    """
    best = today + _A_CENTURY
    for day in days:
        if day is not None and today < day < best:
            best = day
    return best if best < today + _A_CENTURY else None
