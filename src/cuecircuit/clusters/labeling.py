"""Clusters of a statistic map: connected voxels of the mask at or above a threshold (non-strict, as 3dClusterize).

Size is the number of voxels; mass the sum of |statistic| − threshold over them (Bullmore 1999; "excess mass"); the peak
is the voxel of largest |statistic| (the first in C order where several are equal); the center is the mean voxel index
weighted by |statistic|, as in 3dClusterize.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.clusters.neighbors import ClusterRule, bounding_box, structure
from cuecircuit.errors import DataError

# The largest p in use as a threshold; no t, z, F or r is ever thresholded this low.
_LOOKS_LIKE_P = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clusters:
    """Clusters of one map, largest first; of equal sizes the one with the lowest voxel index first.

    `labels` is 1 for the largest cluster and 0 outside clusters. `strongest` is the most extreme value that was
    compared with the threshold, so that an empty map can say how far it was; NaN if no voxel was fitted.
    `unfitted` counts the voxels of the mask that are NaN; they are in no cluster.
    """

    labels: Int[Array, "x y z"]
    sizes: Int[Array, "cluster"]
    masses: Float[Array, "cluster"]
    peak_values: Float[Array, "cluster"]
    peak_voxels: Int[Array, "cluster 3"]
    center_voxels: Float[Array, "cluster 3"]
    threshold: float
    rule: ClusterRule
    strongest: float
    unfitted: int


def label_clusters(
    statistic: Float[Array, "x y z"],
    mask: Bool[Array, "x y z"],
    threshold: float,
    *,
    rule: ClusterRule,
) -> Clusters:
    """Find the clusters of a map and measure them.

    Args:
        statistic: t, z or F; NaN where not fitted; what lies outside the mask is not read.
        threshold: a value of the statistic, positive; with rule "1" for a negative effect negate the map.

    Raises:
        DataError: empty mask, infinite statistic, or a threshold that is not a positive value of the statistic.
    """
    _check(statistic, mask, threshold)
    fitted = mask & ~np.isnan(statistic)
    strength = rule.strength(statistic)
    labels = _labels(statistic, fitted & (strength >= threshold), rule)
    sizes = np.bincount(labels.ravel())[1:]
    voxels = np.argwhere(labels)
    owner = labels[labels > 0] - 1
    height = np.abs(statistic[labels > 0])
    # strongest voxel of each cluster: sorted by cluster, then height, stable in voxel index
    order = np.lexsort((-height, owner))
    peaks = voxels[order[np.searchsorted(owner[order], np.arange(sizes.size))]]
    weight = np.bincount(owner, weights=height, minlength=sizes.size)
    centers = [np.bincount(owner, weights=height * axis, minlength=sizes.size) / weight for axis in voxels.T]
    return Clusters(
        labels=labels,
        sizes=sizes,
        masses=weight - threshold * sizes,
        peak_values=statistic[tuple(peaks.T)].astype(np.float64),
        peak_voxels=peaks,
        center_voxels=np.stack(centers, axis=1),
        threshold=float(threshold),
        rule=rule,
        strongest=float(strength[fitted].max()) if fitted.any() else float("nan"),
        unfitted=int(np.count_nonzero(mask & ~fitted)),
    )


def _check(statistic: Float[Array, "x y z"], mask: Bool[Array, "x y z"], threshold: float) -> None:
    bounding_box(mask)
    faults = []
    if infinite := int(np.count_nonzero(np.isinf(statistic[mask]))):
        faults.append(
            f"the statistic is infinite in {infinite} voxels of the mask: expected numbers, NaN if not fitted"
        )
    if not np.isfinite(threshold) or threshold <= 0:
        faults.append(f"cluster-forming threshold {threshold:g}: expected a positive value of the statistic")
    elif threshold <= _LOOKS_LIKE_P:
        faults.append(
            f"cluster-forming threshold {threshold:g} looks like a p: expected a value of the statistic; "
            "convert it first (for z: scipy.stats.norm.isf(p), two-sided isf(p/2))"
        )
    if faults:
        raise DataError(faults)


def _labels(statistic: Float[Array, "x y z"], above: Bool[Array, "x y z"], rule: ClusterRule) -> Int[Array, "x y z"]:
    neighbors = structure(rule.connectivity)
    parts = [above & (statistic > 0), above & (statistic < 0)] if rule.sided == "bi" else [above]
    labels = np.zeros(above.shape, dtype=np.int32)
    for part in parts:
        label_of = np.zeros(above.shape, dtype=np.int32)
        ndimage.label(part, structure=neighbors, output=label_of)
        labels[part] = label_of[part] + labels.max()
    sizes = np.bincount(labels.ravel())[1:]
    _, first = np.unique(labels[labels > 0], return_index=True)
    rank = np.zeros(sizes.size + 1, dtype=np.int32)
    rank[1 + np.lexsort((first, -sizes))] = np.arange(1, sizes.size + 1)
    return rank[labels]
