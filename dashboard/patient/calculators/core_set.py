"""The core set measures of the patient: their names, and the visits at which they were taken."""

import datetime as dt
from collections.abc import Iterable, Mapping

import pandas as pd

from dashboard.patient.view import PatientView
from jobs.scores.total_improvement_series import CORE_MEASURES, VisitSeries, visit_series

MEASURE_LABELS: Mapping[str, str] = {
    "physician_global": "Physician global",
    "patient_global": "Patient global",
    "strength": "Strength",
    "haq": "HAQ",
    "enzyme": "Enzyme",
    "extramuscular_global": "Extramuscular",
}


def core_facts(view: PatientView) -> pd.DataFrame:
    """The patient's core set measures."""
    return view.frames.observations(*CORE_MEASURES)


def series_of(view: PatientView, kind: str, baseline: dt.date) -> VisitSeries:
    """The baseline and the visits after it."""
    return visit_series(core_facts(view), disease_class=kind, baseline_on=baseline)


def in_sentence(label: str) -> str:
    """A label as it stands within a sentence: `physician global`, but `HAQ`, `CK, LDH ...` and `anti-Jo-1`."""
    first = label.split(maxsplit=1)[0].strip(",")
    return label if first.isupper() or first.startswith("Gottron") else f"{label[:1].lower()}{label[1:]}"


def measure_names(keys: Iterable[str]) -> str:
    """Core set measures in a sentence."""
    return ", ".join(in_sentence(MEASURE_LABELS[key]) for key in keys)
