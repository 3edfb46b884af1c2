"""Whether a respiration trace can serve as a measure of breathing in the blocks of a scan.

Coverage: the recording against the scan and its blocks. Rate: a recording that is by a plain factor longer or shorter
than the scan was most likely sampled at another rate. Rhythm: in windows of six slow breaths, the highest
autocorrelation of the band-passed trace at the lag of a breath, after its first change of sign; a belt on a chest has
0.4 to 1, noise of any color 0 to 0.26 (the median over windows; medians of 25 traces of white, brown and AR(1) noise).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float64
from cuecircuit.imaging.respiration import block_rates, breath_signal, breaths_of_signal
from cuecircuit.records.scan import Block, Trace

_WINDOW = 6  # slow breaths
_LEAST_RHYTHM = 0.3  # between the worst of 15 real recordings (0.37) and the best noise (0.26)
_LEAST_VALID = 0.25  # share of a block
_FACTORS = (0.001, 0.01, 0.1, 0.25, 0.5, 2.0, 4.0, 10.0, 100.0, 1000.0)
_SAME_FACTOR = 0.02
_RAIL = 3  # equal samples at the end of the range
_CLIPPED = 0.05  # share of a block
_EDGE_S = 1.0  # a recording that starts or ends that near the scan's edge covers it


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceReport:
    """Faults keep a trace from being used; notes should be read."""

    faults: tuple[str, ...]
    notes: tuple[str, ...]


def check_trace(
    trace: Trace, rates_per_min: tuple[float, float], blocks: Sequence[Block], *, scan_s: float
) -> TraceReport:
    """Check a respiration trace against the scan and its blocks.

    Args:
        trace: the recording.
        rates_per_min: slowest and fastest breathing to expect.
        blocks: blocks whose breathing is measured.
        scan_s: length of the scan.

    Raises:
        DataError: as `breath_signal`.
    """
    start, stop = trace.start_s, trace.start_s + len(trace.values) / trace.sampling_hz
    covers = f"the recording covers {start:g} to {stop:g} s, the scan 0 to {scan_s:g} s"
    partial = start > _EDGE_S or stop < scan_s - _EDGE_S
    if fault := _wrong_rate(trace, start, stop, scan_s):
        return TraceReport(faults=(f"{covers}: {fault}",), notes=())
    smooth, missing = breath_signal(trace, rates_per_min)
    rhythm = breath_rhythm(trace, smooth, missing, rates_per_min)
    if not rhythm >= _LEAST_RHYTHM:
        what = "is flat or not recorded" if missing.all() else f"has no rhythm of breaths ({rhythm:.2f} of 1)"
        return TraceReport(faults=(f"the trace {what}; {_WAYS_OUT}",), notes=(covers,) if partial else ())
    valid_share = block_rates(breaths_of_signal(trace, smooth, missing, rates_per_min), blocks).valid_share
    faults, notes = [], [covers] if partial else []
    for number, (block, valid) in enumerate(zip(blocks, valid_share, strict=True), start=1):
        who = f"block {number} (onset {block.onset_s:g} s)"
        if valid < _LEAST_VALID:
            why = _why_invalid(block, trace, missing, covers)
            faults.append(f"{who}: breaths in {valid:.0%} of the block, {why}; {_WAYS_OUT}")
        elif (share := _in_block(clipped(trace), trace, block)) > _CLIPPED:
            notes.append(f"{who}: {share:.0%} of the trace is clipped at the end of its range")
    return TraceReport(faults=tuple(faults), notes=tuple(notes))


_WAYS_OUT = (
    "correct StartTime and SamplingFrequency, take respiration out of the study (trials.breathing, "
    "nuisance.breathing), or exclude the subject (subjects.exclude)"
)


def _wrong_rate(trace: Trace, start: float, stop: float, scan_s: float) -> str:
    ratio = (stop - start) / scan_s
    near = [factor for factor in _FACTORS if abs(ratio / factor - 1) < _SAME_FACTOR and abs(start) < _EDGE_S]
    if not near:
        return ""
    return (
        f"{near[0]:g} times as long; SamplingFrequency {trace.sampling_hz:g} Hz was most likely "
        f"{trace.sampling_hz * near[0]:g} Hz: correct it, or cut the recording to the scan"
    )


def breath_rhythm(
    trace: Trace,
    smooth: Float64[Array, "sample"],
    missing: Bool[Array, "sample"],
    rates_per_min: tuple[float, float],
) -> float:
    """Return how strongly a trace repeats itself from breath to breath: 1 is a clock, 0 none; NaN where all is missing.

    Args:
        trace: the recording.
        smooth: its band-passed signal (`breath_signal`).
        missing: samples that were not recorded.
        rates_per_min: slowest and fastest breathing to expect.
    """
    slow, fast = (int(60 / rate * trace.sampling_hz) for rate in rates_per_min)
    length = min(_WINDOW * slow, len(smooth))
    starts = range(0, len(smooth) - length + 1, length)
    recorded = [start for start in starts if missing[start : start + length].mean() < 0.5]
    if not recorded:
        return np.nan
    return float(np.median(_repeats(np.stack([smooth[k : k + length] for k in recorded]), fast, slow)))


def _repeats(windows: Float64[Array, "window sample"], fast: int, slow: int) -> Float64[Array, "window"]:
    n = windows.shape[1]
    spectrum = np.fft.rfft(windows - windows.mean(axis=1, keepdims=True), 2 * n)
    lagged = np.fft.irfft(np.abs(spectrum) ** 2)[:, : min(int(1.1 * slow), n)]
    lags, power = np.arange(lagged.shape[1]), lagged[:, :1]
    correlation = lagged / np.where(power > 0, power, 1.0) * n / (n - lags)
    below = correlation < 0
    first = np.where(below.any(axis=1), np.maximum(below.argmax(axis=1), int(0.8 * fast)), n)
    return np.where(lags >= first[:, None], correlation, 0.0).max(axis=1)


def clipped(trace: Trace) -> Bool[Array, "sample"]:
    """Return which samples are at an end of the range several times on end, as a clipped signal is."""
    values = np.asarray(trace.values, np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(len(values), bool)
    at_end = (values == finite.max()) | (values == finite.min())
    edges = np.flatnonzero(np.diff(np.r_[False, at_end, False].astype(int)))
    at_limit = np.zeros(len(values), bool)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        at_limit[start:stop] = stop - start >= _RAIL
    return at_limit


def _in_block(samples: Bool[Array, "sample"], trace: Trace, block: Block) -> float:
    """Return the share of a block in which samples are true; what was not recorded is not."""
    start, stop = (
        round((edge - trace.start_s) * trace.sampling_hz) for edge in (block.onset_s, block.onset_s + block.duration_s)
    )
    return float(samples[max(start, 0) : max(stop, 0)].sum() / max(stop - start, 1))


def _why_invalid(block: Block, trace: Trace, missing: Bool[Array, "sample"], covers: str) -> str:
    recorded = _in_block(np.ones(len(missing), bool), trace, block)
    if recorded < 0.5:
        return covers
    return (
        "the trace is flat or n/a there" if _in_block(missing, trace, block) > 0.5 else "the trace is irregular there"
    )
