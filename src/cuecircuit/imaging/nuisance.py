"""Nuisance regression: what the scanner, the vessels and the head add to every voxel, removed by one projection.

With regressors centered over the volumes that count and Q an orthonormal basis of them, the cleaned series is
y − Q Q'(y − mean(y)): the residual of the multiple regression with the mean of the voxel put back, so that percent
changes keep their base. One projection for all regressors at once cannot bring one nuisance back while it removes
another (Lindquist et al. 2019, Hum Brain Mapp 40:2358).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Float64
from cuecircuit.errors import DataError

# A column that earlier ones predict to a millionth of its length carries rounding of float32 scans, not signal.
_ALIASED = 1e-6

MOTION_NAMES = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regressors:
    """Nuisance columns of one scan, each with its name."""

    values: Float64[Array, "volume column"]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cleaned:
    """Series without nuisance, in the units of the scan.

    `residual_df`: volumes that count, less the mean, less one for each regressor removed.
    `dropped`: regressors left out because they are constant or a combination of those before them.
    Volumes that do not count are cleaned by the fit of the others.
    """

    data: Float[Array, "volume voxel"]
    residual_df: int
    dropped: tuple[str, ...]


def motion_columns(
    parameters: Float[Array, "volume 6"], n_columns: Literal[6, 12, 24]
) -> Float64[Array, "volume column"]:
    """Expand six motion parameters: with backward differences (12), and the squares of all of these (24).

    The difference of the first volume is 0. Source: Satterthwaite et al. 2013, NeuroImage 64:240.
    """
    six = np.asarray(parameters, dtype=np.float64)
    twelve = np.hstack([six, np.diff(six, axis=0, prepend=six[:1])])
    return {6: six, 12: twelve, 24: np.hstack([twelve, twelve**2])}[n_columns]


def motion_names(n_columns: int) -> tuple[str, ...]:
    """Name the columns of `motion_columns`."""
    twelve = (*MOTION_NAMES, *(f"{name}_derivative1" for name in MOTION_NAMES))
    return (*twelve, *(f"{name}_power2" for name in twelve))[:n_columns]


def cosine_drift(n_volumes: int, *, tr_s: float, period_s: float) -> Float64[Array, "volume column"]:
    """Return the discrete cosines whose period is longer than `period_s`; no column where the scan is too short."""
    from nilearn.glm.first_level.design_matrix import create_cosine_drift

    # the last column is the constant, which the projection always holds
    return np.asarray(create_cosine_drift(1 / period_s, np.arange(n_volumes) * tr_s), dtype=np.float64)[:, :-1]


def regress(
    data: Float[Array, "volume voxel"],
    regressors: Regressors,
    *,
    keep: Bool[Array, "volume"] | None = None,
    min_df: int = 1,
) -> Cleaned:
    """Remove the regressors from every voxel; the mean of each voxel over the kept volumes stays.

    Args:
        data: series of the voxels.
        regressors: columns to remove; the constant need not be among them.
        keep: volumes that count for the fit (False: censored); None keeps all.
        min_df: fewest degrees of freedom that may be left.

    Raises:
        DataError: fewer degrees of freedom are left.
    """
    keep = np.ones(len(data), dtype=bool) if keep is None else keep
    basis, used = _basis(regressors.values, keep)
    residual_df = int(keep.sum()) - 1 - basis.shape[1]
    if residual_df < max(min_df, 1):
        raise DataError(
            f"{basis.shape[1]} nuisance regressors and the mean leave {max(residual_df, 0) or 'no'} degree of freedom "
            f"in {int(keep.sum())} volumes, expected {max(min_df, 1)} or more; remove fewer regressors, censor fewer "
            "volumes, or exclude the subject"
        )
    small = basis.astype(data.dtype)
    centered = data - data[keep].mean(axis=0, dtype=np.float64).astype(data.dtype)
    cleaned = data - small @ (small[keep].T @ centered[keep])
    dropped = tuple(name for column, name in enumerate(regressors.names) if column not in used)
    return Cleaned(data=cleaned, residual_df=residual_df, dropped=dropped)


def _basis(columns: Float64[Array, "volume column"], keep: Bool[Array, "volume"]) -> tuple[Array, list[int]]:
    """Center and orthonormalize over the kept volumes, in order, leaving out columns that add nothing."""
    basis, used = np.empty((len(columns), 0)), []
    for number, column in enumerate(columns.T):
        rest = column - column[keep].mean()
        length = max(np.linalg.norm(rest[keep]), 1e-9 * np.linalg.norm(column[keep]))
        for _ in range(2):  # once more for the digits that the first pass loses (Kahan's "twice is enough")
            rest = rest - basis @ (basis[keep].T @ rest[keep])
        norm = np.linalg.norm(rest[keep])
        if norm > _ALIASED * length and length > 0:
            basis, used = np.column_stack([basis, rest / norm]), [*used, number]
    return basis, used
