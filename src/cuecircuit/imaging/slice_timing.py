"""Slice timing: every slice brought to the time at which its volume begins.

Slices of a volume are taken one after another (SliceTiming of the BIDS sidecar, s). A series is shifted in time by
cubic splines; before the first and after the last volume it is held at its end value.
"""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import shift

from cuecircuit.errors import DataError
from cuecircuit.records.scan import Series


def correct_slice_timing(series: Series, times_s: Sequence[float], *, axis: int = 2) -> Series:
    """Shift each slice to the start of its volume.

    Args:
        series: the scan.
        times_s: when each slice was taken, seconds from the start of the volume.
        axis: of the slices in the array.

    Raises:
        DataError: another number of slices, or times outside of the TR.
    """
    n_slices = series.data.shape[axis]
    if len(times_s) != n_slices:
        raise DataError(f"SliceTiming has {len(times_s)} times, the scan {n_slices} slices")
    if min(times_s) < 0 or max(times_s) > series.tr_s:
        raise DataError(
            f"SliceTiming runs from {min(times_s):g} to {max(times_s):g}, the TR is {series.tr_s:g} s; "
            "BIDS gives it in seconds"
        )
    data = np.moveaxis(series.data, axis, 0).copy()
    for number, time_s in enumerate(times_s):
        data[number] = shift(data[number], (0, 0, time_s / series.tr_s), order=3, mode="nearest")
    return Series(data=np.moveaxis(data, 0, axis), grid=series.grid, tr_s=series.tr_s)
