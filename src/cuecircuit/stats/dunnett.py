"""Tail of the largest |t| among comparisons with one reference (Dunnett 1955), by quadrature.

Comparisons that share a reference have correlations of product form, ρ_ij = λ_i λ_j. Given the reference's deviate
z and the scale s = χ_df/√df they are independent, so

    P(max |T| > q) = 1 − ∫ f(s) ∫ φ(z) Π_i [Φ((q s − λ_i z)/√(1−λ_i²)) − Φ((−q s − λ_i z)/√(1−λ_i²))] dz ds.

Both integrals are Gauss–Legendre sums over the range that holds all but 1e-15 of the mass.
"""

from functools import cache

import numpy as np
from scipy import special, stats

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError


def dunnett_p(q: float, correlation: Float[Array, "test test"], df: int | float) -> float:
    """Return the probability that the largest |t| of the family exceeds `q`.

    Raises:
        DesignError: the comparisons do not share a reference (correlations not of product form).
    """
    loading = _loadings(correlation)
    nodes, weights = _legendre()
    z, s_low, s_high = 8.3 * nodes, *np.sqrt(stats.chi2.ppf([1e-16, 1 - 1e-15], df) / df)
    s = (s_high + s_low) / 2 + (s_high - s_low) / 2 * nodes
    s_density = stats.chi.pdf(s * np.sqrt(df), df) * np.sqrt(df) * (s_high - s_low) / 2 * weights
    z_density = stats.norm.pdf(z) * 8.3 * weights
    spread = np.sqrt(1 - loading**2)
    shift = (loading / spread)[:, None, None] * z
    bound = q * s[:, None] / spread[:, None, None]
    inside = np.prod(special.ndtr(bound - shift) - special.ndtr(-bound - shift), axis=0)
    return float(s_density @ (1 - inside) @ z_density)


@cache
def _legendre() -> tuple[Float[Array, "node"], Float[Array, "node"]]:
    return np.polynomial.legendre.leggauss(96)


def _loadings(correlation: Float[Array, "test test"]) -> Float[Array, "test"]:
    m = len(correlation)
    if m == 1:
        return np.zeros(1)
    if m == 2:
        loading = np.full(2, np.sqrt(abs(correlation[0, 1])))
    else:
        # λ_i² = ρ_ij ρ_ik / ρ_jk with the two tests that follow i
        i = np.arange(m)
        j, k = (i + 1) % m, (i + 2) % m
        product, shared = correlation[i, j] * correlation[i, k], correlation[j, k]
        loading = np.sqrt(np.abs(np.divide(product, shared, out=np.zeros(m), where=shared != 0)))
    loading = loading * np.where(correlation[0] < 0, -1.0, 1.0)
    implied = np.outer(loading, loading)
    np.fill_diagonal(implied, 1.0)
    # weights are ratios of small integers: 1e-8 is far above rounding, far below any real difference
    if not np.allclose(implied, correlation, atol=1e-8) or np.any(np.abs(loading) > 1 - 1e-8):
        raise DesignError("comparisons: Dunnett needs comparisons with one shared reference; use holm for others")
    return loading
