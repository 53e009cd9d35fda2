"""What a steroid dose equals in prednisone, one dose at a time and as a table.

Factors and how well each is known are rows of the vocabulary (drugs); nothing is converted that has none. The dose per
day of a whole record, with overlaps and pulses, is `jobs.exposure`; this is the calculator for one line of it.
"""

from fractions import Fraction
from typing import TypedDict

from jobs.scores.exact import ScoreInputError, exact_number, json_number, written
from models.vocabulary import STEROID_ROUTES_NOT_COUNTED, Drug, drug, drugs, frequencies

HEAVIEST_KG = 400
UNITS = ("mg", "g", "mg/kg")


class Equivalence(TypedDict):
    """`prednisone_mg` of one dose, `mg_per_day` its mean over the days (None for a single dose)."""

    drug: str
    dose: int | float
    unit: str
    frequency: str
    prednisone_mg: int | float
    mg_per_day: int | float | None
    mg_per_kg_per_day: float | None
    equivalent_to_5_mg: int | float
    mark: str
    source: str
    remarks: list[str]


class Factor(TypedDict):
    """How many mg of a steroid equal 5 mg of prednisone, and how that is known; None with the reason."""

    drug: str
    label: str
    equivalent_to_5_mg: int | float | None
    mark: str
    source: str
    not_counted_because: str


def prednisone_equivalent(
    name: str,
    dose: object,
    unit: str = "mg",
    *,
    frequency: str = "daily",
    route: str = "oral",
    weight_kg: object = None,
) -> Equivalence:
    """The prednisone-equivalent of a dose.

    Raises ScoreInputError, naming the field, for an unknown drug or one without equivalence, a route that is not
    counted, an unknown unit or frequency, a dose that is none, and a dose per kg without a weight.
    """
    row = drug(name)
    if row is None or not row.is_glucocorticoid:
        known = ", ".join(one.key for one in _steroids() if one.prednisone_factor)
        raise ScoreInputError("drug", f"{name!r} is not a steroid known here; known: {known}")
    if row.equivalent_mg_to_5 is None:
        raise ScoreInputError("drug", f"{row.key}: {row.excluded_because or 'no equivalence is known'}")
    if route in STEROID_ROUTES_NOT_COUNTED:
        raise ScoreInputError("route", f"{route} steroids are not counted")
    often = frequencies().get(frequency)
    if often is None:
        raise ScoreInputError("frequency", f"{frequency!r} is not one of {', '.join(frequencies())}")
    if unit not in UNITS:
        raise ScoreInputError("unit", f"{unit!r} is not one of {', '.join(UNITS)}")
    amount = exact_number(dose, "dose")
    if amount < 0:
        raise ScoreInputError("dose", f"{written(amount)} is negative")
    weight = None if weight_kg in (None, "") else exact_number(weight_kg, "weight")
    if weight is not None and not 0 < weight <= HEAVIEST_KG:
        raise ScoreInputError("weight", f"{written(weight)} kg is not a body weight")
    if unit == "mg/kg" and weight is None:
        raise ScoreInputError("weight", "is needed for a dose per kg")
    milligrams = amount * (1000 if unit == "g" else weight if unit == "mg/kg" and weight is not None else 1)
    factor = Fraction(5) / exact_number(row.equivalent_mg_to_5, "factor")
    equivalent = milligrams * factor
    per_day = None if often.every_days is None else equivalent * often.doses / often.every_days
    remarks = ["The mean of the days; a dose every third day or more rarely counts in full on its day."]
    return {
        "drug": row.key,
        "dose": json_number(amount),
        "unit": unit,
        "frequency": often.key,
        "prednisone_mg": json_number(equivalent),
        "mg_per_day": None if per_day is None else json_number(per_day),
        "mg_per_kg_per_day": None if per_day is None or weight is None else round(float(per_day / weight), 3),
        "equivalent_to_5_mg": json_number(exact_number(row.equivalent_mg_to_5, "factor")),
        "mark": row.factor_mark,
        "source": row.factor_source,
        "remarks": remarks if (often.every_days or 0) > 1 else [],
    }


def equivalence_table() -> list[Factor]:
    """Every steroid of the vocabulary, those that are not counted with the reason."""
    return [
        {
            "drug": row.key,
            "label": row.label,
            "equivalent_to_5_mg": None
            if row.equivalent_mg_to_5 is None
            else json_number(exact_number(row.equivalent_mg_to_5, "factor")),
            "mark": row.factor_mark,
            "source": row.factor_source,
            "not_counted_because": row.excluded_because,
        }
        for row in _steroids()
    ]


def _steroids() -> list[Drug]:
    return [row for row in drugs().values() if row.is_glucocorticoid]
