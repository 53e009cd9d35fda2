"""Imports: nothing is changed before it was looked at, the counts add up, and what was refused can be mended."""

import base64
import csv
import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from dashboard.api.import_files import rejects_csv, template_zip
from dashboard.pages import imports
from jobs.importers.load import import_paths
from models.database import reading
from models.errors import ActionRefused, UsageError
from models.import_batch import ImportBatch
from models.job_run import JobRun
from models.patient import Patient
from models.user import AuditEvent
from tests.dashboard.conftest import NOW, Clinic, call
from tests.dashboard.shown import here, hrefs, rows, words

PATIENTS = "mrn,family_name,diagnosis\nT-1,Tern,JDM\nT-2,Teal,XXX\n"
OBSERVATIONS = (
    "mrn,measure,value,unit,observed_at,upper_limit\n"
    "T-1,ck,400,U/L,2026-11-20,200\nT-1,ck,500,mg,2026-11-21,200\n=cmd,ck,500,U/L,2026-11-21,200\n"
)


@pytest.fixture(autouse=True)
def waiting_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Uploads wait in a folder of this test."""
    room = tmp_path / "uploads"
    monkeypatch.setattr(imports, "_waiting_room", lambda: room)
    return room


def uploaded(text: str) -> str:
    return "data:text/csv;base64," + base64.b64encode(text.encode()).decode()


def files(**texts: str) -> list[tuple[str, str]]:
    return [(f"{name}.csv", uploaded(text)) for name, text in texts.items()]


def looked_at(clinic: Clinic, **texts: str) -> Any:
    held = imports.keep(here(clinic), files(**texts))
    return held, imports._import(here(clinic), held, dry_run=True)


def patients(clinic: Clinic) -> list[str]:
    with reading(clinic.engine) as session:
        return sorted(session.exec(select(Patient.mrn)).all())


# ------------------------------------------------------------------------------------------------- looking, taking over


def test_looking_at_files_changes_nothing_and_tells_what_would_change(clinic: Clinic) -> None:
    _, report = looked_at(clinic, patients=PATIENTS, observations=OBSERVATIONS)
    said = imports.preview(report, ["observations.csv", "patients.csv"])
    assert patients(clinic) == []
    assert "Taking them over would change 2 rows." in words(said)
    assert "Import 2 rows and keep 3 as rejected" in words(said)
    assert rows(said)[:3] == [
        ["patients.csv", "2", "1", "0", "0", "1"],
        ["observations.csv", "3", "1", "0", "0", "2"],
        ["Together", "5", "2", "0", "0", "3"],
    ]
    assert rows(said)[3][:4] == ["patients.csv", "3", "diagnosis", "XXX"]


def test_taking_over_imports_evaluates_and_deletes_the_files(clinic: Clinic, waiting_room: Path) -> None:
    held, _ = looked_at(clinic, patients=PATIENTS, observations=OBSERVATIONS)
    said = imports.take_over(here(clinic), held)
    assert patients(clinic) == ["T-1"]
    assert "5 rows = 2 created + 0 updated + 0 unchanged + 3 rejected" in words(said)
    assert "The rules have been evaluated." in words(said)
    assert list(waiting_room.iterdir()) == []
    with reading(clinic.engine) as session:
        assert session.exec(select(JobRun)).one().status == "succeeded"
        assert session.exec(select(AuditEvent.detail).where(AuditEvent.action == "import")).one() == "batch 1"
        assert session.exec(select(ImportBatch)).one().by == "nora"


def test_the_same_files_a_second_time_change_nothing(clinic: Clinic) -> None:
    held, _ = looked_at(clinic, patients="mrn\nT-1\n")
    imports.take_over(here(clinic), held)
    _, report = looked_at(clinic, patients="mrn\nT-1\n")
    assert "Nothing in these files is new." in words(imports.preview(report, ["patients.csv"]))


def test_files_of_another_person_cannot_be_taken_over(clinic: Clinic) -> None:
    held, _ = looked_at(clinic, patients=PATIENTS)
    with pytest.raises(ActionRefused, match="not yours"):
        imports.take_over(here(clinic, "paul"), held)
    with pytest.raises(ActionRefused, match="not yours"):
        imports.take_over(here(clinic), "../../etc." + held.partition(".")[2])
    assert patients(clinic) == []


def test_files_that_were_discarded_are_gone(clinic: Clinic, waiting_room: Path) -> None:
    held, _ = looked_at(clinic, patients=PATIENTS)
    imports.forget(here(clinic), held)
    assert list(waiting_room.iterdir()) == []
    with pytest.raises(ActionRefused, match="no longer here"):
        imports.take_over(here(clinic), held)


def test_files_nobody_came_back_for_are_deleted_after_an_hour(clinic: Clinic, waiting_room: Path) -> None:
    held, _ = looked_at(clinic, patients=PATIENTS)
    folder = waiting_room / held.partition(".")[0]
    imports.keep(here(clinic, now=NOW + dt.timedelta(minutes=59)), files(events="mrn,event,date\n"))
    assert folder.exists()
    imports.keep(here(clinic, now=NOW + dt.timedelta(minutes=61)), files(events="mrn,event,date\n"))
    assert not folder.exists()


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("notes.docx", uploaded("x"), "neither a CSV file nor"),
        ("patients.csv", "data:text/csv;base64,###", "did not arrive whole"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_a_reason(clinic: Clinic, name: str, data: str, why: str) -> None:
    with pytest.raises(ActionRefused, match=why):
        imports.keep(here(clinic), [(name, data)])


def test_a_name_cannot_lead_out_of_the_folder(clinic: Clinic, waiting_room: Path) -> None:
    imports.keep(here(clinic), [("../../patients.csv", uploaded(PATIENTS))])
    assert [path.name for path in waiting_room.rglob("*.csv")] == ["patients.csv"]


def test_a_file_that_cannot_be_read_leaves_nothing(clinic: Clinic) -> None:
    held = imports.keep(here(clinic), files(stuff="a,b\n1,2\n"))
    with pytest.raises(UsageError):
        imports._import(here(clinic), held, dry_run=True)
    with reading(clinic.engine) as session:
        assert session.exec(select(ImportBatch)).all() == []


@pytest.mark.parametrize(("name", "may"), [("vera", False), ("nora", True), ("paul", True), ("ada", True)])
def test_a_viewer_reads_imports_but_makes_none(clinic: Clinic, name: str, may: bool) -> None:
    outputs = [key for key in clinic.app.callback_roles if "imports-held" in key]
    answers = {call(clinic.client(name), output).status_code for output in outputs}
    assert (answers == {403}) is not may
    assert "Nothing has been imported yet" in words(imports.content(here(clinic, name), {}))


# ---------------------------------------------------------------------------------------------------- what was imported


@pytest.fixture
def imported(clinic: Clinic) -> Clinic:
    held, _ = looked_at(clinic, patients=PATIENTS, observations=OBSERVATIONS)
    imports.take_over(here(clinic), held)
    return clinic


def test_each_import_is_listed_with_counts_that_add_up(imported: Clinic) -> None:
    listed = rows(imports.content(here(imported), {}))
    assert listed[0][1:] == ["observations.csv, patients.csv", "csv", "nora", "5", "2", "0", "0", "3", "adds up"]


def test_an_import_shows_each_refused_row_with_line_column_value_and_reason(imported: Clinic) -> None:
    shown = imports.content(here(imported), {"batch": "1"})
    refused = rows(shown)[3:]
    assert refused[0][:4] == ["observations.csv", "3", "unit", "mg"]
    assert "use U/L" in refused[0][4]
    assert "/imports/1/rejects.csv?file=patients.csv" in hrefs(shown)


def test_an_unknown_import_says_so(clinic: Clinic) -> None:
    assert "There is no such import" in words(imports.content(here(clinic), {"batch": "77"}))


def test_the_refused_rows_of_one_file_can_be_mended_and_imported(imported: Clinic, tmp_path: Path) -> None:
    answer = imported.client("nora").get("/imports/1/rejects.csv?file=patients.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="rejects-1.csv"'
    mended = tmp_path / "patients.csv"
    mended.write_text(answer.text.replace("XXX,", "DM,"))
    report = import_paths(imported.engine, [mended], timezone="UTC", by="test", now=NOW)
    assert report.to_dict()["total"]["created"] == 1
    assert patients(imported) == ["T-1", "T-2"]


def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless() -> None:
    sent = {"mrn": "=cmd", "measure": "ck", "value": "-5", "unit": "@x", "observed_at": "+a"}
    text = rejects_csv([{"file": "observations.csv", "line": 2, "column": "mrn", "why": "no", "row": sent}])
    row = next(csv.DictReader(io.StringIO(text)))
    assert [row[name] for name in ("mrn", "value", "unit", "observed_at")] == ["'=cmd", "-5", "'@x", "'+a"]


def test_downloads_need_a_sign_in(clinic: Clinic) -> None:
    assert clinic.client().get("/imports/1/rejects.csv").status_code in {303, 302, 401}
    assert clinic.client("vera").get("/imports/9/rejects.csv").status_code == 404
    assert clinic.client("vera").get("/imports/template.zip").status_code == 200


def test_the_template_folder_is_imported_without_a_refused_row(clinic: Clinic, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(template_zip())) as folder:
        folder.extractall(tmp_path / "template")
    report = import_paths(clinic.engine, [tmp_path / "template"], timezone="UTC", by="test", now=NOW)
    assert report.to_dict()["rejects"] == []
    assert report.to_dict()["total"]["created"] == 4
    assert report.warnings == []
