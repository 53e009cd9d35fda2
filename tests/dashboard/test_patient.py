"""The patient's page: what it says of a chart, who may do what, and how facts typed in change it."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask
import pytest
from sqlmodel import Session, select

from tests.web_server import web_server

from .conftest import NOW, TODAY, Clinic, call

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from dashboard.secure import Current

Rows = Sequence[Mapping[str, object]]


def ago(days: int) -> str:
    return (TODAY - dt.timedelta(days=days)).isoformat()


CHILD = {
    "mrn": "77", "given_name": "Ida", "family_name": "Berg", "birth_date": "2014-05-01", "sex": "female",
    "diagnosis": "JDM", "diagnosed_on": "2024-03-01", "autoantibodies": "NXP2",
}  # fmt: skip
FACTS: Rows = [
    {"mrn": "77", "measure": "cmas", "value": 27, "observed_at": ago(14), "assessor": "PT Lind"},
    {"mrn": "77", "measure": "cmas", "value": 24, "observed_at": ago(0), "assessor": "PT Lind"},
    {"mrn": "77", "measure": "ck", "value": 410, "unit": "U/L", "upper_limit": 200, "observed_at": ago(14)},
    {"mrn": "77", "measure": "ck", "value": 640, "unit": "U/L", "upper_limit": 200, "observed_at": ago(0)},
    {"mrn": "77", "measure": "troponin_t", "value": 22, "unit": "ng/L", "upper_limit": 14, "observed_at": ago(0)},
    {"mrn": "77", "measure": "weight", "value": 38, "unit": "kg", "observed_at": ago(14)},
]
DRUGS: Rows = [
    {"mrn": "77", "drug": "prednisone", "dose": 40, "unit": "mg", "frequency": "daily", "start_date": ago(23)},
    {"mrn": "77", "drug": "methotrexate", "dose": 15, "unit": "mg", "frequency": "weekly", "start_date": ago(240)},
]
HAPPENED: Rows = [{"mrn": "77", "event": "dysphagia", "date": ago(2), "present": "yes"}]


@pytest.fixture
def charted(clinic: Clinic, clinic_folder: Callable[..., Path]) -> Clinic:
    """An application on one imported and evaluated child."""
    from jobs.evaluation import evaluate
    from jobs.importers.load import import_paths

    folder = clinic_folder(patients=[CHILD, {"mrn": "78"}], observations=FACTS, medications=DRUGS, events=HAPPENED)
    report = import_paths(clinic.engine, [folder], timezone="UTC", by="test", now=NOW)
    assert report.total.rejected == 0, report.rejects
    evaluate(clinic.engine, TODAY, timezone="UTC", now=NOW)
    return clinic


@pytest.fixture
def here(charted: Clinic) -> "Current":
    """Nora, a nurse, looking at the child."""
    return looking(charted, "nora", "nurse")


def looking(clinic: Clinic, name: str, role: str) -> "Current":
    from dashboard.secure import Current
    from models.accounts import Principal

    return Current(clinic.engine, clinic.app.settings, Principal(1, name, name, role), clinic.clock())


def view_of(here: "Current", mrn: str = "77", known: dt.date | None = None) -> Any:
    from dashboard.patient.view import gather

    view = gather(here, mrn, known)
    assert view is not None
    return view


def card(here: "Current") -> dict[str, Any]:
    from dashboard.patient.since_last_visit import changes

    return {change.label: change for change in changes(view_of(here))}


def words(component: Any) -> str:
    """All the text of a component, in order."""
    if component is None or isinstance(component, bool):
        return ""
    if isinstance(component, str | int | float):
        return f"{component} "
    if isinstance(component, list | tuple):
        return "".join(words(one) for one in component)
    return words(getattr(component, "children", None))


def buttons(component: Any) -> Iterator[str]:
    """The text of every button within a component."""
    if isinstance(component, list | tuple):
        for one in component:
            yield from buttons(one)
    elif hasattr(component, "children"):
        if type(component).__name__ == "Button":
            yield words(component).strip()
        yield from buttons(component.children)


def page(clinic: Clinic, name: str, role: str, mrn: str = "77", **query: str) -> Any:
    from dashboard.pages.patient import layout
    from models.accounts import Principal

    with clinic.app.server.test_request_context("/"):
        flask.g.principal = Principal(1, name, name, role)
        flask.g.now = clinic.clock()
        return layout(mrn, **query)


# ---------------------------------------------------------------------------------------------------------------- card


def test_the_card_says_what_changed_since_the_visit_before_the_newest(here: "Current") -> None:
    from dashboard.patient.since_last_visit import compared_with

    assert compared_with(view_of(here)) == TODAY - dt.timedelta(days=14)
    said = card(here)
    assert said["CMAS"].text == "27 → 24 of 52"
    assert said["CMAS"].detail.startswith("in 14 d")
    assert said["CMAS"].tone == "worse"
    assert said["CK"].text == "410 → 640 U/L"
    assert said["CK"].detail.startswith("3.2× limit")
    assert said["Steroid"].text == "40 mg/d, unchanged"
    assert said["New"].text.startswith("Difficulty swallowing")


def test_the_card_says_which_troponin_is_missing(here: "Current") -> None:
    assert "I missing" in card(here)["Troponin T"].detail


def test_skin_and_lung_stand_in_the_card_and_in_a_section_of_their_own(
    charted: Clinic, clinic_folder: Callable[..., Path], here: "Current"
) -> None:
    from dashboard.patient.skin_and_lung import skin_and_lung_section
    from jobs.evaluation import evaluate
    from jobs.importers.load import import_paths

    assert skin_and_lung_section(view_of(here)) is None
    rows = [
        {"mrn": "77", "measure": "fvc_percent", "value": value, "unit": "%", "observed_at": ago(days)}
        for days, value in ((300, 90), (120, 92), (0, 80))
    ]
    score = {"mrn": "77", "measure": "cdasi_activity", "value": 7, "observed_at": ago(0)}
    import_paths(charted.engine, [clinic_folder(observations=[*rows, score])], timezone="UTC", by="test", now=NOW)
    evaluate(charted.engine, TODAY, timezone="UTC", now=NOW)
    said = card(here)
    assert (said["FVC"].text, said["FVC"].tone) == ("92 → 80 %", "worse")
    assert (said["CDASI"].text, said["CDASI"].tone) == ("7 of 100", "")
    shown = words(skin_and_lung_section(view_of(here)))
    assert "FVC 80 %  (worse)" in shown.replace("80 %   ", "80 %  ")
    assert "90, 92" in shown


def test_the_page_says_what_each_antibody_warns_of_and_when_that_is_not_known(here: "Current") -> None:
    from dashboard.patient.antibodies import antibodies_section

    def shown(codes: str) -> str:
        view = view_of(here)
        view.patient.autoantibodies = codes
        return " ".join(words(antibodies_section(view)).split())

    said = shown("NXP2")
    assert said.startswith("Antibodies what they warn of Anti-NXP2 calcinosis severe weakness cancer")
    assert "Tables of myositis-specific autoantibodies" in said
    assert "verify" in said
    assert "Anti-La : no warning on file for it" in shown("LA")
    assert "SOMETHING : not in the vocabulary, what it warns of is not known here" in shown("NXP2;SOMETHING")
    assert "No antibody on file" in shown("")


def test_a_patient_without_any_fact_has_a_card_that_says_so(
    charted: Clinic, clinic_folder: Callable[..., Path]
) -> None:
    from jobs.importers.load import import_paths

    folder = clinic_folder(patients=[{"mrn": "78"}])
    import_paths(charted.engine, [folder], timezone="UTC", by="test", now=NOW)
    shown = words(page(charted, "nora", "nurse", "78"))
    assert "No visit on file" in shown
    assert "no score on file" in shown
    assert "Nothing on file yet" in shown


# ---------------------------------------------------------------------------------------------------------------- page


def test_an_unknown_record_number_is_told_in_words(charted: Clinic) -> None:
    assert "There is no patient 077" in words(page(charted, "nora", "nurse", "077"))


def test_reading_the_page_is_put_on_record(charted: Clinic) -> None:
    from models.user import AuditEvent

    page(charted, "vera", "viewer")
    with Session(charted.engine) as session:
        seen = session.exec(select(AuditEvent).where(AuditEvent.action == "read patient")).all()
    assert [event.by for event in seen] == ["vera"]


def test_a_viewer_sees_everything_and_is_offered_nothing_to_do(charted: Clinic) -> None:
    shown = page(charted, "vera", "viewer")
    assert "Declining strength" in words(shown)
    # Working something out writes nothing.
    assert set(buttons(shown)) <= {"Visit sheet", "Calculators", "Taper plan"}


@pytest.mark.parametrize(("name", "role"), [("nora", "nurse"), ("paul", "physician"), ("ada", "admin")])
def test_who_acts_is_offered_to_act(charted: Clinic, name: str, role: str) -> None:
    offered = set(buttons(page(charted, name, role)))
    assert {"Acknowledge", "Snooze", "Resolve", "Add to record", "Mark as reviewed"} <= offered


def test_a_viewer_cannot_call_what_acts(charted: Clinic) -> None:
    client = charted.client("vera")
    outputs = [key for key, roles in charted.app.callback_roles.items() if "patient-" in key and "viewer" not in roles]
    assert len(outputs) >= 10
    assert all(call(client, output).status_code == 403 for output in outputs)


def test_from_day_21_at_high_dose_the_page_says_when_the_line_will_be_crossed(charted: Clinic) -> None:
    shown = words(page(charted, "nora", "nurse"))
    assert "will be crossed 27 Nov (in 5 d)" in shown


def test_every_alert_opens_its_data_rule_and_sources(charted: Clinic) -> None:
    shown = words(page(charted, "nora", "nurse"))
    for part in ("Data", "Rule", "Sources", "Known false alarms", "History", "27 of 52", "Clears when"):
        assert part in shown


def test_a_day_of_the_past_shows_what_was_known_then_and_offers_nothing(charted: Clinic) -> None:
    shown = page(charted, "nora", "nurse", known=ago(5))
    said = words(shown)
    assert "As known on" in said
    assert "27 → 24" not in said
    # Working something out writes nothing.
    assert set(buttons(shown)) <= {"Visit sheet", "Calculators", "Taper plan"}


def test_a_malformed_day_of_the_past_is_today(charted: Clinic) -> None:
    assert "27 → 24" in words(page(charted, "nora", "nurse", known="yesterday"))


def test_the_table_holds_every_value_of_the_chart(charted: Clinic) -> None:
    from dashboard.patient.sheets import flowsheet

    said = words(flowsheet(view_of(looking(charted, "nora", "nurse"))))
    for value in ("27", "24", "410 (2×)", "640 (3.2×)", "22 (1.6×)", "Weight 38 kg", "Difficulty swallowing", "40"):
        assert value in said


def test_what_the_age_means_for_a_cmas_stands_with_the_course_and_on_the_printed_sheet(
    charted: Clinic, clinic_folder: Callable[..., Path]
) -> None:
    from jobs.evaluation import evaluate
    from jobs.importers.load import import_paths

    note = "CMAS is an instrument for children and was scored in an adult"
    assert note not in words(page(charted, "nora", "nurse"))
    who = [{"mrn": "79", "birth_date": "1980-01-01", "diagnosis": "DM"}]
    scores = [{"mrn": "79", "measure": "cmas", "value": "40", "unit": "", "observed_at": ago(3)}]
    folder = clinic_folder(patients=who, observations=scores)
    import_paths(charted.engine, [folder], timezone="UTC", by="test", now=NOW)
    evaluate(charted.engine, TODAY, timezone="UTC", now=NOW)
    assert words(page(charted, "nora", "nurse", "79")).count(note) >= 1


# --------------------------------------------------------------------------------------------------------------- entry


def test_a_score_typed_in_is_on_the_card_and_in_an_alert_at_once(here: "Current") -> None:
    from dashboard.patient.entry.saving import save_score

    save_score(here, "77", {"measure": "cmas", "value": "20", "observed_at": TODAY.isoformat()}, [])
    view = view_of(here)
    assert card(here)["CMAS"].text.endswith("20 of 52")
    answer = view.assessment("declining-strength", "cmas")
    assert answer is not None
    assert "20" in answer["explanation"]


def test_what_cannot_be_is_refused_at_its_field(here: "Current") -> None:
    from dashboard.patient.entry.saving import save_result, save_score
    from jobs.importers.load import FactsRefused

    with pytest.raises(FactsRefused) as refused:
        save_score(here, "77", {"measure": "cmas", "value": "60", "observed_at": ago(0)}, [])
    assert "maximum" in refused.value.by_column()["value"]
    with pytest.raises(FactsRefused) as refused:
        save_result(here, "77", {"measure": "troponin_t", "value": "30", "unit": "-", "observed_at": ago(0)})
    assert "unit" in refused.value.by_column()
    assert len(view_of(here).readings("cmas")) == 2


def test_the_items_of_a_cmas_make_its_total_and_are_kept(here: "Current") -> None:
    from dashboard.patient.entry.items import total_of_items
    from dashboard.patient.entry.saving import save_score
    from jobs.scores.cmas import ITEMS
    from models.observation import ObservationItem

    typed: dict[tuple[str, str], Any] = {(key, "score"): item.maximum for key, item in ITEMS.items()}
    typed["14", "score"] = 1
    typed["1", "seconds"] = 125
    total, remarks, items = total_of_items("cmas", typed)
    assert (total, remarks) == (50, [])
    save_score(here, "77", {"measure": "cmas", "value": str(total), "observed_at": ago(1)}, items)
    with Session(here.engine) as session:
        kept = session.exec(select(ObservationItem)).all()
    assert len(kept) == 14
    assert [item.seconds for item in kept if item.item == "1"] == [125]


def test_missing_items_leave_the_total_open() -> None:
    from dashboard.patient.entry.items import total_of_items

    total, remarks, _ = total_of_items("mmt8", {("deltoid.right", "score"): 8})
    assert total is None
    assert "7 groups still empty." in remarks


def test_changing_a_dose_ends_the_statement_before_on_the_day_before(here: "Current") -> None:
    from dashboard.patient.entry.saving import save_drug
    from models.medication import MedicationStatement

    change(here, save_drug, "change", dose="20", unit="mg", frequency="daily", start_date=ago(0))
    with Session(here.engine) as session:
        rows = session.exec(
            select(MedicationStatement).where(
                MedicationStatement.drug == "prednisone",
                MedicationStatement.known_to == None,  # noqa: E711
            )
        ).all()
    assert sorted((row.dose, row.end_on) for row in rows if row.dose == 40) == [(40, TODAY - dt.timedelta(days=1))]
    assert [row.end_on for row in rows if row.dose == 20] == [None]
    assert card(here)["Steroid"].text == "40 → 20 mg/d"


def test_stopping_a_drug_keeps_it_with_its_last_day(here: "Current") -> None:
    from dashboard.patient.entry.saving import save_drug

    change(here, save_drug, "stop", end_date=ago(3))
    assert view_of(here).steroid["current"]["dose"] == 0


def test_a_dose_cannot_change_before_it_began(here: "Current") -> None:
    from dashboard.patient.entry.saving import save_drug
    from jobs.importers.load import FactsRefused

    with pytest.raises(FactsRefused, match="began on"):
        change(here, save_drug, "change", dose="20", unit="mg", frequency="daily", start_date=ago(100))


def change(here: "Current", save: Callable[..., None], mode: str, **cells: str) -> None:
    """Change or stop the child's prednisone."""
    table = view_of(here).frames.medications
    current = int(table[table["drug"] == "prednisone"]["id"].iloc[0])
    save(here, "77", mode, {"current": str(current), **cells})


