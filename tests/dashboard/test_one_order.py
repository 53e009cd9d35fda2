"""One order and one set of numbers everywhere: a clinic with the awkward cases, and every list walked over it."""

import datetime as dt
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from dashboard.cli import main
from dashboard.components.formats import counted
from dashboard.pages import alerts, alerts_print, panel
from dashboard.patient.view import gather, shown_alerts
from dashboard.secure import Current
from jobs.notify import write_digest
from models.accounts import Principal, add_user
from models.alert import Alert
from models.alert_lifecycle import acknowledge, assign, lapse, record, resolve, snooze, undo
from models.alert_list import TO_DO, actions_since, alert_counts, alert_page, alert_rows
from models.assessment import Assessment, EvaluationRun
from models.database import engine_for, reading, writing
from models.job_run import OutboxMessage
from models.list_order import Danger, in_order
from models.panel import Asked, nav_counts, panel_counts
from models.patient import Patient
from models.patient_record import mark_reviewed
from models.patient_summary import mark
from models.settings import Settings
from models.standing import last_reviews, settle
from tests.dashboard.conftest import NOW, PASSWORD, PEOPLE, TODAY, TOKEN, Clinic, Clock, days, keep_summaries

TOLD: dict[str, dict[str, Any]] = {
    "s": {
        "rule": "declining-strength", "subject": "cmas", "explanation": "CMAS 27 -> 20 of 52 on 22 Nov 2026. More.",
        "numbers": json.dumps({"reference": 27, "latest": 20}),
    },
    "l": {"rule": "overdue-labs", "subject": "ck", "explanation": "CK was due 10 Nov 2026.", "due": days(-12)},
    "t": {
        "rule": "raised-troponin", "subject": "troponin_t", "explanation": "Troponin T 22 ng/L, above its limit.",
        "numbers": json.dumps({"kind": "T", "latest": 22, "upper_limit": 14, "troponin_i": "normal"}),
    },
}  # fmt: skip
"""Three rules by a letter: strength, laboratory, troponin."""
IN_LINE = {"s": "Weaker", "l": "CK", "t": "Troponin"}


def hours(count: float) -> dt.datetime:
    return NOW + dt.timedelta(hours=count)


# Record number, alerts as (letter, severity, hours since opened, further columns).
WHO: tuple[tuple[str, tuple[tuple[str, str, float, dict[str, Any]], ...]], ...] = (
    ("watch", (("l", "watch", -1, {}),)),
    ("left", (("s", "urgent", -1, {"danger": Danger.HEART}),)),
    ("week-older", (("l", "action", -30, {}),)),
    ("week-worse", (("t", "action", -90, {"worsened_at": hours(-2)}),)),
    ("urgent-reviewed", (("s", "urgent", -20, {}),)),
    ("urgent-lapsed", (("s", "urgent", -72, {}),)),
    ("urgent-new", (("t", "urgent", -40, {}), ("l", "watch", -1, {}))),
    ("swallowing", (("t", "watch", -3, {"danger": Danger.SWALLOWING}),)),
    ("heart-older", (("s", "urgent", -9, {"danger": Danger.HEART}),)),
    ("breathing", (("s", "urgent", -1, {"danger": Danger.BREATHING}),)),
    ("heart-this-week", (("t", "action", -5, {"danger": Danger.HEART}), ("s", "urgent", -4, {}))),
    ("held-by-ack", (("t", "urgent", -6, {"danger": Danger.HEART}), ("l", "watch", -8, {}))),
    ("held-by-resolved", (("s", "urgent", -50, {}), ("l", "watch", -8, {}))),
    ("snoozed", (("l", "action", -8, {}),)),
    ("covered", (("s", "action", -7, {}), ("l", "urgent", -6, {"covered_by": "declining-strength"}))),
    ("no-answer", (("t", "urgent", -30, {"cannot_tell_because": "no newer value"}),)),
    ("settled", (("t", "urgent", -7, {"settled_at": hours(-1), "ended_at": hours(-1)}),)),
    ("new-version", (("t", "action", -1, {"brought_by": "version 9.1.0", "set_aside": True}),)),
    ("assigned", (("l", "action", -6, {}),)),
    ("calm", ()),
)
EXPECTED = [
    ("heart-this-week", "ts"),
    ("held-by-ack", "l"),
    ("heart-older", "s"),
    ("breathing", "s"),
    ("swallowing", "t"),
    ("no-answer", "t"),
    ("urgent-new", "tl"),
    ("held-by-resolved", "l"),
    ("urgent-reviewed", "s"),
    ("urgent-lapsed", "s"),
    ("week-worse", "t"),
    ("assigned", "l"),
    ("covered", "s"),
    ("week-older", "l"),
    ("watch", "l"),
]
"""Who stands where, and each patient's alerts that ask, in their order."""


