"""`myopanel user away` and `user back`: who is away, who stands in, and the end of it."""

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.output import Format, print_rows, say
from models.errors import ActionRefused, UsageError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from models.settings import Settings


def add_to(
    group: typer.Typer,
    *,
    settings: "Callable[[], Settings]",
    engine: "Callable[[Settings], Engine]",
    clock: "Callable[[], dt.datetime]",
) -> None:
    """Add the commands to those about accounts."""

    @group.command("away")
    def away(
        name: Annotated[str | None, typer.Argument(metavar="NAME", help="Without a name: who is away.")] = None,
        begins: Annotated[
            str | None, typer.Option("--from", metavar="DATE", help="First day; today if left out.")
        ] = None,
        ends: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day away.")] = None,
        cover: Annotated[str | None, typer.Option("--cover", metavar="USER", help="Who stands in.")] = None,
        format: Annotated[
            Format, typer.Option("--format", metavar="FORMAT", help="table, json or csv.")
        ] = Format.TABLE,
    ) -> None:
        """Somebody is away: their alerts go to who stands in, and come back on their return. Alone: who is away."""
        from models.absence import absences, go_away
        from models.accounts import audit
        from models.alert_lifecycle import present_day
        from models.database import reading, writing

        known, now = settings(), clock()
        database = engine(known)
        if name is not None:
            if ends is None or cover is None:
                raise UsageError("Say --to DATE, the last day away, and --cover USER, who stands in.")
            with writing(database) as session:
                today = present_day(session, now, known.timezone)
                first, last = _day(begins) if begins else today, _day(ends)
                go_away(
                    session, name, begins_on=first, ends_on=last, cover=cover, by="command line", today=today, now=now
                )
                audit(session, "command line", f"{name} away until {last}", now=now, detail=f"cover {cover}")
            say(f"{name} is away from {first} to {last}; {cover} stands in.")
            return
        with reading(database) as session:
            today = present_day(session, now, known.timezone)
            rows = [
                {"name": one.name, "from": one.begins_on.isoformat(), "to": one.ends_on.isoformat(), "cover": one.cover}
                for one in absences(session, today)
            ]
        print_rows(rows, format, ["name", "from", "to", "cover"], empty="Nobody is away.")

    @group.command("back")
    def back(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
        """Somebody is back, or does not go: the absence that lasts or comes next ends."""
        from models.absence import absences, come_back
        from models.accounts import audit
        from models.alert_lifecycle import present_day
        from models.database import writing

        known, now = settings(), clock()
        with writing(engine(known)) as session:
            today = present_day(session, now, known.timezone)
            found = absences(session, today, name=name)
            if not found:
                raise ActionRefused(f"{name} is not away.")
            come_back(session, found[0].id or 0, by="command line", today=today, now=now)
            audit(session, "command line", f"{name} back", now=now)
        say(f"{name} is back.")


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a date; write it as 2026-12-03.") from None
