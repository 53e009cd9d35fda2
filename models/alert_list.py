"""The nurse list as the pages and commands read it: alerts with their patients, in the order of `models.list_order`."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models.alert import Alert, AlertEvent
from models.alert_filter import EVERYTHING, Only
from models.alert_lifecycle import ASIDE, aside, history, last_action, needs_a_look, state_of
from models.assessment import EvaluationRun
from models.event import ClinicalEvent
from models.list_order import WATCH, Danger, asks, floor, in_order
from models.list_order_sql import change_of_alert, class_of_alert
from models.medication import MedicationStatement
from models.observation import Observation
from models.patient import LEFT, Patient, ids_of_left, name_of
from models.patient_summary import PatientSummary, chunks
from models.standing import last_reviews, places
from models.user import PatientReview

UNSEEN_SHOWN = 2000
"""At most so many settled alerts that nobody has looked at are listed."""
VIEWS = ("urgent", "action", "watch", "new", "settled", "acknowledged", "snoozed", "covered")
TO_DO = ("urgent", "action", "watch")

_A: Any = Alert
_P: Any = Patient
_ALERT_COLUMNS = (
    "id", "patient_id", "rule", "rule_version", "subject", "severity", "grade", "danger", "since", "due", "explanation",
    "suggested_action", "clears_when", "cannot_tell_because", "numbers", "evidence", "opened_at", "owner",
    "acknowledged_at", "acknowledged_by", "snoozed_until", "lapses_on", "worsened_at", "settled_at", "seen_at",
    "resolved_at", "withdrawn_at", "covered_by", "escalation", "previous_id", "brought_by",
    "handled_at", "handled_on", "ended_at",
)  # fmt: skip
_COLUMNS = (
    *(getattr(_A, name) for name in _ALERT_COLUMNS),
    _A.set_aside, _P.mrn, _P.given_name, _P.family_name, _P.diagnosis, _P.clinician,
)  # fmt: skip
_RUNNING = sa.and_(_A.ended_at.is_(None), _P.status == "active")
# Of some patients, along their index: the index of all that runs is the clinic's, and no database should take it.
_RUNNING_OF = sa.and_(sa.func.coalesce(_A.ended_at, sa.null()).is_(None), _P.status.not_in(LEFT))
UNSEEN = sa.and_(_A.ended_at.is_not(None), _A.seen_at.is_(None), _A.resolved_at.is_(None))
"""Ended by itself, and nobody has looked: `needs_a_look` for the database."""


def alert_rows(session: Session, today: dt.date, *, ids: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Alerts of the nurse list in their order: everything running, and what settled without being seen.

    `ids` asks for some alerts whatever their state. Rows: the alert's columns that are shown, `state`, `view` (one of
    `VIEWS`), `needs_a_look`, `numbers` (dict), `evidence` (as stored), and the patient's `mrn`, `name`, `diagnosis`,
    `clinician`.
    """
    if ids is None:
        unseen = _joined(UNSEEN).order_by(_A.ended_at.desc()).limit(UNSEEN_SHOWN)
        everything = [*session.execute(_joined(_RUNNING)), *session.execute(unseen)]
        return _ordered(session, everything, today, stands=True)
    found = [row for part in chunks(ids) for row in session.execute(_joined(_A.id.in_(part)))]
    return _ordered(session, found, today, stands=True)


def _joined(condition: Any) -> Any:
    return sa.select(*_COLUMNS).join(_P, _P.id == _A.patient_id).where(condition)


def _ordered(session: Session, found: Sequence[Any], today: dt.date, *, stands: bool = False) -> list[dict[str, Any]]:
    """The rows in their order; `stands`: patients at the places that are kept, whatever is among the rows of theirs."""
    rows = [_alert_row(row, today) for row in found]
    people = sorted({row["patient_id"] for row in rows})
    kept = places(session.connection(), people) if stands else None
    return list(in_order(rows, today, last_reviews(session.connection(), people), stands=kept))


def asking_of(session: Session, patient_id: int, today: dt.date) -> list[dict[str, Any]]:
    """The alerts of one patient that ask for something now, in their order; rows as of `alert_rows`."""
    found = session.execute(_joined(sa.and_(_RUNNING_OF, _A.patient_id == patient_id))).all()
    return [row for row in _ordered(session, found, today) if asks(row)]


