"""How many results of each measure a sender delivered on which day: by it one sees that a feed has fallen silent.

Counted as results are stored, corrections included, and never taken back: it says what arrived, not what is believed.
"""

import datetime as dt

from sqlmodel import Field, SQLModel

from models.column_types import Day

MOST_NAMED = 8
"""Of so many results on a day it is kept whose they were: what a rare feed is judged by."""


class Delivery(SQLModel, table=True):
    """One sender's results of one measure received on one clinic day."""

    __table_args__ = {"sqlite_with_rowid": False}

    sender: str = Field(primary_key=True)
    measure: str = Field(primary_key=True)
    received_on: dt.date = Field(primary_key=True, sa_type=Day)
    results: int
    patients: str = Field(default="", description="`,12,7`: ids of their patients; empty above MOST_NAMED results.")


def patients_in(named: str) -> list[int]:
    """The ids that `Delivery.patients` names."""
    return [int(one) for one in named.split(",") if one]