def test_a_withdrawn_result_counts_nowhere_and_stays_on_record(here: "Current") -> None:
    from dashboard.patient.entry.saving import withdraw
    from models.patient_record import facts_on_file

    ck = int(view_of(here).readings("ck")["id"].iloc[-1])
    withdraw(here, "77", "o", ck, "mixed up with another patient")
    view = view_of(here)
    assert view.readings("ck")["value"].tolist() == [410]
    with Session(here.engine) as session:
        rows = facts_on_file(session, view.id)
    assert [row.status for row in rows if row.what == "ck" and row.value == "640"] == ["entered-in-error"]


@pytest.mark.parametrize(("kind", "table"), [("m", "medications"), ("e", "events")])
def test_a_withdrawn_drug_or_event_is_gone_from_the_chart(here: "Current", kind: str, table: str) -> None:
    from dashboard.patient.entry.saving import withdraw

    before = getattr(view_of(here).frames, table)
    withdraw(here, "77", kind, int(before["id"].iloc[0]), "entered twice")
    assert len(getattr(view_of(here).frames, table)) == len(before) - 1


def test_a_correction_replaces_the_value_and_keeps_its_limit(here: "Current") -> None:
    from dashboard.patient.entry.saving import correct_value

    ck = int(view_of(here).readings("ck")["id"].iloc[-1])
    correct_value(here, "77", ck, "460", "misread")
    rows = view_of(here).readings("ck")
    assert rows["value"].tolist() == [410, 460]
    assert rows["upper_limit"].tolist() == [200, 200]


