"""The page of own rows: what was added, by whom; a form is checked before it is kept."""

import threading
from typing import Any

import pytest

from dashboard.figures.timeline import timeline
from dashboard.pages import own_rows as page
from dashboard.pages import rules as rules_page
from dashboard.pages.own_rows import listing
from dashboard.pages.own_rows.changing import begin, save_change
from dashboard.pages.own_rows.forms import form_for
from dashboard.patient.entry.forms import unit_options
from dashboard.patient.view import gather, timeline_data
from jobs.importers.canonical import ObservationRow
from jobs.importers.load import record_facts
from models.database import reading, writing
from models.errors import ActionRefused
from models.own_vocabulary import versions, words_of
from models.vocabulary import drug
from models.vocabulary.own import FIELDS
from tests.dashboard.conftest import NOW, TODAY, Clinic, days
from tests.dashboard.shown import here, hrefs, rows, words

NFL = {"key": "nfl", "label": "Neurofilament light", "short_label": "NfL", "unit": "pg/mL"}
ROW = {"treatment": "methotrexate", "test": "nfl", "every": "84"}


def do(clinic: Clinic, act: str, kind: str, row: str, said: dict[str, str], *, reason: str = "a reason") -> str:
    """Check a form and save it, as the buttons do."""
    what = {"act": act, "kind": kind, "row": row}
    number = begin(here(clinic, "paul"), what, said, None, reason)
    wait(number)
    return save_change(here(clinic, "paul"), what, said, None, reason, number)


def wait(number: int) -> None:
    for thread in threading.enumerate():
        if thread.name == f"vocabulary trial {number}":
            thread.join()


def body(clinic: Clinic) -> Any:
    return listing.body(here(clinic, "paul"))


def test_the_page_says_that_nothing_was_added_yet_and_the_rules_lead_to_it(clinic: Clinic) -> None:
    assert "Nothing was added yet" in words(body(clinic))
    assert "/rules/own" in hrefs(rules_page.content(here(clinic, "paul"), {}))
    assert "/rules/own" not in hrefs(rules_page.content(here(clinic, "nora"), {}))
    assert page.PAGE.roles == ("physician", "admin")


def test_what_was_added_stands_there_with_its_versions_and_who_and_why(clinic: Clinic) -> None:
    assert do(clinic, "add", "measure", "", NFL, reason="for the trial") == "Neurofilament light holds from 22 Nov on."
    do(clinic, "add", "monitoring", "", ROW)
    do(clinic, "change", "monitoring", "methotrexate:nfl::0", {**ROW, "every": "28"})
    said = words(body(clinic))
    assert "Methotrexate: Neurofilament light" in said
    assert "for the trial" in said
    table = rows(body(clinic))
    assert [row[1] for row in table if row[0].startswith("Methotrexate")] == ["every 28 days"]
    assert [row[2] for row in table if row[1].startswith("Methotrexate")] == ["every 28 days", "every 84 days"]
    first = next(row for row in table if row[2] == "every 84 days")
    assert first[-1] == "Back to this…"
    with reading(clinic.engine) as session:
        number = next(one.id for one in versions(session.connection()) if one.cells.get("every") == "84")
    do(clinic, "return", "monitoring", str(number), {})
    do(clinic, "end", "monitoring", "methotrexate:nfl::0", {})
    assert "ended" in words(body(clinic))


def test_a_form_is_kept_only_as_it_was_checked(clinic: Clinic) -> None:
    what = {"act": "add", "kind": "measure", "row": ""}
    physician = here(clinic, "paul")
    with pytest.raises(ActionRefused, match="Check it first"):
        save_change(physician, what, NFL, None, "a reason", None)
    number = begin(physician, what, NFL, None, "a reason")
    wait(number)
    with pytest.raises(ActionRefused, match="has changed since"):
        save_change(physician, what, {**NFL, "unit": "ng/L"}, None, "a reason", number)
    with pytest.raises(ActionRefused, match="needs a reason"):
        begin(physician, what, NFL, None, " ")
    with pytest.raises(ActionRefused, match="only physicians and administrators"):
        begin(here(clinic, "nora"), what, NFL, None, "a reason")


def test_a_change_cannot_make_another_row_of_it(clinic: Clinic) -> None:
    do(clinic, "add", "measure", "", NFL)
    do(clinic, "add", "monitoring", "", ROW)
    with pytest.raises(ActionRefused, match="another row"):
        do(clinic, "change", "monitoring", "methotrexate:nfl::0", {**ROW, "treatment": "azathioprine"})


@pytest.mark.parametrize("kind", ["measure", "drug", "monitoring"])
def test_every_form_has_its_fields_and_is_filled_in_where_a_row_is_changed(clinic: Clinic, kind: str) -> None:
    title, form = form_for(here(clinic, "paul"), "add", kind, "")  # type: ignore[arg-type]
    assert title.startswith("Add a")
    assert all(field.label in str(form) for field in FIELDS[kind])
    do(clinic, "add", "drug", "", {"key": "wonderdrug", "classes": "biologic"})
    _, form = form_for(here(clinic, "paul"), "change", "drug", "wonderdrug")
    assert "wonderdrug" in str(form)
    with pytest.raises(ActionRefused, match="not on record any more"):
        form_for(here(clinic, "paul"), "end", "drug", "otherdrug")


def test_an_own_measure_can_be_typed_in_and_is_a_series_of_the_chart(filled: Clinic) -> None:
    do(filled, "add", "measure", "", {**NFL, "also_units": "ng/mL=1000"})
    with words_of(filled.engine, TODAY):
        assert [one["value"] for one in unit_options("nfl")] == ["pg/mL", "ng/mL"]
    with writing(filled.engine) as session:
        found = [
            ObservationRow(mrn="0012", measure="nfl", value=value, unit="pg/mL", observed_at=days(back).isoformat())
            for value, back in (("9", -9), ("7", -1))
        ]
        record_facts(session, found, by="nora", now=NOW, timezone="UTC")
    with words_of(filled.engine, TODAY):
        view = gather(here(filled), "0012")
        assert view is not None
        data = timeline_data(view)
    assert data.own["value"].tolist() == [9, 7]
    titles = [note["text"] for note in timeline(data).to_dict()["layout"]["annotations"]]
    assert any("<b>NfL</b> pg/mL" in title for title in titles)


def test_a_request_knows_the_clinics_words_and_forgets_them_when_it_is_answered(clinic: Clinic) -> None:
    do(clinic, "add", "drug", "", {"key": "wonderdrug", "label": "Wonderdrug", "classes": "biologic"})
    client = clinic.client("paul")
    assert client.get("/rules/own").status_code == 200
    assert drug("wonderdrug") is None
