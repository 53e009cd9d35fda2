"""Exact numbers for the calculators.

Real patients sit exactly on the boundaries of published scores: a physician global that goes from 1.1 to 0.6 improves
by 5 % and earns nothing, but in binary floats the change is a hair above 5 % and would earn points. Every number
therefore becomes a fraction of the decimal digits that were written down, before anything is calculated.
"""

import numbers
import re
from decimal import Decimal
from fractions import Fraction

from models.errors import UsageError

# Exponents are limited to two digits: a fraction of 1e999999999 would fill the memory.
_DECIMAL = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?")


class ScoreInputError(UsageError, ValueError):
    """A calculator was given something it must not guess about: exit code 2. ``field`` names the place in the input."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


def exact_number(value: object, field: str) -> Fraction:
    """The number as written, exactly.

    Accepts integers, floats (through their shortest decimal form: 1.1 is eleven tenths), decimals, fractions and
    decimal strings. Raises ScoreInputError for everything else, including true/false, NaN and infinities.
    """
    if isinstance(value, bool) or value is None:
        raise ScoreInputError(field, f"{value!r} is not a number")
    if isinstance(value, numbers.Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    if isinstance(value, (numbers.Real, Decimal, str)):
        text = str(value).strip()
        if _DECIMAL.fullmatch(text):
            return Fraction(text)
    raise ScoreInputError(field, f"{value!r} is not a number")


def exact_number_within(value: object, field: str, low: int | Fraction, high: int | Fraction) -> Fraction:
    """As exact_number, and refused with ScoreInputError outside low to high (both allowed)."""
    number = exact_number(value, field)
    if not low <= number <= high:
        raise ScoreInputError(field, f"{written(number)} is outside {written(low)} to {written(high)}")
    return number


def json_number(number: Fraction | int) -> int | float:
    """For output: an integer where the number is whole, the nearest float otherwise."""
    return int(number) if Fraction(number).denominator == 1 else float(number)


def written(number: Fraction | int) -> str:
    """For sentences: 11, 7.5."""
    return str(json_number(number))
