"""What an import refused comes back as the file it was, safe to open, to be mended and imported again."""

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from jobs.importers.inert import as_sent, inert
from jobs.importers.load import ImportReport, import_paths
from models.database import engine_for
from models.observation import Observation
from models.patient import Patient

NOW = dt.datetime(2026, 11, 22, 7, 0, tzinfo=dt.UTC)
HEADER = "mrn;measure;value;unit;observed_at;comment"


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    engine = engine_for(sqlite_url)
    with Session(engine) as session:
        session.add(Patient(mrn="M1", created_at=NOW, updated_at=NOW))
        session.commit()
    yield engine
    engine.dispose()


def bring(engine: Engine, path: Path, rejects: Path | None = None) -> ImportReport:
    return import_paths(engine, [path], timezone="UTC", by="nora", now=NOW, rejects_file=rejects)


def table(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "observations.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def stored(engine: Engine) -> list[Observation]:
    with Session(engine) as session:
        return list(session.exec(select(Observation)))


def test_a_point_that_may_separate_thousands_is_asked_about_and_never_guessed(engine: Engine, tmp_path: Path) -> None:
    report = bring(engine, table(tmp_path, "M1;ck;1.234;U/L;2026-02-04;"))
    assert stored(engine) == []
    assert [one.why for one in report.rejects] == ["'1.234' may mean 1234 or 1,234; write 1234, or 1.2340"]


def test_a_file_that_shows_its_decimal_point_is_believed(engine: Engine, tmp_path: Path) -> None:
    bring(engine, table(tmp_path, "M1;ck;1.234;U/L;2026-02-04;", "M1;ck;12.5;U/L;2026-02-05;"))
    assert sorted(one.value or 0 for one in stored(engine)) == [1.234, 12.5]


def test_commas_between_cells_leave_only_the_decimal_point(engine: Engine, tmp_path: Path) -> None:
    bring(engine, table(tmp_path, "M1,ck,1.234,U/L,2026-02-04,", header=HEADER.replace(";", ",")))
    assert [one.value for one in stored(engine)] == [1.234]


def test_refused_rows_are_mended_in_their_file_and_imported_as_they_were_sent(engine: Engine, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    bring(engine, table(tmp_path, "M1;ck;1.234;U/L;2026-02-04;=HYPERLINK(1)", "M1;ck;412;U/L;2026-02-05;"), rejects)
    with rejects.open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["file"], row["line"], row["value"]) == ("observations.csv", "2", "1.234")
    assert row["comment"] == "'=HYPERLINK(1)"
    rejects.write_text(rejects.read_text(encoding="utf-8").replace(",1.234,", ",1234,"), encoding="utf-8")
    report = bring(engine, rejects)
    assert (report.total.created, report.total.rejected, report.warnings) == (1, 0, [])
    assert {(one.value, one.comment) for one in stored(engine)} == {(1234, "=HYPERLINK(1)"), (412, None)}


@pytest.mark.parametrize(
    "cell", ["=1+1", "@SUM(1)", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "\t=1", "'=1", "\uff1d1"]
)
def test_what_a_spreadsheet_would_run_is_put_out_of_action(cell: str) -> None:
    assert inert(cell).startswith("'")
    assert as_sent(inert(cell)) == cell


@pytest.mark.parametrize("cell", ["-5", "+3.5", "-1,5", "M1", "", "412 U/L", "'quoted'", "1e-3"])
def test_numbers_and_words_stay_as_they_are(cell: str) -> None:
    assert inert(cell) == cell
    assert as_sent(cell) == cell


@given(st.text(alphabet="'=+-@\t1a ", max_size=8))
def test_the_way_through_a_spreadsheet_changes_nothing(cell: str) -> None:
    assert as_sent(inert(cell)) == cell
