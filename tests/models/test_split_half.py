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
    assert found.chosen > 0.9
    # g of 16 rats has a standard error of .5, and some 80 responses are chosen: .056, four of them allowed
    assert abs(found.held_out) < 0.22
    assert found.all_subjects > 0.7


def test_a_planted_effect_is_held_out_without_bias_and_inflated_where_chosen():
    y = np.random.default_rng(2).standard_normal((32, 4000))
    y[LGA] += 0.8
    found = split_half(RATS, y, MODEL, "access", p=0.02, splits=3)
    assert found.held_out == pytest.approx(0.8, abs=0.08)
    assert found.chosen > 1.0


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
    assert found.all_subjects == pytest.approx(expected, rel=1e-3)
    again = split_half(RATS, y, MODEL, "access", p=0.05, splits=3, seed=4)
    pd.testing.assert_frame_equal(found.halves, again.halves)


def test_nothing_chosen_has_no_number():
    y = np.random.default_rng(5).standard_normal((32, 5))
    found = split_half(RATS, y, MODEL, "access", p=1e-12, splits=2)
    assert found.halves["responses"].tolist() == [0, 0, 0, 0]
    assert np.isnan(found.held_out)


def three_groups(effect: float, *, cues: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """45 rats in three groups, `cues` maps each; group means -effect, 0, effect, cue means alike; noise of SD 1."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame([(f"r{k:02d}", "abc"[k % 3], cue) for k in range(45) for cue in range(cues)])
    table.columns = ["rat", "access", "cue"]
    y = rng.standard_normal((len(table), 4000)) + effect * (table["access"].map(ord).to_numpy() - ord("b"))[:, None]
    spread = 1 + table["cue"].to_numpy()[:, None]  # cues vary unequally: no sphericity
    return table.assign(cue=table["cue"].map(lambda k: f"c{k}")), y * spread if cues > 1 else y


@pytest.mark.parametrize("term", ["access", "cue", "access:cue"])
def test_noise_has_no_share_of_several_degrees_of_freedom_in_held_out_subjects(term: str):
    table, y = three_groups(0.0, cues=1 if term == "access" else 3, seed=7)
    model = Model(subject="rat", between=("access",), within=() if term == "access" else ("cue",))
    found = split_half(table, y, model, term, p=0.02, splits=3)
    assert found.measure == "epsilon2"
    assert found.chosen > 0.1
    # ε² of a half has an SD of .1 at most, and some 80 responses are chosen in each: .011, four of them allowed
    assert abs(found.held_out) < 0.045


def test_a_planted_effect_of_several_degrees_of_freedom_is_held_out_in_its_size():
    table, y = three_groups(0.6, cues=1, seed=8)
    share = 0.6**2 * 2 / 3 / (1 + 0.6**2 * 2 / 3)
    for model in (Model(subject="rat", between=("access",)), Model(subject="rat", formula="access", method="ols")):
        found = split_half(table, y, model, "access", p=0.02, splits=3)
        assert found.held_out == pytest.approx(share, abs=0.02)
        assert found.chosen > share + 0.1


def test_a_slope_is_held_out_as_its_share():
    age = np.random.default_rng(9).standard_normal(32)
    y = np.random.default_rng(10).standard_normal((32, 4000)) + 0.7 * age[:, None]
    found = split_half(RATS.assign(age=age), y, Model(subject="rat", formula="age"), "age", p=0.02, splits=3)
    assert found.held_out == pytest.approx(0.49 * age.var() / (1 + 0.49 * age.var()), abs=0.03)


def test_what_cannot_be_standardized_or_halved_is_refused():
    with pytest.raises(DesignError, match="several variances, weights or a covariate by voxel"):
        split_half(
            RATS,
            np.random.default_rng(6).normal(size=(32, 5)),
            Model(subject="rat", formula="access", method="welch"),
            "access",
        )
    with pytest.raises(DesignError, match="found no subject"):
        split_half(RATS, np.zeros((32, 1)), Model(formula="access"), "access")
