"""An answer on a protection that should go with a drug: missing for a reason, not to be told, or neither."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from jobs import exposure as steroids
from jobs.newest import next_after
from jobs.rule import CANNOT_TELL, MET, NOT_MET, Answer
from models.states import Cause, Severity


class Reason(NamedTuple):
    """Why a protection is called for: in words, since when, and the facts beside the steroid of those days.

    `taken_from` is the day from which the steroid statements are evidence.
    """

    words: str
    since: int | None
    taken_from: int
    facts: tuple[str, ...] = ()


def protection_answer(
    subject: str,
    found: steroids.Exposure,
    as_of: int,
    *,
    reason: Reason | None,
    could_be: bool,
    severity: Severity,
    recheck: int | None,
    due: int | None = None,
    missing: Sequence[str] = (),
    **numbers: Any,
) -> Answer:
    """Missing for a reason, not known whether it is called for, or neither.

    `missing` is what is not on file that would tell, `numbers` what `explain` quotes beside the reason.
    """
    told = {
        "called_for_by": None if reason is None else reason.words,
        "last_scan": None,
        "on_methotrexate": False,
        "risk": None,
        "basis": None,
        "child": False,
        "over_40": None,
        "may_stop": False,
        **numbers,
    }
    again = next_after(as_of, recheck)
    if reason is not None:
        return Answer(
            subject,
            MET,
            severity=severity,
            since=reason.since,
            due=due,
            recheck_on=again,
            evidence=steroids.evidence(found, reason.taken_from) + reason.facts,
            numbers=told,
        )
    taken = steroids.evidence(found, as_of)
    if could_be or missing:
        return Answer(
            subject,
            CANNOT_TELL,
            recheck_on=again,
            evidence=taken,
            cannot_tell_because=steroids.why_unknown(found) if could_be else _not_on_file(missing),
            cause=Cause.DOSE_UNKNOWN if could_be else Cause.NOT_ON_FILE,
            numbers=told,
        )
    return Answer(subject, NOT_MET, recheck_on=again, evidence=taken, numbers=told)


def _not_on_file(missing: Sequence[str]) -> str:
    """`FRAX and a T-score are not on file`."""
    return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not on file"
