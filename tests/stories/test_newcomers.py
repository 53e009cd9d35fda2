"""Newer drugs, by their brands: known, counted as treatment, monitored, and never a reason to invent a test."""

from tests.stories.conftest import Clinic, drug, laboratory


def test_a_brand_is_the_drug_and_is_monitored_or_left_alone(clinic: Clinic) -> None:
    clinic.people("jak", "fcrn", "cells", diagnosis="DM")
    clinic.load(
        medications=[
            drug("jak", "Xeljanz", 5, -120, frequency="twice-daily"),
            drug("fcrn", "Vyvgart", 10, -120, unit="mg/kg", frequency="weekly", route="iv"),
            drug("cells", "CAR-T", 1, -120, frequency="once", route="iv"),
        ]
    )
    found = clinic.answers(0, "overdue-labs")
    asked: dict[str, set[str]] = {"jak": set(), "fcrn": set(), "cells": set()}
    for mrn, test in found:
        asked[mrn].add(test)
    activity = {"ck", "troponin", "crp"}
    assert asked["jak"] >= activity | {"blood_count", "transaminases", "lipids"}
    assert asked["fcrn"] == activity
    assert asked["cells"] == activity | {"blood_count", "igg"}


def test_a_patient_on_one_of_them_is_not_on_steroids_alone(clinic: Clinic) -> None:
    clinic.people("with", "without", diagnosis="DM")
    clinic.load(
        medications=[
            drug("with", "prednisone", 20, -60),
            drug("with", "efgartigimod alfa", 10, -60, unit="mg/kg", frequency="weekly", route="iv"),
            drug("without", "prednisone", 20, -60),
        ]
    )
    assert {who for who, rule, _ in clinic.met() if rule == "steroid-monotherapy"} == {"without"}


def test_an_old_hepatitis_b_matters_under_obinutuzumab_as_under_rituximab(clinic: Clinic) -> None:
    clinic.people("1", diagnosis="DM")
    clinic.load(
        medications=[drug("1", "Gazyva", 1000, -30, frequency="once", route="iv")],
        observations=[laboratory("1", "anti_hbc", 1, -60, unit="")],
    )
    found = clinic.answers(0, "screening-result")["1", "anti_hbc"]
    assert (found["state"], found["severity"]) == ("met", "urgent")
