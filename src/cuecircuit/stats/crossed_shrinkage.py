"""Coordinates of the variances in which a balanced crossed design is polynomial: shrinkage factors.

With d_j observations per level of term j and sums over terms i whose levels are nested in those of j, itself included,

    μ_j = 1 + Σ_i d_iψ_i,    x_j = (μ_j − d_jψ_j)/μ_j,    0 < x_j ≤ 1,    x_j = 1 where ψ_j = 0.

Derivatives have responses first, then terms.
"""

from dataclasses import replace

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.stats.crossed_design import Criterion, CrossedDesign


def to_shrinkage(psi: Float[Array, "response term"], design: CrossedDesign) -> Float[Array, "response term"]:
    """x of ψ."""
    share = psi * design.per_level
    mu = 1 + share @ design.within.T
    return (mu - share) / mu


def to_psi(x: Float[Array, "response term"], design: CrossedDesign) -> Float[Array, "response term"]:
    """ψ of x, from the finest terms on."""
    share = np.zeros_like(x)
    for j in np.argsort(design.within.sum(axis=1), kind="stable"):
        finer = 1 + share @ design.within[j]
        share[:, j] = finer * (1 / x[:, j] - 1)
    return share / design.per_level


def shrinkage_slopes(
    psi: Float[Array, "response term"], design: CrossedDesign
) -> tuple[Float[Array, "response term term"], Float[Array, "response term term term"]]:
    """∂x_j/∂ψ_i and ∂²x_j/∂ψ_i∂ψ_k."""
    x, d = to_shrinkage(psi, design), design.per_level
    mu = 1 + (psi * d) @ design.within.T
    below = design.within.astype(float)
    finer = below - np.eye(len(d))
    slope = d * (finer - x[:, :, None] * below) / mu[:, :, None]
    cross = finer[:, :, None] * below[:, None, :]
    both = below[:, :, None] * below[:, None, :]
    bend = -d[:, None] * d * (cross + np.swapaxes(cross, 1, 2) - 2 * x[:, :, None, None] * both)
    return slope, bend / mu[:, :, None, None] ** 2


def chained(first: Array, second: Array, slopes: Array, bends: Array) -> tuple[Array, Array]:
    """Derivatives by ψ of what has these first and second derivatives by x (axes of its own last)."""
    by_psi = np.einsum("vj...,vji->vi...", first, slopes)
    twice = np.einsum("vji,vjk...,vkl->vil...", slopes, second, slopes, optimize=True)
    return by_psi, twice + np.einsum("vj...,vjil->vil...", first, bends)


def by_psi(at: Criterion, psi: Float[Array, "response term"], design: CrossedDesign) -> Criterion:
    """Turn derivatives by x into those by ψ."""
    slopes, bends = shrinkage_slopes(psi, design)
    dq, d2q = chained(at.dq, at.d2q, slopes, bends)
    dg, d2g = chained(at.dg, at.d2g, slopes, bends)
    return replace(at, dq=dq, d2q=d2q, dg=dg, d2g=d2g)


def by_shrinkage(at: Criterion, psi: Float[Array, "response term"], design: CrossedDesign) -> Criterion:
    """Turn derivatives by ψ into those by x."""
    slopes, bends = shrinkage_slopes(psi, design)
    inverse = np.linalg.inv(slopes)

    def turned(first: Array, second: Array) -> tuple[Array, Array]:
        by_x = np.einsum("vi,vij->vj", first, inverse)
        left = second - np.einsum("vj,vjil->vil", by_x, bends)
        return by_x, np.swapaxes(inverse, 1, 2) @ left @ inverse

    (dq, d2q), (dg, d2g) = turned(at.dq, at.d2q), turned(at.dg, at.d2g)
    return replace(at, dq=dq, d2q=d2q, dg=dg, d2g=d2g)
