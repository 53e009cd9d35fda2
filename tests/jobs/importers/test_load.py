"""What an import leaves in the database: versions, counts, rejects, and nothing at all where it must not."""

import csv
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from jobs.importers import load
from jobs.importers.canonical import EventRow, MedicationRow, ObservationRow, PatientRow
from jobs.importers.load import FactsRefused, ImportReport, import_paths, record_facts
from jobs.importers.loading import bulk
from models.database import engine_for, reading, writing
from models.errors import UsageError
from models.tables import (
    ClinicalEvent,
    ImportBatch,
    ImportFile,
    MedicationStatement,
    Observation,
    Patient,
    RejectedRow,
)

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
Folder = Callable[..., Path]


def run(engine: Engine, *paths: Path, **options: Any) -> ImportReport:
    return import_paths(engine, list(paths), **({"timezone": "Europe/Berlin", "by": "nora", "now": NOW} | options))


def rows(engine: Engine, model: Any, *order: Any) -> list[Any]:
    with reading(engine) as session:
        return list(session.execute(sa.select(model).order_by(*(order or (model.id,)))).scalars())


def totals(report: ImportReport) -> tuple[int, int, int, int, int]:
    total = report.total
    return total.read, total.created, total.updated, total.unchanged, total.rejected


def at(day: int, hour: int = 0) -> dt.datetime:
    return dt.datetime(2026, 5, day, hour, tzinfo=dt.UTC)


def ck(value: object, observed: str = "2026-05-01T08:00Z", **more: object) -> dict[str, object]:
    return {"mrn": "P1", "measure": "ck", "value": value, "unit": "U/L", "observed_at": observed} | more


@pytest.fixture
def sqlite_engine(sqlite_url: str) -> Any:
    engine = engine_for(sqlite_url)
    yield engine
    engine.dispose()


# ------------------------------------------------------------------------------------------------------ what is stored


def test_a_folder_is_stored_with_where_each_fact_came_from(engine: Engine, clinic_folder: Folder) -> None:
    folder = clinic_folder(
        patients=[{"mrn": "007", "family_name": "Bond", "birth_date": "1990-01-02", "diagnosis": "DM"}],
        observations=[ck(10, unit="ukat/L", mrn="007", upper_limit=3, assay="A", received_at="2026-05-03T12:00")],
        medications=[
            {"mrn": "007", "drug": "MTX", "dose": 15, "unit": "mg", "frequency": "weekly", "start_date": "2026-05-01"}
        ],
        events=[{"mrn": "007", "event": "rash", "date": "2026-05-02", "present": "no"}],
    )
    report = run(engine, folder)
    assert totals(report) == (4, 4, 0, 0, 0)
    assert [file.name for file in report.files] == ["patients.csv", "observations.csv", "medications.csv", "events.csv"]
    [patient] = rows(engine, Patient)
    assert (patient.mrn, patient.family_name, patient.sex, patient.status) == ("007", "Bond", "unknown", "active")
    assert patient.revision > patient.evaluated_revision
    [result] = rows(engine, Observation)
    assert (result.value, result.unit, result.upper_limit) == (600.0, "U/L", 180.0)
    assert (result.value_sent, result.unit_sent, result.line) == ("10", "ukat/L", 2)
    assert (result.received_at, result.received_on, result.known_to) == (at(3, 10), dt.date(2026, 5, 3), None)
    assert (result.imported_at, result.sender, result.batch_id) == (NOW, "csv", report.batch_id)
    [drug] = rows(engine, MedicationStatement)
    assert (drug.drug, drug.route, drug.intent, drug.status) == ("methotrexate", "oral", "daily", "active")
    assert drug.received_on == dt.date(2026, 5, 1)
    [event] = rows(engine, ClinicalEvent)
    assert (event.present, event.occurred_on) == (False, dt.date(2026, 5, 2))