def _alert_row(found: Any, today: dt.date) -> dict[str, Any]:
    row = {name: getattr(found, name) for name in (*_ALERT_COLUMNS, "mrn", "diagnosis", "clinician")}
    row |= {
        "name": name_of(found),
        "numbers": json.loads(found.numbers),
        "state": state_of(found, today),
        "needs_a_look": needs_a_look(found),
        "aside": found.ended_at is None and aside(found),
    }
    return row | {"view": view_of(row)}


def view_of(row: Mapping[str, Any]) -> str:
    """Which of `VIEWS` an alert stands in: exactly one, so that the counts add up."""
    if row["needs_a_look"]:
        return "settled"
    if row["state"] in {"acknowledged", "snoozed"}:
        return str(row["state"])
    if row["covered_by"]:
        return "covered"
    return "new" if row["aside"] else str(row["severity"])


# ------------------------------------------------------------------------------------------------- a part of the list


def _view(today: dt.date) -> Any:
    """`view_of` of a running alert, for the database."""
    snoozed = _A.snoozed_until > today
    acknowledged = sa.and_(_A.acknowledged_at.is_not(None), sa.or_(_A.lapses_on.is_(None), _A.lapses_on > today))
    return sa.case(
        (snoozed, "snoozed"),
        (acknowledged, "acknowledged"),
        (_A.covered_by.is_not(None), "covered"),
        (ASIDE, "new"),
        else_=_A.severity,
    )


@dataclass(frozen=True)
class AlertCounts:
    """How many alerts stand in each of `VIEWS` (`todo`: in all of `TO_DO`), and of how many patients in those asked."""

    alerts: Counter[str]
    patients: Counter[str]


def alert_counts(
    session: Session, today: dt.date, *, only: Only = EVERYTHING, people_of: Sequence[str] = ("todo",)
) -> AlertCounts:
    """What every page, print, message and tab counts.

    Args:
        only: which of them are counted.
        people_of: the views of which patients are counted too: of each, somebody stands in several.
    """
    inside = _listed(today, only)
    query = sa.select(inside.c.view, sa.func.count()).group_by(inside.c.view)
    alerts = Counter({str(name): int(count) for name, count in session.execute(query)})
    alerts["todo"] = sum(alerts[view] for view in TO_DO)
    unseen = sa.select(_A.patient_id).where(UNSEEN, only.condition).limit(UNSEEN_SHOWN).subquery()
    settled = sa.select(sa.func.count(), sa.func.count(sa.distinct(unseen.c.patient_id))).select_from(unseen)
    alerts["settled"], people = (int(count) for count in session.execute(settled).one())
    patients = Counter({"settled": people} if "settled" in people_of else {})
    for name in people_of:
        if name not in {"settled", "done"}:
            patients[name] = _counted(session, today, only, name)[1]
    return AlertCounts(alerts, patients)


def rule_counts(session: Session, today: dt.date, views: Sequence[str]) -> dict[str, int]:
    """How many alerts of each rule stand in some of `VIEWS` (settled ones apart), most first."""
    query = (
        sa.select(_A.rule, sa.func.count())
        .where(_A.ended_at.is_(None), _A.patient_id.not_in(ids_of_left()), _view(today).in_(list(views)))
        .group_by(_A.rule)
    )
    if set(views) == {"settled"}:
        query = sa.select(_A.rule, sa.func.count()).where(UNSEEN).group_by(_A.rule)
    found = {str(row[0]): int(row[1]) for row in session.execute(query)}
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def todo_count(session: Session, today: dt.date) -> int:
    """How many alerts ask for something now."""
    inside = _listed(today, EVERYTHING)
    query = sa.select(sa.func.count()).where(inside.c.view.in_(TO_DO))
    return int(session.execute(query).scalar_one())


def _counted(session: Session, today: dt.date, only: Only, name: str) -> tuple[int, int]:
    inside = _listed(today, only)
    query = sa.select(sa.func.count(), sa.func.count(sa.distinct(inside.c.patient_id)))
    count, people = session.execute(query.where(inside.c.view.in_(TO_DO if name == "todo" else (name,)))).one()
    return int(count), int(people)


