"""JZS Bayes factors against R's BayesFactor 0.9.12-4.4 (shared/reference/crossed), and what they must obey."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from cuecircuit.stats.bayes_factor import effect_posterior, log_bayes_factor

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "crossed" / "jzs_reference.tsv"


def of_r(row: pd.Series) -> float:
    """Compute a row of the reference; `stat`, `a` and `b` mean what `jzs_reference.R` says for each kind."""
    stat, a, b = row["stat"], row["a"], row["b"]
    f, df1, df2, n = {
        "t1": lambda: (stat**2, 1, a - 1, a),
        "t2": lambda: (stat**2, 1, a + b - 2, a * b / (a + b)),
        "oneway": lambda: (stat, int(b) - 1, b * (a - 1), a),
        "regression": lambda: (stat / b / ((1 - stat) / (a - b - 1)), int(b), a - b - 1, a),
    }[row["kind"]]()
    return float(log_bayes_factor(np.array([f]), int(df1), df2, n, row["r"])[0])


@pytest.mark.skipif(not REFERENCE.is_file(), reason="no reference values of R beside the repository")
@pytest.mark.parametrize(
    # what is left is the error of R's integrate
    ("kind", "tolerance"),
    [("t1", 1e-8), ("t2", 2e-8), ("oneway", 3e-6), ("regression", 1e-8)],
)
def test_bayes_factors_are_those_of_r(kind: str, tolerance: float) -> None:
    rows = pd.read_csv(REFERENCE, sep="\t").query("kind == @kind")
    assert len(rows) >= 15
    found = [of_r(row) for _, row in rows.iterrows()]
    np.testing.assert_allclose(found, rows["log_bf"], rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("df1", "df2", "n", "scale"), [(1, 20, 21, 0.7), (2, 9, 4, 0.5), (5, 120, 30.5, 1.2), (20, 100, 6, 300.0)]
)
def test_the_mean_bayes_factor_is_1_where_there_is_no_effect(df1: int, df2: int, n: float, scale: float) -> None:
    # BF is a ratio of densities, the marginal of F by its null: its mean under the null is the integral of a density
    root_f = np.expm1(np.linspace(0, 25, 20_001))  # √F from 0 to 7e10
    f = root_f**2
    log_density = log_bayes_factor(f, df1, df2, n, scale) + stats.f.logpdf(np.maximum(f, 1e-300), df1, df2)
    density = np.exp(log_density) * 2 * root_f * (1 + root_f)
    assert integrate.simpson(density, x=np.log1p(root_f)) == pytest.approx(1, abs=1e-4)


@settings(max_examples=25, deadline=None)
@given(t=st.floats(-8, 8), n=st.integers(5, 200))
def test_more_extreme_t_is_more_evidence_whatever_its_sign(t: float, n: int) -> None:
    near, far, mirrored = log_bayes_factor(np.array([t, 1.1 * t, -t]) ** 2, 1, n - 1, n, 0.7)
    assert near <= far
    assert near == mirrored


def test_what_has_no_number_has_no_bayes_factor() -> None:
    found = log_bayes_factor(np.array([1.0, np.nan, np.inf]), 1, 10, 11, 0.7)
    assert np.isfinite(found).tolist() == [True, False, False]


def test_the_posterior_is_that_of_direct_integration() -> None:
    t, n, scale = 2.4, 21, 2**-0.5
    grid = np.linspace(-4, 5, 20_001)
    weight = stats.nct.pdf(t, n - 1, grid * np.sqrt(n)) * stats.cauchy.pdf(grid, scale=scale)
    below = integrate.cumulative_simpson(weight, x=grid, initial=0)
    expected = np.interp([0.025, 0.5, 0.975], below / below[-1], grid)
    np.testing.assert_allclose(effect_posterior(np.array([t]), n - 1, n, scale)[:, 0], expected, atol=5e-5)


def test_a_wide_prior_leaves_the_posterior_to_the_data() -> None:
    low, middle, high = effect_posterior(np.array([0.0]), 50, 51.0, 100.0)[:, 0]
    assert middle == pytest.approx(0, abs=1e-9)
    # the normal limits of d = 0, 1.96/√n
    assert high == pytest.approx(1.96 / np.sqrt(51), rel=1e-3)
    assert low == pytest.approx(-high)


def test_a_very_wide_prior_costs_evidence_in_proportion() -> None:
    at = [log_bayes_factor(np.array([9.0]), 1, 20, 21, scale)[0] for scale in (1e3, 1e7)]
    assert at[0] - at[1] == pytest.approx(np.log(1e4), abs=1e-6)


@pytest.mark.parametrize(("t", "df"), [(0.0, 2), (1.0, 10), (-1.0, 58)])
def test_a_narrow_prior_is_the_posterior(t: float, df: int) -> None:
    scale = 1e-5
    quantiles = effect_posterior(np.array([t]), df, df + 1, scale, quantiles=(0.25, 0.5, 0.75))[:, 0]
    # the likelihood is flat over ± 1e-5: what is left is the Cauchy, whose quartiles are ± its scale
    np.testing.assert_allclose(quantiles, scale * np.array([-1, 0, 1]), atol=0.03 * scale)