def write_clinic(session: Session) -> dict[str, int]:
    """The awkward clinic; returns patients by record number."""
    session.add(EvaluationRun(as_of=TODAY, full=True, started_at=NOW, finished_at=NOW))
    known: dict[str, int] = {}
    for mrn, their in WHO:
        patient = Patient(
            mrn=mrn, family_name=mrn, status="discharged" if mrn == "left" else "active", created_at=NOW,
            updated_at=NOW, evaluated_revision=1,
        )  # fmt: skip
        session.add(patient)
        session.flush()
        known[mrn] = patient.id or 0
        for letter, severity, opened, more in their:
            columns = {**TOLD[letter], "patient_id": patient.id, "rule_version": "1.0.0", "severity": severity}
            columns |= {"since": hours(opened).date()}
            if "ended_at" not in more and "cannot_tell_because" not in more:
                session.add(Assessment(**columns, state="met"))
            alert = Alert(**columns, opened_at=hours(opened), opened_for=TODAY, last_true_on=TODAY, **more)
            session.add(alert)
            session.flush()
            record(session, alert, "opened", "myopanel", hours(opened))
    keep_summaries(session)
    return known


def the_alert(session: Session, mrn: str, letter: str) -> int:
    query = select(Alert.id).join(Patient).where(Patient.mrn == mrn, Alert.rule == TOLD[letter]["rule"])
    return session.exec(query).one() or 0


def live_in(session: Session) -> None:
    """What the staff did before and today."""
    before, then = days(-2), hours(-48)
    acknowledge(session, the_alert(session, "urgent-lapsed", "s"), "nora", today=before, now=then)
    lapse(session, today=TODAY, now=NOW)
    person = session.exec(select(Patient).where(Patient.mrn == "urgent-reviewed")).one()
    mark_reviewed(session, person, "paul", now=hours(-3))
    acknowledge(session, the_alert(session, "held-by-ack", "t"), "nora", today=TODAY, now=NOW)
    resolve(session, the_alert(session, "held-by-resolved", "s"), "nora", outcome="acted", today=TODAY, now=NOW)
    until = days(3)
    snooze(session, the_alert(session, "snoozed", "l"), "nora", until=until, today=TODAY, now=NOW)
    assign(session, the_alert(session, "assigned", "l"), "paul", to="nora", today=TODAY, now=NOW)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def awkward(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Clinic]:
    """The clinic on either database."""
    if request.param == "sqlite":
        made: Clinic = request.getfixturevalue("clinic")
    else:
        from dashboard.app import create_app

        url = request.getfixturevalue("postgres_url")
        engine = engine_for(url)
        with writing(engine) as session:
            for name, role in PEOPLE.items():
                add_user(session, name, role, PASSWORD, now=NOW)
            add_user(session, "lab", "service", TOKEN, now=NOW)
        settings = Settings(database_url=url, secret_key="0123456789abcdefghijklmnopqrstuvwxyz")
        made = Clinic(create_app(settings, engine, clock=clock), engine, clock)
    with writing(made.engine) as session:
        made.patients = write_clinic(session)
        live_in(session)
    settle(made.engine, TODAY)
    yield made
    if request.param == "postgres":
        made.engine.dispose()


def here(clinic: Clinic, name: str = "nora") -> Current:
    return Current(clinic.engine, clinic.app.settings, Principal(1, name, "", PEOPLE[name]), NOW)