def danger_counts(session: Session, today: dt.date) -> dict[Danger, int]:
    """How many of the alerts that ask for something say that heart, breathing or swallowing is in danger."""
    query = (
        sa.select(_A.danger, sa.func.count())
        .join(_P, _P.id == _A.patient_id)
        .where(_RUNNING, _A.danger > 0, _view(today).in_(TO_DO))
        .group_by(_A.danger)
    )
    found = {Danger(int(row[0])): int(row[1]) for row in session.execute(query)}
    return {danger: found[danger] for danger in sorted(found, reverse=True)}


def escalated_count(session: Session, today: dt.date) -> int:
    """How many of the alerts that ask for something were escalated, because nobody had acted."""
    query = sa.select(sa.func.count()).select_from(_A).join(_P, _P.id == _A.patient_id)
    query = query.where(_RUNNING, _A.escalation > 0, _view(today).in_(TO_DO))
    return int(session.execute(query).scalar_one())


def todo_by_owner(session: Session, today: dt.date) -> dict[str, int]:
    """How many of the alerts that ask for something are assigned to each person."""
    query = sa.select(_A.owner, sa.func.count()).join(_P, _P.id == _A.patient_id)
    query = query.where(_RUNNING, _A.owner.is_not(None), _A.owner != "", _view(today).in_(TO_DO)).group_by(_A.owner)
    return {str(row[0]): int(row[1]) for row in session.execute(query)}


def _listed(today: dt.date, only: Only) -> Any:
    """Running alerts of patients under care with their view, read off the index of what runs."""
    # Alerts of who left end with the next evaluation.
    inside = sa.and_(_A.ended_at.is_(None), only.condition, _A.patient_id.not_in(ids_of_left()))
    return sa.select(_A.patient_id, _view(today).label("view")).where(inside).subquery()


def alert_page(
    session: Session, today: dt.date, views: Sequence[str], start: int, people: int, *, only: Only = EVERYTHING
) -> tuple[list[dict[str, Any]], bool]:
    """The alerts in some of `VIEWS` of a part of the patients, and whether there are more patients.

    Args:
        start: how many patients of the list to pass over.
        people: of how many patients.
        only: which of the alerts.
    """
    if set(views) == {"settled"}:
        rows = _ordered(session, session.execute(_unseen_of(only)).all(), today)
        who = list(dict.fromkeys(row["patient_id"] for row in rows))
        kept = set(who[start : start + people])
        return [row for row in rows if row["patient_id"] in kept], len(who) > start + people
    inside = sa.and_(_RUNNING_OF, _view(today).in_(list(views)), only.condition)
    if set(views) <= set(TO_DO):
        who = _people_by_place(session, today, inside, start, people + 1)
    else:
        all_of_them = sa.and_(_RUNNING, _view(today).in_(list(views)), only.condition)
        who = _people_by_worst(session, today, all_of_them, start, people + 1)
    found = [
        row
        for part in chunks(who[:people])
        for row in session.execute(_joined(sa.and_(inside, _A.patient_id.in_(part))))
    ]
    rows = _ordered(session, found, today)
    place = {patient: number for number, patient in enumerate(who)}
    rows.sort(key=lambda row: place[row["patient_id"]])
    return rows, len(who) > people


def _unseen_of(only: Only) -> Any:
    return _joined(sa.and_(UNSEEN, only.condition)).order_by(_A.ended_at.desc()).limit(UNSEEN_SHOWN)


def _people_by_place(session: Session, today: dt.date, inside: Any, start: int, count: int) -> list[int]:
    """Patients of whom something asks, along the index of places (`models.standing`)."""
    kept: Any = PatientSummary
    one = sa.select(_A.id).join(_P, _P.id == _A.patient_id).where(inside, _A.patient_id == kept.patient_id)
    query = (
        sa.select(kept.patient_id)
        .where(kept.place >= floor(WATCH), one.correlate(kept).exists())
        .order_by(kept.place.desc(), kept.patient_id.desc())
        .offset(start)
        .limit(count)
    )
    return [int(row[0]) for row in session.execute(query)]


