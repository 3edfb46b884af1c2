"""The general linear model of one scan: events convolved with a hemodynamic response, contrasts written as text.

nilearn does the work: design matrix with cosine drift, regression, AR(1) prewhitening. Its models of arrays are called,
which give what its FirstLevelModel gives; as there, voxels of the same hundredth of autocorrelation share a whitened
design. Effects are percent of each voxel's own mean.

A finite impulse response (hrf `fir`; Glover 1999, NeuroImage 9:416) assumes no shape: for each condition and each TR
after its onset one column, which is 1 (or the modulation of the event) at the volumes that begin in that step.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float, Float64
from cuecircuit.errors import DesignError
from cuecircuit.imaging.hrf import rat_hrf
from cuecircuit.imaging.nuisance import Regressors
from cuecircuit.imaging.smoothing import smooth_in_mask
from cuecircuit.records.scan import AnySeries

_BLOCK = 20_000  # voxels fitted at a time
Hrf = Literal["rat", "spm", "glover", "fir"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContrastMaps:
    """One contrast, voxels in the order of `volume[mask]`; NaN where the mean signal is not above 0.

    `effect` is in percent of the voxel's mean, `variance` in its square, with `df` degrees of freedom.
    """

    effect: Float64[Array, "voxel"]
    variance: Float64[Array, "voxel"]
    df: int

    @property
    def t(self) -> Float64[Array, "voxel"]:
        """Effect over its standard error."""
        return self._contrast.stat()

    @property
    def z(self) -> Float64[Array, "voxel"]:
        """The standard normal deviate with the tail probability of t."""
        return self._contrast.z_score()

    @property
    def _contrast(self) -> Any:
        from nilearn.glm import Contrast

        return Contrast(self.effect, self.variance, dim=1, dof=self.df, stat_type="t")


def design_matrix(
    events: pd.DataFrame,
    *,
    n_volumes: int,
    tr_s: float,
    hrf: Hrf,
    drift_period_s: float | None,
    fir_s: float = 30.0,
    nuisance: Regressors | None = None,
) -> pd.DataFrame:
    """Convolve the trial types of the events (onset, duration in s); add drift, nuisance and the constant.

    Args:
        events: columns onset, duration (s), trial_type and, for slopes, modulation (NaN in other events).
        n_volumes: length of the scan.
        tr_s: repetition time.
        hrf: response to a moment of activity, or `fir`.
        drift_period_s: shortest period of drift to remove; None removes none.
        fir_s: how long the finite impulse response is followed.
        nuisance: further columns.
    """
    from nilearn.glm.first_level import make_first_level_design_matrix

    added = nuisance or Regressors(values=np.empty((n_volumes, 0)), names=())
    if hrf == "fir":
        steps = _fir_columns(events, n_volumes=n_volumes, tr_s=tr_s, fir_s=fir_s)
    else:
        steps = _convolved_columns(events, hrf=hrf, n_volumes=n_volumes, tr_s=tr_s)
    names = [*steps.names, *added.names]
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        # nuisance columns that repeat others are no fault; a contrast that they leave untold, the fit refuses
        warnings.filterwarnings("ignore", message="Matrix is singular")
        return make_first_level_design_matrix(
            np.arange(n_volumes) * tr_s,
            drift_model=None if drift_period_s is None else "cosine",
            high_pass=0.01 if drift_period_s is None else 1 / drift_period_s,
            add_regs=np.hstack([steps.values, added.values]) if names else None,
            add_reg_names=names or None,
        )


def _convolved_columns(events: pd.DataFrame, *, hrf: Hrf, n_volumes: int, tr_s: float) -> Regressors:
    """Convolve the events of each condition, by name, then those of each slope, as high as their modulation."""
    from nilearn.glm.first_level import compute_regressor

    height = events.get("modulation", pd.Series(np.nan, index=events.index))
    numbers = np.vstack([events["onset"], events["duration"], height.fillna(1.0)]).astype(float)
    names, slopes = events["trial_type"].astype(str).to_numpy(), height.notna().to_numpy()
    groups = [(name, (names == name) & ~slopes) for name in sorted({*names[~slopes]})]
    groups += [(name, (names == name) & slopes) for name in dict.fromkeys(names[slopes])]
    columns = [
        compute_regressor(numbers[:, number], _response(hrf), np.arange(n_volumes) * tr_s)[0] for _, number in groups
    ]
    values = np.hstack([np.empty((n_volumes, 0)), *columns])
    return Regressors(values=values, names=tuple(name for name, _ in groups))


@cache
def _response(hrf: Hrf) -> Callable[..., Array]:
    """Return a response as nilearn takes it, computed once for each TR."""
    from nilearn.glm import first_level

    return rat_hrf if hrf == "rat" else cache(getattr(first_level, f"{hrf}_hrf"))


def fir_names(condition: str, *, tr_s: float, fir_s: float) -> tuple[str, ...]:
    """Name the columns of a condition's finite impulse response, one for each TR."""
    return tuple(f"{condition}_delay{step:03d}" for step in range(int(np.ceil(fir_s / tr_s - 1e-6))))


