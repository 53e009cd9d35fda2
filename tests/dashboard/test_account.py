"""Accounts: one's own password, and what an administrator may do to the accounts of others."""

from typing import Any

import pytest
from sqlmodel import select

from dashboard.pages import account, users
from models.database import reading
from models.errors import ActionRefused
from models.user import AuditEvent, User
from tests.dashboard.conftest import PASSWORD, Clinic, call, sign_in
from tests.dashboard.shown import here, rows

NEW = "quite another password"


def user(clinic: Clinic, name: str) -> User:
    with reading(clinic.engine) as session:
        found = session.exec(select(User).where(User.name == name)).one()
        session.expunge(found)
        return found


def test_a_new_password_opens_and_the_old_one_does_not_and_all_sessions_end(clinic: Clinic) -> None:
    before = clinic.client("nora")
    account.change_password(here(clinic), PASSWORD, NEW, NEW)
    assert before.get("/").status_code != 200
    assert sign_in(clinic.client(), "nora").status_code != 303
    assert sign_in(clinic.client(), "nora", NEW).status_code == 303


@pytest.mark.parametrize(
    ("now", "new", "again", "why"),
    [
        ("wrong", NEW, NEW, "wrong"),
        (PASSWORD, NEW, NEW + "x", "differ"),
        (PASSWORD, PASSWORD, PASSWORD, "present one"),
        (PASSWORD, "short", "short", "at least"),
    ],
)
def test_a_password_that_will_not_do_is_refused(clinic: Clinic, now: str, new: str, again: str, why: str) -> None:
    with pytest.raises(ActionRefused, match=why):
        account.change_password(here(clinic), now, new, again)
    assert sign_in(clinic.client(), "nora").status_code == 303


def test_guessing_the_present_password_is_counted_like_a_failed_sign_in(clinic: Clinic) -> None:
    for _ in range(5):
        with pytest.raises(ActionRefused):
            account.change_password(here(clinic), "guess", NEW, NEW)
    assert user(clinic, "nora").failed_attempts == 5
    with pytest.raises(ActionRefused, match="wait"):
        account.change_password(here(clinic), PASSWORD, NEW, NEW)


def test_an_administrator_adds_an_account_whose_password_is_shown_once(clinic: Clinic) -> None:
    secret = users.add_account(here(clinic, "ada"), "zoe", "Zoe", "", "nurse")
    assert sign_in(clinic.client(), "zoe", secret).status_code == 303
    with reading(clinic.engine) as session:
        told = [event.detail for event in session.exec(select(AuditEvent))]
    assert "zoe, nurse" in told
    assert not any(secret in detail for detail in told)


def test_a_new_password_replaces_the_old_one(clinic: Clinic) -> None:
    role, secret = users.new_secret(here(clinic, "ada"), "vera")
    assert role == "viewer"
    assert sign_in(clinic.client(), "vera", secret).status_code == 303


def test_a_disabled_account_cannot_sign_in_until_it_is_enabled(clinic: Clinic) -> None:
    users.switch(here(clinic, "ada"), "nora", on=False)
    assert sign_in(clinic.client(), "nora").status_code != 303
    users.switch(here(clinic, "ada"), "nora", on=True)
    assert sign_in(clinic.client(), "nora").status_code == 303


def test_an_administrator_cannot_lock_out_themselves_or_the_last_one(clinic: Clinic) -> None:
    with pytest.raises(ActionRefused, match="your own"):
        users.switch(here(clinic, "ada"), "ada", on=False)
    with pytest.raises(ActionRefused, match="last administrator"):
        users.switch(here(clinic, "paul"), "ada", on=False)
    with pytest.raises(ActionRefused, match="under Account"):
        users.new_secret(here(clinic, "ada"), "ada")


def test_the_list_shows_everybody_and_what_can_be_done(clinic: Clinic) -> None:
    told = {row[0].split()[0]: row for row in rows(users.account_list(here(clinic, "ada")))}
    assert told["ada"][5] == "you"
    assert told["lab"][5] == "New token Disable"
    assert told["nora"][3] == "may sign in"


@pytest.mark.parametrize("name", ["nora", "paul", "vera"])
def test_only_administrators_reach_the_accounts(clinic: Clinic, name: str) -> None:
    client = clinic.client(name)
    outputs = [key for key in clinic.app.callback_roles if "users-" in key]
    assert {call(client, output).status_code for output in outputs} == {403}


@pytest.mark.browser
def test_a_page_that_is_not_for_me_says_for_whom_it_is(open_as: Any) -> None:
    page = open_as("nora", "/users")
    page.get_by_text("This page is not open to you").wait_for()
    page.get_by_text("sign in as admin").wait_for()
    page.get_by_role("link", name="Go to the panel").click()
    page.wait_for_selector("#panel-grid, .panel-grid, .ag-root")
