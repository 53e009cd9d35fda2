"""What the columns of a source of tables mean, as somebody confirmed it."""

import datetime as dt

from sqlmodel import Field, SQLModel


class KeptMapping(SQLModel, table=True):
    """One confirmed mapping; of a source the newest counts, and the earlier ones stay to be looked up."""

    __tablename__ = "table_mapping"

    id: int | None = Field(default=None, primary_key=True)
    source: str = Field(index=True, description="Who speaks: the sender kept with each fact.")
    mapping: str = Field(description="JSON of the mapping.")
    by: str
    at: dt.datetime
