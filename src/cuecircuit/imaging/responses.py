"""One scan to one response per cue block and voxel: nuisance regression, smoothing in the mask, percent change.

Smoothing is a fixed linear map across voxels and the window means are linear across volumes, so the two commute: the
means of the windows are smoothed, two volumes per block, which gives the same responses as smoothing the whole scan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError
from cuecircuit.imaging.block_response import percent_change, percent_variance, window_means, window_members
from cuecircuit.imaging.nuisance import Regressors, regress
from cuecircuit.imaging.scan_nuisance import kept_volumes, scan_regressors
from cuecircuit.imaging.smoothing import smooth_in_mask
from cuecircuit.records.scan import Block, Series
from cuecircuit.study.study import Nuisance, Response


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
    series: Series,
    blocks: Sequence[Block],
    *,
    mask: Bool[Array, "x y z"],
    white_matter: Bool[Array, "_ _ _"],
    ventricles: Bool[Array, "_ _ _"],
    motion: Float[Array, "volume 6"] | None = None,
    breaths: Regressors | None = None,
    keep: Bool[Array, "volume"] | None = None,
    nuisance: Nuisance,
    response: Response,
    with_variance: bool = False,
) -> BlockResponses:
    """Turn a scan into percent changes per cue block.

    Args:
        series: the scan, on the grid of the masks.
        blocks: cue blocks of the scan.
        mask: voxels to analyze.
        white_matter: voxels whose mean is the white-matter signal.
        ventricles: voxels whose mean is the ventricle signal.
        motion: translations (mm) and rotations (rad), where the study removes motion.
        breaths: regressors of breathing, where the study removes them.
        keep: volumes that count beside the study's own censoring (False: censored).
        nuisance: what to remove, and the smoothing.
        response: the windows.
        with_variance: also estimate the variance; this smooths every volume of the windows.

    Raises:
        DataError: masks on another grid, a tissue mask without voxels, windows that leave the scan, no degree of
            freedom left.
    """
    _same_shape(series, {"mask": mask, "white-matter mask": white_matter, "ventricle mask": ventricles})
    n_volumes = series.data.shape[3]
    blocks = sorted(blocks, key=lambda block: block.onset_s)
    keep = _both(keep, kept_volumes(series, mask=mask, motion=motion, nuisance=nuisance))
    window = window_members(blocks, response.window_s, tr_s=series.tr_s, n_volumes=n_volumes, keep=keep)
    baseline = window_members(blocks, response.baseline_s, tr_s=series.tr_s, n_volumes=n_volumes, keep=keep)
    regressors = scan_regressors(
        series,
        white_matter=white_matter,
        ventricles=ventricles,
        motion=motion,
        breaths=breaths,
        keep=keep,
        nuisance=nuisance,
    )
    cleaned = regress(series.data[mask].T, regressors, keep=keep, min_df=nuisance.min_residual_df)

    # cleaning keeps the mean, so this is the mean level of the scan as it was read
    usable = cleaned.data.mean(axis=0) > 0
    within = np.zeros_like(mask)
    within[mask] = usable
    data = cleaned.data[:, usable]

    def smooth(rows: Float[Array, "row voxel"]) -> Float[Array, "row voxel"]:
        return smooth_in_mask(rows, within, fwhm_mm=nuisance.smoothing_fwhm_mm, voxel_mm=series.grid.voxel_mm)

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


def _same_shape(series: Series, masks: Mapping[str, Bool[Array, "_ _ _"]]) -> None:
    found = series.data.shape[:3]
    faults = [
        f"the {name} has shape {mask.shape}, the scan {found}" for name, mask in masks.items() if mask.shape != found
    ]
    faults += [f"the {name} holds no voxel" for name, mask in masks.items() if not mask.any()]
    if faults:
        raise DataError(faults)


def _both(one: Bool[Array, "volume"] | None, other: Bool[Array, "volume"] | None) -> Bool[Array, "volume"] | None:
    return other if one is None else one if other is None else one & other


def _at(usable: Bool[Array, "voxel"], values: Float[Array, "block used"]) -> Float[Array, "block voxel"]:
    full = np.full((len(values), len(usable)), np.nan, dtype=values.dtype)
    full[:, usable] = values
    return full
