"""What a block of responses brings to the mixed model: c_e = X'B_e y and s_e = y'B_e y, and A_e = X'B_e X.

Responses enter less their least-squares fit and divided by their residual's root mean square, which REML does not
mind; so neither an offset nor the unit of the measure costs digits.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.stats.mixed_blocks import MixedBlocks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScaledResiduals:
    """Responses less their least-squares fit, divided by the root mean square of that.

    `ols` are least-squares coefficients of the columns, `size` the root mean square. `usable` are finite responses
    with something left to explain.
    """

    values: Float[Array, "observation block"]
    ols: Float[Array, "column block"]
    size: Float[Array, "block"]
    finite: Bool[Array, "block"]
    usable: Bool[Array, "block"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResponseSums:
    """Sums of a block of responses; `scores` are the rotated, scaled residuals."""

    c: Float[Array, "block element column"]
    s: Float[Array, "block element"]
    scores: Float[Array, "score block"]


def scaled_residuals(y: Float[Array, "observation block"], x: Float[Array, "observation column"]) -> ScaledResiduals:
    """Take the least-squares fit of orthonormal columns x off a block of responses of any unit."""
    values = y.astype(np.float64)
    finite = np.asarray(np.isfinite(values).all(axis=0))
    values[:, ~finite] = 0.0
    fit = scaled(values, x, x.T @ values)
    return replace(fit, finite=finite, usable=fit.usable & finite)


def scaled(
    values: Float[Array, "observation block"],
    x: Float[Array, "observation column"],
    ols: Float[Array, "column block"],
    *,
    zeros: Int[Array, "block lost"] | None = None,
) -> ScaledResiduals:
    """Take a least-squares fit off finite responses (overwritten), and divide by what is left.

    Args:
        values: the responses.
        x: the columns.
        ols: their coefficients.
        zeros: rows of each response that are not part of it.
    """
    square = np.einsum("nb,nb->b", values, values)
    values -= x @ ols
    if zeros is not None:
        values[zeros, np.arange(len(zeros))[:, None]] = 0.0
    left = np.einsum("nb,nb->b", values, values)
    # rounding leaves about ‖y‖ × N × machine epsilon of a response without error variance
    usable = left > square * (len(x) * np.finfo(float).eps) ** 2
    size = np.where(usable, np.sqrt(left / len(x)), 1.0)
    values /= size
    return ScaledResiduals(values=values, ols=ols, size=size, finite=np.ones(len(size), bool), usable=usable)


def response_sums(residuals: ScaledResiduals, blocks: MixedBlocks) -> ResponseSums:
    """Sum up a block of responses, less the fit of the columns that the blocks are made from."""
    scores = blocks.rotation @ residuals.values
    c = np.empty((len(residuals.size), blocks.n_elements, blocks.x.shape[1]))
    s = np.empty((len(residuals.size), blocks.n_elements))
    for e, (one, other) in enumerate(elements(blocks)):
        s[:, e] = np.einsum("kb,kb->b", scores[one], scores[other]) * (1 if one == other else 2)
        c[:, e] = scores[other].T @ blocks.x[one]
        if one != other:
            c[:, e] += scores[one].T @ blocks.x[other]
    return ResponseSums(c=c, s=s, scores=scores)


def elements(blocks: MixedBlocks) -> Iterator[tuple[slice, slice]]:
    """For every B_e the scores it pairs, in the order of the loops: entries (a, b), b ≤ a, of each block, the rest."""
    at = 0
    for r, count in zip(blocks.sizes, blocks.counts, strict=True):
        parts = [slice(at + a * count, at + (a + 1) * count) for a in range(r)]
        yield from ((parts[a], parts[b]) for a in range(r) for b in range(a + 1))
        at += r * count
    yield slice(at, None), slice(at, None)


def design_forms(blocks: MixedBlocks) -> Float[Array, "element pair"]:
    """A_e of the fixed columns, lower triangles row by row."""
    lower = np.tril_indices(blocks.x.shape[1])
    return np.array([_form(blocks.x[one], blocks.x[other], one == other)[lower] for one, other in elements(blocks)])


def _form(one: Float[Array, "score column"], other: Float[Array, "score column"], same: bool) -> Array:
    product = one.T @ other
    return product if same else product + product.T


def conditional_residuals(
    sums: ResponseSums,
    blocks: MixedBlocks,
    shift: Float[Array, "column block"],
    psi: Float[Array, "block parameter"],
) -> Float[Array, "observation block"]:
    """Return what fixed and random effects leave of the scaled responses, W⁻¹(y − Xβ̂).

    Args:
        sums: of the block.
        blocks: of the design.
        shift: GLS less least-squares coefficients of the columns, for scaled responses.
        psi: relative variances and covariances.
    """
    left = sums.scores - blocks.x @ shift
    at = 0
    for r, count, start in zip(blocks.sizes, blocks.counts, blocks.starts, strict=True):
        of_level = left[at : at + r * count].reshape(r, count, -1)
        generators = blocks.generators[start : start + r * r].reshape(r, r, -1)
        inner = np.eye(r)[:, :, None] + generators @ psi.T
        of_level[:] = np.moveaxis(np.linalg.solve(np.moveaxis(inner, 2, 0), np.moveaxis(of_level, 2, 0)), 0, 2)
        at += r * count
    return blocks.rotation.T @ left
