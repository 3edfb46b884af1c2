"""Marginal means and their comparisons against emmeans (validation/mixed) and simpler tests."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cuecircuit.errors import DesignError
from cuecircuit.models.fit import Fit
from cuecircuit.models.means import compare, means
from tests.models.bound import mixed_fit

VALIDATION = Path(__file__).resolve().parents[2] / "validation" / "mixed"
RULES = ["satterthwaite", "kenward-roger"]
FORMULA = "group*cue*dose + center(breath) + (1|subject) + (1|subject:cue) + (1|subject:dose)"
# both programs stop at 1e-12 of the criterion: parameters agree to 1e-6 of their standard errors
RTOL = 1e-5


def validation_fit(rule: str, *, n: int = 6, formula: str = FORMULA) -> Fit:
    table = pd.read_csv(VALIDATION / "table.tsv", sep="\t")
    columns = {name: table[name].to_numpy() for name in ("subject", "group", "cue", "dose", "breath")}
    y = table[[f"y{k}" for k in range(1, n + 1)]].to_numpy(float)
    return mixed_fit(y, (formula, columns), df=rule)


@pytest.mark.parametrize("rule", RULES)
def test_means_and_intervals_are_those_of_emmeans(rule):
    found = means(validation_fit(rule), ["group", "dose"])
    table = pd.read_csv(VALIDATION / "means.tsv", sep="\t").query("rule == @rule").set_index(["group", "dose"])
    for place, levels in enumerate(found.levels):
        rows = table.loc[levels].sort_values("response")
        for ours, column in (
            (found.mean, "mean"),
            (found.se, "se"),
            (found.df, "df"),
            (found.ci_low, "low"),
            (found.ci_high, "high"),
        ):
            np.testing.assert_allclose(ours[place], rows[column], rtol=RTOL)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("adjustment", ["none", "holm", "bonferroni", "tukey"])
def test_comparisons_and_families_are_those_of_emmeans(rule, adjustment):
    n = 2
    fit = validation_fit(rule, n=n)
    found = compare(fit, ["dose"], by=["group"], adjustment=adjustment)
    table = pd.read_csv(VALIDATION / "pairs.tsv", sep="\t").query("rule == @rule and adjust == @adjustment")
    table = table.set_index(["group", "contrast"]).sort_values("response")
    assert found.families == ("short",) * 3 + ("long",) * 3
    for place, name in enumerate(found.names):
        rows = table.loc[tuple(name.split(": "))].iloc[:n]
        for ours, column in (
            (found.estimate, "estimate"),
            (found.se, "se"),
            (found.df, "df"),
            (found.t, "t"),
            (found.p_adjusted, "p"),
            (found.ci_low, "low"),
            (found.ci_high, "high"),
        ):
            np.testing.assert_allclose(ours[place], rows[column], rtol=RTOL)


def test_a_mean_at_another_value_of_a_covariate_lies_on_the_slope():
    fit = validation_fit("satterthwaite")
    low, high = (means(fit, ["group"], at={"breath": value}).mean for value in (4.0, 6.0))
    np.testing.assert_allclose((high - low) / 2, [fit.test("center(breath)").estimate] * 2, rtol=1e-8)


def test_means_of_a_complete_design_are_cell_means():
    rng = np.random.default_rng(0)
    columns = {"rat": np.repeat([f"r{k}" for k in range(9)], 3), "dose": np.tile(["0", "1", "9"], 9)}
    y = rng.normal(size=(27, 4)) + np.repeat(rng.normal(size=(9, 4)), 3, axis=0)
    found = means(mixed_fit(y, ("dose + (1|rat)", columns)), ["dose"])
    np.testing.assert_allclose(found.mean, y.reshape(9, 3, 4).mean(axis=0), atol=1e-10)


def test_dunnett_of_a_balanced_one_way_layout_is_scipys():
    # pairs alike less than chance: their variance is 0, which leaves independent groups with one residual variance
    rng = np.random.default_rng(2)
    groups = [rng.normal(size=8) + np.tile([1.0, -1.0], 4) for _ in range(4)]
    columns = {"rat": [f"r{k // 2}" for k in range(32)], "dose": [str(k // 8) for k in range(32)]}
    fit = mixed_fit(np.concatenate(groups)[:, None], ("dose + (1|rat)", columns))
    assert fit.fitted.maps["variance (1 | rat)"] == 0
    found = compare(fit, ["dose"], reference="0", adjustment="dunnett")
    theirs = stats.dunnett(*groups[1:], control=groups[0], rng=np.random.default_rng(3))
    np.testing.assert_allclose(found.t[:, 0], theirs.statistic, rtol=1e-8)
    # SciPy integrates by random numbers
    np.testing.assert_allclose(found.p_adjusted[:, 0], theirs.pvalue, atol=2e-3)


def test_two_levels_need_no_adjustment():
    fit = validation_fit("kenward-roger", n=2)
    plain = compare(fit, ["cue"], adjustment="none", confidence=0.9)
    for adjustment in ("holm", "bonferroni", "sidak", "tukey"):
        found = compare(fit, ["cue"], adjustment=adjustment, confidence=0.9)
        np.testing.assert_allclose(found.p_adjusted, plain.p, rtol=1e-6)
        np.testing.assert_allclose(found.ci_low, plain.ci_low, rtol=1e-6)
    against = compare(fit, ["cue"], reference="minus", adjustment="dunnett")
    np.testing.assert_allclose(against.p_adjusted, plain.p, rtol=1e-6)


def test_adjusted_p_are_ordered_as_the_methods_are_strict():
    fit = validation_fit("satterthwaite", n=2)
    found = {
        method: compare(fit, ["dose"], adjustment=method).p_adjusted
        for method in ("none", "holm", "tukey", "sidak", "bonferroni")
    }
    assert (found["none"] <= found["holm"] + 1e-12).all()
    assert (found["holm"] <= found["bonferroni"] + 1e-12).all()
    assert (found["tukey"] <= found["bonferroni"] + 1e-12).all()
    assert (found["none"] <= found["sidak"]).all()
    assert (found["sidak"] <= found["bonferroni"] + 1e-12).all()


def test_responses_without_a_fit_stay_nan():
    table = pd.read_csv(VALIDATION / "table.tsv", sep="\t")
    y = table[["y1", "y2"]].to_numpy(float)
    y[0, 1] = np.nan
    fit = mixed_fit(y, ("dose + (1|subject)", {name: table[name].to_numpy() for name in ("subject", "dose")}))
    levels, pairs = means(fit, ["dose"]), compare(fit, ["dose"], adjustment="tukey")
    assert np.isfinite(levels.mean[:, 0]).all()
    assert np.isnan(levels.ci_low[:, 1]).all()
    assert np.isnan(pairs.p_adjusted[:, 1]).all()
    assert np.isfinite(pairs.p_adjusted[:, 0]).all()


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"factors": ["sex"]}, "'sex': not in the design"),
        ({"factors": ["dose", "dose"]}, "named twice"),
        ({"factors": ["dose"], "reference": "medium", "adjustment": "holm"}, "reference 'medium'"),
        ({"factors": ["dose"], "adjustment": "dunnett"}, "dunnett is for"),
        ({"factors": ["dose"], "reference": "low", "adjustment": "tukey"}, "tukey is for"),
        ({"factors": ["dose"], "at": {"weight": 3.0}}, "covariate 'weight'"),
    ],
)
def test_what_the_model_does_not_have_is_said(arguments, found):
    with pytest.raises(DesignError, match=found):
        compare(validation_fit("satterthwaite", n=1), **arguments)
