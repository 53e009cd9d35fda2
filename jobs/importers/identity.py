"""Whose a message is: record number *and* assigning authority, and nothing said of the person that contradicts.

A number alone is nobody's: two hospitals count from 1. What the message says of the person is compared with whom the
number belongs to here, part by part; an initial or a part that is missing on either side contradicts nothing. What
contradicts waits for a human, who confirms it once for the sender.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from jobs.importers.canonical import NotOurs, Refused, Waits
from jobs.importers.decisions import Decisions, Person, decisions
from models.waiting import ANY

OUR_NUMBERS = "urn:myopanel:mrn"
"""The authority that is always ours: what this program itself calls its record numbers."""

OURS = "ours"
"""What an assigning authority is mapped to whose numbers are our record numbers."""

EVERY_NUMBER = "*^^^"
"""Before an authority: a decision about all its numbers."""

RECORD_NUMBER = "MR"
_NEVER_A_RECORD_NUMBER = frozenset({"SS", "DL", "PPN", "AN", "VN", "MC", "HC", "BC"})
"""Insurance, licence, passport, account and visit: numbers of something else."""


class Identifier(NamedTuple):
    """One identifier of a person; authority as `NAMESPACE`, `NAMESPACE&universal id` or a system's address, or ''."""

    number: str
    authority: str = ""
    type: str = ""

    def __str__(self) -> str:
        return f"{self.number}^^^{self.authority}" if self.authority else self.number


class Claim(NamedTuple):
    """What a message says of the person; '' where it does not. `names` are (family, given), each a name borne."""

    names: tuple[tuple[str, str], ...] = ()
    birth_date: str = ""
    """`YYYY`, `YYYY-MM` or `YYYY-MM-DD`."""
    sex: str = ""

    def __str__(self) -> str:
        name = " ".join(part for part in (self.names[0] if self.names else ()) if part)
        return ", ".join(part for part in (name, self.birth_date, self.sex) if part)


def whose(sender: str, identifiers: Sequence[Identifier], claim: Claim) -> Person:
    """The patient on file whom a message is about.

    Raises:
        Refused: no identifier. Waits: the number, its authority or the person needs a decision. NotOurs: as decided.
    """
    known = decisions()
    given = [one for one in identifiers if one.number]
    if not given:
        raise Refused("mrn", "", "the patient has no identifier")
    for one in given:
        decided = known.of(sender, "patient", str(one))
        if decided is not None:
            return _without_contradiction(known, sender, one, _on_file(known, sender, one, decided.to), claim)
    one, standing = _record_number(known, sender, given)
    person = _on_file(known, sender, one, one.number)
    person = _without_contradiction(known, sender, one, person, claim)
    _settle(known, sender, one, standing, person, claim)
    return person


def registered(sender: str, identifiers: Sequence[Identifier], claim: Claim) -> str:
    """The record number of somebody whom a message describes, on file or not: a format that makes patients asks this.

    Raises:
        As `whose`; but whom nobody knows is new, unless it was decided that the sender's unknown patients are not ours.
    """
    known = decisions()
    given = [one for one in identifiers if one.number]
    if not given:
        raise Refused("mrn", "", "the patient has neither an identifier nor an id")
    for one in given:
        decided = known.of(sender, "patient", str(one))
        if decided is not None:
            return _without_contradiction(known, sender, one, _on_file(known, sender, one, decided.to), claim).mrn
    one, standing = _record_number(known, sender, given)
    person = known.on_file(one.number)
    if person is None:
        known.of(sender, "patient", ANY)
    else:
        person = _without_contradiction(known, sender, one, person, claim)
    _settle(known, sender, one, standing, person, claim)
    return one.number if person is None else person.mrn


def number_of_ours(sender: str, identifiers: Sequence[Identifier]) -> str | None:
    """The identifier that is a record number of ours; None where none is, or it cannot be told which."""
    try:
        one, standing = _record_number(decisions(), sender, [one for one in identifiers if one.number])
    except (Refused, IndexError):
        return None
    return one.number if standing in ("ours", "first") else None