def test_importing_the_same_folder_twice_changes_nothing(engine: Engine, clinic_folder: Folder) -> None:
    folder = clinic_folder(
        patients=[
            {"mrn": "P1", "sex": "female", "autoantibodies": "MDA5;JO1", "site": "North"},
            {"mrn": "P1", "site": "South"},
        ],
        observations=[
            ck(500, source_id="L1"),
            ck(50, source_id="L1", received_at="2026-05-04T08:00Z", status="corrected"),
            ck(51, source_id="L1"),
            ck(900, "2026-05-02"),
            ck(900, "2026-05-02", upper_limit=190),
        ],
        medications=[
            {
                "mrn": "P1",
                "drug": "prednisone",
                "dose": 60,
                "unit": "mg",
                "frequency": "daily",
                "start_date": "2026-05-01",
            },
            {
                "mrn": "P1",
                "drug": "prednisone",
                "dose": 60,
                "unit": "mg",
                "frequency": "daily",
                "start_date": "2026-05-01",
                "end_date": "2026-05-20",
            },
        ],
        events=[{"mrn": "P1", "event": "rash", "date": "2026-05-02"}],
    )
    first = run(engine, folder)
    tables = (Patient, Observation, MedicationStatement, ClinicalEvent)
    before = [[row.model_dump() for row in rows(engine, table)] for table in tables]
    second = run(engine, folder)
    assert totals(first) == (10, 5, 5, 0, 0)
    assert totals(second) == (10, 0, 0, 10, 0)
    assert [[row.model_dump() for row in rows(engine, table)] for table in tables] == before


def test_a_row_said_twice_in_one_file_is_stored_once(engine: Engine, clinic_folder: Folder) -> None:
    folder = clinic_folder(patients=[{"mrn": "P1"}, {"mrn": "P1"}], observations=[ck(500), ck(500), ck("500.0")])
    assert totals(run(engine, folder)) == (5, 2, 0, 3, 0)
    assert len(rows(engine, Observation)) == 1


def test_one_bad_row_in_a_thousand_loads_the_other_999(engine: Engine, clinic_folder: Folder) -> None:
    observations = [ck(100 + number, f"2026-0{1 + number % 9}-01T08:{number % 60:02d}Z") for number in range(1000)]
    observations[500] = observations[500] | {"unit": "mg"}
    report = run(engine, clinic_folder(patients=[{"mrn": "P1"}], observations=observations))
    assert (report.files[1].created, report.files[1].rejected) == (999, 1)
    [reject] = report.rejects
    assert (reject.file, reject.line, reject.column, reject.value) == ("observations.csv", 502, "unit", "mg")
    assert reject.sentence().startswith("observations.csv line 502, column unit: 'mg' is not a unit of ck; use U/L")
    [kept] = rows(engine, RejectedRow)
    assert json.loads(kept.row)["value"] == "600"
    assert (kept.line, kept.why) == (502, reject.why)


def test_the_batch_and_its_files_keep_their_counts(engine: Engine, clinic_folder: Folder) -> None:
    run(engine, clinic_folder(patients=[{"mrn": "P1"}], observations=[ck(1), ck("x"), ck(1)]))
    [batch] = rows(engine, ImportBatch)
    assert (batch.read, batch.created, batch.updated, batch.unchanged, batch.rejected) == (4, 2, 0, 1, 1)
    assert (batch.by, batch.sender, batch.format, batch.finished_at) == ("nora", "csv", "csv", NOW)
    assert [(file.name, file.read, file.rejected) for file in rows(engine, ImportFile)] == [
        ("patients.csv", 1, 0),
        ("observations.csv", 3, 1),
    ]


