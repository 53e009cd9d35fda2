"""A clinic as release 0.1.0 left it: its schema, its rows, and further ones in its spelling."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command

from models.database import _alembic, engine_for, is_sqlite

RELEASE = json.loads((Path(__file__).parent / "models" / "release_0_1_0.json").read_text())
"""`tables`: rows as the release stored them; `files`: what had been imported."""


def fill_first_release(url: str, more: dict[str, list[dict[str, Any]]] | None = None) -> None:
    """Fill an empty database as the release had; `more` rows by table, each like the first one there but for its cells.

    Cells are as the release stored them: text for days and instants.
    """
    engine = engine_for(url)
    command.upgrade(_alembic(engine), "0001")
    with engine.begin() as connection:
        for name in [*RELEASE["tables"], *sorted(set(more or {}) - set(RELEASE["tables"]))]:
            rows = RELEASE["tables"].get(name, [])
            first = {**rows[0], "source_id": None} if rows and "source_id" in rows[0] else dict(rows[0] if rows else {})
            added = [first | row for row in (more or {}).get(name, [])]
            table = sa.Table(name, sa.MetaData(), autoload_with=connection)
            for row in [*rows, *added]:
                values = {column: stored(value, table.c[column].type) for column, value in row.items()}
                connection.execute(sa.insert(table).values(values))
            if not is_sqlite(engine) and "id" in table.c:
                connection.execute(
                    sa.text(f"select setval(pg_get_serial_sequence('{name}', 'id'), (select max(id) from {name}))")
                )
    engine.dispose()


def stored(text: Any, kind: Any) -> Any:
    """What the release had stored in a column of that type."""
    if text is None:
        return None
    if isinstance(kind, sa.DateTime):
        return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC if kind.timezone else None)
    if isinstance(kind, sa.Date):
        return dt.date.fromisoformat(text)
    return bool(text) if isinstance(kind, sa.Boolean) else text
