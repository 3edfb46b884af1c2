"""One functional scan and what was recorded beside it. Times are seconds from the first volume."""

from dataclasses import dataclass

from cuecircuit.arrays import Array, Float
from cuecircuit.records.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """A 4-D scan: `data[x, y, z, volume]` in scanner units."""

    data: Float[Array, "x y z volume"]
    grid: Grid
    tr_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One presentation of a cue."""

    onset_s: float
    duration_s: float
    cue: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """A physiological recording at a fixed rate; `start_s` is the time of the first sample (BIDS StartTime)."""

    values: Float[Array, "sample"]
    sampling_hz: float
    start_s: float
