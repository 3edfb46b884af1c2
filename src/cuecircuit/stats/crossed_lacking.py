"""Responses of a crossed design that lack rows, fitted side by side whichever rows these are.

A fixed column that is 1 in a missing row takes the row out of the likelihood (`mixed_lacking`). With B the orthonormal
directions that random effects reach (u = B'y), the form of two responses or columns v, w is

    v'Pw = v'w − v'XX'w − v'BB'w + v'B H⁻¹ B'w.

Forms of y and of the columns E of missing rows, with (X'W⁻¹X)⁻¹ = C and the GLS coefficients X'v − T B'v of each,
make one matrix, [−C, L; L', A]. Less its rows and columns of E (a Schur complement) it holds −C, β̂ and q of the rows
that are left, and log|E'PE| adds to g. H⁻¹, C and T come from the design's table as for complete responses.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.stats.crossed_design import (
    Criterion,
    CrossedDesign,
    crossed_residuals,
    exact_fixed,
    inverses,
    log_det_slopes,
    response_chunks,
)
from cuecircuit.stats.crossed_fit import (
    EXACT_LOWEST,
    START,
    CrossedFit,
    inside,
    joined,
    minimize,
    routes,
    table_of,
)
from cuecircuit.stats.crossed_shrinkage import by_shrinkage, chained, shrinkage_slopes, to_psi, to_shrinkage
from cuecircuit.stats.crossed_table import (
    LOWEST,
    CrossedTable,
    chebyshev,
    gradient_and_hessian,
    log_det,
    series_slopes,
    table_fixed,
)
from cuecircuit.stats.mixed_df import FixedCovariance
from cuecircuit.stats.mixed_sums import ScaledResiduals


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slopes:
    """Matrices of responses with first and second derivatives in the variances: (response, *variance, row, column)."""

    value: Array
    first: Array
    second: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossedLacking:
    """Scaled residuals of responses that lack rows, where they are 0; `vectors` are B' of each and of its missing rows.

    `constant` are the parts of the forms that do not depend on the variances, `x` the columns' own part of L.
    """

    design: CrossedDesign
    basis: Float[Array, "observation column"]
    residuals: ScaledResiduals
    missing: Int[Array, "response lost"]
    vectors: Float[Array, "response vector coordinate"]
    constant: Float[Array, "response vector vector"]
    x: Float[Array, "response column vector"]

    @property
    def n_left(self) -> int:
        """Rows that are there less fixed columns."""
        return self.design.n_left - self.missing.shape[1]


def crossed_lacking(
    residuals: ScaledResiduals,
    missing: Int[Array, "response lost"],
    design: CrossedDesign,
    basis: Float[Array, "observation column"],
) -> CrossedLacking:
    """Prepare responses less their least-squares fit, 0 in the rows that are missing."""
    (n, k), p = missing.shape, basis.shape[1]
    directions = design.z @ design.turn
    directions -= basis @ (basis.T @ directions)
    vectors = np.concatenate([(directions.T @ residuals.values).T[:, None], directions[missing]], axis=1)
    constant = -vectors @ vectors.swapaxes(1, 2)
    constant[:, 0, 0] += np.einsum("nv,nv->v", residuals.values, residuals.values)
    constant[:, 1:, 1:] += np.eye(k) - basis[missing] @ basis[missing].swapaxes(1, 2)
    x = np.zeros((n, p, 1 + k))
    x[:, :, 1:] = basis[missing].swapaxes(1, 2)
    return CrossedLacking(
        design=design,
        basis=basis,
        residuals=residuals,
        missing=missing,
        vectors=vectors,
        constant=constant,
        x=x,
    )


def fit_crossed_lacking(prepared: CrossedLacking, part: Int[Array, "part"]) -> CrossedFit:
    """Minimize −2 log L of some responses."""
    design, n_left = prepared.design, prepared.n_left
    x, converged = np.full((len(part), len(design.per_level)), START), np.zeros(len(part), bool)
    table = table_of(len(part), design)
    if table is not None:
        series = _series(prepared, part, table)
        constant = prepared.constant[part]
        x, converged = minimize(
            lambda x, rows, table=table: _criterion(*_read(x, series[rows], constant[rows], table)), x, n_left, LOWEST
        )
    doubtful = np.flatnonzero(~converged | ~inside(x))
    for chunk in response_chunks(len(doubtful), design):
        doubted = doubtful[chunk]
        x[doubted], converged[doubted] = minimize(
            lambda x, rows, own=doubted: _exact_by_shrinkage(x, part[own[rows]], prepared),
            x[doubted],
            n_left,
            EXACT_LOWEST,
        )
    psi = to_psi(x, design)
    at, shift = [], np.empty((len(part), prepared.basis.shape[1]))
    for rows, table in routes(psi, design):
        form, g = _form(psi[rows], part[rows], prepared, table)
        swept, added = _without(form, prepared.missing.shape[1])
        at.append((rows, _criterion_of(_block(swept, slice(-1, None)), _added(g, added))))
        shift[rows] = swept.value[:, :-1, -1]
    return CrossedFit(psi=psi, at=joined(at, len(psi)), shift=shift, converged=converged)


def lacking_covariance(
    psi: Float[Array, "part term"], part: Int[Array, "part"], prepared: CrossedLacking
) -> FixedCovariance:
    """Evaluate C of the rows that are left, of some responses."""
    parts = []
    for rows, table in routes(psi, prepared.design):
        form, g = _form(psi[rows], part[rows], prepared, table)
        swept, added = _without(form, prepared.missing.shape[1])
        inner, (_, dg, d2g) = _block(swept, slice(None, -1)), _added(g, added)
        parts.append((rows, FixedCovariance(c=-inner.value, dc=-inner.first, d2c=-inner.second, dg=dg, d2g=d2g)))
    return joined(parts, len(psi))


def lacking_residuals(
    psi: Float[Array, "part term"], part: Int[Array, "part"], prepared: CrossedLacking
) -> Float[Array, "observation part"]:
    """Return what fixed and random effects leave of scaled residuals, NaN in missing rows."""
    design, values, columns = prepared.design, prepared.residuals.values[:, part].copy(), np.arange(len(part))[:, None]
    u, missing = np.empty((len(design.turn.T), len(part))), prepared.missing[part]
    for rows, table in routes(psi, design):
        form = _form(psi[rows], part[rows], prepared, table)[0].value[:, -missing.shape[1] - 1 :, :]
        filling = np.linalg.solve(form[:, 1:, -missing.shape[1] :], form[:, 1:, -missing.shape[1] - 1][:, :, None])
        values[missing[rows], rows[:, None]] = -filling[:, :, 0]
        vectors = prepared.vectors[part[rows]]
        u[:, rows] = (vectors[:, 0] - (filling.swapaxes(1, 2) @ vectors[:, 1:])[:, 0]).T
    values -= prepared.basis @ (prepared.basis.T @ values)
    left = crossed_residuals(values, prepared.basis, u, psi, design)
    left[missing, columns] = np.nan
    return left


def _without(form: Slopes, k: int) -> tuple[Slopes, tuple[Array, Array, Array]]:
    """Take the last k rows and columns out of forms, and give log|·| of their block with its derivatives."""

    def turned(values: Array) -> Array:
        return values.swapaxes(-1, -2)

    def parts(values: Array) -> tuple[Array, Array, Array]:
        return values[..., :-k, :-k], values[..., :-k, -k:], values[..., -k:, -k:]

    (q, r, s), (dq, dr, ds), (d2q, d2r, d2s) = parts(form.value), parts(form.first), parts(form.second)
    inverse = np.linalg.inv(s)
    w = r @ inverse
    one, two = w[:, None], w[:, None, None]
    pull = dr - one @ ds
    cross = (pull @ inverse[:, None])[:, :, None] @ turned(pull)[:, None]
    along, bent = dr @ turned(one), d2r @ turned(two)
    solved = inverse[:, None] @ ds
    added = (
        np.linalg.slogdet(s)[1],
        np.trace(solved, axis1=2, axis2=3),
        np.trace(inverse[:, None, None] @ d2s, axis1=3, axis2=4) - np.einsum("viab,vjba->vij", solved, solved),
    )
    swept = Slopes(
        value=q - w @ turned(r),
        first=dq - along - turned(along) + one @ ds @ turned(one),
        second=d2q - bent - turned(bent) + two @ d2s @ turned(two) - cross - turned(cross),
    )
    return swept, added


def _block(form: Slopes, own: slice) -> Slopes:
    return Slopes(value=form.value[..., own, own], first=form.first[..., own, own], second=form.second[..., own, own])


def _added(one: tuple[Array, Array, Array], other: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _criterion(form: Slopes, g: tuple[Array, Array, Array]) -> Criterion:
    swept, added = _without(form, form.value.shape[-1] - 1)
    return _criterion_of(swept, _added(g, added))


def _criterion_of(q: Slopes, g: tuple[Array, Array, Array]) -> Criterion:
    return Criterion(q=q.value[..., 0, 0], dq=q.first[..., 0, 0], d2q=q.second[..., 0, 0], g=g[0], dg=g[1], d2g=g[2])


def _series(prepared: CrossedLacking, part: Int[Array, "part"], table: CrossedTable) -> Array:
    """Chebyshev coefficients of the vectors' forms in H⁻¹, responses first."""
    vectors = prepared.vectors[part]
    forms = np.stack([vectors @ matrix @ vectors.swapaxes(1, 2) for matrix in table.matrices], axis=1)
    return np.moveaxis(np.tensordot(table.weights, forms, axes=(-1, 1)), len(prepared.design.per_level), 0)


