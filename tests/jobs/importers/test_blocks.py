"""An import in blocks: others write in between, one that dies can be repeated, a dry run counts without writing."""

import datetime as dt
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from jobs.importers import load
from jobs.importers.canonical import COLUMNS, Reading, Refused, reader
from jobs.importers.canonical.observation import GROUPS
from jobs.importers.load import ImportReport, import_paths, import_sources
from jobs.importers.loading import row_read
from jobs.importers.loading.sources import find_sources
from jobs.importers.sheet import Sheet
from models.database import reading, writing
from models.delivery import Delivery
from models.observation import Observation
from models.patient import Patient
from models.recorded import own_columns
from models.tables import ImportBatch, ImportFile

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
Folder = Callable[..., Path]


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "BLOCK", 3)


def ck(number: int, mrn: str = "P1", **more: object) -> dict[str, object]:
    at = f"2026-05-{1 + number % 28:02d}T08:00Z"
    return {"mrn": mrn, "measure": "ck", "value": 100 + number, "unit": "U/L", "observed_at": at} | more


def run(engine: Engine, folder: Path, **options: Any) -> ImportReport:
    return import_paths(engine, [folder], timezone="Europe/Berlin", by="nora", now=NOW, **options)


def count(engine: Engine, what: Any) -> int:
    with reading(engine) as session:
        return int(session.execute(sa.select(sa.func.count()).select_from(what)).scalar_one())


# ------------------------------------------------------------------------------------------------------ between blocks


def test_others_write_while_an_import_runs(engine: Engine, clinic_folder: Folder) -> None:
    folder = clinic_folder(patients=[{"mrn": "P1"}], observations=[ck(number) for number in range(10)])
    sources, _, _ = find_sources([folder], "csv", "UTC")
    there: list[int] = []

    def acknowledge(_file: str, _line: int, _what: str) -> None:
        with writing(engine) as session:
            session.execute(sa.update(Patient).values(site="North"))
        there.append(count(engine, Observation))

    import_sources(
        engine, sources, format="csv", name="x", timezone="UTC", by="nora", now=NOW, follow=acknowledge
    )  # fmt: skip
    assert there == [0, 3, 3, 3, 6, 6, 6, 9, 9, 9, 10]


class Killed(BaseException):
    """What a process that is killed does: nothing more."""


def test_an_import_that_dies_says_how_far_it_got_and_can_be_repeated(engine: Engine, clinic_folder: Folder) -> None:
    rows = [ck(number, source_id=f"L{number}") for number in range(8)] + [ck(9, unit="mg")]
    folder = clinic_folder(patients=[{"mrn": "P1"}], observations=rows)
    sources, _, _ = find_sources([folder], "csv", "UTC")

    def die(_file: str, line: int, _what: str) -> None:
        if line == 6:
            raise Killed

    with pytest.raises(Killed):
        import_sources(engine, sources, format="csv", name="x", timezone="UTC", by="nora", now=NOW, follow=die)
    with reading(engine) as session:
        [batch] = session.execute(sa.select(ImportBatch)).scalars().all()
        files = session.execute(sa.select(ImportFile).order_by(ImportFile.id)).scalars().all()
    assert (batch.read, batch.created, batch.finished_at) == (7, 7, None)
    assert [(file.name, file.read) for file in files] == [("patients.csv", 1), ("observations.csv", 6)]
    assert count(engine, Observation) == 6
    again = run(engine, folder).total
    assert (again.read, again.created, again.unchanged, again.rejected) == (10, 2, 7, 1)
    with reading(engine) as session:
        assert session.execute(sa.select(sa.func.sum(Delivery.results))).scalar_one() == 8
    assert run(engine, folder).total.unchanged == 9


def test_two_imports_at_once_store_every_fact_once(engine: Engine, clinic_folder: Folder) -> None:
    folder = clinic_folder(
        patients=[{"mrn": "P1"}],
        observations=[
            ck(number, source_id=f"L{number}", received_at=f"2026-06-{1 + number:02d}") for number in range(20)
        ]
        + [ck(number + 1, source_id=f"L{number}", received_at=f"2026-07-{1 + number:02d}") for number in range(20)],
    )
    start = threading.Barrier(2)
    reports: list[ImportReport] = []

    def one() -> None:
        start.wait()
        reports.append(run(engine, folder))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.total.read for report in reports] == [41, 41]
    assert sum(report.total.created for report in reports) == 21
    assert sum(report.total.updated for report in reports) == 20
    with reading(engine) as session:
        current = session.execute(sa.select(sa.func.count()).where(Observation.known_to.is_(None))).scalar_one()
    assert (count(engine, Observation), current) == (40, 20)


def test_an_import_hands_back_whom_it_touched(engine: Engine, clinic_folder: Folder) -> None:
    people = [{"mrn": f"P{number}"} for number in range(5)]
    first = run(engine, clinic_folder(patients=people, observations=[ck(1, "P3", source_id="a")]))
    assert first.patient_ids == [1, 2, 3, 4, 5]
    moved = [ck(1, "P1", source_id="a", received_at="2026-06-01"), ck(2, "P2"), ck(3, "nobody")]
    second = run(engine, clinic_folder(observations=moved))
    with reading(engine) as session:
        ids = dict(session.execute(sa.select(Patient.mrn, Patient.id)).all())
    assert second.patient_ids == sorted(ids[mrn] for mrn in ("P1", "P2", "P3"))
    assert run(engine, clinic_folder(observations=moved)).patient_ids == []


