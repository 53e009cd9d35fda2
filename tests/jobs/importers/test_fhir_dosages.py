"""Dosages of FHIR R4 as doses: in turn or together, counted in tablets, in every rhythm that senders write."""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from jobs.importers.fhir_r4.strength import Strength, without_unit
from jobs.importers.load import ImportReport, import_paths
from models.database import engine_for
from models.medication import MedicationStatement

NOW = dt.datetime(2026, 11, 22, 7, 0, tzinfo=dt.UTC)
Resource = dict[str, Any]
Bring = Callable[..., ImportReport]
Doses = list[tuple[float, str, str, str, str | None]]

PATIENT: Resource = {"resourceType": "Patient", "id": "p1", "identifier": [{"system": "urn:h", "value": "0012"}]}
DAILY: Resource = {"frequency": 1, "period": 1, "periodUnit": "d"}


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    engine = engine_for(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
def bring(engine: Engine, tmp_path: Path) -> Bring:
    """Import some resources beside their patient as a bundle."""
    made = iter(range(100))

    def run(*resources: Resource) -> ImportReport:
        path = tmp_path / f"bundle-{next(made)}.json"
        entries = [{"resource": one} for one in (PATIENT, *resources)]
        path.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
        return import_paths(engine, [path], timezone="Europe/Berlin", by="nora", now=NOW)

    return run


def order(*dosages: Resource, drug: Any = "prednisone", **more: Any) -> Resource:
    concept = {"text": drug} if isinstance(drug, str) else drug
    made = {
        "resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p1"}, "medicationCodeableConcept": concept, "authoredOn": "2026-03-01",
        "dosageInstruction": list(dosages), **more,
    }  # fmt: skip
    return {name: value for name, value in made.items() if value is not None}


def dosage(value: float = 20, unit: str = "mg", repeat: Resource | None = None, **more: Any) -> Resource:
    quantity = {"value": value, "unit": unit} if unit else {"value": value}
    return {"timing": {"repeat": repeat or DAILY}, "doseAndRate": [{"doseQuantity": quantity}], **more}


def length(value: float, unit: str = "d") -> Resource:
    return DAILY | {"boundsDuration": {"value": value, "unit": unit, "code": unit}}


def doses(engine: Engine) -> Doses:
    with Session(engine) as session:
        query = select(MedicationStatement).where(col(MedicationStatement.known_to).is_(None))
        return [
            (one.dose, one.unit, one.frequency, one.start_on.isoformat(), one.end_on and one.end_on.isoformat())
            for one in session.exec(query.order_by(col(MedicationStatement.start_on), col(MedicationStatement.id)))
        ]


def rejected(report: ImportReport) -> list[tuple[str, str]]:
    total = report.total
    assert total.read == total.created + total.updated + total.unchanged + total.waiting + total.rejected
    return [(one.column, one.why) for one in report.rejects]


# ------------------------------------------------------------------------------------------------ one after the other


def test_steps_of_a_taper_follow_one_another_by_their_sequence_and_length(engine: Engine, bring: Bring) -> None:
    # Written in another order than they are taken: the sequence counts.
    report = bring(
        order(
            dosage(40, repeat=length(2, "wk"), sequence=2),
            dosage(60, repeat=length(14), sequence=1),
            dosage(20, repeat=length(1, "mo"), sequence=3),
        )
    )
    assert rejected(report) == []
    assert doses(engine) == [
        (60, "mg", "daily", "2026-03-01", "2026-03-14"),
        (40, "mg", "daily", "2026-03-15", "2026-03-28"),
        (20, "mg", "daily", "2026-03-29", "2026-04-28"),
    ]


def test_a_number_of_doses_ends_a_step_by_its_rhythm(engine: Engine, bring: Bring) -> None:
    twice = {"frequency": 2, "period": 1, "periodUnit": "d", "count": 10}
    bring(order(dosage(10, repeat=twice, sequence=1), dosage(5, sequence=2)))
    assert doses(engine) == [
        (10, "mg", "twice-daily", "2026-03-01", "2026-03-05"),
        (5, "mg", "daily", "2026-03-06", None),
    ]


def test_dosages_of_one_sequence_are_taken_together_and_the_next_begins_after_both(
    engine: Engine, bring: Bring
) -> None:
    morning, evening = length(7) | {"when": ["MORN"]}, length(7) | {"when": ["EVE"]}
    bring(order(dosage(10, repeat=morning, sequence=1), dosage(5, repeat=evening, sequence=1), dosage(8, sequence=2)))
    assert [(dose, start, end) for dose, _, _, start, end in doses(engine)] == [
        (10, "2026-03-01", "2026-03-07"),
        (5, "2026-03-01", "2026-03-07"),
        (8, "2026-03-08", None),
    ]


