"""What may be said once is taken once, on both databases, and forgotten when nobody can say it any more."""

import datetime as dt

from sqlalchemy import Engine
from sqlmodel import select

from models.database import reading, writing
from models.seen_once import SeenOnce, first_time

NOW = dt.datetime(2026, 11, 22, 7, 0, tzinfo=dt.UTC)


def test_the_second_time_is_told_from_the_first(engine: Engine) -> None:
    def said(*words: str, minutes: int = 0, until: int | None = None) -> bool:
        now = NOW + dt.timedelta(minutes=minutes)
        with writing(engine) as session:
            end = None if until is None else NOW + dt.timedelta(minutes=until)
            return first_time(session, *words, now=now, until=end)

    assert [said("a", "bc"), said("a", "bc"), said("ab", "c")] == [True, False, True]
    assert [said("token", until=5), said("token", minutes=4, until=5)] == [True, False]
    assert said("another", minutes=6)
    with reading(engine) as session:
        kept = session.exec(select(SeenOnce)).all()
    assert {one.until for one in kept} == {None}, "what is over is forgotten"
    assert len(kept) == 3