# ------------------------------------------------------------------------------------------------------------ dry runs


def test_a_dry_run_counts_like_the_real_one_across_blocks(engine: Engine, clinic_folder: Folder) -> None:
    run(engine, clinic_folder(patients=[{"mrn": "P1"}], observations=[ck(1, source_id="a")]))
    folder = clinic_folder(
        patients=[{"mrn": f"P{number % 4}", "site": f"S{number % 3}"} for number in range(9)],
        observations=[
            ck(number, f"P{number % 5}", source_id="abcd"[number % 4], received_at=f"2026-06-{1 + number % 7:02d}")
            for number in range(40)
        ],
        events=[{"mrn": "P2", "event": "rash", "date": "2026-05-02", "detail": str(n % 2)} for n in range(7)],
    )
    before = [count(engine, table) for table in (Patient, Observation, ImportBatch, ImportFile, Delivery)]
    dry = run(engine, folder, dry_run=True)
    assert [count(engine, table) for table in (Patient, Observation, ImportBatch, ImportFile, Delivery)] == before
    real = run(engine, folder)
    assert (dry.total, dry.files, dry.rejects, dry.warnings) == (real.total, real.files, real.rejects, real.warnings)
    assert dry.patient_ids == []


# -------------------------------------------------------------------------------------------------------- same reading

CELLS = {
    "mrn": ["P1", " P1", "P2", "", "9" * 201, "P\x001"],
    "measure": ["ck", "CK", "cmas", "troponin_t", "nonsense"],
    "value": ["500", " 500", "500.0", "<5", "27", "", "x", "1,5", "60"],
    "unit": ["U/L", "u/l", "ukat/L", "", "ng/L", "mg"],
    "observed_at": ["2026-05-01", "2026-05-01T08:00", "2026-10-25T02:30", "2026-13-01", "", "1799-01-01"],
    "max_value": ["", "52", "48"],
    "upper_limit": ["", "190", "0", "-1"],
    "lower_limit": ["", "20", "300"],
    "assay": ["", "Roche", "A" * 201],
    "assessor": ["", "Vera O'Neill", 'the "other"'],
    "received_at": ["", "2026-05-03", "2026-05-03T10:00Z", "soon"],
    "status": ["", "final", "corrected", "entered-in-error", "not-done", "odd"],
    "reason": ["", "haemolysed"],
    "source_id": ["", "L1", " L2 ", "L" * 201, "L\x00"],
    "comment": ["", "näh\\ok"],
}


def _table(seed: int) -> Iterator[tuple[int, list[str], str]]:
    """Rows of which some repeat others cell by cell, most of them in order, and some damaged."""
    draw = random.Random(seed)
    for line in range(2, 800):
        record = [cells[0] if draw.random() < 0.75 else draw.choice(cells) for cells in CELLS.values()]
        record = record[: draw.choice([15, 15, 15, 15, 3, 14])] + draw.choice([[], [], [], [], ["surplus"], [""]])
        yield line, record, "" if draw.random() < 0.99 else "the quotation marks do not fit"


def _read_alone(sheet: Sheet, record: list[str], cells: list[str]) -> Any:
    try:
        row_read._check_shape(sheet, record, cells)
        return reader("observations")(cells, Reading("Europe/Berlin", NOW))
    except Refused as refused:
        return refused


@pytest.mark.parametrize("seed", range(5))
def test_a_row_whose_cells_were_read_before_is_read_as_if_for_the_first_time(seed: int) -> None:
    assert tuple(CELLS) == COLUMNS["observations"]
    sheet = Sheet("observations", "o", COLUMNS["observations"], _table(seed), decimal_comma=False)
    looked_up = list(row_read.rows_of(sheet, Reading("Europe/Berlin", NOW)))
    accepted = 0
    for row in looked_up:
        # The plain reader with a memory of nothing, one row at a time.
        alone = Sheet(
            "observations", "o", COLUMNS["observations"], iter([(row.line, row.record, "")]), decimal_comma=False
        )  # fmt: skip
        cells = [row.record[at].strip() if at < len(row.record) else "" for at in range(15)]
        outcome = _read_alone(alone, row.record, cells)
        if isinstance(outcome, Refused) or row.refused is not None:
            assert row.refused is not None
            if "quotation" not in row.refused.why:
                assert isinstance(outcome, Refused)
                said = (row.refused.column, row.refused.value, row.refused.why)
                assert said == (outcome.column, outcome.value, outcome.why)
            continue
        accepted += 1
        assert (row.fact.mrn, row.fact.source_id) == (outcome.mrn, outcome.source_id)
        assert row.fact.received_at == outcome.received_at
        assert row.fact.values(None) == outcome.values(None)
        assert (row.fact.content(), row.fact.identity("csv")) == (outcome.content(), outcome.identity("csv"))
    assert accepted > 20


def test_the_fields_of_an_observation_are_the_columns_of_its_table() -> None:
    assert sorted(field for group in GROUPS for field in group._fields) == sorted(own_columns(Observation))
