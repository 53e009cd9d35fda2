"""OBX-3 as codes: the first, and the alternate one."""

from collections.abc import Sequence

from jobs.importers.coded import LOCAL, LOINC, OTHER, Coding, loinc_or
from jobs.importers.hl7v2_oru.encoding import Segment


def codings_of(result: Segment) -> list[Coding]:
    """The codes of OBX-3: the first, and the alternate one."""
    parts = result.components(3)
    return [coding for start in (0, 3) if (coding := _coding(parts[start : start + 3])) is not None]


def _coding(triplet: Sequence[str]) -> Coding | None:
    code, name, system = (*triplet, "", "", "")[:3]
    if not code and not name:
        return None
    spelled = system.upper()
    if spelled in {"LN", "LOINC"}:
        known = LOINC
    elif spelled in {"", "L", "LOCAL"} or spelled.startswith("99"):
        known = loinc_or("" if not spelled else LOCAL, code)
    else:
        known = OTHER
    return Coding(known, code, name)
