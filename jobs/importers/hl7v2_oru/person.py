"""PID as identifiers and what it says of the person."""

from jobs.importers.hl7v2_oru.encoding import Segment
from jobs.importers.identity import Claim, Identifier, claim_of

_SEXES = {"F": "female", "M": "male", "W": "female"}


def identifiers_of(patient: Segment) -> list[Identifier]:
    """PID-3, and the older PID-2 where it is empty."""
    found = _identifiers(patient, 3)
    return found or _identifiers(patient, 2)


def _identifiers(patient: Segment, place: int) -> list[Identifier]:
    found = []
    raw = patient.raw_field(place)
    for one in raw.split(patient.encoding.repetition) if raw else []:
        parts = one.split(patient.encoding.component)
        number = patient.encoding.text(parts[0])
        if not number:
            continue
        authority = parts[3] if len(parts) > 3 else ""
        kind = patient.encoding.text(parts[4]) if len(parts) > 4 else ""
        found.append(Identifier(number, _authority(patient, authority), kind))
    return found


def _authority(patient: Segment, raw: str) -> str:
    """`NAMESPACE` or `NAMESPACE&universal id`, whatever separates in this message."""
    separator = patient.encoding.subcomponent
    parts = [patient.encoding.text(part) for part in (raw.split(separator) if separator else [raw])]
    namespace, universal = (*parts, "", "")[:2]
    return "&".join(filter(None, (namespace, universal)))


def claim_in(patient: Segment) -> Claim:
    """Names (every one the person bears), birth date and sex."""
    names = []
    for one in patient.repetitions(5):
        family, given, further = (*one, "", "", "")[:3]
        # A family name may have parts of its own (prefix, partner's name) behind it.
        separator = patient.encoding.subcomponent
        names.append((family.split(separator)[0] if separator else family, f"{given} {further}".strip()))
    return claim_of(names, day_of(patient.get(7)), _SEXES.get(patient.get(8).upper()[:1], ""))


def day_of(text: str) -> str:
    """`YYYY`, `YYYY-MM` or `YYYY-MM-DD`; '' for what is no date."""
    digits = text[:8]
    if not digits.isdecimal() or len(digits) not in (4, 6, 8) or not digits.isascii():
        return ""
    return "-".join(filter(None, (digits[:4], digits[4:6], digits[6:8])))
