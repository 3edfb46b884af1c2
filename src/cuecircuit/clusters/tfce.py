"""Threshold-free cluster enhancement (Smith & Nichols 2009, NeuroImage 44:83), integrated exactly.

    TFCE(v) = ∫₀^h(v) extent(h)^E · h^H dh,   E = 0.5, H = 2 (their choice for volumes)

extent(h) is the size in voxels of the cluster of voxels at or above h that holds v. It changes only at heights that
occur in the map, so the integral is a finite sum. Other programs take steps: FSL and PALM sum extent^E·h^H at h = dh,
2dh, … and multiply by dh = max/100; nilearn leaves the factor dh out. Ours is the limit of theirs for dh → 0. A map of
t or F is turned into z first (`group.maxima_rule`), as in PALM.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float, Float64, Int
from cuecircuit.clusters.neighbors import Sided
from cuecircuit.clusters.tree_kernel import component_tree, integrate_tree
from cuecircuit.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class TfceSettings:
    """Powers of extent and height (Smith & Nichols 2009).

    Raises:
        DataError: a power that is not positive.
    """

    extent_power: float = 0.5
    height_power: float = 2.0

    def __post_init__(self) -> None:
        """Refuse what does not grow with extent and height."""
        if not (self.extent_power > 0 and self.height_power > 0):
            raise DataError(
                f"TFCE powers E = {self.extent_power:g}, H = {self.height_power:g}: expected positive numbers, "
                "0.5 and 2 unless there is a reason"
            )


def tfce(
    statistic: Float[Array, "voxel"],
    neighbors: Int[Array, "voxel neighbor"],
    *,
    sided: Sided = "1",
    settings: TfceSettings = TfceSettings(),
) -> Float64[Array, "voxel"]:
    """Enhance a map: t or z (any `sided`) or F ("1").

    With "1" only positive values count and the others score 0; with "2" clusters may mix signs; with "bi" each sign is
    enhanced apart. The score has the sign of the statistic.

    Args:
        statistic: one value per voxel of the mask (C order); NaN where not fitted scores 0.
        neighbors: of `neighbor_table`.
    """
    height = np.abs(statistic) if sided == "2" else statistic
    score = _enhanced(height, neighbors, settings)
    if sided == "1":
        return score
    if sided == "2":
        return np.where(statistic < 0, -score, score)
    return score - _enhanced(-statistic, neighbors, settings)


def _enhanced(
    height: Float[Array, "voxel"], neighbors: Int[Array, "voxel neighbor"], settings: TfceSettings
) -> Float64[Array, "voxel"]:
    entering = np.flatnonzero(height > 0)
    order = entering[np.argsort(-height[entering], kind="stable")]
    parent, size, _ = component_tree(height, order, neighbors)
    power = settings.height_power + 1
    level = np.where(height > 0, height, 0).astype(np.float64) ** power / power
    extent_weight = np.arange(order.size + 1, dtype=np.float64) ** settings.extent_power
    return integrate_tree(level, order, parent, size, extent_weight)