def test_taking_back_needs_a_reason_and_a_fact_of_this_patient(here: "Current") -> None:
    from dashboard.patient.entry.saving import withdraw
    from models.errors import ActionRefused

    ck = int(view_of(here).readings("ck")["id"].iloc[-1])
    with pytest.raises(ActionRefused, match="Say why"):
        withdraw(here, "77", "o", ck, "  ")
    with pytest.raises(ActionRefused, match="not in the patient's record"):
        withdraw(here, "77", "o", 999_999, "wrong")


# ---------------------------------------------------------------------------------------------- reviews and decisions


def test_a_review_stands_until_something_new_arrives_and_is_undone_the_same_day_only(here: "Current") -> None:
    from models.database import writing
    from models.errors import ActionRefused
    from models.patient_record import find, last_review, mark_reviewed, undo_review

    with writing(here.engine) as session:
        patient = find(session, "77")
        assert patient is not None
        mark_reviewed(session, patient, "nora", now=NOW)
    view = view_of(here)
    assert view.review is not None
    assert view.review.is_current
    with writing(here.engine) as session:
        with pytest.raises(ActionRefused, match="only they"):
            undo_review(session, view.patient, "paul", now=NOW, timezone="UTC")
        with pytest.raises(ActionRefused, match="same day"):
            undo_review(session, view.patient, "nora", now=NOW + dt.timedelta(days=1), timezone="UTC")
        undo_review(session, view.patient, "nora", now=NOW, timezone="UTC")
        assert last_review(session, view.patient) is None


