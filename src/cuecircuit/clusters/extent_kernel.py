"""Largest cluster of a field at several thresholds in one sweep, by union–find (Tarjan 1975, J ACM 22:215).

Voxels enter from the strictest threshold down and join the neighbors that are already in; the largest cluster is read
before the next threshold. Only voxels above the loosest threshold are touched.
"""

import numpy as np

from cuecircuit.compiled import njit


@njit(cache=True, nogil=True)
def largest_clusters(statistic, neighbors, thresholds, absolute, one_sign):
    """Return the size of the largest cluster strictly above each threshold.

    Args:
        statistic: float, one per voxel of the mask.
        neighbors: int, voxel × neighbor; -1 for none.
        thresholds: float, falling.
        absolute: compare the absolute value.
        one_sign: voxels of opposite sign do not join.
    """
    n_voxels, n_neighbors = neighbors.shape
    entering = np.empty(n_voxels, np.int32)
    count = 0
    for voxel in range(n_voxels):
        value = statistic[voxel]
        if (abs(value) if absolute else value) > thresholds[-1]:
            entering[count] = voxel
            count += 1
    # -1: not in; a root holds itself
    parent = np.full(n_voxels, -1, np.int32)
    size = np.empty(n_voxels, np.int32)
    largest = np.zeros(thresholds.size, np.int32)
    best = 0
    for level in range(thresholds.size):
        for k in range(count):
            voxel = entering[k]
            value = statistic[voxel]
            if parent[voxel] >= 0 or not (abs(value) if absolute else value) > thresholds[level]:
                continue
            root = voxel
            parent[root] = root
            size[root] = 1
            for j in range(n_neighbors):
                other = neighbors[voxel, j]
                if other < 0 or parent[other] < 0 or (one_sign and (statistic[other] > 0) != (value > 0)):
                    continue
                while parent[other] != other:
                    parent[other] = parent[parent[other]]
                    other = parent[other]
                if other != root:
                    if size[other] > size[root]:
                        root, other = other, root
                    parent[other] = root
                    size[root] += size[other]
            best = max(best, size[root])
        largest[level] = best
    return largest
