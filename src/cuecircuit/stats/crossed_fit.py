"""Newton's method for the variances of crossed random intercepts, all responses at a time, in shrinkage coordinates.

Where the design has a table (`crossed_table`) and responses are many, the criterion is read from it. Responses whose
variances lie beyond it, and all those of a design without table, are fitted by exact evaluations.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.stats.crossed_design import (
    Criterion,
    CrossedDesign,
    exact_criterion,
    exact_fixed,
    exact_shift,
    response_chunks,
)
from cuecircuit.stats.crossed_shrinkage import by_psi, by_shrinkage, to_psi, to_shrinkage
from cuecircuit.stats.crossed_table import (
    LOWEST,
    CrossedTable,
    crossed_table,
    quadratics,
    table_criterion,
    table_fixed,
    table_shift,
)
from cuecircuit.stats.mixed_df import FixedCovariance

# a table costs about as much as exact fits of so many responses
_FEWEST = 30
# shrinkage at which variances of means are a million times those of finer ones: nothing is left for error
EXACT_LOWEST = 1e-6
START = 0.6
_MAX_STEPS = 100
# a full step in x that ends the iteration, a shortened one that gives it up, and how near to a bound counts as there
_SMALL, _SHORTEST, _AT_BOUND = 1e-9, 1e-6, 1e-6
# a rise of the criterion that is rounding, in itself and relative to it
_ROUNDING = (1e-9, 1e-13)

Record = TypeVar("Record", Criterion, FixedCovariance)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossedFit:
    """Variances of responses, the criterion there by ψ, and β̂ less its least-squares value."""

    psi: Float[Array, "response term"]
    at: Criterion
    shift: Float[Array, "response column"]
    converged: Bool[Array, "response"]


def fit_crossed(
    u: Float[Array, "coordinate response"], s0: Float[Array, "response"], design: CrossedDesign
) -> CrossedFit:
    """Minimize −2 log L of every response.

    Args:
        u: coordinates of responses less their least-squares fit.
        s0: squares that u leaves.
        design: reduced design.
    """
    x, converged = np.full((len(s0), len(design.per_level)), START), np.zeros(len(s0), bool)
    table = table_of(len(s0), design)
    if table is not None:
        forms = quadratics(u, table)
        x, converged = minimize(
            lambda x, rows: table_criterion(x, forms[rows], s0[rows], table), x, design.n_left, LOWEST
        )
    doubtful = np.flatnonzero(~converged | ~inside(x))
    for part in response_chunks(len(doubtful), design):
        doubted = doubtful[part]
        x[doubted], converged[doubted] = minimize(
            lambda x, rows, own=doubted: _exact_by_shrinkage(x, u[:, own[rows]], s0[own[rows]], design),
            x[doubted],
            design.n_left,
            EXACT_LOWEST,
        )
    return _at_minimum(to_psi(x, design), converged, u, s0, design)


def crossed_covariance(psi: Float[Array, "response term"], design: CrossedDesign) -> FixedCovariance:
    """Evaluate C of every response, with derivatives in ψ."""
    parts = [
        (rows, exact_fixed(psi[rows], design) if table is None else table_fixed(psi[rows], table))
        for rows, table in routes(psi, design)
    ]
    return joined(parts, len(psi))


def table_of(n: int, design: CrossedDesign) -> CrossedTable | None:
    """Return the design's table where there are responses enough to make it for."""
    return crossed_table(design) if n >= _FEWEST else None


def inside(x: Float[Array, "response term"]) -> Bool[Array, "response"]:
    """Return which variances a table holds."""
    return np.asarray((x > 1.001 * LOWEST).all(axis=1))


def routes(
    psi: Float[Array, "response term"], design: CrossedDesign
) -> Iterator[tuple[Int[Array, "chosen"], CrossedTable | None]]:
    """Yield the responses that the table has, and the rest in parts that fit into memory."""
    table = table_of(len(psi), design)
    tabled = inside(to_shrinkage(psi, design)) & (table is not None)
    yield from ((np.flatnonzero(~tabled)[part], None) for part in response_chunks(int((~tabled).sum()), design))
    if tabled.any():
        yield np.flatnonzero(tabled), table