def test_a_step_without_an_end_ends_before_the_next_one_that_has_a_date(engine: Engine, bring: Bring) -> None:
    later = DAILY | {"boundsPeriod": {"start": "2026-03-20"}}
    bring(order(dosage(60, sequence=1), dosage(40, repeat=later, sequence=2)))
    assert [(dose, start, end) for dose, _, _, start, end in doses(engine)] == [
        (60, "2026-03-01", "2026-03-19"),
        (40, "2026-03-20", None),
    ]


def test_a_step_that_begins_nobody_knows_when_is_refused_alone(engine: Engine, bring: Bring) -> None:
    report = bring(order(dosage(60, sequence=1), dosage(40, sequence=2)))
    assert [one[0] for one in doses(engine)] == [60]
    ((_, why),) = rejected(report)
    assert "the dosage before it ends" in why


def test_what_may_be_meant_together_or_in_turn_is_not_guessed(engine: Engine, bring: Bring) -> None:
    report = bring(order(dosage(60, repeat=length(14)), dosage(40, repeat=length(14))))
    assert doses(engine) == []
    assert len(rejected(report)) == 2
    assert "together or one after the other" in rejected(report)[0][1]


def test_dosages_with_dates_or_times_of_day_of_their_own_need_no_sequence(engine: Engine, bring: Bring) -> None:
    first = DAILY | {"boundsPeriod": {"start": "2026-03-01", "end": "2026-03-14"}}
    second = DAILY | {"boundsPeriod": {"start": "2026-03-15", "end": "2026-03-28"}}
    bring(
        order(dosage(60, repeat=first), dosage(40, repeat=second)),
        order(
            dosage(10, repeat=length(5) | {"when": ["MORN"]}),
            dosage(5, repeat=length(5) | {"timeOfDay": ["20:00:00"]}),
            id="m2", drug="hydroxychloroquine",
        ),
    )  # fmt: skip
    assert sorted((dose, start, end) for dose, _, _, start, end in doses(engine)) == [
        (5, "2026-03-01", "2026-03-05"),
        (10, "2026-03-01", "2026-03-05"),
        (40, "2026-03-15", "2026-03-28"),
        (60, "2026-03-01", "2026-03-14"),
    ]


def test_a_taper_that_was_stopped_ends_there_and_its_later_steps_were_never_taken(engine: Engine, bring: Bring) -> None:
    steps = [dosage(60, repeat=length(14), sequence=1), dosage(40, repeat=length(14), sequence=2)]
    bring(order(*steps))
    bring(order(*steps, status="stopped", meta={"lastUpdated": "2026-03-10T09:00:00Z"}))
    with Session(engine) as session:
        query = select(MedicationStatement).where(col(MedicationStatement.known_to).is_(None))
        found = {one.dose: (one.status, str(one.end_on)) for one in session.exec(query)}
    assert found[60] == ("stopped", "2026-03-10")
    assert found[40][0] == "entered-in-error"


def test_a_range_of_lengths_and_an_unknown_unit_of_time_are_refused(engine: Engine, bring: Bring) -> None:
    span = DAILY | {"boundsRange": {"low": {"value": 7, "unit": "d"}, "high": {"value": 14, "unit": "d"}}}
    report = bring(order(dosage(repeat=span)), order(dosage(repeat=length(3, "fortnights")), id="m2"))
    assert [why for _, why in rejected(report)] == [
        "for how long is a range; the last day or a length is needed",
        "'3 fortnights' is no length of time known here; use d, wk, mo or a",
    ]


# -------------------------------------------------------------------------------------------------- how much is a dose


@pytest.mark.parametrize(
    ("drug", "value", "unit", "milligrams"),
    [
        ("predniSONE 5 MG Oral Tablet", 2, "TAB", 10),
        ("predniSONE 20 MG Oral Tablet [Deltasone]", 1.5, "{tbl}", 30),
        ("Prednison 5mg Tabletten", 0.5, "Tablette", 2.5),
        ("prednisoLONE 3 MG/ML Oral Solution", 5, "mL", 15),
        ("prednisolone 15 mg/5 mL oral solution", 10, "mL", 30),
        ("dexAMETHasone 500 mcg tablet", 4, "tablets", 2),
        ("predniSONE 5 MG Oral Tablet", 1, "", 5),
        ("predniSONE 5 MG Oral Tablet", 40, "", 40),
        ("predniSONE 1 MG Oral Tablet", 4, "", 4),
    ],
)
def test_tablets_and_millilitres_count_by_the_strength_in_the_name(
    engine: Engine, bring: Bring, drug: str, value: float, unit: str, milligrams: float
) -> None:
    assert rejected(bring(order(dosage(value, unit), drug=drug))) == []
    assert [(dose, unit) for dose, unit, *_ in doses(engine)] == [(milligrams, "mg")]


