"""Local maxima of clusters, far enough apart to be worth a name each."""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import maximum_filter

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.records.grid import Grid

# voxels of this edge or more are those of people; 8 mm is SPM's distance, 1 mm a nucleus of a rat (assumed)
_PEOPLE_MM = 1.5
_APART_MM = {True: 8.0, False: 1.0}


def peak_distance_mm(grid: Grid) -> float:
    """Return the smallest distance of local maxima in a cluster: 8 mm in voxels of people, 1 mm in those of rats."""
    return _APART_MM[float(grid.voxel_mm.min()) >= _PEOPLE_MM]


def local_peaks(
    statistic: Float[Array, "x y z"], labels: Int[Array, "x y z"], grid: Grid, *, apart_mm: float
) -> Iterator[tuple[int, int, Int[Array, "3"]]]:
    """Yield the local maxima of every cluster, the highest of each first.

    A voxel is one where none of its 26 neighbors is higher; those nearer than `apart_mm` to a higher one are left out.

    Args:
        statistic: of every voxel, larger is stronger.
        labels: cluster of each voxel, 0 for none.
        grid: of both.
        apart_mm: smallest distance.

    Yields:
        Label of the cluster, number of the maximum in it from 1, and its voxel.
    """
    strength = np.where(labels > 0, np.nan_to_num(statistic, nan=-np.inf), -np.inf)
    voxels = np.argwhere((labels > 0) & (strength >= maximum_filter(strength, size=3, mode="constant", cval=-np.inf)))
    places, cluster = grid.mm(voxels.astype(float)), labels[tuple(voxels.T)]
    order = np.lexsort((-strength[tuple(voxels.T)], cluster))
    kept: dict[int, list[int]] = {}
    for peak in order.tolist():
        in_cluster = kept.setdefault(int(cluster[peak]), [])
        if not in_cluster or np.linalg.norm(places[in_cluster] - places[peak], axis=1).min() >= apart_mm:
            in_cluster.append(peak)
            yield int(cluster[peak]), len(in_cluster), voxels[peak]
