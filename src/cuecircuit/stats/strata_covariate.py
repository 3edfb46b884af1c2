"""A covariate with values of its own for every response: where it varies, and what counts as varying."""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.estimable import ALIAS_TOLERANCE
from cuecircuit.stats.strata_design import Stratum


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResponseCovariate:
    """A covariate with values of its own for every response (a map for every map), any unit."""

    name: str
    values: Float[Array, "subject condition response"]


def covariate_in(covariate: ResponseCovariate | None, stratum: Stratum, block: int = 1024) -> str | None:
    """Name the covariate if it has a slope in the stratum: if it varies there in some response.

    Raises:
        DesignError: it varies there, but nowhere beyond what the stratum's columns say (a group in disguise), or it
            takes the last degree of freedom.
    """
    if covariate is None:
        return None
    differs = False
    for start in range(0, covariate.values.shape[2], block):
        values, finite = finite_block(covariate.values[:, :, start : start + block])
        scores = np.matmul(stratum.scores.T, values).reshape(-1, values.shape[2])
        least = least_variation(values)
        if np.any(finite & (_left(scores, stratum) > least)):
            if stratum.df < 2:
                raise DesignError(
                    f"covariate '{covariate.name}', {stratum.name}: takes the last degree of freedom of the error; add "
                    "subjects or leave out a factor or covariate"
                )
            return covariate.name
        if abs(stratum.scores.sum()) > ALIAS_TOLERANCE:
            scores -= scores.mean(axis=0)
        differs |= bool(np.any(finite & (np.einsum("kb,kb->b", scores, scores) > least)))
    if differs:
        raise DesignError(
            f"covariate '{covariate.name}', {stratum.name}: a group in disguise in every voxel, for it is a "
            f"combination of {', '.join(dict.fromkeys(stratum.labels))}; leave out the covariate or the factor"
        )
    return None


def least_variation(x: Float[Array, "subject condition block"]) -> Float[Array, "block"]:
    """Sum of squares at which a column counts as aliased."""
    centered = x - x.mean(axis=(0, 1))
    return ALIAS_TOLERANCE**2 * np.einsum("ncb,ncb->b", centered, centered) + rounding_of(x)


def rounding_of(values: Float[Array, "subject condition block"]) -> Float[Array, "block"]:
    """Sum of squares that rounding leaves of a response without error variance: (‖y‖ × rows × machine epsilon)²."""
    n_rows = values.shape[0] * values.shape[1]
    return np.einsum("ncb,ncb->b", values, values) * (n_rows * np.finfo(float).eps) ** 2


def _left(scores: Float[Array, "row block"], stratum: Stratum) -> Float[Array, "block"]:
    left = scores - stratum.basis @ (stratum.basis.T @ scores)
    return np.einsum("kb,kb->b", left, left)


def finite_block(
    y: Float[Array, "subject condition block"],
) -> tuple[Float[Array, "subject condition block"], Bool[Array, "block"]]:
    """Return the responses in double precision, 0 where not all their values are finite, and which are."""
    values = y.astype(np.float64)
    finite = np.asarray(np.isfinite(values).all(axis=(0, 1)))
    values[:, :, ~finite] = 0.0
    return values, finite
