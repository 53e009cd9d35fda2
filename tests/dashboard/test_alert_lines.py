"""The nurse list by visit: what one draw ends is one line, opened, acted on, taken back and ended as one."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import Session, select

from dashboard.alert_drawer import visit_drawer
from dashboard.alert_lines import grouped
from dashboard.pages.alerts import content
from models.alert import Alert
from models.alert_lifecycle import acknowledge, history, record, state_of
from models.alert_list import alert_rows, newest_event
from models.database import reading, writing
from models.observation import Observation
from tests.dashboard.conftest import NOW, TODAY, Clinic, csrf_of, days, stands_still
from tests.dashboard.shown import here, words


def shown(clinic: Clinic, **query: str) -> dict[str, Any]:
    with clinic.app.server.test_request_context():
        return content(here(clinic), query)


def settle_one(clinic: Clinic, number: int) -> None:
    with writing(clinic.engine) as session:
        alert = session.get_one(Alert, number)
        alert.settled_at = alert.ended_at = NOW
        session.add(alert)
        record(session, alert, "settled", "myopanel", NOW)


def line(told: dict[str, Any]) -> dict[str, Any]:
    assert len(told["visits"]) == 1
    found: dict[str, Any] = next(iter(told["visits"].values()))
    return found


def test_two_overdue_tests_of_a_patient_are_one_line_and_still_two_alerts(filled: Clinic) -> None:
    told = shown(filled)
    assert line(told) == {
        "s": "action",
        "t": "Blood draw, 2 tests: CK, CRP · due 10 Nov (12 d ago)",
        "f": "order them for one draw, or record why one is not possible",
        "h": "",
        "d": "18 Nov",
        "o": "",
    }
    key = next(iter(told["visits"]))
    assert [row.get("g") for row in told["rows"]] == [None, key, key, None]
    assert (told["counts"]["todo"], told["people"]["todo"]) == (4, 2)


def test_of_a_draw_that_has_begun_to_end_the_line_says_how_much(filled: Clinic) -> None:
    with writing(filled.engine) as session:
        first = session.get_one(Alert, filled.alert_ids("overdue-labs")[0])
        kept = first.model_dump(exclude={"id", "subject"})
        session.add(Alert(**kept, subject="aldolase"))
    settle_one(filled, filled.alert_ids("overdue-labs")[0])
    told = line(shown(filled))
    assert told["t"].startswith("Blood draw, 2 tests: ")
    assert told["h"] == "1 of 3 ended since"


def test_when_all_results_are_in_the_draw_is_one_line_to_look_at_once(filled: Clinic) -> None:
    for number in filled.alert_ids("overdue-labs"):
        settle_one(filled, number)
    assert shown(filled)["visits"] == {}
    told = line(shown(filled, show="settled"))
    assert (told["t"], told["h"]) == ("Blood draw, 2 tests: CK, CRP", "no longer true")
    assert told["f"].startswith("ended 07:02")


def test_an_alert_alone_needs_no_line_and_owners_that_differ_are_several(filled: Clinic) -> None:
    numbers = filled.alert_ids("overdue-labs")
    with writing(filled.engine) as session:
        session.get_one(Alert, numbers[0]).owner = "paul"
    assert line(shown(filled))["o"] == "several"
    with writing(filled.engine) as session:
        acknowledge(session, numbers[0], "paul", today=TODAY, now=NOW)
    assert shown(filled)["visits"] == {}


def test_what_one_did_to_a_draw_is_one_line_of_today_and_what_two_did_is_two(filled: Clinic) -> None:
    first, second = filled.alert_ids("overdue-labs")
    with writing(filled.engine) as session:
        acknowledge(session, first, "nora", today=TODAY, now=NOW)
        acknowledge(session, second, "nora", today=TODAY, now=NOW)
    assert line(shown(filled, show="done"))["f"] == "Acknowledged by nora 07:02"
    with writing(filled.engine) as session:
        acknowledge(session, second, "paul", today=TODAY, now=NOW)
    assert shown(filled, show="done")["visits"] == {}


def test_a_draw_is_snoozed_and_taken_back_as_one_and_each_alert_keeps_its_history(filled: Clinic) -> None:
    client = filled.client("nora")
    headers = {"X-CSRFToken": csrf_of(client)}
    numbers = filled.alert_ids("overdue-labs")
    form = {"snooze-reason": "deferred", "until": days(2).isoformat()}
    told = client.post("/alerts/act", json={"kind": "snooze", "ids": numbers, "form": form}, headers=headers).json
    assert told["said"] == "2 alerts snoozed"
    assert line(shown(filled, show="snoozed"))["h"] == f"until {days(2).day} Nov"
    filled.clock.forward(minutes=9)
    back = client.post("/alerts/undo", json=told["undo"], headers=headers).json
    assert back["said"] == "Taken back: 2 alerts"
    with Session(filled.engine) as session:
        alerts = session.exec(select(Alert).where(Alert.rule == "overdue-labs")).all()
        assert {state_of(alert, TODAY) for alert in alerts} == {"open"}
        happened = history(session, numbers)
    assert [[event.event for event in events] for events in happened.values()] == [["opened", "snoozed", "undone"]] * 2


def test_the_drawer_of_a_visit_names_each_alert_and_tells_a_shared_event_once(filled: Clinic) -> None:
    with writing(filled.engine) as session:
        for number in filled.alert_ids("overdue-labs"):
            acknowledge(session, number, "paul", today=TODAY, now=NOW)
    with reading(filled.engine) as session:
        rows = next(iter(grouped(alert_rows(session, TODAY)).values()))
        happened = history(session, [row["id"] for row in rows])
        told = words(visit_drawer(rows, happened, here(filled), TODAY, newest_event(session)))
    assert "CK was due 10 Nov 2026." in told
    assert "CRP was due 11 Nov 2026." in told
    assert told.count("by paul") == 1
    assert "CK, CRP · Reviewed" in told
    assert "Snooze all" in told
    assert "Acknowledge all" not in told


# ------------------------------------------------------------------------------------------------ what ended by itself


def result(clinic: Clinic, mrn: str, measure: str, value: float, day: dt.date, received_at: dt.datetime) -> None:
    """A result of a patient, as an import leaves it."""
    with writing(clinic.engine) as session:
        kept = session.exec(select(Observation)).first()
        assert kept is not None
        columns = kept.model_dump(exclude={"id"})
        at = dt.datetime.combine(day, dt.time(8), dt.UTC)
        columns |= {"patient_id": clinic.patients[mrn], "measure": measure, "value": value, "unit": "U/L"}
        columns |= {"effective_at": at, "effective_on": day, "received_at": received_at, "received_on": day}
        columns |= {"identity": f"{measure}{day}".encode().ljust(16)[:16], "content": f"{value}{day}".encode().ljust(8)}
        session.add(Observation(**columns))


def test_one_line_says_what_ended_by_itself_and_what_came_in(filled: Clinic) -> None:
    assert shown(filled)["settled"] is None
    ck, crp = filled.alert_ids("overdue-labs")
    result(filled, "0012", "ck", 96, days(-1), NOW - dt.timedelta(hours=1))
    result(filled, "0012", "ck", 410, days(-40), NOW - dt.timedelta(days=40))
    settle_one(filled, ck)
    settle_one(filled, crp)
    told = shown(filled)["settled"]
    assert told["ids"] == [str(crp), str(ck)]
    assert told["lead"] == "2 alerts of 1 patient ended by themselves"
    assert told["rest"] == (
        "Since 07:02. Ada Karst: overdue laboratory tests no longer true · Ada Karst: CK 96 U/L on 21 Nov"
    )
    rows = {row["id"]: row["f"] for row in shown(filled, show="settled")["rows"]}
    assert rows[str(ck)] == "ended 07:02; newest: CK 96 U/L on 21 Nov"
    assert rows[str(crp)].startswith("ended 07:02")
    assert "newest" not in rows[str(crp)]


def test_a_value_that_came_after_the_end_ended_nothing(filled: Clinic) -> None:
    ck = filled.alert_ids("overdue-labs")[0]
    settle_one(filled, ck)
    result(filled, "0012", "ck", 96, days(-1), NOW + dt.timedelta(hours=1))
    assert "CK 96" not in shown(filled)["settled"]["rest"]


def test_what_ended_follows_the_filters_and_a_corrected_result_is_named(filled: Clinic) -> None:
    with writing(filled.engine) as session:
        alert = session.get_one(Alert, filled.alert_ids("raised-troponin")[0])
        alert.withdrawn_at = alert.ended_at = NOW
        session.add(alert)
    told = shown(filled)["settled"]
    assert told["lead"] == "1 alert of 1 patient ended by itself"
    assert told["rest"] == "Since 07:02. Ben Olsen: raised troponin withdrawn, its result was corrected"
    assert shown(filled, q="karst")["settled"] is None
    assert shown(filled, show="watch")["settled"] is None


# ------------------------------------------------------------------------------------------------------------- browser

LINES = ".ag-center-cols-container .ag-row"


def count(page: Page, view: str) -> Any:
    return page.locator(f"[data-alerts-count={view}]")


@pytest.mark.browser
def test_by_keyboard_a_draw_is_unfolded_opened_acknowledged_and_taken_back(
    open_as: Callable[..., Page], filled: Clinic
) -> None:
    page = open_as("nora", "/alerts?rule=overdue-labs")
    expect(page.locator("#alerts-count")).to_have_text("2 of 4 alerts, 1 patient")
    expect(page.locator(LINES)).to_have_count(1)
    stands_still(page)
    page.keyboard.press("j")
    page.keyboard.press("e")
    expect(page.locator(LINES)).to_have_count(3)
    page.keyboard.press("e")
    expect(page.locator(LINES)).to_have_count(1)
    page.keyboard.press("o")
    expect(page.locator(".drawer")).to_contain_text("In this visit")
    page.keyboard.press("a")
    expect(page.locator(".drawer")).to_contain_text("Acknowledged by nora")
    expect(count(page, "acknowledged")).to_have_text("2")
    page.keyboard.press("Escape")
    expect(page.locator("#alerts-said")).to_contain_text("2 alerts acknowledged")
    page.keyboard.press("u")
    expect(count(page, "todo")).to_have_text("2")
    expect(page.locator(LINES)).to_have_count(1)


@pytest.mark.browser
def test_by_mouse_a_draw_is_unfolded_and_one_of_its_alerts_acted_on(
    open_as: Callable[..., Page], filled: Clinic
) -> None:
    page = open_as("nora", "/alerts")
    expect(page.locator(LINES)).to_have_count(3)
    stands_still(page)
    page.click(".fold")
    expect(page.locator(LINES)).to_have_count(5)
    assert page.locator(".drawer").count() == 0
    page.locator(".ag-row", has=page.locator(".what-part")).first.get_by_role("button", name="Acknowledge").click()
    expect(count(page, "acknowledged")).to_have_text("1")
    # An alert alone stands by itself again.
    expect(page.locator(LINES)).to_have_count(3)
    expect(page.locator(".fold")).to_have_count(0)


@pytest.mark.browser
def test_one_key_marks_all_that_ended_as_seen_and_another_takes_it_back(
    open_as: Callable[..., Page], filled: Clinic
) -> None:
    for number in filled.alert_ids("overdue-labs"):
        settle_one(filled, number)
    page = open_as("nora", "/alerts")
    line = page.locator("#alerts-settled")
    expect(line).to_contain_text("2 alerts of 1 patient ended by themselves.")
    page.keyboard.press("y")
    expect(line).to_be_hidden()
    expect(count(page, "settled")).to_have_text("0")
    expect(page.locator("#alerts-said")).to_contain_text("2 alerts marked as seen")
    page.keyboard.press("u")
    expect(line).to_contain_text("2 alerts")
    line.get_by_role("button", name="Open").click()
    expect(page.locator(LINES)).to_have_count(1)
    line.get_by_role("button", name="Mark all as seen").click()
    expect(count(page, "settled")).to_have_text("0")


@pytest.mark.browser
def test_keys_filter_the_list_into_the_address_and_the_sheet_tells_them(open_as: Callable[..., Page]) -> None:
    page = open_as("nora", "/alerts")
    expect(count(page, "todo")).to_have_text("4")
    stands_still(page)
    page.keyboard.press("f")
    page.keyboard.type("olsen")
    expect(page.locator("#alerts-count")).to_have_text("1 of 4 alerts, 1 patient")
    page.keyboard.press("Enter")
    page.keyboard.press("4")
    expect(page.locator(".chip[data-alerts-show=watch]")).to_have_attribute("aria-pressed", "true")
    assert page.url.endswith("/alerts?show=watch&q=olsen")
    page.keyboard.press("0")
    expect(page.locator("#alerts-q")).to_have_value("")
    page.keyboard.press("w")
    expect(page.locator("#alerts-count")).to_contain_text("1 of 1 alert, 1 patient")
    assert page.url.endswith("/alerts?who=none&show=watch")
    page.keyboard.press("?")
    sheet = page.locator("#keys-sheet")
    expect(sheet).to_contain_text("Acknowledge with a reason")
    expect(sheet).to_contain_text("Search a patient by name or record number")
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    expect(count(page, "acknowledged")).to_have_text("0")