def _read(
    x: Float[Array, "response term"], series: Array, constant: Array, table: CrossedTable
) -> tuple[Slopes, tuple[Array, Array, Array]]:
    """Read A and g from the table, with derivatives in x."""
    t = chebyshev(x, table.log_det.shape[0] - 1)
    value, first, second = gradient_and_hessian(series_slopes(series, t))
    return Slopes(value=value + constant, first=first, second=second), log_det(x, t, table)


def _exact_by_shrinkage(
    x: Float[Array, "response term"], part: Int[Array, "response"], prepared: CrossedLacking
) -> Criterion:
    psi = to_psi(x, prepared.design)
    inverse = inverses(psi, prepared.design)
    forms = _exact_forms(inverse, part, prepared)
    return by_shrinkage(_criterion(forms, _exact_log_det(inverse, prepared.design)), psi, prepared.design)


def _exact_log_det(inverse: Array, design: CrossedDesign) -> tuple[Array, Array, Array]:
    return -np.linalg.slogdet(inverse)[1], *log_det_slopes(inverse, design)


def _exact_forms(inverse: Array, part: Int[Array, "response"], prepared: CrossedLacking) -> Slopes:
    """A at each response's own ψ, with derivatives in ψ."""
    vectors = prepared.vectors[part]
    a = vectors @ inverse
    pulls = a[:, None] @ prepared.design.generators
    bent = (pulls @ inverse[:, None])[:, :, None] @ pulls.swapaxes(-1, -2)[:, None]
    return Slopes(
        value=prepared.constant[part] + a @ vectors.swapaxes(1, 2),
        first=-pulls @ a.swapaxes(1, 2)[:, None],
        second=bent + bent.swapaxes(-1, -2),
    )


