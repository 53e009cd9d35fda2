"""The life of an alert, told by commands alone: refusals, worsening, settling, withdrawing, coming back."""

import pytest

from tests.stories.conftest import Clinic, cmas, day, drug, event, laboratory

pytestmark = pytest.mark.anyday

ALERT = {
    "id",
    "mrn",
    "rule",
    "subject",
    "state",
    "severity",
    "grade",
    "since",
    "opened_at",
    "explanation",
    "owner",
    "events",
}


def _declining(clinic: Clinic) -> int:
    clinic.load(patients=[{"mrn": "1"}], observations=[cmas("1", 27, -14, source_id="a"), cmas("1", 24, source_id="b")])
    clinic.evaluate()
    (alert,) = clinic.alerts()
    return int(alert["id"])


def _states(clinic: Clinic) -> list[str]:
    return [one["state"] for one in clinic.alerts("all")]


def test_an_alert_has_the_shape_other_programs_rely_on(clinic: Clinic) -> None:
    _declining(clinic)
    (alert,) = clinic.alerts()
    assert set(alert) >= ALERT
    assert isinstance(alert["id"], int)
    assert (alert["mrn"], alert["rule"], alert["subject"], alert["state"]) == (
        "1",
        "declining-strength",
        "cmas",
        "open",
    )
    assert (alert["severity"], alert["grade"], alert["since"], alert["owner"]) == ("action", "possible", day(0), None)
    assert [set(one) for one in alert["events"]] == [{"at", "event", "by", "reason", "note"}]
    assert alert["events"][0]["event"] == "opened"


def test_an_assessment_has_the_shape_other_programs_rely_on(clinic: Clinic) -> None:
    _declining(clinic)
    clinic.load(
        medications=[drug("1", "prednisone", 60, -40)],
        events=[event("1", "dysphagia")],
        observations=[laboratory("1", "ck", 900)],
    )
    wanted = {
        "mrn", "rule", "rule_version", "status", "subject", "state", "grade", "severity", "since", "due", "recheck_on",
        "explanation", "clears_when", "suggested_action", "evidence", "cannot_tell_because",
    }  # fmt: skip
    found = clinic.evaluate(0, "--all-states")
    assert {one["state"] for one in found} == {"met", "not_met", "cannot_tell"}
    for one in found:
        assert wanted <= set(one)
        assert isinstance(one["explanation"], str)
        assert one["status"] in {"active", "shadow"}
        assert (one["cannot_tell_because"] is not None) == (one["state"] == "cannot_tell"), one
        if one["state"] == "met":
            assert one["severity"] in {"urgent", "action", "watch"}
            assert one["explanation"]
            assert one["clears_when"]
            assert one["since"] is None or len(one["since"]) == 10
        else:
            assert one["severity"] is None
        for fact in one["evidence"]:
            assert {"kind", "id", "value", "unit", "date"} <= set(fact)
            assert {"measure", "drug", "event"} & set(fact)


def test_acknowledged_is_seen_and_worse_since_then_comes_back_with_the_difference(clinic: Clinic) -> None:
    number = _declining(clinic)
    clinic("alert", "ack", number, "--by", "nora", "--reason", "reviewed", "--note", "called")
    assert clinic.alerts() == []
    (alert,) = clinic.alerts("acknowledged")
    last = alert["events"][-1]
    assert (last["event"], last["by"], last["reason"], last["note"]) == ("acknowledged", "nora", "reviewed", "called")
    clinic.evaluate(0, "--full")
    assert _states(clinic) == ["acknowledged"]
    clinic.load(observations=[cmas("1", 18, 2)])
    clinic.evaluate(2)
    (alert,) = clinic.alerts()
    assert alert["id"] == number
    assert alert["severity"] == "urgent"
    assert alert["events"][-1]["event"] == "worsened"


def test_a_snooze_has_an_end_and_the_alert_comes_back_on_that_day(clinic: Clinic) -> None:
    number = _declining(clinic)
    assert clinic.run("alert", "snooze", number, "--by", "nora", env=clinic.env).code == 2
    assert clinic.run("alert", "snooze", number, "--by", "nora", "--until", day(0), env=clinic.env).code == 2
    assert clinic.run("alert", "snooze", number, "--by", "nora", "--until", day(-1), env=clinic.env).code == 2
    assert clinic.run("alert", "snooze", number, "--by", "nora", "--until", "soon", env=clinic.env).code == 2
    assert clinic.run("alert", "snooze", number, "--by", "nora", "--until", day(900), env=clinic.env).code == 2
    assert _states(clinic) == ["open"]
    clinic("alert", "snooze", number, "--by", "nora", "--until", day(5), "--reason", "deferred")
    assert _states(clinic) == ["snoozed"]
    clinic.evaluate(4)
    assert _states(clinic) == ["snoozed"]
    clinic.evaluate(5)
    assert _states(clinic) == ["open"]


