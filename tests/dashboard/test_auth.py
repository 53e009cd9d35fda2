"""Who gets in, what each role may do, and how a session ends."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from dashboard.auth import _local
from dashboard.secure import Page, roles
from models.accounts import add_user, check_password, disable_user, set_password
from models.database import writing
from models.errors import ActionRefused
from models.user import AuditEvent, User, UserSession
from tests.dashboard.conftest import PASSWORD, TOKEN, Clinic, call, csrf_of, form_token, sign_in

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def audited(clinic: Clinic) -> list[tuple[str, str]]:
    with Session(clinic.engine) as session:
        return [(event.by, event.action) for event in session.exec(select(AuditEvent))]


# ------------------------------------------------------------------------------------------------------ signing in


def test_a_stranger_is_sent_to_the_sign_in_and_back_to_where_they_were_going(clinic: Clinic) -> None:
    client = clinic.client()
    away = client.get("/alerts?show=snoozed")
    assert away.status_code == 302
    assert away.location == "/sign-in?next=/alerts%3Fshow%3Dsnoozed"
    back = sign_in(client, "nora", next="/alerts?show=snoozed")
    assert back.location == "/alerts?show=snoozed"


@pytest.mark.parametrize(("name", "home"), [("nora", "/alerts"), ("paul", "/"), ("ada", "/"), ("vera", "/")])
def test_signing_in_brings_a_nurse_to_her_list_and_everybody_else_to_the_panel(
    clinic: Clinic, name: str, home: str
) -> None:
    client = clinic.client()
    assert client.get("/").location == "/sign-in"
    assert sign_in(client, name).location == home


@pytest.mark.parametrize("path", ["/_dash-layout", "/_dash-dependencies", "/_favicon.ico"])
def test_a_stranger_learns_nothing_of_the_application(clinic: Clinic, path: str) -> None:
    assert clinic.client().get(path).status_code == 401


def test_a_stranger_cannot_call_a_callback(clinic: Clinic) -> None:
    client = clinic.client()
    assert client.post("/_dash-update-component", json={"output": "shell-page.children"}).status_code == 401


def test_styles_of_the_sign_in_page_need_no_session(clinic: Clinic) -> None:
    assert clinic.client().get("/assets/myopanel.css").status_code == 200


def test_the_sign_in_page_works_without_scripts_and_names_no_demo_accounts_in_a_clinic(clinic: Clinic) -> None:
    text = clinic.client().get("/sign-in").text
    assert "<form" in text
    assert "Demo clinic" not in text


def test_the_right_password_starts_a_session_and_is_put_on_record(clinic: Clinic) -> None:
    client = clinic.client("nora")
    assert client.get("/").status_code == 200
    cookie = client.get_cookie("myopanel_session")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    assert ("nora", "signed in") in audited(clinic)


def test_the_database_holds_no_secret_that_opens_a_session(clinic: Clinic) -> None:
    client = clinic.client("nora")
    cookie = client.get_cookie("myopanel_session")
    assert cookie is not None
    with Session(clinic.engine) as session:
        assert cookie.value not in {row.id for row in session.exec(select(UserSession))}
        assert all(PASSWORD not in user.password_hash for user in session.exec(select(User)))


@pytest.mark.parametrize("name", ["nora", "nobody", ""])
def test_a_wrong_password_and_an_unknown_name_look_the_same(clinic: Clinic, name: str) -> None:
    answer = sign_in(clinic.client(), name, "wrong")
    assert answer.status_code == 401
    assert "Name or password is not right" in answer.text
    assert answer.headers.get("Set-Cookie", "").find("myopanel_session") < 0


def test_trying_passwords_out_costs_whoever_stole_them_memory_and_time(real_hasher: Callable[[], Any]) -> None:
    from argon2 import extract_parameters

    kept = extract_parameters(real_hasher().hash("correct horse"))
    assert kept.type.name == "ID"
    assert kept.memory_cost >= 19 * 1024  # KiB: OWASP's least for two passes
    assert kept.time_cost >= 2


def test_failed_sign_ins_are_on_record(clinic: Clinic) -> None:
    sign_in(clinic.client(), "nora", "wrong")
    assert ("nora", "sign-in refused") in audited(clinic)


def test_five_wrong_passwords_lock_the_account_for_a_minute_even_for_the_right_one(clinic: Clinic) -> None:
    for _ in range(5):
        sign_in(clinic.client(), "nora", "wrong")
    assert sign_in(clinic.client(), "nora").status_code == 401
    clinic.clock.forward(seconds=61)
    assert sign_in(clinic.client(), "nora").status_code == 303


def test_each_further_wrong_password_locks_for_longer_up_to_a_quarter_of_an_hour(clinic: Clinic) -> None:
    with writing(clinic.engine) as session:
        spans = []
        for _ in range(12):
            check_password(session, "nora", "wrong", now=clinic.clock.now)
            user = session.exec(select(User).where(User.name == "nora")).one()
            if user.locked_until is not None:
                spans.append(round((user.locked_until - clinic.clock.now).total_seconds() / 60))
                clinic.clock.now = user.locked_until
    assert spans == [1, 2, 4, 8, 15, 15, 15, 15]


def test_a_form_from_elsewhere_is_refused(clinic: Clinic) -> None:
    client = clinic.client()
    client.get("/sign-in")
    answer = client.post("/sign-in", data={"name": "nora", "password": PASSWORD, "csrf": "0" * 64})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("address", "leads_to"),
    [
        ("/alerts?show=snoozed", "/alerts?show=snoozed"),
        ("https://elsewhere.example/", ""),
        ("//elsewhere.example/", ""),
        ("/\\elsewhere.example", ""),
        ("/a\r\nSet-Cookie: x", ""),
        ("javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_after_sign_in_nobody_is_led_away_from_here(address: str, leads_to: str) -> None:
    assert _local(address) == leads_to


def test_a_disabled_account_is_out_at_once(clinic: Clinic) -> None:
    client = clinic.client("nora")
    with writing(clinic.engine) as session:
        disable_user(session, "nora", now=clinic.clock.now)
    assert client.get("/").status_code == 302
    assert sign_in(clinic.client(), "nora").status_code == 401


def test_a_new_password_ends_the_sessions_begun_with_the_old_one(clinic: Clinic) -> None:
    client = clinic.client("nora")
    with writing(clinic.engine) as session:
        set_password(session, "nora", "another long password", now=clinic.clock.now)
    assert client.get("/").status_code == 302
    assert sign_in(clinic.client(), "nora", "another long password").status_code == 303


@pytest.mark.parametrize(
    ("name", "role", "secret", "says"),
    [
        ("nora", "nurse", PASSWORD, "already"),
        ("new", "queen", PASSWORD, "no role"),
        ("new", "nurse", "short", "at least 8"),
        ("a b", "nurse", PASSWORD, "cannot be a user name"),
    ],
)
def test_an_account_that_cannot_be_is_refused_with_the_reason(
    clinic: Clinic, name: str, role: str, secret: str, says: str
) -> None:
    with pytest.raises(ActionRefused, match=says), writing(clinic.engine) as session:
        add_user(session, name, role, secret, now=clinic.clock.now)


# --------------------------------------------------------------------------------------------------- how a session ends


def test_signing_out_ends_the_session_on_the_server(clinic: Clinic) -> None:
    client = clinic.client("nora")
    token = csrf_of(client)
    secret = client.get_cookie("myopanel_session")
    assert secret is not None
    assert client.post("/sign-out", data={"csrf": token}).status_code == 303
    client.set_cookie("myopanel_session", secret.value)
    assert client.get("/").status_code == 302
    assert ("nora", "signed out") in audited(clinic)


def test_signing_out_needs_the_token_so_that_no_other_site_can_do_it(clinic: Clinic) -> None:
    client = clinic.client("nora")
    csrf_of(client)
    assert client.post("/sign-out").status_code == 403
    assert client.get("/").status_code == 200


def test_a_session_left_idle_ends(clinic: Clinic) -> None:
    client = clinic.client("nora")
    clinic.clock.forward(minutes=31)
    assert client.get("/").status_code == 302


def test_what_the_person_does_keeps_the_session(clinic: Clinic) -> None:
    client = clinic.client("nora")
    for _ in range(4):
        clinic.clock.forward(minutes=20)
        assert client.get("/").status_code == 200


BAR = "..shell-nav.children...shell-fresh.children...shell-fresh.className...shell-banner.children.."


def poll(client: object, clinic: Clinic, **headers: str) -> int:
    inputs = [
        {"id": "shell-url", "property": "pathname", "value": "/"},
        {"id": "shell-tick", "property": "n_intervals", "value": 3},
        {"id": "shell-refresh", "property": "data", "value": None},
    ]
    outputs = [{"id": one.split(".")[0], "property": one.split(".")[1]} for one in re.findall(r"[\w-]+\.[\w]+", BAR)]
    cookie = client.get_cookie("_csrf_token")  # type: ignore[attr-defined]
    answer = client.post(  # type: ignore[attr-defined]
        "/_dash-update-component",
        json={"output": BAR, "outputs": outputs, "inputs": inputs, "changedPropIds": ["shell-tick.n_intervals"]},
        headers={"X-CSRFToken": cookie.value} | headers,
    )
    return int(answer.status_code)


def test_a_page_that_refreshes_itself_does_not_keep_the_session(clinic: Clinic) -> None:
    client = clinic.client("nora")
    csrf_of(client)
    for minutes in (10, 10, 9):
        clinic.clock.forward(minutes=minutes)
        assert poll(client, clinic) == 200
    clinic.clock.forward(minutes=2)
    assert poll(client, clinic) == 401


def test_a_page_that_says_nobody_has_touched_it_for_minutes_does_not_keep_the_session(clinic: Clinic) -> None:
    client = clinic.client("nora")
    csrf_of(client)
    clinic.clock.forward(minutes=29)
    assert client.get("/", headers={"X-Myopanel-Idle": "900"}).status_code == 200
    clinic.clock.forward(minutes=2)
    assert client.get("/").status_code == 302


def test_a_page_whose_reader_is_active_keeps_the_session_even_while_it_refreshes_itself(clinic: Clinic) -> None:
    client = clinic.client("nora")
    csrf_of(client)
    clinic.clock.forward(minutes=29)
    assert poll(client, clinic, **{"X-Myopanel-Idle": "4"}) == 200
    clinic.clock.forward(minutes=29)
    assert client.get("/").status_code == 200


def test_a_session_ends_after_twelve_hours_whatever_happens(clinic: Clinic) -> None:
    client = clinic.client("nora")
    for _ in range(36):
        clinic.clock.forward(minutes=20)
        client.get("/")
    clinic.clock.forward(minutes=1)
    assert client.get("/").status_code == 302


# ----------------------------------------------------------------------------------------------------- roles and tokens


def test_a_callback_needs_the_token_of_the_session(clinic: Clinic) -> None:
    client = clinic.client("nora")
    answer = client.post("/_dash-update-component", json={"output": BAR})
    assert answer.status_code == 403


def test_an_unknown_callback_is_refused(clinic: Clinic) -> None:
    assert call(clinic.client("nora"), "made-up.children").status_code == 403


def acting_callbacks(clinic: Clinic) -> list[str]:
    return [key for key, allowed in clinic.app.callback_roles.items() if "viewer" not in allowed]


def test_a_viewer_cannot_call_anything_that_changes_something(clinic: Clinic) -> None:
    client = clinic.client("vera")
    callbacks = acting_callbacks(clinic)
    assert any(key.startswith(("patient-act", "..patient-act")) for key in callbacks)
    assert {call(client, key).status_code for key in callbacks} == {403}
    headers = {"X-CSRFToken": csrf_of(client)}
    for path in ("/alerts/act", "/alerts/undo"):
        assert client.post(path, json={}, headers=headers).status_code == 403


def test_every_server_callback_names_its_roles(clinic: Clinic) -> None:
    served = {key for key, entry in clinic.app.callback_map.items() if entry.get("callback")}
    assert served
    assert served == set(clinic.app.callback_roles)


def test_a_callback_without_roles_is_refused_where_it_is_written(clinic: Clinic) -> None:
    from dash import Input, Output

    with pytest.raises(TypeError, match="needs roles"):
        clinic.app.callback(Output("a", "children"), Input("b", "n_clicks"))


def test_a_route_that_says_nothing_about_roles_stops_the_start(clinic: Clinic) -> None:
    clinic.app.server._got_first_request = False
    clinic.app.server.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    with pytest.raises(RuntimeError, match="/forgotten"):
        clinic.app.check()


def test_a_page_without_roles_is_refused(clinic: Clinic) -> None:
    with pytest.raises(TypeError, match="give it roles"):
        clinic.app.add_page(Page("/new", "New", ()), lambda: "")


def test_a_page_is_shown_to_its_roles_only(clinic: Clinic) -> None:
    from werkzeug.exceptions import Forbidden

    clinic.app.add_page(Page("/secret", "Secret", ("admin",)), lambda: "the secret")
    with clinic.app.server.test_request_context("/secret"):
        import flask

        from models.accounts import Principal

        flask.g.now = clinic.clock.now
        flask.g.principal = Principal(1, "ada", "", "admin")
        shown = clinic.app.render("/secret", "")
        assert shown is not None
        assert shown[1] == "the secret"
        flask.g.principal = Principal(2, "nora", "", "nurse")
        with pytest.raises(Forbidden):
            clinic.app.render("/secret", "")


def test_a_machine_reaches_what_names_it_with_its_token_and_nothing_else(clinic: Clinic) -> None:
    clinic.app.server._got_first_request = False
    view = roles("service")(lambda: "data")
    clinic.app.server.add_url_rule("/for-machines", "for_machines", view, methods=["GET", "POST"])
    client = clinic.client()
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert client.get("/for-machines").status_code == 401
    assert "Bearer" in client.get("/for-machines").headers["WWW-Authenticate"]
    assert client.get("/for-machines", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/for-machines", headers=bearer).text == "data"
    assert client.post("/for-machines", headers=bearer).status_code == 200
    assert client.get("/", headers=bearer).status_code == 403
    assert clinic.client("nora").get("/for-machines").status_code == 403


def test_a_service_cannot_sign_in_to_the_pages(clinic: Clinic) -> None:
    assert sign_in(clinic.client(), "lab", TOKEN).status_code == 401


def test_a_disabled_services_token_opens_nothing(clinic: Clinic) -> None:
    with writing(clinic.engine) as session:
        disable_user(session, "lab", now=clinic.clock.now)
    assert clinic.client().get("/_dash-layout", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 401


# ------------------------------------------------------------------------------------------------------------- headers


def test_answers_with_patients_in_them_are_never_kept_by_the_browser(clinic: Clinic) -> None:
    answer = clinic.client("nora").get("/")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe-eval" not in answer.headers["Content-Security-Policy"]


def test_the_policy_allows_no_inline_script_but_the_ones_it_names(clinic: Clinic) -> None:
    policy = clinic.client().get("/sign-in").headers["Content-Security-Policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe-inline" not in scripts
    assert "sha256-" in scripts


def test_a_page_that_does_not_exist_is_not_found(clinic: Clinic) -> None:
    client = clinic.client("nora")
    assert client.get("/no-such-page").status_code == 404
    assert client.get("/alerts").status_code == 200


def test_health_is_open_and_says_nothing_about_patients(filled: Clinic) -> None:
    answer = filled.client().get("/health")
    assert answer.status_code in {200, 503}
    assert "status" in answer.json
    assert "Karst" not in answer.text


@pytest.mark.anyday
def test_cookies_are_sent_over_https_only_in_production(sqlite_url: str) -> None:
    from dashboard.app import create_app
    from models.database import engine_for
    from models.settings import Settings

    engine = engine_for(sqlite_url)
    settings = Settings(
        database_url=sqlite_url, environment="production", secret_key="kX9-qTz_84mWvLs1RbY7nEoPcJ2uHdGf"
    )
    with writing(engine) as session:
        add_user(session, "nora", "nurse", PASSWORD, now=settings_now())
    client = create_app(settings, engine).server.test_client()
    page = client.get("/sign-in", base_url="https://localhost")
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert token
    answer = client.post(
        "/sign-in", data={"csrf": token[1], "name": "nora", "password": PASSWORD}, base_url="https://localhost"
    )
    assert answer.status_code == 303
    assert "Secure" in next(value for value in answer.headers.getlist("Set-Cookie") if "myopanel_session" in value)
    engine.dispose()


def settings_now() -> object:
    from models.clock import utc_now

    return utc_now()


def test_the_record_of_who_did_what_is_only_ever_added_to(clinic: Clinic) -> None:
    clinic.client("nora")
    with Session(clinic.engine) as session:
        before = session.execute(sa.select(sa.func.count()).select_from(AuditEvent)).scalar_one()
    clinic.client("paul")
    assert len(audited(clinic)) == before + 1


def test_the_form_token_changes_with_the_browser(clinic: Clinic) -> None:
    assert form_token(clinic.client()) != form_token(clinic.client())
