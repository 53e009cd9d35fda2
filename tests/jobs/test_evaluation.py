"""Runs of the rules: incremental ends where full ends, failures stay with their patients, the past changes nothing."""

import datetime as dt
import json
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from jobs import answer_row, assessing, evaluation
from jobs.evaluation import evaluate
from jobs.importers.load import import_paths
from jobs.rule import all_rules, rule
from jobs.thresholds import set_parameter
from models.alert import Alert
from models.assessment import Assessment, EvaluationRun
from models.database import engine_for, reading, upgrade, writing
from models.patient import Patient

DAY = dt.date(2026, 3, 15)
NOW = dt.datetime(2026, 11, 22, 7, tzinfo=dt.UTC)


def day(offset):
    return (DAY + dt.timedelta(days=offset)).isoformat()


def cmas(mrn, offset, value, **more):
    return {"mrn": mrn, "measure": "cmas", "value": value, "unit": "", "observed_at": day(offset), **more}


def load(engine, folder):
    return import_paths(engine, [folder], timezone="UTC", by="test", now=NOW)


def run(engine, offset=0, **more):
    return evaluate(engine, DAY + dt.timedelta(days=offset), timezone="UTC", now=NOW, **more)


def met(report):
    return {(one["mrn"], one["rule"], one["subject"]) for one in report.assessments if one["state"] == "met"}


def alerts(engine):
    with reading(engine) as session:
        rows = session.exec(select(Alert, Patient.mrn).join(Patient, col(Patient.id) == col(Alert.patient_id)))
        return {(mrn, alert.rule, alert.subject): alert for alert, mrn in rows}


def test_a_run_stands_on_record_at_the_time_it_was_told_whatever_the_machine_says(engine, clinic_folder):
    load(engine, clinic_folder(patients=[{"mrn": "1"}]))
    for moment in (NOW, NOW + dt.timedelta(days=400)):
        evaluate(engine, moment.date(), timezone="UTC", now=moment)
        with reading(engine) as session:
            done = session.exec(select(EvaluationRun).order_by(col(EvaluationRun.id).desc())).first()
        assert done.started_at == moment
        assert moment <= done.finished_at < moment + dt.timedelta(hours=1)


def test_a_decline_opens_one_alert_however_often_the_rules_run(engine, clinic_folder):
    load(engine, clinic_folder(patients=[{"mrn": "1"}], observations=[cmas("1", -14, 27), cmas("1", 0, 24)]))
    first = run(engine)
    assert met(first) == {("1", "declining-strength", "cmas")}
    assert first.decisions == {"opened": 1}
    assert run(engine).computed == 0
    assert run(engine, full=True).decisions == {"unchanged": 1}
    assert list(alerts(engine)) == [("1", "declining-strength", "cmas")]


def test_the_printed_assessment_has_the_shape_of_the_contract(engine, clinic_folder):
    load(engine, clinic_folder(patients=[{"mrn": "1"}], observations=[cmas("1", -14, 27), cmas("1", 0, 24)]))
    (one,) = run(engine).assessments
    assert one["since"] == day(0)
    assert one["status"] == "active"
    assert [(fact["kind"], fact["measure"], fact["value"], fact["date"]) for fact in one["evidence"]] == [
        ("observation", "cmas", 27, day(-14)),
        ("observation", "cmas", 24, day(0)),
    ]
    wanted = {"mrn", "rule", "rule_version", "status", "subject", "state", "grade", "severity", "since", "due"}
    wanted |= {"recheck_on", "explanation", "clears_when", "suggested_action", "evidence", "cannot_tell_because"}
    assert wanted <= set(one)


def test_silence_is_never_recovery(engine, clinic_folder):
    load(engine, clinic_folder(patients=[{"mrn": "1"}], observations=[cmas("1", -14, 27), cmas("1", 0, 24)]))
    run(engine)
    later = run(engine, 91)
    assert later.decisions == {"cannot tell": 1}
    (alert,) = alerts(engine).values()
    assert alert.ended_at is None
    assert "no CMAS score since" in alert.cannot_tell_because


