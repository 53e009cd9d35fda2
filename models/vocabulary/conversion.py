"""From the unit a laboratory sent to the canonical unit of the measure."""

import math
from dataclasses import dataclass
from fractions import Fraction

from models.vocabulary.in_force import remembered, vocabulary
from models.vocabulary.lookups import measure
from models.vocabulary.naming import unit_key
from models.vocabulary.rows import Mark

# Respiratory muscle pressure is sent with either sign (-40 and 40 mean the same effort); only its size is kept.
_STORED_AS_MAGNITUDE = frozenset({"nif"})


class UnknownUnit(ValueError):
    """A unit that the measure does not accept; names the measure, the unit and the units accepted."""

    def __init__(self, measure_key: str, unit: str, accepted: tuple[str, ...]) -> None:
        self.measure = measure_key
        self.unit = unit
        self.accepted = accepted
        said = f"the unit {unit.strip()!r} is not known" if unit.strip() else "the unit is missing"
        names = ", ".join(name if name else "none" for name in accepted)
        super().__init__(f"{measure_key}: {said}; accepted: {names}")


class ImpossibleValue(ValueError):
    """A value that the measure cannot have, whatever the unit."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """canonical = value * factor + offset, with how the factor is known. Exact, for one value or a whole column."""

    measure: str
    factor: Fraction
    offset: Fraction
    unit: str
    mark: Mark
    source: str

    def apply(self, value: float) -> float:
        """One value in the canonical unit, correctly rounded (0.029 ng/mL is 29.0 ng/L, not 29.000000000000004)."""
        if self.factor != 1 or self.offset != 0:
            value = float(Fraction(repr(float(value))) * self.factor + self.offset)
        return abs(value) if self.measure in _STORED_AS_MAGNITUDE else float(value)


def canonical_unit(measure_key: str) -> str:
    """The unit in which values of the measure are stored; empty for scores and presence results.

    Raises :class:`KeyError` for an unknown measure.
    """
    return measure(measure_key).unit


def accepted_units(measure_key: str) -> tuple[str, ...]:
    """The units in which a measure may be sent, as written in the table; an empty one means that none is needed."""
    known = measure(measure_key)
    return tuple(rule.unit for rule in vocabulary().units.values() if rule.applies_to in {known.key, known.family})


@remembered(maxsize=4096)
def conversion(measure_key: str, unit: str) -> Conversion:
    """How values of a measure sent in ``unit`` become canonical; raises :class:`UnknownUnit` or :class:`KeyError`.

    Units are matched without case and blanks, both micro signs are one. ``IU/L`` for an enzyme is ``U/L`` because
    the table says so and not because an international unit could be converted.
    """
    known, units, spelled = measure(measure_key), vocabulary().units, unit_key(unit)
    rule = units.get((known.key, spelled)) or units.get((known.family, spelled))
    if rule is None:
        raise UnknownUnit(measure_key, unit, accepted_units(measure_key))
    return Conversion(known.key, rule.factor, rule.offset, known.unit, rule.mark, rule.source)


def to_canonical(measure_key: str, value: float, unit: str) -> float:
    """A value in the measure's canonical unit.

    Raises :class:`UnknownUnit` (also where a unit is needed and missing: a troponin of 14 may be ng/L or ng/mL),
    :class:`ImpossibleValue` for a value that is no finite number or a presence result other than 0 and 1, and
    :class:`KeyError` for an unknown measure. Maxima are not checked here.
    """
    rule = conversion(measure_key, unit)
    if not math.isfinite(value):
        raise ImpossibleValue(f"{measure_key}: {value!r} is not a number that can be stored")
    if measure(measure_key).family == "presence" and value not in (0, 1):
        raise ImpossibleValue(f"{measure_key}: {value!r} is neither 0 (absent) nor 1 (present)")
    return rule.apply(value)