def _fir_columns(events: pd.DataFrame, *, n_volumes: int, tr_s: float, fir_s: float) -> Regressors:
    names: list[str] = []
    columns: list[Array] = [np.empty((n_volumes, 0))]
    for condition, trials in events.groupby("trial_type"):
        height = (
            trials["modulation"].fillna(1.0).to_numpy(dtype=float) if "modulation" in trials else np.ones(len(trials))
        )
        # the first volume at or after the onset; a hundredth of a TR is rounding of the onset
        first = np.ceil(trials["onset"].to_numpy(dtype=float) / tr_s - 0.01).astype(int)
        for step, name in enumerate(fir_names(str(condition), tr_s=tr_s, fir_s=fir_s)):
            column = np.zeros(n_volumes)
            inside = (first + step >= 0) & (first + step < n_volumes)
            np.add.at(column, (first + step)[inside], height[inside])
            names.append(name)
            columns.append(column)
    return Regressors(values=np.column_stack(columns), names=tuple(names))


def fit_first_level(
    series: AnySeries,
    events: pd.DataFrame,
    contrasts: Mapping[str, str | Mapping[str, float]],
    *,
    mask: Bool[Array, "x y z"],
    hrf: Hrf,
    noise: Literal["ar1", "ols"] = "ar1",
    drift_period_s: float | None = 128.0,
    fwhm_mm: float = 0.0,
    fir_s: float = 30.0,
    nuisance: Regressors | None = None,
    min_df: int = 1,
) -> dict[str, ContrastMaps]:
    """Fit the model and compute each contrast.

    Args:
        series: the scan.
        events: columns onset, duration (s) and trial_type.
        contrasts: name to text in terms of trial types, such as "face - house", or to weights of columns.
        mask: voxels to fit.
        hrf: response to a moment of activity: of the rat, SPM's, Glover's, or none assumed (`fir`, columns
            `<trial type>_delay000` and on).
        noise: model of the noise.
        drift_period_s: cosines with longer periods are removed.
        fwhm_mm: smoothing within the mask before the fit.
        fir_s: how long the finite impulse response is followed.
        nuisance: further columns of the design.
        min_df: fewest degrees of freedom that may be left.

    Raises:
        DesignError: a contrast that names no column of the design, or cannot be read; too few volumes.
    """
    design = design_matrix(
        events,
        n_volumes=series.n_volumes,
        tr_s=series.tr_s,
        hrf=hrf,
        drift_period_s=drift_period_s,
        fir_s=fir_s,
        nuisance=nuisance,
    )
    left = len(design) - int(np.linalg.matrix_rank(design.to_numpy()))
    if left < min_df:
        raise DesignError(
            f"{len(design)} volumes and {design.shape[1]} columns leave {left} degrees of freedom, expected {min_df} "
            "or more; remove fewer nuisance signals, follow a shorter response, or exclude the subject"
        )
    if doubled := sorted(set(design.columns[design.columns.duplicated()])):
        raise DesignError(
            f"columns {', '.join(doubled)} are conditions as well as other columns of the model; rename the conditions"
        )
    weights = contrast_weights(contrasts, list(design.columns))
    if not weights:
        return {}
    _refuse_unknown(design, weights)
    data = smooth_in_mask(series.within(mask), mask, fwhm_mm=fwhm_mm, voxel_mm=series.grid.voxel_mm)
    # voxels are fitted each for itself: in blocks the residuals of the whole brain never stand in memory
    blocks = [
        _fit_block(data[:, start : start + _BLOCK], design.to_numpy(), np.stack([*weights.values()]), noise)
        for start in range(0, data.shape[1], _BLOCK)
    ]
    effect, variance = np.concatenate(blocks, axis=2)
    return {name: ContrastMaps(effect=effect[row], variance=variance[row], df=left) for row, name in enumerate(weights)}


