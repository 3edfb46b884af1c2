"""What the study removes from a scan: its regressors put together, and the volumes that count.

Censoring (scrubbing) leaves out a volume where the head moved or the whole image changed on the way into it
(Power et al. 2012, NeuroImage 59:2142). Leaving a volume out of the fit gives the others the residuals that one
column of its own would give; each costs one degree of freedom either way.
"""

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Float64
from cuecircuit.errors import DataError
from cuecircuit.imaging.compcor import principal_components
from cuecircuit.imaging.nuisance import Regressors, cosine_drift, nuisance_regressors
from cuecircuit.imaging.quality import framewise_displacement, scan_quality
from cuecircuit.records.scan import Series
from cuecircuit.study.study import Nuisance


def kept_volumes(
    series: Series,
    *,
    mask: Bool[Array, "x y z"],
    motion: Float[Array, "volume 6"] | None,
    nuisance: Nuisance,
) -> Bool[Array, "volume"] | None:
    """Tell which volumes count; None where the study censors none.

    Raises:
        DataError: displacement is asked for, but the scan has no motion parameters.
    """
    keep = np.ones(series.data.shape[3], dtype=bool)
    if nuisance.censor_fd_mm is None and nuisance.censor_dvars_percent is None:
        return None
    if nuisance.censor_fd_mm is not None:
        if motion is None:
            raise DataError("nuisance.censor_fd_mm is set, but the scan has no motion parameters")
        moved = framewise_displacement(motion, head_radius_mm=nuisance.head_radius_mm)
        keep[1:] &= moved <= nuisance.censor_fd_mm
    if nuisance.censor_dvars_percent is not None:
        keep[1:] &= scan_quality(series.data[mask].T).dvars_percent <= nuisance.censor_dvars_percent
    return keep


def scan_regressors(
    series: Series,
    *,
    white_matter: Bool[Array, "x y z"],
    ventricles: Bool[Array, "x y z"],
    motion: Float[Array, "volume 6"] | None = None,
    breaths: Regressors | None = None,
    keep: Bool[Array, "volume"] | None = None,
    nuisance: Nuisance,
) -> Regressors:
    """Put together everything the study removes from a scan.

    Raises:
        DataError: motion asked for and not given, values that are not finite, a tissue too small for its components.
    """
    n_volumes = series.data.shape[3]
    drift = nuisance.drift_period_s
    cosines = None if drift is None else cosine_drift(n_volumes, tr_s=series.tr_s, period_s=drift)
    means, components = {}, {}
    for name, asked, tissue in (
        ("white_matter", nuisance.white_matter, white_matter),
        ("ventricles", nuisance.ventricles, ventricles),
    ):
        if asked:
            means[name] = series.data[tissue].mean(axis=0, dtype=np.float64)
        if nuisance.acompcor:
            found = principal_components(series.data[tissue].T, nuisance.acompcor, drift=cosines, keep=keep)
            components |= {f"{name}_acompcor{number}": column for number, column in enumerate(found.T)}
    slow = nuisance_regressors(
        n_volumes=n_volumes,
        tr_s=series.tr_s,
        tissues=means | components,
        motion=motion,
        n_motion=nuisance.motion,
        drift_period_s=drift,
    )
    fast = fast_cosines(n_volumes, tr_s=series.tr_s, above_hz=nuisance.low_pass_hz)
    extra = [] if breaths is None else [breaths]
    return Regressors(
        values=np.hstack([slow.values, *(each.values for each in (*extra, fast))]),
        names=tuple(name for each in (slow, *extra, fast) for name in each.names),
    )


def fast_cosines(n_volumes: int, *, tr_s: float, above_hz: float | None) -> Regressors:
    """Give the discrete cosines faster than `above_hz` (cycles/s): a low pass whose cost in df is plain to see."""
    number = np.arange(1, n_volumes)
    limit = np.inf if above_hz is None else above_hz
    number = number[number / (2 * n_volumes * tr_s) > limit]
    values: Float64[Array, "volume column"] = np.cos(np.pi * np.outer(np.arange(n_volumes) + 0.5, number) / n_volumes)
    return Regressors(values=values, names=tuple(f"fast{index:03d}" for index in number))
