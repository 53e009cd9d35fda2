"""Files as senders really write them."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.importers.csv_folder import find_csv
from jobs.importers.excel import find_sheets
from jobs.importers.load import ImportReport, import_paths
from models.database import engine_for
from models.errors import UsageError

HEADER = "mrn,measure,value,unit,observed_at,comment\n"
Importer = Callable[..., ImportReport]


@pytest.fixture
def imported(sqlite_url: str) -> Any:
    engine = engine_for(sqlite_url)

    def run(*paths: Path, **options: Any) -> ImportReport:
        now = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
        return import_paths(engine, list(paths), timezone="UTC", by="nora", now=now, **options)

    yield run
    engine.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "clinic"
    path.mkdir()
    (path / "patients.csv").write_text("mrn\nP1\n", encoding="utf-8")
    return path


def records(path: Path) -> list[tuple[int, list[str], str]]:
    [file] = find_csv([path])[0]
    with file.open() as sheet:
        return list(sheet.records)


def write(folder: Path, text: str, name: str = "observations.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


def test_semicolons_a_byte_order_mark_and_decimal_commas_of_a_german_excel(folder: Path, imported: Importer) -> None:
    write(folder, "\ufeffMRN;Value;Measure;Unit;Observed_At;upper_limit\r\nP1;12,5;ck;ukat/L;2026-05-01;2,85\r\n")
    report = imported(folder)
    assert report.total.created == 2
    assert report.warnings == []


def test_the_line_is_the_first_line_of_the_record(folder: Path) -> None:
    text = (
        HEADER + 'P1,ck,1,U/L,2026-05-01,"two\nlines"\n\nP1,ck,2,U/L,2026-05-02,"a ""b"", c"\nP1,ck,3,U/L,2026-05-03,\n'
    )
    found = [(line, cells[-1], why) for line, cells, why in records(write(folder, text)) if cells != [""]]
    assert found == [(2, "two\nlines", ""), (5, 'a "b", c', ""), (6, "", "")]


def test_a_quotation_mark_never_closed_costs_one_row(folder: Path, imported: Importer) -> None:
    rows = [f"P1,ck,{n},U/L,2026-05-{n:02d}," for n in range(1, 21)]
    rows[4] += '"five'
    rows[9] += '"quoted"'
    write(folder, HEADER + "\n".join(rows))
    report = imported(folder)
    assert (report.files[1].created, report.files[1].rejected) == (19, 1)
    assert report.rejects[0].line == 6
    assert "quotation mark" in report.rejects[0].why


def test_a_quotation_mark_inside_a_cell_is_only_a_character(folder: Path, imported: Importer) -> None:
    write(folder, HEADER + 'P1,ck,1,U/L,2026-05-01,5" scar\nP1,ck,2,U/L,2026-05-02,x\n')
    assert imported(folder).files[1].created == 2


def test_rows_with_more_cells_than_columns_are_rejected_and_with_fewer_read(folder: Path, imported: Importer) -> None:
    write(folder, HEADER + "P1,ck,1,U/L,2026-05-01,a,b\nP1,ck,2,U/L,2026-05-02\nP1,ck,3,U/L,2026-05-03,,,\nP1,ck,4\n")
    report = imported(folder)
    assert (report.files[1].created, report.files[1].rejected) == (2, 2)
    assert "7 cells, the header 6" in report.rejects[0].why
    assert report.rejects[1].column == "observed_at"


def test_blank_lines_are_not_counted(folder: Path, imported: Importer) -> None:
    write(folder, HEADER + "\n,,,,,\n   \nP1,ck,1,U/L,2026-05-01,\n\n")
    assert imported(folder).files[1].read == 1


def test_nul_characters_are_refused_row_by_row(folder: Path, imported: Importer) -> None:
    write(folder, HEADER + "P1,ck,1,U/L,2026-05-01,a\x00b\nP1,ck,2,U/L,2026-05-02,\n")
    report = imported(folder)
    assert (report.files[1].created, report.rejects[0].column) == (1, "comment")


def test_other_files_in_the_folder_are_named_and_left_alone(folder: Path, imported: Importer) -> None:
    write(folder, "mrn,state\n", "truth.csv")
    write(folder, "read me", "README")
    assert imported(folder).warnings == ["clinic: files ignored: README, truth.csv"]


def test_files_are_loaded_patients_first_whatever_the_order(folder: Path, imported: Importer) -> None:
    single = write(folder, HEADER + "P1,ck,1,U/L,2026-05-01,\n", "observations-may.csv")
    told_by_header = write(folder, "date,event,mrn\n2026-05-01,rash,P1\n", "export.csv")
    report = imported(told_by_header, single, folder / "patients.csv")
    assert [file.name for file in report.files] == ["patients.csv", "observations-may.csv", "export.csv"]
    assert report.total.created == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mrn,measure,value\nP1,ck,1\n", "lacks unit, observed_at"),
        ("mrn,measure,value,unit,observed_at,Value\n", "value appears more than once"),
        ("just some text\n", "lacks mrn"),
    ],
)
def test_a_file_whose_header_is_wrong_is_unreadable(folder: Path, imported: Importer, text: str, says: str) -> None:
    write(folder, text)
    with pytest.raises(UsageError, match=says):
        imported(folder)


def test_utf16_is_unreadable_and_says_so(folder: Path, imported: Importer) -> None:
    (folder / "observations.csv").write_bytes(HEADER.encode("utf-16"))
    with pytest.raises(UsageError, match="not UTF-8"):
        imported(folder)


def test_an_empty_file_has_no_rows(folder: Path, imported: Importer) -> None:
    write(folder, "\n")
    report = imported(folder)
    assert report.files[1].read == 0
    assert report.warnings == ["observations.csv: the file is empty"]


def test_a_file_of_no_known_kind_is_wrong_usage(tmp_path: Path, imported: Importer) -> None:
    with pytest.raises(UsageError, match="not those of the CSV folder, and no mapping fits"):
        imported(write(tmp_path, "a,b\n1,2\n", "export.csv"))


# ----------------------------------------------------------------------------------------------------------- workbooks


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    from openpyxl import Workbook

    book = Workbook()
    patients = book.active
    patients.title = "Patients"
    patients.append(["mrn", "birth_date"])
    patients.append([42, dt.date(1990, 1, 2)])
    patients["A2"].number_format = "00000"
    observations = book.create_sheet("observations")
    observations.append(["mrn", "measure", "value", "unit", "observed_at", "max_value"])
    observations.append(["00042", "cmas", 27.0, None, dt.datetime(2026, 5, 1, 8, 30), 52])  # noqa: DTZ001
    observations.append(["00042", "ck", "12,5", "ukat/L", dt.datetime(2026, 5, 1), None])  # noqa: DTZ001
    observations.append([None] * 6)
    observations.append(["00042", "ck", 5, "mg", "2026-05-01", None])
    book.create_sheet("Notes").append(["call her"])
    path = tmp_path / "clinic.xlsx"
    book.save(path)
    return path


def test_a_workbook_gives_the_same_rows_and_messages(workbook: Path, imported: Importer) -> None:
    report = imported(workbook)
    assert [file.name for file in report.files] == ["clinic.xlsx/Patients", "clinic.xlsx/observations"]
    assert (report.total.created, report.total.rejected) == (3, 1)
    assert (
        report.rejects[0]
        .sentence()
        .startswith("clinic.xlsx/observations line 5, column unit: 'mg' is not a unit of ck; use U/L")
    )
    assert report.warnings == ["clinic.xlsx: sheets ignored: Notes"]
    assert imported(workbook).total.unchanged == 3


def test_days_numbers_and_leading_zeros_survive_the_workbook(workbook: Path) -> None:
    patients, observations = find_sheets([workbook])[0]
    with patients.open() as sheet:
        assert list(sheet.records) == [(2, ["00042", "1990-01-02"], "")]
    with observations.open() as sheet:
        assert next(sheet.records)[1] == ["00042", "cmas", "27", "", "2026-05-01T08:30:00", "52"]


def test_what_is_no_workbook_is_wrong_usage(tmp_path: Path, imported: Importer) -> None:
    path = tmp_path / "clinic.xlsx"
    path.write_text("not a workbook")
    with pytest.raises(UsageError, match="not a workbook"):
        imported(path)
    with pytest.raises(UsageError, match="does not exist"):
        imported(tmp_path / "missing.xlsx")
