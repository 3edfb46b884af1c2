"""How far the covariance of the r scores of an error stratum is from a sphere, and what to multiply df with.

With S the residual cross-products of the scores of one response, and d residual degrees of freedom per score:

- Greenhouse and Geisser (1959): ε = tr(S)² / (r tr(S²)), between 1/r and 1.
- Huynh and Feldt (1976), corrected by Lecoutre (1991): ((d+1) r ε − 2) / (r (d − r ε)); may exceed 1.
- Mauchly (1940): W = det(S) / (tr(S)/r)^r, p from the second-order chi-square series of Anderson (2003), §10.7.4.

Without a covariate d is subjects less groups; a covariate's common slope takes 1/r from it.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from cuecircuit.arrays import Array, Float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sphericity:
    """Epsilons and Mauchly's test per response; `eps_hf` may exceed 1, tests use at most 1.

    Mauchly's test is NaN where the scores have fewer residual degrees of freedom than there are scores.
    """

    eps_gg: Float[Array, "response"]
    eps_hf: Float[Array, "response"]
    mauchly_w: Float[Array, "response"]
    mauchly_p: Float[Array, "response"]


def cross_products(scores: Float[Array, "subject score response"]) -> Float[Array, "score score response"]:
    """Sums of products over subjects, for every response."""
    n_scores, n_responses = scores.shape[1:]
    products = np.empty((n_scores, n_scores, n_responses))
    for i in range(n_scores):
        row = np.einsum("nb,njb->jb", scores[:, i], scores[:, i:])
        products[i, i:] = row
        products[i:, i] = row
    return products


def sphericity(s: Float[Array, "score score response"], df_per_score: float) -> Sphericity:
    """Estimate both ε and test sphericity from residual cross-products; NaN where they are all zero."""
    r = s.shape[0]
    trace = np.einsum("iib->b", s)
    with np.errstate(divide="ignore", invalid="ignore"):
        eps_gg = trace**2 / (r * np.einsum("ijb,ijb->b", s, s))
        eps_hf = ((df_per_score + 1) * r * eps_gg - 2) / (r * (df_per_score - r * eps_gg))
        w = np.linalg.det(np.moveaxis(s, 2, 0)) / (trace / r) ** r
    if df_per_score < r:
        w = np.full_like(w, np.nan)
    return Sphericity(eps_gg=eps_gg, eps_hf=eps_hf, mauchly_w=w, mauchly_p=_mauchly_p(w, r, df_per_score))


def _mauchly_p(w: Float[Array, "response"], r: int, df: float) -> Float[Array, "response"]:
    rho = 1 - (2 * r**2 + r + 2) / (6 * r * df)
    second = (r + 2) * (r - 1) * (r - 2) * (2 * r**3 + 6 * r**2 + 3 * r + 2) / (288 * (df * r * rho) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        chi2 = -df * rho * np.log(w)
    f = r * (r + 1) / 2 - 1
    first = special.chdtrc(f, chi2)
    return first + second * (special.chdtrc(f + 4, chi2) - first)
