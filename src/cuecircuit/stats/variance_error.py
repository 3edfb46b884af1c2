"""How often permutation errs where two groups differ in variance, measured; for a warning where data look alike.

Family-wise error at .05 in null studies of Gaussian maps: two groups, one map per subject, the largest rate of the four
statistics (voxel, size, mass, threshold-free score). Between the cells the nearest counts.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.stats.group_variances import GroupVariances


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredError:
    """Subjects of the smaller and the larger group, the smaller one's SD over the larger one's, and the error rate."""

    n: tuple[int, int]
    sd_ratio: float
    rate: float


_CELLS = tuple(
    MeasuredError(n=(fewer, more), sd_ratio=ratio, rate=rate)
    for fewer, more, ratio, rate in (
        (5, 12, 2.5, 0.85),
        (5, 12, 1.5, 0.30),
        (5, 12, 1.3, 0.17),
        (5, 12, 1.2, 0.12),
        (5, 12, 1.1, 0.08),
        (5, 12, 1 / 1.5, 0.0),
        (5, 12, 1 / 2.5, 0.0),
        (7, 14, 2.5, 0.84),
        (7, 14, 1.5, 0.21),
        (7, 14, 1 / 2.5, 0.01),
        (10, 11, 2.5, 0.32),
        (10, 11, 1.5, 0.09),
        (10, 11, 1 / 2.5, 0.16),
        (30, 30, 2.5, 0.12),
        (30, 30, 1.5, 0.06),
    )
)


def nearest_measured_error(variances: GroupVariances) -> MeasuredError:
    """Return the measured cell nearest to the two groups whose SDs differ most, on logarithmic scales."""
    low, high = int(np.argmin(variances.sd)), int(np.argmax(variances.sd))
    fewer, more = (low, high) if variances.n[low] < variances.n[high] else (high, low)
    n, ratio = (variances.n[fewer], variances.n[more]), variances.sd[fewer] / variances.sd[more]
    place = _place(n, ratio)
    return min(_CELLS, key=lambda cell: float(np.sum((_place(cell.n, cell.sd_ratio) - place) ** 2)))


def _place(n: tuple[int, int], sd_ratio: float) -> np.ndarray:
    # at equal sizes either group may be the one with the larger SD
    log_ratio = np.log(sd_ratio) if n[0] < n[1] else abs(np.log(sd_ratio))
    return np.array([np.log(n[1] / n[0]), np.log(sum(n)) / 2, log_ratio])
