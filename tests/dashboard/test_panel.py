"""What the panel shows of whom, in which order, and how it is filtered."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from dashboard.components.reasons import group_of, short_reason, together
from dashboard.pages.panel import cause_text, content
from jobs.phrasing import first_sentence
from jobs.summary import without_own_date
from models.alert_list import alert_counts, alert_page, alert_rows, evidence_rows
from models.assessment import Assessment
from models.database import reading, writing
from models.labs_due import Wanted, labs_rows, patients_by_state
from models.list_order import Danger
from models.panel import Asked, Counts, causes, choices, nav_counts, panel_counts, panel_page, search_patients
from models.patient import Patient
from models.standing import alerts_behind, quiet_word
from tests.dashboard.conftest import NOW, TODAY, Clinic, days, fill, keep_summaries, stands_still
from tests.dashboard.shown import here


def panel(clinic: Clinic, name: str = "nora", **query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = content(here(clinic, name), query)["rows"]
    return rows


def untold(clinic: Clinic) -> dict[str, int]:
    with reading(clinic.engine) as session:
        return {cause_text(rule, words): count for rule, words, count in causes(session)}


def row(clinic: Clinic, mrn: str) -> dict[str, Any]:
    return next(row for row in panel(clinic) if row["m"] == mrn)


# --------------------------------------------------------------------------------------------------------------- rows


def test_there_is_one_row_a_patient_worst_first_and_none_for_who_has_left(filled: Clinic) -> None:
    assert [row["m"] for row in panel(filled)] == ["0012", "0044", "0050", "0060"]


def test_a_row_holds_every_reason_in_words_worst_first(filled: Clinic) -> None:
    lines = [line[1] for line in row(filled, "0012")["w"]]
    assert lines == [
        "Weaker: CMAS 27 → 20 of 52 since 19 Nov, corroborated",
        "Overdue: CK, CRP · due 10 Nov (12 d ago)",
    ]


def test_a_patient_without_reasons_has_none_and_comes_last(filled: Clinic) -> None:
    last = panel(filled)[-1]
    assert last["m"] == "0060"
    assert "w" not in last
    assert last["r"] == 0


def test_who_could_not_be_evaluated_is_listed_with_the_cause_and_stands_before_who_is_fine(filled: Clinic) -> None:
    assert untold(filled) == {"Rising muscle enzymes: no upper limit on file": 1}
    assert [row["m"] for row in panel(filled, why="rising-muscle-enzymes: no upper limit on file")] == ["0050"]
    assert row(filled, "0050")["r"] == 1


@pytest.mark.parametrize(
    ("because", "cause"),
    [
        ("no newer value than 14 Aug 2026", "no newer value"),
        ("recorded on 21 Aug 2026 and never mentioned again", "recorded and never mentioned again"),
        ("feed silent since 12 Nov 2026", "feed silent since 12 Nov 2026"),
    ],
)
def test_a_cause_stands_without_the_one_patients_date_but_a_silent_feed_keeps_its_own(because: str, cause: str) -> None:
    assert cause_text("raised-troponin", without_own_date(because)) == f"Raised troponin: {cause}"


def test_what_somebody_has_acknowledged_stays_on_the_panel_but_no_longer_leads_it(filled: Clinic) -> None:
    from models.alert_lifecycle import acknowledge

    with writing(filled.engine) as session:
        for alert_id in filled.alert_ids("declining-strength"):
            acknowledge(session, alert_id, "nora", today=TODAY, now=NOW)
    lines = row(filled, "0012")["w"]
    assert [line[2] for line in lines] == ["", "acknowledged"]
    assert row(filled, "0012")["r"] == 3


def test_a_covered_reason_is_shown_as_covered(filled: Clinic) -> None:
    from sqlmodel import select

    from models.alert import Alert

    with writing(filled.engine) as session:
        for alert in session.exec(select(Alert).where(Alert.rule == "overdue-labs")):
            alert.covered_by = "declining-strength"
            session.add(alert)
    assert row(filled, "0012")["w"][1][2] == "covered"


def test_what_endangers_a_patient_stands_before_the_reasons_that_are_graver_by_severity(filled: Clinic) -> None:
    from sqlmodel import select

    from models.alert import Alert

    weaker, overdue = (line[1] for line in row(filled, "0012")["w"])
    with writing(filled.engine) as session:
        for alert in session.exec(select(Alert).where(Alert.rule == "overdue-labs")):
            alert.danger = Danger.SWALLOWING
            session.add(alert)
    assert [line[1] for line in row(filled, "0012")["w"]] == [overdue, weaker]


def test_the_next_test_due_is_the_earliest_that_is_not_paused(filled: Clinic) -> None:
    assert row(filled, "0012")["l"][0] == "12 d overdue"
    with writing(filled.engine) as session:
        for subject, due, state in (("ck", -60, "paused"), ("crp", 3, "not_due")):
            session.add(
                Assessment(
                    patient_id=filled.patients["0060"], rule="overdue-labs", rule_version="1", subject=subject,
                    state="not_met", due=days(due), numbers=json.dumps({"due_state": state}),
                )
            )  # fmt: skip
        keep_summaries(session)
    assert row(filled, "0060")["l"][0] == "due in 3 d"


def test_a_patient_whose_newest_facts_no_run_has_looked_at_is_never_shown_as_fine(filled: Clinic) -> None:
    with writing(filled.engine) as session:
        session.get_one(Patient, filled.patients["0060"]).revision = 2
        session.get_one(Patient, filled.patients["0044"]).evaluated_revision = 0
    assert untold(filled)["Newest facts not evaluated yet"] == untold(filled)["Not evaluated yet"] == 1
    assert [row["m"] for row in panel(filled, why="waiting: newest facts not evaluated yet")] == ["0060"]
    assert [row["m"] for row in panel(filled, why="waiting: not evaluated yet")] == ["0044"]
    assert row(filled, "0060")["u"] == ["Newest facts not evaluated yet"]
    assert row(filled, "0060")["r"] == 1
    assert content(here(filled), {})["counts"] == "4 patients · 1 today · 0 this week · 3 cannot tell"


def test_two_thousand_patients_without_trouble_make_small_rows(filled: Clinic) -> None:
    assert len(json.dumps(row(filled, "0060"))) < 200


def test_the_top_bar_counts_what_its_page_lists_without_who_left_and_what_is_snoozed_or_covered(filled: Clinic) -> None:
    from models.alert_lifecycle import snooze

    with reading(filled.engine) as session:
        assert nav_counts(session, TODAY) == {"Alerts": 4, "Labs due": 1}
    with writing(filled.engine) as session:
        snooze(
            session, filled.alert_ids("overdue-labs")[0], "nora", until=days(5), today=TODAY, now=NOW,
            reason="deferred",
        )  # fmt: skip
    with reading(filled.engine) as session:
        assert nav_counts(session, TODAY)["Alerts"] == 3
        assert nav_counts(session, days(5))["Alerts"] == 4


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("karst", ["0012"]),
        ("ADA", ["0012"]),
        ("ben olsen", ["0044"]),
        ("00", ["0050", "0012", "0044", "0060", "0099"]),
        ("0099", ["0099"]),
        ("%", []),
        ("_", []),
        ("", []),
        ("nobody", []),
    ],
)
def test_search_finds_by_part_of_a_name_and_by_the_start_of_a_record_number(
    filled: Clinic, text: str, found: list[str]
) -> None:
    with reading(filled.engine) as session:
        mrns = [row["mrn"] for row in search_patients(session, text)]
    assert sorted(mrns) == sorted(found)
    assert mrns[-1:] == found[-1:]


def test_what_the_pages_read_is_the_same_on_either_database(engine: Engine) -> None:
    with writing(engine) as session:
        known = fill(session)
    with reading(engine) as session:
        assert [found.mrn for found in panel_page(session, Asked(), 0, 10)] == ["0012", "0044", "0050", "0060"]
        assert panel_counts(session, Asked()) == Counts(4, 1, 0, 1)
        assert panel_counts(session, Asked(rule="overdue-labs")) == Counts(1, 1, 0, 0)
        assert causes(session) == [("rising-muscle-enzymes", "no upper limit on file", 1)]
        assert choices(session)["diagnosis"] == [("DM", 1), ("IMNM", 1), ("JDM", 1), ("PM", 1)]
        assert [row["mrn"] for row in search_patients(session, "kar")] == ["0012"]
        assert nav_counts(session, TODAY) == {"Alerts": 4, "Labs due": 1}
        assert {row.next_lab_due for row in panel_page(session, Asked(), 0, 1)} == {days(-12)}
        behind = alerts_behind(session.connection(), [known["0012"]])[known["0012"]]
        assert {quiet_word(alert, TODAY) for alert in behind.values()} == {""}
        rows = alert_rows(session, TODAY)
        assert [row["mrn"] for row in rows] == ["0012", "0012", "0012", "0044"]
        assert len(evidence_rows(session, rows[0]["evidence"])) == 2
        assert alert_page(session, TODAY, ["urgent", "action", "watch"], 0, 1)[0] == rows[:3]
        assert alert_counts(session, TODAY).alerts == {"todo": 4, "urgent": 1, "action": 2, "watch": 1, "settled": 0}
        assert {found["test"] for found in labs_rows(session)} == {"ck", "crp"}
        assert patients_by_state(session, Wanted(site="North"))["overdue"] == 1


# --------------------------------------------------------------------------------------------------------------- words


def answer(rule: str, subject: str, numbers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "rule": rule, "subject": subject, "grade": None, "severity": "action", "since": None, "due": None,
        "explanation": "First sentence. Second.", "numbers": numbers,
    } | more  # fmt: skip


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            answer("rising-muscle-enzymes", "ck", {"latest": 640, "times_limit": 3.2, "factor": 2}),
            "CK up: 640 U/L, 3.2× its limit, 2× baseline",
        ),
        (
            answer(
                "raised-troponin", "x", {"kind": "troponin_t", "latest": 22, "upper_limit": 14, "troponin_i": "missing"}
            ),
            "Troponin T 22 ng/L, limit 14, no I to judge it by",
        ),
        (
            answer("prolonged-high-dose-steroids", "steroids", {"dose": 40, "high_days": 33}),
            "40 mg/day, day 33 at high dose, no taper begun or behind it",
        ),
        (
            answer("steroid-sparing-not-working", "methotrexate", {"outcome": "decline", "started": "2026-03-27"}),
            "Methotrexate since 27 Mar: weaker despite it",
        ),
        (answer("declining-strength", "cmas", {}), "First sentence"),
        (answer("a-rule-of-tomorrow", "x", {}), "First sentence"),
    ],
)
def test_a_reason_is_one_short_line(told: dict[str, Any], words: str) -> None:
    assert short_reason(told, TODAY) == words


def test_several_rising_enzymes_are_one_event_told_by_ck() -> None:
    told = [
        answer("rising-muscle-enzymes", "ast", {"latest": 300, "times_limit": 8, "factor": 3}),
        answer("rising-muscle-enzymes", "ck", {"latest": 640, "times_limit": 3.2, "factor": 2}),
    ]
    assert together(told, TODAY).endswith("; also AST")
    assert together(told, TODAY).startswith("CK up")


def test_protection_that_is_missing_beside_steroids_is_one_line_and_an_interaction_stays_its_own() -> None:
    missing = [answer("missing-prophylaxis", subject, {}) for subject in ("pneumocystis", "bone-density")]
    assert together(missing, TODAY) == "Missing beside steroids: Pneumocystis protection, bone density scan"
    limits = [answer("drug-safety", f"methotrexate:{one}", {"issue": "limit"}) for one in ("alt", "ast")]
    assert together(limits, TODAY) == "ALT, AST beyond the action limit under methotrexate"
    assert group_of(limits[0]) == group_of(limits[1])
    assert group_of(answer("drug-safety", "a+b", {"issue": "interaction"})) != group_of(limits[0])


def test_a_decimal_point_does_not_end_a_sentence() -> None:
    assert first_sentence("CK is 3.2 times its limit. It rises.") == "CK is 3.2 times its limit"


# ------------------------------------------------------------------------------------------------------------- browser


def shows(page: Page, *names: str) -> None:
    """Wait until exactly these patients stand in the list, in this order."""
    expect(page.locator(".ag-row .c-strong")).to_have_text(names)


@pytest.mark.browser
def test_filters_live_in_the_address_and_the_counts_follow(open_as: Callable[..., Page]) -> None:
    page = open_as("nora")
    expect(page.locator("#panel-counts")).to_have_text("4 patients · 1 today · 0 this week · 1 cannot tell")
    page.fill("#panel-search", "ols")
    expect(page.locator("#panel-counts")).to_contain_text("1 of 4 patients")
    page.wait_for_url("**/?q=ols")
    page.goto(page.url.replace("?q=ols", "?sev=urgent"))
    expect(page.locator("#panel-counts")).to_contain_text("1 of 4 patients")
    shows(page, "Ada Karst")


@pytest.mark.browser
def test_my_patients_are_those_i_am_the_clinician_of(open_as: Callable[..., Page]) -> None:
    page = open_as("nora", "/?who=me")
    expect(page.locator("#panel-counts")).to_contain_text("1 of 4 patients")
    shows(page, "Ben Olsen")


@pytest.mark.browser
def test_a_cause_filters_the_panel_to_whom_it_concerns(open_as: Callable[..., Page]) -> None:
    page = open_as("nora")
    page.click(".unable summary")
    page.click("[data-panel-cause]")
    expect(page.locator("#panel-counts")).to_contain_text("1 of 4 patients")
    shows(page, "Cem Demir")


@pytest.mark.browser
def test_j_and_enter_open_the_second_patient(open_as: Callable[..., Page]) -> None:
    page = open_as("nora")
    expect(page.locator("#panel-counts")).to_contain_text("4 patients")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/patients/0044")


@pytest.mark.browser
def test_slash_searches_from_anywhere_and_opens_the_patient(open_as: Callable[..., Page]) -> None:
    page = open_as("nora", "/alerts")
    page.keyboard.press("/")
    page.keyboard.type("karst")
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/patients/0012")


@pytest.mark.browser
def test_the_theme_button_switches_page_and_grid_together(open_as: Callable[..., Page]) -> None:
    page = open_as("nora")
    page.wait_for_selector(".ag-row")
    page.click("#shell-theme")
    page.click("#shell-theme")
    assert page.evaluate("document.documentElement.dataset.mantineColorScheme") == "dark"
    assert page.evaluate("document.body.dataset.agThemeMode") == "dark"
    ground = page.evaluate("getComputedStyle(document.querySelector('.ag-root-wrapper')).backgroundColor")
    assert ground == page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.evaluate("localStorage.clear()")


@pytest.mark.browser
@pytest.mark.parametrize("path", ["/", "/alerts"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_pages_have_no_serious_accessibility_fault(
    open_as: Callable[..., Page], path: str, scheme: str, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = open_as("nora", path)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_selector(".ag-row")
    stands_still(page)
    found = Axe().run(page).response["violations"]
    serious = [
        f"{fault['id']}: {node['html'][:120]}"
        for fault in found
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]
    assert serious == []


@pytest.mark.browser
def test_when_the_session_has_ended_the_page_goes_to_the_sign_in(open_as: Callable[..., Page], filled: Clinic) -> None:
    page = open_as("nora")
    page.wait_for_selector(".ag-row")
    filled.clock.forward(hours=13)
    page.click("text=Alerts")
    page.wait_for_url("**/sign-in?ended=1*")
    expect(page.locator(".notice")).to_contain_text("Your session has ended")


@pytest.mark.browser
def test_the_page_breaks_no_rule_of_its_own_security_policy(open_as: Callable[..., Page], page: Page) -> None:
    broken: list[str] = []
    page.on("console", lambda message: broken.append(message.text) if "Content Security" in message.text else None)
    open_as("nora", "/alerts").wait_for_selector(".ag-row")
    page.click("text=Panel")
    page.wait_for_selector('[data-keys="panel"] .ag-row')
    assert broken == []
