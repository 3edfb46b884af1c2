"""Parameters of each subject and of the population they come from, for any smooth log likelihood.

θ_i ~ N(μ, diag(τ²)) for n subjects; μ and τ are found by expectation maximization in which each subject's posterior
is taken as normal about its mode (Laplace; Lindstrom and Bates 1990, Biometrics 46:673; Huys et al. 2011, PLoS Comput
Biol 7:e1002028):

    m_i = argmax ℓ_i(θ) + log N(θ; μ, τ²),  Σ_i⁻¹ = −ℓ_i''(m_i) + τ⁻²,
    μ ← (Σ_i m_i/τ² + μ₀/σ₀²) / (n/τ² + 1/σ₀²),  τ² ← mean (m_i − μ)² + diag Σ_i.

Between searches for the modes the steps are repeated on the parabolas of ℓ_i, which costs next to nothing. τ² is that
of maximum likelihood: with n subjects about (n − 1)/n of the truth. The covariance of μ is (Σ_i (τ² + V_i)⁻¹)⁻¹ with
V_i the covariance of θ_i by its own data. A wide normal prior N(μ₀, σ₀²) on μ, which is also that of a subject on its
own, keeps finite what no data tell about. The variance of a shrunk subject is Σ_i + (Σ_i τ⁻²) Var(μ) (Σ_i τ⁻²)', which
leaves out that τ is estimated (Kass and Steffey 1989, J Am Stat Assoc 84:717): where τ is small it is too small.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from cuecircuit.arrays import Array, Float

LogLikelihood = Callable[[np.ndarray], float]
# step of the differences: the fourth root of the rounding error, best for second derivatives
_STEP = np.finfo(float).eps ** 0.25
# gradient at which a search ends, per prior SD: a mode is then within a thousandth of an SD
_GRADIENT = 1e-3
# starts that a search is made from, the most likely ones
_SEARCHES = 2
# cost of parameters under which the data cannot be
_IMPOSSIBLE = 1e300
# least information about a direction, in units of the wide prior's
_TOLD = 0.1
# rounds after which steps are halved: where a parabola is no good picture they may swing
_FREE_ROUNDS = 3
# smallest τ, in units of the wide prior: subjects who do not differ
_SMALLEST_SD = 0.01
# smallest precision of a posterior, in units of its prior
_SLOPE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Modes:
    """Mode and covariance of each subject's posterior; the log likelihood at the mode and its −ℓ''."""

    mode: Float[Array, "subject parameter"]
    information: Float[Array, "subject parameter parameter"]
    covariance: Float[Array, "subject parameter parameter"]
    log_likelihood: Float[Array, "subject"]

    @property
    def se(self) -> Float[Array, "subject parameter"]:
        """Standard errors."""
        return np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hierarchy:
    """`alone` under the wide prior, `shrunk` under the population's; `shrunk_se` answers for μ being estimated too.

    `mean`, `mean_se` and `sd` are those of the population, `log_marginal` the log likelihood of all with subjects
    integrated out; `converged` false where τ or μ still moved after the last round.
    """

    alone: Modes
    shrunk: Modes
    shrunk_se: Float[Array, "subject parameter"]
    mean: Float[Array, "parameter"]
    mean_se: Float[Array, "parameter"]
    sd: Float[Array, "parameter"]
    log_marginal: float
    converged: bool


