"""A clinic with three patients, and messages to bring to it."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from jobs.importers.load import ImportReport, import_paths
from models.database import engine_for, writing
from models.observation import Observation
from models.patient import Patient
from models.waiting import waiting_groups

NOW = dt.datetime(2026, 11, 22, 7, 0, tzinfo=dt.UTC)
MESSAGES = Path(__file__).parent / "messages"

PEOPLE = (
    {"mrn": "M1", "family_name": "Doe", "given_name": "Jane", "birth_date": dt.date(1980, 2, 29), "sex": "female"},
    {"mrn": "M2", "family_name": "Müller-Łoś", "given_name": "Åsa Maria", "sex": "unknown"},
    {"mrn": "M3"},
)


class Laboratory:
    """A clinic's database, and what a laboratory sends to it."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self._made = iter(range(1000))

    def send(self, content: str | bytes, **options: Any) -> ImportReport:
        """Import a file with this content; its counts add up."""
        path = self.folder / f"sent-{next(self._made)}.hl7"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.bring(path, **options)

    def bring(self, *paths: Path, **options: Any) -> ImportReport:
        """Import files; their counts add up."""
        report = import_paths(self.engine, paths, timezone="Europe/Berlin", by="nora", now=NOW, **options)
        total = report.total
        parts = total.created + total.updated + total.unchanged + total.waiting + total.rejected
        assert total.read == parts == sum(file.read for file in report.files)
        return report

    def charted(self, *, current: bool = True) -> list[Observation]:
        """The results on file; those in force, or every version."""
        with Session(self.engine) as session:
            query = select(Observation).order_by(col(Observation.effective_at), col(Observation.id))
            if current:
                query = query.where(col(Observation.known_to).is_(None))
            return list(session.exec(query))

    def values(self) -> list[float | None]:
        """The values in force that count, in the order of their time."""
        return [one.value for one in self.charted() if one.status in ("final", "corrected")]

    def waiting(self) -> list[tuple[str, str, int]]:
        """Kind, what and how many of what waits."""
        with Session(self.engine) as session:
            return [(one["kind"], one["what"], one["count"]) for one in waiting_groups(session)]


def _with_people(url: str) -> Engine:
    engine = engine_for(url)
    with writing(engine) as session:
        for one in PEOPLE:
            session.add(Patient(**one, created_at=NOW, updated_at=NOW))
    return engine


@pytest.fixture
def laboratory(sqlite_url: str, tmp_path: Path) -> Iterator[Laboratory]:
    """On SQLite."""
    engine = _with_people(sqlite_url)
    yield Laboratory(engine, tmp_path)
    engine.dispose()


@pytest.fixture
def laboratory_on_both(database_url: str, tmp_path: Path) -> Iterator[Laboratory]:
    """Once on SQLite and once on PostgreSQL."""
    engine = _with_people(database_url)
    yield Laboratory(engine, tmp_path)
    engine.dispose()


Send = Callable[..., ImportReport]


def result(
    value: str = "412",
    *,
    code: str = "2157-6^Creatine kinase^LN",
    unit: str = "U/L",
    limits: str = "30-200",
    flag: str = "H",
    status: str = "F",
    at: str = "20260601080000",
    number: str = "F1",
    kind: str = "NM",
    patient: str = "PID|1||M1^^^H^MR||Doe^J",
    sub: str = "",
    sent: str = "20260601110000",
    sender: str = "LAB|H",
    mode: str = "P",
    specimen: str = "",
    notes: tuple[str, ...] = (),
) -> str:
    """A message with one result."""
    obr = f"OBR|1|P{number}|{number}^LAB|24323-8^Panel^LN|||{at}||||||||{specimen}|||||||{sent}|||F"
    return "\r".join(
        [
            f"MSH|^~\\&|{sender}|MYO|H|{sent}||ORU^R01|{number}|{mode}|2.5.1",
            patient,
            obr,
            f"OBX|1|{kind}|{code}|{sub}|{value}|{unit}|{limits}|{flag}|||{status}|||{at}",
            *(f"NTE|{place}||{note}" for place, note in enumerate(notes, 1)),
            "",
        ]
    )
