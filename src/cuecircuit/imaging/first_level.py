"""The general linear model of one scan: events convolved with a hemodynamic response, contrasts written as text.

nilearn does the work: design matrix with cosine drift, AR(1) prewhitening voxel by voxel, contrasts. Its functions on
arrays are called, which give what its FirstLevelModel gives. Effects are percent of each voxel's own mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float64
from cuecircuit.errors import DesignError
from cuecircuit.imaging.hrf import rat_hrf
from cuecircuit.imaging.smoothing import smooth_in_mask
from cuecircuit.records.scan import Series


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContrastMaps:
    """One contrast, voxels in the order of `volume[mask]`; NaN where the mean signal is not above 0.

    `effect` is in percent of the voxel's mean, `variance` in its square; `t` has `df` degrees of freedom, `z` is the
    standard normal deviate with the same tail probability.
    """

    effect: Float64[Array, "voxel"]
    variance: Float64[Array, "voxel"]
    t: Float64[Array, "voxel"]
    z: Float64[Array, "voxel"]
    df: float


def design_matrix(
    events: pd.DataFrame,
    *,
    n_volumes: int,
    tr_s: float,
    hrf: Literal["rat", "spm", "glover"],
    drift_period_s: float,
) -> pd.DataFrame:
    """Convolve the trial types of the events (onset, duration in s) and add cosine drift and the constant."""
    from nilearn.glm.first_level import make_first_level_design_matrix

    design = make_first_level_design_matrix(
        np.arange(n_volumes) * tr_s,
        events[["onset", "duration", "trial_type"]],
        hrf_model=rat_hrf if hrf == "rat" else hrf,
        drift_model="cosine",
        high_pass=1 / drift_period_s,
    )
    # nilearn adds the name of a response that is not its own to the name of the condition
    return design.rename(columns=lambda name: name.removesuffix(f"_{rat_hrf.__name__}"))


def fit_first_level(
    series: Series,
    events: pd.DataFrame,
    contrasts: Mapping[str, str],
    *,
    mask: Bool[Array, "x y z"],
    hrf: Literal["rat", "spm", "glover"],
    noise: Literal["ar1", "ols"] = "ar1",
    drift_period_s: float = 128.0,
    fwhm_mm: float = 0.0,
) -> dict[str, ContrastMaps]:
    """Fit the model and compute each contrast.

    Args:
        series: the scan.
        events: columns onset, duration (s) and trial_type.
        contrasts: name to text in terms of trial types, such as "face - house".
        mask: voxels to fit.
        hrf: response to a moment of activity: of the rat, SPM's, or Glover's.
        noise: model of the noise.
        drift_period_s: cosines with longer periods are removed.
        fwhm_mm: smoothing within the mask before the fit.

    Raises:
        DesignError: a contrast that names no column of the design, or cannot be read.
    """
    from nilearn.glm.first_level import run_glm

    design = design_matrix(
        events, n_volumes=series.data.shape[3], tr_s=series.tr_s, hrf=hrf, drift_period_s=drift_period_s
    )
    weights = _contrast_weights(contrasts, list(design.columns))
    data = smooth_in_mask(series.data[mask].T, mask, fwhm_mm=fwhm_mm, voxel_mm=series.grid.voxel_mm)
    mean = data.mean(axis=0, dtype=np.float64)
    usable = mean > 0
    percent = 100 * (data[:, usable] / mean[usable] - 1)
    labels, results = run_glm(percent, design.to_numpy(), noise_model=noise)
    return {name: _maps(labels, results, vector, usable) for name, vector in weights.items()}


def _contrast_weights(contrasts: Mapping[str, str], columns: Sequence[str]) -> dict[str, Float64[Array, "column"]]:
    from nilearn.glm.contrasts import expression_to_contrast_vector

    weights, faults = {}, []
    for name, text in contrasts.items():
        try:
            weights[name] = np.asarray(expression_to_contrast_vector(text, columns), dtype=np.float64)
        except ValueError:
            faults.append(
                f"contrast {name}: '{text}' cannot be read; write sums and differences of: {', '.join(columns)}"
            )
            continue
        if not weights[name].any():
            faults.append(f"contrast {name}: '{text}' is zero for every column of the design")
    if faults:
        raise DesignError(faults)
    return weights


def _maps(labels: Any, results: Any, weights: Float64[Array, "column"], usable: Bool[Array, "voxel"]) -> ContrastMaps:
    from nilearn.glm.contrasts import compute_contrast

    contrast = compute_contrast(labels, results, weights, stat_type="t")

    def everywhere(values: Any) -> Float64[Array, "voxel"]:
        full = np.full(len(usable), np.nan)
        full[usable] = np.ravel(values)
        return full

    return ContrastMaps(
        effect=everywhere(contrast.effect_size()),
        variance=everywhere(contrast.effect_variance()),
        t=everywhere(contrast.stat()),
        z=everywhere(contrast.z_score()),
        df=float(contrast.dof),
    )