def test_the_report_has_the_agreed_shape(sqlite_engine: Engine, clinic_folder: Folder) -> None:
    report = run(
        sqlite_engine, clinic_folder(patients=[{"mrn": "P1", "shoe_size": 9}], observations=[ck("x")])
    ).to_dict()
    assert report["total"] == {"read": 2, "created": 1, "updated": 0, "unchanged": 0, "rejected": 1}
    assert report["files"][1] == {
        "name": "observations.csv",
        "read": 1,
        "created": 0,
        "updated": 0,
        "unchanged": 0,
        "rejected": 1,
    }
    assert set(report["rejects"][0]) == {"file", "line", "column", "value", "why"}
    assert report["warnings"] == ["patients.csv: unknown columns ignored: shoe_size"]
    json.dumps(report)


# ------------------------------------------------------------------------------------------------------------ versions


def spans(engine: Engine) -> list[tuple[Any, Any, Any]]:
    return [
        (row.value, row.received_at, row.known_to)
        for row in rows(engine, Observation, Observation.received_at, Observation.id)
    ]


def test_a_correction_is_a_new_version_from_when_it_was_received(engine: Engine, clinic_folder: Folder) -> None:
    patients = [{"mrn": "P1"}]
    run(engine, clinic_folder(patients=patients, observations=[ck(500, source_id="L1", upper_limit=190)]))
    [before] = rows(engine, Patient)
    report = run(
        engine,
        clinic_folder(patients=patients, observations=[ck(50, source_id="L1", received_at="2026-05-04T08:00Z")]),
    )
    assert totals(report) == (2, 0, 1, 1, 0)
    assert spans(engine) == [(500.0, at(1, 8), at(4, 8)), (50.0, at(4, 8), None)]
    assert rows(engine, Observation)[1].upper_limit == 190, "a blank cell never erases"
    [after] = rows(engine, Patient)
    assert after.revision == before.revision + 1


def test_an_older_version_that_arrives_late_is_stored_already_superseded(engine: Engine, clinic_folder: Folder) -> None:
    run(
        engine,
        clinic_folder(patients=[{"mrn": "P1"}], observations=[ck(50, source_id="L1", received_at="2026-05-04T08:00Z")]),
    )
    run(engine, clinic_folder(observations=[ck(500, source_id="L1", received_at="2026-05-02T08:00Z")]))
    run(engine, clinic_folder(observations=[ck(400, source_id="L1", received_at="2026-05-03T08:00Z")]))
    assert spans(engine) == [(500.0, at(2, 8), at(3, 8)), (400.0, at(3, 8), at(4, 8)), (50.0, at(4, 8), None)]


def test_of_two_versions_received_together_the_later_in_the_file_counts(engine: Engine, clinic_folder: Folder) -> None:
    run(
        engine,
        clinic_folder(patients=[{"mrn": "P1"}], observations=[ck(500, source_id="L1"), ck(50, source_id="L1")]),
    )
    assert spans(engine) == [(500.0, at(1, 8), at(1, 8)), (50.0, at(1, 8), None)]


def test_a_correction_without_received_at_was_not_known_before_what_it_corrects(
    engine: Engine, clinic_folder: Folder
) -> None:
    observations = [ck(500, source_id="L1", received_at="2026-05-03T08:00Z"), ck(50, source_id="L1")]
    run(engine, clinic_folder(patients=[{"mrn": "P1"}], observations=observations))
    assert spans(engine) == [(500.0, at(3, 8), at(3, 8)), (50.0, at(3, 8), None)]


def test_a_result_received_before_it_was_observed_is_kept_as_sent(engine: Engine, clinic_folder: Folder) -> None:
    observations = [ck(500, received_at="2026-04-30T08:00Z")]
    run(engine, clinic_folder(patients=[{"mrn": "P1"}], observations=observations))
    assert spans(engine) == [(500.0, dt.datetime(2026, 4, 30, 8, tzinfo=dt.UTC), None)]


def test_without_a_source_id_another_value_is_another_result(engine: Engine, clinic_folder: Folder) -> None:
    run(engine, clinic_folder(patients=[{"mrn": "P1"}], observations=[ck(500), ck(501)]))
    assert [known_to for _, _, known_to in spans(engine)] == [None, None]


