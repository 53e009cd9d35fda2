"""Away, covered, back: alerts change hands at once, remember whose they were, and keep it in their history."""

import json
from typing import Any

import pytest
from sqlmodel import Session, select

from dashboard.acting import act, take_back
from dashboard.cli import main
from dashboard.pages import account
from dashboard.pages.users import switch
from jobs.unanswered import follow_up
from models.absence import Absence, absences, come_back, go_away, pass_on, stand_ins
from models.accounts import disable_user
from models.alert import Alert
from models.alert_lifecycle import history
from models.database import reading, writing
from models.errors import ActionRefused
from tests.dashboard.conftest import NOW, TODAY, Clinic, days
from tests.dashboard.shown import here, words


def owned(clinic: Clinic, number: int) -> tuple[str | None, str | None]:
    with Session(clinic.engine) as session:
        alert = session.get_one(Alert, number)
        return alert.owner, alert.lent_by


def events(clinic: Clinic, number: int) -> list[tuple[str, str]]:
    with Session(clinic.engine) as session:
        return [(event.event, event.by) for event in history(session, [number])[number]]


def given_to(clinic: Clinic, name: str) -> int:
    number = clinic.alert_ids("declining-strength")[0]
    assert act(here(clinic), "assign", [number], {"to": name})[1] == []
    return number


def away(clinic: Clinic, name: str, first: int, last: int, cover: str) -> Absence:
    with writing(clinic.engine) as session:
        made = go_away(
            session, name, begins_on=days(first), ends_on=days(last), cover=cover, by=name, today=TODAY, now=NOW
        )
        session.expunge(made)
    return made


def refused(clinic: Clinic, *how: Any) -> str:
    with pytest.raises(ActionRefused) as why:
        away(clinic, *how)
    return str(why.value)


def test_from_the_minute_somebody_is_away_their_alerts_are_with_who_stands_in_and_come_back(filled: Clinic) -> None:
    number = given_to(filled, "nora")
    absence = away(filled, "nora", 0, 3, "paul")
    assert owned(filled, number) == ("paul", "nora")
    with writing(filled.engine) as session:
        assert pass_on(session, today=days(3), now=NOW) == 0  # the last day is one away
        assert pass_on(session, today=days(4), now=NOW) == 1
        assert pass_on(session, today=days(4), now=NOW) == 0
    assert owned(filled, number) == ("nora", None)
    assert events(filled, number)[-2:] == [("passed on", "myopanel"), ("came back", "myopanel")]
    with writing(filled.engine) as session:
        pass_on(session, today=TODAY, now=NOW)
        come_back(session, absence.id or 0, by="nora", today=TODAY, now=NOW)
    assert owned(filled, number) == ("nora", None)


def test_an_absence_to_come_begins_on_its_day_with_the_list_and_with_the_follow_up(filled: Clinic) -> None:
    number = given_to(filled, "nora")
    away(filled, "nora", 1, 2, "paul")
    assert owned(filled, number) == ("nora", None)
    filled.clock.forward(days=1)
    assert filled.client("paul").get("/alerts/rows?who=mine").json["counts"]["todo"] == 1
    assert owned(filled, number) == ("paul", "nora")
    filled.clock.forward(days=2)
    with writing(filled.engine) as session:
        follow_up(session, filled.clock.now, filled.app.settings)
    assert owned(filled, number) == ("nora", None)


def test_what_was_given_on_by_hand_meanwhile_or_has_ended_stays_where_it_is(filled: Clinic) -> None:
    number = given_to(filled, "nora")
    other = filled.alert_ids("raised-troponin")[0]
    act(here(filled), "assign", [other], {"to": "nora"})
    absence = away(filled, "nora", 0, 3, "paul")
    act(here(filled, "paul"), "assign", [number], {"to": "ada"})
    act(here(filled, "paul"), "resolve", [other], {"outcome": "acted"})
    with writing(filled.engine) as session:
        come_back(session, absence.id or 0, by="nora", today=TODAY, now=NOW)
    assert owned(filled, number) == ("ada", None)
    assert owned(filled, other)[0] == "paul"


def test_who_stands_in_may_be_away_too_and_two_for_each_other_are_nobody(filled: Clinic) -> None:
    number = given_to(filled, "nora")
    away(filled, "nora", 0, 3, "paul")
    absence = away(filled, "paul", 0, 1, "ada")
    assert owned(filled, number) == ("ada", "nora")
    with writing(filled.engine) as session:
        come_back(session, absence.id or 0, by="paul", today=TODAY, now=NOW)
    away(filled, "paul", 0, 1, "nora")
    with reading(filled.engine) as session:
        assert stand_ins(session, TODAY) == {"nora": None, "paul": None}


