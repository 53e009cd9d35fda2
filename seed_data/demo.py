"""The demonstration clinic: every story beside a synthetic cohort, in one CSV folder, so that a panel looks real."""

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from seed_data.cohort import write_cohort
from seed_data.csv_folder import COLUMNS
from seed_data.stories import write_stories

YEARS = 3.0
USERS = Path(__file__).parent / "users.csv"


@dataclass(frozen=True)
class DemoUser:
    """One of the demonstration's cast. There is no password here: one is made when the demonstration starts."""

    name: str
    role: str
    display_name: str
    purpose: str


def demo_users(path: Path = USERS) -> list[DemoUser]:
    """The demonstration's cast, from users.csv."""
    with path.open(encoding="utf-8", newline="") as stream:
        return [DemoUser(**row) for row in csv.DictReader(stream)]


def write_demo_clinic(directory: Path | str, patients: int, as_of: date, seed: int = 7) -> dict[str, int]:
    """Write all stories and `patients` synthetic patients with three years of history into one CSV folder.

    The cohort's truth.csv lies beside them. Returns the number of data rows per file. With no synthetic patients the
    folder holds the stories alone. Raises ValueError for a negative number of patients.
    """
    if patients < 0:
        raise ValueError(f"patients must not be negative, not {patients}")
    folder = Path(directory)
    counts = write_stories(folder, as_of)
    if patients == 0:
        return counts
    with TemporaryDirectory(dir=folder, prefix=".cohort-") as staging:
        cohort = write_cohort(staging, patients, seed, as_of, YEARS)
        for name in COLUMNS:
            _append_rows(Path(staging) / name, folder / name)
            counts[name] += cohort[name]
        (Path(staging) / "truth.csv").replace(folder / "truth.csv")
    return counts | {"truth.csv": cohort["truth.csv"]}


def _append_rows(source: Path, target: Path) -> None:
    """Append a file's rows, without its header, to one that has the same columns in the same order."""
    with source.open(encoding="utf-8", newline="") as rows, target.open("a", encoding="utf-8", newline="") as stream:
        next(rows)
        stream.writelines(rows)
