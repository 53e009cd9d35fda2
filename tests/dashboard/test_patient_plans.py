"""A patient's own taper plan from the patient's page: tried out by everybody, agreed and withdrawn by a physician."""

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import Session, select

from models.errors import ActionRefused
from tests.web_server import web_server

from .conftest import NOW, PASSWORD, TODAY, Clinic, call
from .test_patient import CHILD, ago, buttons, looking, view_of, words

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

ADULT = {"mrn": "90", "given_name": "Ole", "family_name": "Dahl", "birth_date": "1966-02-01", "diagnosis": "DM"}


def form(**changed: Any) -> dict[str, Any]:
    told = {
        "template": "A",
        "dose": "60",
        "from": TODAY.isoformat(),
        "begin": (TODAY + dt.timedelta(days=7)).isoformat(),
        "round": "0",
        "own": "",
    }
    return told | changed


@pytest.fixture
def dosed(clinic: Clinic, clinic_folder: "Callable[..., Path]") -> Clinic:
    """An adult on 60 mg for 40 days, never reduced, and a child of 20 kg on 20 mg."""
    from jobs.evaluation import evaluate
    from jobs.importers.load import import_paths

    daily = {"drug": "prednisone", "unit": "mg", "frequency": "daily"}
    folder = clinic_folder(
        patients=[ADULT, CHILD],
        observations=[{"mrn": "77", "measure": "weight", "value": 20, "unit": "kg", "observed_at": ago(10)}],
        medications=[
            {"mrn": "90", "dose": 60, "start_date": ago(40), **daily},
            {"mrn": "77", "dose": 20, "start_date": ago(20), **daily},
        ],
    )
    report = import_paths(clinic.engine, [folder], timezone="UTC", by="test", now=NOW)
    assert report.total.rejected == 0, report.rejects
    evaluate(clinic.engine, TODAY, timezone="UTC", now=NOW)
    return clinic


def steroid_answer(clinic: Clinic, mrn: str = "90") -> dict[str, Any]:
    view = view_of(looking(clinic, "paul", "physician"), mrn)
    found: dict[str, Any] = view.assessment("prolonged-high-dose-steroids")
    return found


def test_a_template_becomes_dated_steps_from_the_start_dose() -> None:
    from dashboard.patient.plan.steps import template_steps

    begin = TODAY + dt.timedelta(days=7)
    steps = template_steps("A", 60, TODAY, begin, None, 0)
    assert steps[:5] == [
        (TODAY, 60),
        (begin, 50),
        (begin + dt.timedelta(days=14), 40),
        (begin + dt.timedelta(days=28), 30),
        (begin + dt.timedelta(days=42), 25),
    ]
    assert steps[-1][1] == 0


def test_a_template_per_kg_is_rounded_to_what_tablets_allow_and_skips_steps_that_change_nothing() -> None:
    from dashboard.patient.plan.steps import template_steps

    steps = template_steps("JDM-PRINTO", 20, TODAY, TODAY, 20, 0.5)
    assert all((dose * 2) == int(dose * 2) for _, dose in steps)
    assert all(high != low for (_, high), (_, low) in pairwise(steps))


def test_a_template_per_kg_needs_a_weight() -> None:
    from dashboard.patient.plan.steps import template_steps

    with pytest.raises(ActionRefused, match="weight"):
        template_steps("JDM-PRINTO", 20, TODAY, TODAY, None, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("soon 40", "Line 1"),
        ("2026-12-01 40\n2026-12-15", "Line 2"),
        ("2026-12-15 40\n2026-12-01 30", "in order"),
        ("2026-12-01 400", "between 0 and 200"),
        ("2026-12-01 -5", "between 0 and 200"),
        ("2026-12-01 nan", "between 0 and 200"),
        ("2026-12-01 30\n2026-12-15 30", "already"),
        ("2046-12-01 30", "days away"),
        ("", "at least one step"),
    ],
)
def test_own_steps_that_cannot_be_a_plan_are_refused_with_the_line(dosed: Clinic, text: str, said: str) -> None:
    from dashboard.patient.plan.steps import steps_of

    view = view_of(looking(dosed, "paul", "physician"), "90")
    with pytest.raises(ActionRefused, match=said):
        steps_of(view, form(template="own", own=text))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"dose": ""}, "start dose"),
        ({"dose": "0"}, "above 0"),
        ({"template": "Z"}, "Choose a template"),
        ({"template": "JDM-PRINTO"}, "Choose a template"),  # not offered to an adult
        ({"begin": ago(3)}, "before the day"),
        ({"from": None}, "Give the day"),
    ],
)
def test_a_form_that_is_no_plan_is_refused(dosed: Clinic, changed: dict[str, Any], said: str) -> None:
    from dashboard.patient.plan.steps import steps_of

    view = view_of(looking(dosed, "paul", "physician"), "90")
    with pytest.raises(ActionRefused, match=said):
        steps_of(view, form(**changed))


