"""What the panel reads: kept rows (`models.patient_summary`), a part of the list at a time, chosen by the database.

No rule is computed here and nothing is worked out from facts, so that ten thousand patients cost what a hundred do.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from models.alert_list import todo_count
from models.assessment import Assessment
from models.labs_due import Wanted, patients_to_take
from models.list_order import CANNOT_TELL, NOTHING, Asks, floor
from models.patient import LEFT, Patient, ids_of_left, name_of, says
from models.patient_summary import PatientGap, PatientSummary, chunks
from models.standing import alerts_behind, quiet_word

WAITING = "waiting"
"""The cause of patients whose newest facts no run has looked at: silence about them means nothing."""
NEVER_EVALUATED, NOT_YET = "not evaluated yet", "newest facts not evaluated yet"
ASKING: Mapping[str, tuple[Asks, ...]] = {
    "urgent": (Asks.TODAY,),
    "action": (Asks.THIS_WEEK,),
    "watch": (Asks.NEXT_VISIT, Asks.IN_HAND),
}
"""Patients to be seen to today, this week, at the next visit (or who are in somebody's hands)."""
EVERYBODY = 2**31 - 1
SORTS = ("patient", "dose", "labs", "seen")


@dataclass(frozen=True)
class Asked:
    """Which patients are asked for, and in which order.

    Attributes:
        words: each must be part of the name or the record number.
        clinicians: names in lower case, one of which the patient's clinician must be; empty for everybody.
        severity: `urgent`, `action`, `watch` or `cannot_tell`.
        rule: for which something is true of the patient.
        cause: what could not be told: `WAITING`, or rule and words as in `causes`.
        sort: one of `SORTS`; empty for the order of the list.
    """

    words: tuple[str, ...] = ()
    clinicians: tuple[str, ...] = ()
    severity: str = ""
    rule: str = ""
    site: str = ""
    diagnosis: str = ""
    cause: tuple[str, str] | None = None
    sort: str = ""
    descending: bool = False

    @property
    def everybody(self) -> bool:
        """No filter."""
        return Asked(sort=self.sort, descending=self.descending) == self


@dataclass(frozen=True)
class Counts:
    """How many patients: altogether, for today, for this week, and with something that could not be told."""

    patients: int
    today: int
    this_week: int
    cannot_tell: int


def nav_counts(session: Session, today: dt.date) -> dict[str, int]:
    """Counts of the top bar by page name.

    Alerts: what its page lists under "To do". Labs due: the patients whom its page lists to take blood from.
    """
    return {
        "Alerts": todo_count(session, today),
        "Labs due": patients_to_take(session, Wanted(), today),
    }


def search_patients(session: Session, text: str, *, limit: int = 8) -> list[dict[str, Any]]:
    """Patients whose record number starts with, or whose name contains, each word of the text; active ones first."""
    words = [word for word in text.split() if word.strip("·")]
    if not words:
        return []
    table: Any = Patient
    query = sa.select(table.mrn, table.given_name, table.family_name, table.diagnosis, table.birth_date, table.status)
    query = query.where(*(says(word, start_of_mrn=True) for word in words[:6]))
    first = words[0]
    rank = sa.case((table.mrn == first, 0), (table.family_name.ilike(f"{first}%"), 1), else_=2)
    found = session.execute(query.order_by(table.status != "active", rank, table.family_name, table.mrn).limit(limit))
    return [
        {
            "mrn": row.mrn,
            "name": name_of(row),
            "diagnosis": row.diagnosis,
            "birth_date": row.birth_date,
            "status": row.status,
        }
        for row in found
    ]


# ------------------------------------------------------------------------------------------------------------ the panel

_P: Any = Patient
_S: Any = PatientSummary
_IS_WAITING = sa.and_(_P.status == "active", _P.revision != _P.evaluated_revision)
# Said this way no database takes the index of the status, in which nearly everybody is active: a part of the list is
# read along the index of places, and of the chosen along that of what they are chosen by.
_ACTIVE = _P.status.not_in(LEFT)
# Spelled as the index `ix_patient_summary_untold` is, so that SQLite uses it.
_HAS_GAP = sa.text("patient_summary.untold")
_COLUMNS = (
    _P.id, _P.mrn, _P.given_name, _P.family_name, _P.diagnosis, _P.birth_date, _P.sex, _P.site, _P.clinician,
    _P.revision, _P.evaluated_revision, _S.place, _S.asks, _S.untold, _S.reasons, _S.strength, _S.ck, _S.steroid_mg,
    _S.steroid_steps, _S.high_from, _S.last_visit, _S.last_lab, _S.next_lab_due,
)  # fmt: skip


def panel_page(session: Session, asked: Asked, start: int, count: int) -> Sequence[Any]:
    """A part of the list, in its order: the patient's columns, and those of the summary (None where there is none)."""
    if asked.everybody and not asked.sort:
        return _part_of_all(session, start, count)
    return session.execute(_chosen(asked).order_by(*_order(asked)).offset(start).limit(count)).all()


def _part_of_all(session: Session, start: int, count: int) -> Sequence[Any]:
    """Everybody, read along the index of places: who asks for something, whom nobody has evaluated, all others."""
    found: list[Any] = []
    for section, size in _sections():
        part = session.execute(section, {"start": start, "most": count - len(found)}).all()
        found += part
        if len(found) == count:
            break
        # How far into the next section to begin is known only where this one has no row for us.
        start = 0 if part else start - int(session.execute(size).scalar_one()) if start else 0
    return found


@cache
def _sections() -> list[tuple[Any, Any]]:
    """The sections of the list with their sizes: each `most` rows from `start` on."""
    kept = sa.select(*_COLUMNS).select_from(_S).join(_P, _P.id == _S.patient_id).where(_ACTIVE)
    something, nothing = _S.place > floor(NOTHING), _S.place == floor(NOTHING)
    in_order = (_S.place.desc(), _S.patient_id.desc())
    sections = (
        kept.where(something).order_by(*in_order),
        sa.select(*_COLUMNS).select_from(_P).outerjoin(_S, _S.patient_id == _P.id)
        .where(_IS_WAITING, sa.or_(_S.place.is_(None), nothing)).order_by(_P.id.desc()),
        kept.where(nothing, _P.revision == _P.evaluated_revision).order_by(*in_order),
    )  # fmt: skip
    return [
        (
            section.offset(sa.bindparam("start")).limit(sa.bindparam("most")),
            section.order_by(None).with_only_columns(sa.func.count(), maintain_column_froms=True),
        )
        for section in sections
    ]


def _chosen(asked: Asked, *columns: Any) -> Any:
    query = sa.select(*(columns or _COLUMNS)).select_from(_P)
    if asked.severity in ASKING:
        query = query.join(_S, _S.patient_id == _P.id).where(_any_of(ASKING[asked.severity]))
    else:
        query = query.outerjoin(_S, _S.patient_id == _P.id)
    return query.where(_ACTIVE, *_conditions(asked))


def _conditions(asked: Asked) -> list[Any]:
    found = [says(word) for word in asked.words]
    if asked.clinicians:
        found.append(sa.func.lower(_P.clinician).in_(asked.clinicians))
    if asked.severity == "cannot_tell":
        found.append(_UNTOLD)
    if asked.site:
        found.append(_P.site == asked.site)
    if asked.diagnosis:
        found.append(_P.diagnosis == asked.diagnosis)
    if asked.rule:
        answer: Any = Assessment
        met = sa.select(answer.patient_id).where(
            answer.state == "met", answer.rule == asked.rule, answer.status == "active"
        )
        found.append(_P.id.in_(met))
    if asked.cause is not None:
        rule, words = asked.cause
        gap: Any = PatientGap
        told = sa.select(gap.patient_id).where(gap.rule == rule, gap.words == words)
        found.append(sa.and_(_IS_WAITING, _waits_since(words)) if rule == WAITING else _P.id.in_(told))
    return found


_UNTOLD = sa.or_(_S.untold, _IS_WAITING)


def _waits_since(words: str) -> Any:
    return _P.evaluated_revision == 0 if words == NEVER_EVALUATED else _P.evaluated_revision != 0


def waits_for(row: Any) -> str:
    """Why nothing can be said of a patient's newest facts; empty where a run has looked at them."""
    if row.revision == row.evaluated_revision:
        return ""
    return NOT_YET if row.evaluated_revision else NEVER_EVALUATED


def _order(asked: Asked) -> list[Any]:
    first: list[Any]
    if asked.sort == "patient":
        names = (_P.family_name, _P.given_name)
        first = [name.desc() if asked.descending else name for name in names]
    elif asked.sort == "dose":
        dose = sa.func.coalesce(_S.steroid_mg, 0)
        first = [dose.desc() if asked.descending else dose]
    elif asked.sort == "labs":
        # Nothing required comes after everything that is, and first where the order is turned round.
        due = _S.next_lab_due
        first = [due.is_(None).desc(), due.desc()] if asked.descending else [due.is_(None), due]
    elif asked.sort == "seen":
        day = _S.last_visit
        first = [day.is_(None).desc(), day] if asked.descending else [day.is_(None), day.desc()]
    elif asked.severity in ASKING:
        return [_S.place.desc(), _S.patient_id.desc()]
    else:
        kept = sa.func.coalesce(_S.place, floor(NOTHING))
        lifted = sa.case((sa.and_(_IS_WAITING, kept == floor(NOTHING)), floor(CANNOT_TELL) - 1), else_=kept)
        return [lifted.desc(), _P.id.desc()]
    return [*first, _P.id]


_ASKED = {
    Asks.TODAY: "today",
    Asks.THIS_WEEK: "this week",
    Asks.NEXT_VISIT: "next visit",
    Asks.IN_HAND: "in hand",
    Asks.CANNOT_TELL: "cannot tell",
    Asks.NOTHING: "nothing",
}


def panel_documents(session: Session, today: dt.date) -> list[dict[str, Any]]:
    """Everybody in the order of the list, for a command: what they ask for, how many alerts ask, and how many run."""
    people = panel_page(session, Asked(), 0, EVERYBODY)
    documents = []
    for part in chunks(people):
        behind = alerts_behind(session.connection(), [row.id for row in part], more=("ended_at",))
        for row in part:
            running = [one for one in behind.get(row.id, {}).values() if one["ended_at"] is None]
            asking = sum(not quiet_word(one, today) for one in running)
            documents.append(
                {
                    "mrn": row.mrn,
                    "name": name_of(row),
                    "asks": "not evaluated" if row.place is None else _ASKED[Asks(row.asks)],
                    "alerts": asking,
                    "running": len(running),
                    "diagnosis": row.diagnosis,
                    "site": row.site,
                }
            )
    return documents


def panel_counts(session: Session, asked: Asked) -> Counts:
    """How many of the patients asked for there are, and how many of them want something."""
    if not asked.everybody:
        sums = _sums(_S.asks, _UNTOLD)
        return Counts(*(int(value or 0) for value in session.execute(_chosen(asked, *sums)).one()))
    row = session.execute(_counts_of_all()).one()
    patients, today, week, cannot_tell = (kept - int(gone or 0) for kept, gone in zip(row[:4], row[4:8], strict=True))
    return Counts(patients + int(row.new or 0), today, week, cannot_tell + int(row.untold_too or 0))


@cache
def _counts_of_all() -> Any:
    """Counts of everybody in one question, each read off an index; who left and was not evaluated since comes off."""
    kinds = (sa.true(), _S.asks == Asks.TODAY, _S.asks == Asks.THIS_WEEK, _HAS_GAP)
    kept = [sa.select(sa.func.count()).select_from(_S).where(kind).scalar_subquery() for kind in kinds]
    gone = sa.select(*_sums(_S.asks, _S.untold)).select_from(_S).where(_S.patient_id.in_(ids_of_left())).subquery()
    # Of those who wait, the ones whose row does not say already that something is untold.
    waiting = (
        sa.select(
            sa.func.sum(sa.case((_S.patient_id.is_(None), 1), else_=0)).label("new"),
            sa.func.sum(sa.case((_S.untold, 0), else_=1)).label("untold_too"),
        )
        .select_from(_P)
        .outerjoin(_S, _S.patient_id == _P.id)
        .where(_IS_WAITING)
        .subquery()
    )
    return sa.select(*kept, *gone.c, *waiting.c).select_from(gone.join(waiting, sa.true()))


def _sums(asks: Any, untold: Any) -> tuple[Any, ...]:
    def many(condition: Any) -> Any:
        return sa.func.sum(sa.case((condition, 1), else_=0))

    return (
        sa.func.count(),
        many(asks == Asks.TODAY),
        many(asks == Asks.THIS_WEEK),
        many(untold),
    )


def _any_of(asked: Sequence[Asks]) -> Any:
    # One value reads its part of the index in the order of the list.
    return _S.asks == asked[0] if len(asked) == 1 else _S.asks.in_(list(asked))


def causes(session: Session) -> list[tuple[str, str, int]]:
    """What could not be told of active patients: rule (or `WAITING`), words, how many patients; the commonest first."""
    gap: Any = PatientGap
    query = sa.select(gap.rule, gap.words, sa.func.count()).group_by(gap.rule, gap.words)
    counted = {(row[0], row[1]): int(row[2]) for row in session.execute(query)}
    gone = (
        sa.select(gap.rule, gap.words, sa.func.count())
        .where(gap.patient_id.in_(ids_of_left()))
        .group_by(gap.rule, gap.words)
    )
    for rule, words, count in session.execute(gone):
        counted[rule, words] -= int(count)
    never = sa.func.sum(sa.case((_P.evaluated_revision == 0, 1), else_=0))
    waiting, new = session.execute(sa.select(sa.func.count(), never).select_from(_P).where(_IS_WAITING)).one()
    counted[WAITING, NEVER_EVALUATED] = int(new or 0)
    counted[WAITING, NOT_YET] = int(waiting) - int(new or 0)
    found = [(rule, words, count) for (rule, words), count in counted.items() if count > 0]
    return sorted(found, key=lambda one: (-one[2], one[0] != WAITING, one[0], one[1]))


def gaps_of(session: Session, patient_ids: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """By patient, the rule and words of what could not be told."""
    gap: Any = PatientGap
    found: dict[int, list[tuple[str, str]]] = {}
    query = sa.select(gap.patient_id, gap.rule, gap.words).where(gap.patient_id.in_(patient_ids))
    for who, rule, words in session.execute(query.order_by(gap.rule, gap.words)):
        found.setdefault(who, []).append((rule, words))
    return found


def choices(session: Session) -> dict[str, list[tuple[str, int]]]:
    """How many active patients there are of each `rule` that is true of somebody, and of each `diagnosis`."""
    answer: Any = Assessment
    rules = (
        sa.select(answer.rule, sa.func.count(sa.distinct(answer.patient_id)))
        .where(answer.state == "met", answer.status == "active")
        .group_by(answer.rule)
    )
    kinds = sa.select(_P.diagnosis, sa.func.count()).where(_P.status == "active").group_by(_P.diagnosis)

    def counted(query: Any) -> list[tuple[str, int]]:
        return sorted(((row[0], int(row[1])) for row in session.execute(query)), key=lambda one: (-one[1], one[0]))

    return {"rule": counted(rules), "diagnosis": counted(kinds)}


def sites(session: Session) -> list[str]:
    """Every site that a patient belongs to, each found by one step through the index."""
    return [str(row[0]) for row in session.execute(_sites())]


@cache
def _sites() -> Any:
    after = sa.select(sa.func.min(_P.site).label("site"))
    steps = after.where(_P.site != "").cte("steps", recursive=True)
    next_one = after.where(_P.site > steps.c.site).scalar_subquery()
    steps = steps.union_all(sa.select(next_one).where(steps.c.site.is_not(None)))
    return sa.select(steps.c.site).where(steps.c.site.is_not(None))


def anybody(session: Session) -> bool:
    """Whether the clinic has an active patient."""
    return session.execute(sa.select(_P.id).where(_P.status == "active").limit(1)).first() is not None
