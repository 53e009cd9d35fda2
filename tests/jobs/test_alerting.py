"""The life of an alert over the days, from rows to the list: what it keeps, what covers it, when it speaks again.

Nothing here knows how the answers come about: rows are imported, the rules are run for a day, the alerts are read.
"""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from jobs.evaluation import EvaluationReport, evaluate
from jobs.importers.load import import_paths
from jobs.thresholds import set_parameter
from models.alert import Alert
from models.alert_lifecycle import resolve
from models.database import engine_for, reading, writing

DAY = dt.date(2026, 3, 30)
MORNING = dt.time(7, tzinfo=dt.UTC)
DECLINE, ENZYMES, SAFETY = "declining-strength", "rising-muscle-enzymes", "drug-safety"
Rows = list[dict[str, Any]]


@pytest.fixture
def engine(sqlite_url: str) -> Engine:
    return engine_for(sqlite_url)


@pytest.fixture
def load(engine: Engine, clinic_folder: Callable[..., Path]) -> Callable[..., None]:
    """Import rows, received at `at`: a week before day 0 unless said otherwise."""
    count = iter(range(100))

    def importing(at: dt.datetime | None = None, **files: Rows) -> None:
        folder = clinic_folder(name=f"folder-{next(count)}", **files)
        moment = at or morning(DAY - dt.timedelta(days=7))
        report = import_paths(engine, [folder], timezone="UTC", by="test", now=moment)
        assert report.total.rejected == 0

    return importing


def on(offset: int) -> dt.date:
    return DAY + dt.timedelta(days=offset)


def morning(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, MORNING)


def run(engine: Engine, day: dt.date, **more: Any) -> EvaluationReport:
    """The rules, asked at seven in the morning of the day."""
    return evaluate(engine, day, timezone="UTC", now=morning(day), **more)


def cmas(offset: int, value: float) -> dict[str, Any]:
    return {"mrn": "1", "measure": "cmas", "value": value, "unit": "", "observed_at": on(offset).isoformat()}


def laboratory(measure: str, offset: int, value: float, unit: str = "U/L", **more: Any) -> dict[str, Any]:
    when = on(offset).isoformat()
    return {"mrn": "1", "measure": measure, "value": value, "unit": unit, "observed_at": when, **more}


def alerts(engine: Engine, rule: str) -> list[Alert]:
    """The alerts of a rule, oldest first."""
    with reading(engine) as session:
        found = list(session.exec(select(Alert).where(Alert.rule == rule).order_by(col(Alert.id))).all())
        session.expunge_all()
        return found


# ------------------------------------------------------------------------------------------------------------- running


def test_a_running_alert_keeps_the_day_since_which_it_is_true(engine: Engine, load: Callable[..., None]) -> None:
    load(patients=[{"mrn": "1"}], observations=[laboratory("ck", -60, 150, upper_limit=200)])
    load(observations=[laboratory("ck", 0, 900, upper_limit=200)], at=morning(on(0)))
    run(engine, on(0))
    load(observations=[laboratory("ck", 30, 1500, upper_limit=200)], at=morning(on(30)))
    (answer,) = [one for one in run(engine, on(30)).assessments if one["rule"] == ENZYMES]
    assert answer["since"] == on(30).isoformat(), "the rise over the newest baseline is of this day"
    (alert,) = alerts(engine, ENZYMES)
    assert alert.since == on(0), "but the list has shown this patient's rise for a month"


@pytest.mark.parametrize(
    ("fall_to", "cause", "covered"),
    [(24, "action", True), (8, "urgent", True)],
    ids=["as severe as its cause", "less severe than its cause"],
)
def test_a_consequence_is_covered_by_a_cause_that_is_as_severe_or_more(
    engine: Engine, load: Callable[..., None], fall_to: float, cause: str, covered: bool
) -> None:
    load(
        patients=[{"mrn": "1"}],
        observations=[
            cmas(-14, 27),
            cmas(0, fall_to),
            laboratory("ck", -60, 150, upper_limit=200),
            laboratory("ck", 0, 900, upper_limit=200),
        ],
    )
    run(engine, on(0))
    (decline,), (rise,) = alerts(engine, DECLINE), alerts(engine, ENZYMES)
    assert (decline.severity, rise.severity) == (cause, "action")
    assert (rise.covered_by, decline.covered_by) == (DECLINE if covered else None, None)


