"""Labs due: who is listed in which state, and what a pause or a "not possible" does and undoes."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page
from sqlmodel import Session, select

from dashboard.pages.labs_due import content, leaving_out
from dashboard.pages.labs_due.leaving_out import ask_again
from jobs.evaluation import evaluate
from jobs.importers.load import import_paths
from models.database import reading, writing
from models.errors import ActionRefused
from models.labs_due import excuses, labs_rows, patient_of
from models.observation import Observation
from models.patient_reading import read_patients
from models.patient_summary import LATE, PatientLab, PatientSummary, bits_of
from models.taper_plan import MonitoringPause
from models.user import AuditEvent
from tests.dashboard.conftest import NOW, PASSWORD, TODAY, Clinic, call, days
from tests.dashboard.shown import here, hrefs, rows, words
from tests.web_server import web_server

TESTS = ("ck", "troponin_i", "crp")
UNITS = {"ck": "U/L", "troponin_i": "ng/L", "crp": "mg/L"}


@pytest.fixture
def labs(clinic: Clinic, tmp_path: Path) -> Clinic:
    """Six patients: overdue, in grace, not due, never measured, discharged, and without treatment."""
    last = {"OVER": 60, "GRACE": 45, "FINE": 10, "LEFT": 90}
    folder = tmp_path / "facts"
    folder.mkdir()
    people = ["OVER", "GRACE", "FINE", "NEVER", "LEFT", "NONE"]
    (folder / "patients.csv").write_text(
        "mrn,family_name,site,status\n"
        + "".join(
            f"{mrn},{mrn.title()},{site},{'discharged' if mrn == 'LEFT' else 'active'}\n"
            for mrn in people
            for site in ["North" if mrn == "OVER" else "South"]
        )
    )
    (folder / "observations.csv").write_text(
        "mrn,measure,value,unit,observed_at,upper_limit\n"
        + "".join(f"{mrn},{one},5,{UNITS[one]},{days(-ago)},20\n" for mrn, ago in last.items() for one in TESTS)
    )
    start = dict.fromkeys(last, -200) | {"NEVER": -10}
    (folder / "medications.csv").write_text(
        "mrn,drug,dose,unit,frequency,start_date\n"
        + "".join(f"{mrn},prednisone,5,mg,daily,{days(since)}\n" for mrn, since in start.items())
    )
    import_paths(clinic.engine, [folder], timezone="UTC", by="test", now=NOW)
    evaluate(clinic.engine, TODAY, timezone="UTC", collect=False, now=NOW)
    return clinic


@pytest.fixture
def served_labs(labs: Clinic) -> Iterator[str]:
    """The address of that clinic's web server."""
    with web_server(labs.app.server) as where:
        yield where


def shown(clinic: Clinic, name: str = "nora", **query: str) -> Any:
    return content(here(clinic, name), query)


def listed(clinic: Clinic, **query: str) -> list[str]:
    return [row[0].split()[1] for row in rows(shown(clinic, **query))]


def leave_out(clinic: Clinic, kind: str = "pause", **change: Any) -> Any:
    what: dict[str, Any] = {"mrn": "OVER", "chosen": ["ck"], "reason": "Patient away", "until": days(20).isoformat()}
    return leaving_out.leave_out(here(clinic), kind=kind, **(what | change))


# ------------------------------------------------------------------------------------------------------------ the list


def test_the_list_begins_with_whose_blood_should_be_taken_now_most_overdue_first(labs: Clinic) -> None:
    assert listed(labs) == ["OVER", "GRACE"]
    assert "2 of 5 patients · 1 needs no tests" in words(shown(labs))


def test_every_state_is_counted_and_leads_to_its_patients(labs: Clinic) -> None:
    said = words(shown(labs))
    for chip in ("Overdue 1", "Never measured 1", "In grace 1", "Due today 0", "Not due 1", "Paused 0"):
        assert chip in said
    assert "/labs?state=never_measured" in hrefs(shown(labs))
    assert listed(labs, state="never_measured") == ["NEVER"]
    assert listed(labs, state="not_due") == ["FINE"]


def test_who_left_the_clinic_or_needs_no_test_is_not_listed(labs: Clinic) -> None:
    assert sorted(listed(labs, state="all")) == ["FINE", "GRACE", "NEVER", "OVER"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "gra"}, ["GRACE"]),
        ({"site": "North"}, ["OVER"]),
        ({"test": "ck", "q": "OV"}, ["OVER"]),
        ({"who": "x"}, []),
    ],
)
def test_filters_in_the_address_narrow_the_list(labs: Clinic, query: dict[str, str], expected: list[str]) -> None:
    assert listed(labs, **query) == expected