def _settle(known: Decisions, sender: str, one: Identifier, standing: str, person: Person | None, claim: Claim) -> None:
    """Learn a sender's first authority; a number without one is somebody's only if something else says so.

    Raises:
        Waits: nothing does.
    """
    if standing == "unsaid" and person is not None and not corroborates(person, claim):
        raise Waits(
            "mrn", one.number, "the number comes without its assigning authority, and nothing else says whose it is",
            kind="patient", what=str(one),
        )  # fmt: skip
    if standing == "first":
        known.learn(sender, "patient", EVERY_NUMBER + one.authority, OURS)


def _record_number(known: Decisions, sender: str, given: Sequence[Identifier]) -> tuple[Identifier, str]:
    """The identifier that is our record number, and how its authority stands: ours, first of this sender, unsaid.

    Raises:
        Waits: none is, or two are.
    """
    possible = [one for one in given if one.type.upper() not in _NEVER_A_RECORD_NUMBER]
    if not possible:
        raise Waits(
            "mrn", str(given[0]), f"the only identifier is of type {given[0].type}, which is no record number",
            kind="patient", what=str(given[0]),
        )  # fmt: skip
    medical = [one for one in possible if one.type.upper() == RECORD_NUMBER]
    refused: NotOurs | None = None
    found: dict[str, list[Identifier]] = {"ours": [], "first": [], "unsaid": []}
    for one in [*medical, *(one for one in possible if one not in medical)]:
        try:
            standing = _standing(known, sender, one.authority)
        except NotOurs as not_ours:
            refused = refused or not_ours
            continue
        if standing:
            found[standing].append(one)
    for standing, ones in found.items():
        best = [one for one in ones if one.type.upper() == RECORD_NUMBER] or ones[:1]
        numbers = {one.number for one in best}
        if standing == "first" and best:
            return best[0], standing
        if len(numbers) > 1:
            there = [one for one in best if known.on_file(one.number) is not None]
            if len(there) != 1:
                said = " ".join(map(str, best))
                raise Waits("mrn", said, "the patient has more than one record number", kind="patient", what=said)
            best = there
        if best:
            return best[0], standing
    if refused is not None:
        raise refused
    one = (medical or possible)[0]
    raise Waits(
        "mrn", str(one), f"{one.authority or 'no authority'} is not an assigning authority of our record numbers",
        kind="patient", what=str(one),
    )  # fmt: skip


def _standing(known: Decisions, sender: str, authority: str) -> str:
    """Whether numbers of an authority are our record numbers; '' if they are not.

    Raises:
        NotOurs: as decided of the authority.
    """
    if authority == OUR_NUMBERS or known.of(sender, "patient", EVERY_NUMBER + authority) is not None:
        return "ours"
    if known.ours:
        if any(same_authority(authority, one) for one in known.ours):
            return "ours"
        return "" if authority else "unsaid"
    mapped = [
        what.removeprefix(EVERY_NUMBER)
        for what, decision in known.all_of(sender, "patient").items()
        if what.startswith(EVERY_NUMBER) and not decision.not_ours
    ]
    if not mapped:
        return "first"
    if any(same_authority(authority, one) for one in mapped):
        return "ours"
    return "" if authority else "unsaid"


def same_authority(one: str, other: str) -> bool:
    """Whether two spellings name one authority: by the universal id where both have one, else by a name they share."""
    mine, theirs = ([part.strip().casefold() for part in said.split("&")] for said in (one, other))
    ids = [parts[1] for parts in (mine, theirs) if len(parts) > 1 and parts[1]]
    if len(ids) == 2:
        return ids[0] == ids[1]
    return bool({part for part in mine[:2] if part} & {part for part in theirs[:2] if part}) or mine == theirs


def _on_file(known: Decisions, sender: str, one: Identifier, mrn: str) -> Person:
    person = known.on_file(mrn)
    if person is None:
        known.needed(
            sender, "patient", str(one), column="mrn", value=mrn,
            why=f"no patient with record number {mrn!r} is on file. Record numbers are compared exactly",
        )  # fmt: skip
        raise Waits("mrn", mrn, f"the number is mapped to {mrn!r}, who is not on file", kind="patient", what=str(one))
    return person


