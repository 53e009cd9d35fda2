"""`myopanel waiting` and `myopanel map`: what arrived and waits for a decision, and the decisions, once per sender."""

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboard.output import Format, print_rows, say
from models.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from models.settings import Settings

FormatOption = Annotated[Format, typer.Option("--format", metavar="FORMAT", help="table, json or csv.")]
By = Annotated[str, typer.Option("--by", metavar="USER", help="Who decides.")]
COUNTS = ("read", "created", "updated", "unchanged", "waiting", "rejected")


def add_to(
    app: typer.Typer,
    *,
    settings: "Callable[[], Settings]",
    engine: "Callable[[Settings], Engine]",
    follow: "Callable[[Engine, Settings, Any], bool]",
    clock: "Callable[[], dt.datetime]",
) -> None:
    """Add the commands. `follow` brings the alerts of whoever has new facts up to date; whether a rule failed."""
    group = typer.Typer(no_args_is_help=True, help="Decide once for a sender what it means.")
    app.add_typer(group, name="map")

    @app.command()
    def waiting(
        kind: Annotated[str | None, typer.Option(help="code, unit, patient, value or drug.")] = None,
        sender: Annotated[str | None, typer.Option(metavar="S", help="Only what this sender sent.")] = None,
        format: FormatOption = Format.TABLE,
    ) -> None:
        """What arrived and waits for a decision, the longest waiting first."""
        from models.database import reading
        from models.waiting import KINDS, waiting_groups

        if kind is not None and kind not in KINDS:
            raise UsageError(f"--kind is one of {', '.join(KINDS)}, not {kind!r}.")
        with reading(engine(settings())) as session:
            rows = [
                one | {"first_at": one["first_at"].isoformat()}
                for one in waiting_groups(session, kind=kind, sender=sender)
            ]
        columns = ["id", "sender", "kind", "what", "count", "first_at", "example"]
        print_rows(rows, format, columns, empty="Nothing waits.")

    @group.command("add")
    def map_add(
        sender: Annotated[str, typer.Option("--sender", metavar="S", help="As `myopanel waiting` shows it.")],
        kind: Annotated[str, typer.Option("--kind", help="code, unit, patient, value or drug.")],
        what: Annotated[str, typer.Option("--what", metavar="X", help="As `myopanel waiting` shows it; * for all.")],
        by: By,
        to: Annotated[
            str,
            typer.Option(
                "--to",
                metavar="KEY",
                help="A measure, record number, unit, drug, number, not-done, decimal, thousands.",
            ),
        ] = "",
        unit: Annotated[str, typer.Option("--unit", metavar="U", help="Of a code sent without a unit.")] = "",
        not_ours: Annotated[bool, typer.Option("--not-ours", help="It is not for this clinic.")] = False,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would flow; change nothing.")] = False,
        format: FormatOption = Format.TABLE,
    ) -> int:
        """Decide; all that waited for it flows at once, in the order in which it came."""
        from jobs.importers.loading.flow import Wanted, decide, preview

        known, now = settings(), clock()
        database = engine(known)
        wanted = Wanted(sender.strip(), kind.strip(), what.strip(), to.strip(), unit.strip(), not_ours)
        named: Any = {"timezone": known.timezone, "by": _name(by), "now": now}
        mapping: dict[str, Any] | None = None
        if dry_run:
            report = preview(database, wanted, **named)
        else:
            made, report = decide(database, wanted, **named)
            mapping = {"id": made.id, "sender": made.sender, "kind": made.kind, "what": made.what}
        total = report.to_dict()["total"]
        row = {"id": None if mapping is None else mapping["id"], **total}
        document = {
            "mapping": mapping,
            **row,
            "total": total,
            "rejects": report.to_dict()["rejects"],
            "facts": report.seen,
        }
        print_rows([row], format, list(row), document=document)
        for reject in report.rejects:
            say(f"Rejected: {reject.sentence()}")
        for fact in report.seen:
            shown = " ".join(str(fact[name]) for name in ("mrn", "measure", "value", "unit", "date"))
            say(f"Would be {fact['outcome']}: {shown}")
        failed = False
        if dry_run:
            say("Dry run: nothing was changed.")
        else:
            failed = follow(database, known, now)
        return 1 if report.total.rejected or failed else 0

    @group.command("list")
    def map_list(format: FormatOption = Format.TABLE) -> None:
        """The decisions in force, the newest first; `came`: rows that came and were not ours."""
        from jobs.importers.loading.flow import decisions_listed

        columns = ["id", "sender", "kind", "what", "to", "unit", "not_ours", "by", "at", "came"]
        print_rows(decisions_listed(engine(settings())), format, columns, empty="Nothing is decided yet.")

    @group.command("remove")
    def map_remove(number: Annotated[int, typer.Argument(metavar="ID")], by: By) -> None:
        """End a decision: what comes from now on waits again. What has flowed stays."""
        from jobs.importers.loading.flow import undecide

        ended = undecide(engine(settings()), number, by=_name(by), now=clock())
        say(f"Decision {number} ({ended.kind} {ended.what} of {ended.sender}) has ended; what has flowed stays.")

    merging = typer.Typer(no_args_is_help=True, help="Record numbers that were merged.")
    app.add_typer(merging, name="merge")

    @merging.command("list")
    def merge_list(format: FormatOption = Format.TABLE) -> None:
        """The record numbers that a sender merged into others, the newest first."""
        from models.database import reading
        from models.merging import merges

        with reading(engine(settings())) as session:
            rows = [
                {
                    "id": one.id, "former": one.former_mrn, "into": one.into_mrn, "sender": one.sender, "by": one.by,
                    "at": one.at.isoformat(), "undone_by": one.undone_by,
                    "undone_at": None if one.undone_at is None else one.undone_at.isoformat(),
                }
                for one in merges(session)
            ]  # fmt: skip
        columns = ["id", "former", "into", "sender", "by", "at", "undone_by", "undone_at"]
        print_rows(rows, format, columns, empty="No record numbers were merged.")

    @merging.command("undo")
    def merge_undo(number: Annotated[int, typer.Argument(metavar="ID")], by: By) -> int:
        """Move back what a merge moved; what came since then stays with the number that held."""
        from jobs.importers.loading.flow import decider
        from models.database import writing
        from models.merging import undo

        known, now = settings(), clock()
        database = engine(known)
        with writing(database) as session:
            ended = undo(session, number, by=decider(session, _name(by)), now=now)
            said = f"Merge {number} is undone: {ended.former_mrn} and {ended.into_mrn} are two patients again."
        say(said)
        return 1 if follow(database, known, now) else 0


def _name(by: str) -> str:
    if not by.strip():
        raise UsageError("--by: say who decides.")
    return by.strip()