def test_a_snooze_ends_early_when_it_gets_worse(clinic: Clinic) -> None:
    number = _declining(clinic)
    clinic("alert", "snooze", number, "--by", "nora", "--until", day(10))
    clinic.load(observations=[cmas("1", 18, 2)])
    clinic.evaluate(2)
    assert _states(clinic) == ["open"]


def test_assigning_and_commenting(clinic: Clinic) -> None:
    number = _declining(clinic)
    clinic("alert", "assign", number, "--by", "nora", "--to", "paul", "--note", "please")
    clinic("alert", "comment", number, "--by", "paul", "--note", "phoned the family")
    (alert,) = clinic.alerts()
    assert alert["owner"] == "paul"
    assert [(one["event"], one["by"], one["note"]) for one in alert["events"][1:]] == [
        ("assigned", "nora", "please"), ("commented", "paul", "phoned the family"),
    ]  # fmt: skip
    assert clinic.run("alert", "comment", number, "--by", "paul", env=clinic.env).code == 2
    assert clinic.run("alert", "assign", number, "--by", "paul", env=clinic.env).code == 2


def test_resolving_needs_an_outcome_and_a_resolved_episode_stays_quiet(clinic: Clinic) -> None:
    number = _declining(clinic)
    assert clinic.run("alert", "resolve", number, "--by", "nora", env=clinic.env).code == 2
    assert clinic.run("alert", "resolve", number, "--by", "nora", "--outcome", "whatever", env=clinic.env).code == 2
    clinic("alert", "resolve", number, "--by", "nora", "--outcome", "acted", "--note", "dose raised")
    clinic.evaluate(1, "--full")
    assert _states(clinic) == ["resolved"]
    for verb in ("ack", "snooze", "assign", "resolve"):
        extra = {"snooze": ["--until", day(3)], "assign": ["--to", "x"], "resolve": ["--outcome", "acted"]}.get(
            verb, []
        )
        assert clinic.run("alert", verb, number, "--by", "nora", *extra, env=clinic.env).code == 2, verb


def test_every_code_of_the_contract_is_known_and_others_are_refused(clinic: Clinic) -> None:
    number = _declining(clinic)
    for code in ("reviewed", "acted", "contacted-patient", "not-applicable", "wrong-data", "disagree", "deferred"):
        clinic("alert", "ack", number, "--by", "nora", "--reason", code)
    assert clinic.run("alert", "ack", number, "--by", "nora", "--reason", "bored", env=clinic.env).code == 2


def test_an_unknown_alert_and_an_unnamed_person_are_refused(clinic: Clinic) -> None:
    number = _declining(clinic)
    for arguments in (
        ("ack", 999, "--by", "nora"),
        ("snooze", 999, "--by", "nora", "--until", day(3)),
        ("assign", 999, "--by", "nora", "--to", "paul"),
        ("resolve", 999, "--by", "nora", "--outcome", "acted"),
        ("comment", 999, "--by", "nora", "--note", "x"),
        ("ack", number, "--by", ""),
    ):
        done = clinic.run("alert", *arguments, env=clinic.env)
        assert (done.code, done.stdout) == (2, ""), arguments
        assert done.stderr


def test_viewers_and_disabled_accounts_may_not_act(clinic: Clinic) -> None:
    number = _declining(clinic)
    clinic("user", "add", "vera", "--role", "viewer", "--password", "correct horse battery staple")
    clinic("user", "add", "nora", "--role", "nurse", "--password", "correct horse battery staple")
    assert clinic.run("alert", "ack", number, "--by", "vera", env=clinic.env).code == 2
    clinic("user", "disable", "nora")
    assert clinic.run("alert", "ack", number, "--by", "nora", env=clinic.env).code == 2
    assert _states(clinic) == ["open"]


def test_it_settles_when_regained_and_opens_anew_with_a_link_when_met_again(clinic: Clinic) -> None:
    number = _declining(clinic)
    clinic.load(observations=[cmas("1", 27, 5)])
    clinic.evaluate(5)
    assert _states(clinic) == ["settled"]
    clinic.load(observations=[cmas("1", 20, 9)])
    clinic.evaluate(9)
    assert sorted(_states(clinic)) == ["open", "settled"]
    (alert,) = clinic.alerts()
    assert alert["previous_id"] == number


def test_a_correction_withdraws_it(clinic: Clinic) -> None:
    number = _declining(clinic)
    clinic("alert", "ack", number, "--by", "nora")
    clinic.load(observations=[cmas("1", 27, 0, source_id="b", status="corrected")])
    clinic.evaluate(1)
    (alert,) = clinic.alerts("withdrawn")
    assert alert["id"] == number
    assert clinic.alerts() == []


def test_silence_settles_nothing(clinic: Clinic) -> None:
    _declining(clinic)
    for offset in (89, 90, 91, 182, 183, 400):
        clinic.evaluate(offset)
        assert _states(clinic) in (["open"],), offset


