"""The nurse list as the pages and commands read it: alerts with their patients, in the order of `models.list_order`."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models.alert import Alert, AlertEvent
from models.alert_lifecycle import ASIDE, aside, needs_a_look, state_of
from models.assessment import EvaluationRun
from models.event import ClinicalEvent
from models.list_order import WATCH, floor, in_order
from models.medication import MedicationStatement
from models.observation import Observation
from models.panel import name_of
from models.patient import Patient, ids_of_left
from models.patient_summary import PatientSummary, chunks
from models.standing import last_reviews

UNSEEN_SHOWN = 2000
"""At most so many settled alerts that nobody has looked at are listed."""
VIEWS = ("urgent", "action", "watch", "new", "settled", "acknowledged", "snoozed", "covered")
TO_DO = ("urgent", "action", "watch")

_A: Any = Alert
_P: Any = Patient
_ALERT_COLUMNS = (
    "id", "patient_id", "rule", "subject", "severity", "grade", "danger", "since", "due", "explanation",
    "suggested_action", "clears_when", "cannot_tell_because", "numbers", "evidence", "opened_at", "owner",
    "acknowledged_at", "acknowledged_by", "snoozed_until", "lapses_on", "worsened_at", "settled_at", "seen_at",
    "resolved_at", "withdrawn_at", "covered_by", "escalation", "previous_id", "brought_by",
)  # fmt: skip
_COLUMNS = (
    *(getattr(_A, name) for name in _ALERT_COLUMNS),
    _A.set_aside, _A.ended_at, _P.mrn, _P.given_name, _P.family_name, _P.diagnosis, _P.clinician,
)  # fmt: skip
_RUNNING = sa.and_(_A.ended_at.is_(None), _P.status == "active")
_UNSEEN = sa.and_(_A.ended_at.is_not(None), _A.seen_at.is_(None), _A.resolved_at.is_(None))


def alert_rows(session: Session, today: dt.date, *, ids: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Alerts of the nurse list in their order: everything running, and what settled without being seen.

    `ids` asks for some alerts whatever their state. Rows: the alert's columns that are shown, `state`, `view` (one of
    `VIEWS`), `needs_a_look`, `numbers` (dict), `evidence` (as stored), and the patient's `mrn`, `name`, `diagnosis`,
    `clinician`.
    """
    if ids is None:
        unseen = _joined(_UNSEEN).order_by(_A.ended_at.desc()).limit(UNSEEN_SHOWN)
        return _ordered(session, [*session.execute(_joined(_RUNNING)), *session.execute(unseen)], today)
    found = [row for part in chunks(ids) for row in session.execute(_joined(_A.id.in_(part)))]
    return _ordered(session, found, today)


def _joined(condition: Any) -> Any:
    return sa.select(*_COLUMNS).join(_P, _P.id == _A.patient_id).where(condition)


def _ordered(session: Session, found: Sequence[Any], today: dt.date) -> list[dict[str, Any]]:
    rows = [_alert_row(row, today) for row in found]
    seen = last_reviews(session.connection(), sorted({row["patient_id"] for row in rows}))
    return list(in_order(rows, seen))


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


def _whose(owner: str | None) -> Any:
    """Alerts of an owner; of nobody where it is empty; None: whoever owns them."""
    if owner is None:
        return sa.true()
    return _A.owner == owner if owner else sa.or_(_A.owner.is_(None), _A.owner == "")


def alert_counts(session: Session, today: dt.date, *, owner: str | None = None) -> Counter[str]:
    """How many alerts stand in each of `VIEWS`. `owner`: see `alert_page`."""
    view = _view(today)
    query = sa.select(view, sa.func.count()).select_from(_A).where(_A.ended_at.is_(None), _whose(owner)).group_by(view)
    counts = Counter({str(row[0]): int(row[1]) for row in session.execute(query)})
    # Alerts of who left end with the next evaluation.
    for name, count in session.execute(query.where(_A.patient_id.in_(ids_of_left()))):
        counts[str(name)] -= int(count)
    unseen = sa.select(_A.id).where(_UNSEEN, _whose(owner)).limit(UNSEEN_SHOWN).subquery()
    counts["settled"] = int(session.execute(sa.select(sa.func.count()).select_from(unseen)).scalar_one())
    return counts


def alert_page(
    session: Session, today: dt.date, views: Sequence[str], start: int, people: int, *, owner: str | None = None
) -> tuple[list[dict[str, Any]], bool]:
    """The alerts in some of `VIEWS` of a part of the patients, and whether there are more patients.

    Args:
        start: how many patients of the list to pass over.
        people: of how many patients.
        owner: whose alerts; empty for nobody's, None for everybody's.
    """
    if set(views) == {"settled"}:
        rows = _ordered(session, session.execute(_unseen_of(owner)).all(), today)
        who = list(dict.fromkeys(row["patient_id"] for row in rows))
        kept = set(who[start : start + people])
        return [row for row in rows if row["patient_id"] in kept], len(who) > start + people
    inside = sa.and_(_RUNNING, _view(today).in_(list(views)), _whose(owner))
    if set(views) <= set(TO_DO):
        who = _people_by_place(session, today, inside, start, people + 1)
    else:
        who = _people_by_worst(session, inside, start, people + 1)
    found = [
        row
        for part in chunks(who[:people])
        for row in session.execute(_joined(sa.and_(inside, _A.patient_id.in_(part))))
    ]
    rows = _ordered(session, found, today)
    place = {patient: number for number, patient in enumerate(who)}
    rows.sort(key=lambda row: place[row["patient_id"]])
    return rows, len(who) > people


def _unseen_of(owner: str | None) -> Any:
    return _joined(sa.and_(_UNSEEN, _whose(owner))).order_by(_A.ended_at.desc()).limit(UNSEEN_SHOWN)


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


def _people_by_worst(session: Session, inside: Any, start: int, count: int) -> list[int]:
    """Patients with alerts in somebody's hands: danger, then severity, then the newest change first."""
    worst = sa.case((_A.severity == "urgent", 3), (_A.severity == "action", 2), else_=1)
    query = (
        sa.select(_A.patient_id)
        .join(_P, _P.id == _A.patient_id)
        .where(inside)
        .group_by(_A.patient_id)
        .order_by(
            sa.func.max(_A.danger * 4 + worst).desc(),
            sa.func.max(sa.func.coalesce(_A.worsened_at, _A.opened_at)).desc(),
            _A.patient_id,
        )
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


def list_version(session: Session) -> str:
    """Changes whenever the nurse list may have changed: an event of an alert, or an evaluation that was reconciled."""
    event = session.execute(sa.select(sa.func.max(col(AlertEvent.id)))).scalar() or 0
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