def fvc(offset: int, value: float) -> dict[str, Any]:
    return laboratory("fvc_percent", offset, value, "%")


@pytest.mark.parametrize(
    ("also", "covered"),
    [([], "lung-function"), ([("physician_global", 2, 6)], None)],
    ids=["nothing but the lung is worse", "the physician global is worse too"],
)
def test_a_fall_of_vital_capacity_is_one_alert_that_of_the_lung(
    engine: Engine, load: Callable[..., None], also: list[tuple[str, float, float]], covered: str | None
) -> None:
    load(
        patients=[{"mrn": "1"}],
        observations=[
            fvc(-100, 82),
            fvc(-1, 68),
            *(
                laboratory(key, day, value, "")
                for key, *values in also
                for day, value in zip((-60, -1), values, strict=True)
            ),
        ],
    )
    run(engine, on(0))
    (lung,), (worse,) = alerts(engine, "lung-function"), alerts(engine, "worsening")
    assert (lung.covered_by, worse.covered_by) == (None, covered)


def test_with_anti_mda5_a_fall_of_vital_capacity_is_the_alert_on_that_lung_disease(
    engine: Engine, load: Callable[..., None]
) -> None:
    load(patients=[{"mrn": "1", "autoantibodies": "MDA5"}], observations=[fvc(-100, 82), fvc(-1, 68)])
    run(engine, on(0))
    (mda5,) = alerts(engine, "mda5-lung-disease")
    covered = [one.covered_by for key in ("lung-function", "worsening") for one in alerts(engine, key)]
    assert (mda5.covered_by, covered) == (None, ["mda5-lung-disease"] * 2)


def test_a_fall_of_vital_capacity_that_the_rule_on_the_lung_does_not_count_is_still_told(
    engine: Engine, load: Callable[..., None]
) -> None:
    load(patients=[{"mrn": "1"}], observations=[fvc(-100, 108), fvc(-1, 98)])
    run(engine, on(0))
    (worse,) = alerts(engine, "worsening")
    assert (alerts(engine, "lung-function"), worse.covered_by) == ([], None)


# ------------------------------------------------------------------------------------------------------------ resolved


@pytest.mark.parametrize("full", [True, False], ids=["full", "incremental"])
@pytest.mark.parametrize("resolved", [0, 5], ids=["on its first day", "on its sixth day"])
def test_a_resolved_alert_that_stays_true_is_quiet_for_28_days_and_back_on_the_29th(
    engine: Engine, load: Callable[..., None], full: bool, resolved: int
) -> None:
    load(patients=[{"mrn": "1"}], observations=[cmas(-14, 27), cmas(0, 24)])
    run(engine, on(0))
    run(engine, on(resolved))
    (first,) = alerts(engine, DECLINE)
    with writing(engine) as session:
        resolve(session, first.id or 0, "nora", outcome="contacted-patient", now=morning(on(resolved)))
    for later in (1, 14, 28):
        run(engine, on(resolved + later), full=full)
        assert [one.id for one in alerts(engine, DECLINE)] == [first.id], f"quiet {later} days later"
    run(engine, on(resolved + 29), full=full)
    (_, second) = alerts(engine, DECLINE)
    assert (second.previous_id, second.opened_for, second.ended_at) == (first.id, on(resolved + 29), None)


