"""Acting on alerts from a list, and taking it back: what the pages send, what they are told.

Each action is one transaction; what the rules of the house refuse is left as it was and said. Whoever acts on a list
that is behind is told who was first. What was done comes back with the events that take it back.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlmodel import Session

from dashboard.components.formats import counted
from dashboard.secure import Current
from jobs.switching_on import give_back, take_over_group
from models.absence import give
from models.accounts import audit
from models.alert_lifecycle import (
    acknowledge,
    comment,
    history,
    last_action,
    mark_seen,
    present_day,
    resolve,
    snooze,
    undo,
)
from models.alert_list import alert_rows, list_version
from models.database import reading, writing
from models.errors import ActionRefused

DONE = {
    "acknowledge": "acknowledged",
    "snooze": "snoozed",
    "assign": "assigned",
    "resolve": "resolved",
    "comment": "commented",
    "seen": "marked as seen",
    "take-over": "taken over into the list",
}
MOST_AT_ONCE = 200
REST = "rest"
"""Instead of numbers: everything that waits in the group of what a version brought."""


def command_of(sent: Mapping[str, Any] | None) -> tuple[str, list[int]]:
    """The action and the alerts that a page asks for.

    Raises:
        ActionRefused: none of either, or too many.
    """
    kind = str((sent or {}).get("kind", ""))
    asked = (sent or {}).get("ids")
    asked = asked if isinstance(asked, list) else []
    ids = numbers(asked)
    if kind == "take-over" and (asked == [REST] or len(ids) > MOST_AT_ONCE):
        # In few statements, however many there are; none of their numbers means all of them.
        return kind, ids
    if kind not in DONE or not ids:
        raise ActionRefused("Choose an alert and an action first.")
    if len(ids) > MOST_AT_ONCE:
        raise ActionRefused(f"At most {MOST_AT_ONCE} alerts at once; {len(ids)} are chosen.")
    return kind, ids


def numbers(asked: Any) -> list[int]:
    """The whole numbers of a list as a page sends it, each once."""
    found = asked if isinstance(asked, list) else []
    return list(dict.fromkeys(int(item) for item in map(str, found) if item.isascii() and item.isdecimal()))


def do(here: Current, sent: Mapping[str, Any]) -> dict[str, Any]:
    """One action on some alerts, as JSON: what to say, what was refused, and what takes it back."""
    kind, ids = command_of(sent)
    form = sent.get("form")
    as_of = sent.get("seen")
    done, refused, undoing = act(
        here, kind, ids, form if isinstance(form, dict) else {}, as_of if isinstance(as_of, int) else None
    )
    back: dict[str, Any] = {}
    if kind == "take-over" and done:
        back = {"given": done}
    elif undoing:
        back = {"events": undoing}
    return _told(here, f"{counted(len(done), 'alert')} {DONE[kind]}" if done else "", refused, done=done, undo=back)


def take_back(here: Current, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Take back what `do` said can be: by its events, or alerts taken over into the list."""
    done: list[int] = []
    refused: list[str] = []
    with writing(here.engine) as session:
        given = numbers(sent.get("given"))
        if given:
            done = give_back(session, here.user.name, now=here.now, alert_ids=given)
        for event in numbers(sent.get("events"))[:MOST_AT_ONCE]:
            try:
                done.append(undo(session, event, here.user.name, now=here.now).id or 0)
            except ActionRefused as reason:
                refused.append(str(reason))
        if done:
            detail = ", ".join(map(str, done[:MOST_AT_ONCE]))
            audit(session, here.user.name, "took back an action", now=here.now, detail=f"alerts {detail}")
    if not done and not refused:
        refused = ["There is nothing to take back."]
    return _told(here, f"Taken back: {counted(len(done), 'alert')}" if done else "", refused, done=done, undo={})


def _told(
    here: Current, said: str, refused: Sequence[str], *, done: Sequence[int], undo: Mapping[str, Any]
) -> dict[str, Any]:
    with reading(here.engine) as session:
        version = list_version(session)
    return {
        "said": said,
        "at": here.now.astimezone(here.settings.zone).strftime("%H:%M"),
        "done": [str(number) for number in done],
        "refused": list(dict.fromkeys(refused)),
        "undo": dict(undo),
        "version": version,
    }