def test_deciding_against_a_suggestion_needs_a_coded_reason(here: "Current") -> None:
    from jobs.suggest import suggest
    from models.database import writing
    from models.errors import ActionRefused
    from models.patient_record import answer_suggestion, suggestion_answers

    told = suggest(here.engine, "77", TODAY, None, "UTC")["suggestions"]
    assert told
    view = view_of(here)
    common: dict[str, Any] = {"note": None, "by": "paul", "now": NOW, "as_of": TODAY}
    with writing(here.engine) as session:
        with pytest.raises(ActionRefused, match="reason"):
            answer_suggestion(session, view.patient, told[0], answer="declined", option=None, reason=None, **common)
        answer_suggestion(
            session, view.patient, told[0], answer="declined", option=None, reason="contraindicated", **common
        )
        assert suggestion_answers(session, view.id)[told[0]["key"]].option == "contraindicated"


def test_an_alert_of_another_patient_cannot_be_reached_from_this_page(charted: Clinic, here: "Current") -> None:
    from dashboard.pages.patient.alerts import do_to_alert
    from models.errors import ActionRefused

    alert = charted.alert_ids()[0]
    with pytest.raises(ActionRefused, match="not this patient's"):
        do_to_alert(here, "78", alert, "ack")
    do_to_alert(here, "77", alert, "ack")
    assert view_of(here).states[alert] == "acknowledged"
    do_to_alert(here, "77", alert, "undo")
    assert view_of(here).states[alert] == "open"


