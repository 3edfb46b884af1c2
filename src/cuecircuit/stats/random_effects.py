"""Mixed-effects meta-regression: each subject's estimate has a variance of its own beside that between subjects.

y = Xβ + u + e, Var(u) = τ² (one per response, found by REML or ML), Var(e) = v, taken as known. A subject counts with
w = 1/(v + τ²): precise subjects count more. The model is that of FLAME 1 of FSL (Beckmann, Jenkinson and Smith 2003,
NeuroImage 20:1052; Woolrich et al. 2004, NeuroImage 21:1732), which finds τ² at the mode of its posterior and tests t
with n − p degrees of freedom; here τ² is found by (restricted) maximum likelihood.

How β is tested (`test`), with A = X'WX:
- "knapp-hartung": V = A⁻¹ · r'Wr/(n − p), t with n − p degrees of freedom (Knapp and Hartung 2003, Stat Med 22:2693);
  it answers for τ² being estimated. With equal v it is ordinary least squares.
- "flame": V = A⁻¹, t with n − p degrees of freedom.
- "z": V = A⁻¹, normal deviates; holds for many subjects only.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.random_effects_kernel import CONVERGED, fit_variances

Criterion = Literal["reml", "ml"]
RandomEffectsTest = Literal["knapp-hartung", "flame", "z"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomEffects:
    """Coefficients, their covariance for the test asked for, τ², and what each subject counted (mean 1)."""

    coefficients: Float[Array, "column response"]
    covariance: Float[Array, "response column column"]
    tau2: Float[Array, "response"]
    weights: Float[Array, "subject response"]
    converged: Bool[Array, "response"]
    df: float


def random_effects(
    y: Float[Array, "subject response"],
    x: Float[Array, "subject column"],
    variance: Float[Array, "subject response"],
    *,
    criterion: Criterion = "reml",
    test: RandomEffectsTest = "knapp-hartung",
) -> RandomEffects:
    """Fit every response.

    Args:
        y: finite estimates, any unit.
        x: full rank.
        variance: of the estimates, above 0, in squared units of y.
        criterion: restricted or full likelihood; full underestimates τ² in small samples.
        test: see the module.

    Raises:
        DesignError: shapes that do not match, no degrees of freedom, or a variance that is not above 0.
    """
    n, p = x.shape
    if len(y) != n or variance.shape != y.shape or n <= p:
        raise DesignError(
            f"mixed effects: found maps {y.shape}, variances {variance.shape} and design {x.shape}; expected the same "
            "subjects in all and more subjects than columns"
        )
    if not (variance > 0).all():
        raise DesignError("mixed effects: found a first-level variance that is not above 0; leave the voxel out")
    n_responses = y.shape[1]
    tau2, beta = np.empty(n_responses), np.empty((n_responses, p))
    inverse, status = np.empty((n_responses, p, p)), np.empty(n_responses, np.int64)
    # in units of each response's own noise, so that tolerances mean the same for all
    unit = np.sqrt(variance.mean(axis=0))
    by_response = np.ascontiguousarray((y / unit).T, np.float64)
    v = np.ascontiguousarray((variance / unit**2).T, np.float64)
    fit_variances(np.ascontiguousarray(x), by_response, v, criterion == "reml", tau2, beta, inverse, status)
    weights = (1 / (v + tau2[:, None])).T
    covariance = inverse * (unit**2)[:, None, None]
    if test == "knapp-hartung":
        left = by_response.T - x @ beta.T
        covariance *= ((weights * left**2).sum(axis=0) / (n - p))[:, None, None]
    return RandomEffects(
        coefficients=beta.T * unit,
        covariance=covariance,
        tau2=tau2 * unit**2,
        weights=weights / weights.mean(axis=0),
        converged=status == CONVERGED,
        df=np.inf if test == "z" else float(n - p),
    )
