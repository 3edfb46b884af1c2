"""One table of a crossed design for all its responses: H(ψ)⁻¹, log|H|, C and T as Chebyshev series.

They depend on the variances alone, so they are evaluated exactly at a grid of nodes once. Their coordinates are
shrinkage factors x (`crossed_shrinkage`), in which those of a balanced design are polynomials.
H⁻¹ = Σ_e w_e(x) B_e by the singular values of its nodes, so that a response needs only the numbers u'B_e u; w_e, T,
C Πx_j and g + Σ n_j log x_j, n_j = rank(K'Z_j), are smooth up to the corners. The degree is the lowest that meets a
tolerance at points between the nodes; a design that none meets (a direction that terms of two crossed groupings
share is no polynomial) has no table, and each of its responses is evaluated exactly (`crossed_design`).

Source: Trefethen (2013), Approximation theory and approximation practice, chapters 3 and 4, on the series.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.stats.crossed_design import (
    Criterion,
    CrossedDesign,
    exact_criterion,
    exact_fixed,
    exact_shift,
    inverses,
)
from cuecircuit.stats.crossed_shrinkage import chained, shrinkage_slopes, to_psi, to_shrinkage
from cuecircuit.stats.mixed_df import FixedCovariance

# shrinkage below which a response is fitted exactly: a variance of means 99 times that of the finer ones
LOWEST = 0.01
# assumed: relative error of q, g and C between the nodes that leaves F and degrees of freedom right to 1e-5
_TOLERANCE = 1e-7
_DEGREES, _MOST_NODES = (2, 4, 6, 8), 800
# singular values of the nodes' H⁻¹ below this share of the largest
_RANK = 1e-11


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossedTable:
    """Chebyshev coefficients, axes of the terms first, each of `degree` + 1 orders.

    `matrices` are the B_e, `weights` the w_e, `log_det` is g + Σ n_j log x_j, `covariance` C Πx_j, `shift` T.
    """

    design: CrossedDesign
    matrices: Float[Array, "element coordinate coordinate"]
    weights: Array
    log_det: Array
    covariance: Array
    shift: Array


@lru_cache(maxsize=4)
def crossed_table(design: CrossedDesign) -> CrossedTable | None:
    """Tabulate a design to the lowest degree that will do; None where none does."""
    for degree in _DEGREES:
        if (degree + 1) ** len(design.per_level) > _MOST_NODES:
            return None
        table = _tabulated(design, degree)
        if table_error(table) < _TOLERANCE:
            return table
    return None


def _tabulated(design: CrossedDesign, degree: int) -> CrossedTable:
    m, r = len(design.per_level), design.turn.shape[1]
    angles = np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1)
    x = LOWEST + (np.array(list(product(np.cos(angles), repeat=m))) + 1) / 2 * (1 - LOWEST)
    psi = to_psi(x, design)
    lower = np.tril_indices(r)
    # the sum of squares of the lower triangle is that of the matrix
    root = np.where(lower[0] == lower[1], 1.0, np.sqrt(2.0))
    snapshots, log_det = np.empty((len(x), len(root))), np.empty(len(x))
    covariance, shift = [], []
    for node in range(len(x)):
        inverse = inverses(psi[node : node + 1], design)[0]
        snapshots[node] = inverse[lower] * root
        log_det[node] = -np.linalg.slogdet(inverse)[1]
        t = np.tensordot(psi[node], design.fixed, axes=1) @ inverse
        form = np.tensordot(psi[node], design.fixed_forms, axes=1)
        covariance.append(np.eye(len(t)) + form - t @ np.tensordot(psi[node], design.fixed, axes=1).T)
        shift.append(t)
    left, size, right = np.linalg.svd(snapshots, full_matrices=False)
    kept = size > _RANK * size[0]
    matrices = np.zeros((kept.sum(), r, r))
    matrices[:, lower[0], lower[1]] = right[kept] / root
    matrices[:, lower[1], lower[0]] = right[kept] / root
    rule = 2 / (degree + 1) * np.cos(np.outer(np.arange(degree + 1), angles))
    rule[0] /= 2

    def series(values: Array) -> Array:
        shaped = values.reshape((degree + 1,) * m + values.shape[1:])
        for axis in range(m):
            shaped = np.moveaxis(np.tensordot(rule, shaped, axes=(1, axis)), 0, axis)
        return np.ascontiguousarray(shaped)

    return CrossedTable(
        design=design,
        matrices=matrices,
        weights=series(left[:, kept] * size[kept]),
        log_det=series(log_det + np.log(x) @ design.ranks),
        covariance=series(np.array(covariance) * np.prod(x, axis=1)[:, None, None]),
        shift=series(np.array(shift)),
    )


def table_error(table: CrossedTable) -> float:
    """Find the largest relative error of q, g, C and T u between the nodes, at points inside and on the borders."""
    design, rng = table.design, np.random.default_rng(0)
    x = rng.uniform(LOWEST, 1, (12, len(design.per_level)))
    x = np.where(rng.random(x.shape) < 0.2, 1.0, np.where(rng.random(x.shape) < 0.2, 2 * LOWEST, x))
    psi, u = to_psi(x, design), rng.standard_normal((design.turn.shape[1], len(x)))
    none = np.zeros(len(x))
    exact, tabled = exact_criterion(psi, u, none, design), table_criterion(x, quadratics(u, table), none, table)
    c, c_found = exact_fixed(psi, design).c, table_fixed(psi, table).c
    size = np.sqrt(np.einsum("vpp->vp", c))
    shift = exact_shift(psi, u, design) - table_shift(x, u, table)
    errors = (
        (tabled.q - exact.q) / exact.q,
        (tabled.g - exact.g) / design.n_left,
        (c_found - c) / (size[:, :, None] * size[:, None, :]),
        shift / (size * np.sqrt(exact.q / len(u))[:, None]),
    )
    return max(float(np.abs(error).max()) for error in errors)


def quadratics(u: Float[Array, "coordinate response"], table: CrossedTable) -> Array:
    """Chebyshev coefficients of u'H⁻¹u, responses first."""
    forms = np.stack([np.einsum("rv,rv->v", u, matrix @ u) for matrix in table.matrices], axis=1)
    return np.moveaxis(np.tensordot(table.weights, forms, axes=(-1, 1)), -1, 0)