def _at_minimum(
    psi: Float[Array, "response term"],
    converged: Bool[Array, "response"],
    u: Float[Array, "coordinate response"],
    s0: Float[Array, "response"],
    design: CrossedDesign,
) -> CrossedFit:
    parts, shift = [], np.empty((len(psi), design.fixed.shape[1]))
    for rows, table in routes(psi, design):
        psi_here, its_u, its_s0 = psi[rows], u[:, rows], s0[rows]
        if table is None:
            parts.append((rows, exact_criterion(psi_here, its_u, its_s0, design)))
            shift[rows] = exact_shift(psi_here, its_u, design)
        else:
            x = to_shrinkage(psi_here, design)
            parts.append((rows, by_psi(table_criterion(x, quadratics(its_u, table), its_s0, table), psi_here, design)))
            shift[rows] = table_shift(x, its_u, table)
    return CrossedFit(psi=psi, at=joined(parts, len(psi)), shift=shift, converged=converged)


def joined(parts: Sequence[tuple[Array, Record]], n: int) -> Record:
    """Put the records of some responses in their places among `n`."""
    kind, values = type(parts[0][1]), {}
    for item in fields(kind):
        values[item.name] = np.empty((n, *getattr(parts[0][1], item.name).shape[1:]))
        for rows, record in parts:
            values[item.name][rows] = getattr(record, item.name)
    return kind(**values)


def _exact_by_shrinkage(
    x: Float[Array, "response term"],
    u: Float[Array, "coordinate response"],
    s0: Float[Array, "response"],
    design: CrossedDesign,
) -> Criterion:
    psi = to_psi(x, design)
    return by_shrinkage(exact_criterion(psi, u, s0, design), psi, design)


def minimize(
    criterion: Callable[[Array, Int[Array, "chosen"]], Criterion],
    start: Float[Array, "response term"],
    n_left: int,
    lowest: float,
) -> tuple[Float[Array, "response term"], Bool[Array, "response"]]:
    """Newton's method within bounds for all responses; steps are shortened where the criterion would rise.

    Args:
        criterion: of some responses at their x, derivatives by x.
        start: x of each response.
        n_left: N − p.
        lowest: bound of x from below; 1 is the one from above.
    """
    v, m = start.shape
    x, step, length = start.copy(), np.zeros((v, m)), np.ones(v)
    best, converged, rows = np.full(v, np.inf), np.zeros(v, bool), np.arange(v)
    for _ in range(_MAX_STEPS):
        trial = np.clip(x[rows] + length[rows, None] * step[rows], lowest, 1.0)
        at = criterion(trial, rows)
        f = at.g + n_left * np.log(np.maximum(at.q, np.finfo(float).tiny))
        lower = f <= best[rows] + _ROUNDING[0] + _ROUNDING[1] * np.abs(f)
        taken = rows[lower]
        x[taken], best[taken], length[taken] = trial[lower], f[lower], 1.0
        step[taken] = _newton_step(trial[lower], at, lower, n_left, lowest)
        length[rows[~lower]] /= 3
        moves = np.abs(np.clip(x[rows] + step[rows], lowest, 1.0) - x[rows]).max(axis=1)
        converged[rows[moves <= _SMALL]] = True
        rows = rows[(moves > _SMALL) & (length[rows] > _SHORTEST)]
        if not rows.size:
            break
    return x, converged


def _newton_step(
    x: Float[Array, "taken term"], at: Criterion, taken: Bool[Array, "response"], n_left: int, lowest: float
) -> Float[Array, "taken term"]:
    slope = at.dq[taken] / at.q[taken, None]
    gradient = at.dg[taken] + n_left * slope
    bend = at.d2q[taken] / at.q[taken, None, None] - slope[:, :, None] * slope[:, None, :]
    up, down = (x > 1 - _AT_BOUND) & (gradient < 0), (x < lowest * (1 + _AT_BOUND)) & (gradient > 0)
    fixed = up | down
    hessian = np.where(fixed[:, :, None] | fixed[:, None, :], 0.0, at.d2g[taken] + n_left * bend)
    hessian += np.eye(x.shape[1]) * fixed[:, :, None]
    values, vectors = np.linalg.eigh(hessian)
    # a saddle is left downhill, by the curvatures' absolute values
    values = np.maximum(np.abs(values), 1e-6 * np.abs(values).max(axis=1, keepdims=True))
    along = np.einsum("vij,vi->vj", vectors, np.where(fixed, 0.0, gradient))
    return np.where(fixed, np.where(up, 1.0, lowest) - x, -np.einsum("vij,vj->vi", vectors, along / values))