def test_a_regained_score_settles_and_asks_for_one_look(engine, clinic_folder):
    load(engine, clinic_folder(patients=[{"mrn": "1"}], observations=[cmas("1", -14, 27), cmas("1", 0, 24)]))
    run(engine)
    load(engine, clinic_folder(name="later", observations=[cmas("1", 10, 27)]))
    assert run(engine, 10).decisions == {"settled": 1}
    (alert,) = alerts(engine).values()
    assert alert.settled_at is not None
    assert alert.seen_at is None


def test_a_score_entered_in_error_withdraws_its_alert(engine, clinic_folder):
    rows = [cmas("1", -14, 27, source_id="a"), cmas("1", 0, 24, source_id="b")]
    load(engine, clinic_folder(patients=[{"mrn": "1"}], observations=rows))
    run(engine)
    wrong = cmas("1", 0, 24, source_id="b", status="entered-in-error", received_at=f"{day(2)}T08:00:00Z")
    load(engine, clinic_folder(name="later", observations=[wrong]))
    assert run(engine, 3).decisions == {"withdrawn": 1}
    (alert,) = alerts(engine).values()
    assert alert.withdrawn_at is not None


def test_what_was_known_then_is_answered_without_the_correction(engine, clinic_folder):
    rows = [cmas("1", -14, 27, source_id="a"), cmas("1", 0, 24, source_id="b")]
    load(engine, clinic_folder(patients=[{"mrn": "1"}], observations=rows))
    fixed = cmas("1", 0, 27, source_id="b", status="corrected", received_at=f"{day(5)}T12:00:00Z")
    load(engine, clinic_folder(name="later", observations=[fixed]))
    assert met(run(engine, 6)) == set()
    before = dt.datetime.combine(DAY, dt.time(20), dt.UTC) + dt.timedelta(days=4)
    assert met(run(engine, 6, known_at=before)) == {("1", "declining-strength", "cmas")}
    assert met(run(engine, 6, known_at=before + dt.timedelta(days=1))) == set()


def test_a_look_at_the_past_changes_no_alert(engine, clinic_folder):
    load(engine, clinic_folder(patients=[{"mrn": "1"}], observations=[cmas("1", -14, 27), cmas("1", 0, 24)]))
    run(engine, 5)
    past = run(engine, -5)
    assert not past.reconciled
    assert met(past) == set()
    assert all(alert.ended_at is None for alert in alerts(engine).values())


def test_a_dry_run_writes_nothing(engine, clinic_folder):
    load(engine, clinic_folder(patients=[{"mrn": "1"}], observations=[cmas("1", -14, 27), cmas("1", 0, 24)]))
    assert met(run(engine, dry_run=True)) == {("1", "declining-strength", "cmas")}
    with reading(engine) as session:
        assert session.exec(select(Assessment)).first() is None
        assert session.exec(select(EvaluationRun)).first() is None


@pytest.mark.parametrize("status", ["discharged", "deceased", "moved"])
def test_patients_who_left_appear_nowhere_and_their_alerts_end(engine, clinic_folder, status):
    load(engine, clinic_folder(patients=[{"mrn": "1"}], observations=[cmas("1", -14, 27), cmas("1", 0, 24)]))
    run(engine)
    load(engine, clinic_folder(name="later", patients=[{"mrn": "1", "status": status}]))
    report = run(engine, 1)
    assert report.assessments == []
    assert report.decisions == {"patient left": 1}


