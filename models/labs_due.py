"""Which blood tests are due, as the pages read it, and what people may say about them: a pause, or "not possible".

The tests are those that the last evaluation kept (`models.patient_summary`); nothing is computed here. A pause has a
reason and an end. A test that could not be taken is an observation with the status not-done (written by
`jobs.importers.load`). Both are taken back without deleting anything: what was believed meanwhile stays on file.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models.errors import ActionRefused
from models.observation import Observation
from models.patient import LEFT, Patient, ids_of_left
from models.patient_summary import LAB_STATES, NOT_TAKEN, PatientLab, PatientSummary, bits_of
from models.taper_plan import MonitoringPause
from models.vocabulary import tests

LONGEST_PAUSE_DAYS = 365
"""A pause ends after a year at the latest [default], so that somebody decides again."""

NOT_DONE = "not-done"


_P: Any = Patient
_L: Any = PatientLab
_S: Any = PatientSummary
_COLUMNS = (
    _P.id, _P.mrn, _P.given_name, _P.family_name, _P.birth_date, _P.site, _P.clinician,
    _L.test, _L.state, _L.due, _L.last_on, _L.interval_days, _L.treatment, _L.note, _L.because,
)  # fmt: skip
_NAMED = (_P.family_name, _P.given_name, _P.mrn)


@dataclass(frozen=True)
class Wanted:
    """Which patients and tests are asked for; empty fields leave nobody out."""

    q: str = ""
    test: str = ""
    site: str = ""
    who: str = ""

    def conditions(self) -> list[Any]:
        """For a query over patients and tests."""
        # Not by the index of the status: nearly everybody is active, and what else is asked leads to fewer.
        found: list[Any] = [_P.status.not_in(LEFT)]
        if self.q:
            plain = self.q.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
            name = _P.given_name + " " + _P.family_name
            found.append(sa.or_(name.ilike(f"%{plain}%", escape="\\"), _P.mrn.ilike(f"{plain}%", escape="\\")))
        if self.site:
            found.append(_P.site == self.site)
        if self.who:
            found.append(_P.clinician == self.who)
        if self.test:
            found.append(_L.test == self.test)
        return found


def in_state(state: str, until: dt.date) -> Any:
    """Tests in a state; `all` of them; or, without a state, those for which blood should be taken by a day."""
    if state == "all":
        return sa.true()
    return _L.state == state if state in LAB_STATES else to_take(until)


def to_take(until: dt.date) -> Any:
    """Tests that are due by a day, and that nobody excused or lost sight of."""
    return sa.and_(_L.state.in_([state for state in LAB_STATES if state not in NOT_TAKEN]), _L.due <= until)


def labs_rows(
    session: Session,
    wanted: Wanted | None = None,
    *,
    which: Any = None,
    mrn: str | None = None,
    patient_ids: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """One row per active patient and test required of them, as last evaluated, by name and due day.

    Args:
        which: a condition on tests (`in_state`, `to_take`).
        mrn, patient_ids: only of these patients.

    Rows: the patient's `patient_id`, `mrn`, `name`, `birth_date`, `site`, `clinician`; `test`, `label`; `state` (one of
    `LAB_STATES`), `due`, `last` (day or None), `interval` (days), `treatment`, `note`, `because`.
    """
    query = sa.select(*_COLUMNS).join(_P, _P.id == _L.patient_id).where(*(wanted or Wanted()).conditions())
    if which is not None:
        query = query.where(which)
    if mrn is not None:
        query = query.where(_P.mrn == mrn)
    if patient_ids is not None:
        query = query.where(_P.id.in_(patient_ids))
    known = tests()
    return [
        {
            "patient_id": row.id,
            "mrn": row.mrn,
            "name": " ".join(part for part in (row.given_name, row.family_name) if part) or row.mrn,
            "birth_date": row.birth_date,
            "site": row.site,
            "clinician": row.clinician,
            "test": row.test,
            "label": known[row.test].label if row.test in known else row.test,
            "state": row.state,
            "due": row.due,
            "last": row.last_on,
            "interval": row.interval_days,
            "treatment": row.treatment,
            "note": row.note,
            "because": row.because,
        }
        for row in session.execute(query.order_by(*_NAMED, _L.due))
    ]


def most_pressing(session: Session, wanted: Wanted, which: Any, count: int) -> list[int]:
    """The first so many patients with a chosen test: by its state (`LAB_STATES`), then by how long it has been due."""
    rank = sa.case({state: place for place, state in enumerate(LAB_STATES)}, value=_L.state)
    query = (
        sa.select(_L.patient_id)
        .join(_P, _P.id == _L.patient_id)
        .where(*wanted.conditions(), which)
        .group_by(_L.patient_id)
        .order_by(sa.func.min(rank), sa.func.min(_L.due), sa.func.min(_P.family_name), _L.patient_id)
        .limit(count)
    )
    return [int(row[0]) for row in session.execute(query)]


def patients_by_lab_states(session: Session, wanted: Wanted | None = None) -> dict[int, int]:
    """How many active patients have each combination of states of their tests (bit sets, see `bits_of`)."""
    query = sa.select(_S.lab_states, sa.func.count()).select_from(_S).group_by(_S.lab_states)
    asked = wanted or Wanted()
    if asked != Wanted():
        query = query.join(_P, _P.id == _S.patient_id).where(*asked.conditions())
        return {int(row[0]): int(row[1]) for row in session.execute(query)}
    found = {int(row[0]): int(row[1]) for row in session.execute(query)}
    # Who left and was not evaluated since is taken off, so that the index alone tells the rest.
    left = query.where(_S.patient_id.in_(ids_of_left()))
    for bits, count in session.execute(left):
        found[int(bits)] -= int(count)
    return found


def patients_to_take(session: Session, wanted: Wanted, until: dt.date) -> int:
    """How many patients have a test for which blood should be taken by a day."""
    if wanted.test:
        return _people(session, wanted, to_take(until))
    query = sa.select(sa.func.count()).select_from(_S).where(_S.to_take_from <= until)
    if wanted != Wanted():
        query = query.join(_P, _P.id == _S.patient_id).where(*wanted.conditions())
        return int(session.execute(query).scalar_one())
    left = query.where(_S.patient_id.in_(ids_of_left()))
    return int(session.execute(query).scalar_one()) - int(session.execute(left).scalar_one())


def patients_by_state(session: Session, wanted: Wanted) -> dict[str, int]:
    """How many patients have a test in each of `LAB_STATES`; `""`: in any."""
    if wanted.test:
        # A patient has a test once: as many rows as patients.
        counted = {state: count for (_, state), count in tests_by_state(session, wanted).items()}
        return {state: counted.get(state, 0) for state in LAB_STATES} | {"": sum(counted.values())}
    by_bits = patients_by_lab_states(session, wanted)
    found = {state: sum(count for bits, count in by_bits.items() if bits & bits_of([state])) for state in LAB_STATES}
    return found | {"": sum(count for bits, count in by_bits.items() if bits)}


def tests_by_state(session: Session, wanted: Wanted) -> dict[tuple[str, str], int]:
    """How many patients have each test in each state."""
    query = sa.select(_L.test, _L.state, sa.func.count()).select_from(_L).group_by(_L.test, _L.state)
    if wanted != Wanted():
        query = query.join(_P, _P.id == _L.patient_id).where(*wanted.conditions())
        return {(str(row[0]), str(row[1])): int(row[2]) for row in session.execute(query)}
    found = {(str(row[0]), str(row[1])): int(row[2]) for row in session.execute(query)}
    for test, state, count in session.execute(query.where(_L.patient_id.in_(ids_of_left()))):
        found[test, state] -= int(count)
    return {kind: count for kind, count in found.items() if count}


def intervals(session: Session) -> dict[str, tuple[int, int]]:
    """By test that somebody needs, the shortest and the longest interval in days."""
    query = sa.select(_L.test, sa.func.min(_L.interval_days), sa.func.max(_L.interval_days)).group_by(_L.test)
    return {str(row[0]): (int(row[1] or 0), int(row[2] or 0)) for row in session.execute(query)}


def required_tests(session: Session) -> list[str]:
    """The tests that somebody needs."""
    return [str(row[0]) for row in session.execute(sa.select(_L.test).distinct())]


def silent(session: Session) -> tuple[list[tuple[str, str]], int]:
    """Tests whose results stopped coming in, with the words; and how many patients that concerns."""
    inside = (_L.state == "cannot_tell", _P.status == "active")
    told = sa.select(_L.test, _L.because).join(_P, _P.id == _L.patient_id).where(*inside).distinct()
    found = sorted((str(row[0]), str(row[1])) for row in session.execute(told))
    return found, _people(session, Wanted(), _L.state == "cannot_tell") if found else 0


def _people(session: Session, wanted: Wanted, which: Any) -> int:
    query = sa.select(sa.func.count(sa.distinct(_L.patient_id))).join(_P, _P.id == _L.patient_id)
    return int(session.execute(query.where(*wanted.conditions(), which)).scalar_one())


def whose(session: Session) -> tuple[list[str], list[str]]:
    """Sites and clinicians of active patients, to choose from."""
    return tuple(  # type: ignore[return-value]
        [str(row[0]) for row in session.execute(sa.select(name).distinct().where(_P.status == "active", name != ""))]
        for name in (_P.site, _P.clinician)
    )


def active_patients(session: Session) -> int:
    """How many patients the panel has."""
    query = sa.select(sa.func.count()).select_from(Patient).where(col(Patient.status) == "active")
    return int(session.execute(query).scalar_one())


def patient_of(session: Session, mrn: str) -> Patient:
    """The active patient of a record number.

    Raises:
        ActionRefused: there is none, or they left the clinic.
    """
    found = session.exec(select(Patient).where(Patient.mrn == mrn)).first()
    if found is None or found.status != "active":
        raise ActionRefused(f"There is no active patient with record number {mrn!r}.")
    return found


def pause(
    session: Session,
    patient: Patient,
    tests: Sequence[str],
    *,
    reason: str,
    until: dt.date | None,
    by: str,
    today: dt.date,
    now: dt.datetime,
) -> list[int]:
    """Leave tests out for a patient up to and including `until`; returns the ids of the pauses.

    Raises:
        ActionRefused: no test, no reason, no end, or an end in the past or too far away.
    """
    if not tests:
        raise ActionRefused("Choose at least one test.")
    if not reason.strip():
        raise ActionRefused("A pause needs a reason.")
    if until is None:
        raise ActionRefused("A pause needs an end, so that somebody looks at it again.")
    if until < today:
        raise ActionRefused("The end of a pause lies in the past.")
    if (until - today).days > LONGEST_PAUSE_DAYS:
        raise ActionRefused(
            f"A pause lasts at most {LONGEST_PAUSE_DAYS} days. Choose an earlier end and renew it then."
        )
    made = [
        MonitoringPause(
            patient_id=patient.id or 0,
            test=test,
            reason=reason.strip(),
            start_on=today,
            until=until,
            author=by,
            created_at=now,
        )
        for test in dict.fromkeys(tests)
    ]
    session.add_all(made)
    _changed(session, patient)
    session.flush()
    return [row.id or 0 for row in made]


def end_pause(session: Session, pause_id: int, *, now: dt.datetime) -> Patient:
    """Take a pause back from now on; returns whose it was.

    Raises:
        ActionRefused: no such pause, or it was taken back already.
    """
    found = session.get(MonitoringPause, pause_id)
    if found is None or found.withdrawn_at is not None:
        raise ActionRefused("This pause has ended already.")
    found.withdrawn_at = now
    session.add(found)
    return _owner(session, found.patient_id)


def take_back_not_done(session: Session, observation_id: int, *, now: dt.datetime) -> Patient:
    """No longer believe, from now on, that a test could not be done; returns whose it was.

    Raises:
        ActionRefused: no such note, or it was replaced already.
    """
    found = session.get(Observation, observation_id)
    if found is None or found.status != NOT_DONE or found.known_to is not None:
        raise ActionRefused("This note was taken back already.")
    # Never believed before it was recorded, and no longer from now on: what was known in between stays answerable.
    found.known_to = max(now, found.received_at)
    session.add(found)
    return _owner(session, found.patient_id)


def excuses(session: Session, patient_id: int, today: dt.date) -> list[dict[str, Any]]:
    """What excuses a patient from tests now: pauses, and tests noted as not done within the last year.

    Rows: `kind` (`pause`, `not_done`), `id`, `what` (a test or measure), `reason`, `day`, `until` (of a pause), `by`.
    """
    pauses = session.exec(
        select(MonitoringPause)
        .where(
            MonitoringPause.patient_id == patient_id,
            col(MonitoringPause.withdrawn_at).is_(None),
            MonitoringPause.until >= today,
        )
        .order_by(col(MonitoringPause.until))
    ).all()
    notes = session.exec(
        select(Observation)
        .where(
            Observation.patient_id == patient_id,
            Observation.status == NOT_DONE,
            col(Observation.known_to).is_(None),
            Observation.effective_on >= today - dt.timedelta(days=LONGEST_PAUSE_DAYS),
        )
        .order_by(col(Observation.effective_on).desc())
    ).all()
    rows: list[dict[str, Any]] = [
        {
            "kind": "pause",
            "id": row.id,
            "what": row.test,
            "reason": row.reason,
            "day": row.start_on,
            "until": row.until,
            "by": row.author,
        }
        for row in pauses
    ]
    return rows + [
        {
            "kind": "not_done",
            "id": row.id,
            "what": row.measure,
            "reason": row.reason or "no reason given",
            "day": row.effective_on,
            "until": None,
            "by": row.entered_by or row.sender,
        }
        for row in notes
    ]


def not_done_ids(session: Session, patient_id: int, source_ids: Sequence[str]) -> list[int]:
    """The ids of notes just written under these ids of ours."""
    query = select(Observation.id).where(
        Observation.patient_id == patient_id, col(Observation.source_id).in_(list(source_ids))
    )
    return [int(found) for found in session.exec(query) if found is not None]


def _owner(session: Session, patient_id: int) -> Patient:
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise ActionRefused("The patient is no longer on file.")
    _changed(session, patient)
    return patient


def _changed(session: Session, patient: Patient) -> None:
    """Let the next evaluation look at the patient again."""
    session.execute(sa.update(Patient).where(col(Patient.id) == patient.id).values(revision=col(Patient.revision) + 1))
