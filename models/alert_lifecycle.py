"""Open, acknowledge, snooze, assign, settle, resolve, withdraw: the only writers of alert state.

Every change appends an `AlertEvent` in the same transaction and nothing is deleted. State is derived from stored
moments, so that a late worker cannot make a list lie. Acknowledge, snooze and resolve are three different things: seen
and being dealt with; not now, until a day; over, with an outcome.
"""

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from models.alert import Alert, AlertEvent
from models.assessment import EvaluationRun
from models.clock import clinic_date
from models.errors import ActionRefused
from models.patient_summary import chunks, mark
from models.rows import listed
from models.user import User

RUNNING = ("open", "acknowledged", "snoozed")
STATES = (*RUNNING, "settled", "resolved", "withdrawn")
LONGEST_SNOOZE: Mapping[str, int] = MappingProxyType({"urgent": 3, "action": 31, "watch": 92})
"""Days a snooze may last at most, by severity [default]."""
ACKNOWLEDGEMENT_LASTS: Mapping[str, int] = MappingProxyType({"urgent": 2, "action": 14, "watch": 42})
"""Days after which an acknowledgement without an outcome lapses, by severity [default]."""
DEEPEST_ESCALATION = 2
SYSTEM = "myopanel"


def present_day(session: Session, now: dt.datetime, timezone: str) -> dt.date:
    """The day the list stands at: that of the newest evaluation, plus the days gone by since it began.

    With an hourly evaluation that is today. A database evaluated for a day of the past (a replay, a teaching case)
    stays on that day, so that "until Friday" means its Friday.
    """
    run = session.exec(
        select(EvaluationRun)
        .where(col(EvaluationRun.finished_at).is_not(None), col(EvaluationRun.reconciled))
        .order_by(col(EvaluationRun.id).desc())
        .limit(1)
    ).first()
    return clinic_date(now, timezone) if run is None else day_after(run, now, timezone)


def day_after(run: EvaluationRun, now: dt.datetime, timezone: str) -> dt.date:
    """The day at which the list stands that was evaluated by `run`: its day, plus the days gone by since it began."""
    # From its beginning: a run for Monday that begins before midnight and ends after it is still Monday's.
    return run.as_of + (clinic_date(now, timezone) - clinic_date(run.started_at, timezone))


def state_of(alert: Alert, today: dt.date) -> str:
    """One of `STATES`, on the clinic day `today`."""
    if alert.withdrawn_at is not None:
        return "withdrawn"
    if alert.resolved_at is not None:
        return "resolved"
    if alert.settled_at is not None:
        return "settled"
    if alert.snoozed_until is not None and today < alert.snoozed_until:
        return "snoozed"
    if alert.acknowledged_at is not None and (alert.lapses_on is None or today < alert.lapses_on):
        return "acknowledged"
    return "open"


def needs_a_look(alert: Alert) -> bool:
    """Settled or withdrawn by the system before anybody had seen it."""
    return (alert.settled_at is not None or alert.withdrawn_at is not None) and alert.seen_at is None


_A: Any = Alert
ASIDE = sa.and_(
    _A.set_aside,
    _A.ended_at.is_(None),
    _A.acknowledged_at.is_(None),
    _A.snoozed_until.is_(None),
    sa.or_(_A.owner.is_(None), _A.owner == ""),
)
"""`aside` for the database."""


def aside(alert: Any) -> bool:
    """Whether a running alert waits in the group of what a new version (or a rule switched on) asks.

    It does not once somebody has it in hand, or has had it: acknowledged, snoozed, assigned, taken over. Alerts, or
    rows with the same columns.
    """
    return bool(alert.set_aside and alert.acknowledged_at is None and alert.snoozed_until is None and not alert.owner)


def find(session: Session, alert_id: int) -> Alert:
    """The alert of that number.

    Raises:
        ActionRefused: there is none.
    """
    alert = session.get(Alert, alert_id)
    if alert is None:
        raise ActionRefused(f"There is no alert {alert_id}.")
    return alert


