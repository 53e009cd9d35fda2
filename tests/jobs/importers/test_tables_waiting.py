"""Mapped tables: what their source means is decided once, and what waited flows."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from jobs.importers.load import import_paths
from jobs.importers.loading.flow import Wanted, decide, preview
from jobs.importers.loading.report import ImportReport
from models.medication import MedicationStatement
from tests.jobs.importers.conftest import NOW, Laboratory

AS: dict[str, Any] = {"timezone": "Europe/Berlin", "by": "nora", "now": NOW}
LONG = {"mrn": "pat", "observed_at": "date", "measure": "test", "value": "result", "unit": "units"}
DOSES = {"mrn": "pat", "drug": "drug", "dose": "dose", "start_date": "date"}


def bring(
    laboratory: Laboratory,
    rows: str,
    columns: dict[str, str] = LONG,
    kind: str = "observations",
    name: str = "lab.csv",
    **table: Any,
) -> ImportReport:
    """Import a table of the source `lab` with these rows; the mapping is kept by the first."""
    told = {"kind": kind, "columns": columns, "dates": "ymd", **table}
    mapping = laboratory.folder / "lab.json"
    mapping.write_text(json.dumps({"source": "lab", "tables": [told]}))
    path: Path = laboratory.folder / name
    path.write_text(rows)
    return laboratory.bring(path, mapping=str(mapping))


def settle(laboratory: Laboratory, kind: str, what: str, to: str = "", **more: Any) -> ImportReport:
    return decide(laboratory.engine, Wanted("lab", kind, what, to, **more), **AS)[1]


@pytest.mark.parametrize(
    ("row", "kind", "what", "to", "more", "charted"),
    [
        ("M1,Muskelenzym,412,U/L", "code", "Muskelenzym", "ck", {}, ("ck", 412.0)),
        ("M1,Muskelenzym,10,", "code", "Muskelenzym", "ck", {"unit": "ukat/L"}, ("ck", 600.0)),
        ("M1,CK,412,E/L", "unit", "ck E/L", "U/L", {}, ("ck", 412.0)),
        ("M1,CK,412,", "unit", "ck without unit", "U/L", {}, ("ck", 412.0)),
        ("M1,CK,haemolysed,U/L", "value", "ck haemolysed", "not-done", {}, ("ck", None)),
        ("M1,CK,hoch,U/L", "value", "ck hoch", ">5000", {}, ("ck", 5000.0)),
        ("M1,CK,1.234,U/L", "value", "point before three digits", "thousands", {}, ("ck", 1234.0)),
        ("0077,CK,412,U/L", "patient", "0077", "M1", {}, ("ck", 412.0)),
    ],
)
def test_what_waits_counts_once_and_flows_once_it_is_decided(
    laboratory_on_both: Laboratory,
    row: str,
    kind: str,
    what: str,
    to: str,
    more: dict[str, str],
    charted: tuple[str, float | None],
) -> None:
    laboratory = laboratory_on_both
    table = f"pat,test,result,units,date\n{row},2026-02-04\n"
    report = bring(laboratory, table)
    assert (report.total.waiting, report.rejects) == (1, [])
    assert report.to_dict()["total"]["waiting"] == 1
    assert bring(laboratory, table, name="again.csv").total.unchanged == 1
    assert laboratory.waiting() == [(kind, what, 1)]
    tried = preview(laboratory.engine, Wanted("lab", kind, what, to, **more), **AS)
    assert (tried.total.created, laboratory.charted()) == (1, [])
    assert settle(laboratory, kind, what, to, **more).total.created == 1
    (one,) = laboratory.charted()
    assert ((one.measure, one.value), one.sender, laboratory.waiting()) == (charted, "lab", [])
    assert bring(laboratory, table).total.unchanged == 1
    assert bring(laboratory, table.replace("2026-02-04", "2026-03-04")).total.created == 1


def test_the_cells_of_a_wide_row_wait_one_by_one_and_flow_in_order(laboratory: Laboratory) -> None:
    wide = [
        {"column": "ck", "measure": "ck", "unit_column": "unit"},
        {"column": "alt", "measure": "alt", "unit": "U/L"},
    ]
    rows = "pat,date,ck,unit,alt\nM1,2026-02-04,412,E/L,40\nM1,2026-02-05,500,E/L,\n"
    report = bring(laboratory, rows, {"mrn": "pat", "observed_at": "date"}, wide=wide)
    assert (report.total.created, report.total.waiting) == (1, 2)
    assert settle(laboratory, "unit", "ck E/L", "U/L").total.created == 2
    assert [(one.measure, one.value) for one in laboratory.charted()] == [("alt", 40), ("ck", 412), ("ck", 500)]


def test_a_drug_nobody_knows_waits(laboratory: Laboratory) -> None:
    rows = "pat,drug,dose,date\nM1,Decortin,20,2026-02-04\nM1,MTX,15,2026-02-04\n"
    fixed = {"unit": "mg", "frequency": "daily"}
    assert bring(laboratory, rows, DOSES, "medications", fixed=fixed).total.waiting == 1
    assert settle(laboratory, "drug", "Decortin", "prednisone").total.created == 1
    with Session(laboratory.engine) as session:
        assert sorted(one.drug for one in session.exec(select(MedicationStatement))) == ["methotrexate", "prednisone"]


@pytest.mark.parametrize(
    ("kind", "what"), [("code", "Hepatitis E"), ("code", "*"), ("patient", "0088"), ("patient", "*")]
)
def test_of_what_is_not_ours_nothing_is_kept(laboratory: Laboratory, kind: str, what: str) -> None:
    row = "0088,CK,412,U/L" if kind == "patient" else "M1,Hepatitis E,1,"
    table = f"pat,test,result,units,date\n{row},2026-02-04\n"
    bring(laboratory, table)
    assert settle(laboratory, kind, what, not_ours=True).total.unchanged == 1
    assert bring(laboratory, table + f"{row},2026-02-05\n").total.unchanged == 2
    assert (laboratory.waiting(), laboratory.charted()) == ([], [])


def test_what_waited_for_a_patient_flows_when_the_patient_is_added(laboratory: Laboratory) -> None:
    bring(laboratory, "pat,test,result,units,date\nM9,CK,412,U/L,2026-02-04\n")
    folder = laboratory.folder / "patients.csv"
    folder.write_text("mrn,family_name\nM9,New\n")
    import_paths(laboratory.engine, [folder], **AS)
    assert (laboratory.values(), laboratory.waiting()) == ([412], [])


def test_what_was_held_flows_by_itself_once_the_source_shows_its_mark(laboratory: Laboratory) -> None:
    head = "pat,test,result,units,date\n"
    assert bring(laboratory, head + "M1,CK,1.234,U/L,2026-02-04\n").total.waiting == 1
    bring(laboratory, head + 'M1,CK,"7,1",U/L,2026-02-05\n')
    assert laboratory.values() == [1234, 7.1]


def test_a_table_in_our_own_columns_is_rejected_as_the_csv_folder_is(laboratory: Laboratory) -> None:
    path = laboratory.folder / "observations.tsv"
    path.write_text("mrn\tmeasure\tvalue\tunit\tobserved_at\nM77\tck\t412\tU/L\t2026-02-04\n")
    for _ in range(2):
        report = laboratory.bring(path, format="table")
        assert (report.total.waiting, report.total.rejected) == (0, 1)
        assert "waiting" not in report.to_dict()["total"]
