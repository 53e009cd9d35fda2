"""Agreeing on a patient's own taper, and taking it back: who, when, why. Doses are prednisone-equivalent mg/day.

A plan is what prescriber and patient agreed on, so it stands above every template when a rule asks whether a taper is
late. Nothing is deleted: a later plan replaces an earlier one, and a withdrawn one stays on file with the reason.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models.accounts import audit
from models.errors import ActionRefused
from models.patient import Patient
from models.taper_plan import TaperPlan, TaperStep

MOST_STEPS = 80
HIGHEST_DOSE_MG = 200.0
"""A planned daily dose above this is a typing mistake or a pulse, and a pulse is no step of a taper [default]."""
FURTHEST_DAYS = 1500
"""No step further away than this: the longest published taper lasts two years [default]."""

OWN_STEPS = ""
"""The template of a plan that follows none."""


@dataclass(frozen=True)
class AgreedPlan:
    """A plan with its steps (day, mg/day), oldest first."""

    plan: TaperPlan
    steps: tuple[tuple[dt.date, float], ...]


def standing_plan(
    session: Session, patient_id: int, as_of: dt.date, *, known_at: dt.datetime | None = None
) -> AgreedPlan | None:
    """The newest plan agreed up to a day and not withdrawn (by `known_at`, where given); None without one."""
    query = select(TaperPlan).where(TaperPlan.patient_id == patient_id, col(TaperPlan.agreed_on) <= as_of)
    if known_at is None:
        query = query.where(col(TaperPlan.withdrawn_at).is_(None))
    else:
        query = query.where(
            TaperPlan.created_at <= known_at,
            sa.or_(col(TaperPlan.withdrawn_at).is_(None), col(TaperPlan.withdrawn_at) > known_at),
        )
    plan = session.exec(query.order_by(col(TaperPlan.agreed_on).desc(), col(TaperPlan.id).desc())).first()
    if plan is None:
        return None
    steps = session.exec(select(TaperStep).where(TaperStep.plan_id == plan.id).order_by(col(TaperStep.start_on)))
    return AgreedPlan(plan, tuple((step.start_on, step.dose_mg) for step in steps))


def checked_steps(steps: Sequence[tuple[dt.date, float]], today: dt.date) -> tuple[tuple[dt.date, float], ...]:
    """The steps of a plan if they can be one: dated in order, doses possible, no step that changes nothing.

    Raises:
        ActionRefused: saying which step is wrong.
    """
    if not steps:
        raise ActionRefused("A plan needs at least one step: a day and a dose.")
    if len(steps) > MOST_STEPS:
        raise ActionRefused(f"A plan has at most {MOST_STEPS} steps; this one has {len(steps)}.")
    previous: tuple[dt.date, float] | None = None
    for day, dose in steps:
        if not 0 <= dose <= HIGHEST_DOSE_MG:
            raise ActionRefused(f"{day}: {dose:g} mg/day is not between 0 and {HIGHEST_DOSE_MG:g}.")
        if abs((day - today).days) > FURTHEST_DAYS:
            raise ActionRefused(f"{day} is more than {FURTHEST_DAYS} days away.")
        if previous is not None and day <= previous[0]:
            raise ActionRefused(f"{day} does not come after {previous[0]}: write the steps in order, one a day.")
        if previous is not None and dose == previous[1]:
            raise ActionRefused(f"{day}: the dose is {dose:g} mg already. Leave the step out.")
        previous = (day, dose)
    return tuple((day, float(dose)) for day, dose in steps)


def agree_plan(
    session: Session,
    patient: Patient,
    steps: Sequence[tuple[dt.date, float]],
    *,
    template: str,
    note: str,
    by: str,
    today: dt.date,
    now: dt.datetime,
) -> TaperPlan:
    """Put a plan on file; it replaces the one before. `template` is a key of the vocabulary or `OWN_STEPS`.

    Raises:
        ActionRefused: the patient has left, or the steps cannot be a plan.
    """
    if patient.status != "active":
        raise ActionRefused(f"The patient is {patient.status}: nothing is planned any more.")
    agreed = checked_steps(steps, today)
    plan = TaperPlan(
        patient_id=patient.id or 0,
        template=template,
        agreed_on=today,
        author=by,
        note=note.strip(),
        created_at=now,
    )
    session.add(plan)
    session.flush()
    for day, dose in agreed:
        session.add(TaperStep(plan_id=plan.id or 0, start_on=day, dose_mg=dose))
    _changed(session, patient)
    audit(session, by, "agreed taper plan", now=now, patient_id=patient.id, detail=f"plan {plan.id}")
    return plan


def withdraw_plan(session: Session, patient: Patient, *, reason: str, by: str, now: dt.datetime) -> int:
    """Take the patient's plan back, with the reason; returns how many plans it closed.

    Plans that were replaced earlier are closed too: none of them may come back by itself.

    Raises:
        ActionRefused: there is no plan, or no reason.
    """
    if not reason.strip():
        raise ActionRefused("Say why the plan no longer holds: it stays on record.")
    standing = session.exec(
        select(TaperPlan).where(TaperPlan.patient_id == patient.id, col(TaperPlan.withdrawn_at).is_(None))
    ).all()
    if not standing:
        raise ActionRefused("There is no plan to withdraw.")
    for plan in standing:
        plan.withdrawn_at, plan.withdrawn_by, plan.withdrawn_because = now, by, reason.strip()
        session.add(plan)
    _changed(session, patient)
    audit(session, by, "withdrew taper plan", now=now, patient_id=patient.id, detail=f"{len(standing)} plans")
    return len(standing)


def _changed(session: Session, patient: Patient) -> None:
    """Let the next evaluation look at the patient again."""
    session.execute(sa.update(Patient).where(col(Patient.id) == patient.id).values(revision=col(Patient.revision) + 1))
