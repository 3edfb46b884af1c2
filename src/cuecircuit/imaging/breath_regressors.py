"""Nuisance columns from breathing: RETROICOR for the phase of the breath, RVT for its depth over its length.

RETROICOR (Glover, Li & Ress 2000, Magn Reson Med 44:162, eq. 3): the phase of breathing grows with the depth of the
chest, φ(t) = π · (share of samples shallower than R(t)) · sign(dR/dt); regressors are cos(mφ) and sin(mφ), m = 1, 2,
at the time of each volume. RVT (Birn et al. 2006, NeuroImage 31:1536): (peak − trough) / time between peaks, breath
by breath, interpolated to the volumes. Blood follows breathing late, so that it enters at delays of 0, 5, 10, 15
and 20 s, as in AFNI's RetroTS; no response function of the rat is known.
"""

from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter1d

from cuecircuit.arrays import Array, Float64
from cuecircuit.errors import DataError
from cuecircuit.imaging.nuisance import Regressors
from cuecircuit.imaging.respiration import Breathing
from cuecircuit.records.scan import Trace

_ORDER = 2
_DELAYS_S = (0.0, 5.0, 10.0, 15.0, 20.0)
_SMOOTH_BREATHS = 0.05  # of a breath: the slope's sign must not follow noise


def breath_regressors(
    trace: Trace,
    breathing: Breathing,
    *,
    n_volumes: int,
    tr_s: float,
    kind: Literal["retroicor", "rvt", "both"],
) -> Regressors:
    """Make the columns of a scan.

    Args:
        trace: respiration, inspiration upward.
        breathing: its breaths.
        n_volumes: length of the scan.
        tr_s: repetition time.
        kind: which columns.

    Raises:
        DataError: the trace does not cover the scan, or holds fewer than three breaths.
    """
    time_s = np.arange(n_volumes) * tr_s
    stop_s = trace.start_s + len(trace.values) / trace.sampling_hz
    if trace.start_s > 0 or stop_s < time_s[-1]:
        raise DataError(
            f"the respiration trace lasts from {trace.start_s:g} to {stop_s:g} s, the scan from 0 to "
            f"{n_volumes * tr_s:g} s; regressors of breathing need the whole scan (nuisance.respiration)"
        )
    if len(breathing.peak_s) < 3:
        raise DataError(f"{len(breathing.peak_s)} breaths found; regressors of breathing need three or more")
    parts, names = [np.empty((n_volumes, 0))], []
    if kind in ("retroicor", "both"):
        phase = _phase(trace, breathing, time_s)
        for order in range(1, _ORDER + 1):
            parts += [np.cos(order * phase)[:, None], np.sin(order * phase)[:, None]]
            names += [f"breath_cos{order}", f"breath_sin{order}"]
    if kind in ("rvt", "both"):
        parts += [volume_per_time(trace, breathing, time_s - delay)[:, None] for delay in _DELAYS_S]
        names += [f"rvt_delay{delay:g}s" for delay in _DELAYS_S]
    return Regressors(values=np.hstack(parts), names=tuple(names))


def volume_per_time(trace: Trace, breathing: Breathing, time_s: Float64[Array, "time"]) -> Float64[Array, "time"]:
    """Return depth over length of the breath at each time, units of the trace per s; only valid breaths count."""
    values = _filled(trace)
    edges = np.rint((breathing.peak_s - trace.start_s) * trace.sampling_hz).astype(int)
    middle, rate = [], []
    for start, stop, valid in zip(edges[:-1], edges[1:], breathing.valid, strict=True):
        if valid:
            depth = (values[start] + values[min(stop, len(values) - 1)]) / 2 - values[start:stop].min()
            middle.append(trace.start_s + (start + stop) / 2 / trace.sampling_hz)
            rate.append(depth * trace.sampling_hz / (stop - start))
    if not rate:
        raise DataError("no valid breath is found in the respiration trace (nuisance.respiration)")
    return np.interp(time_s, middle, rate)


def _phase(trace: Trace, breathing: Breathing, time_s: Float64[Array, "time"]) -> Float64[Array, "time"]:
    usual = float(np.median(np.diff(breathing.peak_s))) * trace.sampling_hz
    smooth = gaussian_filter1d(_filled(trace), _SMOOTH_BREATHS * usual)
    slope = np.gradient(smooth)
    ordered = np.sort(smooth)
    at = np.clip(np.rint((time_s - trace.start_s) * trace.sampling_hz).astype(int), 0, len(smooth) - 1)
    share = np.searchsorted(ordered, smooth[at], side="right") / len(smooth)
    return np.pi * share * np.where(slope[at] < 0, -1.0, 1.0)


def _filled(trace: Trace) -> Float64[Array, "sample"]:
    values = np.asarray(trace.values, dtype=np.float64)
    good = np.isfinite(values)
    sample = np.arange(len(values))
    return np.interp(sample, sample[good], values[good])
