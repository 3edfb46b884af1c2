"""The extremes of a map that permutations compare: strongest voxel, largest and heaviest cluster, highest TFCE score.

Height is |t| for a test of one column, F for more. Clusters are of voxels at or above a threshold of height; mass is
what exceeds it (`labeling`). The threshold-free score (`tfce`) is taken of a depth of each height, a table that the
caller gives: of z with the tail of t or F, for at few degrees of freedom the tails of t are long and single voxels
outweigh wide clusters. Between 1024 heights an octave the depth is interpolated, which is off by less than 1e-7.

Maps come as products: residuals e of unit length in every voxel and an orthonormal basis [Q_T, Q_Z] of the design give

    F = (df2/df1) · ‖Q_T'e‖² / (1 − ‖Q_T'e‖² − ‖Q_Z'e‖²),    t = ±√F for one column.

A product of unit vectors in single precision is off by less than (rows · 2⁻²⁴), 1e-6 for 20 rows, so F is off by about
that share times 1 + F·df1/df2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Float32, Float64, Int
from cuecircuit.clusters.maxima_kernel import (
    TABLE_OCTAVES,
    TABLE_SHIFT,
    TABLE_START,
    map_maxima,
    statistics_of_products,
)
from cuecircuit.clusters.neighbors import ClusterRule, Connectivity, bounding_box, offsets
from cuecircuit.clusters.tfce import TfceSettings

MapStatistic = Literal["voxel", "size", "mass", "tfce"]
MAP_STATISTICS: tuple[MapStatistic, ...] = get_args(MapStatistic)

# voxels worked on at a time: the products of some 16 maps then stay in a core's own cache
_BLOCK = 4096
# a share of error below this is rounding: 1 − R² from single-precision products
_FLOOR = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaximaRule:
    """What is measured: clusters of which rule at or above which height, which score.

    `tested` columns come first in the basis. With one the map is t (rule "2", "bi", or "1" where only positive t
    count), with more it is F (rule "1"). `threshold` is one of |t| or F. `tfce` is None where the score is not wanted.
    `depths` are what the score takes for the heights of `depth_heights`; None: the height itself.
    """

    rule: ClusterRule
    threshold: float
    tested: int
    df2: int
    tfce: TfceSettings | None
    depths: Float64[Array, "height"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoxelPlaces:
    """Where the voxels of a mask (C order) lie in a box with an empty margin, and the steps to their neighbors there.

    It says what `neighbor_table` says, in less memory: the sweep visits voxels at random.
    """

    places: Int[Array, "voxel"]
    steps: Int[Array, "neighbor"]


def voxel_places(mask: Bool[Array, "x y z"], connectivity: Connectivity) -> VoxelPlaces:
    """Place the voxels of a mask.

    Raises:
        DataError: the mask is empty.
    """
    inside = np.pad(mask[bounding_box(mask)], 1)
    strides = np.array([inside.shape[1] * inside.shape[2], inside.shape[2], 1])
    steps = offsets(connectivity) @ strides
    return VoxelPlaces(places=np.flatnonzero(inside).astype(np.int32), steps=steps.astype(np.int32))


def depth_heights() -> Float64[Array, "height"]:
    """Return the heights at which a rule gives depths."""
    bits = (np.arange(TABLE_OCTAVES << 10, dtype=np.uint32) + TABLE_START) << TABLE_SHIFT
    return bits.astype(np.uint32).view(np.float32).astype(np.float64)


def permuted_maxima(
    residuals: Float[Array, "row voxel"],
    bases: Float[Array, "map column row"],
    where: VoxelPlaces,
    rule: MaximaRule,
) -> Float64[Array, "map 4"]:
    """Return the strongest voxel, largest cluster (voxels), heaviest cluster and highest score of each map.

    Args:
        residuals: of unit length in each voxel, or 0 where there is nothing to test.
        bases: one orthonormal basis per map, tested columns first, in the type of `residuals`.
        where: of `voxel_places`.
    """
    return map_extremes(permuted_heights(residuals, bases, tested=rule.tested, df2=rule.df2), where, rule)


def map_extremes(heights: Float32[Array, "map voxel"], where: VoxelPlaces, rule: MaximaRule) -> Float64[Array, "map 4"]:
    """Return the strongest voxel, largest cluster (voxels), heaviest cluster and highest score of maps of t or F.

    Args:
        heights: t for one tested column, F for more; 0 where there is no statistic.
        where: of `voxel_places`.
    """
    maxima = np.empty((len(heights), len(MAP_STATISTICS)))
    score = rule.tfce or TfceSettings()
    depths = depth_heights() if rule.depths is None else rule.depths
    # extent^E of every possible extent; not needed where no score is wanted
    extents = np.arange(heights.shape[1] + 1 if rule.tfce else 1, dtype=np.float64)
    map_maxima(
        np.maximum(heights, 0) if rule.rule.sided == "1" else heights,
        where.places,
        where.steps,
        rule.threshold,
        rule.rule.sided == "bi",
        depths,
        score.height_power,
        extents**score.extent_power,
        rule.tfce is not None,
        maxima,
    )
    return maxima


def permuted_heights(
    residuals: Float[Array, "row voxel"], bases: Float[Array, "map column row"], *, tested: int, df2: int
) -> Float32[Array, "map voxel"]:
    """Return the map of t (one tested column) or F of each basis."""
    n_maps, n_columns, n_rows = bases.shape
    flat = bases.reshape(-1, n_rows)
    heights = np.empty((n_maps, residuals.shape[1]), np.float32)
    for start in range(0, residuals.shape[1], _BLOCK):
        part = slice(start, start + _BLOCK)
        products = (flat @ residuals[:, part]).reshape(n_maps, n_columns, -1)
        statistics_of_products(products, tested, df2 / tested, tested == 1, _FLOOR, heights[:, part])
    return heights


def maxima_by_name(maxima: Float64[Array, "map 4"], wanted: Sequence[MapStatistic]) -> dict[MapStatistic, Array]:
    """Name the columns of `permuted_maxima`."""
    return {name: maxima[:, MAP_STATISTICS.index(name)] for name in wanted}
