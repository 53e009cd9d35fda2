"""The rates that stand in sentences are those of the simulation, and the weight needed keeps what it was chosen for."""

import pytest

from jobs.rules import rising_muscle_enzymes
from jobs.rules.declining_strength import STABLE_PATIENTS, STABLE_PATIENTS_TWO_STEPS
from tests.benchmarks import calibration
from tests.benchmarks.calibration import (
    Truth,
    enzyme_share,
    escalates,
    has_shifted,
    is_confirmed,
    is_corroborated,
    is_deep,
    is_met,
    share,
)

PATIENTS, SEED = 1000, 20


def percent(found, holds):
    return 100 * share(found, PATIENTS, SEED, holds)[0] / PATIENTS


@pytest.mark.parametrize("instrument", STABLE_PATIENTS)
def test_the_rates_printed_to_users_are_those_of_the_instrument_and_grade(instrument):
    said = STABLE_PATIENTS[instrument]
    alone = Truth(instrument, others=False)
    # Four standard errors of a thousand patients, and half a percent of rounding.
    assert percent(alone, is_met) == pytest.approx(said.possible, abs=6.2 if said.possible > 20 else 4)
    assert percent(alone, has_shifted) == pytest.approx(said.confirmed, abs=4)
    assert percent(Truth(instrument), is_corroborated) == pytest.approx(said.corroborated, abs=2.3)


@pytest.mark.parametrize("instrument", STABLE_PATIENTS_TWO_STEPS)
def test_a_large_fall_is_told_how_often_chance_alone_brings_one(instrument):
    said = STABLE_PATIENTS_TWO_STEPS[instrument]
    alone = Truth(instrument, others=False)
    assert percent(alone, is_deep) == pytest.approx(said.possible, abs=6.2 if said.possible > 20 else 1)
    assert percent(alone, lambda one: is_deep(one) and has_shifted(one)) == pytest.approx(said.confirmed, abs=4)


def test_few_stable_patients_reach_an_escalation_grade_and_most_true_falls_do():
    assert percent(Truth(), escalates) <= 9 + 3.6
    assert percent(Truth(fall=6), escalates) >= 90
    assert percent(Truth("mmt8", fall=6), escalates) >= 80
    assert percent(Truth(fall=6, others=False), escalates) >= 70 - 5.8


def test_the_rates_of_a_steady_ck_are_those_printed_to_users():
    def steady(holds):
        found, of = enzyme_share(Truth(), PATIENTS, SEED, holds)
        return 100 * found / of

    assert steady(is_met) == pytest.approx(rising_muscle_enzymes.STABLE_POSSIBLE, abs=5.8)
    assert steady(is_confirmed) == pytest.approx(rising_muscle_enzymes.STABLE_CONFIRMED, abs=3.9)


def test_most_true_doublings_of_a_raised_ck_are_found():
    found, of = enzyme_share(Truth(fall=1, worse=0), PATIENTS, SEED, is_met, raised_only=True)
    assert found / of >= 0.9


def test_the_same_seed_gives_the_same_patients():
    assert calibration.share(Truth(), 50, 1, is_met) == calibration.share(Truth(), 50, 1, is_met)