def act(
    here: Current, kind: str, ids: Sequence[int], form: Mapping[str, Any], as_of_event: int | None = None
) -> tuple[list[int], list[str], list[int]]:
    """Do one thing to each of the alerts, in one transaction; what the rules of the house refuse is left as it was.

    Args:
        as_of_event: the newest event of the list that the person saw; None does not ask whether somebody was first.

    Returns:
        The alerts it was done to, the refusals in words, and the events by which it can be taken back.
    """
    if kind == "take-over":
        return _take_over(here, ids)
    done: list[int] = []
    refused: list[str] = []
    with writing(here.engine) as session:
        today = present_day(session, here.now, here.settings.timezone)
        before = {row["id"]: row for row in alert_rows(session, today, ids=list(ids))}
        try:
            action = _action(kind, form, today, as_of_event)
        except ActionRefused as reason:
            return [], [str(reason)], []
        # In one order, so that two people who act on the same alerts wait for each other instead of for ever.
        for alert_id in sorted(ids):
            try:
                action(session, alert_id, here)
            except ActionRefused as reason:
                name = before[alert_id]["name"] if alert_id in before else ""
                refused.append(f"{name}: {reason}" if name else str(reason))
                continue
            done.append(alert_id)
            audit(
                session, here.user.name, f"{DONE[kind]} alert", now=here.now,
                patient_id=before[alert_id]["patient_id"], detail=str(alert_id),
            )  # fmt: skip
        session.flush()
        undoing = [] if kind == "comment" else _undoing(session, done)
    return done, refused, undoing


def _undoing(session: Session, done: list[int]) -> list[int]:
    found = (last_action(events) for events in history(session, done).values())
    return [event.id for event in found if event is not None and event.id is not None]


def _take_over(here: Current, ids: Sequence[int]) -> tuple[list[int], list[str], list[int]]:
    with writing(here.engine) as session:
        try:
            taken = take_over_group(session, here.user.name, now=here.now, alert_ids=ids or None)
        except ActionRefused as reason:
            return [], [str(reason)], []
        audit(session, here.user.name, "took over new alerts", now=here.now, detail=f"{len(taken)} alerts")
    return taken, [] if taken else ["Somebody else has taken them over already."], []


def _action(
    kind: str, form: Mapping[str, Any], today: dt.date, seen: int | None
) -> Callable[[Session, int, Current], Any]:
    note = str(form.get("note") or "").strip() or None
    if kind == "acknowledge":
        return lambda session, which, here: acknowledge(
            session, which, here.user.name, today=today, now=here.now, reason=form.get("reason"), note=note,
            as_of_event=seen,
        )  # fmt: skip
    if kind == "snooze":
        until = _day(form.get("until"))
        return lambda session, which, here: snooze(
            session, which, here.user.name, until=until, today=today, now=here.now, reason=form.get("snooze-reason"),
            note=note, as_of_event=seen,
        )  # fmt: skip
    if kind == "assign":
        return lambda session, which, here: give(
            session, which, here.user.name, to=form.get("to") or None, today=today, now=here.now, note=note,
            as_of_event=seen,
        )  # fmt: skip
    if kind == "resolve":
        if not form.get("outcome"):
            raise ActionRefused("Choose an outcome: an outcome closes an alert, not a click.")
        return lambda session, which, here: resolve(
            session, which, here.user.name, outcome=form.get("outcome"), today=today, now=here.now, note=note,
            as_of_event=seen,
        )  # fmt: skip
    if kind == "seen":
        return lambda session, which, here: mark_seen(
            session, which, here.user.name, today=today, now=here.now, note=note, as_of_event=seen
        )
    return lambda session, which, here: comment(session, which, here.user.name, note=note, now=here.now)


def _day(text: Any) -> dt.date | None:
    try:
        return dt.date.fromisoformat(str(text)[:10]) if text else None
    except ValueError:
        raise ActionRefused(f"{text!r} is not a date.") from None
