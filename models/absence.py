"""Who is away, who stands in, and alerts that pass from one to the other and back.

An alert assigned to somebody who is away, or whose account is disabled, belongs to whoever stands in from that minute
on; where nobody does, to everybody. It remembers whose it was, and goes back on their return while it is still open and
still with whoever stood in. Both are events of the alert's history.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Field, Session, SQLModel, col, select

from models.alert import Alert
from models.alert_lifecycle import SYSTEM, assign, record
from models.database import reading, writing
from models.errors import ActionRefused
from models.user import User

LONGEST_DAYS = 366
"""An absence may last so many days at most [default]."""
_A: Any = Alert


class Absence(SQLModel, table=True):
    """One person away from a day to a day, both included, and who stands in. Cancelled, never deleted."""

    __table_args__ = (sa.Index("ix_absence_name", "name", "ends_on"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str
    begins_on: dt.date
    ends_on: dt.date
    cover: str = Field(description="User name of who stands in.")
    by: str
    at: dt.datetime
    cancelled_at: dt.datetime | None = None
    cancelled_by: str | None = None


def _person(session: Session, name: str) -> User:
    user = session.exec(select(User).where(User.name == name)).first()
    if user is None:
        raise ActionRefused(f"There is no user {name!r}.")
    if user.role not in {"nurse", "physician", "admin"}:
        raise ActionRefused(f"{name} is a {user.role}: alerts are assigned to nurses, physicians and administrators.")
    return user


def go_away(
    session: Session, name: str, *, begins_on: dt.date, ends_on: dt.date, cover: str, by: str, today: dt.date,
    now: dt.datetime,
) -> Absence:  # fmt: skip
    """Note that somebody is away from a day to a day, both included; from today on their alerts pass on at once.

    Raises:
        ActionRefused: unknown people, oneself as cover, days that are over, upside down or too many, days on which the
            person is already away, or a cover who may not sign in.
    """
    _person(session, name)
    standing_in = _person(session, cover)
    if cover == name:
        raise ActionRefused("Nobody stands in for themselves.")
    if standing_in.disabled_at is not None:
        raise ActionRefused(f"The account {cover} is disabled.")
    if ends_on < begins_on:
        raise ActionRefused("The last day away lies before the first.")
    if ends_on < today:
        raise ActionRefused("These days are over.")
    if (ends_on - begins_on).days >= LONGEST_DAYS:
        raise ActionRefused(f"An absence lasts {LONGEST_DAYS} days at most; disable the account instead.")
    overlapping = [
        one for one in absences(session, today, name=name) if one.begins_on <= ends_on and begins_on <= one.ends_on
    ]
    if overlapping:
        raise ActionRefused(f"{name} is away from {overlapping[0].begins_on} to {overlapping[0].ends_on} already.")
    absence = Absence(name=name, begins_on=begins_on, ends_on=ends_on, cover=cover, by=by, at=now)
    session.add(absence)
    session.flush()
    pass_on(session, today=today, now=now)
    return absence


def come_back(session: Session, absence_id: int, *, by: str, today: dt.date, now: dt.datetime) -> Absence:
    """End an absence, or take back one that has not begun; alerts that are still open go back at once.

    Raises:
        ActionRefused: there is none, or it is over.
    """
    absence = session.get(Absence, absence_id)
    if absence is None or absence.cancelled_at is not None or absence.ends_on < today:
        raise ActionRefused("This absence is over.")
    absence.cancelled_at, absence.cancelled_by = now, by
    session.add(absence)
    session.flush()
    pass_on(session, today=today, now=now)
    return absence


def absences(session: Session, today: dt.date, *, name: str | None = None) -> list[Absence]:
    """Those that last or are to come (of one person), the first to begin first."""
    query = select(Absence).where(col(Absence.cancelled_at).is_(None), col(Absence.ends_on) >= today)
    if name is not None:
        query = query.where(Absence.name == name)
    return list(session.exec(query.order_by(col(Absence.begins_on), col(Absence.id))))


def stand_ins(session: Session, today: dt.date) -> dict[str, str | None]:
    """Everybody who is away today or whose account is disabled, and to whom their alerts go; None: to everybody."""
    away: dict[str, str | None] = dict.fromkeys(
        session.exec(select(User.name).where(col(User.disabled_at).is_not(None), User.role != "service")), None
    )
    away |= {one.name: one.cover for one in absences(session, today) if one.begins_on <= today}
    return {name: _at_last(name, away) for name in away}


def _at_last(name: str, away: Mapping[str, str | None]) -> str | None:
    """Whoever stands in may be away too; two who stand in for each other stand in for nobody."""
    seen = {name}
    found = away[name]
    while found is not None and found in away:
        if found in seen:
            return None
        seen.add(found)
        found = away[found]
    return found


def pass_on(session: Session, *, today: dt.date, now: dt.datetime) -> int:
    """Alerts of who is away go to who stands in, and back on return; returns how many changed hands. Twice is once."""
    away = stand_ins(session, today)
    lent = sa.and_(_A.lent_by.is_not(None), _A.ended_at.is_(None))
    moved = 0
    for alert in session.exec(select(Alert).where(lent, _A.lent_by.not_in(list(away))).order_by(_A.id)):
        alert.owner, alert.lent_by = alert.lent_by, None
        session.add(alert)
        record(session, alert, "came back", SYSTEM, now, note=f"{alert.owner} is back", detail={"to": alert.owner})
        moved += 1
    running = sa.and_(_A.ended_at.is_(None), _A.owner.in_(list(away)))
    for alert in session.exec(select(Alert).where(running).order_by(_A.id)):
        before, to = str(alert.owner), away[str(alert.owner)]
        alert.owner, alert.lent_by = to, alert.lent_by or before
        session.add(alert)
        record(session, alert, "passed on", SYSTEM, now, note=f"{before} is away", detail={"to": to, "from": before})
        moved += 1
    return moved


def give(
    session: Session, alert_id: int, by: str, *, to: str | None, today: dt.date, now: dt.datetime,
    note: str | None = None, as_of_event: int | None = None,
) -> Alert:  # fmt: skip
    """`models.alert_lifecycle.assign`, but whoever is away is given nothing: who stands in has it until they are back.

    Raises:
        ActionRefused: as for `assign`.
    """
    meant = None
    if to and any(one.begins_on <= today for one in absences(session, today, name=to)):
        disabled = session.exec(select(User.disabled_at).where(User.name == to)).first()
        # Of a disabled account `assign` says so.
        meant = to if disabled is None else None
    owner = stand_ins(session, today)[meant] if meant else to
    return assign(
        session, alert_id, by, to=owner, today=today, now=now, note=note, as_of_event=as_of_event, lent_by=meant
    )


def keep_cover(engine: Engine, *, today: dt.date, now: dt.datetime) -> None:
    """Before a list is read: whatever should have changed hands has. Nothing is written where nothing has to."""
    with reading(engine) as session:
        away = list(stand_ins(session, today))
        of_the_away = sa.and_(_A.owner.in_(away), _A.ended_at.is_(None))
        back = sa.and_(_A.lent_by.is_not(None), _A.ended_at.is_(None), _A.lent_by.not_in(away))
        wanted = session.execute(sa.select(_A.id).where(sa.or_(of_the_away, back)).limit(1)).first()
    if wanted is not None:
        with writing(engine) as session:
            pass_on(session, today=today, now=now)
