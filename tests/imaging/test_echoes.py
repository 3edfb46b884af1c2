"""Echoes are combined as the published formula says, and better than any of them is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.imaging.echoes import combine_echoes, echo_weights

ECHO_S = (0.0138, 0.0324, 0.0511)  # of an open data set with three echoes (ds000210)
TIMES = st.lists(st.integers(2, 80), min_size=2, max_size=5, unique=True).map(lambda ms: [one / 1000 for one in ms])


@given(t2=st.floats(0.005, 0.2), s0=st.floats(10, 1e4), times=TIMES)
def test_weights_are_te_times_the_decay_at_te(t2, s0, times):
    te = np.array(times)
    expected = te * np.exp(-te / t2)
    found = echo_weights((s0 * np.exp(-te / t2))[:, None], times)[:, 0]
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-6)


def test_weights_of_three_echoes_as_computed_by_hand():
    """T2* 30 ms: 13.8 e^-0.46 = 8.7117, 32.4 e^-1.08 = 11.0029, 51.1 e^-1.70333 = 9.3041; their sum 29.0187."""
    found = echo_weights(100 * np.exp(-np.array(ECHO_S) / 0.030)[:, None], ECHO_S)[:, 0]
    np.testing.assert_allclose(found, [0.30021, 0.37917, 0.32062], atol=2e-5)


@given(t2=st.floats(0.01, 0.1), times=TIMES)
def test_no_other_sum_has_a_higher_contrast_to_noise_ratio(t2, times):
    te = np.array(times)
    change = te * np.exp(-te / t2)  # of the signal by R2*, at equal noise
    weights = echo_weights(np.exp(-te / t2)[:, None], times)[:, 0]
    best = weights @ change / np.linalg.norm(weights)
    others = np.vstack([np.eye(len(te)), np.ones(len(te)), np.random.default_rng(0).random((50, len(te)))])
    assert (others @ change / np.linalg.norm(others, axis=1) <= best * (1 + 1e-9)).all()


@pytest.mark.parametrize("means", [(1.0, 2.0, 3.0), (0.0, 1.0, 0.5), (-1.0, 2.0, 1.0), (5.0, 5.0, 5.0)])
def test_a_voxel_whose_signal_does_not_fall_is_weighted_by_te(means):
    found = echo_weights(np.array(means)[:, None], ECHO_S)[:, 0]
    np.testing.assert_allclose(found, np.array(ECHO_S) / sum(ECHO_S))


def test_the_order_of_echoes_does_not_matter_and_units_come_back():
    rng = np.random.default_rng(2)
    echoes = [(100 * np.exp(-te / 0.03) + rng.normal(size=(3, 4, 2, 6))).astype(np.float32) for te in ECHO_S]
    one = combine_echoes(echoes, ECHO_S)
    np.testing.assert_allclose(combine_echoes(echoes[::-1], ECHO_S[::-1]), one, rtol=1e-5)
    np.testing.assert_allclose(combine_echoes([3 * echo for echo in echoes], ECHO_S), 3 * one, rtol=1e-5)
    np.testing.assert_allclose(combine_echoes([echoes[0]] * 3, ECHO_S), echoes[0], rtol=1e-5)


@pytest.mark.parametrize("times", [(0.01,), (0.01, 0.01), (0.0, 0.01)])
def test_echo_times_that_cannot_be_are_refused(times):
    with pytest.raises(DataError, match="expected two or more that differ"):
        echo_weights(np.ones((len(times), 1)), times)


def test_echoes_of_another_shape_are_refused():
    with pytest.raises(DataError, match="expected the same"):
        combine_echoes([np.ones((2, 2, 2, 5), np.float32), np.ones((2, 2, 2, 4), np.float32)], (0.01, 0.02))
