"""How far the covariance of the r scores of an error stratum is from a sphere, and what to multiply df with.

With S the residual cross-products of the scores of one response, and d residual degrees of freedom of a score
(subjects less columns between subjects; a covariate's common slope is taken from S but does not count in d):

- Greenhouse and Geisser (1959): ε = tr(S)² / (r tr(S²)), between 1/r and 1.
- Huynh and Feldt (1976), corrected by Lecoutre (1991): ((d+1) r ε − 2) / (r (d − r ε)); may exceed 1.
- Mauchly (1940): W = det(S) / (tr(S)/r)^r, p from the second-order chi-square series of Anderson (2003), §10.7.4.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from cuecircuit.arrays import Array, Float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sphericity:
    """Epsilons and Mauchly's W per response; `eps_hf` may exceed 1, tests use at most 1.

    W is NaN where the `n_scores` scores have fewer than so many residual degrees of freedom (`df`).
    """

    n_scores: int
    df: float
    eps_gg: Float[Array, "response"]
    eps_hf: Float[Array, "response"]
    mauchly_w: Float[Array, "response"]

    @property
    def mauchly_p(self) -> Float[Array, "response"]:
        """Probability of a smaller W under sphericity."""
        r, df = self.n_scores, self.df
        if df < r:  # as few as make rho 0
            return np.full_like(self.mauchly_w, np.nan)
        rho = 1 - (2 * r**2 + r + 2) / (6 * r * df)
        second = (r + 2) * (r - 1) * (r - 2) * (2 * r**3 + 6 * r**2 + 3 * r + 2) / (288 * (df * r * rho) ** 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            chi2 = -df * rho * np.log(self.mauchly_w)
        f = r * (r + 1) / 2 - 1
        first = special.chdtrc(f, chi2)
        return first + second * (special.chdtrc(f + 4, chi2) - first)


def sphericity(scores: Float[Array, "subject score response"], df: float) -> Sphericity:
    """Estimate both ε and W from residual scores with `df` degrees of freedom each; NaN where they are all zero."""
    r = scores.shape[1]
    s = _cross_products(scores)
    trace = np.einsum("iib->b", s)
    with np.errstate(divide="ignore", invalid="ignore"):
        eps_gg = trace**2 / (r * np.einsum("ijb,ijb->b", s, s))
        eps_hf = ((df + 1) * r * eps_gg - 2) / (r * (df - r * eps_gg))
        w = np.linalg.det(np.moveaxis(s, 2, 0)) / (trace / r) ** r if df >= r else np.full_like(trace, np.nan)
    return Sphericity(n_scores=r, df=df, eps_gg=eps_gg, eps_hf=eps_hf, mauchly_w=w)


def _cross_products(scores: Float[Array, "subject score response"]) -> Float[Array, "score score response"]:
    """Sums of products over subjects, for every response."""
    n_scores, n_responses = scores.shape[1:]
    products = np.empty((n_scores, n_scores, n_responses))
    for i in range(n_scores):
        row = np.einsum("nb,njb->jb", scores[:, i], scores[:, i:])
        products[i, i:] = row
        products[i:, i] = row
    return products
