"""How much of the variance lies between the levels of a grouping: intraclass correlation of a mixed model's intercepts.

ICC_k = ψ_k / (1 + Σ ψ), ψ variances relative to the residual's. Its interval is by the delta method on the logit, from
the asymptotic covariance of ψ (Donner 1986, Int Stat Rev 54:67); a variance of 0 has no interval.
"""

import numpy as np
from scipy import special, stats

from cuecircuit.arrays import Array, Float
from cuecircuit.stats.mixed_result import MixedFit


def intraclass_maps(fit: MixedFit, *, confidence: float = 0.95) -> dict[str, Float[Array, "response"]]:
    """Return the ICC of every random term and its limits; nothing where a term has more than an intercept."""
    terms = fit.model.design.random
    if any(term.labels != ("1",) for term in terms):
        return {}
    psi, covariance = fit.estimates.psi, fit.estimates.covariance[:, :-1, :-1]
    total, reach = 1 + psi.sum(axis=1), stats.norm.isf((1 - confidence) / 2)
    values = {}
    for k, term in enumerate(terms):
        icc = psi[:, k] / total
        # derivative of log ψ_k − log(1 + Σ of the others)
        slope = np.broadcast_to(-1 / (total - psi[:, k])[:, None], psi.shape).copy()
        slope[:, k] = np.divide(1, psi[:, k], out=np.full(len(psi), np.nan), where=psi[:, k] > 0)
        error = np.sqrt(np.einsum("vm,vmn,vn->v", slope, covariance, slope))
        logit = np.log(np.divide(icc, 1 - icc, out=np.full(len(psi), np.nan), where=icc > 0))
        name = ":".join(term.grouping)
        values |= {
            f"icc {name}": icc,
            f"icc low {name}": special.expit(logit - reach * error),
            f"icc high {name}": special.expit(logit + reach * error),
        }
    return values