def test_when_an_account_is_disabled_its_alerts_go_to_everybody_and_back_when_it_is_enabled(filled: Clinic) -> None:
    number = given_to(filled, "nora")
    switch(here(filled, "ada"), "nora", on=False)
    assert owned(filled, number) == (None, "nora")
    assert events(filled, number)[-1] == ("passed on", "myopanel")
    switch(here(filled, "ada"), "nora", on=True)
    assert owned(filled, number) == ("nora", None)


def test_what_is_given_to_somebody_away_goes_to_who_stands_in_and_is_taken_back_exactly(filled: Clinic) -> None:
    away(filled, "paul", 0, 3, "ada")
    number = filled.alert_ids("declining-strength")[0]
    done, _, undoing = act(here(filled), "assign", [number], {"to": "paul"})
    assert done == [number]
    assert owned(filled, number) == ("ada", "paul")
    assert take_back(here(filled), {"events": undoing})["said"] == "Taken back: 1 alert"
    assert owned(filled, number) == (None, None)


def test_an_absence_that_cannot_be_is_refused_in_words(filled: Clinic) -> None:
    assert "stands in for themselves" in refused(filled, "nora", 0, 1, "nora")
    assert "last day away lies before" in refused(filled, "nora", 2, 1, "paul")
    assert "days are over" in refused(filled, "nora", -3, -1, "paul")
    assert "366 days at most" in refused(filled, "nora", 0, 400, "paul")
    assert "viewer" in refused(filled, "nora", 0, 1, "vera")
    assert "no user 'nobody'" in refused(filled, "nora", 0, 1, "nobody")
    away(filled, "nora", 3, 5, "paul")
    assert "away from 2026-11-25 to 2026-11-27 already" in refused(filled, "nora", 5, 9, "paul")
    away(filled, "nora", 6, 9, "paul")
    with writing(filled.engine) as session:
        disable_user(session, "paul", now=NOW)
    assert "disabled" in refused(filled, "nora", 20, 21, "paul")


def test_on_the_account_page_one_is_away_and_back_and_ends_nobody_elses_absence(filled: Clinic) -> None:
    number = given_to(filled, "nora")
    told = account.be_away(here(filled), TODAY.isoformat(), days(2).isoformat(), "paul")
    assert told == "You are away from 22 Nov to 24 Nov; paul stands in."
    with reading(filled.engine) as session:
        (mine,) = absences(session, TODAY, name="nora")
    assert "22 Nov to 24 Nov, paul stands in. I am back" in words(account._away(here(filled)))
    with pytest.raises(ActionRefused):
        account.be_back(here(filled, "paul"), mine.id or 0)
    assert "yours again" in account.be_back(here(filled), mine.id or 0)
    assert owned(filled, number) == ("nora", None)
    with pytest.raises(ActionRefused, match="Say the first day"):
        account.be_away(here(filled), None, None, "paul")


def test_the_commands_say_who_is_away_and_end_it(
    filled: Clinic, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MYOPANEL_DATABASE_URL", filled.engine.url.render_as_string(hide_password=False))
    monkeypatch.setattr("dashboard.cli.utc_now", lambda: NOW)
    number = given_to(filled, "nora")
    assert main(["user", "away", "nora", "--to", "2026-11-24", "--cover", "paul"]) == 0
    capsys.readouterr()
    assert main(["user", "away", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"name": "nora", "from": "2026-11-22", "to": "2026-11-24", "cover": "paul"}
    ]
    assert owned(filled, number) == ("paul", "nora")
    assert main(["alert", "assign", str(number), "--to", "nora", "--by", "paul"]) == 0
    assert owned(filled, number) == ("paul", "nora")
    assert main(["user", "away", "nora", "--to", "soon", "--cover", "paul"]) == 2
    assert main(["user", "back", "nora"]) == 0
    assert main(["user", "back", "nora"]) == 2
    assert owned(filled, number) == ("nora", None)
    assert main(["user", "disable", "nora"]) == 0
    assert owned(filled, number) == (None, "nora")
    with Session(filled.engine) as session:
        assert session.exec(select(Absence.cancelled_by)).one() == "command line"
