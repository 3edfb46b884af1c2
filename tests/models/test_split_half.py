"""Split halves: no effect out of noise, a planted one without bias, the definition by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cuecircuit.errors import DesignError
from cuecircuit.models.model import Model
from cuecircuit.models.split_half import split_half

RATS = pd.DataFrame({"rat": [f"r{k:02d}" for k in range(32)], "access": ["LgA", "ShA"] * 16})
MODEL = Model(subject="rat", between=("access",))
LGA = (RATS["access"] == "LgA").to_numpy()


def test_noise_is_strong_where_it_was_chosen_and_nothing_elsewhere():
    y = np.random.default_rng(1).standard_normal((32, 4000))
    found = split_half(RATS, y, MODEL, "access", p=0.02, splits=3)
    assert found.g_chosen > 0.9
    # g of 16 rats has a standard error of .5, and some 80 responses are chosen: .056, four of them allowed
    assert abs(found.g_held_out) < 0.22
    assert found.g_all > 0.7


def test_a_planted_effect_is_held_out_without_bias_and_inflated_where_chosen():
    y = np.random.default_rng(2).standard_normal((32, 4000))
    y[LGA] += 0.8
    found = split_half(RATS, y, MODEL, "access", p=0.02, splits=3)
    assert found.g_held_out == pytest.approx(0.8, abs=0.08)
    assert found.g_chosen > 1.0


def test_halves_are_fitted_by_themselves_and_have_both_groups():
    y = np.random.default_rng(3).standard_normal((32, 30))
    y[LGA] += 1.0
    found = split_half(RATS, y, MODEL, "access", p=0.05, splits=3, seed=4)
    assert len(found.halves) == 6
    t = stats.ttest_ind(y[LGA], y[~LGA])
    chosen = t.pvalue <= 0.05
    factor = 1 - 3 / (4 * 30 - 1)
    # 1 - 3 / (4 df - 1) is Hedges's own approximation of the factor
    expected = np.abs(t.statistic[chosen]).mean() / np.sqrt(8) * factor
    assert found.g_all == pytest.approx(expected, rel=1e-3)
    again = split_half(RATS, y, MODEL, "access", p=0.05, splits=3, seed=4)
    pd.testing.assert_frame_equal(found.halves, again.halves)


def test_nothing_chosen_has_no_number():
    y = np.random.default_rng(5).standard_normal((32, 5))
    found = split_half(RATS, y, MODEL, "access", p=1e-12, splits=2)
    assert found.halves["chosen"].tolist() == [0, 0, 0, 0]
    assert np.isnan(found.g_held_out)


def test_what_has_no_one_difference_is_refused():
    three = RATS.assign(access=(["a", "b", "c"] * 11)[:32])
    with pytest.raises(DesignError, match="has no one standardized difference"):
        split_half(three, np.random.default_rng(6).standard_normal((32, 5)), MODEL, "access")
    with pytest.raises(DesignError, match="found no subject"):
        split_half(RATS, np.zeros((32, 1)), Model(formula="access"), "access")