def chebyshev(x: Float[Array, "response term"], degree: int) -> Float[Array, "derivative term response order"]:
    """T_k of each coordinate with first and second derivatives in x."""
    half = (1 - LOWEST) / 2
    z = (x.T - LOWEST) / half - 1
    t = np.zeros((3, *z.shape, degree + 1))
    t[0, :, :, 0] = 1
    t[0, :, :, 1], t[1, :, :, 1] = z, 1
    for k in range(2, degree + 1):
        t[0, :, :, k] = 2 * z * t[0, :, :, k - 1] - t[0, :, :, k - 2]
        for order in (1, 2):
            t[order, :, :, k] = (
                2 * z * t[order, :, :, k - 1] - t[order, :, :, k - 2] + 2 * order * t[order - 1, :, :, k - 1]
            )
    return t / half ** np.arange(3)[:, None, None, None]


def series_slopes(coefficients: Array, t: Array, most: int = 2) -> Mapping[tuple[int, ...], Array]:
    """Sum a series with its derivatives up to order `most`, keyed by orders per term.

    Args:
        coefficients: responses first (one for all where they share them), then orders term by term.
        t: of `chebyshev`.
        most: highest total order.
    """
    slopes: dict[tuple[int, ...], Array] = {(): coefficients}
    for term in range(t.shape[1]):
        step = {}
        for orders, values in slopes.items():
            flat = values.reshape(*values.shape[:2], -1)
            for order in range(most - sum(orders) + 1):
                order_slopes = t[order, term]
                reduced = order_slopes @ flat[0] if len(flat) == 1 else (order_slopes[:, None, :] @ flat)[:, 0]
                step[(*orders, order)] = reduced.reshape(-1, *values.shape[2:])
        slopes = step
    return slopes