def test_an_overdue_test_settles_with_its_result_and_leaving_ends_all(clinic: Clinic) -> None:
    clinic.load(
        patients=[{"mrn": "1"}],
        observations=[laboratory("1", "ck", 100, -60, 200)],
        medications=[drug("1", "prednisone", 5, -300)],
    )
    clinic.evaluate()
    assert ("overdue-labs", "ck") in {(one["rule"], one["subject"]) for one in clinic.alerts()}
    clinic.load(observations=[laboratory("1", "ck", 100, 1, 200)])
    clinic.evaluate(1)
    assert ("overdue-labs", "ck") not in {(one["rule"], one["subject"]) for one in clinic.alerts()}
    clinic.people("1", status="moved")
    clinic.evaluate(2)
    assert clinic.alerts() == []
    assert clinic.evaluate(2, "--all-states") == []


def test_a_look_at_the_past_and_a_dry_run_change_no_alert(clinic: Clinic) -> None:
    clinic.load(patients=[{"mrn": "1"}], observations=[cmas("1", 27, -14), cmas("1", 24)])
    assert len(clinic.evaluate(0, "--dry-run")) == 1
    assert clinic.alerts("all") == []
    clinic.evaluate(0)
    clinic.load(observations=[cmas("1", 27, 3)])
    clinic.evaluate(-1)
    clinic.evaluate(0, "--known-at", f"{day(0)}T23:00:00Z")
    assert _states(clinic) == ["open"]


def test_evaluating_again_and_again_or_only_in_part_ends_where_a_full_run_ends(clinic: Clinic) -> None:
    clinic.load(
        patients=[{"mrn": "1"}, {"mrn": "2"}],
        observations=[cmas(mrn, 27, -14) for mrn in "12"] + [cmas(mrn, 24) for mrn in "12"],
        medications=[drug("2", "prednisone", 40, -27)],
    )
    one_rule = clinic.evaluate(0, "--rule", "declining-strength", "--patient", "1")
    assert {(one["mrn"], one["rule"]) for one in one_rule} == {("1", "declining-strength")}
    stepwise = [clinic.evaluate(offset) for offset in (0, 0, 1, 5, 30)][-1]
    shown = clinic.alerts("all")
    assert clinic.evaluate(30, "--full") == stepwise
    assert [(one["id"], one["state"]) for one in clinic.alerts("all")] == [(one["id"], one["state"]) for one in shown]


def test_the_list_can_be_asked_for_one_patient_and_every_state(clinic: Clinic) -> None:
    _declining(clinic)
    clinic.people("2")
    assert len(clinic.alerts("open", "--patient", "1")) == 1
    assert clinic.alerts("open", "--patient", "2") == []
    for state in ("open", "acknowledged", "snoozed", "settled", "resolved", "withdrawn", "all"):
        assert isinstance(clinic.alerts(state), list)


def test_on_postgresql_too(postgres_clinic: Clinic) -> None:
    clinic = postgres_clinic
    number = _declining(clinic)
    clinic.load(
        observations=[
            laboratory("1", "troponin_i", 3, 0, 16, unit="ng/L"),
            laboratory("1", "troponin_t", 30, 0, 14, unit="ng/L"),
            laboratory("1", "ck", 900),
        ],
        medications=[drug("1", "prednisone", 60, -40)],
    )
    found = clinic.evaluate(0, "--all-states")
    assert all(one["severity"] in {None, "urgent", "action", "watch"} for one in found)
    clinic("alert", "snooze", number, "--by", "nora", "--until", day(3))
    clinic.evaluate(3, "--full")
    assert "snoozed" not in _states(clinic)
    assert clinic.suggest("1")["mrn"] == "1"


def test_a_correction_under_an_acknowledged_alert_brings_it_back_and_says_so(clinic: Clinic) -> None:
    fixed = {"mrn": "1", "measure": "troponin_i", "unit": "ng/L", "upper_limit": 26}
    clinic.load(
        patients=[{"mrn": "1", "birth_date": "1970-01-01"}],
        observations=[
            {**fixed, "value": 4, "observed_at": day(-27), "source_id": "r0"},
            {**fixed, "value": 480, "observed_at": day(-1), "source_id": "r1"},
        ],
    )
    clinic.evaluate()
    (alert,) = clinic.alerts()
    clinic("alert", "ack", alert["id"], "--by", "nora")
    assert clinic.alerts() == []
    clinic.load(observations=[{**fixed, "value": 48, "observed_at": day(-1), "source_id": "r1", "status": "corrected"}])
    clinic.evaluate()
    (back,) = clinic.alerts()
    assert back["id"] == alert["id"]
    (event,) = [one for one in back["events"] if one["event"] == "corrected"]
    assert "from 480 to 48" in event["note"]
    assert "since nora saw it" in event["note"]