def test_a_rule_that_fails_for_one_patient_answers_for_all_others_and_says_so(engine, clinic_folder, monkeypatch):
    people = [{"mrn": str(n)} for n in range(9)]
    scores = [row for n in range(9) for row in (cmas(str(n), -14, 27), cmas(str(n), 0, 24))]
    load(engine, clinic_folder(patients=people, observations=scores))
    honest = rule("declining-strength")

    def moody(patient, as_of, parameters):
        if patient.mrn == "4":
            raise RuntimeError("cannot read this one")
        return honest.assess(patient, as_of, parameters)

    asked = assessing.rules_asked
    monkeypatch.setattr(
        assessing,
        "rules_asked",
        lambda *of: tuple(replace(one, assess=moody) if one.key == honest.key else one for one in asked(*of)),
    )
    report = run(engine)
    assert report.exit_code == 1
    assert {one["mrn"] for one in report.assessments} == {str(n) for n in range(9)} - {"4"}
    with reading(engine) as session:
        last = session.exec(select(EvaluationRun).order_by(col(EvaluationRun.id).desc())).first()
    assert len(json.loads(last.rules_failed)["declining-strength"]["patients"]) == 1
    monkeypatch.undo()
    # The patient stays due: the next run, with the rule mended, finds them without anything new.
    assert ("4", "declining-strength", "cmas") in met(run(engine))


def test_a_result_dated_ahead_counts_from_its_day_on(engine, clinic_folder):
    load(engine, clinic_folder(patients=[{"mrn": "1"}], observations=[cmas("1", -14, 27), cmas("1", 3, 24)]))
    assert met(run(engine)) == set()
    assert met(run(engine, 3)) == {("1", "declining-strength", "cmas")}


def test_a_patients_own_threshold_holds_for_that_patient_only_and_ends(engine, clinic_folder):
    people = [{"mrn": "1"}, {"mrn": "2"}]
    scores = [row for mrn in "12" for row in (cmas(mrn, -14, 27), cmas(mrn, 0, 24))]
    load(engine, clinic_folder(patients=people, observations=scores))
    with writing(engine) as session:
        patient = session.exec(select(Patient.id).where(Patient.mrn == "1")).one()
        set_parameter(
            session,
            "declining-strength",
            "step_cmas",
            5,
            reason="tires easily",
            author="paul",
            valid_from=DAY,
            now=NOW,
            patient_id=patient,
            expires_on=DAY + dt.timedelta(days=4),
        )
    assert met(run(engine)) == {("2", "declining-strength", "cmas")}
    assert met(run(engine, 4)) == {("2", "declining-strength", "cmas")}
    assert met(run(engine, 5)) == {("1", "declining-strength", "cmas"), ("2", "declining-strength", "cmas")}


def stored(engine):
    """All that an evaluation leaves behind, without ids and times."""
    with reading(engine) as session:
        answers = {
            (row.patient_id, row.rule, row.subject): (
                row.state,
                row.grade,
                row.severity,
                row.since,
                row.due,
                row.recheck_on,
                row.explanation,
                row.evidence,
                row.numbers,
            )
            for row in session.exec(select(Assessment))
        }
        running = sorted(
            (row.patient_id, row.rule, row.subject, row.severity, str(row.grade), str(row.since), row.explanation)
            for row in session.exec(select(Alert).where(col(Alert.ended_at).is_(None)))
        )
    return answers, running


FACT = st.one_of(
    st.tuples(st.just("cmas"), st.integers(15, 52)),
    st.tuples(st.just("mmt8"), st.integers(50, 80)),
    st.tuples(st.just("ck"), st.integers(50, 2000)),
    st.tuples(st.just("crp"), st.integers(1, 60)),
    st.tuples(st.just("troponin_t"), st.integers(3, 60)),
    st.tuples(st.just("troponin_i"), st.integers(3, 60)),
    st.tuples(st.just("weight"), st.integers(30, 90)),
    st.tuples(st.just("pain"), st.integers(0, 10)),
    st.tuples(st.sampled_from(["prednisone", "methotrexate", "ivig"]), st.sampled_from([5, 15, 20, 40, 60])),
    st.tuples(st.sampled_from(["dysphagia", "strenuous_exercise", "myalgia"]), st.just(0)),
)
ARRIVAL = st.tuples(st.integers(0, 2), st.integers(-200, 60), FACT, st.integers(1, 120))
UNITS = {"ck": "U/L", "crp": "mg/L", "troponin_t": "ng/L", "troponin_i": "ng/L", "weight": "kg"}
DRUGS = {
    "prednisone": {"unit": "mg", "frequency": "daily", "route": "oral"},
    "methotrexate": {"unit": "mg", "frequency": "weekly", "route": "oral"},
    "ivig": {"unit": "g", "frequency": "once", "route": "iv"},
}