def by_patient(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """(record number, rule) one after the other -> (record number, letters); a patient standing twice stays twice."""
    letters = {told["rule"]: letter for letter, told in TOLD.items()}
    found: list[tuple[str, str]] = []
    for mrn, rule in rows:
        letter = letters.get(rule, rule)
        if found and found[-1][0] == mrn:
            found[-1] = mrn, found[-1][1] + letter
        else:
            found.append((mrn, letter))
    return found


def rules_by_id(clinic: Clinic) -> dict[int, str]:
    with reading(clinic.engine) as session:
        return {alert.id or 0: alert.rule for alert in session.exec(select(Alert))}


# ------------------------------------------------------------------------------------------------------- the surfaces


def on_alerts_page(clinic: Clinic, show: str = "todo") -> dict[str, Any]:
    answer = clinic.client("nora").get(f"/alerts/rows?show={show}&count=500")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def printed(clinic: Clinic, show: str = "todo") -> tuple[list[int], str]:
    """Numbers of the printed alerts in their order, and the line above them."""
    from flask import g

    with clinic.app.server.test_request_context():
        g.principal, g.now = here(clinic).user, NOW
        tree = json.dumps(alerts_print.layout(show=show).to_plotly_json(), default=lambda one: one.to_plotly_json())
    numbers = [int(found) for found in re.findall(r'"data-alert": "(\d+)"', tree)]
    line = re.search(r'"(\d+ alerts? of \d+ patients?)"', tree)
    return numbers, line[1] if line else ""


def commanded(clinic: Clinic, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    monkeypatch.setenv("MYOPANEL_DATABASE_URL", clinic.engine.url.render_as_string(hide_password=False))
    monkeypatch.setattr("dashboard.cli.utc_now", lambda: NOW)
    capsys.readouterr()
    assert main([*words, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_alerts_page_print_panel_cards_patient_page_and_commands_are_in_one_order(
    awkward: Clinic, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = rules_by_id(awkward)
    page = on_alerts_page(awkward)["rows"]
    assert by_patient([(row["m"], rules[int(row["id"])]) for row in page]) == EXPECTED

    numbers, _ = printed(awkward)
    assert numbers == [int(row["id"]) for row in page]

    with reading(awkward.engine) as session:
        asking = [row for row in alert_rows(session, TODAY) if row["view"] in TO_DO]
    assert [row["id"] for row in asking] == numbers

    told = commanded(awkward, capsys, monkeypatch, "alerts")
    open_now = [one for one in told if not one["covered_by"] and not one["new_with"]]
    assert [one["id"] for one in open_now] == numbers

    who = [mrn for mrn, _ in EXPECTED]
    rows = panel.content(here(awkward), {})["rows"]
    assert [row["m"] for row in rows][: len(who)] == who
    lines = {
        row["m"]: [text for _, text, quiet in row.get("w", []) if quiet in {"", "no newer answer"}] for row in rows
    }
    for mrn, letters in EXPECTED:
        assert [next(key for key, word in IN_LINE.items() if word in text) for text in lines[mrn]] == list(letters)
    assert [one["mrn"] for one in commanded(awkward, capsys, monkeypatch, "panel")][: len(who)] == who

    for mrn, letters in EXPECTED:
        hook = {"hook": "patient-view", "hookInstance": "i", "context": {"patientId": mrn, "userId": "u"}}
        sent = {"json": hook, "headers": {"Authorization": f"Bearer {TOKEN}"}}
        cards = awkward.client().post("/cds-services/myopanel-patient-view", **sent).json["cards"]
        alert_cards = [int(card["uuid"][6:]) for card in cards if card["uuid"].startswith("alert-")]
        assert by_patient([(mrn, rules[number]) for number in alert_cards]) == [(mrn, letters)]
        view = gather(here(awkward), mrn)
        assert view is not None
        shown = [one for one, _ in shown_alerts(view) if view.states[one.id or 0] == "open" and not one.covered_by]
        assert by_patient([(mrn, one.rule) for one in shown]) == [(mrn, letters)]


@pytest.mark.parametrize("show", [key for key, _ in alerts.VIEWS])
def test_a_tab_its_page_its_print_and_the_digest_show_the_same_numbers(awkward: Clinic, show: str) -> None:
    page = on_alerts_page(awkward, show)
    count, people = len(page["rows"]), len({row["m"] for row in page["rows"]})
    assert count
    assert (page["counts"][show], page["people"][show]) == (count, people)
    numbers, line = printed(awkward, show)
    assert numbers == [int(row["id"]) for row in page["rows"]]
    assert line == f"{counted(count, 'alert')} of {counted(people, 'patient')}"
    with reading(awkward.engine) as session:
        assert alert_counts(session, TODAY).alerts[show] == count
        if show == "todo":
            assert nav_counts(session, TODAY)["Alerts"] == count
    with writing(awkward.engine) as session:
        write_digest(session, TODAY, NOW, awkward.app.settings)
        body = session.exec(select(OutboxMessage).where(OutboxMessage.recipient == "nora")).one().body
    said = {"urgent": "today", "action": "this week", "watch": "by the next visit"}
    if show in said:
        assert f"{count} alerts are to be looked at {said[show]} ({counted(people, 'patient')})" in body
        assert body.splitlines()[:3] == [
            "2 alerts say that the heart may be in danger",
            "1 alert says that breathing may be in danger",
            "1 alert says that swallowing may be in danger",
        ]
    if show == "settled":
        assert "1 alert settled by itself and not yet looked at (1 patient)" in body


def test_every_running_alert_is_in_one_view_and_every_active_patient_on_the_panel(awkward: Clinic) -> None:
    with reading(awkward.engine) as session:
        counts = alert_counts(session, TODAY)
        running = sa.select(sa.func.count()).select_from(Alert).join(Patient)
        running = running.where(Alert.ended_at.is_(None), Patient.status == "active")  # type: ignore[union-attr]
        total = session.execute(running).scalar_one()
        everybody = panel_counts(session, Asked())
    assert sum(counts.alerts[view] for view in counts.alerts if view not in {"todo", "settled"}) == total
    rows = panel.content(here(awkward), {})["rows"]
    assert len(rows) == everybody.patients == len(WHO) - 1
    assert sum(row["r"] == 4 for row in rows) == everybody.today
    assert sum(row["r"] == 3 for row in rows) == everybody.this_week


@pytest.mark.parametrize("severity", ["urgent", "action", "watch"])
def test_a_filter_of_the_panel_keeps_the_order_and_counts_its_rows(awkward: Clinic, severity: str) -> None:
    everybody = [row["m"] for row in panel.content(here(awkward), {})["rows"]]
    found = panel.content(here(awkward), {"sev": severity})
    some = [row["m"] for row in found["rows"]]
    assert some == [mrn for mrn in everybody if mrn in some]
    assert len(some) == found["total"] > 0
    alike = {"urgent": 4, "action": 3, "watch": 2}[severity]
    assert {row["r"] for row in found["rows"]} == {alike}


@pytest.mark.parametrize("show", ["acknowledged", "snoozed", "covered", "settled", "new"])
def test_what_the_database_orders_and_what_we_order_are_the_same(
    awkward: Clinic, show: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(awkward.engine) as session:
        # Everybody into one view, so that its order has something to say.
        for alert in session.exec(select(Alert).join(Patient).where(Patient.status == "active")):
            alert.acknowledged_at = alert.acknowledged_by = alert.lapses_on = None
            alert.snoozed_until = alert.snoozed_by = alert.covered_by = alert.owner = None
            alert.set_aside = show == "new"
            if show == "acknowledged":
                alert.acknowledged_at, alert.acknowledged_by = NOW, "nora"
            elif show == "snoozed":
                alert.snoozed_until, alert.snoozed_by = days(2), "nora"
            elif show == "covered":
                alert.covered_by = "declining-strength"
            elif show == "settled":
                alert.settled_at = alert.ended_at = NOW
                alert.resolved_at = alert.resolved_by = None
            session.add(alert)
        mark(session.connection(), *awkward.patients.values())
    settle(awkward.engine, TODAY)
    with reading(awkward.engine) as session:
        rows = [row for row in alert_rows(session, TODAY) if row["view"] == show]
        reviewed = last_reviews(session.connection(), list(awkward.patients.values()))
        python = [row["id"] for row in in_order(rows, TODAY, reviewed)]
        parts: list[int] = []
        start, more = 0, True
        while more:
            rows, more = alert_page(session, TODAY, (show,), start, 2)
            parts += [row["id"] for row in rows]
            start += 2
    assert len(python) > 10
    assert parts == python
    if show in {"acknowledged", "snoozed"}:
        assert [one["id"] for one in commanded(awkward, capsys, monkeypatch, "alerts", "--state", show)] == parts


# ------------------------------------------------------------------------------------------------ nothing jumps


def order(clinic: Clinic) -> list[tuple[str, str]]:
    rules = rules_by_id(clinic)
    return by_patient([(row["m"], rules[int(row["id"])]) for row in on_alerts_page(clinic)["rows"]])


@pytest.mark.parametrize("verb", ["acknowledge", "snooze", "resolve", "assign"])
def test_acting_on_one_alert_never_makes_the_others_jump_and_taking_it_back_neither(awkward: Clinic, verb: str) -> None:
    with writing(awkward.engine) as session:
        number = the_alert(session, "heart-this-week", "t")
        if verb == "acknowledge":
            acknowledge(session, number, "nora", today=TODAY, now=NOW)
        elif verb == "snooze":
            snooze(session, number, "nora", until=days(2), today=TODAY, now=NOW)
        elif verb == "resolve":
            resolve(session, number, "nora", outcome="acted", today=TODAY, now=NOW)
        else:
            assign(session, number, "nora", to="paul", today=TODAY, now=NOW)
    left = "ts" if verb == "assign" else "s"
    assert order(awkward) == [("heart-this-week", left), *EXPECTED[1:]]
    with reading(awkward.engine) as session:
        event = actions_since(session, NOW)[number].id or 0
    with writing(awkward.engine) as session:
        undo(session, event, "nora", now=NOW)
    assert order(awkward) == EXPECTED


def test_on_the_patients_page_too_an_alert_dealt_with_today_stays_where_it_was(awkward: Clinic) -> None:
    def cards() -> list[int]:
        view = gather(here(awkward), "heart-this-week")
        assert view is not None
        return [alert.id or 0 for alert, _ in shown_alerts(view)]

    before = cards()
    with writing(awkward.engine) as session:
        acknowledge(session, before[0], "nora", today=TODAY, now=NOW)
    assert cards() == before


def test_once_all_are_dealt_with_the_patient_leaves_and_tomorrow_the_rest_stands_by_itself(awkward: Clinic) -> None:
    with writing(awkward.engine) as session:
        acknowledge(session, the_alert(session, "heart-this-week", "s"), "nora", today=TODAY, now=NOW)
    assert order(awkward)[0] == ("heart-this-week", "t")
    with writing(awkward.engine) as session:
        acknowledge(session, the_alert(session, "heart-this-week", "t"), "nora", today=TODAY, now=NOW)
    assert order(awkward) == EXPECTED[1:]
    settle(awkward.engine, days(1))
    with reading(awkward.engine) as session:
        rows, _ = alert_page(session, days(1), TO_DO, 0, 100)
    who = list(dict.fromkeys(row["mrn"] for row in rows))
    assert who[:3] == ["heart-older", "breathing", "swallowing"]
    assert who.index("held-by-ack") > who.index("week-older")
    assert who.index("held-by-resolved") > who.index("week-older")


def test_an_alert_that_gets_worse_after_it_was_seen_is_new_again(awkward: Clinic) -> None:
    with writing(awkward.engine) as session:
        alert = session.get_one(Alert, the_alert(session, "urgent-lapsed", "s"))
        alert.worsened_at = NOW
        session.add(alert)
        record(session, alert, "worsened", "myopanel", NOW)
    assert [mrn for mrn, _ in order(awkward)][5] == "urgent-lapsed"
