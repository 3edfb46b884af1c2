"""Regions by partial pooling: one Bayesian multilevel model of a score of every subject in every region.

    y_rs = x_s'(β + a_r) + b_s + e_rs,    a_rj ~ N(0, τ_j²),    b_s ~ N(0, τ_b²),    e_rs ~ N(0, σ²) or t_ν(0, σ²)

x_s has the constant and what differs between subjects. A region's effect is β_j + a_rj: regions inform one another, so
that extreme ones shrink toward the mean, and no correction for their number is applied. Effects of a region are taken
as independent of one another (a stated choice). Priors: β flat; σ, τ_j, τ_b half-t with 3 degrees of freedom and scale
A; ν ~ Gamma(2, 0.1).

Gibbs sampling: (β, a, b) in one draw from their normal given the variances; each variance by the inverse-gamma mixture
of the half-t (Wand et al. 2011); Student noise as normal with gamma weights, ν by a random walk on its logarithm with
the weights integrated out.

P+ is the posterior probability that an effect is above 0. The posterior predictive check draws new scores from the
model and gives the share that exceed those found in what the model might miss.

Source: Chen, Xiao, Taylor et al. (2019), Neuroinformatics 17:515; Wand, Ormerod, Padoan and Frühwirth (2011), Bayesian
Anal 6:847; Gelman (2006), Bayesian Anal 1:515, for the half-t; Juárez and Steel (2010), J Bus Econ Stat 28:52, for ν.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import gammaln

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError

Noise = Literal["normal", "student"]
CHECKS = ("sd of region means", "largest |region mean|", "sd of subject means", "kurtosis of residuals")
_PRIOR_DF = 3.0
# coefficients are drawn jointly, so that the chain forgets its start within some draws
_WARM = 200
# a replicated data set of every so many draws
_CHECKED = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pooled:
    """Draws from the posterior; `sd` has σ, τ_b and the τ_j.

    `replicated` and `observed` are the statistics named in `CHECKS`, of new scores and of those found; the last takes
    the residuals of the same draw.
    """

    effects: Float[Array, "draw effect region"]
    sd: Float[Array, "draw part"]
    replicated: Float[Array, "check statistic"]
    observed: Float[Array, "check statistic"]

    @property
    def p_positive(self) -> Float[Array, "effect region"]:
        """P+ of every effect."""
        return np.asarray(np.mean(self.effects > 0, axis=0))

    @property
    def predictive_p(self) -> Float[Array, "statistic"]:
        """Share of replicated data that exceed the data; near 0 or 1 the model misses the statistic."""
        return np.asarray(np.mean(self.replicated >= self.observed, axis=0))


def pool_regions(
    y: Float[Array, "subject region"],
    x: Float[Array, "subject effect"],
    *,
    scale: float = 2.5,
    noise: Noise = "normal",
    draws: int = 4000,
    seed: int = 0,
) -> Pooled:
    """Draw from the posterior of every region's effects.

    Args:
        y: score of each subject in each region, any unit.
        x: constant first, then columns between subjects.
        scale: A in standard deviations of y.
        noise: normal, or Student's t for outliers.
        draws: kept after 200 of warming up.
        seed: of the generator.

    Raises:
        DesignError: scores that are missing or do not vary, too few subjects or regions, columns that say the same.
    """
    _check(y, x)
    rng, (n, n_regions), k = np.random.default_rng(seed), y.shape, x.shape[1]
    unit = float(y.std())
    values, design = y.ravel() / unit, _design(x, n_regions)
    variance = np.concatenate([[0.5, 0.25], np.full(k, 0.25)])
    mixture, weights, nu = np.ones(k + 2), np.ones(values.size), 8.0
    gram, right = design.T @ design, design.T @ values
    owners = np.repeat(np.arange(k + 2), [0, n, *[n_regions] * k])
    counts = np.array([values.size, n, *[n_regions] * k])
    kept_draws = {"effects": [], "sd": [], "replicated": [], "observed": []}
    for draw in range(-_WARM, draws):
        if noise == "student":
            weighed = design * weights[:, None]
            gram, right = weighed.T @ design, weighed.T @ values
        precision = gram / variance[0]
        precision[np.arange(k, len(gram)), np.arange(k, len(gram))] += 1 / variance[owners]
        coefficients = _normal(precision, right / variance[0], rng)
        fitted = design @ coefficients
        residual = values - fitted
        squares = np.bincount(owners, coefficients[k:] ** 2, minlength=k + 2)
        squares[0] = weights @ residual**2
        variance = 1 / rng.gamma((_PRIOR_DF + counts) / 2, 1 / (_PRIOR_DF / mixture + squares / 2))
        mixture = 1 / rng.gamma((_PRIOR_DF + 1) / 2, 1 / (_PRIOR_DF / variance + 1 / scale**2))
        if noise == "student":
            nu = _next_nu(nu, residual**2 / variance[0], rng)
            weights = rng.gamma((nu + 1) / 2, 2 / (nu + residual**2 / variance[0]))
        if draw < 0:
            continue
        beta, of_regions = coefficients[:k], coefficients[k + n :].reshape(k, n_regions)
        kept_draws["effects"].append((beta[:, None] + of_regions) * unit)
        kept_draws["sd"].append(np.sqrt(variance) * unit)
        if draw % _CHECKED == 0:
            errors = rng.standard_normal(values.size) if noise == "normal" else rng.standard_t(nu, values.size)
            errors *= np.sqrt(variance[0])
            subjects = rng.standard_normal(n) * np.sqrt(variance[1])
            regions = rng.standard_normal((k, n_regions)) * np.sqrt(variance[2:, None])
            again = (x @ (beta[:, None] + regions) + subjects[:, None]).ravel() + errors
            kept_draws["replicated"].append(_statistics(again.reshape(y.shape), errors))
            kept_draws["observed"].append(_statistics(values.reshape(y.shape), residual))
    return Pooled(**{name: np.array(each) for name, each in kept_draws.items()})


def _check(y: Float[Array, "subject region"], x: Float[Array, "subject effect"]) -> None:
    faults = []
    if not np.isfinite(y).all():
        faults.append(f"scores: found {int((~np.isfinite(y)).sum())} missing, expected one of each subject and region")
    if y.shape[0] < x.shape[1] + 2 or y.shape[1] < 3:
        faults.append(
            f"found {y.shape[0]} subjects and {y.shape[1]} regions; expected more subjects, 3 regions or more"
        )
    if np.linalg.matrix_rank(x) < x.shape[1]:
        faults.append("columns between subjects follow from one another; leave one out")
    if not faults and not np.ptp(y) > 0:
        faults.append("scores: found the same everywhere, expected them to vary")
    if faults:
        raise DesignError(faults)


def _design(x: Float[Array, "subject effect"], n_regions: int) -> Float[Array, "score coefficient"]:
    """Columns of β, then subjects, then regions effect by effect; scores subject by subject."""
    n, k = x.shape
    subject, region = (each.ravel() for each in np.indices((n, n_regions)))
    regions = [x[subject, [j]][:, None] * np.eye(n_regions)[region] for j in range(k)]
    return np.hstack([x[subject], np.eye(n)[subject], *regions])


def _normal(precision: Array, right: Array, rng: np.random.Generator) -> Array:
    """Draw from the normal with this precision, mean precision⁻¹ right."""
    factor = cholesky(precision, lower=True, check_finite=False)
    mean = solve_triangular(factor, right, lower=True, check_finite=False)
    return solve_triangular(factor.T, mean + rng.standard_normal(len(right)), check_finite=False)


def _next_nu(nu: float, squares: Float[Array, "score"], rng: np.random.Generator) -> float:
    def log_density(value: float) -> float:
        constant = gammaln((value + 1) / 2) - gammaln(value / 2) - 0.5 * np.log(value)
        tails = (value + 1) / 2 * np.log1p(squares / value).sum()
        # Gamma(2, 0.1) of ν, times ν for the walk on its logarithm
        return float(2 * np.log(value) - 0.1 * value + squares.size * constant - tails)

    proposed = nu * float(np.exp(0.4 * rng.standard_normal()))
    accepted = proposed > 1 and np.log(rng.random()) < log_density(proposed) - log_density(nu)
    return proposed if accepted else nu


def _statistics(scores: Float[Array, "subject region"], residuals: Float[Array, "score"]) -> Float[Array, "statistic"]:
    means, subjects = scores.mean(axis=0), scores.mean(axis=1)
    centered = residuals - residuals.mean()
    kurtosis = np.mean(centered**4) / np.mean(centered**2) ** 2
    return np.array([means.std(), np.abs(means).max(), subjects.std(), kurtosis])
