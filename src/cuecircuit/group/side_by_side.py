"""Several corrections of one map beside one another: which voxels and clusters survive each.

Simulated null fields and permutation by cluster size or mass decide about whole clusters; permutation by voxel or by
TFCE and the false discovery rate (Benjamini and Hochberg 1995, of the parametric p) decide about voxels. All but the
last hold the family-wise error: one false voxel anywhere in α of studies; the last lets through a share α of the voxels
it names. A cluster survives a voxelwise method if any voxel of it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from cuecircuit.arrays import Array, Bool, Float64
from cuecircuit.clusters.labeling import Clusters
from cuecircuit.clusters.maxima import MAP_STATISTICS, MapStatistic
from cuecircuit.errors import DataError
from cuecircuit.group.correction import CorrectedTerm, on_grid
from cuecircuit.group.permutation import PermutedTerm
from cuecircuit.stats.multiple_testing import adjust_p

CorrectionMethod = Literal[
    "simulation size", "permutation size", "permutation mass", "permutation tfce", "permutation voxel", "fdr"
]
METHODS: tuple[CorrectionMethod, ...] = get_args(CorrectionMethod)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Correction:
    """One method's verdict on a map: corrected p (1 outside, NaN not fitted) and what is at most `alpha`.

    `clusters` runs over the clusters judged. `family_wise` is False for the false discovery rate.
    """

    method: str
    alpha: float
    family_wise: bool
    p_map: Float64[Array, "x y z"]
    voxels: Bool[Array, "x y z"]
    clusters: Bool[Array, "cluster"]
    p_clusters: Float64[Array, "cluster"]


def permuted_by(methods: Sequence[CorrectionMethod]) -> tuple[MapStatistic, ...]:
    """Return the maxima that the permutations of these methods must keep."""
    return tuple(name for name in MAP_STATISTICS if f"permutation {name}" in methods)


def side_by_side(
    permuted: PermutedTerm,
    mask: Bool[Array, "x y z"],
    *,
    simulated: CorrectedTerm | None = None,
    clusters: Clusters | None = None,
) -> tuple[Correction, ...]:
    """Correct one term's map by every method at hand, at the α of the permutation.

    Args:
        permuted: the term under permutation.
        mask: of the maps.
        simulated: the same map under simulated null fields; it may reach voxels that permutation could not test.
        clusters: the clusters judged; those of the permuted term where None.

    Raises:
        DataError: the simulation formed its clusters at another threshold or by other neighbors.
    """
    p_maps = {f"permutation {name}": p_map for name, p_map in permuted.p_maps.items()}
    if simulated is not None:
        tested = np.isfinite(next(iter(p_maps.values())))
        if not np.array_equal(simulated.clusters.labels[tested] > 0, permuted.clusters.labels[tested] > 0):
            raise DataError(
                f"term {permuted.test.name}: simulation and permutation formed different clusters "
                f"({len(simulated.clusters.sizes)} and {len(permuted.clusters.sizes)}); give both the same voxel p"
            )
        p_maps = {"simulation size": simulated.p_map, **p_maps}
    q_map = on_grid(adjust_p(permuted.test.p, "fdr"), mask)
    p_maps["fdr"] = np.where(mask, q_map, 1.0)
    judged, alpha = clusters or permuted.clusters, permuted.settings.alpha
    return tuple(_correction(method, p_map, judged, alpha) for method, p_map in p_maps.items())


def _correction(method: str, p_map: Float64[Array, "x y z"], clusters: Clusters, alpha: float) -> Correction:
    labels = clusters.labels
    p_clusters = np.ones(len(clusters.sizes))
    # fmin passes over voxels that this method could not test
    np.fmin.at(p_clusters, labels[labels > 0] - 1, p_map[labels > 0])
    return Correction(
        method=method,
        alpha=alpha,
        family_wise=method != "fdr",
        p_map=p_map,
        voxels=p_map <= alpha,
        clusters=p_clusters <= alpha,
        p_clusters=p_clusters,
    )