def _people_by_worst(session: Session, today: dt.date, inside: Any, start: int, count: int) -> list[int]:
    """Patients of whom nothing in these views asks: in the order of what their alerts say all the same."""
    review: Any = PatientReview
    looked = (
        sa.select(review.patient_id, sa.func.max(review.at).label("at"))
        .where(review.undone_at.is_(None))
        .group_by(review.patient_id)
        .subquery()
    )
    weight, changed = class_of_alert(_A, looked.c.at, today), change_of_alert(_A)
    first = sa.func.row_number().over(partition_by=_A.patient_id, order_by=(weight.desc(), changed.desc(), _A.id))
    each = (
        sa.select(_A.patient_id, weight.label("weight"), changed.label("changed"), first.label("place"))
        .select_from(_A)
        .join(_P, _P.id == _A.patient_id)
        .outerjoin(looked, looked.c.patient_id == _A.patient_id)
        .where(inside)
        .subquery()
    )
    query = (
        sa.select(each.c.patient_id)
        .where(each.c.place == 1)
        .order_by(each.c.weight.desc(), each.c.changed.desc(), each.c.patient_id.desc())
        .offset(start)
        .limit(count)
    )
    return [int(row[0]) for row in session.execute(query)]


@dataclass(frozen=True)
class Group:
    """What came with a new version, or a rule switched on, and waits to be opened or taken over.

    Attributes:
        by: what brought them, and how many of the alerts each.
        since: when the first of them was opened.
    """

    alerts: int
    patients: int
    by: tuple[tuple[str, int], ...]
    since: dt.datetime | None

    @property
    def said(self) -> str:
        """What brought them, in words: `new with version 0.2.0`."""
        parts = [
            (f"new with {by}" if by != SWITCHED_ON else "of rules switched on") + (f" ({count})" if self.mixed else "")
            for by, count in self.by
        ]
        return " and ".join(parts)

    @property
    def mixed(self) -> bool:
        """More than one thing brought them."""
        return len(self.by) > 1


SWITCHED_ON = "switched on"
"""`brought_by` of an alert whose rule an administrator switched on."""


def waiting_group(session: Session) -> Group | None:
    """The alerts that wait as one group, covered ones apart; None where there are none."""
    query = (
        sa.select(_A.brought_by, sa.func.count(), sa.func.min(_A.opened_at))
        .join(_P, _P.id == _A.patient_id)
        .where(ASIDE, _A.covered_by.is_(None), _P.status == "active")
        .group_by(_A.brought_by)
        .order_by(sa.func.count().desc(), _A.brought_by)
    )
    found = session.execute(query).all()
    if not found:
        return None
    people = (
        sa.select(sa.func.count(sa.distinct(_A.patient_id)))
        .join(_P, _P.id == _A.patient_id)
        .where(ASIDE, _A.covered_by.is_(None), _P.status == "active")
    )
    return Group(
        alerts=sum(int(row[1]) for row in found),
        patients=int(session.execute(people).scalar_one()),
        by=tuple((str(row[0]), int(row[1])) for row in found),
        since=min(row[2] for row in found),
    )


DONE_SHOWN = 500
"""At most so many alerts that were dealt with on a day are listed."""


def actions_since(
    session: Session, since: dt.datetime, *, by: Collection[str] | None = None, only: Only = EVERYTHING
) -> dict[int, AlertEvent]:
    """By alert, the last thing that a person did to it since a moment and that can still be taken back.

    Args:
        by: only what one of these people did.
        only: of which alerts, whoever owns them.
    """
    lately = (
        sa.select(col(AlertEvent.alert_id))
        .distinct()
        # Spelled as the index of people's events is, so that SQLite uses it.
        .where(sa.text("alert_event.by <> 'myopanel'"), col(AlertEvent.at) >= since)
    )
    if not only.everything:
        lately = lately.where(col(AlertEvent.alert_id).in_(sa.select(_A.id).where(only.whoever.condition)))
    touched = [int(row[0]) for row in session.execute(lately)]
    found: dict[int, AlertEvent] = {}
    for number, events in history(session, touched).items():
        action = last_action(events)
        if action is not None and action.at >= since and (by is None or action.by in by):
            found[number] = action
    return found


