"""The calculator of classification: the EULAR/ACR 2017 criteria, with what is on file filled in."""

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboard.components.accessible import aria
from dashboard.components.badges import mark_tag
from dashboard.components.formats import number
from dashboard.patient.calculators.response import in_sentence
from dashboard.patient.view import PatientView
from jobs.scores.classification import BIOPSY_CRITERIA, CRITERIA, classify
from jobs.scores.core_set import ENZYME_RANGE_IN_UPPER_LIMITS
from jobs.scores.exact import ScoreInputError
from models.age import age_on

FINDING_LABELS: Mapping[str, str] = {
    "weakness_proximal_upper": "Proximal weakness of the arms, symmetric, objective",
    "weakness_proximal_lower": "Proximal weakness of the legs, symmetric, objective",
    "neck_flexors_weaker_than_extensors": "Neck flexors weaker than extensors",
    "leg_proximal_weaker_than_distal": "Legs weaker proximally than distally",
    "heliotrope": "Heliotrope rash",
    "gottron_papules": "Gottron's papules",
    "gottron_sign": "Gottron's sign",
    "dysphagia": "Dysphagia or disturbed oesophageal motility",
    "anti_jo1": "Anti-Jo-1 antibody",
    "raised_muscle_enzyme": "CK, LDH, AST or ALT raised",
    "finger_flexor_weakness": "Finger flexors weak (subgroup only)",
    "treatment_response": "Response to treatment (subgroup only)",
    "endomysial_infiltrate": "Endomysial infiltrate around, not in, the fibres",
    "perimysial_perivascular_infiltrate": "Perimysial or perivascular infiltrate",
    "perifascicular_atrophy": "Perifascicular atrophy",
    "rimmed_vacuoles": "Rimmed vacuoles",
}
"""The variables of the criteria in our words."""
TREE_ONLY = ("finger_flexor_weakness", "treatment_response")
CATEGORY_WORDS = {"definite": "definite", "probable": "probable", "possible": "possible", "not_iim": "not classified"}


def on_record(view: PatientView) -> dict[str, bool]:
    """The findings that the record answers: dysphagia, anti-Jo-1, a raised enzyme. Absence from it is no answer."""
    found: dict[str, bool] = {}
    happened = view.frames.events
    if len(happened):
        said = happened.loc[happened["event"] == "dysphagia", "present"]
        if len(said):
            found["dysphagia"] = bool(said.any())
    if "JO1" in view.patient.autoantibodies.split(";"):
        found["anti_jo1"] = True
    enzymes = view.frames.observations(*[name for name in ENZYME_RANGE_IN_UPPER_LIMITS if name != "aldolase"])
    limited = enzymes[enzymes["upper_limit"].notna()] if len(enzymes) else enzymes
    if len(limited):
        found["raised_muscle_enzyme"] = bool((limited["value"] > limited["upper_limit"]).any())
    return found


def onset_age(view: PatientView) -> int | None:
    """The age at diagnosis, which stands in for that at onset until somebody knows better."""
    patient = view.patient
    return age_on(patient.birth_date, patient.diagnosed_on) if patient.diagnosed_on else None


def classification_tab(view: PatientView) -> Any:
    """The form of findings, filled as far as the record answers, and the result."""
    known = on_record(view)
    age = onset_age(view)
    findings = [_finding(key, known.get(key)) for key in (*CRITERIA, *TREE_ONLY)]
    biopsy = [_finding(key, None) for key in BIOPSY_CRITERIA]
    form = {"onset_age": age, "biopsy": False, "findings": known}
    return html.Div(
        [
            html.Div(
                [
                    dmc.NumberInput(
                        id="calc-onset",
                        label="Age at onset, years",
                        value="" if age is None else age,
                        min=0,
                        max=120,
                        size="sm",
                        debounce=300,
                        description="Age at diagnosis, unless changed",
                    ),
                    dmc.Switch(id="calc-biopsy", label="Muscle biopsy taken", checked=False, size="sm"),
                ],
                className="form-row",
            ),
            html.Div(findings, className="findings"),
            html.Div(biopsy, id="calc-biopsy-box", className="findings", hidden=True),
            html.Div(classification_result(form), id="calc-classification", role="status"),
        ],
        className="form-stack",
    )


def _finding(key: str, value: bool | None) -> html.Div:
    name = FINDING_LABELS[key]
    return html.Div(
        [
            html.Span([name, html.Small(" on record", className="quiet") if value is not None else None]),
            dmc.SegmentedControl(
                id={"type": "calc-finding", "key": key},
                value={True: "yes", False: "no", None: "unknown"}[value],
                data=[{"value": one, "label": text} for one, text in (("yes", "yes"), ("no", "no"), ("unknown", "?"))],
                size="xs",
                **aria(label=name),
            ),
        ]
    )


def classification_result(form: Mapping[str, Any]) -> list[Any]:
    """Score, probability, category and subgroup of `{"onset_age", "biopsy": bool, "findings": {key: bool | None}}`."""
    told = form["findings"]
    document: dict[str, Any] = {
        "onset_age": form["onset_age"] if form["onset_age"] not in ("", None) else None,
        "findings": {key: told.get(key) for key in (*CRITERIA, *TREE_ONLY)},
        "biopsy": {key: told.get(key) for key in BIOPSY_CRITERIA} if form["biopsy"] else None,
    }
    try:
        found = classify(document)
    except ScoreInputError as error:
        return [html.P(str(error), className="c-warn")]
    low, high = found["bounds"]
    score = number(float(low)) if low == high else f"{number(float(low))} to {number(float(high))}"
    chances = [f"{round(100 * value)} %" for value in found["probability_bounds"]]
    chance = chances[0] if chances[0] == chances[1] else f"{chances[0]} to {chances[1]}"
    category = found["category"]
    rows: list[tuple[str, Any]] = [
        ("Category", html.B(CATEGORY_WORDS[category] if category else "undecided")),
        ("Score", score),
        ("Probability", html.Span([f"{chance} ", mark_tag(found["marks"]["probability"])])),
    ]
    if found["subgroup"]:
        rows.append(("Subgroup", html.Span([f"{found['subgroup']} ", mark_tag(found["marks"]["subgroup"])])))
    elif found["subgroup_missing"]:
        rows.append(("Subgroup", f"depends on {_names(found['subgroup_missing'])}"))
    return [
        html.Dl([html.Div([html.Dt(label), html.Dd(value)]) for label, value in rows], className="pairs"),
        html.P(f"Not known: {_names(found['missing'])}.", className="quiet small") if found["missing"] else None,
        html.P(
            "2017 EULAR/ACR criteria, for research; only where nothing else explains the findings better. They are no "
            "diagnosis. Nothing here is stored.",
            className="quiet small",
        ),
    ]


def _names(keys: list[str]) -> str:
    return ", ".join("age at onset" if key == "onset_age" else in_sentence(FINDING_LABELS[key]) for key in keys)