def test_taking_a_result_back_keeps_what_it_was(engine: Engine, clinic_folder: Folder) -> None:
    observations = [
        ck(500, source_id="L1"),
        ck(None, source_id="L1", unit=None, status="entered-in-error", received_at="2026-05-02", reason="wrong tube"),
    ]
    assert totals(run(engine, clinic_folder(patients=[{"mrn": "P1"}], observations=observations)))[2] == 1
    old, new = rows(engine, Observation)
    assert (new.status, new.value, new.sent, new.reason) == ("entered-in-error", 500.0, ("500", "U/L"), "wrong tube")
    assert old.known_to == new.received_at


def test_a_cancelled_or_missing_result_is_a_fact_without_a_value(engine: Engine, clinic_folder: Folder) -> None:
    observations = [ck(None, source_id="L1", status="cancelled"), ck(None, status="not-done", reason="refused")]
    report = run(engine, clinic_folder(patients=[{"mrn": "P1"}], observations=observations))
    assert totals(report) == (3, 3, 0, 0, 0)
    stored = [(row.status, row.value, row.reason) for row in rows(engine, Observation)]
    assert stored == [("cancelled", None, None), ("not-done", None, "refused")]


def test_the_result_that_follows_a_cancelled_one_counts(engine: Engine, clinic_folder: Folder) -> None:
    observations = [ck(None, source_id="L1", status="cancelled"), ck(500, source_id="L1")]
    folder = clinic_folder(patients=[{"mrn": "P1"}], observations=observations)
    run(engine, folder)
    assert totals(run(engine, folder)) == (3, 0, 0, 3, 0)
    assert [(row.status, row.value, row.known_to is None) for row in rows(engine, Observation)] == [
        ("cancelled", None, False),
        ("final", 500.0, True),
    ]


def test_a_result_moved_to_the_right_patient_concerns_both(engine: Engine, clinic_folder: Folder) -> None:
    patients = [{"mrn": "P1"}, {"mrn": "P2"}]
    run(engine, clinic_folder(patients=patients, observations=[ck(500, source_id="L1")]))
    before = [patient.revision for patient in rows(engine, Patient)]
    report = run(
        engine,
        clinic_folder(patients=patients, observations=[ck(500, source_id="L1", mrn="P2", received_at="2026-05-02")]),
    )
    assert report.total.updated == 1
    assert report.warnings == ["1 corrected fact was moved to another patient"]
    wrong, right = rows(engine, Observation)
    assert (wrong.known_to, right.known_to) == (right.received_at, None)
    assert wrong.patient_id != right.patient_id
    assert [patient.revision for patient in rows(engine, Patient)] == [number + 1 for number in before]


def test_the_end_of_a_treatment_is_a_version_of_the_same_statement(engine: Engine, clinic_folder: Folder) -> None:
    start = {
        "mrn": "P1",
        "drug": "prednisone",
        "dose": 60,
        "unit": "mg",
        "frequency": "daily",
        "start_date": "2026-05-01",
    }
    stop = start | {"end_date": "2026-05-20", "status": "stopped", "received_at": "2026-05-20T10:00"}
    run(engine, clinic_folder(patients=[{"mrn": "P1"}], medications=[start]))
    assert run(engine, clinic_folder(medications=[stop])).total.updated == 1
    old, new = rows(engine, MedicationStatement)
    assert (old.end_on, old.known_to) == (None, new.received_at)
    assert (new.end_on, new.status) == (dt.date(2026, 5, 20), "stopped")


