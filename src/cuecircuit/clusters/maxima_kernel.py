"""Largest voxel, cluster size, cluster mass and threshold-free score of many maps, one union–find sweep per map.

Voxels enter from the highest down and join their neighbors that are in (Tarjan 1975, J ACM 22:215; union by size).
Each cluster keeps the best score of its voxels so far: when its extent changes at a level L of ∫h^H dh, every voxel in
it has gained weight(extent)·(level of the last change − L), so the integral is exact and no tree is stored. Without the
threshold-free score only voxels at or above the threshold enter, in any order.
"""

import numpy as np

from cuecircuit.compiled import njit

_MAGNITUDE = np.uint32(0x7FFFFFFF)  # the bits of a float32 without its sign
_SIGN = np.uint32(0x80000000)
# a table of depths has 1024 heights an octave, from 2⁻¹² (exponent 115 of a float32) on
TABLE_SHIFT, TABLE_START, TABLE_OCTAVES = 13, 115 << 10, 52


@njit(cache=True, nogil=True, error_model="numpy")
def statistics_of_products(products, tested, scale, signed, floor, heights):
    """Turn products with an arranged orthonormal basis into t (signed) or F, for residuals of unit length.

    Args:
        products: float, map × column × voxel; the tested columns first.
        tested: number of tested columns.
        scale: error over tested degrees of freedom.
        signed: give t of the one tested column instead of F.
        floor: smallest share of the length that counts as error; below is rounding.
        heights: float32, map × voxel; filled in.
    """
    n_maps, n_columns, n_voxels = products.shape
    for k in range(n_maps):
        part = products[k]
        for v in range(n_voxels):
            explained = part[0, v] * part[0, v]
            for j in range(1, tested):
                explained += part[j, v] * part[j, v]
            left = 1 - explained
            for j in range(tested, n_columns):
                left -= part[j, v] * part[j, v]
            f = scale * explained / max(left, floor)
            heights[k, v] = np.copysign(np.sqrt(f), part[0, v]) if signed else f


@njit(cache=True, nogil=True)
def _highest_first(height, places, order, spare, counts):
    """List the voxels that are not 0 by falling |height|: three passes of counting sort over the bits of the float."""
    bits = height.view(np.uint32)
    counts[:] = 0
    n = 0
    for v in range(height.size):
        # the bits of |height| rise with it
        key = _MAGNITUDE - (bits[v] & _MAGNITUDE)
        if key != _MAGNITUDE:
            spare[n] = _packed(key, bits[v], places[v])
            n += 1
            counts[0, key & np.uint32(2047)] += 1
            counts[1, (key >> np.uint32(11)) & np.uint32(2047)] += 1
            counts[2, key >> np.uint32(22)] += 1
    source, target = spare, order
    for digit in range(3):
        place = 0
        for k in range(2048):
            place, counts[digit, k] = place + counts[digit, k], place
        shift = np.uint64(32 + 11 * digit)
        for k in range(n):
            bucket = (source[k] >> shift) & np.uint64(2047)
            target[counts[digit, bucket]] = source[k]
            counts[digit, bucket] += 1
        source, target = target, source
    return n


@njit(cache=True, nogil=True)
def _above(height, places, threshold, order):
    """List the voxels whose |height| is at or above the threshold, in any order."""
    bits = height.view(np.uint32)
    n = 0
    for v in range(height.size):
        if abs(height[v]) >= threshold:
            order[n] = _packed(_MAGNITUDE - (bits[v] & _MAGNITUDE), bits[v], places[v])
            n += 1
    return n


@njit(cache=True, nogil=True, inline="always")
def _packed(key, bits, place):
    """Keep height, sign and place in one number, sorted by height: the sweep then reads nothing at random but links."""
    return (np.uint64(key) << np.uint64(32)) | np.uint64(bits & _SIGN) | np.uint64(place)


@njit(cache=True, nogil=True)
def _highest(height):
    """Return the largest |height|; as bits it compares faster."""
    bits = height.view(np.uint32)
    highest = np.empty(1, np.uint32)
    highest[0] = 0
    for v in range(height.size):
        highest[0] = max(highest[0], bits[v] & _MAGNITUDE)
    return highest.view(np.float32)[0]