def test_trying_out_shows_dates_milestones_and_the_other_templates_and_writes_nothing(dosed: Clinic) -> None:
    from dashboard.patient.plan.preview import preview
    from models.taper_plan import TaperPlan

    said = words(preview(view_of(looking(dosed, "vera", "viewer"), "90"), form(begin=TODAY.isoformat())))
    assert "15 mg or less 14 Feb 2027" in said
    assert "5 mg or less 18 Jul 2027" in said
    assert "Template B" in said
    assert "No change" in said
    assert "On file today: 60 mg/day; the plan has 50 mg." in said
    with Session(dosed.engine) as session:
        assert session.exec(select(TaperPlan)).all() == []


def test_cuts_larger_than_a_template_step_are_pointed_out() -> None:
    from jobs.taper import larger_cuts

    day = TODAY + dt.timedelta(days=14)
    assert larger_cuts([(TODAY, 60), (day, 50)], "A") == []
    assert larger_cuts([(TODAY, 60), (day, 30)], "A") == [(day, 60, 30)]
    quick = TODAY + dt.timedelta(days=5)
    assert larger_cuts([(TODAY, 60), (quick, 50)], "A") == [(quick, 60, 50)]


def test_a_child_with_a_weight_is_offered_the_taper_of_the_trial(dosed: Clinic) -> None:
    from dashboard.patient.plan.steps import offered, usual_template

    child = view_of(looking(dosed, "paul", "physician"), "77")
    assert usual_template(child) == "JDM-PRINTO"
    assert "JDM-PRINTO" not in offered(view_of(looking(dosed, "paul", "physician"), "90"))


def test_an_agreed_plan_stands_above_the_template_at_once(dosed: Clinic) -> None:
    from dashboard.patient.plan import save_plan

    assert steroid_answer(dosed)["severity"] == "action"
    own = f"{ago(40)} 60\n{(TODAY + dt.timedelta(days=10)).isoformat()} 50"
    save_plan(looking(dosed, "paul", "physician"), "90", form(template="own", own=own), "slow on purpose")
    answer = steroid_answer(dosed)
    assert (answer["severity"], answer["numbers"]["template"]) == ("watch", "plan")


def test_the_page_says_in_words_how_far_the_dose_is_behind_the_plan(dosed: Clinic) -> None:
    from dashboard.patient.labs_and_steroid import steroid_section
    from dashboard.patient.plan import save_plan

    own = f"{ago(30)} 60\n{ago(20)} 50\n{ago(6)} 40"
    here = looking(dosed, "paul", "physician")
    save_plan(here, "90", form(template="own", own=own), "")
    said = words(steroid_section(view_of(here, "90")))
    assert "20 days and 2 steps behind the plan (40 mg planned)" in said
    assert "280 mg more since" in said  # 14 days of 10 mg and 7 days of 20 mg


def test_a_withdrawn_plan_counts_no_more_and_none_before_it_comes_back(dosed: Clinic) -> None:
    from dashboard.patient.plan import save_plan, take_back_plan
    from models.taper_plan import TaperPlan

    here = looking(dosed, "paul", "physician")
    for last in (50, 45):
        own = f"{ago(40)} 60\n{(TODAY + dt.timedelta(days=10)).isoformat()} {last}"
        save_plan(here, "90", form(template="own", own=own), "")
    assert [dose for _, dose in view_of(here, "90").plan] == [60, 45]
    with pytest.raises(ActionRefused, match="why"):
        take_back_plan(here, "90", " ")
    take_back_plan(here, "90", "flare")
    assert view_of(here, "90").agreed is None
    assert steroid_answer(dosed)["numbers"]["template"] == "A"
    with Session(dosed.engine) as session:
        rows = session.exec(select(TaperPlan)).all()
        assert [(row.withdrawn_by, row.withdrawn_because) for row in rows] == [("paul", "flare")] * 2
    with pytest.raises(ActionRefused, match="no plan"):
        take_back_plan(here, "90", "again")


