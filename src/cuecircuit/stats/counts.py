"""Generalized estimating equations for counts (Liang and Zeger 1986, Biometrika 73:13): log link, variance μ + αμ².

With D = ∂μ/∂β and V = A^½ R A^½ (A the variances, R exchangeable within a cluster) the equations D'V⁻¹(y − μ) = 0 are
solved by Fisher scoring; each step takes the correlation from the Pearson residuals of the one before. Covariance of
β̂: the sandwich with residuals (I − Hᵢ)⁻¹rᵢ, Hᵢ = Dᵢ(D'V⁻¹D)⁻¹Dᵢ'Vᵢ⁻¹, for few clusters (Mancl and DeRouen 2001,
Biometrics 57:126). Steps, divisors and the end of the iteration are those of statsmodels.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError

_STEPS, _TOLERANCE = 60, 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CountFit:
    """Coefficients of log means with their covariance; α of the variance; correlation within a cluster."""

    coefficients: Float[Array, "column"]
    covariance: Float[Array, "column column"]
    alpha: float
    correlation: float


def fit_counts(y: Float[Array, "row"], x: Float[Array, "row column"], cluster: Int[Array, "row"]) -> CountFit:
    """Fit overdispersed counts; α is the moment estimate Σ[(y−μ)² − μ]/Σμ² at the Poisson fit, 0 or more.

    Args:
        y: counts; those of each group that has a column must not all be 0.
        x: full rank.
        cluster: 0, 1, ...: rows of one number are correlated.

    Returns:
        The fit with negative-binomial variance and exchangeable correlation.

    Raises:
        DesignError: columns that repeat one another, numbers beyond the range of doubles, or no convergence.
    """
    member = np.eye(cluster.max() + 1)[cluster]
    # one step of least squares on the log scale, from means halfway to the overall one
    mean = (y + y.mean()) / 2
    start = np.linalg.lstsq(x * np.sqrt(mean)[:, None], (np.log(mean) + (y - mean) / mean) * np.sqrt(mean))[0]
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            poisson, _ = _solved(y, x, member, start, alpha=0.0, exchangeable=False)
            mean = np.exp(x @ poisson)
            alpha = max(float(((y - mean) ** 2 - mean).sum() / (mean**2).sum()), 0.0)
            coefficients, correlation = _solved(y, x, member, poisson, alpha=alpha, exchangeable=True)
            covariance = _sandwich(y, x, member, coefficients, alpha=alpha, correlation=correlation)
    except (FloatingPointError, np.linalg.LinAlgError) as error:
        raise DesignError(f"the model of the counts has no solution ({error})") from None
    return CountFit(coefficients=coefficients, covariance=covariance, alpha=alpha, correlation=correlation)


def _solved(
    y: Float[Array, "row"],
    x: Float[Array, "row column"],
    member: Float[Array, "row cluster"],
    start: Float[Array, "column"],
    *,
    alpha: float,
    exchangeable: bool,
) -> tuple[Float[Array, "column"], float]:
    """Return coefficients and correlation at which the estimating equations are 0."""
    beta, correlation, sizes = start, 0.0, member.sum(axis=0)
    pairs = (sizes * (sizes - 1) / 2).sum() - x.shape[1]
    for step in range(_STEPS):
        mean = np.exp(x @ beta)
        slopes = x * mean[:, None]
        weighted = _whitened(slopes, mean + alpha * mean**2, member, correlation)
        score = weighted.T @ (y - mean)
        beta = beta + np.linalg.solve(weighted.T @ slopes, score)
        # the correlation is estimated at least once
        if np.linalg.norm(score) < _TOLERANCE and (step or not exchangeable):
            return beta, correlation
        if exchangeable:
            mean = np.exp(x @ beta)
            residual = (y - mean) / np.sqrt(mean + alpha * mean**2)
            products = ((member.T @ residual) ** 2 - member.T @ residual**2).sum() / 2
            correlation = float(products / pairs / ((residual**2).sum() / (len(y) - x.shape[1])))
    raise DesignError(f"the model of the counts does not converge in {_STEPS} steps")


def _whitened(
    z: Float[Array, "row column"],
    variance: Float[Array, "row"],
    member: Float[Array, "row cluster"],
    correlation: float,
) -> Float[Array, "row column"]:
    """Return V⁻¹z; the inverse of an exchangeable correlation is known in closed form."""
    sd = np.sqrt(variance)[:, None]
    shared = correlation / (1 - correlation) / (1 + correlation * (member.sum(axis=0) - 1))
    return (z / sd / (1 - correlation) - member @ (shared[:, None] * (member.T @ (z / sd)))) / sd


def _sandwich(
    y: Float[Array, "row"],
    x: Float[Array, "row column"],
    member: Float[Array, "row cluster"],
    beta: Float[Array, "column"],
    *,
    alpha: float,
    correlation: float,
) -> Float[Array, "column column"]:
    """Return the covariance of the coefficients, with each cluster's residuals freed of its own leverage."""
    mean = np.exp(x @ beta)
    slopes = x * mean[:, None]
    weighted = _whitened(slopes, mean + alpha * mean**2, member, correlation)
    bread = np.linalg.inv(weighted.T @ slopes)
    scores = []
    for rows in member.T.astype(bool):
        leverage = slopes[rows] @ bread @ weighted[rows].T
        scores.append(weighted[rows].T @ np.linalg.solve(np.eye(len(leverage)) - leverage, (y - mean)[rows]))
    half = np.stack(scores) @ bread
    return half.T @ half
