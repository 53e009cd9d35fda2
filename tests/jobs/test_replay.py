"""Replay of the past: as known each day, equal to a live clinic run day by day."""

import csv
import datetime as dt

import pytest
from sqlmodel import col, select

from jobs.evaluation import evaluate
from jobs.importers.load import import_paths
from jobs.replay import replay
from models.alert import Alert
from models.database import engine_for, reading, upgrade
from models.errors import ActionRefused, UsageError
from models.patient import Patient
from seed_data.cohort import write_cohort

LAST = dt.date(2026, 3, 15)
FIRST = LAST - dt.timedelta(days=45)
NOW = dt.datetime(2026, 11, 22, 7, tzinfo=dt.UTC)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def day_received(row):
    return (row["received_at"] or row.get("observed_at") or row.get("start_date") or row["date"])[:10]


def test_a_replay_opens_exactly_what_a_clinic_run_day_by_day_opened(tmp_path, clinic_folder):
    write_cohort(tmp_path / "cohort", 25, 5, LAST, years=1.0)
    facts = {
        name: rows_of(tmp_path / "cohort" / f"{name}.csv")
        for name in ("patients", "observations", "medications", "events")
    }
    engines = {}
    for name in ("whole", "live"):
        url = f"sqlite:///{tmp_path / name}.db"
        upgrade(url)
        engines[name] = engine_for(url)
    import_paths(engines["whole"], [tmp_path / "cohort"], timezone="UTC", by="test", now=NOW)
    day = FIRST
    live = []
    sent = dict.fromkeys(("observations", "medications", "events"), 0)
    while day <= LAST:
        until = day.isoformat()
        since = (day - dt.timedelta(days=1)).isoformat() if day > FIRST else ""
        new = {name: [row for row in facts[name] if since < day_received(row) <= until] for name in sent}
        new = {name: rows for name, rows in new.items() if rows}
        if day == FIRST:
            new["patients"] = facts["patients"]
        if new:
            folder = clinic_folder(name=f"day-{until}", **new)
            import_paths(engines["live"], [folder], timezone="UTC", by="test", now=NOW)
        evaluate(engines["live"], day, timezone="UTC", now=NOW, collect=False)
        day += dt.timedelta(days=1)
    with reading(engines["live"]) as session:
        for alert, mrn in session.exec(
            select(Alert, Patient.mrn).join(Patient, col(Patient.id) == col(Alert.patient_id))
        ):
            live.append((mrn, alert.rule, alert.subject, alert.opened_for.isoformat()))
    report = replay(engines["whole"], FIRST, LAST, timezone="UTC")
    played = [(one["mrn"], one["rule"], one["subject"], one["opened_on"]) for one in report["alerts"]]
    assert sorted(played) == sorted(live)
    assert len(played) > 5
    assert report["opened"] == len(played) == sum(one["opened"] for one in report["rules"])
    for engine in engines.values():
        engine.dispose()


def test_a_larger_step_opens_fewer_alerts(engine, clinic_folder):
    rows = [
        {"mrn": "1", "measure": "cmas", "value": value, "unit": "", "observed_at": f"2026-03-{day:02}"}
        for day, value in ((1, 27), (10, 24))
    ]
    import_paths(engine, [clinic_folder(patients=[{"mrn": "1"}], observations=rows)], timezone="UTC", by="t", now=NOW)
    span = (dt.date(2026, 3, 1), dt.date(2026, 3, 31))
    as_shipped = replay(engine, *span, timezone="UTC", rules=["declining-strength"])
    assert [(one["opened_on"], one["mrn"]) for one in as_shipped["alerts"]] == [("2026-03-10", "1")]
    tried = {"declining-strength": {"step_cmas": "4"}}
    assert replay(engine, *span, timezone="UTC", rules=["declining-strength"], overrides=tried)["opened"] == 0


def test_an_unknown_rule_or_parameter_is_refused(engine):
    span = (dt.date(2026, 3, 1), dt.date(2026, 3, 2))
    with pytest.raises(UsageError):
        replay(engine, *span, timezone="UTC", rules=["no-such-rule"])
    with pytest.raises(ActionRefused):
        replay(engine, *span, timezone="UTC", overrides={"declining-strength": {"step": 3}})
    with pytest.raises(ActionRefused):
        replay(engine, *span, timezone="UTC", overrides={"declining-strength": {"step_cmas": 99}})