# ------------------------------------------------------------------------------------------------------------- browser


@pytest.fixture
def chart(charted: Clinic, page: "Page") -> Iterator["Page"]:
    """The child's page in a browser, with Nora signed in."""
    from .conftest import PASSWORD

    with web_server(charted.app.server) as address:
        page.goto(f"{address}/patients/77")
        page.fill("main > form input[name=name]", "nora")
        page.fill("main > form input[name=password]", PASSWORD)
        page.click("main > form button")
        page.wait_for_selector("#patient-late .card")
        yield page


@pytest.mark.browser
def test_the_page_draws_its_chart_and_advice_and_takes_a_score(chart: "Page") -> None:
    chart.wait_for_selector("#patient-graph .scatterlayer .trace", state="attached")
    chart.wait_for_selector("#patient-late .card")
    titles = chart.eval_on_selector_all(".modebar-btn", "all => all.map(one => one.dataset.title)")
    assert not [title for title in titles if "cloud" in str(title).lower() or "share" in str(title).lower()]
    chart.click("#patient-record-open")
    chart.fill("#patient-score-value", "60")
    chart.click("#patient-score-save")
    chart.wait_for_selector("text=above 52")
    chart.fill("#patient-score-value", "22")
    chart.click("#patient-score-save")
    chart.wait_for_selector(".since :text('22 of 52')")
    chart.goto(chart.url.replace("/patients/77", "/patients/78"))
    chart.wait_for_selector("text=Nothing on file yet")
    chart.click("#patient-record-open")
    chart.fill("#patient-score-value", "31")
    chart.click("#patient-score-save")
    chart.wait_for_selector(".since :text('31 of 52')")
    chart.wait_for_selector("#patient-graph .scatterlayer .trace", state="attached")