def _form(
    psi: Float[Array, "response term"],
    part: Int[Array, "response"],
    prepared: CrossedLacking,
    table: CrossedTable | None,
) -> tuple[Slopes, tuple[Array, Array, Array]]:
    """[−C, L; L', A] and g of some responses at their ψ, with derivatives in ψ."""
    fixed = exact_fixed(psi, prepared.design) if table is None else table_fixed(psi, table)
    if table is None:
        inverse = inverses(psi, prepared.design)
        a, gls, g = *_exact_parts(psi, inverse, part, prepared), -np.linalg.slogdet(inverse)[1]
    else:
        a, gls, g = _table_parts(psi, part, prepared, table)

    def whole(c: Array, cross: Array, a: Array) -> Array:
        return np.concatenate(
            [np.concatenate([-c, cross], axis=-1), np.concatenate([cross.swapaxes(-1, -2), a], axis=-1)], axis=-2
        )

    form = Slopes(
        value=whole(fixed.c, gls.value, a.value),
        first=whole(fixed.dc, gls.first, a.first),
        second=whole(fixed.d2c, gls.second, a.second),
    )
    return form, (g, fixed.dg, fixed.d2g)


def _exact_parts(psi: Array, inverse: Array, part: Array, prepared: CrossedLacking) -> tuple[Slopes, Slopes]:
    design, vectors = prepared.design, prepared.vectors[part]
    t = np.tensordot(psi, design.fixed, axes=1) @ inverse
    pulls = design.fixed - t[:, None] @ design.generators
    a = vectors @ inverse
    reach = (pulls @ inverse[:, None])[:, :, None] @ (a[:, None] @ design.generators).swapaxes(-1, -2)[:, None]
    gls = Slopes(
        value=prepared.x[part] - t @ vectors.swapaxes(1, 2),
        first=-pulls @ a.swapaxes(1, 2)[:, None],
        second=reach + reach.swapaxes(1, 2),
    )
    return _exact_forms(inverse, part, prepared), gls


def _table_parts(
    psi: Array, part: Array, prepared: CrossedLacking, table: CrossedTable
) -> tuple[Slopes, Slopes, Array]:
    design, m = prepared.design, psi.shape[1]
    x = to_shrinkage(psi, design)
    a, (g, _, _) = _read(x, _series(prepared, part, table), prepared.constant[part], table)
    # T of every vector: coefficients by responses first
    shifts = np.moveaxis(np.tensordot(table.shift, prepared.vectors[part], axes=(-1, -1)), m + 1, 0)
    t = chebyshev(x, table.log_det.shape[0] - 1)
    value, first, second = gradient_and_hessian(series_slopes(shifts, t))
    slopes, bends = shrinkage_slopes(psi, design)
    (da, d2a), (dl, d2l) = chained(a.first, a.second, slopes, bends), chained(-first, -second, slopes, bends)
    gls = Slopes(value=prepared.x[part] - value, first=dl, second=d2l)
    return Slopes(value=a.value, first=da, second=d2a), gls, g
