"""One scan to one response per cue block and voxel: nuisance regression, smoothing in the mask, percent change.

Smoothing is a fixed linear map across voxels and the window means are linear across volumes, so the two commute: the
means of the windows are smoothed, two volumes per block, which gives the same responses as smoothing the whole scan.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError
from cuecircuit.imaging.block_response import percent_change, percent_variance, window_means, window_members
from cuecircuit.imaging.nuisance import Regressors, regress
from cuecircuit.imaging.smoothing import smooth_in_mask
from cuecircuit.records.scan import AnySeries, Block


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockResponses:
    """Responses of one scan, blocks in order of time, voxels in the order of `volume[mask]`.

    `percent`: change from baseline, %; NaN in voxels whose mean signal is not above 0, `n_unusable` of them.
    `variance`: of `percent`, %²; None where it was not asked for.
    `residual_df`, `dropped`: what nuisance regression left, and the regressors it did not need.
    `n_censored`: volumes left out.
    """

    percent: Float[Array, "block voxel"]
    variance: Float[Array, "block voxel"] | None
    cues: tuple[str, ...]
    residual_df: int
    dropped: tuple[str, ...]
    n_unusable: int
    n_censored: int


def block_responses(
    series: AnySeries,
    blocks: Sequence[Block],
    *,
    mask: Bool[Array, "_ _ _"],
    regressors: Regressors,
    keep: Bool[Array, "volume"] | None = None,
    baseline_s: tuple[float, float],
    window_s: tuple[float, float],
    fwhm_mm: float = 0.0,
    min_df: int = 1,
    with_variance: bool = False,
) -> BlockResponses:
    """Turn a scan into percent changes per cue block.

    Args:
        series: the scan, on the grid of the mask.
        blocks: cue blocks of the scan.
        mask: voxels to analyze.
        regressors: nuisance to remove.
        keep: volumes that count (False: censored); None keeps all.
        baseline_s: window that is 0 %, seconds from the onset.
        window_s: window of the response, seconds from the onset.
        fwhm_mm: smoothing within the mask.
        min_df: fewest degrees of freedom that nuisance regression may leave.
        with_variance: also estimate the variance; this smooths every volume of the windows.

    Raises:
        DataError: a mask on another grid or without voxels, windows that leave the scan, too few degrees of freedom.
    """
    if mask.shape != series.grid.shape:
        raise DataError(f"the mask has shape {mask.shape}, the scan {series.grid.shape}")
    if not mask.any():
        raise DataError("the mask holds no voxel")
    n_volumes = series.n_volumes
    blocks = sorted(blocks, key=lambda block: block.onset_s)
    window = window_members(blocks, window_s, tr_s=series.tr_s, n_volumes=n_volumes, keep=keep)
    baseline = window_members(blocks, baseline_s, tr_s=series.tr_s, n_volumes=n_volumes, keep=keep)
    cleaned = regress(series.within(mask), regressors, keep=keep, min_df=min_df)

    # cleaning keeps the mean, so this is the mean level of the scan as it was read
    usable = cleaned.data.mean(axis=0) > 0
    within = np.zeros_like(mask)
    within[mask] = usable
    data = cleaned.data[:, usable]

    def smooth(rows: Float[Array, "row voxel"]) -> Float[Array, "row voxel"]:
        return smooth_in_mask(rows, within, fwhm_mm=fwhm_mm, voxel_mm=series.grid.voxel_mm)

    percent = percent_change(smooth(window_means(data, window)), smooth(window_means(data, baseline)))
    variance = None
    if with_variance:
        needed = (window | baseline).any(axis=0)
        variance = percent_variance(smooth(data[needed]), window[:, needed], baseline[:, needed])
    return BlockResponses(
        percent=_at(usable, percent),
        variance=None if variance is None else _at(usable, variance),
        cues=tuple(block.cue for block in blocks),
        residual_df=cleaned.residual_df,
        dropped=cleaned.dropped,
        n_unusable=int((~usable).sum()),
        n_censored=0 if keep is None else int((~keep).sum()),
    )


def _at(usable: Bool[Array, "voxel"], values: Float[Array, "block used"]) -> Float[Array, "block voxel"]:
    full = np.full((len(values), len(usable)), np.nan, dtype=values.dtype)
    full[:, usable] = values
    return full