@pytest.mark.parametrize(
    ("drug", "value", "unit", "reason"),
    [
        ("prednisone", 2, "TAB", "the strength of one is not given"),
        ("predniSONE 5 MG Oral Tablet", 5, "mL", "the strength of one is not given"),
        ("predniSONE 5 MG or 10 MG Oral Tablet", 2, "TAB", "the strength of one is not given"),
        ("methotrexate 2,500 MG tablet", 2, "TAB", "the strength of one is not given"),
        ("predniSONE 5 MG Oral Tablet", 10, "", "milligrams or tablets"),
        ("prednisone", 10, "", "unit"),
        ("prednisone", 2, "puffs", "not a known unit"),
    ],
)
def test_a_count_without_one_certain_strength_is_refused(
    bring: Bring, drug: str, value: float, unit: str, reason: str
) -> None:
    ((_, why),) = rejected(bring(order(dosage(value, unit), drug=drug)))
    assert reason in why


def test_the_strength_of_a_contained_or_referred_medication_counts(engine: Engine, bring: Bring) -> None:
    def medication(**more: Any) -> Resource:
        strength = {"numerator": {"value": 5, "unit": "mg"}, "denominator": {"value": 1, "unit": "TAB"}}
        made = {"itemCodeableConcept": {"text": "prednisone"}, "strength": strength}
        filler = {"itemCodeableConcept": {"text": "lactose"}, "isActive": False}
        return {"resourceType": "Medication", "id": "med", "ingredient": [made, filler], **more}

    inside = order(
        dosage(3, "TAB"), medicationReference={"reference": "#med"}, contained=[medication()],
        medicationCodeableConcept=None,
    )  # fmt: skip
    beside = order(
        dosage(4, "TAB"), id="m2", medicationReference={"reference": "Medication/med"}, medicationCodeableConcept=None
    )
    assert rejected(bring(inside, beside, medication(code={"text": "prednisone"}))) == []
    assert [dose for dose, *_ in doses(engine)] == [15, 20]


def test_two_active_ingredients_give_no_strength(bring: Bring) -> None:
    ingredients = [
        {"itemCodeableConcept": {"text": name}, "strength": {"numerator": {"value": mg, "unit": "mg"}}}
        for name, mg in (("sulfamethoxazole", 800), ("trimethoprim", 160))
    ]
    made = {"resourceType": "Medication", "id": "med", "code": {"text": "co-trimoxazole"}, "ingredient": ingredients}
    one = order(
        dosage(1, "TAB"), medicationReference={"reference": "#med"}, contained=[made], medicationCodeableConcept=None
    )
    ((_, why),) = rejected(bring(one))
    assert "the strength of one is not given" in why


def test_a_number_without_unit_is_told_only_where_one_reading_is_possible() -> None:
    five = Strength(milligrams=Fraction(5), per="piece")
    assert [without_unit(Fraction(number), five) for number in (1, 40, 10)] == [5, 40, None]


def test_what_was_ordered_counts_before_what_was_calculated(engine: Engine, bring: Bring) -> None:
    def rate(value: float, unit: str, kind: str = "") -> Resource:
        said = {"type": {"coding": [{"code": kind}]}} if kind else {}
        return {"doseQuantity": {"value": value, "unit": unit}, **said}

    both = {**dosage(), "doseAndRate": [rate(0.5, "mg/kg", "calculated"), rate(40, "mg", "ordered")]}
    untyped = {**dosage(), "doseAndRate": [rate(1, "mg/kg", "calculated"), rate(30, "mg")]}
    alone = {**dosage(), "doseAndRate": [rate(0.5, "mg/kg", "calculated")]}
    unclear = {**dosage(), "doseAndRate": [rate(20, "mg"), rate(40, "mg")]}
    report = bring(*(order(one, id=f"m{number}") for number, one in enumerate((both, untyped, alone, unclear))))
    assert [(dose, unit) for dose, unit, *_ in doses(engine)] == [(40, "mg"), (30, "mg"), (0.5, "mg/kg")]
    assert [why for _, why in rejected(report)] == ["it names several doses that differ; which one is taken?"]


