"""The worked examples of the rules, answered: what a rule says to the invented facts it is explained by.

They are tests of the rule, are printed on its page, and are answered anew before a clinic's own rows change the
vocabulary they rest on.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from jobs.rule import NOT_MET, Answer, Example, Rule, all_rules, rule
from models.patient_facts import Happening, NotDone, PatientFacts, Reading, Statement, day_number
from models.plausibility import plausible
from models.vocabulary import to_canonical

AS_OF = dt.date(2026, 11, 22)
"""The day on which examples are asked about unless a day is given."""


def facts_of(example: Example, as_of: dt.date = AS_OF) -> PatientFacts:
    """The patient of an example, with facts counted from the day asked about; what lies after it is left out."""
    today = day_number(as_of)
    person = example.patient
    birth = _birth(person, as_of)
    series: dict[str, list[Reading]] = {}
    undone: list[NotDone] = []
    for place, row in enumerate(example.observations, start=1):
        day = today + int(row["day"])
        if day > today:
            continue
        if row.get("status") == "not-done":
            undone.append(NotDone(place, row["measure"], day, row.get("reason", "")))
        elif row.get("status", "final") in ("final", "corrected"):
            series.setdefault(row["measure"], []).append(_reading(row, day, place))
    divided = {key: plausible(sorted(rows, key=lambda one: (one.day, one.id)), birth) for key, rows in series.items()}
    doubtful = [one for _, held_back in divided.values() for one in held_back]
    diagnosed = person.get("diagnosed_day")
    return PatientFacts(
        today=today,
        id=1,
        mrn="1",
        birth_date=birth,
        sex=person.get("sex", "unknown"),
        diagnosis=person.get("diagnosis", "DM"),
        diagnosed_on=None if diagnosed is None else as_of + dt.timedelta(days=int(diagnosed)),
        autoantibodies=person.get("autoantibodies", ""),
        status=person.get("status", "active"),
        series={key: kept for key, (kept, _) in divided.items()},
        read_doubtful=lambda: doubtful,
        statements=_statements(example.medications, today),
        happenings=_happenings(example.events, today),
        not_done=undone,
    )


def answered(one: Rule, example: Example, as_of: dt.date = AS_OF) -> Sequence[Answer]:
    """What a rule as shipped says of an example, after the rules it reads."""
    patient = facts_of(example, as_of)
    _ask(one, patient)
    return tuple(patient.answers[one.key])


def _ask(one: Rule, patient: PatientFacts) -> None:
    for key in one.after:
        if key not in patient.answers:
            _ask(rule(key), patient)
    patient.answers[one.key] = tuple(one.assess(patient, patient.today, one.defaults()))


def as_told(example: Example, answers: Sequence[Answer], as_of: dt.date = AS_OF) -> bool:
    """Whether the answers are what the example promises."""
    wanted = dict(example.expect)
    subject = wanted.pop("subject", None)
    rows = [answer for answer in answers if subject in (None, answer.subject)]
    if not rows and wanted == {"state": NOT_MET}:
        return True  # A rule may say nothing about whom it does not concern.
    return len(rows) == 1 and all(_told(rows[0], name, as_of) == value for name, value in wanted.items())


def _told(answer: Answer, name: str, as_of: dt.date) -> Any:
    """A part of an answer as examples write it: days as offsets."""
    value = answer.cells().get(name)
    return (value - as_of).days if isinstance(value, dt.date) else value


def everything_said(as_of: dt.date = AS_OF) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """What every rule says of each of its examples: by rule and title the subjects, each with what is said of it."""
    return {
        (one.key, example.title): [(answer.subject, _in_words(one, answer)) for answer in answered(one, example, as_of)]
        for one in all_rules()
        for example in one.examples
    }


def _in_words(one: Rule, answer: Answer) -> str:
    """State, severity, days and the sentence: two answers are the same if and only if this is."""
    cells = answer.cells()
    days = [f"{name} {cells[name].isoformat()}" for name in ("since", "due") if cells[name] is not None]
    parts = [str(answer.state).replace("_", " "), str(answer.severity or ""), *days]
    return f"{', '.join(filter(None, parts))}: {one.explain(cells, one.defaults())}"


def _birth(person: Mapping[str, Any], as_of: dt.date) -> dt.date | None:
    if "age_years" in person:
        return as_of - dt.timedelta(days=round(365.25 * float(person["age_years"])))
    if "birth_day" in person:
        return as_of + dt.timedelta(days=int(person["birth_day"]))
    return dt.date.fromisoformat(person["birth_date"]) if "birth_date" in person else None


def _reading(row: Mapping[str, Any], day: int, place: int) -> Reading:
    value, comparator = row["value"], ""
    if isinstance(value, str) and value[:1] in "<>":
        comparator, value = value[0], value[1:]
    measure, unit, limit = str(row["measure"]), row.get("unit"), row.get("upper_limit")

    def kept(number: Any) -> float:
        return to_canonical(measure, float(number), str(unit)) if unit else float(number)

    return Reading(
        day,
        kept(value),
        None if limit is None else kept(limit),
        comparator,
        place,
        row.get("assay"),
        row.get("assessor"),
        measure,
    )


def _statements(rows: Sequence[Mapping[str, Any]], today: int) -> list[Statement]:
    found = [
        Statement(
            place,
            row["drug"],
            None if row.get("dose") is None else float(row["dose"]),
            row.get("unit", "mg"),
            row.get("frequency", "daily"),
            row.get("route", "oral"),
            today + int(row["start"]),
            None if row.get("end") is None else today + int(row["end"]),
            row.get("intent", "daily"),
            row.get("status", "active"),
        )
        for place, row in enumerate(rows, start=1)
        if row.get("status") != "entered-in-error" and int(row["start"]) <= 0
    ]
    return sorted(found, key=lambda one: (one.start, one.id))


def _happenings(rows: Sequence[Mapping[str, Any]], today: int) -> list[Happening]:
    found = [
        Happening(
            place,
            row["event"],
            today + int(row["day"]),
            None if row.get("end") is None else today + int(row["end"]),
            row.get("present", "yes") in ("yes", True),
            row.get("detail", ""),
        )
        for place, row in enumerate(rows, start=1)
        if int(row["day"]) <= 0
    ]
    return sorted(found, key=lambda one: (one.day, one.id))
