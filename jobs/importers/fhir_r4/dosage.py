"""Dose and route of a dosage in this program's words."""

from fractions import Fraction
from typing import Any

from jobs.importers.canonical import Refused
from jobs.importers.fhir_r4.codes import SNOMED
from jobs.importers.fhir_r4.elements import (
    Body,
    code_of,
    codings_of,
    dict_of,
    dicts_of,
    names_of,
    number_of,
    text_of,
)
from jobs.importers.fhir_r4.rows import Cells
from jobs.importers.fhir_r4.strength import PIECE, counted_in, is_of_pieces, strength_of, without_unit
from models import vocabulary

_ROUTES = {
    "26643006": "oral",
    "47625008": "iv",
    "78421000": "im",
    "34206005": "sc",
    "6064005": "topical",
    "447694001": "inhaled",
    "12130007": "intra-articular",
}
_ROUTE_WORDS = {
    "po": "oral", "oral": "oral", "bymouth": "oral", "peros": "oral", "oraluse": "oral", "oralroute": "oral",
    "iv": "iv", "intravenous": "iv", "intravenoususe": "iv", "intravenousroute": "iv", "ivinfusion": "iv",
    "im": "im", "intramuscular": "im", "intramuscularuse": "im",
    "sc": "sc", "sq": "sc", "subcut": "sc", "subcutaneous": "sc", "subcutaneoususe": "sc",
    "topical": "topical", "cutaneous": "topical", "cutaneoususe": "topical", "ocular": "topical",
    "ophthalmic": "topical", "ocularuse": "topical", "nasal": "inhaled",
    "inhalation": "inhaled", "inhaled": "inhaled", "inhalationuse": "inhaled",
    "intraarticular": "intra-articular", "intraarticularuse": "intra-articular",
}  # fmt: skip
LOCAL_USE = {
    "D": "topical",
    "S": "topical",
    "C05": "topical",
    "A01": "topical",
    "A07": "",
    "R01": "inhaled",
    "R03": "inhaled",
}
"""Homes of steroids in the ATC that are not taken for the whole body."""


PULSE_FROM_MG = 250
"""An intravenous steroid of at least this much a day is a pulse [default]."""


def dose_of(dosage: Body, kind: str) -> Body:
    """The quantity of one dose, {} where there is none. What was ordered counts before what was calculated.

    Raises:
        Refused: a range, a rate, or several doses that differ.
    """
    if kind == "MedicationAdministration":
        return dict_of(dosage.get("dose"))
    rates = dicts_of(dosage.get("doseAndRate"))
    given: dict[str, list[Body]] = {}
    for rate in rates:
        quantity = dict_of(rate.get("doseQuantity"))
        span = dict_of(rate.get("doseRange"))
        if span:
            low, high = dict_of(span.get("low")), dict_of(span.get("high"))
            if low.get("value") is None or low.get("value") != high.get("value"):
                raise Refused("dose", "range", "the dose is a range; the dose taken is needed")
            quantity = high
        if quantity.get("value") is not None:
            said = next((word for word in map(str.lower, _type_of(rate)) if word in _TYPES), "")
            given.setdefault(said, []).append(quantity)
    for said in _TYPES:
        quantities = given.get(said, [])
        if (
            len({(str(one.get("value")), text_of(one.get("code")) or text_of(one.get("unit"))) for one in quantities})
            > 1
        ):
            raise Refused("dose", "", "it names several doses that differ; which one is taken?")
        if quantities:
            return quantities[0]
    if any("rateQuantity" in rate or "rateRatio" in rate for rate in rates):
        raise Refused("dose", "rate", "the dose is a rate; the amount of one dose is needed")
    return {}


_TYPES = ("ordered", "", "calculated")


def _type_of(rate: Body) -> list[str]:
    concept = rate.get("type")
    return [*(text_of(one.get("code")) for one in codings_of(concept)), *names_of(concept)]


def amount_of(quantity: Body, concept: Body, medication: Body) -> tuple[str, str]:
    """Amount and unit of a dose, both '' where there is none; tablets and millilitres by their strength in mg.

    Raises:
        Refused: no number, two units, or a count of something whose strength is not given.
    """
    if quantity.get("value") is None:
        return "", ""
    number = number_of(quantity["value"], "dose")
    spelled = [text_of(quantity.get("code")), text_of(quantity.get("unit"))]
    known = {unit.lower().replace("\u00b2", "2").replace("^2", "2") for unit in spelled if unit}
    units = sorted(known & {*vocabulary.DOSE_UNITS, *_MICROGRAMS})
    if len({"ug" if unit in _MICROGRAMS else unit for unit in units}) > 1:
        raise Refused("unit", " / ".join(units), f"the unit is named twice and not the same: {' and '.join(units)}")
    if units and units[0] in _MICROGRAMS:
        return repr(float(Fraction(number) / 1000)), "mg"
    if units:
        return number, units[0]
    per = next((found for unit in spelled if unit and (found := counted_in(unit))), "")
    said = next(filter(None, reversed(spelled)), "")
    if not per and said:
        return number, said
    strength = strength_of(concept, medication)
    if not per:
        if strength is None or strength.per != PIECE or not is_of_pieces(concept, medication):
            return number, ""
        milligrams = without_unit(Fraction(number), strength)
        if milligrams is None:
            raise Refused("unit", number, f"{number} without a unit may be milligrams or tablets; send the unit")
        return plain(milligrams), "mg"
    if strength is None or strength.per != per:
        raise Refused(
            "unit",
            said,
            f"the dose is {number} {said} and the strength of one is not given; send it in mg, or the Medication with "
            "its strength",
        )
    return plain(Fraction(number) * strength.milligrams), "mg"


_MICROGRAMS = frozenset({"ug", "mcg", "\u00b5g"})


def plain(number: Fraction) -> str:
    """A number as a cell has it."""
    return str(number.numerator) if number.denominator == 1 else repr(float(number))


def multiplied(amount: str, factor: Fraction) -> str:
    """A dose as many times as it is taken a day."""
    return amount if factor == 1 or not amount else plain(Fraction(amount) * factor)


def route_of(concept: Any, home: str) -> str:
    """The route; a form of the ATC that is not for the whole body tells it where nobody else does.

    Raises:
        Refused: a route that is none of ours. Left out it would count as oral.
    """
    for one in codings_of(concept):
        if (known := _ROUTES.get(text_of(one.get("code")))) is not None and text_of(one.get("system")) in {SNOMED, ""}:
            return known
    said = [*names_of(concept), code_of(concept)]
    for name in said:
        if (known := _ROUTE_WORDS.get(vocabulary.name_key(name))) is not None:
            return known
    if any(said):
        raise Refused(
            "route",
            said[0],
            f"{said[0] or said[-1]!r} is not a route known here; {', '.join(sorted(vocabulary.ROUTES))} are",
        )
    return LOCAL_USE.get(home, "")


def with_route(cells: Cells, route: str) -> Cells:
    """The row with its route and what follows from it for the intent."""
    cells["route"] = route
    known = vocabulary.drug(cells["drug"])
    if route == "iv":
        per_kilogram = "/" in cells["unit"]
        amount = float(cells["dose"] or 0) * (1000 if cells["unit"].startswith("g") else 1)
        steroid = known is not None and known.is_glucocorticoid
        pulse = steroid and (amount >= PULSE_FROM_MG if not per_kilogram else amount >= 10)
        cells["intent"] = "pulse" if pulse else "daily" if steroid and cells["frequency"] != "once" else "infusion"
    return cells
