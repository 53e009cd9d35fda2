"""How much of a drug is in one tablet, capsule or millilitre: of the ingredients of a Medication, or of its name."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from jobs.importers.fhir_r4.elements import Body, dict_of, dicts_of, names_of, text_of

PIECE, MILLILITRE = "piece", "mL"

_PIECES = frozenset(
    {"tab", "tabs", "tablet", "tablets", "tbl", "tabl", "tablette", "tabletten", "comprime", "comprimes", "comprimido",
     "comprimidos", "compressa", "compresse", "cap", "caps", "capsule", "capsules", "kapsel", "kapseln", "capsula",
     "pill", "pills", "piece", "pieces", "stuck", "stk", "each", "ea", "1", "428673006", "732936001", "732937005",
     "385055001"}
)  # fmt: skip
"""As pharmacies write them, and the codes of SNOMED CT for a tablet and a capsule."""

_MILLILITRES = frozenset({"ml", "milliliter", "millilitre", "milliliters", "millilitres"})
_MILLIGRAMS: Mapping[str, Fraction] = {
    "mg": Fraction(1), "g": Fraction(1000), "gm": Fraction(1000), "mcg": Fraction(1, 1000), "ug": Fraction(1, 1000),
    "\u00b5g": Fraction(1, 1000), "\u03bcg": Fraction(1, 1000),
}  # fmt: skip
_IN_NAME = re.compile(
    r"(?<![\w.,/])(\d+(?:[.,]\d+)?)\s*(mg|gm|g|mcg|ug|\u00b5g|\u03bcg)(?![a-z\u00b5])(?:\s*/\s*(\d+(?:[.,]\d+)?)?\s*(ml|tablet|tab|capsule|cap)\b)?",
    re.IGNORECASE,
)
_FORM = re.compile(
    r"\b(tab|tabs|tablet|tablets|tabletten|cap|caps|capsule|capsules|comprim\w*|kapsel\w*)\b", re.IGNORECASE
)
_THOUSANDS = re.compile(r"[1-9]\d{0,2},\d{3}")

MOST_PIECES = 20
"""More tablets at a time than this are a number of milligrams [default]."""


class Strength(NamedTuple):
    """Milligrams in one piece or millilitre."""

    milligrams: Fraction
    per: str


def counted_in(unit: str) -> str:
    """`piece` or `mL` where a dose is counted so, else ''."""
    plain = unit.strip().strip("{}[]()").casefold().replace("\u00e9", "e").replace("\u00fc", "u")
    return PIECE if plain in _PIECES else MILLILITRE if plain in _MILLILITRES else ""


def strength_of(concept: Body, medication: Body) -> Strength | None:
    """The one strength that the ingredients or the names give; None where there is none, or more than one."""
    found = set(_of_ingredients(medication)) or set(_of_names([*names_of(concept), *names_of(medication.get("code"))]))
    return next(iter(found)) if len(found) == 1 else None


def _of_ingredients(medication: Body) -> Iterator[Strength]:
    active = [one for one in dicts_of(medication.get("ingredient")) if one.get("isActive") is not False]
    for one in active:
        ratio = dict_of(one.get("strength"))
        above, below = dict_of(ratio.get("numerator")), dict_of(ratio.get("denominator"))
        amount, share = _number(above.get("value")), _number(below.get("value", 1))
        factor = _MILLIGRAMS.get((text_of(above.get("code")) or text_of(above.get("unit"))).casefold())
        per = next(
            (known for name in ("unit", "code") if (known := counted_in(text_of(below.get(name))))),
            "" if text_of(below.get("unit")) or text_of(below.get("code")) else PIECE,
        )
        if amount and share and factor and per:
            # Two active ingredients: whose dose it is cannot be told.
            yield Strength(amount * factor / share, per if len(active) == 1 else "")


def _of_names(names: Sequence[str]) -> Iterator[Strength]:
    for name in names:
        for amount, unit, share, per in _IN_NAME.findall(name):
            if _THOUSANDS.fullmatch(amount) or _THOUSANDS.fullmatch(share):
                # 1,000 may be a thousand or one.
                yield Strength(Fraction(0), "")
                continue
            milligrams = _decimal(amount) * _MILLIGRAMS[unit.casefold()]
            if per.casefold() == "ml":
                yield Strength(milligrams / (_decimal(share) if share else 1), MILLILITRE)
            else:
                yield Strength(milligrams, PIECE)


def is_of_pieces(concept: Body, medication: Body) -> bool:
    """Whether the names or the form speak of tablets or capsules."""
    words = [*names_of(concept), *names_of(medication.get("code")), *names_of(medication.get("form"))]
    return any(_FORM.search(word) for word in words)


def without_unit(number: Fraction, strength: Strength) -> Fraction | None:
    """Milligrams of a dose of tablets that came without a unit; None where it may be milligrams or a count.

    1 of tablets of 5 mg can be no milligram (a fifth of a tablet), 40 can be no count; 10 can be either.
    """
    count = number <= MOST_PIECES and (number * 4).denominator == 1
    milligrams = (number * 4 / strength.milligrams).denominator == 1
    if count and milligrams:
        return number if strength.milligrams == 1 else None
    return number * strength.milligrams if count else number if milligrams else None


def _number(value: object) -> Fraction | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        return None
    return Fraction(repr(value))


def _decimal(text: str) -> Fraction:
    return Fraction(text.replace(",", "."))
