"""The nurse list: what stands in it, and what can be done to an alert."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import Session, select

from dashboard.acting import act
from dashboard.pages.alerts import list_rows
from dashboard.secure import Current
from models.accounts import Principal
from models.alert import Alert
from models.alert_lifecycle import acknowledge, history, state_of
from models.alert_list import alert_rows, evidence_rows, list_version, waiting_group
from models.database import reading, writing
from models.user import AuditEvent
from tests.dashboard.conftest import NOW, TODAY, Clinic, days, stands_still


def here(clinic: Clinic, name: str = "nora", role: str = "nurse") -> Current:
    return Current(clinic.engine, clinic.app.settings, Principal(1, name, "", role), NOW)


def rows(clinic: Clinic) -> list[dict[str, Any]]:
    with reading(clinic.engine) as session:
        return list_rows(session, here(clinic), TODAY)


def views(clinic: Clinic) -> Counter[str]:
    return Counter(row["v"] for row in rows(clinic))


def change(clinic: Clinic, rule: str, **columns: Any) -> None:
    with writing(clinic.engine) as session:
        for alert in session.exec(select(Alert).where(Alert.rule == rule)):
            for name, value in columns.items():
                setattr(alert, name, value)
            session.add(alert)


def states(clinic: Clinic, ids: list[int]) -> list[str]:
    with Session(clinic.engine) as session:
        return [state_of(session.get_one(Alert, alert_id), TODAY) for alert_id in ids]


# ------------------------------------------------------------------------------------------------------------ the list


def test_alerts_stand_by_patient_worst_first_without_who_has_left(filled: Clinic) -> None:
    assert [(row["m"], row["s"]) for row in rows(filled)] == [
        ("0012", "urgent"),
        ("0012", "action"),
        ("0012", "action"),
        ("0044", "watch"),
    ]


def test_a_row_says_what_is_the_case_and_the_first_thing_to_do(filled: Clinic) -> None:
    first = rows(filled)[0]
    assert first["t"] == "Weaker: CMAS 27 → 20 of 52, corroborated"
    assert first["f"] == "repeat the CMAS, call today"
    assert first["d"] == "19 Nov"


def test_every_alert_is_counted_in_exactly_one_view(filled: Clinic) -> None:
    change(filled, "raised-troponin", settled_at=NOW, ended_at=NOW)
    change(filled, "overdue-labs", covered_by="declining-strength")
    assert views(filled) == {"urgent": 1, "covered": 2, "settled": 1}


def test_a_settled_alert_that_nobody_has_seen_still_asks_for_one_look(filled: Clinic) -> None:
    change(filled, "raised-troponin", settled_at=NOW, ended_at=NOW)
    ids = filled.alert_ids("raised-troponin")
    assert next(row for row in rows(filled) if row["v"] == "settled")["h"] == "no longer true"
    done, refused, _ = act(here(filled), "seen", ids, {})
    assert (done, refused) == (ids, [])
    assert views(filled)["settled"] == 0


def test_a_withdrawn_alert_says_that_its_result_was_corrected(filled: Clinic) -> None:
    change(filled, "raised-troponin", withdrawn_at=NOW, ended_at=NOW)
    assert next(row for row in rows(filled) if row["m"] == "0044")["h"] == "withdrawn: its result was corrected"


def test_the_list_has_a_version_that_changes_with_every_event(filled: Clinic) -> None:
    with reading(filled.engine) as session:
        before = list_version(session)
    act(here(filled), "comment", filled.alert_ids()[:1], {"note": "called the family"})
    with reading(filled.engine) as session:
        assert list_version(session) != before


def test_evidence_shows_each_fact_with_its_date_value_and_who_measured(filled: Clinic) -> None:
    with reading(filled.engine) as session:
        row = alert_rows(session, TODAY, ids=filled.alert_ids("declining-strength")[:1])[0]
        facts = evidence_rows(session, row["evidence"])
    assert [(fact["date"], fact["value"], fact["detail"]) for fact in facts] == [
        (days(-3), "20", "PT Lind"),
        (days(-14), "27", "PT Lind"),
    ]


@pytest.mark.parametrize(
    "evidence", [["o1", "o2"], [{"kind": "observation", "id": 1}, {"kind": "observation", "id": "o2"}]]
)
def test_evidence_is_read_in_either_spelling(filled: Clinic, evidence: list[Any]) -> None:
    with reading(filled.engine) as session:
        assert len(evidence_rows(session, json.dumps(evidence))) == 2


# -------------------------------------------------------------------------------------------------------------- acting


@pytest.mark.parametrize(
    ("kind", "form", "state"),
    [
        ("acknowledge", {"reason": "contacted-patient"}, "acknowledged"),
        ("snooze", {"snooze-reason": "deferred", "until": days(2).isoformat()}, "snoozed"),
        ("resolve", {"outcome": "treatment-changed", "note": "IVIG begun"}, "resolved"),
        ("assign", {"to": "paul"}, "open"),
        ("comment", {"note": "called the family"}, "open"),
    ],
)
def test_each_action_on_many_leaves_its_event_and_its_line_in_the_record(
    filled: Clinic, kind: str, form: dict[str, Any], state: str
) -> None:
    ids = filled.alert_ids("overdue-labs")
    done, refused, _ = act(here(filled), kind, ids, form)
    assert (done, refused) == (ids, [])
    assert states(filled, ids) == [state] * len(ids)
    with Session(filled.engine) as session:
        happened = history(session, ids)
        record = session.exec(select(AuditEvent).where(AuditEvent.patient_id == filled.patients["0012"])).all()
    assert all(events[-1].by == "nora" and events[-1].event != "opened" for events in happened.values())
    assert len(record) == len(ids)


@pytest.mark.parametrize(
    ("kind", "form", "says"),
    [
        ("snooze", {"snooze-reason": "deferred", "until": None}, "needs an end"),
        ("snooze", {"snooze-reason": "deferred", "until": days(-1).isoformat()}, "must lie ahead"),
        ("snooze", {"snooze-reason": "deferred", "until": days(90).isoformat()}, "days at most"),
        ("snooze", {"until": "whenever"}, "not a date"),
        ("resolve", {"outcome": None}, "Choose an outcome"),
        ("acknowledge", {"reason": "made-up"}, "not a known code"),
        ("assign", {"to": "vera"}, "viewer"),
        ("comment", {"note": "  "}, "needs words"),
    ],
)
def test_what_the_rules_of_the_house_refuse_is_left_as_it_was(
    filled: Clinic, kind: str, form: dict[str, Any], says: str
) -> None:
    ids = filled.alert_ids("declining-strength")[:1]
    done, refused, _ = act(here(filled), kind, ids, form)
    assert done == []
    assert says in refused[0]
    assert states(filled, ids) == ["open"]


def test_of_many_those_that_can_be_done_are_done_and_the_others_say_why(filled: Clinic) -> None:
    ids = filled.alert_ids("overdue-labs")
    act(here(filled), "resolve", ids[:1], {"outcome": "acted"})
    done, refused, _ = act(here(filled), "acknowledge", ids, {"reason": "reviewed"})
    assert done == ids[1:]
    assert "was resolved by nora" in refused[0]


def test_the_same_refusals_hold_for_a_viewer_who_got_past_the_page(filled: Clinic) -> None:
    viewer = here(filled, "vera", "viewer")
    done, refused, _ = act(viewer, "acknowledge", filled.alert_ids()[:1], {"reason": "reviewed"})
    assert done == []
    assert "viewer" in refused[0]


# ------------------------------------------------------------------------------------- what a version newly asks


@pytest.fixture
def upgraded(filled: Clinic) -> Clinic:
    """A version brought the two alerts about tests that are overdue."""
    change(filled, "overdue-labs", brought_by="version 9.1.0", set_aside=True)
    return filled


def test_what_a_version_brought_is_a_view_of_its_own_and_no_alert_of_today(upgraded: Clinic) -> None:
    assert views(upgraded) == {"urgent": 1, "watch": 1, "new": 2}
    with reading(upgraded.engine) as session:
        group = waiting_group(session)
    assert group is not None
    assert (group.alerts, group.patients, group.said) == (2, 1, "new with version 9.1.0")


def test_some_or_the_rest_are_taken_over_and_a_viewer_takes_none(upgraded: Clinic) -> None:
    ids = upgraded.alert_ids("overdue-labs")
    assert act(here(upgraded, "vera", "viewer"), "take-over", [], {})[0] == []
    assert act(here(upgraded), "take-over", ids[:1], {})[:2] == (ids[:1], [])
    assert views(upgraded) == {"urgent": 1, "action": 1, "watch": 1, "new": 1}
    assert act(here(upgraded), "take-over", [], {})[0] == ids[1:]
    done, refused, _ = act(here(upgraded), "take-over", [], {})
    assert (done, len(refused)) == ([], 1)


# ------------------------------------------------------------------------------------------------------------- browser


def count(page: Page, view: str) -> Any:
    return page.locator(f"[data-alerts-count={view}]")


@pytest.mark.browser
def test_acknowledging_takes_an_alert_off_the_list_and_undo_brings_it_back(open_as: Callable[..., Page]) -> None:
    page = open_as("nora", "/alerts")
    expect(count(page, "todo")).to_have_text("4")
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(count(page, "todo")).to_have_text("3")
    expect(count(page, "acknowledged")).to_have_text("1")
    expect(page.locator("#shell-nav a", has_text="Alerts")).to_contain_text("3")
    expect(page.locator("#alerts-said")).to_contain_text("Ada Karst: acknowledged · saved 07:02")
    page.click("#alerts-undo-button")
    expect(count(page, "todo")).to_have_text("4")


@pytest.mark.browser
def test_many_are_snoozed_at_once(open_as: Callable[..., Page], filled: Clinic) -> None:
    page = open_as("nora", "/alerts?show=action")
    expect(count(page, "action")).to_have_text("2")
    # One draw, two alerts: one line.
    expect(page.locator(".ag-center-cols-container .ag-row")).to_have_count(1)
    page.locator(".ag-header .ag-checkbox-input").click()
    expect(page.locator("#alerts-bulk")).to_contain_text("2 selected")
    page.keyboard.press("s")
    page.click("[data-alerts-until]:has-text('1 week')")
    page.click("#alerts-apply")
    expect(count(page, "snoozed")).to_have_text("2")
    assert states(filled, filled.alert_ids("overdue-labs")) == ["snoozed", "snoozed"]


@pytest.mark.browser
def test_resolving_without_an_outcome_is_refused_on_the_spot(open_as: Callable[..., Page]) -> None:
    page = open_as("nora", "/alerts")
    expect(count(page, "todo")).to_have_text("4")
    page.locator(".row-actions button", has_text="Resolve").first.click()
    page.click("#alerts-apply")
    expect(page.locator("#alerts-refused")).to_contain_text("Choose an outcome")
    page.click("#alerts-cancel")
    expect(count(page, "todo")).to_have_text("4")


@pytest.mark.browser
def test_the_drawer_shows_evidence_rule_and_history_without_leaving_the_list(
    open_as: Callable[..., Page], filled: Clinic
) -> None:
    page = open_as("nora", "/alerts")
    expect(count(page, "todo")).to_have_text("4")
    page.keyboard.press("j")
    page.keyboard.press("o")
    drawer = page.locator(".drawer")
    expect(drawer).to_contain_text("CMAS 27 → 20 of 52 on 22 Nov 2026")
    expect(drawer).to_contain_text("PT Lind")
    expect(drawer).to_contain_text("Opened")
    expect(drawer).to_contain_text("Is this patient getting weaker")
    page.click(".drawer [data-alerts-act=comment]")
    page.fill("#alerts-note", "called the family")
    page.click("#alerts-apply")
    expect(drawer).to_contain_text("called the family")
    with Session(filled.engine) as session:
        read = session.exec(select(AuditEvent).where(AuditEvent.action == "read alert")).all()
    assert {(event.by, event.patient_id) for event in read} == {("nora", filled.patients["0012"])}


@pytest.mark.browser
def test_a_viewer_sees_the_list_and_no_way_to_act(open_as: Callable[..., Page]) -> None:
    page = open_as("vera", "/alerts")
    expect(count(page, "todo")).to_have_text("4")
    assert page.locator(".row-actions").count() == 0
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.wait_for_timeout(300)
    assert page.locator("#alerts-apply").count() == 0


@pytest.mark.browser
def test_what_another_person_does_arrives_by_itself(open_as: Callable[..., Page], filled: Clinic) -> None:
    page = open_as("nora", "/alerts")
    expect(count(page, "todo")).to_have_text("4")
    with writing(filled.engine) as session:
        acknowledge(session, filled.alert_ids()[0], "paul", today=TODAY, now=NOW, reason="reviewed")
    page.evaluate("window.dash_clientside.set_props('alerts-tick', {n_intervals: 99})")
    expect(count(page, "todo")).to_have_text("3")
    expect(count(page, "acknowledged")).to_have_text("1")


@pytest.mark.browser
def test_mine_shows_what_is_assigned_to_me(open_as: Callable[..., Page], filled: Clinic) -> None:
    act(here(filled), "assign", filled.alert_ids("raised-troponin"), {"to": "nora"})
    page = open_as("nora", "/alerts?who=mine")
    expect(count(page, "todo")).to_have_text("1")
    assert page.locator(".ag-row").count() == 1


@pytest.mark.browser
def test_the_group_is_opened_worked_through_and_taken_over_by_keyboard(
    open_as: Callable[..., Page], upgraded: Clinic
) -> None:
    page = open_as("nora", "/alerts")
    expect(count(page, "todo")).to_have_text("2")
    line = page.locator("#alerts-group")
    expect(line).to_contain_text("2 alerts of 1 patient are new with version 9.1.0")
    page.keyboard.press("n")
    expect(page.locator(".chip[data-alerts-show=new]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".ag-row")).to_have_count(1)
    stands_still(page)
    page.keyboard.press("j")
    page.keyboard.press("e")
    expect(page.locator(".ag-row")).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(count(page, "acknowledged")).to_have_text("1")
    expect(line).to_contain_text("1 alert of 1 patient is new")
    expect(page.locator(".ag-row")).to_have_count(1)
    stands_still(page)
    page.keyboard.press("k")
    page.keyboard.press("t")
    expect(line).to_be_hidden()
    expect(count(page, "todo")).to_have_text("3")
    page.click("#alerts-undo-button")
    expect(line).to_contain_text("1 alert of 1 patient is new")


@pytest.mark.browser
def test_the_rest_of_the_group_is_taken_over_with_one_button_and_undone(
    open_as: Callable[..., Page], upgraded: Clinic
) -> None:
    page = open_as("nora", "/alerts")
    page.click("#alerts-group [data-alerts-act=take-over-rest]")
    page.click("#alerts-apply")
    expect(count(page, "todo")).to_have_text("4")
    page.click("#alerts-undo-button")
    expect(count(page, "todo")).to_have_text("2")


@pytest.mark.browser
def test_a_viewer_may_open_the_group_and_not_take_it_over(open_as: Callable[..., Page], upgraded: Clinic) -> None:
    page = open_as("vera", "/alerts")
    page.click("#alerts-group [data-alerts-show=new]")
    expect(page.locator(".chip[data-alerts-show=new]")).to_have_attribute("aria-pressed", "true")
    assert page.locator(".ag-center-cols-container .ag-row").count() == 1
    assert page.locator("#alerts-group [data-alerts-act]").count() == 0
