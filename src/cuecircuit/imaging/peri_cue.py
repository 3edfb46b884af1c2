"""The time course around the cue: percent change of a region's mean from the baseline window, block by block.

Cleaning is linear, so that the mean of a region's cleaned voxels is its cleaned mean: only the means are cleaned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Float64, Int
from cuecircuit.imaging.block_response import window_members
from cuecircuit.imaging.nuisance import Regressors, regress
from cuecircuit.records.scan import AnySeries, Block


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PeriCue:
    """Courses of one scan, blocks in order of time.

    `percent`: NaN where no volume that counts lies; `seconds`: start of each step, from the onset of the cue.
    """

    percent: Float64[Array, "block second region"]
    seconds: Float64[Array, "second"]


def peri_cue(
    series: AnySeries,
    blocks: Sequence[Block],
    regressors: Regressors,
    labels: Int[Array, "x y z"],
    regions: Int[Array, "region"],
    *,
    baseline_s: tuple[float, float],
    span_s: tuple[float, float],
    keep: Bool[Array, "volume"] | None = None,
) -> PeriCue:
    """Follow the regions around each block, in steps of one TR.

    Args:
        series: the scan.
        blocks: cue blocks.
        regressors: nuisance to remove.
        labels: atlas on the grid of the scan, 0 outside of the analysis mask.
        regions: labels to follow; a region without voxels is NaN.
        baseline_s: window that is 0 %, seconds from the onset.
        span_s: first and last second of the course.
        keep: volumes that count (False: censored).

    Raises:
        DataError: a baseline window leaves the scan or holds no volume.
    """
    n_volumes, tr_s = series.n_volumes, series.tr_s
    keep = np.ones(n_volumes, dtype=bool) if keep is None else keep
    blocks = sorted(blocks, key=lambda block: block.onset_s)
    means = regress(region_series(series, labels, regions), regressors, keep=keep).data
    baseline = window_members(blocks, baseline_s, tr_s=tr_s, n_volumes=n_volumes, keep=keep)
    base = (baseline / baseline.sum(axis=1, keepdims=True)) @ means
    base = np.where(base > 0, base, np.nan)
    seconds = np.arange(np.ceil(span_s[0] / tr_s), np.floor(span_s[1] / tr_s) + 1) * tr_s
    onsets = np.array([block.onset_s for block in blocks])
    # the first volume at or after the moment; a hundredth of a TR is rounding of the onset
    volume = np.ceil((onsets[:, None] + seconds) / tr_s - 0.01).astype(int)
    inside = (volume >= 0) & (volume < n_volumes)
    at = np.clip(volume, 0, n_volumes - 1)
    percent = 100 * (means[at] / base[:, None] - 1)
    percent[~(inside & keep[at])] = np.nan
    return PeriCue(percent=percent, seconds=seconds)


def region_series(
    series: AnySeries, labels: Int[Array, "x y z"], regions: Int[Array, "region"]
) -> Float64[Array, "volume region"]:
    """Average the scan over each region; NaN-free: a region without voxels is 0."""
    inside = np.isin(labels, regions)
    member = labels[inside][:, None] == regions[None, :]
    sums: Float[Array, "volume region"] = series.within(inside).astype(np.float64) @ member
    return sums / np.maximum(member.sum(axis=0), 1)