def gradient_and_hessian(slopes: Mapping[tuple[int, ...], Array]) -> tuple[Array, Array, Array]:
    """Value, gradient and Hessian of summed series, responses first, then terms."""
    m = len(next(iter(slopes)))
    unit = np.eye(m, dtype=int)
    gradient = np.stack([slopes[tuple(row)] for row in unit.tolist()], axis=1)
    rows = [np.stack([slopes[tuple((unit[i] + unit[j]).tolist())] for j in range(m)], axis=1) for i in range(m)]
    hessian = np.stack(rows, axis=1)
    return slopes[(0,) * m], gradient, hessian


def table_criterion(
    x: Float[Array, "response term"], forms: Array, s0: Float[Array, "response"], table: CrossedTable
) -> Criterion:
    """Read q and g from the table, with derivatives in x.

    Args:
        x: of each response.
        forms: of `quadratics`.
        s0: what u leaves of y'KK'y.
        table: of the design.
    """
    t = chebyshev(x, table.log_det.shape[0] - 1)
    q, dq, d2q = gradient_and_hessian(series_slopes(forms, t))
    g, dg, d2g = log_det(x, t, table)
    return Criterion(q=q + s0, dq=dq, d2q=d2q, g=g, dg=dg, d2g=d2g)


def log_det(x: Float[Array, "response term"], t: Array, table: CrossedTable) -> tuple[Array, Array, Array]:
    """Read g from the table, with derivatives in x."""
    g, dg, d2g = gradient_and_hessian(series_slopes(table.log_det[None], t))
    ranks = table.design.ranks
    return g - np.log(x) @ ranks, dg - ranks / x, d2g + np.eye(len(ranks)) * (ranks / x**2)[:, None, :]


def table_fixed(psi: Float[Array, "response term"], table: CrossedTable) -> FixedCovariance:
    """Read C from the table, with derivatives in ψ."""
    x, m = to_shrinkage(psi, table.design), psi.shape[1]
    t = chebyshev(x, table.log_det.shape[0] - 1)
    c, dc, d2c = gradient_and_hessian(series_slopes(table.covariance[None], t))
    _, dg, d2g = log_det(x, t, table)
    # 1/Πx and its derivatives by x, with the axes of C behind
    scale = 1 / np.prod(x, axis=1)
    slope = (-scale[:, None] / x)[:, :, None, None]
    bend = (scale[:, None, None] / (x[:, :, None] * x[:, None, :]) * (1 + np.eye(m)))[..., None, None]
    scale = scale[:, None, None]
    cross = slope[:, :, None] * dc[:, None]
    d2c = scale[:, None, None] * d2c + cross + np.swapaxes(cross, 1, 2) + bend * c[:, None, None]
    dc = scale[:, None] * dc + slope * c[:, None]
    slopes, bends = shrinkage_slopes(psi, table.design)
    (dc, d2c), (dg, d2g) = chained(dc, d2c, slopes, bends), chained(dg, d2g, slopes, bends)
    return FixedCovariance(c=scale * c, dc=dc, d2c=d2c, dg=dg, d2g=d2g)


def table_shift(
    x: Float[Array, "response term"], u: Float[Array, "coordinate response"], table: CrossedTable
) -> Float[Array, "response column"]:
    """Read β̂ less the least-squares coefficients, −T u."""
    m, t = x.shape[1], chebyshev(x, table.log_det.shape[0] - 1)
    shift = np.moveaxis(table.shift @ u, -1, 0)
    return -series_slopes(shift, t, most=0)[(0,) * m]