def _held(session: Session, alert_id: int) -> Alert:
    """The alert, which nobody else changes until this transaction ends: of two people acting at once one comes second.

    Raises:
        ActionRefused: there is none.
    """
    # SQLite lets in one writer at a time anyway.
    query = select(Alert).where(col(Alert.id) == alert_id).with_for_update().execution_options(populate_existing=True)
    alert = session.exec(query).first()
    if alert is None:
        raise ActionRefused(f"There is no alert {alert_id}.")
    return alert


def history(session: Session, alert_ids: list[int]) -> dict[int, list[AlertEvent]]:
    """All that happened to each of the alerts, oldest first."""
    events: dict[int, list[AlertEvent]] = {alert_id: [] for alert_id in alert_ids}
    for start in range(0, len(alert_ids), 500):
        chunk = alert_ids[start : start + 500]
        for event in session.exec(
            select(AlertEvent).where(col(AlertEvent.alert_id).in_(chunk)).order_by(col(AlertEvent.id))
        ):
            events[event.alert_id].append(event)
    return events


def record(
    session: Session,
    alert: Alert,
    event: str,
    by: str,
    now: dt.datetime,
    *,
    reason: str | None = None,
    note: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> AlertEvent:
    """Append to the alert's history; the patient's place in the list is worked out again before it is read."""
    if alert.id is None:
        session.flush()
    if alert.id is None:
        raise ActionRefused("An alert must be stored before something can happen to it.")
    entry = AlertEvent(
        alert_id=alert.id,
        at=now,
        event=event,
        by=by,
        reason=reason,
        note=note,
        detail=json.dumps(dict(detail or {}), default=str),
    )
    session.add(entry)
    mark(session.connection(), alert.patient_id)
    return entry


ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "acknowledged": "acknowledged it",
        "snoozed": "snoozed it",
        "assigned": "assigned it",
        "resolved": "resolved it",
        "seen": "marked it as seen",
        "taken over": "took it over into the list",
    }
)
"""Events of a person that can be taken back, each in words."""
_BY_ITSELF = ("opened", "lapsed", "returned", "settled", "withdrawn", "worsened", "corrected", "passed on", "came back")
"""Events of the system after which what a person did before cannot simply be taken back."""
_KEPT = (
    "owner", "acknowledged_at", "acknowledged_by", "acknowledged_reason", "acknowledged_value", "lapses_on",
    "snoozed_until", "snoozed_by", "resolved_at", "resolved_by", "outcome", "ended_at", "seen_at", "handled_at",
    "handled_on", "set_aside", "lent_by",
)  # fmt: skip
"""Columns that an action may change, and that taking it back brings back."""
_INSTANTS = tuple(name for name in _KEPT if name.endswith("_at"))
_DAYS = ("lapses_on", "snoozed_until", "handled_on")