def subject_modes(
    log_likelihoods: Sequence[LogLikelihood],
    starts: Float[Array, "subject start parameter"],
    *,
    mean: Float[Array, "parameter"],
    sd: Float[Array, "parameter"],
    scale: Float[Array, "parameter"] | None = None,
    curvature: Float[Array, "subject parameter parameter"] | None = None,
) -> Modes:
    """Find each subject's mode under one normal prior, the best of several starts.

    Args:
        log_likelihoods: of each subject; may be −∞, but not at a start.
        starts: where to search from.
        mean: of the prior.
        sd: of the prior, above 0.
        scale: of a step that changes ℓ to be seen; that of the prior if left out.
        curvature: covariance to expect, which speeds up the search.
    """
    step = sd if scale is None else scale
    expected = [np.diag(sd**2)] * len(starts) if curvature is None else curvature
    modes = np.array(
        [
            _search(of, start, mean, sd, around)
            for of, start, around in zip(log_likelihoods, starts, expected, strict=True)
        ]
    )
    information, covariance = np.empty((2, len(modes), sd.size, sd.size))
    for number, (of, mode) in enumerate(zip(log_likelihoods, modes, strict=True)):
        information[number] = -_hessian(of, mode, _STEP * step)
        # in units of the prior the least a posterior can be sure of is 1; less is a slope beside a hill
        precision = _positive(np.eye(sd.size) + information[number] * np.outer(sd, sd), lowest=_SLOPE)
        covariance[number] = _symmetric(np.linalg.inv(precision) * np.outer(sd, sd))
    values = [of(mode) for of, mode in zip(log_likelihoods, modes, strict=True)]
    return Modes(mode=modes, information=information, covariance=covariance, log_likelihood=np.array(values))


def fit_hierarchy(
    log_likelihoods: Sequence[LogLikelihood],
    starts: Float[Array, "subject start parameter"],
    *,
    mean: Float[Array, "parameter"],
    sd: Float[Array, "parameter"],
    rounds: int = 12,
    tolerance: float = 0.03,
) -> Hierarchy:
    """Fit subjects and population.

    Args:
        log_likelihoods: of each subject.
        starts: where to search from.
        mean: of the wide prior.
        sd: likewise.
        rounds: searches for the modes at most.
        tolerance: change of μ and τ, in units of τ, below which they stand still (the SE of μ is 0.2 with 25 subjects).
    """
    alone = subject_modes(log_likelihoods, starts, mean=mean, sd=sd)
    shrunk, mu, tau, converged = alone, mean, sd, False
    for number in range(rounds):
        new_mu, new_tau = _maximized(shrunk, mu, tau, mean, sd)
        if number >= _FREE_ROUNDS:
            new_mu, new_tau = (new_mu + mu) / 2, (new_tau + tau) / 2
        converged = _still(new_mu, new_tau, mu, tau, tolerance)
        mu, tau = new_mu, new_tau
        shrunk = subject_modes(
            log_likelihoods, shrunk.mode[:, None], mean=mu, sd=tau, scale=sd, curvature=shrunk.covariance
        )
        if converged:
            break
    precision = _information(shrunk, sd)[0] + np.diag(tau**-2)
    # (τ² + V)⁻¹ by Woodbury's identity, without inverting what the data may not tell
    weight = np.diag(tau**-2) - (tau**-2)[:, None] * np.linalg.inv(precision) * tau**-2
    mean_covariance = np.linalg.inv(weight.sum(axis=0) + np.diag(sd**-2))
    # how much of a subject's mode is μ's
    share = shrunk.covariance / tau**2
    total = shrunk.covariance + share @ mean_covariance @ np.swapaxes(share, 1, 2)
    z = (shrunk.mode - mu) / tau
    log_prior = -0.5 * (z**2).sum(axis=1) - np.log(tau).sum()
    return Hierarchy(
        alone=alone,
        shrunk=shrunk,
        shrunk_se=np.sqrt(np.diagonal(total, axis1=1, axis2=2)),
        mean=mu,
        mean_se=np.sqrt(np.diagonal(mean_covariance)),
        sd=tau,
        log_marginal=float((shrunk.log_likelihood + log_prior + 0.5 * np.linalg.slogdet(shrunk.covariance)[1]).sum()),
        converged=converged,
    )


def _search(
    of: LogLikelihood,
    starts: Float[Array, "start parameter"],
    mean: Float[Array, "parameter"],
    sd: Float[Array, "parameter"],
    covariance: Float[Array, "parameter parameter"],
) -> Float[Array, "parameter"]:
    """Return the mode of one subject, in units of the prior so that all parameters are of one size."""

    def cost(z: np.ndarray) -> float:
        value = of(mean + sd * z) if np.isfinite(z).all() else -np.inf
        return 0.5 * float(z @ z) - value if np.isfinite(value) else _IMPOSSIBLE

    options: Any = {"gtol": _GRADIENT, "hess_inv0": covariance / np.outer(sd, sd)}
    likely = sorted(((x - mean) / sd for x in starts), key=cost)[:_SEARCHES]
    searches = [minimize(cost, z, method="BFGS", options=options) for z in likely]
    return mean + sd * min(searches, key=lambda each: each.fun).x


