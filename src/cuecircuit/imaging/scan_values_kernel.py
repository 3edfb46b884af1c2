"""A scan in one pass over its voxels: what the gate before the first level measures of it."""

import numpy as np

from cuecircuit.compiled import njit


@njit(cache=True, error_model="numpy")
def measure_voxels(values, slices, n_slices, some):  # pragma: no cover
    """Measure a scan.

    Args:
        values: (voxel, volume).
        slices: the slice of each voxel.
        n_slices: how many.
        some: volumes whose median is usual.

    Returns:
        Of each voxel the usual value and whether it varies; of each volume the sum of squares of its distance from the
        usual one, and the sum of its values; of each slice and volume the lowest and highest value.
    """
    n_voxels, n_volumes = values.shape
    usual, varies = np.empty(n_voxels), np.zeros(n_voxels, np.bool_)
    squares, sums = np.zeros(n_volumes), np.zeros(n_volumes)
    slice_low = np.full((n_slices, n_volumes), np.inf, values.dtype)
    slice_high = np.full((n_slices, n_volumes), -np.inf, values.dtype)
    sample = np.empty(len(some))
    for voxel in range(n_voxels):
        row, lowest, highest = values[voxel], slice_low[slices[voxel]], slice_high[slices[voxel]]
        for number in range(len(some)):
            sample[number] = row[some[number]]
        middle = _median(sample)
        first, differ = row[0], 0
        for volume in range(n_volumes):
            value = row[volume]
            apart = value - middle
            squares[volume] += apart * apart
            sums[volume] += value
            lowest[volume] = value if value < lowest[volume] else lowest[volume]
            highest[volume] = value if value > highest[volume] else highest[volume]
            differ += value != first
        usual[voxel], varies[voxel] = middle, differ > 0
    return usual, varies, squares, sums, slice_low, slice_high


@njit(cache=True)
def _median(sample):  # pragma: no cover
    """Return the median of a few values, which are put in order."""
    for place in range(1, len(sample)):
        value, at = sample[place], place
        while at and sample[at - 1] > value:
            sample[at] = sample[at - 1]
            at -= 1
        sample[at] = value
    return (sample[(len(sample) - 1) // 2] + sample[len(sample) // 2]) / 2