def _done(
    session: Session,
    alert: Alert,
    event: str,
    by: str,
    now: dt.datetime,
    changes: Mapping[str, Any],
    *,
    reason: str | None = None,
    note: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Alert:
    """Make the changes of an action; what they replace is kept in the history, so that it can be taken back exactly."""
    before = {name: getattr(alert, name) for name in changes if getattr(alert, name) != changes[name]}
    for name, value in changes.items():
        setattr(alert, name, value)
    session.add(alert)
    kept = {name: value.isoformat() if isinstance(value, dt.date) else value for name, value in before.items()}
    record(session, alert, event, by, now, reason=reason, note=note, detail={**(detail or {}), "before": kept})
    return alert


def _nobody_since(session: Session, alert: Alert, name: str, as_of_event: int | None) -> None:
    """Whoever acts on what they saw is told where somebody else has acted meanwhile; their own slips do not count.

    Raises:
        ActionRefused: somebody has; who, and what they did.
    """
    if as_of_event is None:
        return
    others = select(AlertEvent).where(
        col(AlertEvent.alert_id) == alert.id,
        col(AlertEvent.id) > as_of_event,
        col(AlertEvent.by).not_in([name, SYSTEM]),
        col(AlertEvent.event).in_([*ACTIONS, "undone"]),
    )
    last = session.exec(others.order_by(col(AlertEvent.id).desc()).limit(1)).first()
    if last is not None:
        did = ACTIONS.get(last.event, "took an action back")
        raise ActionRefused(f"{last.by} {did} while your list was open (alert {alert.id}). Nothing was changed.")


def _answers() -> Collection[str]:
    """The coded answers. Imported here: reading the list needs no vocabulary."""
    from models.vocabulary import answers

    return answers()


def _code(code: str | None, default: str | None, what: str) -> str:
    chosen = (code or default or "").strip()
    if not chosen:
        raise ActionRefused(f"{what} needs a coded reason: one of {', '.join(_answers())}.")
    if chosen not in _answers():
        raise ActionRefused(f"{chosen!r} is not a known code. Use one of {', '.join(_answers())}.")
    return chosen


def _actor(session: Session, by: str) -> str:
    """The person acting: any name, but not a disabled account nor one that may only look."""
    name = by.strip()
    if not name:
        raise ActionRefused("Who is doing this? Give a user name.")
    user = session.exec(select(User).where(User.name == name)).first()
    if user is not None and user.disabled_at is not None:
        raise ActionRefused(f"The account {name} is disabled.")
    if user is not None and user.role not in {"nurse", "physician", "admin"}:
        raise ActionRefused(f"{name} is a {user.role}: only nurses, physicians and administrators act on alerts.")
    return name


def _running(alert: Alert, verb: str) -> None:
    if alert.resolved_at is not None:
        raise ActionRefused(f"Alert {alert.id} was resolved by {alert.resolved_by}; it cannot be {verb} any more.")
    if alert.withdrawn_at is not None:
        raise ActionRefused(f"Alert {alert.id} was withdrawn (its result was corrected); it cannot be {verb} any more.")


def acknowledge(
    session: Session,
    alert_id: int,
    by: str,
    *,
    today: dt.date,
    now: dt.datetime,
    reason: str | None = None,
    note: str | None = None,
    as_of_event: int | None = None,
) -> Alert:
    """Seen, and being dealt with. Lapses after some days without an outcome. A settled one is thereby looked at.

    The same key pressed twice is one acknowledgement.

    Args:
        as_of_event: the newest event of the list that the person acts on; whoever acts second is told.

    Raises:
        ActionRefused: unknown alert, unknown code, already resolved, or an account that may not act.
    """
    alert, name = _held(session, alert_id), _actor(session, by)
    if needs_a_look(alert):
        return mark_seen(session, alert_id, name, today=today, now=now, note=note, as_of_event=as_of_event)
    _nobody_since(session, alert, name, as_of_event)
    _running(alert, "acknowledged")
    code = _code(reason, "reviewed", "An acknowledgement")
    again = (name, code, today) == (alert.acknowledged_by, alert.acknowledged_reason, alert.handled_on)
    if again and note is None and state_of(alert, today) == "acknowledged":
        return alert
    lapses_on = today + dt.timedelta(days=ACKNOWLEDGEMENT_LASTS.get(alert.severity, 14))
    changes = {
        "acknowledged_at": now,
        "acknowledged_by": name,
        "acknowledged_reason": code,
        "acknowledged_value": _as_seen(alert),
        "lapses_on": lapses_on,
        "snoozed_until": None,
        "snoozed_by": None,
        "handled_at": now,
        "handled_on": today,
    }
    detail = {"lapses_on": lapses_on}
    return _done(session, alert, "acknowledged", name, now, changes, reason=code, note=note, detail=detail)


def _as_seen(alert: Alert) -> str:
    """What was seen: worse than this brings it back."""
    return json.dumps({"severity": alert.severity, "grade": alert.grade, "numbers": json.loads(alert.numbers)})


def snooze(
    session: Session,
    alert_id: int,
    by: str,
    *,
    until: dt.date | None,
    today: dt.date,
    now: dt.datetime,
    reason: str | None = None,
    note: str | None = None,
    as_of_event: int | None = None,
) -> Alert:
    """Out of the list until a day, at most `LONGEST_SNOOZE` of its severity; comes back earlier if it gets worse.

    Raises:
        ActionRefused: no end, an end that is not ahead or too far, or as for `acknowledge`.
    """
    alert, name = _held(session, alert_id), _actor(session, by)
    _nobody_since(session, alert, name, as_of_event)
    _running(alert, "snoozed")
    if alert.settled_at is not None:
        raise ActionRefused(f"Alert {alert_id} has settled; there is nothing to snooze.")
    if until is None:
        raise ActionRefused("A snooze needs an end: until which day?")
    if until <= today:
        raise ActionRefused(f"The end of a snooze must lie ahead of {today.isoformat()}.")
    most = LONGEST_SNOOZE.get(alert.severity, 31)
    if (until - today).days > most:
        last = today + dt.timedelta(days=most)
        raise ActionRefused(
            f"An alert of severity {alert.severity} may be snoozed for {most} days at most, until {last.isoformat()}."
        )
    code = _code(reason, "deferred", "A snooze")
    changes = {
        "snoozed_until": until,
        "snoozed_by": name,
        "acknowledged_value": _as_seen(alert),
        "handled_at": now,
        "handled_on": today,
    }
    return _done(session, alert, "snoozed", name, now, changes, reason=code, note=note, detail={"until": until})


def assign(
    session: Session,
    alert_id: int,
    by: str,
    *,
    to: str | None,
    now: dt.datetime,
    today: dt.date | None = None,
    note: str | None = None,
    as_of_event: int | None = None,
    lent_by: str | None = None,
) -> Alert:
    """Give it to somebody; an empty `to` gives it back to everybody.

    `lent_by`: whom it is meant for and who is away; it becomes theirs on their return (`models.absence`).

    Without `today` it does not count as seen by whoever assigned it.

    Raises:
        ActionRefused: the new owner is an account that may not act, or as for `acknowledge`.
    """
    alert, name = _held(session, alert_id), _actor(session, by)
    _nobody_since(session, alert, name, as_of_event)
    _running(alert, "assigned")
    owner = _actor(session, to) if to and to.strip() else None
    changes: dict[str, Any] = {"owner": owner, "lent_by": lent_by}
    if today is not None:
        changes |= {"handled_at": now, "handled_on": today}
    return _done(
        session,
        alert,
        "assigned",
        name,
        now,
        changes,
        note=note,
        detail={"to": owner} | ({"for": lent_by} if lent_by else {}),
    )


def resolve(
    session: Session,
    alert_id: int,
    by: str,
    *,
    outcome: str | None,
    now: dt.datetime,
    today: dt.date | None = None,
    note: str | None = None,
    as_of_event: int | None = None,
) -> Alert:
    """Over, with an outcome. If the same episode goes on being true, it stays quiet unless it gets worse.

    With `today` the patient's other alerts keep their place for the day.

    Raises:
        ActionRefused: no outcome, or as for `acknowledge`.
    """
    alert, name = _held(session, alert_id), _actor(session, by)
    _nobody_since(session, alert, name, as_of_event)
    _running(alert, "resolved")
    if not outcome:
        raise ActionRefused(f"An outcome closes an alert, not a click: give one of {', '.join(_answers())}.")
    code = _code(outcome, None, "Resolving")
    changes = {
        "resolved_at": now,
        "resolved_by": name,
        "outcome": code,
        "acknowledged_value": _as_seen(alert),
        "ended_at": alert.ended_at or now,
        "seen_at": alert.seen_at or now,
        "snoozed_until": None,
        "snoozed_by": None,
        "handled_at": now,
        "handled_on": today,
    }
    return _done(session, alert, "resolved", name, now, changes, reason=code, note=note)


def last_action(events: Sequence[AlertEvent]) -> AlertEvent | None:
    """The newest action of a person among an alert's events (oldest first) that can still be taken back, if any.

    Not past a change that the system made since: what was acknowledged before it got worse is no longer so.
    """
    standing: list[AlertEvent] = []
    for event in events:
        if event.event in _BY_ITSELF:
            standing = []
        elif event.event in ACTIONS and event.by != SYSTEM:
            standing.append(event)
        elif event.event == "undone":
            undone = json.loads(event.detail or "{}").get("undoes")
            standing = [one for one in standing if one.id != undone] if undone else []
    last = standing[-1] if standing else None
    return last if last is not None and (last.event == "taken over" or "before" in json.loads(last.detail)) else None


def undo(session: Session, event_id: int, by: str, *, now: dt.datetime, note: str | None = None) -> Alert:
    """Take back an action by its event: everything is as it was before. The history keeps both.

    Raises:
        ActionRefused: somebody took it back already, the alert has changed since, or an account that may not act.
    """
    event = session.get(AlertEvent, event_id)
    if event is None or event.event not in ACTIONS:
        raise ActionRefused("There is no such action to take back.")
    name = _actor(session, by)
    alert = _held(session, event.alert_id)
    events = history(session, [event.alert_id])[event.alert_id]
    last = last_action(events)
    if last is None or last.id != event_id:
        raise ActionRefused(_why_not(events, event))
    detail = json.loads(event.detail)
    if event.event == "taken over":
        if event.alert_id not in set_aside_again(session, name, now=now, alert_ids=[event.alert_id], undoes=event_id):
            raise ActionRefused(f"Alert {alert.id} has changed since it was taken over; it stays in the list.")
        return alert
    before = {key: _stored(key, value) for key, value in detail["before"].items()}
    if alert.ended_at is not None and before.get("ended_at", alert.ended_at) is None:
        _no_newer_episode(session, alert)
    for key, value in before.items():
        setattr(alert, key, value)
    session.add(alert)
    record(session, alert, "undone", name, now, note=note, detail={"undoes": event_id, "what": event.event})
    return alert


def _stored(column: str, value: Any) -> Any:
    if value is None or column not in (*_INSTANTS, *_DAYS):
        return value
    return dt.datetime.fromisoformat(value) if column in _INSTANTS else dt.date.fromisoformat(value)


def _why_not(events: Sequence[AlertEvent], wanted: AlertEvent) -> str:
    """Why an action cannot be taken back any more: who did what since."""
    for event in events:
        if event.event == "undone" and json.loads(event.detail or "{}").get("undoes") == wanted.id:
            return f"{event.by} has taken this back already."
    later = [one for one in events if (one.id or 0) > (wanted.id or 0)]
    for event in reversed(later):
        if event.event in ACTIONS and event.by != SYSTEM:
            return f"{event.by} {ACTIONS[event.event]} since (alert {wanted.alert_id}). Take that back first."
        if event.event in _BY_ITSELF:
            return (
                f"Alert {wanted.alert_id} has changed by itself since ({event.event}): there is nothing to take back."
            )
    return f"What was done to alert {wanted.alert_id} cannot be taken back any more."


def _no_newer_episode(session: Session, alert: Alert) -> None:
    newer = session.exec(
        select(Alert.id).where(
            Alert.patient_id == alert.patient_id,
            Alert.rule == alert.rule,
            Alert.subject == alert.subject,
            col(Alert.ended_at).is_(None),
        )
    ).first()
    if newer is not None:
        raise ActionRefused(f"A newer episode (alert {newer}) is running.")


def reopen(session: Session, alert_id: int, by: str, *, now: dt.datetime, note: str | None = None) -> Alert:
    """Undo an acknowledgement, a snooze or a resolution (the person's own slip); the history keeps both.

    Raises:
        ActionRefused: nothing to undo, or a newer episode of the same identity is running.
    """
    alert, name = _held(session, alert_id), _actor(session, by)
    if alert.withdrawn_at is not None or (alert.settled_at is not None and alert.resolved_at is None):
        raise ActionRefused(f"Alert {alert_id} ended by itself; there is nothing to undo.")
    if alert.resolved_at is not None:
        _no_newer_episode(session, alert)
        alert.resolved_at = alert.resolved_by = alert.outcome = None
        if alert.settled_at is None:
            alert.ended_at = None
            alert.seen_at = None
    elif alert.acknowledged_at is None and alert.snoozed_until is None:
        raise ActionRefused(f"Alert {alert_id} is open; there is nothing to undo.")
    alert.acknowledged_at = alert.acknowledged_by = alert.acknowledged_reason = None
    alert.snoozed_until = alert.snoozed_by = alert.lapses_on = None
    alert.handled_at = alert.handled_on = None
    session.add(alert)
    record(session, alert, "undone", name, now, note=note)
    return alert


def take_over(session: Session, by: str, *, now: dt.datetime, alert_ids: Sequence[int] | None = None) -> dict[int, int]:
    """Alerts that wait in the group (all, or those given) stand in the list from now on; returns whose, by number.

    Raises:
        ActionRefused: an account that may not act.
    """
    return _move(session, _actor(session, by), now, ASIDE, alert_ids, into_list=True)


def set_aside_again(
    session: Session, by: str, *, now: dt.datetime, alert_ids: Sequence[int], undoes: int | None = None
) -> dict[int, int]:
    """Undo of `take_over`; returns whose alerts went back, by number. What became worse meanwhile stays."""
    untouched = sa.and_(
        _A.brought_by.is_not(None), _A.worsened_at.is_(None), _A.ended_at.is_(None), _A.severity != "urgent"
    )
    return _move(session, _actor(session, by), now, untouched, alert_ids, into_list=False, undoes=undoes)


def _move(
    session: Session,
    by: str,
    now: dt.datetime,
    which: Any,
    alert_ids: Sequence[int] | None,
    *,
    into_list: bool,
    undoes: int | None = None,
) -> dict[int, int]:
    """In few statements, however many alerts a version brought."""
    query = sa.select(_A.id, _A.patient_id).where(which).order_by(_A.id)
    parts = [None] if alert_ids is None else list(chunks(list(alert_ids)))
    moved: dict[int, int] = {}
    for part in parts:
        found = query if part is None else query.where(_A.id.in_(part))
        moved |= {int(row[0]): int(row[1]) for row in session.execute(found)}
    event = "taken over" if into_list else "undone"
    for some in chunks(list(moved)):
        session.execute(
            sa.update(Alert).where(_A.id.in_(some)).values(set_aside=not into_list),
            execution_options={"synchronize_session": "fetch"},
        )
        detail = json.dumps({"undoes": undoes} if undoes else {})
        rows = [{"alert_id": number, "at": now, "event": event, "by": by, "detail": detail} for number in some]
        session.execute(sa.insert(AlertEvent), rows)
    mark(session.connection(), *sorted(set(moved.values())))
    return moved


def comment(session: Session, alert_id: int, by: str, *, note: str | None, now: dt.datetime) -> Alert:
    """A note in the alert's history.

    Raises:
        ActionRefused: an empty note, or as for `acknowledge`.
    """
    alert, name = find(session, alert_id), _actor(session, by)
    if not note or not note.strip():
        raise ActionRefused("A comment needs words.")
    record(session, alert, "commented", name, now, note=note.strip())
    return alert


def mark_seen(
    session: Session,
    alert_id: int,
    by: str,
    *,
    now: dt.datetime,
    today: dt.date | None = None,
    note: str | None = None,
    as_of_event: int | None = None,
) -> Alert:
    """Somebody has looked at an alert that settled or was withdrawn by itself. Twice is once."""
    alert, name = _held(session, alert_id), _actor(session, by)
    if alert.ended_at is None:
        raise ActionRefused(f"Alert {alert_id} is still running: acknowledge, snooze or resolve it.")
    _nobody_since(session, alert, name, as_of_event)
    if alert.seen_at is None:
        changes = {"seen_at": now, "handled_at": now, "handled_on": today}
        _done(session, alert, "seen", name, now, changes, note=note)
    return alert


def escalate(session: Session, alert_id: int, *, now: dt.datetime, note: str) -> Alert | None:
    """One step up for an alert nobody has touched. A step of the same alert, at most `DEEPEST_ESCALATION` of them."""
    alert = find(session, alert_id)
    if alert.ended_at is not None or alert.escalation >= DEEPEST_ESCALATION:
        return None
    alert.escalation += 1
    session.add(alert)
    record(session, alert, "escalated", SYSTEM, now, note=note, detail={"step": alert.escalation})
    return alert


def lapse(session: Session, *, today: dt.date, now: dt.datetime) -> int:
    """Acknowledgements past their day without an outcome, and snoozes that ended, are written down as such.

    Returns how many alerts came back to the list.
    """
    back = 0
    overdue = session.exec(
        select(Alert).where(
            col(Alert.ended_at).is_(None), col(Alert.acknowledged_at).is_not(None), col(Alert.lapses_on) <= today
        )
    ).all()
    for alert in overdue:
        record(
            session, alert, "lapsed", SYSTEM, now, note=f"acknowledged by {alert.acknowledged_by}, no outcome recorded"
        )
        alert.acknowledged_at = alert.acknowledged_by = alert.acknowledged_reason = alert.lapses_on = None
        alert.set_aside = False
        session.add(alert)
        back += 1
    woken = session.exec(
        select(Alert).where(
            col(Alert.ended_at).is_(None), col(Alert.snoozed_until).is_not(None), col(Alert.snoozed_until) <= today
        )
    ).all()
    for alert in woken:
        record(session, alert, "returned", SYSTEM, now, note=f"snoozed by {alert.snoozed_by}")
        alert.snoozed_until = alert.snoozed_by = None
        alert.set_aside = False
        session.add(alert)
        back += 1
    return back


def alert_document(
    alert: Alert, mrn: str, events: list[AlertEvent], today: dt.date, *, name: str | None = None
) -> dict[str, Any]:
    """An alert as JSON-ready data, in the shape other programs rely on."""
    document: dict[str, Any] = {
        "id": alert.id,
        "mrn": mrn,
        "rule": alert.rule,
        "rule_version": alert.rule_version,
        "subject": alert.subject,
        "state": state_of(alert, today),
        "severity": alert.severity,
        "grade": alert.grade,
        "since": alert.since.isoformat() if alert.since else None,
        "due": alert.due.isoformat() if alert.due else None,
        "opened_at": alert.opened_at.isoformat(),
        "opened_for": alert.opened_for.isoformat(),
        "last_true_on": alert.last_true_on.isoformat(),
        "explanation": alert.explanation,
        "clears_when": alert.clears_when,
        "suggested_action": alert.suggested_action,
        "cannot_tell_because": alert.cannot_tell_because,
        "evidence": json.loads(alert.evidence),
        "owner": alert.owner,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged_at": alert.acknowledged_at.isoformat() if alert.acknowledged_at else None,
        "snoozed_until": alert.snoozed_until.isoformat() if alert.snoozed_until else None,
        "outcome": alert.outcome,
        "needs_a_look": needs_a_look(alert),
        "covered_by": alert.covered_by,
        "previous_id": alert.previous_id,
        "escalation": alert.escalation,
        "new_with": alert.brought_by if alert.ended_at is None and aside(alert) else None,
        "events": [
            {
                "at": event.at.isoformat(),
                "event": event.event,
                "by": event.by,
                "reason": event.reason,
                "note": event.note,
            }
            for event in events
        ],
    }
    if name is not None:
        document["name"] = name
    return document


def running_alerts(session: Session, patient_ids: list[int] | None = None) -> list[Alert]:
    """Alerts that have not ended, of some patients or of all."""
    if patient_ids is None:
        return list(session.exec(select(Alert).where(col(Alert.ended_at).is_(None))))
    found: list[Alert] = []
    for start in range(0, len(patient_ids), 500):
        found += session.exec(_running_of(), params={"ids": patient_ids[start : start + 500]}).all()
    return found


@lru_cache(maxsize=1)
def _running_of() -> SelectOfScalar[Alert]:
    return select(Alert).where(col(Alert.ended_at).is_(None), col(Alert.patient_id).in_(listed("ids")))


def last_ended(session: Session, patient_ids: list[int]) -> dict[tuple[int, str, str], Alert]:
    """The newest ended episode of each identity of some patients."""
    out: dict[tuple[int, str, str], Alert] = {}
    for start in range(0, len(patient_ids), 500):
        for alert in session.exec(_newest_ended(), params={"ids": patient_ids[start : start + 500]}):
            out[alert.patient_id, alert.rule, alert.subject] = alert
    return out


@lru_cache(maxsize=1)
def _newest_ended() -> SelectOfScalar[Alert]:
    newest = sa.select(sa.func.max(col(Alert.id)))
    newest = newest.where(col(Alert.ended_at).is_not(None), col(Alert.patient_id).in_(listed("ids")))
    newest = newest.group_by(col(Alert.patient_id), col(Alert.rule), col(Alert.subject))
    return select(Alert).where(col(Alert.id).in_(newest))
