"""A reference range as a laboratory prints it: of the patient's sex where there is one for each, else as it stands."""

import re
from typing import NamedTuple

from jobs.importers.coded import Limits, limits_of_text

_MALE = "m|male|males|men|man|mann|männer|maenner|männlich|maennlich|h|homme|hommes|hombre|hombres|varón|varon|" \
        "varones|masculino|uomo|uomini|maschi|maschio|mannen|män|mænd|♂"  # fmt: skip
_FEMALE = "f|w|female|females|women|woman|frau|frauen|weiblich|femme|femmes|mujer|mujeres|femenino|donna|donne|" \
          "femmine|femmina|feminino|vrouw|vrouwen|kvinnor|kvinder|v|♀"  # fmt: skip
_SEX = re.compile(rf"(?<!\w)(?:(?P<male>{_MALE})|(?P<female>{_FEMALE}))(?!\w)\.?\s*[:=]?", re.IGNORECASE)
_AGE = re.compile(
    r"\d\s*(?:y|yr|yrs|years?|j|jahre?|ans?|años|anni|mo|months?|monate?|d|days?|tage?)(?!\w)", re.IGNORECASE
)


_NO_UNIT = re.compile(r"[\s:;,()]")
"""What stands behind a range and is no unit: an age, a sex, a second range."""


class Range(NamedTuple):
    """The limits that count, and whether the text says more than they do and has to be kept."""

    limits: Limits
    says_more: bool


def range_of(text: str, sex: str) -> Range:
    """The range of a text for a patient's sex. What cannot be read without guessing gives no limit, and is kept."""
    said = text.strip()
    if not said:
        return Range(Limits(), False)
    plain = limits_of_text(said)
    if (plain.low or plain.high) and not _NO_UNIT.search(plain.unit):
        usable = _usable(plain)
        return Range(usable, usable != plain)
    by_sex = _by_sex(said)
    return Range(_usable(by_sex.get(sex, Limits())), True)


def _by_sex(text: str) -> dict[str, Limits]:
    """The limits of each sex, where the text has one range for each and nothing else divides them."""
    if _AGE.search(text):
        return {}
    marks = list(_SEX.finditer(text))
    if len(marks) != 2 or bool(marks[0]["male"]) == bool(marks[1]["male"]) or text[: marks[0].start()].strip(" (["):
        return _behind(text, marks)
    found = {}
    for mark, end in zip(marks, (marks[1].start(), len(text)), strict=True):
        limits = limits_of_text(text[mark.end() : end].strip(" ,;/|()[]"))
        if not (limits.low or limits.high):
            return {}
        found["male" if mark["male"] else "female"] = limits
    return found


def _behind(text: str, marks: list[re.Match[str]]) -> dict[str, Limits]:
    """The same where the sex stands behind its range: `39-308 (M), 26-192 (F)`."""
    if len(marks) != 2 or bool(marks[0]["male"]) == bool(marks[1]["male"]):
        return {}
    found = {}
    start = 0
    for mark in marks:
        limits = limits_of_text(text[start : mark.start()].strip(" ,;/|()[]"))
        if not (limits.low or limits.high):
            return {}
        found["male" if mark["male"] else "female"] = limits
        start = mark.end()
    return {} if text[start:].strip(" ,;/|()[].") else found


def _usable(limits: Limits) -> Limits:
    """Without a limit that cannot be: an upper one of 0 or less, two that stand the wrong way round."""
    low, high = (float(one) if one else None for one in (limits.low, limits.high))
    if high is not None and high <= 0:
        return Limits("", "", limits.unit)
    if low is not None and high is not None and low > high:
        return Limits("", "", limits.unit)
    if low is not None and low < 0:
        return Limits("", limits.high, limits.unit)
    return limits
