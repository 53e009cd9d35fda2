"""Mappings of tables that somebody confirmed, kept for their source and applied by themselves next time."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from jobs.importers.loading.bulk import table_of
from jobs.importers.tables.mapping import TableMappings
from models.database import reading, writing
from models.table_mapping import KeptMapping


def kept_mappings(engine: Engine) -> list[TableMappings]:
    """The newest mapping of each source."""
    table = table_of(KeptMapping)
    newest = sa.select(sa.func.max(table.c.id)).group_by(table.c.source)
    query = sa.select(table.c.mapping).where(table.c.id.in_(newest)).order_by(table.c.source)
    with reading(engine) as session:
        return [TableMappings.model_validate_json(text) for text in session.connection().execute(query).scalars()]


def keep_mapping(engine: Engine, mapping: TableMappings, *, by: str, now: dt.datetime) -> None:
    """Keep a mapping for its source; one that says nothing new is kept already."""
    if any(one == mapping for one in kept_mappings(engine)):
        return
    with writing(engine) as session:
        session.add(KeptMapping(source=mapping.source, mapping=mapping.model_dump_json(), by=by, at=now))