def folder_of(batch):
    observations, medications, events = [], [], []
    for patient, offset, (what, value), lasts in batch:
        mrn = str(patient)
        if what in DRUGS:
            end = "" if lasts > 90 else day(offset + lasts)
            medications.append(
                {"mrn": mrn, "drug": what, "dose": value, **DRUGS[what], "start_date": day(offset), "end_date": end}
            )
        elif what in {"dysphagia", "strenuous_exercise", "myalgia"}:
            events.append({"mrn": mrn, "event": what, "date": day(offset), "present": "yes"})
        else:
            limit = 200 if what == "ck" else 26 if what.startswith("troponin") else ""
            observations.append(
                {
                    "mrn": mrn,
                    "measure": what,
                    "value": value,
                    "unit": UNITS.get(what, ""),
                    "observed_at": day(offset),
                    "upper_limit": limit,
                }
            )
    return {"observations": observations, "medications": medications, "events": events}


def adjustable():
    """Every threshold of a rule that is a number within limits, at values a clinic may set."""
    found = []
    for one in all_rules():
        for field in one.parameter_fields():
            low, high = field.metadata["low"], field.metadata["high"]
            if low is None or high is None or isinstance(field.default, bool):
                continue
            middle = (low + high) / 2
            values = [low, high, round(middle) if isinstance(field.default, int) else middle]
            found += [(one.key, field.name, value) for value in values]
    return found


SETTING = st.tuples(st.sampled_from(adjustable()), st.integers(-90, 60), st.sampled_from([None, 1, 2, 3]))


def set_some(engine, settings_made):
    for (key, name, value), offset, patient in settings_made:
        with writing(engine) as session:
            begins = DAY + dt.timedelta(days=offset)
            set_parameter(
                session, key, name, value, reason="ours", author="paul", valid_from=begins, now=NOW,
                patient_id=patient, expires_on=begins + dt.timedelta(days=40) if patient else None,
            )  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.tuples(st.integers(0, 45), st.lists(ARRIVAL, min_size=0, max_size=14)), min_size=1, max_size=5),
    thresholds=st.lists(SETTING, max_size=6),
)
def test_incremental_runs_always_end_in_the_state_of_a_full_one(tmp_path_factory, clinic_folder, batches, thresholds):
    root = tmp_path_factory.mktemp("histories")
    url = f"sqlite:///{root / 'clinic.db'}"
    upgrade(url)
    engine = engine_for(url)
    people = [{"mrn": str(n), "birth_date": f"{2008 - 20 * n}-03-20", "diagnosis": "DM"} for n in range(3)]
    load(engine, clinic_folder(name=f"{root.name}-people", patients=people))
    set_some(engine, thresholds)
    today = -60
    for number, (gap, batch) in enumerate(batches):
        today += gap
        load(engine, clinic_folder(name=f"{root.name}-{number}", **folder_of(batch)))
        run(engine, today)
        step_by_step = stored(engine)
        report = run(engine, today, full=True)
        assert not report.failures
        assert stored(engine) == step_by_step
        assert set(report.decisions) <= {"unchanged", "cannot tell", "resolved, still true"}
    with engine.connect() as connection:
        assert connection.execute(sa.text("pragma foreign_key_check")).fetchall() == []
    engine.dispose()


