"""The tree of nested clusters of one map, built from the highest voxel down (Najman & Couprie 2006, IEEE TIP 15:3531).

Each voxel is a node: the cluster that exists from its height down to that of its parent. `size` and `total` count the
voxels and sum the statistic of that cluster. Every threshold's clusters, and the threshold-free integral, are read from
the one tree.
"""

import numpy as np

from cuecircuit.compiled import njit


@njit(cache=True, nogil=True)
def component_tree(statistic, order, neighbors):
    """Build the tree.

    Args:
        statistic: float, one per voxel of the mask.
        order: the voxels to enter, highest first.
        neighbors: int, voxel × neighbor; -1 for none.

    Returns:
        parent (a root is its own; -1: not entered), size, total.
    """
    n_neighbors = neighbors.shape[1]
    parent = np.full(statistic.size, -1, np.int32)
    top = np.full(statistic.size, -1, np.int32)
    size = np.zeros(statistic.size, np.int32)
    total = np.zeros(statistic.size, np.float64)
    for voxel in order:
        parent[voxel] = voxel
        top[voxel] = voxel
        size[voxel] = 1
        total[voxel] = statistic[voxel]
        for j in range(n_neighbors):
            other = neighbors[voxel, j]
            if other < 0 or top[other] < 0:
                continue
            while top[other] != other:
                top[other] = top[top[other]]
                other = top[other]
            if other != voxel:
                parent[other] = voxel
                top[other] = voxel
                size[voxel] += size[other]
                total[voxel] += total[other]
    return parent, size, total


@njit(cache=True, nogil=True)
def integrate_tree(level, order, parent, size, extent_weight):
    """Return each voxel's ∫ weight(extent(h)) dlevel(h) from 0 to its height: exact, extent is constant between nodes.

    Args:
        level: float, the height's antiderivative at each voxel, 0 at height 0.
        order: the voxels entered, highest first.
        parent: of `component_tree`.
        size: of `component_tree`.
        extent_weight: float, the weight of extents 0, 1, ….
    """
    score = np.zeros(level.size, np.float64)
    for k in range(order.size - 1, -1, -1):
        voxel = order[k]
        below = parent[voxel]
        if below == voxel:
            score[voxel] = extent_weight[size[voxel]] * level[voxel]
        else:
            score[voxel] = score[below] + extent_weight[size[voxel]] * (level[voxel] - level[below])
    return score


@njit(cache=True, nogil=True)
def cluster_maxima(statistic, order, parent, size, total, thresholds):
    """Return the largest size and the largest mass (total − threshold × size) at or above each threshold."""
    sizes = np.zeros(thresholds.size, np.int32)
    masses = np.zeros(thresholds.size, np.float64)
    for voxel in order:
        for k in range(thresholds.size):
            threshold = thresholds[k]
            is_root = parent[voxel] == voxel
            if statistic[voxel] >= threshold and (is_root or statistic[parent[voxel]] < threshold):
                sizes[k] = max(sizes[k], size[voxel])
                masses[k] = max(masses[k], total[voxel] - threshold * size[voxel])
    return sizes, masses
