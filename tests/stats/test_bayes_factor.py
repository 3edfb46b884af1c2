"""JZS Bayes factors against R's BayesFactor 0.9.12-4.4 (shared/reference/crossed), and what they must obey."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
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


@given(
    df1=st.integers(1, 5),
    df2=st.floats(3, 200),
    n=st.floats(2, 100),
    scale=st.floats(0.1, 1.5),
)
def test_the_mean_bayes_factor_is_1_where_there_is_no_effect(df1: int, df2: float, n: float, scale: float) -> None:
    # BF is a ratio of densities, the marginal of F by its null: its mean under the null is the integral of a density
    def weighed(u: float) -> float:  # F = u / (1 - u)
        f = u / (1 - u)
        log_bf = log_bayes_factor(np.array([f]), df1, df2, n, scale)[0]
        return float(np.exp(log_bf + stats.f.logpdf(f, df1, df2))) / (1 - u) ** 2

    mean = integrate.quad(weighed, 0, 1, limit=400, epsabs=1e-9, epsrel=1e-9)[0]
    assert mean == pytest.approx(1, abs=2e-3 if df1 == 1 else 1e-5)  # for df1 = 1 the integrand is infinite at 0


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
    np.testing.assert_allclose(effect_posterior(np.array([t]), n - 1, n, scale)[:, 0], expected, atol=2e-4)


def test_a_wide_prior_leaves_the_posterior_to_the_data() -> None:
    low, middle, high = effect_posterior(np.array([0.0]), 50, 51.0, 100.0)[:, 0]
    assert middle == pytest.approx(0, abs=1e-9)
    # the normal limits of d = 0, 1.96/√n
    assert high == pytest.approx(1.96 / np.sqrt(51), rel=1e-3)
    assert low == pytest.approx(-high)
