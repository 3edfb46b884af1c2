"""An error-strata model without some of its subjects, by a small update of the model of all of them.

Rows S that are missing are columns of their own in the model of all rows (the missing-plot method). With Q an
orthonormal basis of a stratum's design, Q_T the directions of a term and G = I − Q_S Q_S', the term's directions
without S are

    W = Q_T + Q Q_S' G⁻¹ Q_TS   in the rows that are left,   W'W = I + Q_TS' G⁻¹ Q_TS,

and W'y are the coefficients along Q_T. So a subset costs some products with matrices as small as what is missing.

Source: Bartlett (1937), Suppl J R Stat Soc 4:137; Rubin (1972), Appl Stat 21:136.
"""

from dataclasses import replace

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.stats.strata_design import StrataModel, Stratum, StratumTerm, group_codes, strata_model, subjects_behind

# share of a direction of the design that must be left for the update to be as exact as the fit itself
LEAST_LEFT = 1e-3


def of_subjects(model: StrataModel, kept: Int[Array, "kept"]) -> StrataModel:
    """Keep some subjects of a model; coding and centers of covariates stay those of all.

    Args:
        model: of all subjects of its design.
        kept: their positions.

    Raises:
        DesignError: these subjects do not carry the tests.
    """
    missing = np.setdiff1d(np.arange(model.n_subjects), kept)
    groups = group_codes(model.design)[kept]
    strata = [_without(each, missing, groups) for each in (*model.strata, *model.contrast_strata)]
    whole = [each for each in strata if each is not None]
    if len(whole) < len(strata):
        # exactly, with what is no longer told apart named
        return strata_model(model.design, contrasts=model.contrasts, subjects=kept)
    n = len(model.strata)
    return replace(model, strata=tuple(whole[:n]), contrast_strata=tuple(whole[n:]), n_subjects=len(kept))


def _without(stratum: Stratum, missing: Int[Array, "missing"], groups: Int[Array, "kept"]) -> Stratum | None:
    r = stratum.scores.shape[1]
    gone = np.zeros(len(stratum.basis), bool)
    gone[(missing[:, None] * r + np.arange(r)).ravel()] = True
    lost, left = stratum.basis[gone], stratum.basis[~gone]
    remaining = np.eye(lost.shape[1]) - lost.T @ lost
    df = stratum.df - int(gone.sum())
    if df < 1 or np.linalg.eigvalsh(remaining)[0] < LEAST_LEFT:
        return None
    imputing = np.linalg.solve(np.eye(len(lost)) - lost @ lost.T, lost).T
    return replace(
        stratum,
        design=stratum.design[~gone],
        basis=_unit(left, remaining),
        terms=tuple(_term(each, gone, left @ imputing, groups) for each in stratum.terms),
        df=df,
    )


def _term(
    term: StratumTerm,
    gone: Bool[Array, "row"],
    imputed: Float[Array, "kept_row missing_row"],
    groups: Int[Array, "kept"],
) -> StratumTerm:
    along = term.basis[~gone] + imputed @ term.basis[gone]
    square = along.T @ along
    basis = _unit(along, square)
    return replace(
        term,
        basis=basis,
        per_length=None if term.per_length is None else term.per_length * float(np.sqrt(square[0, 0])),
        n=subjects_behind(basis, groups, levels=term.levels, slope=term.is_slope),
    )


def _unit(columns: Float[Array, "row column"], square: Float[Array, "column column"]) -> Float[Array, "row column"]:
    """Make columns with these products orthonormal."""
    if len(square) == 1:
        return columns / np.sqrt(square)
    return np.linalg.solve(np.linalg.cholesky(square), columns.T).T
