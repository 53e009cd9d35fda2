"""Many rows at once past SQLAlchemy's work on each of them, which would be most of the cost of an import."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlmodel import SQLModel

from models.column_types import Digest
from models.delivery import MOST_NAMED

VALUES_PER_QUERY = 5_000
"""SQLite takes at most 32,766 values in one statement."""

MOST_REMEMBERED = 50_000

_Item = TypeVar("_Item")


def table_of(model: type[SQLModel]) -> sa.Table:
    """The table of a model."""
    return cast(sa.Table, model.__table__)  # type: ignore[attr-defined]


def parts(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """The items in portions that fit into one statement."""
    for start in range(0, len(items), VALUES_PER_QUERY):
        yield items[start : start + VALUES_PER_QUERY]


class Writer:
    """Writes rows of one table. A row is a tuple in the order of `columns`, as the database stores its values."""

    def __init__(self, table: sa.Table, columns: Sequence[str], dialect: sa.Dialect) -> None:
        self.table = table
        self.columns = tuple(columns)
        self._sqlite = dialect.name == "sqlite"
        self._stored: list[Callable[[Any], Any]] = [self._storing(column, dialect) for column in self.columns]
        self._quoted = ", ".join(f'"{column}"' for column in self.columns)

    def _storing(self, column: str, dialect: sa.Dialect) -> Callable[[Any], Any]:
        """How values of a column are stored; PostgreSQL's driver takes them as they are."""
        kind = self.table.c[column].type
        processor = kind.dialect_impl(dialect).bind_processor(dialect) if self._sqlite else None
        if processor is None or isinstance(kind, (sa.Float, Digest)):
            return _as_it_is
        return _remembering(processor)

    def stored(self, column: str) -> Callable[[Any], Any]:
        """The function that turns a value of a column into what is stored."""
        return self._stored[self.columns.index(column)]

    def row(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The row of these values."""
        return tuple(store(values[column]) for column, store in zip(self.columns, self._stored, strict=True))

    def write(self, connection: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert the rows in their order."""
        if self._sqlite:
            places = ", ".join("?" * len(self.columns))
            connection.exec_driver_sql(
                f'INSERT INTO "{self.table.name}" ({self._quoted}) VALUES ({places})',  # noqa: S608  our own names
                cast(Any, rows),
            )
            return
        cursor: Any = connection.connection.cursor()
        with cursor, cursor.copy(f'COPY "{self.table.name}" ({self._quoted}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)


def _as_it_is(value: Any) -> Any:
    return value


def _remembering(processor: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same days and instants come again and again."""
    known: dict[Any, Any] = {}

    def stored(value: Any) -> Any:
        found = known.get(value)
        if found is None and value is not None:
            if len(known) >= MOST_REMEMBERED:
                known.clear()
            found = known[value] = processor(value)
        return found

    return stored


def versions_on_file(
    connection: sa.Connection, table: sa.Table, identities: Sequence[bytes]
) -> dict[bytes, list[bytes]]:
    """The contents of the versions on file of each fact that is there. The unique index alone is read for it."""
    found: dict[bytes, list[bytes]] = {}
    for part in parts(identities):
        if connection.dialect.name == "postgresql":
            rows = connection.exec_driver_sql(
                f"SELECT identity, content FROM {table.name} WHERE identity = ANY(%s)",  # noqa: S608  our own table
                (list(part),),
            )
        else:
            places = ",".join("?" * len(part))
            rows = connection.exec_driver_sql(
                f"SELECT identity, content FROM {table.name} WHERE identity IN ({places})",  # noqa: S608
                tuple(part),
            )
        for identity, content in rows:
            found.setdefault(bytes(identity), []).append(bytes(content))
    return found


def count_deliveries(connection: sa.Connection, sender: str, rows: Iterable[tuple[str, Any, int]]) -> None:
    """Add to what the sender delivered of each measure on each day; rows are measure, day as stored, patient."""
    brought: dict[tuple[str, Any], list[int]] = {}
    for measure, day, patient_id in rows:
        brought.setdefault((measure, day), []).append(patient_id)
    if not brought:
        return
    place = "?" if connection.dialect.name == "sqlite" else "%s"
    connection.exec_driver_sql(
        f"INSERT INTO delivery (sender, measure, received_on, results, patients) VALUES ({', '.join([place] * 5)})"  # noqa: S608
        " ON CONFLICT (sender, measure, received_on) DO UPDATE SET results = delivery.results + excluded.results,"
        f" patients = CASE WHEN delivery.results + excluded.results > {MOST_NAMED} OR delivery.patients = ''"
        " OR excluded.patients = '' THEN '' ELSE delivery.patients || excluded.patients END",
        [
            (sender, measure, day, len(patients), _named(patients))
            for (measure, day), patients in sorted(brought.items())
        ],
    )


def _named(patients: Sequence[int]) -> str:
    return "".join(f",{one}" for one in patients) if len(patients) <= MOST_NAMED else ""
