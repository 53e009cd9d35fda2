"""Rules: each page is read from its rule file; thresholds change with a reason, from a day on, for all or for one."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page
from sqlmodel import select

from dashboard.pages import rule as rule_page
from dashboard.pages import rules as rules_page
from dashboard.pages.rule import thresholds
from dashboard.pages.rule.body import body as body_of
from dashboard.pages.rule.examples import expected
from jobs.provenance import due_for_review
from jobs.rule import all_rules, rule
from jobs.thresholds import thresholds_on
from models.assessment import EvaluationRun
from models.database import reading, writing
from models.errors import ActionRefused
from models.rule_setting import RuleSetting
from models.user import AuditEvent
from models.vocabulary import sources
from tests.dashboard.conftest import NOW, TODAY, Clinic, call, days, stands_still
from tests.dashboard.shown import here, rows, words

KEYS = [one.key for one in all_rules()]


def body(clinic: Clinic, key: str, name: str = "paul") -> Any:
    return body_of(here(clinic, name), rule(key))


def change(clinic: Clinic, **what: Any) -> str:
    said: dict[str, Any] = {
        "what": "grace_days", "value": 3, "begins": None, "mrn": "", "until": None, "reason": "We see them weekly.",
    } | what  # fmt: skip
    return thresholds.change(here(clinic, "paul"), rule("overdue-labs"), **said)


def grace(clinic: Clinic, day: dt.date = TODAY, patient: int | None = None) -> int:
    with reading(clinic.engine) as session:
        found = thresholds_on(session, day)
    own = found.patients.get("overdue-labs", {})
    return int((own[patient] if patient in own else found.clinic["overdue-labs"]).grace_days)


# ------------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("key", KEYS)
def test_the_page_of_a_rule_tells_everything_its_file_declares(clinic: Clinic, key: str) -> None:
    shown, said = rule(key), words(body(clinic, key))
    assert shown.question in said
    assert shown.why_it_matters in said
    assert "Known false alarms" in said
    assert all(source.title in said for source in shown.sources)
    assert all(field.name in said for field in shown.parameter_fields())
    assert said.count("Answer:") == len(shown.examples)


@pytest.mark.parametrize("key", KEYS)
def test_a_number_that_is_a_site_setting_or_unverified_is_marked_so(clinic: Clinic, key: str) -> None:
    marks = {"default": "clinic default", "seed": "educational page", "memory": "verify"}
    told = {row[0].split()[-1]: row for row in rows(body(clinic, key))}
    for field in rule(key).parameter_fields():
        mark = field.metadata["mark"]
        assert mark not in marks or marks[mark] in told[field.name][5]


def test_the_list_says_of_each_rule_what_it_found(filled: Clinic) -> None:
    told = {row[0].split(" Is ")[0]: row for row in rows(rules_page.content(here(filled), {}))}
    # status, running alerts, opened lately, met, cannot tell
    assert told["Declining strength"][1:6] == ["active", "2", "2", "2", "0"]
    assert len(told) == len(KEYS)


def test_a_failed_rule_is_told_loudly_with_whom_it_left_out(filled: Clinic) -> None:
    with writing(filled.engine) as session:
        failed = {"raised-troponin": {"error": "ValueError: no", "patients": [filled.patients["0044"]]}}
        session.add(
            EvaluationRun(as_of=TODAY, full=True, started_at=NOW, finished_at=NOW, rules_failed=json.dumps(failed))
        )
    assert "failed for 1 patient" in words(body(filled, "raised-troponin"))
    assert "Left unevaluated: 0044" in words(body(filled, "raised-troponin"))
    assert "1 rule failed in the last run" in words(rules_page.content(here(filled), {}))


@pytest.mark.parametrize("tab", ["monitoring", "screening", "limits", "drugs", "tapers", "sources"])
def test_each_table_the_rules_rest_on_can_be_read(clinic: Clinic, tab: str) -> None:
    told = rows(rules_page.content(here(clinic, "vera"), {"tab": tab}))
    assert len(told) > 3
    assert all(any(cells) for cells in told)


def test_an_educational_page_is_never_called_a_guideline(clinic: Clinic) -> None:
    told = {row[0]: row for row in rows(rules_page.content(here(clinic), {"tab": "sources"}))}
    for one in sources().values():
        if one.kind in {"educational-page", "secondary"}:
            assert "not a guideline" in " ".join(told[one.id])


def test_the_monitoring_table_shows_the_interval_in_force(filled: Clinic) -> None:
    change(filled, what="active_interval_days", value=28)
    told = rows(rules_page.content(here(filled), {"tab": "monitoring"}))
    assert next(row for row in told if row[0] == "Any active treatment" and "in use" in row)[3] == "28 d"


def test_an_unknown_rule_says_so(clinic: Clinic) -> None:
    with clinic.app.server.test_request_context():
        import flask

        flask.g.principal, flask.g.now = here(clinic).user, NOW
        assert "There is no such rule" in words(rule_page.layout("no-such-rule"))


def test_worked_examples_are_told_in_words() -> None:
    expect = {"subject": "cmas", "state": "met", "grade": "possible", "severity": "action", "since": 0, "due": -8}
    assert expected(expect) == "CMAS, met, possible, this week, since day 0, due day −8"


# ------------------------------------------------------------------------------------------------------------ changing


def test_a_threshold_changes_from_a_day_on_with_a_reason_and_is_kept(filled: Clinic) -> None:
    said = change(filled, begins=days(7).isoformat())
    assert said == "Grace days for the clinic: 3, from 29 Nov on."
    assert (grace(filled), grace(filled, days(7))) == (7, 3)
    told = rows(body(filled, "overdue-labs"))[-1]
    assert told[1:] == ["grace days", "3", "29 Nov", "clinic", "paul", "We see them weekly."]
    with reading(filled.engine) as session:
        event = session.exec(select(AuditEvent).where(AuditEvent.action == "change threshold")).one()
        assert (event.by, event.detail) == ("paul", "overdue-labs grace_days")


def test_the_page_says_when_an_alert_clears_by_the_threshold_in_force(filled: Clinic) -> None:
    assert "recorded more than 90 days ago" in words(body(filled, "overdue-labs"))
    change(filled, what="symptom_days", value=30)
    assert "recorded more than 30 days ago" in words(body(filled, "overdue-labs"))


def test_a_change_that_is_in_force_is_evaluated_at_once(filled: Clinic) -> None:
    change(filled)
    with reading(filled.engine) as session:
        assert len(session.exec(select(EvaluationRun)).all()) == 2


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ({"reason": " "}, "reason"),
        ({"value": 400}, "between"),
        ({"value": "many"}, "number"),
        ({"begins": days(-1).isoformat()}, "today at the earliest"),
        ({"mrn": "0012"}, "needs an end"),
        ({"mrn": "nobody", "until": days(9).isoformat()}, "no active patient"),
        ({"mrn": "0012", "value": None}, "no threshold of their own"),
        ({"what": ":status", "value": "sleeping"}, "one of"),
    ],
)
def test_a_change_that_will_not_do_is_refused_and_leaves_nothing(
    filled: Clinic, what: dict[str, Any], why: str
) -> None:
    with pytest.raises(ActionRefused, match=why):
        change(filled, **what)
    with reading(filled.engine) as session:
        assert session.exec(select(RuleSetting)).all() == []


def test_a_patients_own_threshold_holds_until_its_end_and_can_be_taken_back(filled: Clinic) -> None:
    who = filled.patients["0012"]
    change(filled, mrn="0012", value=14, until=days(30).isoformat())
    assert (grace(filled), grace(filled, patient=who), grace(filled, days(31), who)) == (7, 14, 7)
    assert "0012 grace days 14 until 22 Dec" in words(body(filled, "overdue-labs"))
    change(filled, mrn="0012", value=None)
    assert grace(filled, patient=who) == 7
    assert grace(filled, days(20), who) == 7


def test_the_status_of_a_rule_changes_for_the_clinic(filled: Clinic) -> None:
    assert change(filled, what=":status", value="shadow") == "Overdue laboratory tests: shadow from 22 Nov on."
    with reading(filled.engine) as session:
        assert thresholds_on(session, TODAY).status["overdue-labs"] == "shadow"


@pytest.mark.parametrize(("name", "may"), [("nora", False), ("vera", False), ("paul", True), ("ada", True)])
def test_only_physicians_and_administrators_change_thresholds(filled: Clinic, name: str, may: bool) -> None:
    assert ("Change…" in words(body(filled, "overdue-labs", name))) is may
    outputs = [key for key in filled.app.callback_roles if "rule-modal" in key]
    answers = {call(filled.client(name), output).status_code for output in outputs}
    assert (answers == {403}) is not may


# ------------------------------------------------------------------------------------------------------------- browser


@pytest.mark.browser
@pytest.mark.parametrize(
    ("path", "scheme", "width"),
    [
        ("/labs", "light", 1440),
        ("/rules", "dark", 1440),
        ("/rules/declining-strength", "light", 390),
        ("/rules?tab=monitoring", "light", 1024),
        ("/imports", "light", 1440),
        ("/jobs", "dark", 1024),
        ("/jobs?tab=audit", "light", 1440),
        ("/account", "light", 390),
        ("/users", "dark", 1440),
    ],
)
def test_pages_have_no_serious_accessibility_fault_and_fit_the_window(
    open_as: Callable[..., Page], path: str, scheme: Any, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = open_as("ada", path)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    stands_still(page)
    serious = [
        f"{fault['id']}: {node['html'][:120]}"
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


@pytest.mark.browser
def test_a_physician_changes_a_threshold_in_the_browser(open_as: Callable[..., Page]) -> None:
    page = open_as("paul", "/rules/overdue-labs")
    page.locator("button:has-text('Change…')").nth(1).click()
    page.fill("#rule-form-value", "3")
    page.fill("#rule-form-reason", "We see them weekly.")
    page.click("#rule-form-save")
    page.wait_for_selector("#rule-said .notice:has-text('Grace days for the clinic: 3')")
    page.wait_for_selector("text=We see them weekly.")


def test_the_sources_due_for_review_by_the_present_day_stand_first_with_what_rests_on_them(clinic: Clinic) -> None:
    later = NOW + dt.timedelta(days=60)
    seen = words(rules_page.content(here(clinic, now=later), {"tab": "sources"}))
    due = due_for_review(later.date())
    assert due
    assert seen.index(f"Due for review: {len(due)} source") < seen.index("All sources")
    assert all(f"{number.owner}, {number.name}" in seen for one in due for number in one.numbers)
    assert "No source is due for review" in words(rules_page.content(here(clinic), {"tab": "sources"}))


def test_each_threshold_says_when_its_source_is_to_be_read_again(clinic: Clinic) -> None:
    page = body(clinic, "taper-too-fast")
    assert "review 28 Nov" in words(page)
    assert "Checked by: nobody" in str(page)
