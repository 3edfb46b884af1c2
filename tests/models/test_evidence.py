"""Effect sizes, Bayes factors and equivalence of fitted models, against formulas, nulls and planted effects."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cuecircuit.errors import DesignError
from cuecircuit.models.evidence import SCALES, EvidenceSettings, evidence, evidence_frame
from cuecircuit.models.fit import Fit, fit
from cuecircuit.models.model import Model
from cuecircuit.stats.bayes_factor import log_bayes_factor

GROUPS = np.repeat(["a", "b"], [9, 14])


def of_groups(y: np.ndarray, method: str = "ols", formula: str = "group") -> Fit:
    table = pd.DataFrame({"group": GROUPS, "age": np.random.default_rng(9).normal(40, 9, len(GROUPS))})
    return fit(table, y, Model(formula=formula, method=method))


def crossed(y: np.ndarray, contrasts: tuple[str, ...] = ()) -> Fit:
    """Fit subjects of two groups × two cues; y is subject × cue × response."""
    cues = ["drug", "neutral"] * len(GROUPS)
    table = pd.DataFrame(
        {"subject": np.repeat(np.arange(len(GROUPS)), 2).astype(str), "group": np.repeat(GROUPS, 2), "cue": cues}
    )
    model = Model(subject="subject", between=("group",), within=("cue",), contrasts=contrasts)
    return fit(table, y.reshape(2 * len(GROUPS), -1), model)


def test_d_of_two_groups_is_their_difference_by_the_pooled_sd() -> None:
    y = np.random.default_rng(0).normal(size=(23, 3))
    one, other = y[GROUPS == "a"], y[GROUPS == "b"]
    pooled = np.sqrt((8 * one.var(axis=0, ddof=1) + 13 * other.var(axis=0, ddof=1)) / 21)
    found = evidence(of_groups(y).test("group"), EvidenceSettings())
    np.testing.assert_allclose(found.d, (one.mean(axis=0) - other.mean(axis=0)) / pooled, rtol=1e-12)
    t = stats.ttest_ind(one, other).statistic
    np.testing.assert_allclose(found.log_bf10, log_bayes_factor(t**2, 1, 21, 9 * 14 / 23, 2**-0.5), rtol=1e-12)


def test_d_z_of_a_difference_within_one_group_is_that_of_the_paired_t() -> None:
    y = np.random.default_rng(1).normal(size=(23, 2, 4)) + [[[0.5], [0]]]
    test = crossed(y, ("a: drug - neutral",)).test("a: drug - neutral")
    change = y[:, 0] - y[:, 1]
    within = np.sqrt(
        (8 * change[GROUPS == "a"].var(axis=0, ddof=1) + 13 * change[GROUPS == "b"].var(axis=0, ddof=1)) / 21
    )
    found = evidence(test, EvidenceSettings())
    np.testing.assert_allclose(found.d, change[GROUPS == "a"].mean(axis=0) / within, rtol=1e-12)
    assert test.n == pytest.approx(9)


def test_d_of_an_interaction_is_the_difference_of_changes() -> None:
    y = np.random.default_rng(2).normal(size=(23, 2, 1))
    change = y[:, 0, 0] - y[:, 1, 0]
    as_one_number = of_groups(change[:, None])
    found, expected = (
        evidence(test, EvidenceSettings(bound=0.4))
        for test in (crossed(y).test("group:cue"), as_one_number.test("group"))
    )
    for name in ("d", "d_low", "d_high", "g", "log_bf10", "p_equivalence"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-8)


def test_several_groups_have_the_bayes_factor_of_a_balanced_layout() -> None:
    table = pd.DataFrame({"dose": np.repeat(["0", "1", "2"], 8)})
    y = np.random.default_rng(3).normal(size=(24, 5))
    found = fit(table, y, Model(formula="dose", method="ols", factors={"dose": ()})).test("dose")
    weighed = evidence(found, EvidenceSettings())
    f = stats.f_oneway(y[:8], y[8:16], y[16:]).statistic
    # oneWayAOV.Fstat(F, N = 8, J = 3, rscale = .5)
    np.testing.assert_allclose(weighed.log_bf10, log_bayes_factor(f, 2, 21, 8.0, 0.5), rtol=1e-10)
    assert weighed.d is None


def test_a_slope_has_the_bayes_factor_of_a_regression_and_no_d() -> None:
    y = np.random.default_rng(4).normal(size=(23, 2))
    test = of_groups(y, formula="age").test("age")
    weighed = evidence(test, EvidenceSettings())
    np.testing.assert_allclose(weighed.log_bf10, log_bayes_factor(test.f, 1, 21, 23.0, SCALES["slope"]), rtol=1e-12)
    assert weighed.d is None


@pytest.mark.parametrize("formula", ["group", "group*age", "1"])
def test_the_unit_of_the_response_changes_nothing(formula: str) -> None:
    y = np.random.default_rng(5).normal(size=(23, 3))
    one, other = (
        evidence_frame(of_groups(own, formula=formula).tests, EvidenceSettings(bound=0.3)) for own in (y, 9 * y)
    )
    pd.testing.assert_frame_equal(one, other, rtol=1e-8)


def test_responses_that_lack_subjects_are_weighed_by_those_they_have() -> None:
    y = np.random.default_rng(6).normal(size=(23, 2))
    y[:2, 1] = np.nan
    both = evidence(of_groups(y).test("group"), EvidenceSettings())
    kept = np.arange(2, 23)
    alone = fit(pd.DataFrame({"group": GROUPS[kept]}), y[kept, 1:], Model(formula="group", method="ols"))
    expected = evidence(alone.test("group"), EvidenceSettings())
    np.testing.assert_allclose([both.d[1], both.log_bf10[1]], [expected.d[0], expected.log_bf10[0]], rtol=1e-8)


@pytest.mark.parametrize("method", ["welch"])
def test_models_without_one_standard_deviation_are_refused(method: str) -> None:
    y = np.random.default_rng(7).normal(size=(23, 2))
    with pytest.raises(DesignError, match="one standard deviation"):
        evidence_frame(of_groups(y, method=method).tests, EvidenceSettings())


@pytest.mark.parametrize(("scale", "bound"), [(0, -0.2), (1e-320, 1e30), (float("inf"), float("nan"))])
def test_settings_that_are_no_sizes_are_refused(scale: float, bound: float) -> None:
    with pytest.raises(DesignError) as error:
        EvidenceSettings(scale=scale, bound=bound)
    assert len(error.value.faults) == 2


def test_an_effect_at_the_bound_is_negligible_as_rarely_as_alpha() -> None:
    # 60 subjects and |d| < .6: power enough for the test to reach its level
    rng = np.random.default_rng(8)
    table = pd.DataFrame({"subject": np.arange(60)})
    y = rng.normal(0.6, 1, (60, 8_000))
    found = evidence(fit(table, y, Model(formula="1", method="ols")).tests[0], EvidenceSettings(bound=0.6))
    # Monte Carlo SE .0024
    assert np.mean(found.p_equivalence <= 0.05) == pytest.approx(0.05, abs=0.008)


def test_planted_effects_and_planted_nothing_are_told_apart() -> None:
    rng = np.random.default_rng(10)
    table = pd.DataFrame({"subject": np.arange(60)})
    y = np.concatenate([rng.normal(0.8, 1, (60, 200)), rng.normal(0, 1, (60, 200))], axis=1)
    found = evidence(fit(table, y, Model(formula="1", method="ols")).tests[0], EvidenceSettings(bound=0.6))
    strong, none = found.log_bf10[:200], found.log_bf10[200:]
    assert np.mean(strong > np.log(10)) > 0.97
    assert np.mean(none < -np.log(3)) > 0.75
    # Bayes' law: evidence of 10 for an effect that is not there is rarer than 1 in 10
    assert np.mean(none > np.log(10)) < 0.02
    assert np.mean(found.p_equivalence[200:] <= 0.05) > 0.97
    assert np.median(found.d[:200]) == pytest.approx(0.8, abs=0.05)
