"""An observation as a row of observations.csv says it: the columns of its table, in three groups that repeat.

A laboratory sends the same result, the same moment and the same remarks again and again; each group is read once and
shared by the rows that have it (`jobs.importers.canonical.repeated`).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.importers.canonical.cells import LONGEST_NAME, choice, free_text, received, record_number, required
from jobs.importers.canonical.digests import content_of, identity_of_id, natural_identity
from jobs.importers.canonical.reading import Reading
from jobs.importers.canonical.refusal import Refused
from models import vocabulary
from models.observation import STATUSES, plainly

NO_RESULT = frozenset({"entered-in-error", "cancelled", "not-done"})

# What laboratories write for a qualitative result.
PRESENCE_WORDS = {
    "positive": 1.0,
    "pos": 1.0,
    "reactive": 1.0,
    "detected": 1.0,
    "present": 1.0,
    "negative": 0.0,
    "neg": 0.0,
    "non-reactive": 0.0,
    "nonreactive": 0.0,
    "not detected": 0.0,
    "absent": 0.0,
}


class Result(NamedTuple):
    """What was found; value and limits in the measure's canonical unit, None where not given."""

    measure: str
    value: float | None
    comparator: str
    unit: str
    value_sent: str
    unit_sent: str
    max_value: float | None
    upper_limit: float | None
    lower_limit: float | None
    status: str


class Taken(NamedTuple):
    """When it was true of the patient."""

    effective_at: dt.datetime
    effective_on: dt.date


class Told(NamedTuple):
    """How, by whom, and what was remarked; None where not given."""

    assay: str | None
    assessor: str | None
    reason: str | None
    comment: str | None


GROUPS = (Result, Taken, Told)


@dataclass(slots=True, eq=False)
class ObservationFact:
    """One checked observation. `digest` is its content where that is known already.

    `within` is what a message says besides that makes it this result and no other: the specimen, the sub-id. It is
    empty for a row of a table. `message` tells the messages of one import apart; '' where the import is one.
    """

    mrn: str
    result: Result
    taken: Taken
    told: Told
    received_at: dt.datetime | None
    source_id: str | None
    digest: bytes = b""
    within: tuple[str, ...] = ()
    message: str = ""

    def identity(self, sender: str) -> bytes:
        """What makes two rows versions of one result.

        Of a table the sender's id with the measure, without the patient: a result that was filed under the wrong person
        and moved is the same result. Of a message patient, measure, specimen and time of collection as well: senders
        give one number to a whole order; what a correction corrects is then looked for (`loading.corrections`).
        """
        result = self.result
        if self.source_id is not None and self.within:
            moment = self.taken.effective_at.isoformat()
            return natural_identity("result", sender, self.source_id, result.measure, self.mrn, moment, *self.within)
        if self.source_id is not None:
            return identity_of_id(sender, result.measure, self.source_id)
        value = "" if result.value is None else f"{result.comparator}{result.value!r}"
        moment = self.taken.effective_at.isoformat()
        return natural_identity("observation", self.mrn, result.measure, moment, value, self.told.assay or "")

    def content(self) -> bytes:
        """Digest of all that was said; a row with a known digest says nothing new."""
        result, told = self.result, self.told
        return self.digest or content_of(
            self.mrn,
            self.taken.effective_at.isoformat(),
            result.value,
            result.comparator,
            result.upper_limit,
            result.lower_limit,
            told.assay,
            told.assessor,
            result.status,
            told.reason,
            told.comment,
            None if self.received_at is None else self.received_at.isoformat(),
        )

    def known_since(self, timezone: str) -> dt.datetime:
        """When it counts as known where no `received_at` was given."""
        return self.taken.effective_at

    def values(self, before: Mapping[str, Any] | None) -> dict[str, Any]:
        """The columns of its table; what was not said is as the version before has it."""
        said = self.result._asdict() | self.taken._asdict() | self.told._asdict()
        if before is not None:
            if self.result.value is None:
                said |= {column: before[column] for column in ("value", "comparator", "value_sent", "unit_sent")}
            for column in ("upper_limit", "lower_limit", *Told._fields):
                if said[column] is None:
                    said[column] = before[column]
        return said


