"""The calculators of the patient's page and of the command, the frozen baseline, and a patient's own thresholds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from models.errors import ActionRefused

from .conftest import NOW, TODAY, Clinic, call, days
from .test_patient import CHILD, ago, buttons, looking, page, view_of, words


def visit(day: int, physician: float, patient: float, cmas: float, ck: float, **more: float) -> list[dict[str, Any]]:
    values = {"physician_global": physician, "patient_global": patient, "cmas": cmas, **more}
    rows = [{"mrn": "77", "measure": name, "value": value, "observed_at": ago(day)} for name, value in values.items()]
    return [
        *rows,
        {"mrn": "77", "measure": "ck", "value": ck, "unit": "U/L", "upper_limit": 200, "observed_at": ago(day)},
    ]


@pytest.fixture
def visited(clinic: Clinic, clinic_folder: Callable[..., Path]) -> Clinic:
    """A child with a complete core set at three visits, and a fourth without CHAQ and extramuscular global."""
    from jobs.evaluation import evaluate
    from jobs.importers.load import import_paths

    observations = [
        *visit(180, 6, 6, 26, 1200, chaq=1.5, extramuscular_global=5),
        *visit(120, 3, 3, 40, 300, chaq=0.75, extramuscular_global=2),
        *visit(60, 6, 6, 26, 900, chaq=1.5, extramuscular_global=5),
        *visit(0, 7, 6, 20, 1500),
        {"mrn": "77", "measure": "weight", "value": 40, "unit": "kg", "observed_at": ago(10)},
    ]
    folder = clinic_folder(patients=[CHILD | {"autoantibodies": "JO1"}], observations=observations)
    report = import_paths(clinic.engine, [folder], timezone="UTC", by="test", now=NOW)
    assert report.total.rejected == 0, report.rejects
    evaluate(clinic.engine, TODAY, timezone="UTC", now=NOW)
    return clinic


# ------------------------------------------------------------------------------------------------------------ response


def test_the_response_is_shown_visit_by_visit_with_its_parts(visited: Clinic) -> None:
    from dashboard.patient.calculators.response import response_result

    said = words(response_result(view_of(looking(visited, "vera", "viewer")), "juvenile", days(-180)))
    # Of their ranges: both globals 30 %, CMAS 27 %, CHAQ 25 %, CK 30 %, extramuscular 30 %.
    assert "25 Jul 82.5 major 17.5 7.5 27.5 7.5 7.5 15" in said
    assert "Latest visit without HAQ, extramuscular" in said


def test_an_incomplete_visit_stands_between_bounds_and_says_what_is_missing(visited: Clinic) -> None:
    from dashboard.patient.calculators.response import series_of
    from jobs.scores.total_improvement_series import scored

    last = scored(series_of(view_of(looking(visited, "vera", "viewer")), "juvenile", days(-180)), "juvenile").iloc[-1]
    assert (last["tis"], last["missing"]) == (None, ("haq", "extramuscular_global"))
    assert (last["bounds_low"], last["bounds_high"]) == (0, 30)
    assert last["parts"]["haq"] is None


def test_nobody_has_chosen_the_baseline_until_somebody_does(visited: Clinic) -> None:
    from dashboard.patient.advice import response_section
    from dashboard.patient.calculators.response import keep_baseline

    here = looking(visited, "paul", "physician")
    assert "the first with a physician global" in words(response_section(view_of(here)))
    keep_baseline(here, "77", days(-120), "start of rituximab")
    said = words(response_section(view_of(here)))
    assert f"{days(-120).day} {days(-120):%b}" in said
    assert "chosen by paul" in said


def test_the_baseline_stays_when_an_older_visit_is_imported(
    visited: Clinic, clinic_folder: Callable[..., Path]
) -> None:
    from dashboard.patient.advice import usual_baseline
    from dashboard.patient.calculators.response import keep_baseline
    from jobs.importers.load import import_paths

    here = looking(visited, "paul", "physician")
    keep_baseline(here, "77", days(-180), "diagnosis")
    folder = clinic_folder(observations=visit(300, 2, 2, 44, 200))
    import_paths(visited.engine, [folder], timezone="UTC", by="test", now=NOW)
    assert usual_baseline(view_of(here)) == days(-180)


@pytest.mark.parametrize(
    ("day", "reason", "said"), [(-120, " ", "why"), (-100, "x", "no visit"), (None, "x", "Choose the visit")]
)
def test_a_baseline_needs_a_visit_and_a_reason(visited: Clinic, day: int | None, reason: str, said: str) -> None:
    from dashboard.patient.calculators.response import keep_baseline

    with pytest.raises(ActionRefused, match=said):
        keep_baseline(looking(visited, "paul", "physician"), "77", None if day is None else days(day), reason)


def test_choosing_the_baseline_again_is_a_new_row_and_the_same_one_is_refused(visited: Clinic) -> None:
    from dashboard.patient.calculators.response import keep_baseline
    from models.response_baseline import ResponseBaseline

    here = looking(visited, "paul", "physician")
    keep_baseline(here, "77", days(-180), "diagnosis")
    with pytest.raises(ActionRefused, match="already"):
        keep_baseline(here, "77", days(-180), "again")
    keep_baseline(here, "77", days(-120), "new treatment")
    with Session(visited.engine) as session:
        assert len(session.exec(select(ResponseBaseline)).all()) == 2


def test_only_a_physician_or_an_administrator_freezes_the_baseline(visited: Clinic) -> None:
    from dashboard.patient.calculators import panel

    view = view_of(looking(visited, "nora", "nurse"))
    assert list(buttons(panel(view, decides=False))) == []
    assert list(buttons(panel(view, decides=True))) == ["Keep"]
    (output,) = [key for key in visited.app.callback_roles if "calc-said" in key]
    assert call(visited.client("nora"), output, "calc-keep.n_clicks").status_code == 403


# ----------------------------------------------------------------------------------------------------------- worsening


def test_worsening_against_the_baseline_is_told_for_both_definitions(visited: Clinic) -> None:
    from dashboard.patient.calculators.response import worsening_result

    said = words(worsening_result(view_of(looking(visited, "vera", "viewer")), "juvenile", days(-120)))
    assert "Confirmed deterioration (ProDERM)" in said
    assert f"Confirmed since {days(-60).day} {days(-60):%b}" in said
    assert "verify" in said  # the IMACS definition is remembered, not read


def test_a_visit_worse_for_the_first_time_waits_for_its_confirmation(visited: Clinic) -> None:
    from dashboard.patient.calculators.response import worsening_result

    said = words(worsening_result(view_of(looking(visited, "vera", "viewer")), "juvenile", days(-60)))
    assert "Cannot tell" in said


# ------------------------------------------------------------------------------------------------------ classification


def test_the_form_of_findings_begins_with_what_is_on_record_and_leaves_the_rest_unknown(visited: Clinic) -> None:
    from dashboard.patient.calculators.classification import on_record, onset_age

    view = view_of(looking(visited, "vera", "viewer"))
    assert on_record(view) == {"anti_jo1": True, "raised_muscle_enzyme": True}
    assert onset_age(view) == 9


def test_an_incomplete_classification_says_what_is_not_known_and_the_bounds() -> None:
    from dashboard.patient.calculators.classification import classification_result

    form = {"onset_age": 45, "biopsy": False, "findings": {"heliotrope": True, "gottron_sign": True}}
    said = words(classification_result(form))
    assert "definite" in said  # 2.1 + 3.1 + 3.3 is past 7.5 whatever the rest is
    assert "Not known: proximal weakness of the arms" in said
    undecided = words(classification_result({"onset_age": None, "biopsy": False, "findings": {}}))
    assert "undecided" in undecided
    assert "age at onset" in undecided


def test_an_impossible_age_is_told_and_not_computed_with() -> None:
    from dashboard.patient.calculators.classification import classification_result

    assert "not an age" in words(classification_result({"onset_age": 300, "biopsy": False, "findings": {}}))


# ---------------------------------------------------------------------------------------------------------- prednisone


@pytest.mark.parametrize(
    ("drug", "dose", "unit", "frequency", "said"),
    [
        ("methylprednisolone", "16", "mg", "daily", "20 mg prednisone"),
        ("methylprednisolone", "1", "g", "once", "Once 1\u202f250 mg prednisone"),
        ("prednisone", "60", "mg", "every-other-day", "30 mg prednisone"),
        ("dexamethasone", "4,5", "mg", "daily", "0.75 mg/kg/day at 40 kg"),
        ("prednisolone", "0.5", "mg/kg", "daily", "20 mg prednisone"),
        ("prednisone", "much", "mg", "daily", "dose"),
        ("prednisone", "-1", "mg", "daily", "negative"),
    ],
)
def test_a_dose_in_prednisone(visited: Clinic, drug: str, dose: str, unit: str, frequency: str, said: str) -> None:
    from dashboard.patient.calculators.prednisone import prednisone_result

    view = view_of(looking(visited, "vera", "viewer"))
    told = words(prednisone_result(view, {"drug": drug, "dose": dose, "unit": unit, "frequency": frequency}))
    assert said in told


@pytest.mark.parametrize("name", ["budesonide", "fludrocortisone", "methotrexate", "nothing"])
def test_what_has_no_equivalence_is_refused_with_the_reason(name: str) -> None:
    from jobs.scores.exact import ScoreInputError
    from jobs.scores.steroid_equivalence import prednisone_equivalent

    with pytest.raises(ScoreInputError, match="drug"):
        prednisone_equivalent(name, 5)


# ------------------------------------------------------------------------------------------------------ the command


@pytest.mark.parametrize(
    ("kind", "document", "part", "expected"),
    [
        ("mmt", {"instrument": "mmt8", "items": {"neck_flexors": 8}}, "total", None),
        ("classification", {"onset_age": 50, "findings": {"heliotrope": True, "gottron_sign": True}}, "category", None),
        (
            "worsening",
            {
                "definition": "imacs",
                "baseline": {"extramuscular_global": 2},
                "visits": [{"date": "2026-03-01", "extramuscular_global": 4}],
            },
            "state",
            "confirmed",
        ),
        (
            "worsening",
            {
                "baseline": {"extramuscular_global": 2},
                "visits": [{"date": "2026-03-01", "extramuscular_global": 4}],
            },
            "state",
            "awaiting_confirmation",
        ),
    ],
)
def test_the_command_prints_the_scores_as_json(
    cli: Callable[..., Any], tmp_path: Path, kind: str, document: dict[str, Any], part: str, expected: Any
) -> None:
    file = tmp_path / "input.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    answer = cli("score", kind, file).json()
    assert part in answer
    if expected is not None:
        assert answer[part] == expected


def test_the_command_converts_a_dose(cli: Callable[..., Any]) -> None:
    answer = cli("score", "prednisone", "methylprednisolone", "16").json()
    assert (answer["mg_per_day"], answer["prednisone_mg"], answer["mark"]) == (20, 20, "seen")
    refused = cli("score", "prednisone", "prednisone", "1", "--unit", "mg/kg")
    assert refused.code == 2


# ------------------------------------------------------------------------------------------------------ own thresholds


def test_a_patients_own_threshold_is_set_shown_and_answered_by_at_once(visited: Clinic) -> None:
    from dashboard.patient.own_thresholds import own_section, save

    here = looking(visited, "paul", "physician")
    assert view_of(here).assessment("declining-strength", "cmas")["state"] == "met"
    save(here, "77", "declining-strength.step_cmas", "8", until=days(90), reason="known wide scatter")
    view = view_of(here)
    said = words(own_section(view, decides=True))
    assert ": 8 points of 52" in said
    assert "clinic 3" in said
    assert "known wide scatter" in said
    assert view.evaluated
    save(here, "77", "declining-strength.step_cmas", None, until=None, reason="back")
    assert view_of(here).own == []


@pytest.mark.parametrize(
    ("what", "value", "until", "reason", "said"),
    [
        ("", "3", 30, "x", "Choose"),
        ("declining-strength.step_cmas", " ", 30, "x", "value"),
        ("declining-strength.step_cmas", "3", None, "x", "end"),
        ("declining-strength.step_cmas", "3", 900, "x", "a year"),
        ("declining-strength.step_cmas", "3", 30, " ", "reason"),
        ("declining-strength.step_cmas", "300", 30, "x", "between"),
        ("declining-strength.unknown", "3", 30, "x", "no parameter"),
    ],
)
def test_an_own_threshold_needs_a_value_an_end_and_a_reason(
    visited: Clinic, what: str, value: str, until: int | None, reason: str, said: str
) -> None:
    from dashboard.patient.own_thresholds import save

    here = looking(visited, "paul", "physician")
    with pytest.raises(ActionRefused, match=said):
        save(here, "77", what, value, until=None if until is None else days(until), reason=reason)


def test_the_own_thresholds_of_suggestions_reach_the_suggestions(visited: Clinic) -> None:
    from dashboard.patient.own_thresholds import save
    from jobs.suggest import suggest

    save(
        looking(visited, "paul", "physician"), "77", "phenotype.ck_raised", "4.5", until=days(30), reason="IMNM before"
    )
    told = suggest(visited.engine, "77", TODAY)
    assert {one["key"]: one["value"] for one in told["thresholds"]}["ck_raised"] == 4.5


def test_a_nurse_sees_no_form_for_thresholds(visited: Clinic) -> None:
    assert "Set a threshold" in set(buttons(page(visited, "paul", "physician")))
    assert "Set a threshold" not in set(buttons(page(visited, "nora", "nurse")))
    (output,) = [key for key in visited.app.callback_roles if "own-said" in key]
    assert call(visited.client("nora"), output, "own-save.n_clicks").status_code == 403
