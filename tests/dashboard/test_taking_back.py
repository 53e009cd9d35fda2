"""Safe under the finger: what a page sends when somebody acts, twice, at once with somebody else, and takes it back."""

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect
from sqlmodel import Session, select

from models.accounts import add_user
from models.alert import Alert, AlertEvent
from models.alert_lifecycle import history, record, state_of
from models.database import engine_for, writing
from models.settings import Settings
from models.user import AuditEvent
from tests.dashboard.conftest import (
    NOW,
    PASSWORD,
    PEOPLE,
    TODAY,
    TOKEN,
    Clinic,
    Clock,
    csrf_of,
    days,
    fill,
    stands_still,
)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def small(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Clinic]:
    """The small clinic on either database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("filled")
        return
    from dashboard.app import create_app

    url = request.getfixturevalue("postgres_url")
    engine = engine_for(url)
    with writing(engine) as session:
        for name, role in PEOPLE.items():
            add_user(session, name, role, PASSWORD, now=NOW)
        add_user(session, "lab", "service", TOKEN, now=NOW)
        known = fill(session)
    settings = Settings(database_url=url, secret_key="0123456789abcdefghijklmnopqrstuvwxyz")
    yield Clinic(create_app(settings, engine, clock=clock), engine, clock, known)
    engine.dispose()


class Hand:
    """Somebody at a page: what it sends, and what it knows of the list."""

    def __init__(self, clinic: Clinic, name: str = "nora") -> None:
        self.client = clinic.client(name)
        self.headers = {"X-CSRFToken": csrf_of(self.client)}

    def look(self, show: str = "todo", who: str = "all") -> dict[str, Any]:
        answer = self.client.get(f"/alerts/rows?show={show}&who={who}")
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json
        return found

    def act(self, kind: str, *ids: int, seen: int | None = None, status: int = 200, **form: Any) -> dict[str, Any]:
        sent = {"kind": kind, "ids": [str(one) for one in ids], "form": form, "seen": seen}
        return self.send("/alerts/act", sent, status)

    def back(self, undo: dict[str, Any], status: int = 200) -> dict[str, Any]:
        return self.send("/alerts/undo", undo, status)

    def send(self, path: str, sent: Any, status: int) -> dict[str, Any]:
        answer = self.client.post(path, json=sent, headers=self.headers)
        assert answer.status_code == status, answer.text
        told: dict[str, Any] = answer.json
        return told


WORDS: dict[str, dict[str, Any]] = {
    "acknowledge": {},
    "snooze": {"snooze-reason": "deferred", "until": days(2).isoformat()},
    "assign": {"to": "paul"},
    "resolve": {"outcome": "acted", "note": "called"},
    "seen": {},
}
COLUMNS = set(Alert.model_fields)


def stored(clinic: Clinic, number: int) -> dict[str, Any]:
    with Session(clinic.engine) as session:
        return session.get_one(Alert, number).model_dump()


def events_of(clinic: Clinic, number: int) -> list[AlertEvent]:
    with Session(clinic.engine) as session:
        found = history(session, [number])[number]
        session.expunge_all()
    return found


def settle_it(clinic: Clinic, number: int) -> None:
    with writing(clinic.engine) as session:
        alert = session.get_one(Alert, number)
        alert.settled_at = alert.ended_at = NOW
        session.add(alert)
        record(session, alert, "settled", "myopanel", NOW)


# ----------------------------------------------------------------------------------------------------- taking back


@pytest.mark.parametrize("kind", WORDS)
def test_every_action_is_taken_back_exactly_and_the_history_keeps_both(small: Clinic, kind: str) -> None:
    number = small.alert_ids("declining-strength")[0]
    if kind == "seen":
        settle_it(small, number)
    before, told_before = stored(small, number), len(events_of(small, number))
    nora = Hand(small)
    told = nora.act(kind, number, **WORDS[kind])
    assert (told["done"], told["refused"], told["at"]) == ([str(number)], [], "07:02")
    assert stored(small, number) != before
    small.clock.forward(minutes=9)
    assert Hand(small, "paul").back(told["undo"])["said"] == "Taken back: 1 alert"
    assert stored(small, number) == before
    events = events_of(small, number)
    assert len(events) == told_before + 2
    assert (events[-1].event, events[-1].by, events[-1].at) == ("undone", "paul", NOW + dt.timedelta(minutes=9))
    assert json.loads(events[-1].detail)["undoes"] == events[-2].id


def test_an_acknowledgement_of_what_was_snoozed_is_taken_back_to_the_snooze(small: Clinic) -> None:
    number = small.alert_ids("overdue-labs")[0]
    nora = Hand(small)
    nora.act("snooze", number, **WORDS["snooze"])
    before = stored(small, number)
    told = nora.act("acknowledge", number)
    nora.back(told["undo"])
    assert stored(small, number) == before
    assert before["snoozed_until"] == days(2)


def test_many_at_once_are_one_action_and_taken_back_as_one(small: Clinic) -> None:
    ids = small.alert_ids("overdue-labs")
    nora = Hand(small)
    told = nora.act("acknowledge", *ids)
    assert told["said"] == "2 alerts acknowledged"
    assert nora.look()["counts"]["todo"] == 2
    assert nora.back(told["undo"])["said"] == "Taken back: 2 alerts"
    assert nora.look()["counts"]["todo"] == 4
    with Session(small.engine) as session:
        written = session.exec(select(AuditEvent.action).where(AuditEvent.by == "nora")).all()
    assert written.count("took back an action") == 1


def test_what_was_done_stands_under_done_today_until_midnight_and_is_taken_back_there(small: Clinic) -> None:
    number, other = small.alert_ids("overdue-labs")
    nora = Hand(small)
    nora.act("resolve", number, **WORDS["resolve"])
    Hand(small, "paul").act("assign", other, to="nora")
    small.clock.forward(hours=3)
    nora = Hand(small)
    seen = nora.look("done")
    assert [(row["id"], row["f"]) for row in seen["rows"]] == [
        (str(other), "Assigned by paul 07:02"),
        (str(number), "Resolved by nora 07:02"),
    ]
    assert seen["counts"]["done"] == 2
    assert [row["id"] for row in nora.look("done", "mine")["rows"]] == [str(number)]
    nora.back({"events": [seen["rows"][1]["u"]]})
    assert [row["id"] for row in nora.look("done")["rows"]] == [str(other)]
    small.clock.forward(hours=20)
    assert Hand(small).look("done")["rows"] == []


def test_nothing_is_taken_back_twice_and_the_second_is_told_who_was_first(small: Clinic) -> None:
    number = small.alert_ids()[0]
    nora = Hand(small)
    told = nora.act("acknowledge", number)
    Hand(small, "paul").back(told["undo"])
    before = stored(small, number)
    assert nora.back(told["undo"])["refused"] == ["paul has taken this back already."]
    assert stored(small, number) == before


def test_an_action_somebody_built_upon_is_not_taken_back_from_under_them(small: Clinic) -> None:
    number = small.alert_ids()[0]
    nora = Hand(small)
    told = nora.act("acknowledge", number)
    later = Hand(small, "paul").act("assign", number, to="paul")
    refused = nora.back(told["undo"])["refused"]
    assert refused == [f"paul assigned it since (alert {number}). Take that back first."]
    nora.back(later["undo"])
    assert nora.back(told["undo"])["said"] == "Taken back: 1 alert"
    assert stored(small, number)["acknowledged_at"] is None


def test_what_got_worse_since_is_not_taken_back(small: Clinic) -> None:
    number = small.alert_ids()[0]
    nora = Hand(small)
    told = nora.act("acknowledge", number)
    with writing(small.engine) as session:
        alert = session.get_one(Alert, number)
        alert.acknowledged_at = alert.acknowledged_by = alert.lapses_on = None
        alert.worsened_at = NOW
        session.add(alert)
        record(session, alert, "worsened", "myopanel", NOW)
    before = stored(small, number)
    assert "has changed by itself since (worsened)" in nora.back(told["undo"])["refused"][0]
    assert stored(small, number) == before


def test_a_resolved_alert_is_not_taken_back_over_a_newer_episode(small: Clinic) -> None:
    number = small.alert_ids("raised-troponin")[0]
    nora = Hand(small)
    told = nora.act("resolve", number, **WORDS["resolve"])
    with writing(small.engine) as session:
        old = session.get_one(Alert, number)
        kept = {
            "patient_id",
            "rule",
            "subject",
            "rule_version",
            "severity",
            "explanation",
            "opened_for",
            "last_true_on",
        }
        session.add(Alert(**old.model_dump(include=kept), opened_at=NOW))
    assert "A newer episode" in nora.back(told["undo"])["refused"][0]
    assert stored(small, number)["resolved_by"] == "nora"


# ------------------------------------------------------------------------------------------ twice, and two at once


def test_a_key_pressed_twice_is_one_acknowledgement(small: Clinic) -> None:
    number = small.alert_ids()[0]
    nora = Hand(small)
    seen = nora.look()["seen"]
    first = nora.act("acknowledge", number, seen=seen)
    before = stored(small, number)
    small.clock.forward(seconds=1)
    second = nora.act("acknowledge", number, seen=seen)
    assert (second["done"], second["refused"], second["undo"]) == ([str(number)], [], first["undo"])
    assert stored(small, number) == before
    assert [event.event for event in events_of(small, number)] == ["opened", "acknowledged"]


@pytest.mark.parametrize("kind", ["acknowledge", "snooze", "assign", "resolve"])
def test_of_two_people_at_once_the_second_is_told_and_changes_nothing(small: Clinic, kind: str) -> None:
    number = small.alert_ids("declining-strength")[0]
    nora, paul = Hand(small), Hand(small, "paul")
    seen = nora.look()["seen"]
    assert paul.look()["seen"] == seen
    paul.act("acknowledge", number, seen=seen)
    before = stored(small, number)
    told = nora.act(kind, number, seen=seen, **WORDS[kind])
    assert told["done"] == []
    assert told["refused"] == [
        f"Ada Karst: paul acknowledged it while your list was open (alert {number}). Nothing was changed."
    ]
    assert stored(small, number) == before
    # Having looked again, she may.
    assert nora.act(kind, number, seen=nora.look()["seen"], **WORDS[kind])["done"] == [str(number)]


def test_of_many_only_those_that_somebody_else_took_are_refused(small: Clinic) -> None:
    first, second = small.alert_ids("overdue-labs")
    nora, paul = Hand(small), Hand(small, "paul")
    seen = nora.look()["seen"]
    paul.act("resolve", first, seen=seen, **WORDS["resolve"])
    told = nora.act("acknowledge", first, second, seen=seen)
    assert told["done"] == [str(second)]
    assert len(told["refused"]) == 1


@pytest.mark.parametrize("sent", [None, [], {"kind": "acknowledge"}, {"kind": "x", "ids": [1]}, {"ids": "1"}, "x"])
def test_what_is_no_action_is_refused_in_words(small: Clinic, sent: Any) -> None:
    assert Hand(small).send("/alerts/act", sent, 422)["refused"] == ["Choose an alert and an action first."]


def test_an_unknown_alert_is_refused_and_the_others_are_done(small: Clinic) -> None:
    number = small.alert_ids()[0]
    told = Hand(small).act("acknowledge", number, 999)
    assert (told["done"], told["refused"]) == ([str(number)], ["There is no alert 999."])


def test_a_viewer_can_neither_act_nor_take_back_and_nobody_without_the_pages_token(small: Clinic) -> None:
    number = small.alert_ids()[0]
    told = Hand(small).act("acknowledge", number)
    vera = Hand(small, "vera")
    for path in ("/alerts/act", "/alerts/undo"):
        assert vera.client.post(path, json=told["undo"], headers=vera.headers).status_code == 403
        assert small.client("nora").post(path, json={}).status_code in {400, 403}
    assert state_of(Alert(**stored(small, number)), TODAY) == "acknowledged"


# ------------------------------------------------------------------------------------------------------- in a browser


CALLBACKS = re.compile("/_dash-update-component")


def count(page: Page, view: str) -> Any:
    return page.locator(f"[data-alerts-count={view}]")


@pytest.mark.browser
def test_a_key_held_down_acknowledges_one_alert_and_u_takes_it_back(open_as: Callable[..., Page]) -> None:
    page = open_as("nora", "/alerts")
    expect(count(page, "todo")).to_have_text("4")
    stands_still(page)
    page.keyboard.press("j")
    page.keyboard.down("a")
    page.keyboard.down("a")
    page.keyboard.up("a")
    page.keyboard.press("a")
    expect(page.locator("#alerts-said")).to_have_text("Ada Karst: acknowledged · saved 07:02")
    expect(count(page, "todo")).to_have_text("3")
    expect(count(page, "done")).to_have_text("1")
    page.keyboard.press("u")
    expect(count(page, "todo")).to_have_text("4")
    expect(page.locator("#alerts-said")).to_contain_text("taken back")


@pytest.mark.browser
def test_the_second_of_two_people_is_told_in_the_list(open_as: Callable[..., Page], filled: Clinic) -> None:
    page = open_as("nora", "/alerts")
    expect(count(page, "todo")).to_have_text("4")
    Hand(filled, "paul").act("acknowledge", filled.alert_ids("declining-strength")[0])
    page.locator(".row-actions button", has_text="Ack").first.click()
    expect(page.locator("#alerts-refusals")).to_contain_text("paul acknowledged it while your list was open")
    expect(count(page, "todo")).to_have_text("3")


@pytest.mark.browser
def test_a_dialog_begins_at_its_first_field_keeps_what_was_typed_and_a_selection_ends_with_the_action(
    open_as: Callable[..., Page],
) -> None:
    page = open_as("nora", "/alerts?show=action")
    expect(count(page, "action")).to_have_text("2")
    page.locator(".ag-header .ag-checkbox-input").click()
    page.keyboard.press("s")
    expect(page.locator("#alerts-snooze-reason")).to_be_focused()
    page.locator("#alerts-note").type("the family is away")
    page.keyboard.press("Escape")
    asked = page.locator(".ask-discard")
    expect(asked.get_by_text("Keep writing")).to_be_focused()
    page.keyboard.press("Enter")
    expect(asked).to_have_count(0)
    expect(page.locator("#alerts-note")).to_have_value("the family is away")
    page.locator("#alerts-snooze-reason").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#alerts-apply")).to_have_count(0)
    expect(count(page, "snoozed")).to_have_text("2")
    expect(page.locator("#alerts-bulk")).to_be_hidden()
    assert page.locator(".ag-row-selected").count() == 0


@pytest.mark.browser
def test_what_was_typed_is_thrown_away_only_when_asked_and_the_drawer_below_stays(open_as: Callable[..., Page]) -> None:
    page = open_as("nora", "/alerts")
    expect(count(page, "todo")).to_have_text("4")
    stands_still(page)
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.locator(".drawer [data-alerts-act=comment]").click()
    expect(page.locator("#alerts-note")).to_be_focused()
    page.keyboard.type("half a thought")
    page.keyboard.press("Escape")
    page.locator(".ask-discard").get_by_role("button", name="Throw away").click()
    expect(page.locator("#alerts-apply")).to_have_count(0)
    expect(page.locator(".drawer")).to_be_visible()
    page.keyboard.press("a")
    back = page.locator(".drawer [data-alerts-undo]")
    expect(back).to_have_text("Undo: acknowledged by nora 07:02")
    back.click()
    expect(back).to_have_count(0)
    expect(page.locator(".drawer")).to_contain_text("Taken back: acknowledged")
    expect(count(page, "todo")).to_have_text("4")


@pytest.mark.browser
def test_while_the_next_patient_loads_nothing_of_the_last_is_on_the_screen_or_can_be_clicked(
    open_as: Callable[..., Page],
) -> None:
    page = open_as("nora", "/patients/0012")
    expect(page.locator("main h1").first).to_contain_text("Ada Karst")
    held: list[Route] = []

    def hold(route: Route) -> None:
        body = route.request.post_data or ""
        if "shell-page.children" in body:
            held.append(route)
        else:
            route.continue_()

    page.route(CALLBACKS, hold)
    page.evaluate("window.myopanelGo('/patients/0044')")
    expect(page.locator("#shell-loading")).to_contain_text("Loading patient 0044")
    expect(page.locator("main h1").first).to_be_hidden()
    assert page.evaluate("document.getElementById('shell-page').inert")
    assert "Karst" not in page.evaluate("document.body.innerText")
    # To a third one, before the second came: whose answer, coming late, is not shown either.
    page.evaluate("window.myopanelGo('/patients/0050')")
    expect(page.locator("#shell-loading")).to_contain_text("Loading patient 0050")
    for _ in range(200):
        if len(held) == 2:
            break
        page.wait_for_timeout(25)
    with page.expect_response(CALLBACKS) as late:
        held[0].continue_()
    assert late.value.ok
    expect(page.locator("#shell-loading")).to_be_visible()
    expect(page.locator("main h1").first).to_be_hidden()
    held[1].continue_()
    expect(page.locator("html[data-loading]")).to_have_count(0)
    expect(page.locator("main h1").first).to_contain_text("Cem Demir")
    assert "Olsen" not in page.evaluate("document.body.innerText")