def test_an_end_before_the_new_start_is_not_taken_over(engine: Engine, clinic_folder: Folder) -> None:
    start = {"mrn": "P1", "drug": "ivig", "dose": 2, "unit": "g/kg", "frequency": "once", "source_id": "M1"}
    medications = [
        start | {"start_date": "2026-05-01", "end_date": "2026-05-02"},
        start | {"start_date": "2026-06-01"},
    ]
    report = run(engine, clinic_folder(patients=[{"mrn": "P1"}], medications=medications))
    assert totals(report) == (3, 2, 1, 0, 0)
    assert rows(engine, MedicationStatement)[1].end_on is None


def test_only_given_cells_change_a_patient(engine: Engine, clinic_folder: Folder) -> None:
    run(engine, clinic_folder(patients=[{"mrn": "P1", "family_name": "Old", "site": "North", "diagnosis": "DM"}]))
    report = run(engine, clinic_folder(patients=[{"mrn": "P1", "family_name": "New", "site": None}, {"mrn": "P1"}]))
    assert totals(report) == (2, 0, 1, 1, 0)
    [patient] = rows(engine, Patient)
    assert (patient.family_name, patient.site, patient.diagnosis, patient.revision) == ("New", "North", "DM", 2)


def test_facts_of_unknown_patients_are_rejected(engine: Engine, clinic_folder: Folder) -> None:
    report = run(engine, clinic_folder(patients=[{"mrn": "007"}], observations=[ck(1, mrn="7"), ck(1, mrn="007")]))
    assert totals(report) == (3, 2, 0, 0, 1)
    assert (report.rejects[0].column, report.rejects[0].value) == ("mrn", "7")
    assert "add it to patients.csv" in report.rejects[0].why


def test_versions_across_chunks_form_one_chain(
    sqlite_engine: Engine, clinic_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "BLOCK", 2)
    monkeypatch.setattr(bulk, "VALUES_PER_QUERY", 1)
    observations = [ck(500 + n, source_id="L1", received_at=f"2026-05-0{n + 1}T08:00Z") for n in (0, 4, 1, 3, 2)]
    report = run(sqlite_engine, clinic_folder(patients=[{"mrn": "P1"}], observations=observations))
    assert totals(report) == (6, 2, 4, 0, 0)
    assert spans(sqlite_engine) == [(500.0 + n, at(n + 1, 8), at(n + 2, 8) if n < 4 else None) for n in range(5)]
    assert run(sqlite_engine, clinic_folder(observations=observations)).total.unchanged == 5


# --------------------------------------------------------------------------------------- dry runs, failures, rejects


def everything(engine: Engine) -> list[int]:
    tables = (Patient, Observation, MedicationStatement, ClinicalEvent, ImportBatch, ImportFile, RejectedRow)
    return [len(rows(engine, table)) for table in tables]


def test_a_dry_run_counts_like_the_real_one_and_writes_nothing(engine: Engine, clinic_folder: Folder) -> None:
    folder = clinic_folder(patients=[{"mrn": "P1"}], observations=[ck(1, source_id="a"), ck(2, source_id="a"), ck("x")])
    dry = run(engine, folder, dry_run=True)
    assert everything(engine) == [0] * 7
    real = run(engine, folder)
    assert (dry.total, dry.files, dry.rejects) == (real.total, real.files, real.rejects)
    again = run(engine, folder, dry_run=True)
    assert totals(again) == (4, 0, 0, 3, 1)


