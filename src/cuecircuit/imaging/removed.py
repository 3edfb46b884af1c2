"""What a study removes from a scan: signals of tissues or columns of its confounds table, motion, breaths, drift.

Signals of tissues are means over the masks of the study, or, where it has none, columns of the confounds table that
fMRIPrep or RABIES wrote (https://fmriprep.org/en/stable/outputs.html#confounds). Motion is expanded from the six
parameters of either, so that tables with these alone serve as well.
Censoring (scrubbing) leaves out a volume where the head moved or the whole image changed on the way into it
(Power et al. 2012, NeuroImage 59:2142).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Float64
from cuecircuit.errors import DataError
from cuecircuit.imaging.compcor import principal_components
from cuecircuit.imaging.nuisance import MOTION_NAMES, Regressors, cosine_drift, motion_columns, motion_names
from cuecircuit.imaging.quality import framewise_displacement, scan_quality
from cuecircuit.records.scan import AnySeries
from cuecircuit.study.acquisition import Nuisance

# the columns of a table that hold the mean signal of a tissue, fMRIPrep's name first
TISSUE_COLUMNS = {"white_matter": ("white_matter", "WM_signal"), "ventricles": ("csf", "CSF_signal")}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanSignals:
    """What is known of a scan beside its series; None where there is none.

    `tissues`: masks by name, white_matter and ventricles; `motion`: mm and rad; `table`: columns of confounds;
    `head_radius_mm` turns rotations into mm.
    """

    tissues: Mapping[str, Bool[Array, "x y z"]]
    motion: Float[Array, "volume 6"] | None = None
    table: Mapping[str, Float64[Array, "volume"]] | None = None
    breaths: Regressors | None = None
    head_radius_mm: float = 50.0


def displacement(signals: ScanSignals) -> Float64[Array, "volume"] | None:
    """Framewise displacement in mm, NaN in the first volume; None where motion was not measured."""
    table = signals.table or {}
    if "framewise_displacement" in table:
        return table["framewise_displacement"]
    if signals.motion is None:
        return None
    moved = framewise_displacement(signals.motion, head_radius_mm=signals.head_radius_mm)
    return np.concatenate([[np.nan], moved])


def counted_volumes(
    series: AnySeries, signals: ScanSignals, nuisance: Nuisance, mask: Bool[Array, "x y z"]
) -> Bool[Array, "volume"]:
    """Return which volumes count: all where the study censors none.

    Raises:
        DataError: displacement is asked for, but the scan has no motion parameters.
    """
    keep = np.ones(series.n_volumes, dtype=bool)
    if nuisance.censor_fd_mm is not None:
        moved = displacement(signals)
        if moved is None:
            raise DataError("nuisance.censor_fd_mm is set, but nothing tells how the head moved in this scan")
        keep &= ~(moved > nuisance.censor_fd_mm)  # the first volume has no displacement and counts
    if nuisance.censor_dvars_percent is not None:
        keep[1:] &= scan_quality(series.within(mask)).dvars_percent <= nuisance.censor_dvars_percent
    return keep


def removed_signals(
    series: AnySeries, signals: ScanSignals, nuisance: Nuisance, keep: Bool[Array, "volume"], *, drift: bool = True
) -> Regressors:
    """Put together everything the study removes from a scan.

    Args:
        series: the scan.
        signals: what is known of it.
        nuisance: what to remove.
        keep: volumes that count; components of tissues are made of these.
        drift: add the cosines of `drift_period_s`; a general linear model has its own.

    Raises:
        DataError: everything that is asked for and missing, or that is not finite.
    """
    space = series.grid.shape
    faults = [
        f"the mask space.{name} has shape {tissue.shape}, the scan {space}"
        for name, tissue in signals.tissues.items()
        if tissue.shape != space
    ]
    DataError.raise_any([*faults, *signal_faults(signals, nuisance)])
    n, tr_s = series.n_volumes, series.tr_s
    period = nuisance.drift_period_s if drift else None
    slow = np.empty((n, 0)) if period is None else cosine_drift(n, tr_s=tr_s, period_s=period)
    columns: dict[str, Array] = {}
    for name, tissue in signals.tissues.items():
        if getattr(nuisance, name):
            columns[name] = series.within(tissue).mean(axis=1, dtype=np.float64)
        if nuisance.acompcor:
            components = principal_components(series.within(tissue), nuisance.acompcor, drift=slow, keep=keep)
            columns |= {f"{name}_acompcor{number}": column for number, column in enumerate(components.T)}
    if nuisance.motion and signals.motion is not None:
        moved = motion_columns(signals.motion, nuisance.motion)
        columns |= dict(zip(motion_names(nuisance.motion), moved.T, strict=True))
    columns |= {name: signals.table[name] for _, name in _asked(signals, nuisance) if signals.table is not None}
    columns |= {f"drift{number:02d}": column for number, column in enumerate(slow.T)}
    if signals.breaths is not None:
        columns |= dict(zip(signals.breaths.names, signals.breaths.values.T, strict=True))
    columns |= dict(_fast_cosines(n, tr_s=tr_s, above_hz=nuisance.low_pass_hz))
    return Regressors(values=np.column_stack([np.empty((n, 0)), *columns.values()]), names=tuple(columns))


def model_columns(regressors: Regressors, keep: Bool[Array, "volume"]) -> Regressors:
    """Return columns of a general linear model: centered, scaled to SD 1, one more for each volume left out.

    The model has a constant, so its fit is the same, and columns of 1e-8 (squared rotations) do not sink in rounding.
    Constant columns are dropped. A column of its own leaves a volume out of the fit.
    """
    values = regressors.values
    centered = values - values.mean(axis=0)
    spread = centered.std(axis=0)
    # what rounding leaves of a constant column is about 1e-16 of its size
    varies = spread > 1e-13 * np.abs(values).max(axis=0, initial=0.0)
    left_out = np.flatnonzero(~keep)
    return Regressors(
        values=np.hstack([centered[:, varies] / spread[varies], np.eye(len(keep))[:, left_out]]),
        names=(
            *(name for name, one in zip(regressors.names, varies, strict=True) if one),
            *(f"censored{volume}" for volume in left_out),
        ),
    )


def signal_faults(signals: ScanSignals, nuisance: Nuisance) -> Iterator[str]:
    """Yield everything that is asked for and missing, or that holds values that are not finite."""
    table = signals.table or {}
    for name, tissue in signals.tissues.items():
        if (nuisance.acompcor or getattr(nuisance, name)) and not tissue.any():
            yield f"the mask space.{name} holds no voxel"
    if nuisance.acompcor and not signals.tissues:
        yield (
            "nuisance.acompcor makes components of the masks space.white_matter and space.ventricles, and there are "
            "none; name them, or take the components of the confounds table (nuisance.columns)"
        )
    if nuisance.motion and signals.motion is not None and not np.isfinite(signals.motion).all():
        yield "motion parameters that are no number; a column of the model needs one for each volume"
    asked = nuisance.motion or nuisance.censor_fd_mm is not None
    if asked and signals.motion is not None and not np.ptp(signals.motion, axis=0).any():
        yield "motion parameters that never change, as of a head that was not followed; estimate motion again"
    if nuisance.motion and signals.motion is None:
        missing = [name for name in MOTION_NAMES if name not in table]
        what = f"no column {', '.join(missing)}" if table else "no file of confounds"
        yield f"{what}, but nuisance.motion asks for motion"
    moved = displacement(signals) if nuisance.censor_fd_mm is not None else None
    if moved is not None and not np.isfinite(moved[1:]).all():
        yield (
            "no displacement of the head in some volumes after the first, which nuisance.censor_fd_mm asks for; "
            "framewise_displacement, or motion, is no number there"
        )
    for setting, name in _asked(signals, nuisance):
        if name not in table:
            yield f"no column {name}, which nuisance.{setting} asks for; it has {_listed(table)}"
        elif not np.isfinite(table[name]).all():
            yield f"no number in some rows of {name}; a column of the model needs one for each volume"


def _asked(signals: ScanSignals, nuisance: Nuisance) -> Iterator[tuple[str, str]]:
    """Yield each setting with the columns of the table that it asks for."""
    table = signals.table or {}
    for tissue, names in TISSUE_COLUMNS.items():
        if getattr(nuisance, tissue) and tissue not in signals.tissues:
            yield tissue, next((name for name in names if name in table), names[0])
    for column in nuisance.columns:
        matching = [column] if column in table else sorted(name for name in table if name.startswith(column))
        # fMRIPrep has columns of outliers only where there are some
        yield from (("columns", name) for name in matching or ([] if column.startswith(_MAY_LACK) else [column]))


_MAY_LACK = ("non_steady_state_outlier", "motion_outlier")


def _listed(table: Mapping[str, object]) -> str:
    names = sorted(table)
    return (", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")) or "no column"


def _fast_cosines(n: int, *, tr_s: float, above_hz: float | None) -> Iterator[tuple[str, Float64[Array, "volume"]]]:
    """Yield the discrete cosines faster than `above_hz` (cycles/s): a low pass whose cost in df is plain to see."""
    for number in range(1, n) if above_hz is not None else ():
        if above_hz is not None and number / (2 * n * tr_s) > above_hz:
            yield f"fast{number:03d}", np.cos(np.pi * number * (np.arange(n) + 0.5) / n)
