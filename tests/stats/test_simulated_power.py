"""Shares against R's binom.test and the law of their coverage; sizes against closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.errors import DesignError
from cuecircuit.stats.simulated_power import shares, smallest_size
from tests.planning.closed_forms import contrast_power


def test_intervals_are_those_of_binom_test():
    # R 4: binom.test(x, n)$conf.int
    expected = {
        (8, 20): (0.1911900607, 0.6394574127),
        (0, 50): (0.0, 0.07112173646),
        (950, 1000): (0.9346095121, 0.9626646024),
        (40, 40): (0.9119026971, 1.0),
    }
    for (found, n), interval in expected.items():
        own = shares(np.array([found]), n)
        # R prints ten digits
        assert (own.ci_low[0], own.ci_high[0]) == pytest.approx(interval, rel=1e-9)


@given(st.integers(1, 60), st.floats(0.01, 0.99))
def test_intervals_hold_the_truth_at_least_as_often_as_they_say(n, truth):
    own = shares(np.arange(n + 1), n)
    holds = (own.ci_low <= truth) & (truth <= own.ci_high)
    # rounding of the sum of the probabilities
    assert stats.binom.pmf(np.arange(n + 1), n, truth)[holds].sum() >= 0.95 - 1e-12


@pytest.mark.parametrize(("found", "n"), [([1], 0), ([-1], 5), ([6], 5)])
def test_shares_of_nothing_are_refused(found, n):
    with pytest.raises(DesignError, match="expected 0 to n"):
        shares(np.array(found), n)


@pytest.mark.parametrize(("effect", "wanted"), [(0.8, 0.8), (1.0, 0.9), (1.2, 0.5)])
def test_the_smallest_size_is_that_of_the_noncentral_f(effect, wanted):
    def power(total: int) -> float:
        return contrast_power((total // 2, total - total // 2), (1, -1), effect)

    sizes = (8, 16, 24, 32, 48, 64)
    read = smallest_size(sizes, np.array(list(map(power, sizes))), wanted)

    exact = next(total for total in range(8, 65) if power(total) >= wanted)
    # power of t bends a little between two sizes: within one animal of the exact number
    assert read == pytest.approx(exact, abs=1)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.floats(0.05, 0.9))
def test_more_power_never_needs_fewer_animals(power, wanted):
    sizes = range(10, 10 + 4 * len(power), 4)
    needed = [smallest_size(sizes, np.array(power), w) for w in (wanted, wanted + 0.05)]
    assert needed[0] <= needed[1]
    assert all(10 <= size <= sizes[-1] or size == np.inf for size in needed)


def test_nothing_is_said_beyond_the_sizes():
    assert smallest_size((10, 20), np.array([0.2, 0.5]), 0.8) == np.inf
    assert smallest_size((10, 20), np.array([0.9, 0.95]), 0.8) == 10
    # every study of one size and none of the other: somewhere between
    assert 10 < smallest_size((10, 20), np.array([0.0, 1.0]), 0.8) < 20


@pytest.mark.parametrize("lower", [12, 18, 22, 24, 36, 40])
def test_a_size_that_has_just_the_power_wanted_is_the_size(lower):
    # the way there by Φ⁻¹ and roots rounds: no animal more must come of it
    for share in range(17):
        assert smallest_size((lower, lower + 8), np.array([share / 20, 0.9]), 0.9) <= lower + 8


def test_chance_that_lowers_a_curve_is_smoothed_away():
    smoothed = smallest_size((10, 20, 30), np.array([0.75, 0.65, 0.9]), 0.7)
    # two sizes at .70 after pooling: the first of them has it
    assert smoothed == 10


@pytest.mark.parametrize(("sizes", "wanted"), [((10, 10), 0.8), ((20, 10), 0.8), ((10, 20), 1.0), ((10, 20), 0.0)])
def test_sizes_that_fall_and_impossible_power_are_refused(sizes, wanted):
    with pytest.raises(DesignError, match="expected 0 to 1"):
        smallest_size(sizes, np.array([0.5, 0.9]), wanted)
