"""Facts in: how fast, and how much room they take."""

import sqlite3
from contextlib import closing
from pathlib import Path

from models.database import engine_for, upgrade
from tests.benchmarks import ours, peers
from tests.benchmarks.clinic import Clinic, checkpoint, without
from tests.benchmarks.measuring import Disagreement, Goal, Report, in_turns

RAW_MESSAGES = frozenset({"message", "import_message", "raw_message", "rejected_row"})
"""What arrived as it arrived; it is kept, but it is not what an observation takes."""


def import_speed(report: Report, small: Clinic, repeats: int) -> None:
    """Every check, version and index, against reading the files and writing rows that somebody made beforehand."""
    empty = without(small.folder / "empty.db")
    upgrade(f"sqlite:///{empty}")
    checkpoint(empty)
    mine, theirs = small.folder / "imported.db", small.folder / "written.db"
    ready = peers.ready_rows(small.database)

    def ours_in() -> None:
        engine = engine_for(f"sqlite:///{small.copy(mine.name, of=empty)}")
        ours.imported(engine, small.csv)
        engine.dispose()

    def theirs_in() -> None:
        peers.written(small.copy(theirs.name, of=empty), ready, small.csv)

    ours_in()
    theirs_in()
    counts = [{one.table: len(one.rows) for one in peers.ready_rows(path)} for path in (mine, theirs)]
    if counts[0] != counts[1]:
        raise Disagreement(f"after the import {counts[0]} rows, after the peer {counts[1]}")
    medians = in_turns({"ours": ours_in, "theirs": theirs_in}, max(repeats // 2, 1), warm_up=False)
    peer_is = "csv.reader and executemany of ready rows into the same tables and indexes"
    report.time(f"import of {small.rows:,} rows", medians["ours"], medians["theirs"], peer_is=peer_is)
    rates = {name: small.rows / cost.processor for name, cost in medians.items()}
    report.amount(
        "import, rows per second of processor time", rates["ours"], rates["theirs"], unit="rows/s", peer_is="the same",
        goal=Goal(0.5, least=True),
    )  # fmt: skip
    report.remark(f"the same {sum(counts[0].values()):,} rows in the same tables after both")


def room(report: Report, clinic: Clinic) -> None:
    """The evaluated database per observation, indexes included, raw messages and free pages apart."""
    database = ours.evaluated(clinic)
    sizes = _bytes_by_table(database)
    with closing(sqlite3.connect(database)) as connection:
        number = connection.execute("select count(*) from observation").fetchone()[0]
    kept = {name: size for name, size in sizes.items() if name not in RAW_MESSAGES}
    report.amount(
        "database per observation", sum(kept.values()) / number,
        sum(path.stat().st_size for path in clinic.csv.glob("*.csv") if path.name != "truth.csv") / number,
        unit="bytes", peer_is="the CSV files", goal=Goal(250, "bytes"),
    )  # fmt: skip
    largest = sorted(kept, key=lambda name: -kept[name])[:5]
    report.remark("of them: " + ", ".join(f"{name} {kept[name] / number:.0f}" for name in largest))


def _bytes_by_table(database: Path) -> dict[str, int]:
    """Bytes of each table together with its indexes."""
    with closing(sqlite3.connect(database)) as connection:
        table_of = dict(connection.execute("select name, tbl_name from sqlite_master"))
        sizes: dict[str, int] = {}
        for name, size in connection.execute("select name, sum(pgsize) from dbstat group by name"):
            table = str(table_of.get(name, name))
            sizes[table] = sizes.get(table, 0) + int(size)
    return sizes
