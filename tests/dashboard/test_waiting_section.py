"""What waits, on the imports page: each thing once per sender, a preview that changes nothing, and the decision."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from dashboard import waiting_section as section
from dashboard.pages import imports
from jobs.importers.load import import_paths
from models.database import reading, writing
from models.errors import ActionRefused
from models.observation import Observation
from models.patient import Patient
from models.waiting import waiting_groups
from tests.dashboard.conftest import NOW, Clinic, call
from tests.dashboard.shown import here, rows, words
from tests.jobs.importers.conftest import result

if TYPE_CHECKING:
    from playwright.sync_api import Page

WHAT = {"sender": "hl7:LAB:H", "kind": "code", "what": "CKX"}


def _bring(clinic: Clinic, tmp_path: Path, *messages: str) -> Any:
    path = tmp_path / "in.hl7"
    path.write_text("".join(messages))
    return import_paths(clinic.engine, [path], timezone="UTC", by="nora", now=NOW)


@pytest.fixture
def waiting(clinic: Clinic, tmp_path: Path) -> Clinic:
    with writing(clinic.engine) as session:
        session.add(Patient(mrn="M1", created_at=NOW, updated_at=NOW))
    _bring(
        clinic, tmp_path, result(code="CKX^CK ultra^L"),
        result("413", code="CKX^CK ultra^L", number="F2", at="20260602080000"), result(number="F3", unit="E/L"),
    )  # fmt: skip
    return clinic


def _values(clinic: Clinic) -> list[float]:
    with reading(clinic.engine) as session:
        return sorted(value for value in session.exec(select(Observation.value)) if value is not None)


def test_a_clinic_that_gets_no_messages_sees_no_section(clinic: Clinic) -> None:
    assert section.waiting_list(here(clinic)) is None


def test_what_waits_is_listed_once_for_each_sender_with_example_and_reason(waiting: Clinic) -> None:
    listed = rows(section.waiting_list(here(waiting)))
    assert [line[:3] for line in listed[:2]] == [["CKX", "test", "2"], ["ck E/L", "unit", "1"]]
    assert listed[0][4] == "412 U/L"
    assert "no measure is known" in listed[0][5]
    assert "hl7:LAB:H: 3 rows" in words(section.waiting_list(here(waiting)))


def test_the_list_of_imports_counts_what_waits_and_adds_up(waiting: Clinic) -> None:
    listed = rows(imports.content(here(waiting), {}))
    assert listed[0][4:] == ["3", "0", "0", "0", "3", "0", "adds up"]


def test_the_form_shows_what_would_flow_and_changes_nothing(waiting: Clinic) -> None:
    with reading(waiting.engine) as session:
        row = waiting_groups(session)[0]["id"]
    title, form = section.form_for(here(waiting), row)
    assert title == "hl7:LAB:H: CKX"
    assert "2 rows waiting, for example 412 U/L" in words(form)
    answer = _ask(waiting, section.OUTCOME, "nora", to="ck")
    said = str(answer.get_json())
    assert answer.status_code == 200
    assert "2 created" in said
    assert "413 U/L" in said
    assert _values(waiting) == []


def test_a_decision_lets_everything_flow_at_once_and_leaves_the_list(waiting: Clinic) -> None:
    said = section.decided_now(here(waiting), section.wanted(WHAT, "ck", "", False))
    assert "2 rows read again: 2 created" in words(said)
    assert _values(waiting) == [412, 413]
    listed = rows(section.waiting_list(here(waiting)))
    assert listed[0][0] == "ck E/L"
    assert ["hl7:LAB:H", "CKX", "ck"] in [line[:3] for line in listed]


def test_what_is_not_ours_ignores_the_other_fields(waiting: Clinic) -> None:
    section.decided_now(here(waiting), section.wanted(WHAT, "ck", "U/L", True))
    assert _values(waiting) == []
    assert "not ours" in words(section.waiting_list(here(waiting)))


def test_a_decision_that_says_nothing_is_refused(waiting: Clinic) -> None:
    with pytest.raises(ActionRefused, match="what it means"):
        section.decided_now(here(waiting), section.wanted(WHAT, None, None, False))


@pytest.mark.parametrize(("name", "status"), [("vera", 403), ("nora", 200)])
def test_only_who_may_import_may_decide(waiting: Clinic, name: str, status: int) -> None:
    assert _ask(waiting, section.OUTCOME, name, to="ck").status_code == status
    assert (rows(section.waiting_list(here(waiting, name)))[0][-1] == "Decide") is (status == 200)


def test_a_nurse_looks_decides_and_sees_it_leave_the_list_in_the_browser(
    page: "Page", filled: Clinic, open_as: Callable[..., "Page"], tmp_path: Path
) -> None:
    with writing(filled.engine) as session:
        session.add(Patient(mrn="M1", created_at=NOW, updated_at=NOW))
    _bring(filled, tmp_path, result(code="CKX^CK ultra^L"))
    open_as("nora", "/imports")
    page.get_by_role("button", name="Decide", exact=True).click()
    page.get_by_role("textbox", name="Means").click()
    page.get_by_role("option", name="Creatine kinase").click()
    page.get_by_role("button", name="Show what would flow").click()
    page.get_by_text("1 row would be read again: 1 created").wait_for()
    page.get_by_role("button", name="Decide for this sender").click()
    page.get_by_text("1 row read again: 1 created").wait_for()
    page.get_by_text("Nothing waits.").wait_for()
    assert 412 in _values(filled)


def _ask(clinic: Clinic, output: str, name: str, *, to: str) -> Any:
    """Ask for the preview as the browser does."""
    inputs = [{"id": section.LOOK, "property": "n_clicks", "value": 1}]
    state = [
        {"id": section.WHAT, "property": "data", "value": WHAT},
        {"id": section.TO, "property": "value", "value": to},
        {"id": section.UNIT, "property": "value", "value": ""},
        {"id": section.NOT_OURS, "property": "checked", "value": False},
    ]
    return call(
        clinic.client(name), f"{output}.children", f"{section.LOOK}.n_clicks",
        outputs={"id": output, "property": "children"}, inputs=inputs, state=state,
    )  # fmt: skip
