"""The response to every trial of one scan, for models that have trials or stimuli as rows.

- "lss", least squares separate (Mumford et al. 2012): a model for each trial, with a column for it, one for all other
  trials of each trial type, and drift, nuisance and the constant. Steady where responses overlap.
- "lsa", least squares all: one model with a column for every trial. Unbiased, noisy where responses overlap.

By least squares without prewhitening; percent of each voxel's mean.

Source: Mumford, Turner, Ashby and Poldrack (2012), NeuroImage 59:2636; the others by type as in Abdulrahman and Henson
(2016), NeuroImage 125:756 (LS-S with conditions).
"""

from typing import Literal

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float, Float64
from cuecircuit.errors import DesignError
from cuecircuit.imaging.first_level import Hrf, design_matrix
from cuecircuit.imaging.nuisance import Regressors
from cuecircuit.imaging.smoothing import smooth_in_mask
from cuecircuit.records.scan import AnySeries

TrialMethod = Literal["lss", "lsa"]
# what other columns leave of a trial's, relative, below which the scan tells nothing of it
_TOLD = 1e-5
# of a trial's column in a scan that ended before it; a moment's response is 0.008 high
_ROUNDING = 1e-9


def trial_responses(
    series: AnySeries,
    events: pd.DataFrame,
    *,
    mask: Bool[Array, "x y z"],
    hrf: Hrf,
    method: TrialMethod = "lss",
    drift_period_s: float | None = 128.0,
    fwhm_mm: float = 0.0,
    nuisance: Regressors | None = None,
) -> Float64[Array, "trial voxel"]:
    """Estimate the response to every event, NaN in voxels whose mean is not above 0.

    Args:
        series: the scan.
        events: columns onset, duration (s) and trial_type.
        mask: voxels to fit.
        hrf: response to a moment of activity; a finite impulse response has no one number for a trial.
        method: each trial on its own, or all together.
        drift_period_s: cosines with longer periods are removed.
        fwhm_mm: smoothing within the mask before the fit.
        nuisance: further columns.

    Raises:
        DesignError: trials that the scan tells nothing of, or no degree of freedom left.
    """
    if hrf == "fir":
        raise DesignError("hrf 'fir': found no assumed shape, expected one; a trial's response is one number")
    names = [f"trial{row:05d}" for row in range(len(events))]
    design = design_matrix(
        events[["onset", "duration"]].assign(trial_type=names),
        n_volumes=series.n_volumes,
        tr_s=series.tr_s,
        hrf=hrf,
        drift_period_s=drift_period_s,
        nuisance=nuisance,
    )
    base = np.linalg.qr(design.drop(columns=names).to_numpy())[0]
    trials = design[names].to_numpy()
    columns = trials - base @ (base.T @ trials)
    types = np.unique(events["trial_type"].astype(str), return_inverse=True)[1]
    weights = _separate(columns, types) if method == "lss" else _together(columns, base.shape[1])
    information = np.einsum("kn,nk->k", weights, columns)
    # a weight row is the trial's own only if it gives 1 for the trial itself
    told_by_scan = (np.abs(information - 1) < _TOLD) & (np.abs(trials).max(axis=0) > _ROUNDING)
    unknown = [str(row + 1) for row in np.flatnonzero(~told_by_scan)]
    if unknown:
        raise DesignError(
            f"trials {', '.join(unknown[:8])}: the scan tells nothing of them ({len(unknown)} of {len(events)}); they "
            "are after its end, or cannot be told from nuisance or from trials at the same time; leave them out"
        )
    data = smooth_in_mask(series.within(mask), mask, fwhm_mm=fwhm_mm, voxel_mm=series.grid.voxel_mm)
    mean = data.mean(axis=0, dtype=np.float64)
    responses = np.full((len(events), len(mean)), np.nan)
    usable = mean > 0
    responses[:, usable] = weights @ (100 * (data[:, usable] / mean[usable] - 1))
    return responses


def _separate(columns: Float[Array, "volume trial"], types: Array) -> Float64[Array, "trial volume"]:
    """Weights of each trial in its own model, from columns without drift and nuisance."""
    sums = columns @ np.eye(types.max() + 1)[types]
    weights = np.empty((columns.shape[1], len(columns)))
    for trial, kind in enumerate(types):
        others = sums.copy()
        others[:, kind] -= columns[:, trial]
        # the only trial of its type leaves a column of rounding
        size = np.linalg.norm(others, axis=0)
        others = others[:, size > 1e-9 * max(size.max(), np.linalg.norm(columns[:, trial]))]
        weights[trial] = np.linalg.pinv(np.column_stack([columns[:, trial], others]), rcond=1e-6)[0]
    return weights


def _together(columns: Float[Array, "volume trial"], n_base: int) -> Float64[Array, "trial volume"]:
    left = len(columns) - n_base - columns.shape[1]
    if left < 1:
        raise DesignError(
            f"{columns.shape[1]} trials and {n_base} other columns leave {left} degrees of freedom of {len(columns)} "
            "volumes; use method 'lss'"
        )
    return np.linalg.pinv(columns, rcond=1e-6)