# ------------------------------------------------------------------------------------------ confirmed with the patient


def taken(here: "Current", *, acts: bool = True) -> Any:
    from dashboard.patient.taken import taken_section

    return taken_section(view_of(here), acts=acts)


def test_the_medication_list_says_what_was_never_confirmed_and_a_viewer_confirms_nothing(here: "Current") -> None:
    from dashboard.patient.taken import unconfirmed

    assert "2 doses to confirm with the patient" in " ".join(words(taken(here)).split())
    assert unconfirmed(view_of(here)) == "doses never confirmed"
    assert list(buttons(taken(here))) == ["Confirm", "Confirm", "All confirmed today"]
    assert list(buttons(taken(here, acts=False))) == []


def test_one_drug_or_the_whole_list_is_confirmed_by_a_click_and_taken_back(here: "Current", charted: Clinic) -> None:
    from dashboard.patient.entry.saving import confirm_medication, withdraw
    from dashboard.patient.taken import unconfirmed

    confirm_medication(here, "77", "methotrexate")
    assert unconfirmed(view_of(here)) == "Prednisone never confirmed"
    confirm_medication(here, "77", "")
    assert unconfirmed(view_of(here)) == ""
    whole = next(
        one for one in view_of(here).facts.happenings if one.event == "medication_confirmed" and not one.detail
    )
    withdraw(here, "77", "e", whole.id, "confirmed by mistake")
    assert unconfirmed(view_of(here)) == "Prednisone never confirmed"
    assert any(button.startswith("All confirmed") for button in buttons(taken(here)))
    charted.clock.forward(minutes=1)
    confirm_medication(looking(charted, "nora", "nurse"), "77", "")
    assert unconfirmed(view_of(here)) == ""


def test_who_confirmed_and_when_is_kept_and_the_chart_is_not_crowded_by_it(here: "Current") -> None:
    from dashboard.patient.entry.saving import confirm_medication
    from dashboard.patient.view import timeline_data
    from models.event import CONFIRMED, ClinicalEvent

    before = len(timeline_data(view_of(here)).events)
    confirm_medication(here, "77", "prednisone")
    with Session(here.engine) as session:
        (event,) = session.exec(select(ClinicalEvent).where(ClinicalEvent.event == CONFIRMED))
    assert (event.entered_by, event.detail, event.occurred_on) == ("nora", "prednisone", TODAY)
    assert len(timeline_data(view_of(here)).events) == before


@pytest.mark.browser
def test_confirming_takes_one_click_on_the_page(chart: "Page") -> None:
    from playwright.sync_api import expect

    line = chart.locator("#patient-taken")
    expect(line).to_contain_text("2 doses to confirm")
    line.get_by_role("button", name="All confirmed today").click()
    expect(line).to_contain_text("confirmed with the patient")
    line.get_by_role("button", name="Undo").click()
    expect(line).to_contain_text("2 doses to confirm")
