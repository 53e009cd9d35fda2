"""To agree on a plan and to withdraw it; the rules are asked again."""

from collections.abc import Mapping
from typing import Any

from dashboard.patient.entry.saving import ask_again
from dashboard.patient.plan.offer import OWN
from dashboard.patient.plan.steps import steps_of
from dashboard.patient.view import gather
from dashboard.secure import Current
from models.database import writing
from models.errors import ActionRefused
from models.patient_record import find
from models.taper_planning import OWN_STEPS, agree_plan, withdraw_plan


def save_plan(here: Current, mrn: str, form: Mapping[str, Any], note: str) -> None:
    """Agree on the plan that the form stands for, and ask the rules again.

    Raises:
        ActionRefused: the form is no plan, or the patient has left.
    """
    view = gather(here, mrn)
    if view is None:
        raise ActionRefused("This patient is not on file any more.")
    steps = steps_of(view, form)
    template = OWN_STEPS if form["template"] == OWN else str(form["template"])
    with writing(here.engine) as session:
        patient = find(session, mrn)
        if patient is None:
            raise ActionRefused("This patient is not on file any more.")
        agree_plan(
            session, patient, steps, template=template, note=note, by=here.user.name, today=view.as_of, now=here.now
        )
    ask_again(here, mrn)


def take_back_plan(here: Current, mrn: str, reason: str) -> None:
    """Withdraw the agreed plan, and ask the rules again.

    Raises:
        ActionRefused: no plan, or no reason.
    """
    with writing(here.engine) as session:
        patient = find(session, mrn)
        if patient is None:
            raise ActionRefused("This patient is not on file any more.")
        withdraw_plan(session, patient, reason=reason, by=here.user.name, now=here.now)
    ask_again(here, mrn)
