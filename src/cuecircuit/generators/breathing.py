"""Breathing in the scanner: its rate, the trace of the pillow, and what it does to the signal of the whole brain.

Rate = the rat's own level + slow wander + a step at each cue. The BOLD signal follows the rate with a gamma-shaped lag:
faster breathing washes out carbon dioxide and lowers the signal; white matter and ventricles follow less and later. All
numbers are assumed; rates of 60 to 100 per minute are those of lightly anesthetized rats.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter
from scipy.stats import gamma

from cuecircuit.arrays import Array, Float
from cuecircuit.generators.planted import TABLE_1
from cuecircuit.records.scan import Trace

SAMPLING_HZ = 50.0
# % BOLD for one breath per minute more, in gray matter; in white matter and ventricles a part of it, later
GRAY_PERCENT_PER_BREATH = -0.08
WHITE_PART, WHITE_LAG_S = 0.6, 4.0

_LEVEL, _LEVEL_SD, _LEVEL_LIMITS = 80.0, 7.0, (64.0, 96.0)
_WANDER_SD, _WANDER_S = 2.5, 40.0
_RAT_SD, _BLOCK_SD = 1.0, 1.2
_RISE_S = 4.0
_LAG_SHAPE, _LAG_SCALE_S, _LAG_LENGTH_S = 3.0, 2.5, 40.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Breathing:
    """One scan's trace, its true rate (breaths per minute at each sample), and the mean rate of each block."""

    trace: Trace
    rate: Float[Array, "sample"]
    block_rates: Float[Array, "block"]


def rate_changes(hypothesis: str) -> Float[Array, "group=2 cue=2"]:
    """Return the planted change of the rate by a cue, breaths per minute, for ShA and LgA, saline and naloxone."""
    match hypothesis:
        case "withdrawal":
            return np.array([[2.0, 3.0], [2.0, 5.0]])
        case "antagonism":
            return np.full((2, 2), 2.5)
        case "respiration":
            # the change that gives gray matter the mean of Table 1 by breathing alone
            table = np.array(list(TABLE_1.values())).mean(axis=0).reshape(2, 2)
            return table / GRAY_PERCENT_PER_BREATH
        case _:
            return np.zeros((2, 2))


def draw_level(rng: np.random.Generator) -> float:
    """Draw a rat's own rate, breaths per minute."""
    return float(np.clip(_LEVEL + _LEVEL_SD * rng.standard_normal(), *_LEVEL_LIMITS))


def draw_breathing(
    level: float,
    change: float,
    onsets_s: Float[Array, "block"],
    duration_s: float,
    length_s: float,
    rng: np.random.Generator,
) -> Breathing:
    """Draw the breathing of one scan.

    Args:
        level: the rat's own rate, breaths per minute.
        change: what the cue adds to it.
        onsets_s: starts of the blocks.
        duration_s: length of a block.
        length_s: length of the scan.
        rng: source of wander and variation between rats and blocks.
    """
    wander = _WANDER_SD * draw_wander(length_s, rng)
    rat_change = change + _RAT_SD * rng.standard_normal() if change else 0.0
    steps = rat_change + (_BLOCK_SD * rng.standard_normal(len(onsets_s)) if change else np.zeros(len(onsets_s)))
    return breathe(level, wander, steps, onsets_s, duration_s, rng)


def draw_wander(length_s: float, rng: np.random.Generator) -> Float[Array, "sample"]:
    """Draw slow wander of SD 1, one value for each sample of a scan."""
    memory = np.exp(-1 / (SAMPLING_HZ * _WANDER_S))
    drive = rng.standard_normal(round(length_s * SAMPLING_HZ))
    drive[0] /= np.sqrt(1 - memory**2)
    return np.asarray(lfilter([np.sqrt(1 - memory**2)], [1, -memory], drive))


def step_gain(duration_s: float) -> float:
    """Return the share of a step that the mean rate of a block shows, for the rate follows a step with a lag."""
    return 1 - _RISE_S / duration_s * (1 - np.exp(-duration_s / _RISE_S))


def breathe(
    level: float,
    wander: Float[Array, "sample"],
    steps: Float[Array, "block"],
    onsets_s: Float[Array, "block"],
    duration_s: float,
    rng: np.random.Generator,
) -> Breathing:
    """Breathe at a level with wander and a step in each block.

    Args:
        level: breaths per minute.
        wander: at each sample, breaths per minute.
        steps: of each block, breaths per minute.
        onsets_s: starts of the blocks.
        duration_s: length of a block.
        rng: source of the phase and of the noise of the trace.
    """
    times = np.arange(len(wander)) / SAMPLING_HZ
    on = (times >= onsets_s[:, None]) & (times < onsets_s[:, None] + duration_s)
    rise = np.exp(-1 / (SAMPLING_HZ * _RISE_S))
    rate = level + wander + np.asarray(lfilter([1 - rise], [1, -rise], steps @ on))
    phase = 2 * np.pi * (np.cumsum(rate) / 60 / SAMPLING_HZ + rng.uniform())
    # breathing in is quicker than breathing out
    wave = np.sin(phase + 0.4 * np.sin(phase)) + 0.05 * rng.standard_normal(len(times))
    return Breathing(
        trace=Trace(values=wave, sampling_hz=SAMPLING_HZ, start_s=0.0),
        rate=rate,
        block_rates=np.array([rate[block].mean() for block in on]),
    )


def global_signals(
    breathing: Breathing, frame_times_s: Float[Array, "volume"]
) -> tuple[Float[Array, "volume"], Float[Array, "volume"]]:
    """Return what breathing does to gray matter and to white matter and ventricles, % of the mean signal."""
    # four samples a second are plenty for a response of ten seconds
    step = round(SAMPLING_HZ / 4)
    coarse = breathing.rate[: len(breathing.rate) // step * step].reshape(-1, step).mean(axis=1)
    spacing = step / SAMPLING_HZ
    lags = np.arange(0, _LAG_LENGTH_S, spacing) + spacing / 2
    kernel = gamma.pdf(lags, _LAG_SHAPE, scale=_LAG_SCALE_S) * spacing
    deviation = coarse - coarse.mean()
    # before the scan the rate was what it is at its start
    padded = np.concatenate([np.full(len(kernel), deviation[0]), deviation])
    followed = np.convolve(padded, kernel)[len(kernel) : len(padded)]
    times = (np.arange(len(followed)) + 1) * spacing
    gray = GRAY_PERCENT_PER_BREATH * np.interp(frame_times_s, times, followed)
    white = GRAY_PERCENT_PER_BREATH * WHITE_PART * np.interp(frame_times_s - WHITE_LAG_S, times, followed)
    return gray, white
