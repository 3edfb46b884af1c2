import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.generators.cue_learning import pearce_hall, rescorla_wagner

SALIENCE = st.floats(0.01, 1.0)


@given(SALIENCE, st.floats(-2, 2), st.integers(1, 20))
def test_one_stimulus_approaches_its_outcome_geometrically(salience, outcome, trials):
    value = np.zeros(1)
    for _ in range(trials):
        value = rescorla_wagner(value, np.array([salience]), outcome)
    # V_n = λ (1 − (1 − αβ)^n); rounding of at most 20 products
    assert value[0] == pytest.approx(outcome * (1 - (1 - salience) ** trials), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize(("salience", "share"), [(0.1, 0.34), (0.5, 0.94)])
def test_four_pairings_reach_the_printed_share_of_the_asymptote(salience, share):
    value = np.zeros(1)
    for _ in range(4):
        value = rescorla_wagner(value, np.array([salience]), 1.0)
    # printed with two digits
    assert value[0] == pytest.approx(share, abs=0.005)


def test_a_stimulus_that_already_says_it_all_blocks_another():
    values = rescorla_wagner(np.array([1.0, 0.0]), np.array([0.3, 0.3]), 1.0)
    assert values.tolist() == [1.0, 0.0]


def test_what_is_absent_does_not_change():
    values = rescorla_wagner(np.array([0.2, 0.7]), np.array([0.3, 0.0]), 1.0)
    assert values == pytest.approx([0.2 + 0.3 * 0.8, 0.7])


def test_a_surprising_outcome_raises_associability_and_an_expected_one_lowers_it():
    _, surprised = pearce_hall(np.zeros(1), np.array([0.5]), np.array([0.3]), 1.0, memory=0.4)
    _, bored = pearce_hall(np.ones(1), np.array([0.5]), np.array([0.3]), 1.0, memory=0.4)
    assert (surprised[0], bored[0]) == pytest.approx((0.4 * 1.0 + 0.6 * 0.5, 0.6 * 0.5))


def test_an_omitted_outcome_is_unlearned():
    value, alpha = np.zeros(1), np.ones(1)
    for _ in range(4):
        value, alpha = pearce_hall(value, alpha, np.array([0.3]), 1.0, memory=0.5)
    learned = value[0]
    for _ in range(10):
        value, alpha = pearce_hall(value, alpha, np.array([0.3]), 0.0, memory=0.5)
    assert abs(value[0]) < 0.5 * learned