def test_quiet_ends_also_where_no_run_was_made_for_weeks(engine: Engine, load: Callable[..., None]) -> None:
    load(patients=[{"mrn": "1"}], observations=[cmas(-14, 27), cmas(0, 24)])
    run(engine, on(0))
    (first,) = alerts(engine, DECLINE)
    with writing(engine) as session:
        resolve(session, first.id or 0, "nora", outcome="contacted-patient", now=morning(on(0)))
    run(engine, on(40))
    assert [one.previous_id for one in alerts(engine, DECLINE)] == [None, first.id]


# ----------------------------------------------------------------------------------------------------------- birthdays

METHOTREXATE = {
    "mrn": "1", "drug": "methotrexate", "dose": 15, "unit": "mg", "frequency": "weekly", "start_date": "2026-01-01",
}  # fmt: skip


def white_cells_on(engine: Engine, day: dt.date) -> str:
    """What an incremental run says of a low white cell count under methotrexate, whose limit is one for adults."""
    run(engine, day, collect=False)
    report = run(engine, day, all_states=True)
    return str(next(one["state"] for one in report.assessments if one["subject"] == "methotrexate:white_cells"))


@pytest.mark.parametrize(
    ("born", "adult_from", "birthday"),
    [
        ("2008-03-01", None, "2026-03-01"),
        ("2008-03-28", None, "2026-03-28"),
        ("2008-03-29", None, "2026-03-29"),
        ("2008-03-30", None, "2026-03-30"),
        ("2008-03-31", None, "2026-03-31"),
        ("2008-02-29", None, "2026-03-01"),
        ("2006-03-30", "20", "2026-03-30"),
    ],
)
def test_a_child_is_judged_as_an_adult_from_the_birthday_on_without_anything_new_on_file(
    engine: Engine, load: Callable[..., None], born: str, adult_from: str | None, birthday: str
) -> None:
    day = dt.date.fromisoformat(birthday)
    seen = (day - dt.timedelta(days=3)).isoformat()
    load(
        patients=[{"mrn": "1", "birth_date": born, "diagnosis": "DM"}],
        medications=[METHOTREXATE],
        observations=[
            {"mrn": "1", "measure": "white_cells", "value": 3.0, "unit": "10*9/L", "observed_at": seen},
        ],
        at=morning(day - dt.timedelta(days=3)),
    )
    if adult_from is not None:
        with writing(engine) as session:
            set_parameter(
                session, SAFETY, "adult_from", adult_from, reason="as the clinic sees it", author="ada",
                valid_from=dt.date(2026, 1, 1), now=morning(dt.date(2026, 1, 1)),
            )  # fmt: skip
    yesterday, tomorrow = day - dt.timedelta(days=1), day + dt.timedelta(days=1)
    assert [white_cells_on(engine, one) for one in (yesterday, day, tomorrow)] == ["cannot_tell", "met", "met"]
    assert run(engine, tomorrow, full=True).decisions.keys() <= {"unchanged", "cannot tell", "updated"}


# ------------------------------------------------------------------------------------------------- what was known when


def test_at_the_instant_of_a_correction_the_corrected_version_is_known_and_the_one_before_no_more(
    engine: Engine, load: Callable[..., None]
) -> None:
    corrected = dt.datetime(2026, 3, 20, 12, tzinfo=dt.UTC)
    steroid = {
        "mrn": "1", "drug": "prednisone", "unit": "mg", "frequency": "daily", "start_date": "2026-02-01",
        "source_id": "rx-1",
    }  # fmt: skip
    load(
        patients=[{"mrn": "1"}],
        medications=[
            steroid | {"dose": 60, "received_at": "2026-02-01T08:00:00Z"},
            steroid | {"dose": 40, "received_at": corrected.isoformat()},
        ],
    )

    def dose_known(at: dt.datetime) -> float:
        report = run(engine, corrected.date(), known_at=at, all_states=True)
        (row,) = [one for one in report.assessments if one["rule"] == "prolonged-high-dose-steroids"]
        return float(row["numbers"]["dose"])

    instant = dt.timedelta(microseconds=1)
    assert dose_known(corrected - instant) == 60
    assert dose_known(corrected) == 40
    assert dose_known(corrected + instant) == 40
