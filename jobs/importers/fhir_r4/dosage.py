"""Dose, frequency, span and route of a dosage in this program's words."""

import datetime as dt
from fractions import Fraction
from typing import Any

from jobs.importers.canonical import Refused
from jobs.importers.fhir_r4.codes import SNOMED
from jobs.importers.fhir_r4.elements import (
    Body,
    code_of,
    codings_of,
    dict_of,
    list_of,
    name_of,
    names_of,
    number_of,
    text_of,
)
from jobs.importers.fhir_r4.rows import Cells
from jobs.importers.fhir_r4.times import day_of, last_day_of
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

_PERIOD_DAYS = {
    "h": Fraction(1, 24), "d": Fraction(1), "wk": Fraction(7), "mo": Fraction(28), "min": Fraction(1, 1440),
}  # fmt: skip
"""A dose a month is given every four weeks in this program's words."""
_EVERY = {
    Fraction(1): "daily", Fraction(1, 2): "twice-daily", Fraction(1, 3): "three-times-daily",
    Fraction(2): "every-other-day", Fraction(7): "weekly", Fraction(14): "every-2-weeks",
    Fraction(28): "every-4-weeks",
}  # fmt: skip
_TIMING_CODES = {
    "QD": "daily", "DAILY": "daily", "AM": "daily", "PM": "daily", "BED": "daily", "Q24H": "daily",
    "BID": "twice-daily", "Q12H": "twice-daily", "TID": "three-times-daily", "Q8H": "three-times-daily",
    "QOD": "every-other-day", "WK": "weekly", "QW": "weekly", "Q2W": "every-2-weeks", "Q4W": "every-4-weeks",
    "MO": "every-4-weeks", "ONCE": "once",
}  # fmt: skip


PULSE_FROM_MG = 250
"""An intravenous steroid of at least this much a day is a pulse [default]."""


def dose_of(quantity: Body) -> tuple[str, str]:
    """Amount and unit of a dose, both '' where there is none.

    Raises:
        Refused: no number, or two units.
    """
    if quantity.get("value") is None:
        return "", ""
    number = number_of(quantity["value"], "dose")
    spelled = [text_of(quantity.get("code")), text_of(quantity.get("unit"))]
    known = {unit.lower().replace("\u00b2", "2").replace("^2", "2") for unit in spelled if unit}
    units = sorted(known & {*vocabulary.DOSE_UNITS, "ug", "mcg", "\u00b5g"})
    if len({"ug" if unit in {"mcg", "\u00b5g"} else unit for unit in units}) > 1:
        raise Refused("unit", " / ".join(units), f"the unit is named twice and not the same: {' and '.join(units)}")
    if units and units[0] in {"ug", "mcg", "\u00b5g"}:
        return repr(float(Fraction(number) / 1000)), "mg"
    return number, units[0] if units else next(filter(None, spelled), "")


def frequency_of(timing: Body) -> str:
    """How often, in the vocabulary's words; what is said otherwise is left for the reader to refuse."""
    concept = timing.get("code")
    for one in codings_of(concept):
        if (known := _TIMING_CODES.get(text_of(one.get("code")).upper())) is not None:
            return known
    repeat = dict_of(timing.get("repeat"))
    period = repeat.get("period")
    if isinstance(period, (int, float)) and not isinstance(period, bool) and period > 0:
        times, unit = repeat.get("frequency", 1), text_of(repeat.get("periodUnit"))
        if isinstance(times, int) and times > 0 and unit in _PERIOD_DAYS:
            every = Fraction(repr(period)) * _PERIOD_DAYS[unit] / times
            if every in _EVERY:
                return _EVERY[every]
        return f"{times} per {period} {unit}"
    if repeat.get("count") == 1 or (list_of(timing.get("event")) and not repeat):
        return "once"
    for name in names_of(concept):
        for row in vocabulary.frequencies().values():
            if vocabulary.name_key(name) in {vocabulary.name_key(row.key), vocabulary.name_key(row.label)}:
                return row.key
    return name_of(concept)


def span_of(resource: Body, dosage: Body, timezone: str) -> tuple[str, str]:
    """First and last day taken; the dosage's own bounds count before the statement's."""
    repeat = dict_of(dict_of(dosage.get("timing")).get("repeat"))
    bounds, whole = dict_of(repeat.get("boundsPeriod")), dict_of(resource.get("effectivePeriod"))
    start = day_of(
        text_of(bounds.get("start"))
        or text_of(whole.get("start"))
        or text_of(resource.get("effectiveDateTime"))
        or text_of(resource.get("authoredOn")),
        timezone,
    )
    end = last_day_of(text_of(bounds.get("end")) or text_of(whole.get("end")), timezone)
    length = dict_of(repeat.get("boundsDuration"))
    unit = {"d": 1, "wk": 7, "day": 1, "days": 1, "week": 7, "weeks": 7}.get(
        text_of(length.get("code")) or text_of(length.get("unit"))
    )
    if not end and unit and isinstance(length.get("value"), int) and 0 < length["value"] < 10_000:
        try:
            end = (dt.date.fromisoformat(start) + dt.timedelta(days=length["value"] * unit - 1)).isoformat()
        except ValueError:
            end = ""
    return start, end


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