def test_what_is_not_to_be_given_is_no_dose(engine: Engine, bring: Bring) -> None:
    ((column, why),) = rejected(bring(order(dosage(), doNotPerform=True)))
    assert (column, why) == ("MedicationRequest.status", "it says that the drug is not to be given")


# ------------------------------------------------------------------------------------------------------- how often


@pytest.mark.parametrize(
    ("timing", "dose", "frequency"),
    [
        ({"repeat": {"frequency": 1, "period": 6, "periodUnit": "h"}}, 16, "daily"),
        ({"repeat": {"frequency": 4, "period": 1, "periodUnit": "d"}}, 16, "daily"),
        ({"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}}, 4, "three-times-daily"),
        ({"repeat": {"frequency": 1, "period": 48, "periodUnit": "h"}}, 4, "every-other-day"),
        ({"repeat": {"frequency": 1, "period": 5, "periodUnit": "h"}}, 19.2, "daily"),
        ({"repeat": {"frequency": 1, "period": 3, "periodUnit": "wk"}}, 4, "every-3-weeks"),
        ({"repeat": {"frequency": 1, "period": 1, "periodUnit": "mo"}}, 4, "every-4-weeks"),
        ({"repeat": {"frequency": 3, "period": 1, "periodUnit": "wk"}}, 4, "three-times-weekly"),
        ({"repeat": {"dayOfWeek": ["mon", "wed", "fri"]}}, 4, "three-times-weekly"),
        ({"repeat": {"dayOfWeek": ["mon"], "period": 1, "periodUnit": "wk", "frequency": 1}}, 4, "weekly"),
        ({"repeat": {"dayOfWeek": ["sat", "sun"], "period": 1, "periodUnit": "d", "frequency": 2}}, 8, "twice-weekly"),
        ({"repeat": {"when": ["MORN", "EVE"]}}, 4, "twice-daily"),
        ({"repeat": {"period": 1, "periodUnit": "d", "when": ["CM", "CV"]}}, 4, "twice-daily"),
        ({"repeat": {"when": ["AC"]}}, 4, "three-times-daily"),
        ({"repeat": {"timeOfDay": ["08:00:00"]}}, 4, "daily"),
        ({"code": {"coding": [{"code": "Q6H"}]}}, 16, "daily"),
        ({"code": {"coding": [{"code": "QID"}]}}, 16, "daily"),
        ({"code": {"text": "BID"}, "repeat": {"boundsPeriod": {"start": "2026-03-01"}}}, 4, "twice-daily"),
    ],
)
def test_rhythms_as_senders_write_them(
    engine: Engine, bring: Bring, timing: Resource, dose: float, frequency: str
) -> None:
    assert rejected(bring(order(dosage(4) | {"timing": timing}))) == []
    assert [(found, often) for found, _, often, *_ in doses(engine)] == [(dose, frequency)]


@pytest.mark.parametrize(
    ("timing", "reason"),
    [
        ({"repeat": {"frequency": 1, "frequencyMax": 2, "period": 1, "periodUnit": "d"}}, "range"),
        ({"repeat": {"frequency": 1, "period": 10, "periodUnit": "d"}}, "no rhythm known"),
        (
            {"repeat": {"frequency": 1, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon", "fri"]}},
            "which of the two",
        ),
        ({"repeat": {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["MORN", "EVE"]}}, "2 times of the day"),
        ({"code": {"coding": [{"code": "BID"}]}, "repeat": DAILY}, "two different rhythms"),
        ({"code": {"text": "as directed"}}, "no rhythm known"),
        ({}, "does not say how often"),
    ],
)
def test_a_rhythm_that_cannot_be_said_exactly_is_refused(bring: Bring, timing: Resource, reason: str) -> None:
    ((column, why),) = rejected(bring(order(dosage(4) | {"timing": timing})))
    assert column == "MedicationRequest.dosageInstruction.timing"
    assert reason in why


def test_a_dose_as_needed_costs_only_itself(engine: Engine, bring: Bring) -> None:
    report = bring(order(dosage(20), dosage(5, asNeededBoolean=True)))
    assert [dose for dose, *_ in doses(engine)] == [20]
    assert [column for column, _ in rejected(report)] == ["MedicationRequest.dosageInstruction[1].timing"]


def test_days_that_are_listed_are_single_doses(engine: Engine, bring: Bring) -> None:
    bring(order(dosage(1, "g") | {"timing": {"event": ["2026-03-02", "2026-03-03"]}}, drug="methylprednisolone"))
    assert [(often, start) for _, _, often, start, _ in doses(engine)] == [
        ("once", "2026-03-02"),
        ("once", "2026-03-03"),
    ]
