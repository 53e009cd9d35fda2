"""Alerts nobody has answered: they come back to the list, then they are told to the physicians.

Escalating is a step of the same alert, never a new one, and there are at most two. The second step comes only after
the first has waited as long again.
"""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlmodel import Session

from jobs.notify import Sentence, write_to
from models.absence import pass_on
from models.alert import Alert, AlertEvent
from models.alert_lifecycle import (
    DEEPEST_ESCALATION,
    aside,
    escalate,
    history,
    lapse,
    present_day,
    running_alerts,
    state_of,
)
from models.settings import Settings

PATIENCE: Mapping[str, dt.timedelta] = MappingProxyType(
    {"urgent": dt.timedelta(hours=24), "action": dt.timedelta(days=7)}
)
"""How long an alert may wait for an answer before it is escalated, by severity; others never are [default]."""
WAITS_ANEW = frozenset({"corrected", "escalated", "lapsed", "returned", "taken over", "undone", "worsened"})
"""What sets the waiting time back to nothing: the alert came (back) to the list only then."""
_WORDS: Mapping[str, str] = MappingProxyType({"urgent": "24 hours", "action": "7 days"})


@dataclass(frozen=True)
class FollowedUp:
    """What a run of the follow-up did, in alerts."""

    returned: int
    escalated: int


def follow_up(session: Session, now: dt.datetime, settings: Settings) -> FollowedUp:
    """Bring back what lapsed, escalate what has waited too long, and tell the physicians, in the caller's transaction.

    Run twice for the same moment it does nothing the second time.
    """
    today = present_day(session, now, settings.timezone)
    pass_on(session, today=today, now=now)
    returned = lapse(session, today=today, now=now)
    session.flush()
    stepped: list[Alert] = []
    for alert in unanswered(session, today, now):
        note = f"unanswered for more than {_WORDS[alert.severity]}"
        if alert.id is not None and escalate(session, alert.id, now=now, note=note) is not None:
            stepped.append(alert)
    if stepped:
        _tell_physicians(session, stepped, now, settings)
    return FollowedUp(returned, len(stepped))


def unanswered(session: Session, today: dt.date, now: dt.datetime) -> list[Alert]:
    """Open alerts that have waited for longer than their severity allows.

    Not those covered by a more general one, nor those that came with a new version and wait as one group: of that the
    digest tells every morning how many there are.
    """
    waiting = [
        alert
        for alert in running_alerts(session)
        if alert.severity in PATIENCE
        and alert.covered_by is None
        and not aside(alert)
        and alert.escalation < DEEPEST_ESCALATION
        and state_of(alert, today) == "open"
        and now - alert.opened_at > PATIENCE[alert.severity]
    ]
    events = history(session, [alert.id for alert in waiting if alert.id is not None])
    return [
        alert
        for alert in waiting
        if now - _waiting_since(alert, events.get(alert.id or 0, [])) > PATIENCE[alert.severity]
    ]


def _waiting_since(alert: Alert, events: list[AlertEvent]) -> dt.datetime:
    moments = [alert.opened_at, *(event.at for event in events if event.event in WAITS_ANEW)]
    if alert.worsened_at is not None:
        moments.append(alert.worsened_at)
    return max(moments)


def _tell_physicians(session: Session, alerts: list[Alert], now: dt.datetime, settings: Settings) -> None:
    counted = Counter(alert.severity for alert in alerts)
    sentences = [
        Sentence(counted[severity], f"{severity} alert", f"{severity} alerts", f"unanswered for {_WORDS[severity]}")
        for severity in PATIENCE
        if counted[severity]
    ]
    # The same steps of the same alerts are told once, however often the job is repeated.
    steps = ",".join(sorted(f"{alert.id}:{alert.escalation}" for alert in alerts))
    key = f"escalation:{hashlib.sha256(steps.encode()).hexdigest()[:24]}"
    write_to(
        session,
        roles=("physician",),
        kind="escalation",
        key=key,
        subject="Myopanel: alerts without an answer",
        sentences={None: sentences},
        page="/alerts",
        now=now,
        settings=settings,
    )
