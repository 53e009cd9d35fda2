"""Metrics for Prometheus: counts of the clinic, nothing about a patient."""

import datetime as dt
import json
import re

from models.alert_lifecycle import acknowledge, snooze
from models.assessment import EvaluationRun
from models.database import writing
from models.import_batch import ImportBatch
from tests.dashboard.conftest import NOW, TODAY, TOKEN, Clinic, days

SAMPLE = re.compile(r'myopanel_[a-z_]+(?:\{[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*\})? -?[\d.e+-]+')


def samples(clinic: Clinic) -> dict[str, float]:
    answer = clinic.client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert answer.text.endswith("\n")
    found = [line for line in lines if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) for line in found)
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in found}


def test_nobody_reads_them_without_signing_in(filled: Clinic) -> None:
    assert filled.client().get("/metrics").status_code == 401
    assert filled.client("vera").get("/metrics").status_code == 200


def test_patients_and_alerts_are_counted_by_state(filled: Clinic) -> None:
    first, second = filled.alert_ids("overdue-labs")
    with writing(filled.engine) as session:
        acknowledge(session, first, "nora", today=TODAY, now=NOW)
        snooze(session, second, "nora", until=days(3), today=TODAY, now=NOW)
    found = samples(filled)
    assert found['myopanel_patients{status="active"}'] == 4
    assert found['myopanel_patients{status="discharged"}'] == 1
    assert {key: number for key, number in found.items() if key.startswith("myopanel_alerts")} == {
        'myopanel_alerts{rule="declining-strength",severity="urgent",state="open"}': 1,
        'myopanel_alerts{rule="overdue-labs",severity="action",state="acknowledged"}': 1,
        'myopanel_alerts{rule="overdue-labs",severity="action",state="snoozed"}': 1,
        'myopanel_alerts{rule="raised-troponin",severity="watch",state="open"}': 1,
    }


def test_age_failures_lateness_and_imports_are_told(filled: Clinic) -> None:
    failed = {"raised-troponin": {"error": "KeyError: x", "patients": [1, 2]}}
    with writing(filled.engine) as session:
        session.add(
            EvaluationRun(
                as_of=TODAY, full=True, started_at=NOW, finished_at=NOW, patients=4, rules_failed=json.dumps(failed)
            )
        )
        session.add(
            ImportBatch(
                format="csv", name="x", sender="csv", by="nora", started_at=NOW, finished_at=NOW, read=5, created=3,
                rejected=2,
            )
        )  # fmt: skip
    filled.clock.forward(hours=30)
    found = samples(filled)
    assert found["myopanel_evaluation_age_seconds"] == dt.timedelta(hours=30).total_seconds()
    assert found['myopanel_rule_failure_patients{rule="raised-troponin"}'] == 2
    assert found['myopanel_job_late{job="evaluate"}'] == 1
    assert found['myopanel_import_rows_total{format="csv",outcome="created"}'] == 3
    assert found['myopanel_import_rows_total{format="csv",outcome="rejected"}'] == 2
    assert found["myopanel_up"] == 0


def test_nothing_is_about_a_patient(filled: Clinic) -> None:
    text = filled.client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert not any(word in text for word in ("0012", "Karst", "Ada", "CMAS"))
