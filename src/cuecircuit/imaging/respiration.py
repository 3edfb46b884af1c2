"""Breaths from a respiration trace, and the mean rate in each cue block.

The trace loses its slow drift (running median), spikes and missing pieces are bridged and remembered, a band-pass
keeps the rates the species can breathe at, and a breath is a peak that stands out from its neighborhood. A time
between two breaths counts as valid when it is a plausible breath, is not far from those around it, and was recorded.
The rate of a block is its number of breaths, parts included, per minute of valid time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter, percentile_filter
from scipy.signal import butter, find_peaks, sosfiltfilt

from cuecircuit.arrays import Array, Bool, Float64
from cuecircuit.errors import DataError
from cuecircuit.records.scan import Block, Trace

# Breaths per minute from deep anesthesia to arousal; outside of these nothing is called a breath.
RAT_PER_MIN = (40.0, 180.0)
HUMAN_PER_MIN = (6.0, 40.0)
_RATES = {"rattus norvegicus": RAT_PER_MIN, "rat": RAT_PER_MIN, "homo sapiens": HUMAN_PER_MIN, "human": HUMAN_PER_MIN}

_SPIKE = 4.0  # ranges (5th to 95th percentile) from the running median: no breath is four times the usual depth
_PROMINENCE = 0.25  # of the breaths around it: shallower is a shoulder of a breath or noise
_SILENCE = 0.1  # of the usual breath of the whole trace: shallower is a belt that came off
_NEIGHBORS = 11  # breaths that make a neighborhood
_MISSING_SHARE = 0.25  # of the time between two breaths that may be unrecorded
_IRREGULAR = (0.4, 1.8)  # of the median interval around it: a peak too many, a breath missed (2.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Breathing:
    """Peaks of inspiration, and for each interval between two of them whether it can be trusted.

    `peak_s`: seconds from the first volume.
    """

    peak_s: Float64[Array, "breath"]
    valid: Bool[Array, "interval"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockRates:
    """Breathing in each block: breaths per minute (NaN where nothing is valid), and the share of valid time."""

    per_min: Float64[Array, "block"]
    valid_share: Float64[Array, "block"]


def plausible_rates(species: str) -> tuple[float, float]:
    """Return the slowest and fastest breathing of a species, per minute.

    Raises:
        DataError: the species is not known.
    """
    if species.lower() not in _RATES:
        raise DataError(f"no breathing rates are known for species '{species}'; known: {', '.join(sorted(_RATES))}")
    return _RATES[species.lower()]


def find_breaths(trace: Trace, rates_per_min: tuple[float, float]) -> Breathing:
    """Find the breaths of a trace.

    Args:
        trace: chest or pneumatic-pillow signal, any unit, inspiration upward; NaN where nothing was recorded.
        rates_per_min: slowest and fastest rate to expect.

    Raises:
        DataError: sampled too slowly for these rates, or shorter than two slow breaths.
    """
    return breaths_of_signal(trace, *breath_signal(trace, rates_per_min), rates_per_min)


def breath_signal(
    trace: Trace, rates_per_min: tuple[float, float]
) -> tuple[Float64[Array, "sample"], Bool[Array, "sample"]]:
    """Return the trace within the band of breaths, and which samples were not recorded, flat or a spike.

    Raises:
        DataError: as `find_breaths`.
    """
    slow_s, fast_s = (60 / rate for rate in rates_per_min)
    if trace.sampling_hz * fast_s < 4:
        raise DataError(
            f"a trace sampled at {trace.sampling_hz:g} Hz cannot show {rates_per_min[1]:g} breaths/min; "
            f"it needs {4 / fast_s:g} Hz or more"
        )
    if len(trace.values) < 2 * slow_s * trace.sampling_hz:
        raise DataError(
            f"the trace lasts {len(trace.values) / trace.sampling_hz:g} s, shorter than two breaths of {slow_s:g} s"
        )
    signal, missing = _without_artifacts(trace, slow_s)
    if missing.all():
        return signal, missing
    band_hz = (0.5 / slow_s, min(1.2 / fast_s, 0.45 * trace.sampling_hz))
    return sosfiltfilt(butter(2, band_hz, "bandpass", fs=trace.sampling_hz, output="sos"), signal), missing


def breaths_of_signal(
    trace: Trace,
    smooth: Float64[Array, "sample"],
    missing: Bool[Array, "sample"],
    rates_per_min: tuple[float, float],
) -> Breathing:
    """Find the breaths of a trace in its signal; arguments as `breath_signal` takes and returns them."""
    if missing.all():
        return Breathing(peak_s=np.empty(0), valid=np.empty(0, dtype=bool))
    slow_s, fast_s = (60 / rate for rate in rates_per_min)
    peaks = _standing_out(smooth, distance=0.8 * fast_s * trace.sampling_hz)
    return Breathing(
        peak_s=trace.start_s + peaks / trace.sampling_hz,
        valid=_valid(peaks, missing, shortest=0.8 * fast_s * trace.sampling_hz, longest=slow_s * trace.sampling_hz),
    )


def _without_artifacts(trace: Trace, slow_s: float) -> tuple[Array, Bool[Array, "sample"]]:
    """Take off the drift, bridge what is missing, flat or a spike, and tell where that was."""
    values = np.asarray(trace.values, dtype=np.float64)
    breath = int(slow_s * trace.sampling_hz)
    missing = ~np.isfinite(values) | _flat(values, breath)
    if missing.all():
        return np.zeros_like(values), missing
    bridged = _bridge(values, missing)
    level = bridged - median_filter(bridged, 3 * breath, mode="nearest")
    low, high = np.percentile(level[~missing], [5, 95])
    spike = np.abs(level) > _SPIKE * (high - low)
    missing |= spike
    return (_bridge(level, missing) if not missing.all() else np.zeros_like(level)), missing


def _flat(values: Float64[Array, "sample"], longest: int) -> Bool[Array, "sample"]:
    """Return which samples are in a run of one value as long as a slow breath: a sensor at its rail, or unplugged."""
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    lengths = np.diff(np.r_[starts, len(values)])
    return np.repeat(lengths >= longest, lengths)


def _bridge(values: Float64[Array, "sample"], missing: Bool[Array, "sample"]) -> Float64[Array, "sample"]:
    sample = np.arange(len(values))
    return np.interp(sample, sample[~missing], values[~missing])


def _standing_out(smooth: Float64[Array, "sample"], *, distance: float) -> Array:
    peaks, properties = find_peaks(smooth, distance=distance, prominence=0)
    if len(peaks) == 0:
        return peaks
    depth = properties["prominences"]
    around = percentile_filter(depth, 75, size=_NEIGHBORS, mode="nearest")
    return peaks[depth > np.maximum(_PROMINENCE * around, _SILENCE * np.percentile(depth, 75))]


def _valid(peaks: Array, missing: Bool[Array, "sample"], *, shortest: float, longest: float) -> Bool[Array, "interval"]:
    if len(peaks) < 2:
        return np.empty(0, dtype=bool)
    interval = np.diff(peaks)
    unrecorded = np.diff(np.r_[0, np.cumsum(missing)][peaks]) / interval
    usual = median_filter(interval.astype(float), _NEIGHBORS, mode="nearest")
    regular = (interval > _IRREGULAR[0] * usual) & (interval < _IRREGULAR[1] * usual)
    return (interval >= shortest) & (interval <= longest) & regular & (unrecorded <= _MISSING_SHARE)


def block_rates(breathing: Breathing, blocks: Sequence[Block]) -> BlockRates:
    """Average the breathing rate over each block, valid time only."""
    start, stop = (edge[breathing.valid] for edge in (breathing.peak_s[:-1], breathing.peak_s[1:]))
    per_min, share = [], []
    for block in blocks:
        inside = np.minimum(stop, block.onset_s + block.duration_s) - np.maximum(start, block.onset_s)
        inside = np.maximum(inside, 0)
        valid_s = inside.sum()
        per_min.append(60 * np.sum(inside / (stop - start)) / valid_s if valid_s > 0 else np.nan)
        share.append(valid_s / block.duration_s)
    return BlockRates(per_min=np.array(per_min), valid_share=np.array(share))