def test_a_crash_half_way_leaves_nothing(
    engine: Engine, clinic_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = clinic_folder(patients=[{"mrn": "P1"}], observations=[ck(1)], events=[{"mrn": "P1", "event": "rash"}])
    # The last file turns out to be unreadable after the others are stored.
    with pytest.raises(UsageError, match=r"events\.csv: the header lacks date"):
        run(engine, folder)
    assert everything(engine) == [0] * 7


def test_bytes_that_are_not_utf8_in_the_last_line_leave_nothing(engine: Engine, clinic_folder: Folder) -> None:
    folder = clinic_folder(patients=[{"mrn": f"P{n}"} for n in range(5000)], observations=[ck(1)])
    with (folder / "observations.csv").open("ab") as file:
        file.write("P1,ck,2,U/L,2026-05-01,Größe\n".encode("cp1252"))
    with pytest.raises(UsageError, match=r"observations\.csv: line 3 is not UTF-8"):
        run(engine, folder)
    assert everything(engine) == [0] * 7


def test_rejected_rows_can_be_mended_and_imported_again(
    sqlite_engine: Engine, clinic_folder: Folder, tmp_path: Path
) -> None:
    folder = clinic_folder(patients=[{"mrn": "P1"}], observations=[ck(1), ck(2, unit="mg", comment='a "b", c')])
    target = tmp_path / "rejects.csv"
    run(sqlite_engine, folder, rejects_file=target)
    with target.open(encoding="utf-8", newline="") as file:
        [row] = list(csv.DictReader(file))
    assert (row["file"], row["line"], row["column"]) == ("observations.csv", "3", "unit")
    assert "not a unit of ck" in row["why"]
    assert (row["mrn"], row["value"], row["comment"]) == ("P1", "2", 'a "b", c')
    target.write_text(target.read_text(encoding="utf-8").replace(",mg,", ",U/L,"), encoding="utf-8")
    assert totals(run(sqlite_engine, target)) == (1, 1, 0, 0, 0)
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_a_hopeless_file_does_not_fill_the_report(
    sqlite_engine: Engine, clinic_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "REJECTS_REPORTED", 3)
    report = run(sqlite_engine, clinic_folder(patients=[{"mrn": "P1", "sex": "?"}] * 5))
    assert (report.total.rejected, len(report.rejects)) == (5, 3)
    assert len(rows(sqlite_engine, RejectedRow)) == 5
    assert any("2 more rejected rows" in warning for warning in report.warnings)


@pytest.mark.parametrize("name", ["bundle.json", "message.hl7"])
def test_a_file_that_is_not_what_its_name_says_is_refused(sqlite_engine: Engine, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(UsageError, match=r"is not FHIR|holds no HL7"):
        run(sqlite_engine, tmp_path / name)


def test_nothing_to_import_is_wrong_usage(sqlite_engine: Engine, tmp_path: Path) -> None:
    for paths, options in (
        ([], {}),
        ([tmp_path / "missing"], {}),
        ([tmp_path], {}),
        ([tmp_path], {"format": "pdf"}),
        ([tmp_path], {"format": "fhir"}),
    ):
        with pytest.raises(UsageError):
            run(sqlite_engine, *paths, **options)
    assert everything(sqlite_engine) == [0] * 7


# ------------------------------------------------------------------------------------------------------------ typed in


def record(engine: Engine, *typed: Any, **options: Any) -> load.Counts:
    with writing(engine) as session:
        return record_facts(session, typed, **({"by": "nora", "now": NOW, "timezone": "Europe/Berlin"} | options))


def test_typed_facts_are_known_since_now_and_carry_who_typed_them(engine: Engine) -> None:
    counts = record(
        engine,
        PatientRow(mrn="P1"),
        ObservationRow(mrn="P1", measure="cmas", value="27", observed_at="2026-05-01"),
        MedicationRow(mrn="P1", drug="ivig", dose=2, unit="g/kg", frequency="once", start_date="2026-12-01"),
        EventRow(mrn="P1", event="rash", date="2026-05-01"),
    )
    assert (counts.read, counts.created) == (4, 4)
    for table in (Observation, MedicationStatement, ClinicalEvent):
        [row] = rows(engine, table)
        assert (row.received_at, row.entered_by, row.sender, row.batch_id) == (NOW, "nora", "manual", None)
    assert record(engine, EventRow(mrn="P1", event="rash", date="2026-05-01")).unchanged == 1


def test_a_typed_fact_can_be_taken_back(engine: Engine) -> None:
    record(engine, PatientRow(mrn="P1"), EventRow(mrn="P1", event="rash", date="2026-05-01"))
    later = NOW + dt.timedelta(hours=1)
    record(engine, EventRow(mrn="P1", event="rash", date="2026-05-01", status="entered-in-error"), now=later)
    old, new = rows(engine, ClinicalEvent)
    assert (old.known_to, new.status, new.known_to) == (later, "entered-in-error", None)


def test_typed_facts_are_stored_all_or_none_with_a_message_per_field(engine: Engine) -> None:
    record(engine, PatientRow(mrn="P1"))
    good = ObservationRow(mrn="P1", measure="cmas", value="27", observed_at="2026-05-01")
    with pytest.raises(FactsRefused) as refused:
        record(engine, good, ObservationRow(mrn="P1", measure="ck", value="5", unit="mg", observed_at="x"))
    assert set(refused.value.by_column(1)) == {"observed_at"}
    with pytest.raises(FactsRefused, match="no patient"):
        record(engine, good, good.model_copy(update={"mrn": "P9"}))
    assert rows(engine, Observation) == []


# -------------------------------------------------------------------------------------------------- whatever is sent in

CELLS = st.one_of(
    st.sampled_from(
        [
            "",
            "P1",
            "P2",
            "ck",
            "cmas",
            "27",
            "<5",
            "U/L",
            "mg",
            "2026-05-01",
            "2026-05-01T02:30",
            "final",
            "not-done",
            "cancelled",
            "entered-in-error",
        ]
    ),
    st.text(max_size=12),
)
HEADER = ["mrn", "measure", "value", "unit", "observed_at", "upper_limit", "received_at", "status", "source_id"]
SOUND = ["P1", "ck", "500", "U/L", "2026-05-01T08:00", "190", "2026-05-02", "final", "L1"]


@st.composite
def mutated_rows(draw: st.DrawFn) -> list[list[str]]:
    table = []
    for _ in range(draw(st.integers(0, 8))):
        row = list(SOUND)
        for _ in range(draw(st.integers(0, 3))):
            row[draw(st.integers(0, len(row) - 1))] = draw(CELLS)
        if draw(st.booleans()):
            row = row[: draw(st.integers(0, len(row)))]
        table.append(row + draw(st.lists(CELLS, max_size=2)))
    return table


@pytest.fixture(scope="module")
def playground(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("mutations")
    (folder / "myopanel.db").write_bytes(sqlite_template.read_bytes())
    engine = engine_for(f"sqlite:///{folder / 'myopanel.db'}")
    yield engine, folder
    engine.dispose()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=mutated_rows(), delimiter=st.sampled_from(",;"), tail=st.text(max_size=40), quote=st.booleans())
def test_whatever_the_rows_say_nothing_raises_and_every_row_is_somewhere(
    playground: Any, table: list[list[str]], delimiter: str, tail: str, quote: bool
) -> None:
    engine, folder = playground
    (folder / "patients.csv").write_text("mrn\nP1\nP2\n", encoding="utf-8")
    path = folder / "observations.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL)
        writer.writerow(HEADER)
        writer.writerows(table)
        file.write(('"' if quote else "") + tail)
    dry = run(engine, folder / "patients.csv", path, dry_run=True)
    report = run(engine, folder / "patients.csv", path)
    assert (dry.total, dry.rejects) == (report.total, report.rejects)
    for counts in (report.total, *report.files):
        assert counts.read == counts.created + counts.updated + counts.unchanged + counts.rejected
    assert len(report.rejects) == report.total.rejected
    filled = sum(any(cell.strip() for cell in row) for row in table)
    assert report.files[1].read >= filled
    again = run(engine, folder / "patients.csv", path)
    assert (again.total.created, again.total.updated, again.total.rejected) == (0, 0, report.total.rejected)
    with reading(engine) as session:
        open_versions = session.execute(
            sa.text("select max(n) from (select count(*) n from observation where known_to is null group by identity)")
        ).scalar()
    assert open_versions in (None, 1)
