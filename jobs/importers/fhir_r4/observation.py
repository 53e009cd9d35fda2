"""An Observation, or each of its components, as a row of observations."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from jobs.importers.canonical import PRESENCE_WORDS, Refused
from jobs.importers.coded import LOCAL, OTHER, Coding, in_unit_of_value, limits_of_text, one_unit
from jobs.importers.fhir_r4.codes import UCUM, system_of
from jobs.importers.fhir_r4.elements import (
    Body,
    code_of,
    codings_of,
    dict_of,
    dicts_of,
    first_of,
    name_of,
    names_of,
    number_of,
    text_of,
    values_in,
)
from jobs.importers.fhir_r4.entries import Entry
from jobs.importers.fhir_r4.identity import source_id_of
from jobs.importers.fhir_r4.index import Index, Person
from jobs.importers.fhir_r4.paths import IN_COMPONENT, PATHS
from jobs.importers.fhir_r4.rows import Cells, Read, Unread
from jobs.importers.fhir_r4.times import known_since
from jobs.importers.measure_meant import Meant, meant_by_codes
from jobs.importers.measure_names import measure_named
from jobs.importers.value_meant import Value, decided_value, unit_meant, value_in_text
from models import vocabulary
from models.age import age_on

_STATUSES = {
    "final": "final",
    "corrected": "corrected",
    "amended": "corrected",
    "appended": "corrected",
    "entered-in-error": "entered-in-error",
    "cancelled": "cancelled",
}
_NOT_DONE = frozenset({"not-performed", "not-asked", "asked-declined", "not-applicable", "unsupported"})
_COMPARATORS = {"<": "<", "<=": "<", ">": ">", ">=": ">"}
_PRESENCE_CODES = {
    "10828004": "positive",
    "260385009": "negative",
    "260373001": "detected",
    "260415000": "not detected",
}


def read_observation(entry: Entry, index: Index) -> Iterable[Read]:
    """The rows of an Observation: its own value and those of its components, each taken over or refused alone.

    Raises:
        Refused: it is not final, or does not say whom it is about. Waits: the patient needs a decision.
    """
    resource = index.inherited(entry)
    status = text_of(resource.get("status"))
    if entry.within is not None and text_of(entry.within.resource.get("status")) == "entered-in-error":
        status = "entered-in-error"
    known = _STATUSES.get(status)
    if known is None:
        why = "has no status" if not status else f"is {status}, not final"
        raise Refused("status", status, f"the result {why}; it is taken over once it is")
    mrn = index.mrn(resource, entry.sender, "subject")
    person = index.subject(resource, entry.sender)
    sender = index.speaker(entry.sender)
    specimens = specimens_of(resource, index, entry.sender)
    period = dict_of(resource.get("effectivePeriod"))
    contained = dicts_of(resource.get("contained"))
    common = {
        "mrn": mrn,
        "observed_at": text_of(resource.get("effectiveDateTime"))
        or text_of(resource.get("effectiveInstant"))
        or text_of(period.get("start")),
        "assay": name_of(resource.get("method")) or index.name(resource.get("device"), entry.sender, contained),
        "assessor": index.name(first_of(resource.get("performer")), entry.sender, contained),
        "received_at": known_since(resource, corrected=known != "final"),
        "status": known,
        "source_id": source_id_of(entry),
        "comment": " ".join(filter(None, (text_of(note.get("text")) for note in dicts_of(resource.get("note"))))),
    }
    if text_of(resource.get("effectiveInstant")) == "" and resource.get("effectiveTiming") is not None:
        raise Refused("observed_at", "", "a timing is no point in time; give effectiveDateTime")
    parts = dicts_of(resource.get("component"))
    has_value = any(values_in(resource))
    if not parts or has_value or resource.get("dataAbsentReason") is not None:
        yield _read(resource, common, person, index, sender, specimens), PATHS["Observation"]
    for place, part in enumerate(parts):
        inside = f"Observation.component[{place}]"
        paths = {**PATHS["Observation"], **{
            column: path.replace("Observation", inside, 1) for column, path in PATHS["Observation"].items()
            if column in IN_COMPONENT
        }}  # fmt: skip
        yield _read(part, common, person, index, sender, specimens), paths


def specimens_of(resource: Body, index: Index, sender: str) -> list[str]:
    """Every word for the specimen, where it is told."""
    said = dict_of(resource.get("specimen"))
    return [one for one in (index.name(said, sender, dicts_of(resource.get("contained"))),) if one] if said else []


def _read(
    part: Body, common: Mapping[str, str], person: Person | None, index: Index, sender: str, specimens: Sequence[str]
) -> Cells | Refused | Unread:
    try:
        meant = meant_by_codes(sender, _codings(part.get("code")), specimens)
    except Refused as refused:
        return refused
    cells = {**common, "measure": meant.measure.key}
    try:
        return _result(part, cells, meant, person, index, sender)
    except Refused as refused:
        return Unread(refused, cells)


def _codings(code: object) -> list[Coding]:
    """The codes of a result with their names; its text as one more name, or as the code where there is none."""
    text = text_of(dict_of(code).get("text"))
    codings = [
        Coding(system_of(text_of(one.get("system"))), text_of(one.get("code")), text_of(one.get("display")))
        for one in codings_of(code)
    ]
    if not codings and text:
        return [Coding(LOCAL, measure_named(text) or text, text)]
    return [*codings, *([Coding(OTHER, "", text)] if text and text not in (one.name for one in codings) else [])]


def _result(
    part: Body, common: Mapping[str, str], meant: Meant, person: Person | None, index: Index, sender: str
) -> Cells:
    """The cells of one value: that of an observation, or that of one of its components."""
    measure = meant.measure
    cells = {**common}
    value, unit = _value(part, meant, sender)
    absent = code_of(part.get("dataAbsentReason"))
    if value.status:
        cells |= {"status": value.status, "reason": sent_value(part)}
    elif not value.text and part.get("dataAbsentReason") is not None and common["status"] in {"final", "corrected"}:
        why = name_of(part.get("dataAbsentReason"))
        if absent not in _NOT_DONE and absent != "error":
            raise Refused("value", absent, f"there is no value: {why or 'no reason'}")
        cells |= {"status": "cancelled" if absent == "error" else "not-done", "reason": why}
    low, high = _limits(part, measure, unit, applying(part, person, common["observed_at"]), index)
    return cells | {"value": value.text, "unit": unit if value.text else "", "lower_limit": low, "upper_limit": high}


def sent_value(part: Body) -> str:
    """The value as one text, for people."""
    quantity = dict_of(part.get("valueQuantity"))
    if quantity:
        number = "" if quantity.get("value") is None else str(quantity["value"])
        unit = text_of(quantity.get("unit")) or text_of(quantity.get("code"))
        return " ".join(filter(None, (f"{text_of(quantity.get('comparator'))}{number}", unit)))
    if part.get("valueCodeableConcept") is not None:
        return name_of(part["valueCodeableConcept"])
    other = next((part[name] for name in values_in(part)), "")
    return str(other) if isinstance(other, (str, int, float, bool)) else ""


def _value(part: Body, meant: Meant, sender: str) -> tuple[Value, str]:
    """Value as text, with its comparator, and the unit; both '' where there is none."""
    measure = meant.measure
    nothing = Value("")
    if part.get("valueQuantity") is not None:
        quantity = dict_of(part["valueQuantity"])
        if quantity.get("value") is None:
            return nothing, ""
        comparator = text_of(quantity.get("comparator"))
        if comparator and comparator not in _COMPARATORS:
            raise Refused("comparator", comparator, f"{comparator!r} is no comparator of a measured value")
        number = number_of(quantity["value"], "value")
        unit = unit_meant(sender, measure, _unit_names(quantity), meant.unit)
        return Value(f"{_COMPARATORS.get(comparator, '')}{number}"), unit
    if part.get("valueInteger") is not None:
        return Value(number_of(part["valueInteger"], "value")), unit_meant(sender, measure, [], meant.unit)
    if part.get("valueBoolean") is not None and measure.family == "presence":
        return Value("1" if part["valueBoolean"] is True else "0"), ""
    if part.get("valueString") is not None or part.get("valueCodeableConcept") is not None:
        text = sent_value(part)
        decided = decided_value(sender, measure, text)
        if decided is None and part.get("valueCodeableConcept") is not None:
            decided = _presence(part["valueCodeableConcept"])
        found = decided or value_in_text(sender, measure, text)
        return found, "" if found.status else unit_meant(sender, measure, [found.unit], meant.unit)
    other = next(values_in(part), "")
    if other:
        raise Refused("value", other, f"{other} is not a value of {measure.label}; send valueQuantity")
    return nothing, ""


def _presence(concept: object) -> Value | None:
    """Positive or negative, by code or in words; None where it says neither.

    Raises:
        Refused: it says both.
    """
    codes = [_PRESENCE_CODES.get(text_of(one.get("code")), "") for one in codings_of(concept)]
    said = [word for word in (*codes, *(name.lower() for name in names_of(concept))) if word in PRESENCE_WORDS]
    if len({PRESENCE_WORDS[word] for word in said}) > 1:
        raise Refused("value", "", "its code and its words say the opposite of each other")
    return Value(said[0]) if said else None


def _unit_names(quantity: Body) -> list[str]:
    code, system = text_of(quantity.get("code")), text_of(quantity.get("system"))
    return [code if system in {UCUM, ""} else "", text_of(quantity.get("unit"))]


def applying(part: Body, person: Person | None, taken: str) -> list[Body]:
    """The reference ranges meant for the patient, by sex and age; all where nothing tells them apart."""
    ranges = [one for one in dicts_of(part.get("referenceRange")) if code_of(one.get("type")) in {"", "normal"}]
    if len(ranges) < 2 or person is None:
        return ranges
    fitting = [one for one in ranges if _is_for(one, person, taken)]
    # One that names neither sex nor age is for those who have none of their own.
    special = [one for one in fitting if one.get("appliesTo") or one.get("age")]
    return special or fitting


def _is_for(one: Body, person: Person, taken: str) -> bool:
    sexes = {
        sex
        for concept in dicts_of(one.get("appliesTo"))
        for sex in map(_sex_of, [code_of(concept), *names_of(concept)])
    } - {""}
    if sexes and person.sex not in sexes:
        return False
    age = dict_of(one.get("age"))
    if not age:
        return True
    years = _years(person.born, taken)
    bounds = [(dict_of(age.get(side)), side) for side in ("low", "high")]
    if years is None or any(bound and text_of(bound.get("code")) not in {"a", ""} for bound, _ in bounds):
        return False
    for bound, side in bounds:
        limit = bound.get("value")
        if isinstance(limit, (int, float)) and (years < limit if side == "low" else years > limit):
            return False
    return True


def _sex_of(word: str) -> str:
    return {"f": "female", "female": "female", "w": "female", "m": "male", "male": "male"}.get(word.lower(), "")


def _years(born: str, taken: str) -> int | None:
    try:
        birth, day = dt.date.fromisoformat(born), dt.date.fromisoformat(taken[:10])
    except ValueError:
        return None
    return age_on(birth, day)


def _limits(
    part: Body, measure: vocabulary.Measure, unit: str, ranges: Sequence[Body], index: Index
) -> tuple[str, str]:
    """Lower and upper limit in the unit of the value; '' where none, several, or impossible ones are reported."""
    found: set[tuple[str, str]] = set()
    for one in ranges:
        sides = []
        for side in ("low", "high"):
            quantity = dict_of(one.get(side))
            if quantity.get("value") is None:
                sides.append("")
                continue
            number = number_of(quantity["value"], f"{'lower' if side == 'low' else 'upper'}_limit")
            sides.append(in_unit_of_value(measure.key, number, one_unit(measure.key, _unit_names(quantity)), unit))
        if not any(sides):
            told = limits_of_text(text_of(one.get("text")))
            sides = [in_unit_of_value(measure.key, limit, told.unit, unit) for limit in (told.low, told.high)]
        if any(sides):
            found.add((sides[0], sides[1]))
    if len(found) != 1:
        # Ranges for several ages or sexes: which of them is meant cannot be told from here.
        return "", ""
    low, high = next(iter(found))
    why = _impossible(low, high)
    if why:
        index.notes[f"{measure.short_label}: {why} cannot be; the value was kept without its limits"] += 1
        return "", ""
    return low, high


def _impossible(low: str, high: str) -> str:
    """Why a pair of limits cannot be, or ''."""
    below, above = (float(limit) if limit else None for limit in (low, high))
    if above is not None and above <= 0:
        return f"an upper limit of {high}"
    if below is not None and (below < 0 or (above is not None and below > above)):
        return f"limits of {low} to {high}"
    return ""