def contrast_weights(
    contrasts: Mapping[str, str | Mapping[str, float]], columns: Sequence[str]
) -> dict[str, Float64[Array, "column"]]:
    """Read contrasts: the weight of each column.

    Raises:
        DesignError: a contrast that names no column, cannot be read, or is zero everywhere.
    """
    from nilearn.glm.contrasts import expression_to_contrast_vector

    weights, faults = {}, []
    for name, text in contrasts.items():
        if not isinstance(text, str):
            weights[name] = np.array([text.get(column, 0.0) for column in columns])
            if set(text) - set(columns) or not weights[name].any():
                faults.append(f"contrast {name}: weights of {', '.join(text)}; the design has {', '.join(columns)}")
            continue
        try:
            weights[name] = np.asarray(expression_to_contrast_vector(text, columns), dtype=np.float64)
        except ValueError:
            faults.append(
                f"contrast {name}: '{text}' cannot be read; write sums and differences of: {', '.join(columns)}"
            )
            continue
        if not weights[name].any():
            faults.append(f"contrast {name}: '{text}' is zero for every column of the design")
    DesignError.raise_any(faults)
    return weights


def _refuse_unknown(design: pd.DataFrame, weights: Mapping[str, Float64[Array, "column"]]) -> None:
    """Refuse contrasts that the scan tells nothing of: weights that are no combination of rows of the design."""
    columns = design.to_numpy()
    length = np.linalg.norm(columns, axis=0)
    length[length < 1e-12 * length.max()] = 1.0  # nilearn lifts columns of zeros to 1e-15 of the largest
    _, size, rows = np.linalg.svd(columns / length, full_matrices=False)
    rows = rows[size > 1e-8 * size[0]]
    faults = []
    for name, weight in weights.items():
        scaled = weight / length
        if np.linalg.norm(scaled - rows.T @ (rows @ scaled)) > 1e-5 * np.linalg.norm(scaled):
            faults.append(
                f"contrast {name} cannot be told from the rest of the model: its trials are after the end of the scan, "
                "in volumes that are left out, or as nuisance columns are; remove fewer signals, or exclude the scan"
            )
    DesignError.raise_any(faults)


def _fit_block(
    data: Float[Array, "volume voxel"],
    design: Float64[Array, "volume column"],
    weights: Float64[Array, "contrast column"],
    noise: Literal["ar1", "ols"],
) -> Float64[Array, "2 contrast voxel"]:
    """Return effect and variance of each contrast, percent of the mean; NaN where the mean is not above 0."""
    from nilearn.glm import ARModel, OLSModel

    mean = data.mean(axis=0, dtype=np.float64)
    usable = np.flatnonzero(mean > 0)
    estimates = np.full((2, len(weights), len(mean)), np.nan)
    percent = 100 * (data[:, usable] / mean[usable] - 1)
    fit = OLSModel(design).fit(percent)
    fits: Iterable[Any] = [(slice(None), fit)]
    if noise == "ar1":
        rho = _autocorrelation(fit.whitened_residuals)  # of least squares: nothing is whitened yet
        by_rho = ((rho == value, value) for value in np.unique(rho))
        fits = ((voxels, ARModel(design, value).fit(percent[:, voxels])) for voxels, value in by_rho)
    for voxels, each in fits:
        estimates[0][:, usable[voxels]] = weights @ each.theta
        estimates[1][:, usable[voxels]] = np.outer(
            np.einsum("kc,cd,kd->k", weights, each.cov, weights), each.dispersion
        )
    return estimates


def _autocorrelation(residuals: Float64[Array, "volume voxel"]) -> Float64[Array, "voxel"]:
    """Lag-one autocorrelation in whole hundredths toward 0, as nilearn's `run_glm` has it; 0 of a constant series."""
    n = len(residuals)
    power = np.einsum("tv,tv->v", residuals, residuals) / n
    lagged = np.einsum("tv,tv->v", residuals[1:], residuals[:-1]) / (n - 1)
    return np.trunc(100 * np.divide(lagged, power, out=np.zeros_like(power), where=power > 0)) / 100
