"""Estimating equations for counts, against statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm

from cuecircuit.errors import DesignError
from cuecircuit.stats.counts import fit_counts


def clusters_of_unequal_size(seed: int, spread: float):
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(12), rng.integers(1, 9, 12))
    x = np.column_stack([np.ones(len(cluster)), cluster % 2, rng.normal(size=len(cluster))])
    level = rng.gamma(1 / spread, spread, 12)[cluster]
    return rng.poisson(8 * level * np.exp(0.3 * x[:, 1] + 0.2 * x[:, 2])).astype(float), x, cluster


@pytest.mark.parametrize(("seed", "spread"), [(1, 0.3), (2, 0.05), (3, 1e-9)])
def test_coefficients_covariance_and_correlation_are_those_of_statsmodels(seed, spread):
    y, x, cluster = clusters_of_unequal_size(seed, spread)

    fit = fit_counts(y, x, cluster)

    mean = sm.GEE(y, x, cluster, family=sm.families.Poisson()).fit().fittedvalues
    alpha = max(((y - mean) ** 2 - mean).sum() / (mean**2).sum(), 0)
    family = sm.families.NegativeBinomial(alpha=alpha) if alpha else sm.families.Poisson()
    model = sm.GEE(y, x, cluster, family=family, cov_struct=sm.cov_struct.Exchangeable())
    expected = model.fit(cov_type="bias_reduced", ctol=1e-9)
    # the equations are solved until their length is below 1e-6
    assert fit.alpha == pytest.approx(alpha, rel=1e-8)
    np.testing.assert_allclose(fit.coefficients, expected.params, rtol=1e-6)
    np.testing.assert_allclose(fit.covariance, expected.cov_params(), rtol=1e-5, atol=1e-9)
    assert fit.correlation == pytest.approx(model.cov_struct.dep_params, rel=1e-5)


def test_rows_may_come_in_any_order():
    y, x, cluster = clusters_of_unequal_size(4, 0.3)
    order = np.random.default_rng(5).permutation(len(y))

    one, other = fit_counts(y, x, cluster), fit_counts(y[order], x[order], cluster[order])

    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-9)


def test_columns_that_repeat_one_another_are_refused():
    y, x, cluster = clusters_of_unequal_size(6, 0.3)
    with pytest.raises(DesignError, match="the model of the counts has no solution"):
        fit_counts(y, x[:, [0, 0]], cluster)