def done_rows(session: Session, today: dt.date, actions: Mapping[int, AlertEvent]) -> list[dict[str, Any]]:
    """The alerts of `actions_since`, newest first: rows as of `alert_rows`, each with its `action`."""
    chosen = sorted(actions, key=lambda number: (actions[number].at, actions[number].id or 0), reverse=True)
    rows = {row["id"]: row for row in alert_rows(session, today, ids=chosen[:DONE_SHOWN])}
    return [rows[number] | {"action": actions[number]} for number in chosen if number in rows]


def ended_since(
    session: Session, people: Sequence[int], rules: Sequence[str], since: dt.datetime
) -> list[tuple[int, str, str, dt.datetime]]:
    """Alerts of some patients and rules that settled since a moment: patient, rule, subject, when."""
    found: list[tuple[int, str, str, dt.datetime]] = []
    for part in chunks(people):
        query = sa.select(_A.patient_id, _A.rule, _A.subject, _A.settled_at).where(
            _A.patient_id.in_(part), _A.rule.in_(list(rules)), _A.settled_at >= since
        )
        found += [(int(row[0]), str(row[1]), str(row[2]), row[3]) for row in session.execute(query)]
    return found


def newest_event(session: Session) -> int:
    """The number of the newest event of any alert: what somebody has seen of the list reaches as far."""
    return int(session.execute(sa.select(sa.func.max(col(AlertEvent.id)))).scalar() or 0)


def list_version(session: Session) -> str:
    """Changes whenever the nurse list may have changed: an event of an alert, or an evaluation that was reconciled."""
    event = newest_event(session)
    run = session.execute(sa.select(sa.func.max(col(EvaluationRun.id)))).scalar() or 0
    return f"{event}.{run}"


def evidence_rows(session: Session, evidence: str) -> list[dict[str, Any]]:
    """The facts an alert rests on, newest first: `date`, `what`, `value`, `unit`, `upper_limit`, `detail`, `status`.

    `evidence` is the stored JSON list: documents with `kind` and `id`, or short ids such as `o17`, `m4`, `e2`.
    """
    wanted: dict[str, list[int]] = {"o": [], "m": [], "e": []}
    for item in json.loads(evidence):
        if isinstance(item, dict):
            kind, number = str(item.get("kind", ""))[:1], item.get("id")
        else:
            kind, number = str(item)[:1], str(item)[1:]
        if kind in wanted and str(number).lstrip("ome").isdecimal():
            wanted[kind].append(int(str(number).lstrip("ome")))
    rows: list[dict[str, Any]] = [
        {
            "date": fact.effective_on,
            "what": fact.measure,
            "value": f"{fact.comparator}{fact.value:g}" if fact.value is not None else "not done",
            "unit": fact.unit,
            "upper_limit": fact.upper_limit,
            "detail": " · ".join(filter(None, (fact.assay, fact.assessor, fact.comment))),
            "status": "" if fact.known_to is None else "replaced since",
        }
        for fact in session.exec(select(Observation).where(col(Observation.id).in_(wanted["o"])))
    ]
    rows += [
        {
            "date": given.start_on,
            "what": given.drug,
            "value": f"{given.dose:g}",
            "unit": f"{given.unit} {given.frequency}",
            "upper_limit": None,
            "detail": f"until {given.end_on.isoformat()}" if given.end_on else "continuing",
            "status": "" if given.known_to is None else "replaced since",
        }
        for given in session.exec(select(MedicationStatement).where(col(MedicationStatement.id).in_(wanted["m"])))
    ]
    rows += [
        {
            "date": happened.occurred_on,
            "what": happened.event,
            "value": "yes" if happened.present else "no",
            "unit": "",
            "upper_limit": None,
            "detail": happened.detail,
            "status": "" if happened.known_to is None else "replaced since",
        }
        for happened in session.exec(select(ClinicalEvent).where(col(ClinicalEvent.id).in_(wanted["e"])))
    ]
    return sorted(rows, key=lambda row: row["date"], reverse=True)
