"""The steps of a taper: from a template that fits the patient or as typed, checked, with what should be seen first."""

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from dashboard.components.dates import short_day
from dashboard.components.formats import number
from dashboard.patient.view import PatientView, as_day, parse_day
from jobs import taper
from jobs.exposure import SMALLEST_DIFFERENCE_MG
from models.errors import ActionRefused
from models.taper_planning import checked_steps
from models.vocabulary import TaperTemplate, diagnoses, taper_templates

OWN = "own"
"""Stands in the form for a plan that follows no template."""


def weight_of(view: PatientView) -> tuple[float, dt.date] | None:
    """The last weight on file and its day."""
    rows = view.readings("weight")
    return (float(rows["value"].iloc[-1]), as_day(rows["day"].iloc[-1])) if len(rows) else None


def offered(view: PatientView) -> dict[str, TaperTemplate]:
    """The templates for this patient: those per kg only for children and juvenile disease, and with a weight."""
    diagnosis = diagnoses().get(view.patient.diagnosis)
    juvenile = view.child or bool(diagnosis and diagnosis.juvenile)
    return {
        key: row
        for key, row in taper_templates().items()
        if row.population == "adult" or (juvenile and (row.unit == "mg" or weight_of(view) is not None))
    }


def usual_template(view: PatientView) -> str:
    """The one a rule would compare with: that of children where it can be worked out, A otherwise."""
    templates = offered(view)
    per_child = [key for key, row in templates.items() if row.population == "juvenile"]
    return per_child[0] if view.child and per_child else next(iter(templates))


def usual_begin(view: PatientView, template: str) -> dt.date:
    """Today, or the first day of the running course on which the template allows a reduction."""
    start = parse_day(view.steroid["course"]["start"])
    row = taper_templates().get(template)
    if start is None or row is None:
        return view.as_of
    return max(view.as_of, start + dt.timedelta(days=row.start_from_day))


def usual_rounding(template: str) -> str:
    """Doses per kg come out as odd numbers: to half a milligram; doses in mg as they are."""
    row = taper_templates().get(template)
    return "0.5" if row is not None and row.unit == "mg/kg" else "0"


OLD_WEIGHT_DAYS = 90

Steps = Sequence[tuple[dt.date, float]]


def template_steps(
    template: str, dose_mg: float, first: dt.date, begin: dt.date, weight_kg: float | None, round_to: float
) -> list[tuple[dt.date, float]]:
    """The start dose from its day on and the template's reductions from `begin` on.

    Raises:
        ActionRefused: the first reduction lies before the start, or the template needs a weight.
    """
    if begin < first:
        raise ActionRefused("The first reduction lies before the day from which the start dose holds.")
    try:
        reductions = taper.what_if(template, dose_mg, begin, weight_kg=weight_kg)
    except ValueError as error:
        raise ActionRefused(f"{error}.") from error
    except KeyError as error:
        raise ActionRefused("There is no such template.") from error
    opening = [(first, dose_mg)] if begin > first else []
    return taper.rounded([*opening, *reductions], round_to)


def typed_steps(text: str) -> list[tuple[dt.date, float]]:
    """Steps typed one a line, `2026-12-01 40`.

    Raises:
        ActionRefused: naming the line that is no step.
    """
    found = []
    for place, line in enumerate((text or "").splitlines(), start=1):
        if not line.strip():
            continue
        day_text, _, dose_text = line.strip().replace("\t", " ").partition(" ")
        amount = dose_text.strip().removesuffix("mg/day").removesuffix("mg").strip().replace(",", ".")
        try:
            found.append((dt.date.fromisoformat(day_text), float(amount)))
        except ValueError:
            raise ActionRefused(f"Line {place}, {line.strip()!r}: write a day and a dose, 2026-12-01 40.") from None
    return found


def written_steps(steps: Steps) -> str:
    """Steps as they are typed."""
    return "\n".join(f"{day.isoformat()} {number(mg, 3)}" for day, mg in steps)


def steps_of(view: PatientView, form: Mapping[str, Any]) -> tuple[tuple[dt.date, float], ...]:
    """The steps that the form stands for, checked.

    Raises:
        ActionRefused: with what is missing or wrong.
    """
    template = str(form.get("template") or "")
    if template == OWN:
        return checked_steps(typed_steps(str(form.get("own") or "")), view.as_of)
    if template not in offered(view):
        raise ActionRefused("Choose a template, or steps of your own.")
    dose = start_dose(form.get("dose"))
    first, begin = parse_day(form.get("from")), parse_day(form.get("begin"))
    if first is None or begin is None:
        raise ActionRefused("Give the day from which the start dose holds, and that of the first reduction.")
    weight = weight_of(view)
    steps = template_steps(template, dose, first, begin, weight[0] if weight else None, float(form.get("round") or 0))
    return checked_steps(steps, view.as_of)


def start_dose(value: Any) -> float:
    """The start dose as typed, mg/day. Raises ActionRefused: it is no dose."""
    try:
        dose = float(str(value).replace(",", "."))
    except ValueError:
        raise ActionRefused("Give the start dose in mg of prednisone a day.") from None
    if not dose > 0:
        raise ActionRefused("The start dose must be above 0 mg.")
    return dose


def cautions(view: PatientView, steps: Steps) -> list[str]:
    """What whoever agrees on these steps should have seen."""
    found = []
    current = float(view.steroid["current"]["dose"])
    planned_today = next((mg for day, mg in reversed(list(steps)) if day <= view.as_of), None)
    if planned_today is not None and abs(planned_today - current) >= 0.5:
        found.append(f"On file today: {number(current)} mg/day; the plan has {number(planned_today)} mg.")
    if any(row["rule"] == "declining-strength" for row in view.met()):
        found.append("Strength is declining: in a flare a rapid taper makes it worse.")
    weight = weight_of(view)
    template = usual_template(view)
    large = taper.larger_cuts(steps, template, weight[0] if weight else None)
    if large:
        told = ", ".join(
            f"{number(high)} to {number(low)} mg on {short_day(day, view.as_of)}" for day, high, low in large[:3]
        )
        found.append(f"Larger or quicker than the steps of template {template}: {told}.")
    rises = [(day, low, high) for (_, low), (day, high) in pairwise(steps) if high > low]
    if rises:
        day, low, high = rises[0]
        found.append(f"The dose rises from {number(low)} to {number(high)} mg on {short_day(day, view.as_of)}.")
    if view.child and weight and (view.as_of - weight[1]).days > OLD_WEIGHT_DAYS:
        found.append(f"The child's last weight is of {short_day(weight[1], view.as_of)}: weigh first.")
    return found


def reached(steps: Steps, mg: float) -> dt.date | None:
    """The first day from which the plan stands at or below a dose; None where it never does."""
    return next((day for day, dose in steps if dose <= mg + SMALLEST_DIFFERENCE_MG), None)
