"""Responses of an error-strata model that each lack subjects of their own, fitted side by side.

What is missing is filled in so that the model leaves nothing of it (the missing-plot method): with Q an orthonormal
basis of a stratum's design, S the rows that a response lacks, 0 in its scores y, and G = I − Q_S Q_S',

    m = G⁻¹ Q_S Q'y   in the rows S.

The other residuals are then those of the model without S, l = Q_T'y the coefficients along a term's directions, and
SS_T = l'(W'W)⁻¹l with W'W = I + Q_TS' G⁻¹ Q_TS, as in `strata_subset`, which leaves the same subjects out of all.

Source: Bartlett (1937), Suppl J R Stat Soc 4:137; Rubin (1972), Appl Stat 21:136.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.stats.strata_design import StrataModel, Stratum, StratumTerm
from cuecircuit.stats.strata_subset import LEAST_LEFT


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LackingSubjects:
    """Subjects that each response lacks, the same number of all, and the group of every subject, counted from 0."""

    missing: Int[Array, "response lost"]
    groups: Int[Array, "subject"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LostRows:
    """Rows S of a stratum that each response lacks, and G⁻¹."""

    rows: Int[Array, "response lost_row"]
    inverse: Float[Array, "response lost_row lost_row"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LackingTerm:
    """Sums of squares of a term, what its standard error is longer by, and the subjects behind its effect."""

    ss: Float[Array, "response"]
    stretch: Float[Array, "response"]
    n: Float[Array, "response"]


def carried(model: StrataModel, missing: Int[Array, "response lost"]) -> Bool[Array, "response"]:
    """Return which responses have subjects that carry every test, well enough for the update to be exact."""
    usable = np.ones(len(missing), bool)
    for stratum in (*model.strata, *model.contrast_strata):
        rows = _rows(stratum, missing)
        usable &= (stratum.df > rows.shape[1]) & (np.linalg.eigvalsh(_left(stratum, rows))[:, 0] >= LEAST_LEFT)
    return usable


def lost_rows(stratum: Stratum, missing: Int[Array, "response lost"]) -> LostRows:
    """Find the rows of the subjects that each response lacks."""
    rows = _rows(stratum, missing)
    return LostRows(rows=rows, inverse=np.linalg.inv(_left(stratum, rows)))


def _rows(stratum: Stratum, missing: Int[Array, "response lost"]) -> Int[Array, "response lost_row"]:
    r = stratum.scores.shape[1]
    return (missing[:, :, None] * r + np.arange(r)).reshape(len(missing), -1)


def _left(stratum: Stratum, rows: Int[Array, "response lost_row"]) -> Float[Array, "response lost_row lost_row"]:
    lost = stratum.basis[rows]
    return np.eye(rows.shape[1]) - lost @ lost.swapaxes(1, 2)


def fill_in(scores: Float[Array, "row response"], stratum: Stratum, lost: LostRows) -> None:
    """Put into missing rows, which are 0, what the model leaves nothing of."""
    predicted = stratum.basis[lost.rows] @ (stratum.basis.T @ scores).T[:, :, None]
    scores[lost.rows, np.arange(scores.shape[1])[:, None]] = (lost.inverse @ predicted)[:, :, 0]


def lacking_term(
    term: StratumTerm,
    lengths: Float[Array, "direction response"],
    stratum: Stratum,
    lost: LostRows,
    groups: Int[Array, "subject"],
) -> LackingTerm:
    """Sum up a term of responses that are filled in; `lengths` are Q_T'y."""
    lost_basis = term.basis[lost.rows]
    weights = lost.inverse @ lost_basis
    square = np.eye(lost_basis.shape[2]) + lost_basis.swapaxes(1, 2) @ weights
    return LackingTerm(
        ss=np.einsum("qb,bq->b", lengths, np.linalg.solve(square, lengths.T[:, :, None])[:, :, 0]),
        stretch=np.sqrt(square[:, 0, 0]),
        n=_subjects_behind(term, stratum, groups, lost, weights[:, :, 0], square[:, 0, 0]),
    )


def _subjects_behind(
    term: StratumTerm,
    stratum: Stratum,
    groups: Int[Array, "subject"],
    lost: LostRows,
    weights: Float[Array, "response lost_row"],
    square: Float[Array, "response"],
) -> Float[Array, "response"]:
    """Count as `strata_design.subjects_behind` does, the directions W in the rows that are left."""
    n, r, one = len(weights), stratum.scores.shape[1], term.basis.shape[1] == 1
    if term.is_slope:
        return np.full(n, float(len(term.basis) - lost.rows.shape[1]) if one else np.nan)
    of_group = np.eye(groups.max() + 1)[groups]
    gone = of_group[lost.rows // r]
    if one:
        reach = np.einsum("blp,bl->bp", stratum.basis[lost.rows], weights) @ stratum.basis.T @ of_group
        sums = term.basis[:, 0] @ of_group + reach - np.einsum("blg,bl->bg", gone, weights)
        return np.maximum(np.maximum(sums, 0).sum(axis=1), np.maximum(-sums, 0).sum(axis=1)) ** 2 / square
    counts = of_group.sum(axis=0) - gone.sum(axis=1) / r
    there = counts > 0
    return there.sum(axis=1) ** 2 / np.where(there, 1 / np.where(there, counts, 1), 0).sum(axis=1) / term.levels
