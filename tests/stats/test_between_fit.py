"""Models between subjects: reference values of R and statsmodels, dense likelihoods, laws, error rates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize_scalar

from cuecircuit.errors import DesignError
from cuecircuit.stats.between_fit import fit_between
from cuecircuit.stats.between_model import as_strata, between_subject_model, columns_of
from cuecircuit.stats.robust import TUNING, robust_regression
from cuecircuit.stats.strata import strata_anova

Y = np.array([1.2, 0.8, 2.9, -0.4, 1.7, 3.1, 0.2, 2.2, 1.1, 4.0, 0.6, 1.9])
V = np.array([0.2, 0.5, 0.1, 0.8, 0.3, 0.4, 0.9, 0.2, 0.6, 0.3, 0.7, 0.15])
X = np.array([-1.5, -1, -0.7, -0.4, -0.1, 0.2, 0.3, 0.6, 0.9, 1.2, 1.4, 2.1])
GROUP = ["a", "b"] * 6
OUTLIER = np.where(np.arange(12) == 9, 9.0, Y)
MODEL = between_subject_model("group + x", {"group": GROUP, "x": X})


def dense_criterion(tau2, *, restricted):
    """−2 log likelihood up to a constant, from whole matrices."""
    x, covariance = MODEL.design.x, np.diag(V + tau2)
    information = x.T @ np.linalg.solve(covariance, x)
    beta = np.linalg.solve(information, x.T @ np.linalg.solve(covariance, Y))
    left = Y - x @ beta
    value = np.linalg.slogdet(covariance)[1] + left @ np.linalg.solve(covariance, left)
    return value + (np.linalg.slogdet(information)[1] if restricted else 0.0)


@pytest.mark.parametrize("criterion", ["reml", "ml"])
def test_tau2_is_the_maximum_of_the_dense_likelihood(criterion):
    fit = fit_between(Y[:, None], MODEL, method="mixed-effects", variance=V[:, None], criterion=criterion)
    best = minimize_scalar(
        lambda tau2: dense_criterion(tau2, restricted=criterion == "reml"), bounds=(0, 20), method="bounded"
    )
    # the minimizer of scipy stops at 1e-5
    np.testing.assert_allclose(fit.tau2, best.x, rtol=2e-5)


def test_mixed_effects_by_ml_agree_with_nlme():
    # R 4.2.2, nlme 3.1-162: lme(y ~ g + x, random = ~1 | id, weights = varFixed(~v), method = "ML", sigma = 1)
    fit = fit_between(Y[:, None], MODEL, method="mixed-effects", variance=V[:, None], criterion="ml", test="flame")
    # nlme's optimizer ends at 1e-6
    np.testing.assert_allclose(fit.tau2, 0.867457336074, rtol=2e-6)
    np.testing.assert_allclose(fit.coefficients[:, 0], [1.723970653016, -0.258240622765, 0.155011962117], rtol=2e-6)
    errors = [test.se[0] for test in fit.tests]
    np.testing.assert_allclose(errors, [0.331373715759, 0.341703262151, 0.323921785032], rtol=2e-6)


def test_equal_variances_within_make_knapp_hartung_ordinary_least_squares():
    rng = np.random.default_rng(1)
    y = rng.standard_normal((12, 40))
    ordinary = fit_between(y, MODEL)
    mixed = fit_between(y, MODEL, method="mixed-effects", variance=np.full_like(y, 0.3))
    for one, other in zip(ordinary.tests, mixed.tests, strict=True):
        np.testing.assert_allclose(other.f, one.f, rtol=1e-9)
        np.testing.assert_allclose(other.p, one.p, rtol=1e-8)


def test_tau2_is_zero_where_subjects_agree_better_than_their_variances_say():
    y = 0.01 * Y[:, None]
    fit = fit_between(y, MODEL, method="mixed-effects", variance=V[:, None], test="flame")
    weights = 1 / V
    x = MODEL.design.x
    expected = np.linalg.solve((x.T * weights) @ x, x.T @ (weights * y[:, 0]))
    assert fit.tau2[0] == 0.0
    np.testing.assert_allclose(fit.coefficients[:, 0], expected, rtol=1e-10)


@settings(max_examples=15)
@given(scale=st.floats(1e-6, 1e6), seed=st.integers(0, 1000))
def test_mixed_effects_do_not_depend_on_the_unit(scale, seed):
    rng = np.random.default_rng(seed)
    variance = rng.chisquare(4, (12, 3)) / 4
    y = rng.standard_normal((12, 3)) * np.sqrt(1 + variance)
    one = fit_between(y, MODEL, method="mixed-effects", variance=variance)
    other = fit_between(scale * y, MODEL, method="mixed-effects", variance=scale**2 * variance)
    # τ² is found to 1e-8 of the variance of a response
    np.testing.assert_allclose(other.tau2, scale**2 * one.tau2, rtol=1e-5, atol=1e-6 * scale**2)
    np.testing.assert_allclose(other.tests[1].t, one.tests[1].t, rtol=1e-5, atol=1e-6)


def test_under_the_null_mixed_effects_and_ols_reject_five_percent_and_a_planted_effect_is_found_more_often():
    rng = np.random.default_rng(2)
    model = between_subject_model("group", {"group": ["i"] * 32 + ["h"] * 21})
    variance = np.where(rng.random((53, 4000)) < 0.3, 8.0, 0.5)
    noise = rng.standard_normal((53, 4000)) * np.sqrt(0.5 + variance)
    planted = noise + 0.4 * model.design.x[:, 1:]
    found, power = {}, {}
    for method in ("ols", "mixed-effects"):
        own = variance if method == "mixed-effects" else None
        found[method] = (fit_between(noise, model, method=method, variance=own).test("group").p < 0.05).mean()
        power[method] = (fit_between(planted, model, method=method, variance=own).test("group").p < 0.05).mean()
    # 4 standard errors of a share of 0.05 in 4000 draws: 0.014; τ² estimated adds up to 0.01
    assert all(abs(rate - 0.05) < 0.024 for rate in found.values()), found
    assert power["mixed-effects"] > power["ols"] + 0.1, power


@pytest.mark.parametrize("loss", ["huber", "bisquare"])
def test_robust_regression_agrees_with_statsmodels(loss):
    from statsmodels.api import RLM
    from statsmodels.robust.norms import HuberT, TukeyBiweight

    norm = HuberT() if loss == "huber" else TukeyBiweight()
    expected = RLM(OUTLIER, MODEL.design.x, M=norm).fit(cov="H1", tol=1e-12, maxiter=1000)
    fit = fit_between(OUTLIER[:, None], MODEL, method=loss)
    np.testing.assert_allclose(fit.coefficients[:, 0], expected.params, rtol=1e-6)
    np.testing.assert_allclose([test.se[0] for test in fit.tests], expected.bse, rtol=1e-6)
    np.testing.assert_allclose(fit.weights[:, 0], expected.weights, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("loss", "coefficients", "scale"),
    [
        ("huber", [1.596549281478, -0.321809735800, 0.171875753099], 1.3801696547),
        ("bisquare", [1.402690466681, -0.164824099878, 0.039730362862], 1.05357529912),
    ],
)
def test_robust_regression_agrees_with_rlm_of_mass(loss, coefficients, scale):
    # R 4.2.2, MASS 7.3-58.2: rlm(cbind(1, g, x), y, psi = psi.huber or psi.bisquare, acc = 1e-12, maxit = 500)
    fit = robust_regression(OUTLIER[:, None], MODEL.design.x, loss=loss)
    # MASS divides by 0.6745 in four digits
    np.testing.assert_allclose(fit.coefficients[:, 0], coefficients, rtol=3e-5)
    np.testing.assert_allclose(fit.scale[0], scale, rtol=3e-5)


def test_one_wild_subject_moves_the_bisquare_fit_by_less_than_a_tenth_of_what_it_moves_least_squares():
    model = between_subject_model("1", {"x": X})
    wild = np.where(np.arange(12) == 3, 500.0, Y)
    moved = {
        method: abs(float(np.diff(fit_between(np.stack([Y, wild], axis=1), model, method=method).coefficients[0])[0]))
        for method in ("ols", "bisquare")
    }
    assert moved["bisquare"] < 0.1 * moved["ols"]


def test_half_the_subjects_fitted_exactly_leave_no_scale_and_are_counted():
    y = np.stack([Y, np.where(np.arange(12) < 9, 2.0, Y)], axis=1)
    fit = fit_between(y, between_subject_model("1", {"x": X}), method="huber")
    assert fit.n_no_error == 1
    assert np.isfinite(fit.tests[0].t[0])
    assert np.isnan(fit.tests[0].t[1])


def test_robust_tests_reject_about_five_percent_of_null_responses_with_heavy_tails():
    rng = np.random.default_rng(3)
    y = rng.standard_t(3, (53, 4000))
    model = between_subject_model("group", {"group": ["i"] * 32 + ["h"] * 21})
    rate = (fit_between(y, model, method="huber").test("group").p < 0.05).mean()
    # 4 standard errors, and the t reference is approximate
    assert abs(rate - 0.05) < 0.02


@pytest.mark.parametrize(("loss", "noise"), [("huber", "normal"), ("bisquare", "t")])
def test_robust_tests_of_a_covariate_keep_their_level_far_in_the_tails(loss, noise):
    rng = np.random.default_rng(11)
    n, responses = 30, 40_000
    draw = {"normal": rng.standard_normal, "t": lambda size: rng.standard_t(3, size)}[noise]
    columns = {"group": np.repeat(["i", "h"], 15).tolist(), "x": rng.standard_normal(n)}
    fit = fit_between(draw((n, responses)), between_subject_model("group + x", columns), method=loss)
    p = fit.test("x").p
    rates = {alpha: np.nanmean(p < alpha) for alpha in (0.05, 0.001)}
    # 3 standard errors; with n - p df they were .0017 and .0029 at .001
    assert rates[0.001] < 0.001 + 3 * np.sqrt(0.001 / responses), rates
    assert abs(rates[0.05] - 0.05) < 0.004, rates


@pytest.mark.parametrize("loss", ["huber", "bisquare"])
def test_degrees_of_freedom_of_a_robust_test_are_those_of_its_variance(loss):
    from statsmodels.robust.norms import HuberT, TukeyBiweight

    norm = HuberT(t=TUNING["huber"]) if loss == "huber" else TukeyBiweight(c=TUNING["bisquare"])
    fit = robust_regression(OUTLIER[:, None], MODEL.design.x, loss=loss)
    n, p = MODEL.design.x.shape
    u = (OUTLIER - MODEL.design.x @ fit.coefficients[:, 0]) / fit.scale[0]

    def log_variance(counts: np.ndarray) -> float:
        square, slope = np.average(norm.psi(u) ** 2, weights=counts), np.average(norm.psi_deriv(u), weights=counts)
        return float(np.log(square / slope**2))

    step = 1e-6
    nudged = np.eye(n) * step
    # how much each subject counts for log V, by finite differences
    influence = np.array([log_variance(1 + own) - log_variance(1 - own) for own in nudged]) / (2 * step) * n
    expected = min(n - p, 2 * (n - p) / np.mean((influence - influence.mean()) ** 2))
    np.testing.assert_allclose(fit.df[0], expected, rtol=1e-5)


def test_welch_agrees_with_t_test_and_oneway_test_of_r():
    # R 4.2.2: t.test(y[g == "a"], y[g == "b"]) and oneway.test(y ~ gl(3, 4), var.equal = FALSE)
    two = fit_between(Y[:, None], between_subject_model("group", {"group": GROUP}), method="welch").test("group")
    np.testing.assert_allclose(
        [two.t[0], two.df2[0], two.p[0], 2 * two.se[0]],
        [-0.865982703520, 8.182759926537, 0.411170213630, 0.750592358667],
        rtol=1e-11,
    )
    thirds = np.repeat(["1", "2", "3"], 4).tolist()
    three = fit_between(Y[:, None], between_subject_model("third", {"third": thirds}), method="welch").test("third")
    np.testing.assert_allclose(
        [three.f[0], three.df2[0], three.p[0]], [0.338554297250, 5.955130444365, 0.725675690064], rtol=1e-11
    )


def test_welch_holds_its_level_where_the_small_group_varies_more_and_ordinary_t_does_not():
    rng = np.random.default_rng(4)
    y = rng.standard_normal((40, 4000)) * np.repeat([1.0, 3.0], [30, 10])[:, None]
    model = between_subject_model("group", {"group": ["i"] * 30 + ["h"] * 10})
    rates = {
        method: (fit_between(y, model, method=method).test("group").p < 0.05).mean() for method in ("welch", "ols")
    }
    assert abs(rates["welch"] - 0.05) < 0.014  # 4 standard errors
    assert rates["ols"] > 0.1


def test_ordinary_tests_agree_with_scipy_regression_and_contrasts_of_slopes_with_separate_fits():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal(24), rng.standard_normal((24, 3))
    alone = fit_between(y, between_subject_model("x", {"x": x})).test("x")
    found = stats.linregress(x, y[:, 0])
    np.testing.assert_allclose([alone.estimate[0], alone.se[0], alone.p[0]], [found.slope, found.stderr, found.pvalue])
    group = ["a"] * 12 + ["b"] * 12
    crossed = between_subject_model("group*x", {"group": group, "x": x}, contrasts=["a - b: x"])
    slopes = [stats.linregress(x[part], y[part, 1]).slope for part in (slice(0, 12), slice(12, 24))]
    np.testing.assert_allclose(fit_between(y, crossed).test("a - b: x").estimate[1], slopes[0] - slopes[1], rtol=1e-9)
    np.testing.assert_allclose(fit_between(y, crossed).test("group:x").f, fit_between(y, crossed).test("a - b: x").f)


def test_the_model_as_one_stratum_gives_the_same_f():
    y = np.random.default_rng(6).standard_normal((12, 5))
    model = between_subject_model("group*x", {"group": GROUP, "x": X})
    anova = strata_anova(y[:, None, :], as_strata(model), epsilons=False)
    for test in fit_between(y, model).tests:
        np.testing.assert_allclose(anova.term(test.name).f, test.f, rtol=1e-9)


def test_responses_that_cannot_be_fitted_are_nan_and_counted():
    y = np.tile(Y[:, None], (1, 4))
    variance = np.tile(V[:, None], (1, 4))
    y[0, 1], variance[2, 2], variance[3, 3] = np.nan, 0.0, np.inf
    fit = fit_between(y, MODEL, method="mixed-effects", variance=variance)
    assert fit.n_not_finite == 3
    np.testing.assert_array_equal(np.isnan(fit.tests[0].f), [False, True, True, True])
    flat = fit_between(np.ones((12, 1)), MODEL)
    assert flat.n_no_error == 1
    assert np.isnan(flat.tests[1].f[0])


@pytest.mark.parametrize("test", ["knapp-hartung", "flame", "z"])
@pytest.mark.parametrize("value", [3.7, -1e6, 1e-9])
def test_a_response_of_one_value_in_every_subject_has_no_mixed_effects_test(test, value):
    variance = np.random.default_rng(1).chisquare(4, (12, 2))
    for formula in ("1", "group", "group*x"):
        model = between_subject_model(formula, {"group": GROUP, "x": X})
        y = np.stack([np.full(12, value), Y], axis=1)
        fit = fit_between(y, model, method="mixed-effects", variance=variance, test=test)
        assert fit.n_no_error == 1
        for each in fit.tests:
            np.testing.assert_array_equal(np.isnan(each.f), [True, False])


def test_blocks_of_responses_change_nothing():
    y = np.random.default_rng(7).standard_normal((12, 9))
    for method in ("huber", "ols"):
        whole, parts = fit_between(y, MODEL, method=method), fit_between(y, MODEL, method=method, block=2)
        # sums of another number of columns may be added up in another order
        np.testing.assert_allclose(whole.tests[2].f, parts.tests[2].f, rtol=1e-12)
        np.testing.assert_allclose(whole.residuals, parts.residuals, atol=1e-12)


@pytest.mark.parametrize(
    ("formula", "method", "said"),
    [
        ("group + (1 | subject)", "ols", "random part"),
        ("group + x", "welch", "groups only"),
        ("nobody", "ols", "no column 'nobody'"),
        ("group", "mixed-effects", "no first-level variance"),
    ],
)
def test_a_model_that_cannot_be_tested_is_refused_by_name(formula, method, said):
    with pytest.raises(DesignError, match=said) as error:
        fit_between(Y[:, None], between_subject_model(formula, {"group": GROUP, "x": X}), method=method)
    assert "row_of_table" not in str(error.value)


@pytest.mark.parametrize(
    ("formula", "named"),
    [
        ("1", ()),
        ("group * center(craving) + age", ("group", "craving", "age")),
        ("rating ~ group + center(`days abstinent`)", ("group", "days abstinent")),
    ],
)
def test_a_formula_names_the_columns_it_uses(formula, named):
    assert columns_of(formula) == named
    with pytest.raises(DesignError, match="found a random part"):
        columns_of(f"{formula} + (1 | subject)")