def test_what_an_answer_rests_on_does_not_fade_overnight(engine, clinic_folder):
    # The patient's own scatter of CK is that of the values on file, however old: a reading that was left behind at
    # some age changed what was said on a day on which nobody had asked again.
    values = (210, 140, 220, 150, 400, 130, 210, 140, 205, 145, 200, 150)
    before = [
        {"mrn": "1", "measure": "ck", "value": value, "unit": "U/L", "upper_limit": 200,
         "observed_at": day(-1000 + 75 * number)}
        for number, value in enumerate(values)
    ]  # fmt: skip
    lately = [
        {"mrn": "1", "measure": "ck", "value": 320, "unit": "U/L", "upper_limit": 200, "observed_at": day(-9)},
        *(cmas("1", offset, 40) for offset in (-160, -120, -80)),
        cmas("1", -10, 36),
        cmas("1", -5, 36),
    ]
    load(engine, clinic_folder(patients=[{"mrn": "1", "diagnosis": "JDM"}], observations=[*before, *lately]))
    for offset in range(0, 85, 4):
        run(engine, offset)
        step_by_step = stored(engine)
        run(engine, offset, full=True)
        assert stored(engine) == step_by_step, day(offset)


def test_facts_stored_after_an_evaluation_are_followed_for_the_present_day(engine, clinic_folder):
    load(engine, clinic_folder(patients=[{"mrn": "1"}], observations=[cmas("1", -14, 27)]))
    assert evaluation.follow(engine, timezone="UTC", now=NOW) is None, "the first look is owed by the schedule"
    run(engine)
    load(engine, clinic_folder(name="later", observations=[cmas("1", 1, 24)]))
    tomorrow = NOW + dt.timedelta(days=1)
    report = evaluation.follow(engine, timezone="UTC", now=tomorrow)
    assert (report.as_of, report.computed) == (DAY + dt.timedelta(days=1), 1)
    assert report.decisions == {"opened": 1}
    assert evaluation.follow(engine, timezone="UTC", now=tomorrow) is None, "nothing is new any more"


def test_a_patient_whose_facts_change_while_being_computed_is_computed_again(engine, clinic_folder, monkeypatch):
    load(engine, clinic_folder(patients=[{"mrn": "1"}], observations=[cmas("1", -14, 27)]))
    asked = []
    ask = assessing.ask

    def slow(patient, *rest):
        if not asked:
            load(engine, clinic_folder(name="meanwhile", observations=[cmas("1", 0, 24)]))
        asked.append(patient.revision)
        return ask(patient, *rest)

    monkeypatch.setattr("jobs.evaluation.run.ask", slow)
    assert met(run(engine)) == {("1", "declining-strength", "cmas")}
    assert len(asked) == 2, "once with the facts as they were, once with the new one"
    with reading(engine) as session:
        patient = session.exec(select(Patient)).one()
    assert patient.revision == patient.evaluated_revision == asked[-1]


def test_a_rule_that_finds_no_words_for_one_patient_stops_nobody_elses_alerts(engine, clinic_folder, monkeypatch):
    people = [{"mrn": str(n)} for n in range(4)]
    scores = [row for n in range(4) for row in (cmas(str(n), -14, 27), cmas(str(n), 0, 20 + n))]
    load(engine, clinic_folder(patients=people, observations=scores))
    honest = rule("declining-strength")

    def speechless(row, parameters):
        if row["latest"] == 22:
            raise KeyError("reference")
        return honest.explain(row, parameters)

    mute = replace(honest, explain=speechless)
    asked = answer_row.rule
    monkeypatch.setattr(answer_row, "rule", lambda key: mute if key == honest.key else asked(key))
    monkeypatch.setattr("jobs.evaluation.said.rule", answer_row.rule)
    look = run(engine, dry_run=True)
    assert {mrn for mrn, _, _ in met(look)} == {"0", "1", "3"}
    assert look.exit_code == 1
    report = run(engine, collect=False)
    assert [(one.rule, len(one.patients)) for one in report.failures] == [(honest.key, 1)]
    assert {mrn for mrn, _, _ in alerts(engine)} == {"0", "1", "3"}
    monkeypatch.undo()
    run(engine, collect=False)
    assert {mrn for mrn, _, _ in alerts(engine)} == {"0", "1", "2", "3"}, "the patient stayed due"
