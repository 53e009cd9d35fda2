"""What the panel shows of whom, in which order, and how it is filtered."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from dashboard.components.reasons import group_of, short_reason, together
from dashboard.trends import TrendCache, trends
from jobs.phrasing import first_sentence
from models.accounts import Principal
from models.database import reading, writing
from models.panel import (
    alert_rows,
    alert_states,
    cannot_tell,
    evidence_rows,
    nav_counts,
    next_labs,
    panel_patients,
    reasons,
    search_patients,
)
from models.patient import Patient
from tests.dashboard.conftest import NOW, TODAY, Clinic, days, fill, stands_still
from tests.frames_builder import frames


def panel(clinic: Clinic, name: str = "nora") -> tuple[list[dict[str, Any]], dict[str, set[str]]]:
    from dashboard.pages.panel import panel_rows
    from dashboard.secure import Current

    here = Current(clinic.engine, clinic.app.settings, Principal(1, name, "", "nurse"), NOW)
    with clinic.app.server.app_context():
        return panel_rows(here)


def row(clinic: Clinic, mrn: str) -> dict[str, Any]:
    return next(row for row in panel(clinic)[0] if row["m"] == mrn)


# --------------------------------------------------------------------------------------------------------------- rows


def test_there_is_one_row_a_patient_worst_first_and_none_for_who_has_left(filled: Clinic) -> None:
    assert [row["m"] for row in panel(filled)[0]] == ["0012", "0044", "0050", "0060"]


def test_a_row_holds_every_reason_in_words_worst_first(filled: Clinic) -> None:
    lines = [line[1] for line in row(filled, "0012")["w"]]
    assert lines == [
        "Weaker: CMAS 27 → 20 of 52 since 19 Nov, corroborated",
        "Overdue: CK, CRP · due 10 Nov (12 d ago)",
    ]


def test_a_patient_without_reasons_has_none_and_comes_last(filled: Clinic) -> None:
    last = panel(filled)[0][-1]
    assert last["m"] == "0060"
    assert "w" not in last
    assert last["r"] == 0


def test_who_could_not_be_evaluated_is_listed_with_the_cause_and_stands_before_who_is_fine(filled: Clinic) -> None:
    _, unable = panel(filled)
    assert unable == {"Rising muscle enzymes: no upper limit on file": {"0050"}}
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
    from dashboard.pages.panel import _cause

    assert _cause("raised-troponin", because) == f"Raised troponin: {cause}"


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


def test_the_next_test_due_is_the_earliest_that_is_not_paused(filled: Clinic) -> None:
    from models.assessment import Assessment

    assert row(filled, "0012")["l"][0] == "12 d overdue"
    with writing(filled.engine) as session:
        session.add(
            Assessment(
                patient_id=filled.patients["0060"], rule="overdue-labs", rule_version="1", subject="ck",
                state="not_met",
                due=days(-60), numbers=json.dumps({"due_state": "paused"}),
            )
        )  # fmt: skip
        session.add(
            Assessment(
                patient_id=filled.patients["0060"], rule="overdue-labs", rule_version="1", subject="crp",
                state="not_met", due=days(3), numbers=json.dumps({"due_state": "not_due"}),
            )
        )  # fmt: skip
    assert row(filled, "0060")["l"][0] == "due in 3 d"


def test_a_patient_whose_newest_facts_no_run_has_looked_at_is_never_shown_as_fine(filled: Clinic) -> None:
    with writing(filled.engine) as session:
        session.get_one(Patient, filled.patients["0060"]).revision = 2
        session.get_one(Patient, filled.patients["0044"]).evaluated_revision = 0
    _, unable = panel(filled)
    assert unable["Newest facts not evaluated yet"] == {"0060"}
    assert unable["Not evaluated yet"] == {"0044"}
    assert row(filled, "0060")["u"] == ["Newest facts not evaluated yet"]


def test_two_thousand_patients_without_trouble_make_small_rows(filled: Clinic) -> None:
    assert len(json.dumps(row(filled, "0060"))) < 200


def test_the_top_bar_counts_today_and_this_week_without_who_left_and_what_is_snoozed_or_covered(filled: Clinic) -> None:
    from models.alert_lifecycle import snooze

    with reading(filled.engine) as session:
        assert nav_counts(session, TODAY) == {"Alerts": 3, "Labs due": 1}
    with writing(filled.engine) as session:
        snooze(
            session, filled.alert_ids("overdue-labs")[0], "nora", until=days(5), today=TODAY, now=NOW,
            reason="deferred",
        )  # fmt: skip
    with reading(filled.engine) as session:
        assert nav_counts(session, TODAY)["Alerts"] == 2
        assert nav_counts(session, days(5))["Alerts"] == 3


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
        assert len(panel_patients(session)) == 4
        assert {row["subject"] for row in reasons(session)} == {"cmas", "ck", "crp", "troponin_t", "mmt8"}
        assert next_labs(session) == {known["0012"]: days(-12)}
        assert cannot_tell(session) == [(known["0050"], "rising-muscle-enzymes", "no upper limit on file")]
        assert [row["mrn"] for row in search_patients(session, "kar")] == ["0012"]
        assert nav_counts(session, TODAY) == {"Alerts": 3, "Labs due": 1}
        assert {state["state"] for state in alert_states(session, TODAY).values()} == {"open"}
        rows = alert_rows(session, TODAY)
        assert [row["mrn"] for row in rows] == ["0012", "0012", "0012", "0044"]
        assert len(evidence_rows(session, rows[0]["evidence"])) == 2


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
            "CK rising: 640 U/L, 3.2× its limit, 2× baseline",
        ),
        (
            answer(
                "raised-troponin", "x", {"kind": "troponin_t", "latest": 22, "upper_limit": 14, "troponin_i": "missing"}
            ),
            "Troponin T 22 ng/L, limit 14, no I measured",
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
    assert together(told, TODAY).startswith("CK rising")


def test_protection_that_is_missing_beside_steroids_is_one_line_and_an_interaction_stays_its_own() -> None:
    missing = [answer("missing-prophylaxis", subject, {}) for subject in ("pneumocystis", "bone-density")]
    assert together(missing, TODAY) == "Missing beside steroids: Pneumocystis protection, bone density scan"
    limits = [answer("drug-safety", f"methotrexate:{one}", {"issue": "limit"}) for one in ("alt", "ast")]
    assert together(limits, TODAY) == "ALT, AST beyond the action limit under methotrexate"
    assert group_of(limits[0]) == group_of(limits[1])
    assert group_of(answer("drug-safety", "a+b", {"issue": "interaction"})) != group_of(limits[0])


def test_a_decimal_point_does_not_end_a_sentence() -> None:
    assert first_sentence("CK is 3.2 times its limit. It rises.") == "CK is 3.2 times its limit"


# -------------------------------------------------------------------------------------------------------------- curves


def test_curves_are_a_dozen_small_numbers_and_the_last_value_is_in_words() -> None:
    facts = frames(
        TODAY,
        patients=[{"mrn": "1"}],
        observations=[
            *({"measure": "cmas", "value": 40 + i % 3, "day": -20 * i} for i in range(20)),
            {"measure": "ck", "value": 640, "upper_limit": 200, "unit": "U/L", "day": -4},
            {"measure": "ck", "value": 320, "upper_limit": 200, "unit": "U/L", "day": -34},
        ],
        medications=[{"drug": "prednisone", "dose": 20, "unit": "mg", "frequency": "daily", "start": -60}],
    )
    found = next(iter(trends(facts).values()))
    assert found["strength"]["text"] == "40/52"
    assert found["ck"]["text"] == "640 U/L"
    assert found["ck"]["times"] == "3.2×"
    assert found["ck"]["raised"] is True
    assert found["steroid"]["mg"] == 20
    for name in ("strength", "ck", "steroid"):
        curve = found[name]["curve"]
        assert 2 <= len(curve) <= 12
        assert all(isinstance(value, int) and 0 <= value <= 100 for value in curve)
    assert found["last_lab"] == days(-4)
    assert found["seen"] == TODAY


def test_noise_within_a_few_points_looks_flat() -> None:
    noise = [{"measure": "cmas", "value": value, "day": -30 * place} for place, value in enumerate([46, 47, 46, 48])]
    found = next(iter(trends(frames(TODAY, patients=[{"mrn": "1"}], observations=noise)).values()))
    assert np.ptp(found["strength"]["curve"]) <= 20


def test_curves_are_read_again_only_for_whom_something_changed(filled: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    import dashboard.trends as module

    asked: list[Any] = []
    read = module.read_frames

    def spy(*args: Any, **named: Any) -> Any:
        asked.append(named["patient_ids"])
        return read(*args, **named)

    monkeypatch.setattr(module, "read_frames", spy)
    cache = TrendCache(filled.engine, "UTC")
    revisions = dict.fromkeys([filled.patients[mrn] for mrn in ("0012", "0044", "0050", "0060")], 1)
    cache.of(revisions, TODAY)
    cache.of(revisions, TODAY)
    one = filled.patients["0012"]
    cache.of(revisions | {one: 2}, TODAY)
    cache.of(revisions | {one: 2}, days(1))
    assert asked == [None, [one], None]


# ------------------------------------------------------------------------------------------------------------- browser


def names(page: Page) -> list[str]:
    return [text.strip() for text in page.locator(".ag-row .c-strong").all_inner_texts()]


@pytest.mark.browser
def test_filters_live_in_the_address_and_the_counts_follow(open_as: Callable[..., Page]) -> None:
    page = open_as("nora")
    expect(page.locator("#panel-counts")).to_have_text("4 patients · 1 today · 0 this week · 1 cannot tell")
    page.fill("#panel-search", "ols")
    expect(page.locator("#panel-counts")).to_contain_text("1 of 4 patients")
    assert page.url.endswith("/?q=ols")
    page.goto(page.url.replace("?q=ols", "?sev=urgent"))
    expect(page.locator("#panel-counts")).to_contain_text("1 of 4 patients")
    assert names(page) == ["Ada Karst"]


@pytest.mark.browser
def test_my_patients_are_those_i_am_the_clinician_of(open_as: Callable[..., Page]) -> None:
    page = open_as("nora", "/?who=me")
    expect(page.locator("#panel-counts")).to_contain_text("1 of 4 patients")
    assert names(page) == ["Ben Olsen"]


@pytest.mark.browser
def test_a_cause_filters_the_panel_to_whom_it_concerns(open_as: Callable[..., Page]) -> None:
    page = open_as("nora")
    page.click(".unable summary")
    page.click("[data-panel-cause]")
    expect(page.locator("#panel-counts")).to_contain_text("1 of 4 patients")
    assert names(page) == ["Cem Demir"]


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