def _without_contradiction(known: Decisions, sender: str, one: Identifier, person: Person, claim: Claim) -> Person:
    """The person, unless what the message says of them contradicts what is on file and nobody confirmed it.

    Raises:
        Waits: it contradicts.
    """
    why = contradiction(person, claim)
    if not why:
        return person
    decided = known.of(sender, "patient", f"{one}: {claim}")
    if decided is not None and (meant := known.on_file(decided.to)) is not None:
        return meant
    raise Waits("mrn", str(one), why, kind="patient", what=f"{one}: {claim}")


# ------------------------------------------------------------------------------------------------- the person compared


def contradiction(person: Person, claim: Claim) -> str:
    """What a message says of a person that cannot be said of the one on file, as a sentence; '' if nothing."""
    if claim.birth_date and person.birth_date is not None:
        there = person.birth_date.isoformat()
        if not there.startswith(claim.birth_date):
            return f"the message says born {claim.birth_date}, on file is {there}"
    if {claim.sex, person.sex} == {"female", "male"}:
        return f"the message says {claim.sex}, on file is {person.sex}"
    reasons = [_names_contradict(person, family, given) for family, given in claim.names]
    return reasons[0] if reasons and all(reasons) else ""


def _names_contradict(person: Person, family: str, given: str) -> str:
    if not _differ(family, person.family) and not _differ(given, person.given):
        return ""
    if (
        family and given and person.family and person.given
        and _whole(family) & _whole(person.given) and _whole(given) & _whole(person.family)
    ):  # fmt: skip
        # Family and given name in each other's place: the same two names, and no third person has them.
        return ""
    which, said, there = (
        ("family name", family, person.family)
        if _differ(family, person.family)
        else ("given name", given, person.given)
    )
    return f"the message says {which} {said!r}, on file is {there!r}"


def corroborates(person: Person, claim: Claim) -> bool:
    """Whether the message says something of the person that is on file too: the birth date, or the family name."""
    if person.birth_date is not None and claim.birth_date == person.birth_date.isoformat():
        return True
    return any(family and _whole(family) & _whole(person.family) for family, _ in claim.names)


def _differ(one: str, other: str) -> bool:
    """Whether two names cannot be one person's.

    One may leave out what the other has (a second given name, half of a double name); where each has a word that the
    other lacks, they are two: Anna Maria and Eva Maria may be twins. Initials say nothing.
    """
    if _whole(one) & _whole(other):
        return False
    mine, theirs = ([_folded(word) for word in _words(name) if len(word) > 1] for name in (one, other))
    if not mine or not theirs:
        return False
    fewer, more = sorted((mine, theirs), key=len)
    return not all(any(word & there for there in more) for word in fewer)


def _whole(name: str) -> set[str]:
    """A name in one word, in the ways its accents can be written out."""
    return {found for found in _folded("".join(_words(name))) if found}


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", name.casefold()) if word]


_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe", "ß": "ss"})
_LEFT_OUT = str.maketrans({"ø": "o", "æ": "a", "œ": "o", "ß": "ss", "ł": "l", "đ": "d", "þ": "th", "\u0131": "i"})


def _folded(word: str) -> set[str]:
    """A word without accents, and with umlauts written out: `müller` is `muller` and `mueller`."""
    composed = unicodedata.normalize("NFC", word)
    return {_plain(composed.translate(table)) for table in (_WRITTEN_OUT, _LEFT_OUT)}


def _plain(text: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))


def claim_of(names: Iterable[tuple[str, str]], birth_date: dt.date | str | None = None, sex: str = "") -> Claim:
    """A claim from whatever a format has."""
    return Claim(
        tuple(dict.fromkeys((family.strip(), given.strip()) for family, given in names if family or given)),
        birth_date.isoformat() if isinstance(birth_date, dt.date) else (birth_date or ""),
        sex,
    )
