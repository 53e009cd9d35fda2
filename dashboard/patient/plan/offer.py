"""Which templates are offered to a patient, and with what the form begins."""

import datetime as dt

from dashboard.patient.view import PatientView, as_day, parse_day
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