def _information(
    modes: Modes, sd: Float[Array, "parameter"]
) -> tuple[Float[Array, "subject parameter parameter"], Float[Array, "subject parameter parameter"]]:
    """Return what the data of each subject tell: −ℓ'' at the mode, and the projector on what they tell.

    Directions in which they tell less than `_TOLD` of the wide prior are left to it: a line has no parabola.
    """
    values, vectors = np.linalg.eigh(modes.information * np.outer(sd, sd))
    kept = values > _TOLD
    back = np.swapaxes(vectors, 1, 2)
    information = (vectors * np.where(kept, values, 0.0)[:, None, :]) @ back / np.outer(sd, sd)
    return information, ((vectors * kept[:, None, :]) @ back) * sd / sd[:, None]


def _maximized(
    modes: Modes,
    mu: Float[Array, "parameter"],
    tau: Float[Array, "parameter"],
    mean: Float[Array, "parameter"],
    sd: Float[Array, "parameter"],
    *,
    steps: int = 100,
) -> tuple[Float[Array, "parameter"], Float[Array, "parameter"]]:
    """μ and τ of the highest likelihood for the parabolas about the modes found under these μ and τ."""
    information, weighted = _information(modes, sd)
    # ℓ(θ) = pull·θ − ½ θ'information θ; at a mode its gradient is that of the prior
    gradient = np.einsum("sij,sj->si", weighted, (modes.mode - mu) / tau**2)
    pull = np.einsum("sij,sj->si", information, modes.mode) + gradient
    for _ in range(steps):
        covariance = np.linalg.inv(information + np.diag(tau**-2))
        m = np.einsum("sij,sj->si", covariance, pull + mu / tau**2)
        new_mu = (m.sum(axis=0) / tau**2 + mean / sd**2) / (len(m) / tau**2 + 1 / sd**2)
        spread = ((m - new_mu) ** 2 + np.diagonal(covariance, axis1=1, axis2=2)).mean(axis=0)
        new_tau = np.maximum(np.sqrt(spread), _SMALLEST_SD * sd)
        still = _still(new_mu, new_tau, mu, tau, 1e-5)
        mu, tau = new_mu, new_tau
        if still:
            break
    return mu, tau


def _still(
    mu: Float[Array, "parameter"],
    tau: Float[Array, "parameter"],
    old_mu: Float[Array, "parameter"],
    old_tau: Float[Array, "parameter"],
    tolerance: float,
) -> bool:
    return bool((np.abs(np.concatenate([mu - old_mu, tau - old_tau])) <= tolerance * np.tile(tau, 2)).all())


def _hessian(
    of: LogLikelihood, x: Float[Array, "parameter"], step: Float[Array, "parameter"]
) -> Float[Array, "parameter parameter"]:
    """Second derivatives by central differences (Abramowitz and Stegun 25.3.23 and 25.3.27)."""
    p, here, h = x.size, of(x), np.diag(step)
    ahead, behind = [of(x + each) for each in h], [of(x - each) for each in h]
    second = np.empty((p, p))
    for i in range(p):
        second[i, i] = (ahead[i] - 2 * here + behind[i]) / step[i] ** 2
        for j in range(i):
            both = of(x + h[i] + h[j]) + of(x - h[i] - h[j]) - ahead[i] - behind[i] - ahead[j] - behind[j]
            second[i, j] = second[j, i] = (both + 2 * here) / (2 * step[i] * step[j])
    return second


def _positive(matrix: Float[Array, "parameter parameter"], *, lowest: float) -> Float[Array, "parameter parameter"]:
    values, vectors = np.linalg.eigh(_symmetric(matrix))
    return _symmetric((vectors * np.maximum(values, lowest)) @ vectors.T)


def _symmetric(matrix: Float[Array, "parameter parameter"]) -> Float[Array, "parameter parameter"]:
    return (matrix + matrix.T) / 2
