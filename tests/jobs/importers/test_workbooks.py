"""Workbooks as hospitals have them: every format, charts among the sheets, and files that claim more than they hold."""

import datetime as dt
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from openpyxl.chart import BarChart
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from jobs.importers import bounds
from jobs.importers.bounds import Bounds
from jobs.importers.load import import_paths
from jobs.importers.workbook import read_workbook
from models.database import engine_for
from models.errors import UsageError
from models.observation import Observation
from models.patient import Patient

NOW = dt.datetime(2026, 11, 22, 7, 0, tzinfo=dt.UTC)
FILES = Path(__file__).parent / "files"
HEADER = ["mrn", "measure", "value", "unit", "observed_at"]


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    engine = engine_for(sqlite_url)
    with Session(engine) as session:
        session.add(Patient(mrn="007", created_at=NOW, updated_at=NOW))
        session.commit()
    yield engine
    engine.dispose()


def workbook(path: Path, *rows: list[object], title: str = "observations", chart: str = "") -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in (HEADER, *rows):
        sheet.append(row)
    if chart:
        made = book.create_chartsheet("a chart")
        if chart == "filled":
            made.add_chart(BarChart())
    book.save(path)
    return path


def open_document(path: Path, *rows: str) -> Path:
    """A sheet of OpenOffice, made by hand."""
    cells = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        package.writestr(
            "META-INF/manifest.xml",
            '<?xml version="1.0"?>'
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            '<manifest:file-entry manifest:full-path="/" '
            'manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/></manifest:manifest>',
        )
        package.writestr(
            "content.xml",
            f'<?xml version="1.0" encoding="UTF-8"?><office:document-content{names}><office:body><office:spreadsheet>'
            f'<table:table table:name="observations">{cells}</table:table></office:spreadsheet></office:body>'
            "</office:document-content>",
        )
    return path


def ods_cell(text: str, more: str = "") -> str:
    return f'<table:table-cell office:value-type="string"{more}><text:p>{text}</text:p></table:table-cell>'


def values(engine: Engine) -> list[tuple[float | None, str]]:
    with Session(engine) as session:
        rows = session.exec(select(Observation).order_by(col(Observation.effective_at)))
        return [(one.value, one.effective_on.isoformat()) for one in rows]


@pytest.mark.parametrize("name", ["results.xls", "results.xlsb"])
def test_the_old_and_the_binary_format_are_read_like_the_new_one(engine: Engine, name: str) -> None:
    report = import_paths(engine, [FILES / name], timezone="UTC", by="nora", now=NOW)
    assert values(engine) == [(412.5, "2026-03-01"), (300, "2026-04-01")]
    assert report.warnings == [f"{name}: sheets ignored: notes"]
    again = import_paths(engine, [FILES / name], timezone="UTC", by="nora", now=NOW)
    assert (again.total.read, again.total.unchanged) == (2, 2)


def test_a_sheet_of_openoffice_is_read(engine: Engine, tmp_path: Path) -> None:
    number = (
        '<table:table-cell office:value-type="float" office:value="412.5"><text:p>412,5</text:p></table:table-cell>'
    )
    day = (
        '<table:table-cell office:value-type="date" office:date-value="2026-03-01"><text:p>01.03.26</text:p>'
        "</table:table-cell>"
    )
    row = ods_cell("007") + ods_cell("ck") + number + ods_cell("U/L") + day
    path = open_document(tmp_path / "results.ods", "".join(map(ods_cell, HEADER)), row)
    import_paths(engine, [path], timezone="UTC", by="nora", now=NOW)
    assert values(engine) == [(412.5, "2026-03-01")]


@pytest.mark.parametrize("chart", ["filled", "empty"])
def test_a_chart_among_the_sheets_is_named_and_skipped(engine: Engine, tmp_path: Path, chart: str) -> None:
    path = workbook(tmp_path / "clinic.xlsx", ["007", "ck", 412, "U/L", dt.date(2026, 3, 1)], chart=chart)
    report = import_paths(engine, [path], timezone="UTC", by="nora", now=NOW)
    assert values(engine) == [(412, "2026-03-01")]
    assert "clinic.xlsx: sheets without cells (charts) skipped: a chart" in report.warnings
    # Without a chart in it openpyxl opens none of it; the other reader does not know how numbers are shown.
    assert any("leading zeros" in warning for warning in report.warnings) == (chart == "empty")


@pytest.mark.parametrize("dry_run", [True, False])
def test_one_row_with_an_enormous_number_is_refused_in_seconds(engine: Engine, tmp_path: Path, dry_run: bool) -> None:
    path = workbook(tmp_path / "small.xlsx", ["007", "ck", 412, "U/L", "2026-03-01"])
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path) as package, zipfile.ZipFile(bomb, "w") as made:
        for name in package.namelist():
            content = package.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = content.replace(b'<row r="2"', b'<row r="900000000"').replace(b'r="A2"', b'r="A900000000"')
                content = content.replace(b'2"', b'900000000"') if b"900000000" not in content else content
            made.writestr(name, content)
    before = time.process_time()
    with pytest.raises(UsageError, match="more than 1,048,576 rows"):
        import_paths(engine, [bomb], timezone="UTC", by="nora", now=NOW, dry_run=dry_run)
    assert time.process_time() - before < 20


def test_rows_repeated_without_end_by_openoffice_harm_nobody(tmp_path: Path) -> None:
    row = ods_cell("007", ' table:number-columns-repeated="16000"')
    path = open_document(tmp_path / "bomb.ods", *[row] * 20_000)
    with pytest.raises(UsageError, match=r"more than|claims more cells"):
        read_workbook(path, lambda _: True)


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        (Bounds(rows=1), "more than 1 rows"),
        (Bounds(cells=9), "more than 9 cells"),
        (Bounds(cell_length=8), "more than 8 characters"),
        (Bounds(sheets=1), "2 sheets; at most 1"),
        (Bounds(unpacked_bytes=100), "unpacks to"),
        (Bounds(packed_bytes=100), "at most 0 MB"),
    ],
)
def test_each_bound_says_what_was_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: Bounds, message: str
) -> None:
    path = workbook(tmp_path / "clinic.xlsx", ["007", "ck", 412, "U/L", "2026-03-01"], chart="filled")
    monkeypatch.setattr(bounds, "BOUNDS", bound)
    monkeypatch.setattr("jobs.importers.workbook.BOUNDS", bound)
    with pytest.raises(UsageError, match=message):
        read_workbook(path, lambda _: True)


def test_a_protected_workbook_says_so(tmp_path: Path) -> None:
    path = tmp_path / "secret.xlsx"
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600))
    with pytest.raises(UsageError, match="protected by a password"):
        read_workbook(path, lambda _: True)


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.xlsb", "a.ods"])
def test_what_only_calls_itself_a_workbook_is_wrong_usage(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"mrn,measure\n1,ck\n")
    with pytest.raises(UsageError, match=r"not a workbook|not such a workbook|damaged"):
        read_workbook(path, lambda _: True)
