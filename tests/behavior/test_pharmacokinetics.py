"""Drug levels: a matrix exponential, published times, laws of linear kinetics, and the satiety threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from cuecircuit.behavior.pharmacokinetics import (
    KINETICS,
    chain_level,
    drug_level,
    kinetics_of,
    satiety_threshold,
)
from cuecircuit.errors import StudyError

COCAINE = KINETICS["cocaine"]


def satiety_interval_s(threshold: float, *, dose_mg_kg: float, half_life_min: float) -> float:
    """The time in which the level falls from threshold + dose to the threshold."""
    return 60 * half_life_min / np.log(2) * float(np.log1p(dose_mg_kg / threshold))


def last_stage(half_lives: list[float], minutes: np.ndarray) -> np.ndarray:
    rates = np.log(2) / np.array(half_lives)
    flow = -np.diag(rates) + np.diag(rates[:-1], -1)
    return np.array([expm(flow * t)[-1, 0] for t in minutes])


@given(st.lists(st.floats(0.5, 100), min_size=1, max_size=4))
def test_a_chain_is_the_solution_of_its_differential_equations(half_lives: list[float]):
    minutes = np.array([0.0, 0.01, 1.0, 7.0, 60.0, 300.0])

    # both are exact but for rounding, which the differences of close rates magnify a thousand times at most
    np.testing.assert_allclose(chain_level(minutes, half_lives), last_stage(half_lives, minutes), atol=1e-12)


def test_equal_rates_are_the_limit_of_close_ones():
    minutes = np.linspace(0, 200, 50)
    rate = np.log(2) / 10

    # three equal stages: (kt)² e^(−kt) / 2
    np.testing.assert_allclose(chain_level(minutes, [10.0] * 3), (rate * minutes) ** 2 * np.exp(-rate * minutes) / 2)
    np.testing.assert_allclose(
        chain_level(minutes, [10.0, 10 + 1e-9, 10 - 1e-9]), chain_level(minutes, [10.0] * 3), rtol=1e-8
    )


def test_a_single_compartment_halves_in_its_half_life():
    level = drug_level(np.array([0.0, 8.2, 16.4]) * 60, np.zeros(1), dose_mg_kg=0.5, kinetics=COCAINE)

    np.testing.assert_allclose(level.effect, [0.5, 0.25, 0.125])


@given(st.lists(st.floats(0, 7200), min_size=1, max_size=8), st.floats(0.01, 1))
def test_doses_add_up_and_scale(doses: list[float], amount: float):
    times, given_s = np.linspace(0, 9000, 40), np.sort(np.array(doses))
    heroin = KINETICS["heroin"]

    together = drug_level(times, given_s, dose_mg_kg=amount, kinetics=heroin).effect

    apart = sum(drug_level(times, given_s[[k]], dose_mg_kg=1.0, kinetics=heroin).effect for k in range(len(doses)))
    np.testing.assert_allclose(together, amount * apart, atol=1e-12)


def test_heroin_gives_way_to_6_mam_and_that_to_morphine_as_in_rats():
    minutes = np.linspace(0, 180, 1801)

    heroin, mam, morphine = drug_level(minutes * 60, np.zeros(1), dose_mg_kg=1.0, kinetics=KINETICS["heroin"]).levels

    # Gottas et al. 2013: heroin gone by 18 min; 6-MAM leads for half an hour; morphine peaks six times lower
    assert heroin[180] < 0.01 * heroin.max()
    assert np.all(mam[20:300] > morphine[20:300])
    assert mam.max() / morphine.max() == pytest.approx(6, rel=0.15)
    # brain 6-MAM peaked after 4.3 (2013) and 8 min (2014); one compartment per compound lies between
    assert 4.3 <= minutes[mam.argmax()] <= 8


def test_naloxone_peaks_within_a_quarter_of_an_hour_and_has_half_left_after_one():
    minutes = np.linspace(0, 120, 1201)

    level = drug_level(minutes * 60, np.zeros(1), dose_mg_kg=0.12, kinetics=KINETICS["naloxone"]).effect

    assert minutes[level.argmax()] < 15
    assert level[600] / level.max() == pytest.approx(0.5, abs=0.02)


def test_the_dose_of_a_press_does_not_count_just_before_it():
    infusions = np.array([0.0, 600.0])

    before = drug_level(infusions, infusions, dose_mg_kg=1.0, kinetics=COCAINE, before=True).effect
    after = drug_level(infusions, infusions, dose_mg_kg=1.0, kinetics=COCAINE).effect

    np.testing.assert_allclose(after - before, 1.0)
    assert before[0] == 0


@given(st.floats(0.2, 5), st.floats(0.05, 2), st.floats(2, 60))
def test_an_animal_that_keeps_its_threshold_shows_it(threshold: float, dose: float, half_life: float):
    interval = satiety_interval_s(threshold, dose_mg_kg=dose, half_life_min=half_life)
    kinetics = kinetics_of("any", half_life_min=half_life)
    # loading: enough doses at once to come above the threshold, then one whenever the level is down to it
    n = int(np.ceil(threshold / dose)) + 1
    top = n * dose
    first = half_life * 60 * np.log2(top / threshold)
    infusions = np.concatenate([np.zeros(n), first + interval * np.arange(6)])

    assert satiety_threshold(infusions, dose_mg_kg=dose, kinetics=kinetics, loading=n) == pytest.approx(threshold)


def test_cocaine_taken_at_the_intervals_of_the_published_model_shows_its_threshold():
    # S = 1.7 mg/kg and t½ = 8.2 min (Tsibulsky & Norman 1999); by hand: 8.2/ln 2 · ln(1 + 1.5/1.7) = 7.48 min
    infusions = np.append(np.zeros(1), 60 * 7.48 * np.arange(1, 40))
    # by then the level before an infusion is that of the steady state to rounding
    found = satiety_threshold(infusions[20:], dose_mg_kg=1.5, kinetics=COCAINE, loading=15)

    assert found == pytest.approx(1.7, abs=5e-3)


def test_fewer_than_two_infusions_after_loading_have_no_threshold():
    assert np.isnan(satiety_threshold(np.array([0.0, 60.0]), dose_mg_kg=1.0, kinetics=COCAINE, loading=1))
    assert np.isnan(satiety_threshold(np.empty(0), dose_mg_kg=1.0, kinetics=COCAINE))


@pytest.mark.parametrize("times", [[], [60.0]])
def test_without_a_dose_or_a_time_levels_are_numbers_with_a_point(times: list[float]):
    level = drug_level(np.array(times), np.zeros(0), dose_mg_kg=0.06, kinetics=KINETICS["heroin"])
    assert level.levels.dtype == level.effect.dtype == float
    assert level.levels.shape == (3, len(times))
    assert not level.levels.any()


def test_a_drug_nobody_knows_needs_a_half_life():
    with pytest.raises(StudyError, match="drug 'xylazine': kinetics are known of heroin, cocaine"):
        kinetics_of("xylazine")
    assert kinetics_of("xylazine", half_life_min=30.0).compounds[0].half_life_min == 30
