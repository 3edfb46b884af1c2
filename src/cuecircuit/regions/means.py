"""One number per region, subject and condition: the mean over the region's voxels, or over its part in a cluster."""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionMeans:
    """`values[s, c, r]`: mean of region r, in the unit of the maps; NaN where no voxel entered.

    `voxels[r]` counts what entered; `of[r]` the whole region inside the mask.
    """

    values: Float[Array, "subject condition region"]
    voxels: Int[Array, "region"]
    of: Int[Array, "region"]


def region_means(
    y: Float[Array, "subject condition voxel"],
    labels: Int[Array, "voxel"],
    regions: Int[Array, "region"],
    *,
    within: Bool[Array, "voxel"] | None = None,
) -> RegionMeans:
    """Average maps over regions.

    Args:
        y: the maps inside the mask; a voxel that is not finite in any map enters no mean.
        labels: atlas label of each voxel of the mask.
        regions: labels to average, in the order wanted.
        within: count only these voxels, such as those of a cluster.
    """
    member = labels[:, None] == regions[None, :]
    finite = np.asarray(np.isfinite(y).all(axis=(0, 1)))
    chosen = member & finite[:, None] if within is None else member & (finite & within)[:, None]
    voxels = chosen.sum(axis=0)
    used = np.flatnonzero(chosen.any(axis=1))
    with np.errstate(invalid="ignore"):  # 0 voxels: 0/0 is the NaN that says so
        values = y[..., used].astype(np.float64) @ chosen[used].astype(np.float64) / voxels
    return RegionMeans(values=values, voxels=voxels, of=member.sum(axis=0))