def read_observation(cells: Sequence[str], reading: Reading) -> ObservationFact:
    """A row of observations.csv; cells in the order of COLUMNS, stripped."""
    (
        mrn, measure, value, unit, observed_at, max_value, upper_limit, lower_limit, assay, assessor, received_at,
        status, reason, source_id, comment,
    ) = cells  # fmt: skip
    number = record_number(mrn)
    key = choice("measure", measure, vocabulary.measures(), "measure")
    known = vocabulary.measure(key)
    if (ended := vocabulary.vocabulary().retired.get(key)) is not None:
        raise Refused("measure", measure, f"{known.label} is not recorded here any more, {ended}")
    state = choice("status", status, STATUSES, "status of a result") if status else "final"
    effective_at, effective_on = reading.instant("observed_at", required("observed_at", observed_at, "the time"))
    amount: float | None = None
    comparator = ""
    upper = lower = None
    maximum = known.max_value if known.is_score else None
    if maximum is not None and max_value and reading.number("max_value", max_value) != maximum:
        raise Refused(
            "max_value", max_value, f"{key} has the maximum {maximum:g}, not {max_value}; another instrument?"
        )
    if value or state not in NO_RESULT:
        try:
            found = _found_by_limit(known, value, unit, upper_limit, lower_limit, reading)
            if found is not None:
                amount = found
            else:
                amount, comparator = _amount(known, value, unit, reading)
                upper = _limit("upper_limit", key, upper_limit, unit, reading)
                lower = _limit("lower_limit", key, lower_limit, unit, reading)
            if upper is not None and upper <= 0:
                raise Refused("upper_limit", upper_limit, "an upper limit is above 0; leave the cell blank if unknown")
            if upper is not None and lower is not None and lower > upper:
                raise Refused("lower_limit", lower_limit, f"the lower limit lies above the upper limit {upper_limit}")
        except Refused:
            # Taking a result back must not fail because the result was unreadable in the first place.
            if state not in NO_RESULT or not (source_id or state == "not-done"):
                raise
            amount, comparator, upper, lower = None, "", None, None
    if state == "entered-in-error" and amount is None and not source_id:
        raise Refused("source_id", "", "which result was an error? Give its source_id, or repeat its value and unit")
    # What the value and its unit say already is not kept twice: `Observation.sent`.
    plain = amount is not None and value == plainly(comparator, amount)
    return ObservationFact(
        mrn=number,
        result=Result(
            measure=key,
            value=amount,
            comparator=comparator,
            unit=known.unit,
            value_sent="" if plain else value[:LONGEST_NAME],
            unit_sent="" if amount is not None and unit == known.unit else unit[:LONGEST_NAME],
            max_value=maximum,
            upper_limit=upper,
            lower_limit=lower,
            status=state,
        ),
        told=Told(
            assay=free_text("assay", assay, LONGEST_NAME),
            assessor=free_text("assessor", assessor, LONGEST_NAME),
            reason=free_text("reason", reason),
            comment=free_text("comment", comment),
        ),
        taken=Taken(effective_at, effective_on),
        received_at=received(reading, received_at),
        source_id=free_text("source_id", source_id, LONGEST_NAME),
    )


def _found_by_limit(
    known: vocabulary.Measure, sent: str, unit: str, upper_limit: str, lower_limit: str, reading: Reading
) -> float | None:
    """1 or 0 for a screen sent as a number with the limit from which on it is positive, in whatever unit both are.

    None where it is not sent so. Between two limits a result is doubtful: an infection counts as found, immunity does
    not. What was sent is kept beside it.
    """
    if known.family != "presence" or not (upper_limit or lower_limit) or sent.lower() in PRESENCE_WORDS:
        return None
    comparator, text = (sent[0], sent[1:].lstrip()) if sent[:1] in ("<", ">") else ("", sent)
    value = reading.number("value", text)
    coded = value in (0, 1) and not comparator and unit in vocabulary.accepted_units(known.key)
    sent_limits = {"upper_limit": upper_limit, "lower_limit": lower_limit}
    limits = [reading.number(name, limit) for name, limit in sent_limits.items() if limit]
    if coded and all(limit in (0, 1) for limit in limits):
        return value
    if min(limits) < 0 or value < 0:
        raise Refused("value", sent, f"{known.key} is positive or negative, or a number with its limit")
    limit = max(limits) if known.key == "vzv_igg" else min(limits)
    if comparator == "<":
        return 0.0 if value <= limit else None
    return 1.0 if value >= limit or comparator == ">" else 0.0


def _amount(known: vocabulary.Measure, sent: str, unit: str, reading: Reading) -> tuple[float, str]:
    """The value in the canonical unit and its comparator."""
    text = sent
    comparator = ""
    if text[:1] in ("<", ">"):
        comparator, text = text[0], text[1:].lstrip()
        if known.is_score:
            raise Refused(
                "value", sent, f"a score of {known.key} is a number, not a bound; write it without {comparator}"
            )
    if not text:
        raise Refused("value", sent, "the value is missing; where nothing was measured, use the status not-done")
    if known.family == "presence" and text.lower() in PRESENCE_WORDS:
        value = PRESENCE_WORDS[text.lower()]
    else:
        value = reading.number("value", text)
    try:
        converted = vocabulary.to_canonical(known.key, value, unit)
    except vocabulary.UnknownUnit as error:
        raise Refused("unit", unit, _unit_message(known.key, unit, error.accepted)) from None
    except vocabulary.ImpossibleValue:
        raise Refused("value", sent, f"{known.key} is 1 (positive) or 0 (negative), not {text}") from None
    if known.max_value is not None and converted > known.max_value:
        raise Refused("value", sent, f"{sent} is above {known.max_value:g}, the maximum of {known.key}")
    if known.min_value is not None and converted < known.min_value:
        raise Refused("value", sent, f"{sent} is below {known.min_value:g}; {known.key} cannot be")
    if converted == 0 and known.kind == "body":
        raise Refused("value", sent, f"a {known.key} of 0 cannot be")
    return converted, comparator


def _unit_message(key: str, unit: str, accepted: tuple[str, ...]) -> str:
    names = [name for name in accepted if name]
    use = " or ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "none"
    if not unit:
        return f"the unit is missing; without it a value of {key} cannot be compared. Use {use}"
    return f"{unit[:80]!r} is not a unit of {key}; use {use}"


def _limit(column: str, key: str, text: str, unit: str, reading: Reading) -> float | None:
    """A limit reported with the result, converted like the result itself."""
    if not text:
        return None
    value = reading.number(column, text)
    if value < 0:
        raise Refused(column, text, f"a limit of {text} cannot be; leave the cell blank if it is unknown")
    try:
        return vocabulary.to_canonical(key, value, unit)
    except vocabulary.ImpossibleValue:
        raise Refused(column, text, f"{key} is 1 or 0 and has no limit of {text}; leave the cell blank") from None
