"""Subjects and population by Laplace: exact where everything is normal, held against REML's neighbor in statsmodels."""

from functools import partial

import numpy as np
import pytest
from statsmodels.regression.mixed_linear_model import MixedLM

from cuecircuit.stats.hierarchy import fit_hierarchy, subject_modes

MEAN, SD = np.zeros(1), np.full(1, 10.0)


def normal(y: np.ndarray, sigma: float, theta: np.ndarray) -> float:
    return float(-0.5 * ((y - theta[0]) ** 2).sum() / sigma**2)


def groups(seed: int, *, n: int = 20, each: int = 6, tau: float = 1.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(3.0, tau, (n, 1)) + rng.normal(0.0, 1.0, (n, each))


def test_of_normal_data_the_mode_is_the_precision_weighted_mean_and_the_covariance_exact():
    y = np.array([1.0, 2.0, 6.0])

    found = subject_modes([partial(normal, y, 1.0)], np.zeros((1, 1, 1)), mean=np.array([1.0]), sd=np.array([0.5]))

    # precision 3 by the data, 4 by the prior
    assert found.mode[0, 0] == pytest.approx((3 * 3.0 + 4 * 1.0) / 7, abs=1e-3)
    assert found.se[0, 0] == pytest.approx(7**-0.5, rel=1e-4)
    assert found.information[0, 0, 0] == pytest.approx(3.0, rel=1e-4)


def test_population_of_normal_data_is_that_of_a_random_intercept_by_maximum_likelihood():
    y = groups(1)
    subject = np.repeat(np.arange(len(y)), y.shape[1])
    reference = MixedLM(y.ravel(), np.ones((y.size, 1)), groups=subject).fit(reml=False)
    sigma = float(np.sqrt(reference.scale))

    found = fit_hierarchy([partial(normal, own, sigma) for own in y], np.zeros((len(y), 1, 1)), mean=MEAN, sd=SD)

    # 3 % of τ is the tolerance at which the population stands still
    assert found.mean[0] == pytest.approx(float(reference.fe_params[0]), abs=0.03 * found.sd[0])
    assert found.sd[0] == pytest.approx(float(np.sqrt(np.asarray(reference.cov_re)[0, 0])), rel=0.03)
    assert found.mean_se[0] == pytest.approx(float(reference.bse_fe[0]), rel=0.03)
    assert found.converged


def test_the_marginal_likelihood_of_normal_data_is_exact():
    y = groups(2)
    n, each = y.shape

    found = fit_hierarchy([partial(normal, own, 1.0) for own in y], np.zeros((n, 1, 1)), mean=MEAN, sd=SD)

    # subjects' means are N(μ, τ² + 1/each); what is left of the sum of squares does not depend on θ
    total = found.sd[0] ** 2 + 1 / each
    means = y.mean(axis=1)
    left = -0.5 * ((y - means[:, None]) ** 2).sum()
    density = -0.5 * ((means - found.mean[0]) ** 2 / total + np.log(2 * np.pi * total)).sum()
    constant = 0.5 * n * np.log(2 * np.pi / each)
    assert found.log_marginal == pytest.approx(left + density + constant, abs=0.02)


def test_subjects_who_tell_little_are_drawn_to_the_others_more():
    rng = np.random.default_rng(3)
    sizes = np.array([2] * 8 + [50] * 8)
    data = [rng.normal(rng.normal(0.0, 1.0), 1.0, size) for size in sizes]

    found = fit_hierarchy([partial(normal, y, 1.0) for y in data], np.zeros((16, 1, 1)), mean=MEAN, sd=SD)

    # the share drawn is the part of the prior in the precision: 1/τ² over 1/τ² + size
    share = found.sd[0] ** -2 / (found.sd[0] ** -2 + sizes)
    own = np.array([y.mean() for y in data])
    expected = found.mean[0] + (1 - share) * (own - found.mean[0])
    # searches end within a thousandth of a prior SD, here about 1
    np.testing.assert_allclose(found.shrunk.mode[:, 0], expected, atol=0.005)
    assert (found.shrunk_se <= found.alone.se + 1e-6).all()


def test_what_no_data_tell_keeps_the_wide_prior():
    def flat(y: np.ndarray, theta: np.ndarray) -> float:
        return normal(y, 1.0, theta[:1])

    y = groups(4)
    found = fit_hierarchy(
        [partial(flat, own) for own in y], np.zeros((len(y), 1, 2)), mean=np.array([0.0, 7.0]), sd=np.array([10.0, 2.0])
    )

    np.testing.assert_allclose(found.alone.mode[:, 1], 7.0, atol=0.01)
    np.testing.assert_allclose(found.alone.se[:, 1], 2.0, rtol=0.01)
    assert found.mean[1] == pytest.approx(7.0, abs=0.01)
    assert found.mean_se[1] == pytest.approx(2.0, rel=0.3)


def test_intervals_of_the_population_cover_the_truth():
    covered = []
    for seed in range(20):
        y = groups(100 + seed, n=12)
        found = fit_hierarchy([partial(normal, own, 1.0) for own in y], np.zeros((12, 1, 1)), mean=MEAN, sd=SD)
        covered.append(abs(found.mean[0] - 3.0) < 2.2 * found.mean_se[0])
    # t of 11 degrees of freedom: 19 of 20 expected; 16 or fewer come with p = .02
    assert sum(covered) > 16


def test_likelihoods_that_are_none_somewhere_do_not_stop_the_search():
    def gamma(total: float, n: int, theta: np.ndarray) -> float:
        return -np.inf if theta[0] <= 0 else float(n * np.log(theta[0]) - theta[0] * total)

    found = subject_modes([partial(gamma, 10.0, 40)], np.ones((1, 1, 1)), mean=np.array([4.0]), sd=np.array([50.0]))

    # rate n/total; its variance is rate²/n
    assert found.mode[0, 0] == pytest.approx(4.0, abs=0.01)
    assert found.se[0, 0] == pytest.approx(4.0 / 40**0.5, rel=0.01)