@njit(cache=True, nogil=True, inline="always")
def _depth(bits, value, depths):
    """Interpolate the depth of a height; straight to 0 below the table."""
    first = np.int64(bits >> np.uint32(TABLE_SHIFT)) - TABLE_START
    if first < 0:
        return depths[0] * value * 4096
    first = min(first, depths.size - 2)
    share = (bits & np.uint32((1 << TABLE_SHIFT) - 1)) / (1 << TABLE_SHIFT)
    return depths[first] + share * (depths[first + 1] - depths[first])


@njit(cache=True, nogil=True)
def map_maxima(heights, places, steps, threshold, one_sign, depths, height_power, extent_weight, with_score, maxima):
    """Return the largest |height|, cluster size, cluster mass and threshold-free score of each map.

    Args:
        heights: float32, map × voxel; 0 where there is no statistic.
        places: int, position of each voxel in a box with a margin of one voxel around the mask.
        steps: int, from a position in the box to its neighbors'.
        threshold: float; clusters are of voxels with |height| at or above it, mass is what exceeds it.
        one_sign: voxels of opposite sign do not join.
        depths: float64, what the score takes for a height (z of t or F), at the heights of the table; not below 0.
        height_power: H of the score.
        extent_weight: float, extent^E of extents 0, 1, …, number of voxels.
        with_score: whether the score is wanted; else 0.
        maxima: float64, map × 4; filled in.
    """
    n_maps, n_voxels = heights.shape
    n_places = places.max() + steps.max() + 1
    # 0: not in; else (position of the next voxel towards the root, the root itself there) + 1, negative where one_sign
    # keeps negative voxels apart
    link = np.zeros(n_places, np.int32)
    # of a root's cluster: size, mass, best score, level of the last change
    maxima_at = np.empty((n_places, 4), np.float64)
    inside = np.empty(steps.size, np.int32)
    order = np.empty(n_voxels, np.uint64)
    spare = np.empty(n_voxels if with_score else 0, np.uint64)
    counts = np.empty((3, 2048), np.int64)
    bits = np.empty(1, np.uint32)
    as_float = bits.view(np.float32)
    power = height_power + 1
    for k in range(n_maps):
        height = heights[k]
        if with_score:
            n = _highest_first(height, places, order, spare, counts)
        else:
            n = _above(height, places, threshold, order)
        largest, heaviest, level = 0.0, 0.0, 0.0
        for i in range(n):
            bits[0] = _MAGNITUDE - np.uint32(order[i] >> np.uint64(32))
            value = np.float64(as_float[0])
            voxel = np.int32(order[i] & np.uint64(_MAGNITUDE))
            sign = np.int32(-1) if one_sign and order[i] & np.uint64(_SIGN) else np.int32(1)
            if with_score:
                depth = _depth(bits[0], value, depths)
                level = depth * depth * depth / 3 if height_power == 2.0 else depth**power / power
            root, size, mass, best = voxel, 1.0, value - threshold, 0.0
            # whether a neighbor is in is a coin toss: counted, not branched upon
            n_inside = 0
            for j in range(steps.size):
                other = voxel + steps[j]
                inside[n_inside] = other
                n_inside += link[other] * sign > 0
            for j in range(n_inside):
                other = inside[j]
                above = link[other] * sign - np.int32(1)
                while above != other:
                    link[other] = link[above]
                    other = link[above] * sign - np.int32(1)
                    above = link[other] * sign - np.int32(1)
                if other == root:
                    continue
                if with_score:
                    gained = extent_weight[int(maxima_at[other, 0])] * (maxima_at[other, 3] - level)
                    best = max(best, maxima_at[other, 2] + gained)
                if maxima_at[other, 0] >= size:
                    if root != voxel:
                        link[root] = (other + np.int32(1)) * sign
                    root = other
                else:
                    link[other] = (root + np.int32(1)) * sign
                size += maxima_at[other, 0]
                mass += maxima_at[other, 1]
            link[voxel] = (root + np.int32(1)) * sign
            maxima_at[root, 0], maxima_at[root, 1], maxima_at[root, 2], maxima_at[root, 3] = size, mass, best, level
            if value >= threshold:
                largest = max(largest, size)
                heaviest = max(heaviest, mass)
        score = 0.0
        for i in range(n):
            voxel = np.int32(order[i] & np.uint64(_MAGNITUDE))
            if with_score and abs(link[voxel]) == voxel + 1:
                score = max(score, maxima_at[voxel, 2] + extent_weight[int(maxima_at[voxel, 0])] * maxima_at[voxel, 3])
            link[voxel] = 0
        maxima[k, 0], maxima[k, 1] = _highest(height), largest
        maxima[k, 2], maxima[k, 3] = heaviest, score