def test_by_test_each_count_leads_to_those_patients(labs: Clinic) -> None:
    by_test = {row[0].split()[0]: row[2:] for row in rows(shown(labs, view="test"))}
    # overdue, never measured, grace, due today, not due, not possible, paused, cannot tell, all
    assert by_test["CK"] == ["1", "1", "1", "0", "1", "0", "0", "0", "4"]
    assert "/labs?test=ck&state=overdue" in hrefs(shown(labs, view="test"))


def test_the_next_fortnight_is_told_by_day_with_what_is_late_on_top(labs: Clinic) -> None:
    told = rows(shown(labs, view="soon"))
    assert told[0][0] == "Late already"
    assert "OVER" in told[0][2]
    assert all("FINE" not in row[2] for row in told)


def test_the_list_for_phlebotomy_says_who_and_what_and_nothing_about_the_disease(labs: Clinic) -> None:
    told = rows(shown(labs, view="print"))
    assert [row[0].split()[1] for row in told] == ["GRACE", "OVER"]
    assert told[0][2] == "CK CRP Troponin"
    assert "overdue" not in words(shown(labs, view="print")).lower()
    assert "late" not in words(shown(labs, view="print")).lower().replace("calculated", "")


def test_a_silent_feed_is_told_loudly_and_its_patients_are_not_sent_to_have_blood_taken(labs: Clinic) -> None:
    with writing(labs.engine) as session:
        session.execute(
            sa.update(PatientLab)
            .where(PatientLab.test == "ck", PatientLab.state == "overdue")  # type: ignore[arg-type]
            .values(state="cannot_tell", because="feed silent since 12 Nov 2026")
        )
        session.execute(
            sa.update(PatientSummary)
            .where(PatientSummary.lab_states == (bits_of(["overdue"]) | LATE))  # type: ignore[arg-type]
            .values(lab_states=bits_of(["overdue", "cannot_tell"]) | LATE)
        )
    said = words(shown(labs))
    assert "Results stopped coming in. CK: feed silent since 12 Nov 2026" in said
    assert "1 patient may or may not have been tested" in said
    assert listed(labs, state="cannot_tell") == ["OVER"]
    assert "Left out: 1 patient" in words(shown(labs, view="print"))


def test_an_empty_clinic_is_told_what_will_stand_here(clinic: Clinic) -> None:
    assert "No blood tests are required of anybody" in words(shown(clinic))


def test_a_viewer_sees_the_list_without_buttons_and_may_not_act(labs: Clinic) -> None:
    assert "Leave out…" not in words(shown(labs, "vera"))
    client = labs.client("vera")
    outputs = [key for key in labs.app.callback_roles if "labs-said" in key]
    assert outputs
    assert {call(client, output).status_code for output in outputs} == {403}


# ------------------------------------------------------------------------------------------------- pause, not possible


def test_a_paused_test_is_not_asked_for_until_its_end_and_undo_asks_for_it_again(labs: Clinic) -> None:
    said = leave_out(labs, chosen=["ck", "crp", "troponin"])
    assert "CK, CRP and Troponin of Over paused until 12 Dec." in words(said)
    assert listed(labs) == ["GRACE"]
    assert listed(labs, state="paused") == ["OVER"]
    with reading(labs.engine) as session:
        pauses = session.exec(select(MonitoringPause)).all()
        assert {(one.reason, one.until, one.author) for one in pauses} == {("Patient away", days(20), "nora")}
        ids = [one.id or 0 for one in pauses]
    assert ask_again(here(labs), "pause", ids) == "Over"
    assert listed(labs) == ["OVER", "GRACE"]


def test_a_pause_ends_by_itself(labs: Clinic) -> None:
    leave_out(labs, chosen=["ck", "crp", "troponin"], until=days(2).isoformat())
    later = NOW + dt.timedelta(days=3)
    evaluate(labs.engine, later.date(), timezone="UTC", collect=False, now=later)
    with reading(labs.engine) as session:
        assert {row["state"] for row in labs_rows(session, mrn="OVER")} == {"overdue"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"reason": "  "}, "reason"),
        ({"until": None}, "end"),
        ({"until": days(-1).isoformat()}, "past"),
        ({"until": days(366).isoformat()}, "at most"),
        ({"chosen": []}, "at least one"),
        ({"chosen": ["igg"]}, "no longer required"),
        ({"mrn": "LEFT"}, "no active patient"),
    ],
)
def test_a_pause_without_reason_or_sensible_end_is_refused_and_changes_nothing(
    labs: Clinic, change: dict[str, Any], why: str
) -> None:
    with pytest.raises(ActionRefused, match=why):
        leave_out(labs, **change)
    with reading(labs.engine) as session:
        assert session.exec(select(MonitoringPause)).all() == []


