"""Responses that lack rows, fitted side by side whichever rows these are.

A fixed column that is 1 in one row and 0 elsewhere takes that row out of the likelihood, and out of REML's: with V of
all rows and V₀ of those that are left, |V₀| |X₀'V₀⁻¹X₀| = |V| |[X E]'V⁻¹[X E]|. The rotation of the whole design then
serves responses with any rows missing; each has forms A_e of its own, as many columns larger as it lacks rows.

Source: Bartlett (1937), Suppl J R Stat Soc 4:137, for least squares.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.stats.mixed_df import FixedCovariance, fixed_covariance
from cuecircuit.stats.mixed_likelihood import full_forms
from cuecircuit.stats.mixed_model import MixedModel, NestedModel, no_information, starting_point
from cuecircuit.stats.mixed_sums import ResponseSums, ScaledResiduals, conditional_residuals, elements, scaled

# squared length that is left of a column, far above rounding
_ALIASED = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lacking:
    """Responses of a model that lack the same number of rows, and the forms of each.

    `residuals` are 0 in the rows that are missing; `sums` and `forms` have the model's p columns first, then one for
    each missing row. `testable` are responses whose rows carry the model.
    """

    model: NestedModel
    missing: Int[Array, "response lost"]
    residuals: ScaledResiduals
    sums: ResponseSums
    forms: Float[Array, "response element pair"]
    testable: Bool[Array, "response"]

    @property
    def n_left(self) -> int:
        """Rows that are there less fixed columns."""
        return self.model.n_left - self.missing.shape[1]

    def covariance(
        self, psi: Float[Array, "part parameter"], part: Int[Array, "part"] | Bool[Array, "response"]
    ) -> FixedCovariance:
        """Evaluate the covariance of the model's own coefficients for some responses at ψ."""
        p, all_columns = self.model.basis.shape[1], fixed_covariance(psi, self.model.blocks, self.forms[part])
        return replace(
            all_columns,
            c=all_columns.c[:, :p, :p],
            dc=all_columns.dc[..., :p, :p],
            d2c=all_columns.d2c[..., :p, :p],
        )

    def left_by(
        self, shift: Float[Array, "response column"], psi: Float[Array, "response parameter"]
    ) -> Float[Array, "observation response"]:
        """Return what fixed and random effects leave of the scaled residuals, NaN in missing rows."""
        n, p = len(self.missing), self.model.basis.shape[1]
        taken = np.zeros_like(self.residuals.values)
        taken[self.missing, np.arange(n)[:, None]] = shift[:, p:]
        sums = replace(self.sums, scores=self.sums.scores - self.model.blocks.rotation @ taken)
        left = conditional_residuals(sums, self.model.blocks, shift[:, :p].T, psi)
        left[self.missing, np.arange(n)[:, None]] = np.nan
        return left


def lacking(
    y: Float[Array, "observation response"], missing: Int[Array, "response lost"], model: NestedModel
) -> Lacking:
    """Prepare responses that lack rows.

    Args:
        y: the measure; what it has in missing rows is not looked at.
        missing: the rows that each response lacks, the same number of all.
        model: of all rows.
    """
    residuals, usable = lacking_residuals(y, missing, model)
    forms, sums = _forms(residuals, missing, model)
    prepared = Lacking(model=model, missing=missing, residuals=residuals, sums=sums, forms=forms, testable=usable)
    return replace(prepared, testable=informed(prepared.covariance, prepared.n_left, usable, missing, model))


def lacking_residuals(
    y: Float[Array, "observation response"], missing: Int[Array, "response lost"], model: MixedModel
) -> tuple[ScaledResiduals, Bool[Array, "response"]]:
    """Take the least-squares fit to the rows that are there off responses, 0 elsewhere, where these carry it."""
    n, k = missing.shape
    values = y.astype(np.float64)
    values[missing, np.arange(n)[:, None]] = 0.0
    leverage = model.basis[missing]
    # what the columns keep of their length in the rows that are left; 0: aliased there
    kept = np.eye(model.basis.shape[1]) - leverage.swapaxes(1, 2) @ leverage
    usable = (np.linalg.eigvalsh(kept)[:, 0] > _ALIASED) & (model.n_left > k)
    kept[~usable] = np.eye(kept.shape[1])
    ols = np.linalg.solve(kept, (model.basis.T @ values).T[:, :, None])[:, :, 0].T
    return scaled(values, model.basis, ols, zeros=missing), usable


def informed(
    covariance: Callable[[Float[Array, "part parameter"], Int[Array, "part"]], FixedCovariance],
    n_left: int,
    usable: Bool[Array, "response"],
    missing: Int[Array, "response lost"],
    model: MixedModel,
) -> Bool[Array, "response"]:
    """Return where two subjects are there, and information about every variance of the random terms."""
    part = np.flatnonzero(usable)
    if not part.size:
        return usable
    start = np.broadcast_to(starting_point(model.columns), (len(part), len(starting_point(model.columns))))
    none, direction = no_information(covariance(start, part), n_left)
    testable = usable.copy()
    testable[part] = ~none.any(axis=1) & ~direction.any(axis=1) & (subjects_left(missing[part], model) > 1)
    return testable


def subjects_left(missing: Int[Array, "response lost"], model: MixedModel) -> Int[Array, "response"]:
    """Count the subjects with a row that is there."""
    subjects = model.design.subjects
    rows = np.bincount(subjects)
    place = np.arange(len(missing))[:, None] * len(rows) + subjects[missing]
    lost = np.bincount(place.ravel(), minlength=len(missing) * len(rows)).reshape(len(missing), -1)
    return (lost < rows).sum(axis=1)


def _forms(
    residuals: ScaledResiduals, missing: Int[Array, "response lost"], model: NestedModel
) -> tuple[Float[Array, "response element pair"], ResponseSums]:
    blocks, (n, k), p = model.blocks, missing.shape, model.basis.shape[1]
    scores = blocks.rotation @ residuals.values
    # the scores of a missing row's column
    columns = blocks.rotation.T.tocsr()[missing.ravel()].toarray().reshape(n, k, -1)
    c, s = np.empty((n, blocks.n_elements, p + k)), np.empty((n, blocks.n_elements))
    forms = np.empty((n, blocks.n_elements, p + k, p + k))
    forms[:, :, :p, :p] = full_forms(model.forms)
    for e, (one, other) in enumerate(elements(blocks)):
        s[:, e] = np.einsum("kb,kb->b", scores[one], scores[other])
        c[:, e, :p] = scores[other].T @ blocks.x[one]
        c[:, e, p:] = (columns[:, :, one] @ scores[other].T[:, :, None])[:, :, 0]
        forms[:, e, p:, :p] = columns[:, :, one] @ blocks.x[other]
        forms[:, e, p:, p:] = columns[:, :, one] @ columns[:, :, other].swapaxes(1, 2)
        if one != other:
            s[:, e] *= 2
            c[:, e, :p] += scores[one].T @ blocks.x[other]
            c[:, e, p:] += (columns[:, :, other] @ scores[one].T[:, :, None])[:, :, 0]
            forms[:, e, p:, :p] += columns[:, :, other] @ blocks.x[one]
            forms[:, e, p:, p:] += forms[:, e, p:, p:].swapaxes(1, 2)
    lower = np.tril_indices(p + k)
    return np.ascontiguousarray(forms[:, :, lower[0], lower[1]]), ResponseSums(c=c, s=s, scores=scores)
