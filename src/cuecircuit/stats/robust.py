"""Robust regression by M-estimation: subjects far from the others count less (Huber) or not at all (bisquare).

Iteratively reweighted least squares with the scale s = median|r|/0.6745 of each step. Tuning constants k = 1.345
(Huber) and 4.685 (bisquare) give 95 % of the efficiency of least squares with normal errors (Holland and Welsch 1977,
Commun Stat Theory Methods 6:813). Huber starts from least squares, bisquare (which may have several solutions) from
the Huber fit. Covariance of β̂ (Huber 1981, Robust Statistics, section 7.6, "H1"):

    V = K² · [Σψ²s²/(n − p)] / [mean ψ']² · (X'X)⁻¹,   K = 1 + (p/n) var(ψ')/(mean ψ')²,

var with divisor n, as in statsmodels; R's MASS has n − 1 there and one K less.

V is less certain than the variance of least squares with n − p degrees of freedom, so t would reject too often far in
the tails. Its degrees of freedom are Satterthwaite's, 2 E(V)²/var(V), with var(log V) from the influence of each
subject on log V, tᵢ = ψᵢ²/mean ψ² − 2ψ'ᵢ/mean ψ' (Hampel et al. 1986, Robust Statistics, section 2.1):

    df = min(n − p, 2 (n − p)/var t).

With ψ(u) = u this is n − p for normal errors.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.stats.robust_kernel import CONVERGED, NO_SCALE, reweight

Loss = Literal["huber", "bisquare"]
TUNING = {"huber": 1.345, "bisquare": 4.685}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RobustFit:
    """Coefficients, their covariance with its degrees of freedom, scale, and what each subject counts (1 to 0).

    `no_scale` marks responses where half the subjects are fitted exactly, so that there is no scale.
    """

    coefficients: Float[Array, "column response"]
    covariance: Float[Array, "response column column"]
    df: Float[Array, "response"]
    scale: Float[Array, "response"]
    weights: Float[Array, "subject response"]
    converged: Bool[Array, "response"]
    no_scale: Bool[Array, "response"]


def robust_regression(
    y: Float[Array, "subject response"], x: Float[Array, "subject column"], *, loss: Loss = "huber"
) -> RobustFit:
    """Fit every response.

    Args:
        y: finite, any unit.
        x: full rank, more rows than columns.
        loss: how subjects far off are weighed.
    """
    unscaled = np.linalg.inv(x.T @ x)
    by_response = np.ascontiguousarray(y.T, np.float64)
    beta = np.ascontiguousarray((unscaled @ (x.T @ y)).T, np.float64)
    columns = np.ascontiguousarray(x, np.float64)
    scale, weights = np.empty(len(beta)), np.empty_like(by_response)
    status = np.empty(len(beta), np.int64)
    reweight(columns, by_response, TUNING["huber"], False, beta, scale, weights, status)
    if loss == "bisquare":
        reweight(columns, by_response, TUNING[loss], True, beta, scale, weights, status)
    no_scale = status == NO_SCALE
    u = (y - x @ beta.T) / np.where(no_scale, 1.0, scale)
    dispersion, df = _dispersion(np.where(no_scale, 0.0, u), weights.T, loss, x.shape[1])
    scale[no_scale] = np.nan
    return RobustFit(
        coefficients=beta.T,
        covariance=(dispersion * scale**2)[:, None, None] * unscaled,
        df=df,
        scale=scale,
        weights=weights.T,
        converged=status == CONVERGED,
        no_scale=no_scale,
    )


def _dispersion(
    u: Float[Array, "subject response"], weights: Float[Array, "subject response"], loss: Loss, p: int
) -> tuple[Float[Array, "response"], Float[Array, "response"]]:
    """Return the factor of s²(X'X)⁻¹ in V, and the degrees of freedom it has."""
    n, k = len(u), TUNING[loss]
    slope = np.where(np.abs(u) <= k, 1.0, 0.0)
    if loss == "bisquare":
        slope *= (1 - (u / k) ** 2) * (1 - 5 * (u / k) ** 2)
    middle = slope.mean(axis=0)
    correction = 1 + p / n * slope.var(axis=0) / middle**2
    square = (weights * u) ** 2
    mean_square = square.mean(axis=0)
    # all residuals 0: without a scale, so never tested
    influence = square / np.where(mean_square > 0, mean_square, 1.0) - 2 * slope / middle
    spread = np.maximum(influence.var(axis=0), 2.0)
    return correction**2 * square.sum(axis=0) / (n - p) / middle**2, 2 * (n - p) / spread