def test_a_test_that_was_not_possible_is_excused_with_its_reason(labs: Clinic) -> None:
    leave_out(labs, "not_done", chosen=["ck", "crp", "troponin"], reason="Blood could not be drawn", until=None)
    assert listed(labs) == ["GRACE"]
    with reading(labs.engine) as session:
        assert {(row["state"], row["note"]) for row in labs_rows(session, mrn="OVER")} == {
            ("not_possible", "Blood could not be drawn")
        }


def test_taking_a_note_back_asks_again_and_keeps_what_was_believed_meanwhile(labs: Clinic) -> None:
    leave_out(labs, "not_done", reason="Blood could not be drawn", until=None)
    with reading(labs.engine) as session:
        patient = patient_of(session, "OVER")
        ids = [one["id"] for one in excuses(session, patient.id or 0, TODAY)]
    later = NOW + dt.timedelta(hours=2)
    ask_again(here(labs, now=later), "not_done", ids)
    with reading(labs.engine) as session:
        assert excuses(session, patient.id or 0, TODAY) == []
        assert len(session.exec(select(Observation).where(Observation.status == "not-done")).all()) == 1
        asked = {"timezone": "UTC", "patient_ids": [patient.id or 0]}
        (believed,) = read_patients(session.connection(), TODAY, known_at=NOW + dt.timedelta(hours=1), **asked)
        assert len(believed.not_done) == 1
        (since,) = read_patients(session.connection(), TODAY, known_at=later, **asked)
        assert since.not_done == []
    assert listed(labs) == ["OVER", "GRACE"]


def test_taking_back_twice_is_refused(labs: Clinic) -> None:
    leave_out(labs)
    with reading(labs.engine) as session:
        ids = [one.id or 0 for one in session.exec(select(MonitoringPause))]
    ask_again(here(labs), "pause", ids)
    with pytest.raises(ActionRefused, match="already"):
        ask_again(here(labs), "pause", ids)


def test_who_left_a_test_out_is_on_record_without_any_value(labs: Clinic) -> None:
    leave_out(labs)
    with Session(labs.engine) as session:
        event = session.exec(select(AuditEvent).where(AuditEvent.action == "pause tests")).one()
    assert (event.by, event.detail) == ("nora", "ck")
    assert event.patient_id is not None


def test_the_form_shows_what_is_left_out_already_in_one_line(labs: Clinic) -> None:
    leave_out(labs, "not_done", chosen=["ck", "crp"], reason="Patient declined", until=None)
    with reading(labs.engine) as session:
        patient = patient_of(session, "OVER")
        known = excuses(session, patient.id or 0, TODAY)
        form = leaving_out.form("OVER", labs_rows(session, mrn="OVER"), known, TODAY)
    assert "CK, CRP not possible 22 Nov (today): Patient declined (nora) Take back" in words(form)


# ------------------------------------------------------------------------------------------------------------- browser


@pytest.mark.browser
def test_a_nurse_pauses_a_test_filters_and_undoes_it_in_the_browser(page: Page, served_labs: str) -> None:
    page.goto(f"{served_labs}/labs")
    page.fill("main > form input[name=name]", "nora")
    page.fill("main > form input[name=password]", PASSWORD)
    page.click("main > form button")
    page.locator("button:has-text('Leave out…')").first.click()
    page.fill("#labs-form-reason", "Patient away")
    page.click("#labs-form-save")
    page.wait_for_selector("#labs-said button:has-text('Undo')")
    page.wait_for_selector(".view-line .counts:has-text('1 of 5 patients')")
    page.click("a.chip:has-text('Paused 1')")
    page.wait_for_selector("td.s-paused")
    page.wait_for_url("**/labs?state=paused")
    page.click("#labs-said button:has-text('Undo')")
    page.wait_for_selector("#labs-said:has-text('Taken back')")
    page.click("a.chip:has-text('To take')")
    page.wait_for_selector("text=2 of 5 patients")
    page.fill("#labs-search", "gra")
    page.wait_for_selector("text=1 of 5 patients")
    page.wait_for_url("**/labs?q=gra")
    page.goto(f"{served_labs}/labs?view=print")
    page.wait_for_selector(".blood-list")
    page.emulate_media(media="print")
    assert page.is_visible(".blood-list table")
    assert not page.is_visible(".top")
