"""One volume of a scan in one pass over its voxels: what the gate before the first level measures of it."""

import numpy as np

from cuecircuit.compiled import njit


@njit(cache=True, error_model="numpy")
def measure_volume(flat, volume, inside, usual, starts, low, high, slice_low, slice_high, values):  # pragma: no cover
    """Update lows and highs of voxels with a volume.

    Args:
        flat: the scan, (anywhere, volume).
        volume: which.
        inside: rows of the voxels of the mask, slice by slice.
        usual: value of each voxel in the usual volume.
        starts: first voxel of each slice, and the number of voxels.
        low, high: of each voxel over the volumes so far; updated.
        slice_low, slice_high: of each slice of the volume; written.
        values: of the voxels; written.

    Returns:
        Sum of squares of the distance from the usual volume, the largest value, and how many voxels have it.
    """
    squares = 0.0
    for place in range(len(starts) - 1):
        lowest, highest = np.inf, -np.inf
        for voxel in range(starts[place], starts[place + 1]):
            value = flat[inside[voxel], volume]
            values[voxel] = value
            apart = value - usual[voxel]
            squares += apart * apart
            low[voxel] = value if value < low[voxel] else low[voxel]
            high[voxel] = value if value > high[voxel] else high[voxel]
            lowest = value if value < lowest else lowest
            highest = value if value > highest else highest
        slice_low[place], slice_high[place] = lowest, highest
    top, at_top = slice_high.max(), 0
    for place in range(len(starts) - 1):
        if slice_high[place] == top:
            for voxel in range(starts[place], starts[place + 1]):
                at_top += values[voxel] == top
    return squares, top, at_top