def test_the_time_axis_goes_on_for_the_steps_ahead(dosed: Clinic) -> None:
    from dashboard.figures.timeline import timeline
    from dashboard.patient.plan import save_plan
    from dashboard.patient.view import timeline_data

    here = looking(dosed, "paul", "physician")
    own = f"{TODAY.isoformat()} 60\n{(TODAY + dt.timedelta(days=20)).isoformat()} 50"
    before = timeline(timeline_data(view_of(here, "90"))).layout
    save_plan(here, "90", form(template="own", own=own), "")
    after = timeline(timeline_data(view_of(here, "90"))).layout
    assert (before.meta["ahead"], after.meta["ahead"]) == (0, 21)
    assert after.xaxis.range[1] == (TODAY + dt.timedelta(days=21)).isoformat()


def test_the_steroid_card_draws_the_line_that_holds_for_the_patient(dosed: Clinic) -> None:
    from dashboard.patient.labs_and_steroid import steroid_section
    from dashboard.patient.own_thresholds import save

    here = looking(dosed, "paul", "physician")
    assert "28-day line" in words(steroid_section(view_of(here, "90")))
    end = TODAY + dt.timedelta(days=30)
    save(here, "90", "prolonged-high-dose-steroids.more_than_days", "56", until=end, reason="slow on purpose")
    said = words(steroid_section(view_of(here, "90")))
    assert "56-day line will be crossed" in said


def test_a_plan_is_seen_as_known_on_an_earlier_day(dosed: Clinic) -> None:
    from dashboard.patient.plan import save_plan
    from models.taper_planning import standing_plan

    here = looking(dosed, "paul", "physician")
    save_plan(here, "90", form(), "")
    with Session(dosed.engine) as session:
        patient = view_of(here, "90").id
        assert standing_plan(session, patient, TODAY, known_at=NOW - dt.timedelta(hours=1)) is None
        assert standing_plan(session, patient, TODAY, known_at=NOW + dt.timedelta(hours=1)) is not None


def test_only_a_physician_or_an_administrator_agrees_on_a_plan(dosed: Clinic) -> None:
    from dashboard.patient.plan.form import panel

    view = view_of(looking(dosed, "nora", "nurse"), "90")
    assert list(buttons(panel(view, decides=False))) == []
    assert "A physician agrees on the plan" in words(panel(view, decides=False))
    outputs = [key for key in dosed.app.callback_roles if "taper-said" in key or "taper-withdraw-said" in key]
    assert len(outputs) == 2
    for output in outputs:
        assert dosed.app.callback_roles[output] == ("physician", "admin")
        assert call(dosed.client("nora"), output, "taper-save.n_clicks").status_code == 403


def test_nothing_is_planned_for_a_patient_who_left(dosed: Clinic) -> None:
    from dashboard.patient.plan import save_plan
    from models.database import writing
    from models.patient_record import find

    with writing(dosed.engine) as session:
        patient = find(session, "90")
        assert patient is not None
        patient.status = "moved"
        session.add(patient)
    with pytest.raises(ActionRefused, match="moved"):
        save_plan(looking(dosed, "paul", "physician"), "90", form(), "")


@pytest.fixture
def address(dosed: Clinic) -> Iterator[str]:
    """Where the clinic's web server listens."""
    with web_server(dosed.app.server) as where:
        yield where


@pytest.mark.browser
def test_a_physician_tries_out_and_agrees_on_a_plan_in_the_browser(address: str, page: "Page") -> None:
    page.goto(f"{address}/patients/90")
    page.fill("main > form input[name=name]", "paul")
    page.fill("main > form input[name=password]", PASSWORD)
    page.click("main > form button")
    page.click("#patient-taper-open")
    page.wait_for_selector("#taper-preview table")
    page.fill("#taper-dose", "40")
    page.wait_for_selector("#taper-preview >> text=the plan has 30 mg")
    page.click("#taper-save")
    page.wait_for_selector("dt:has-text('Planned next')")
    page.wait_for_selector("dd:has-text('behind the plan')")
    page.click("#patient-taper-open")
    page.click("summary:has-text('Withdraw this plan')")
    page.fill("#taper-withdraw-reason", "flare")
    page.click("#taper-withdraw")
    page.wait_for_selector("dt:has-text('Planned next')", state="detached")
