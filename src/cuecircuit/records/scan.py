"""One functional scan and what was recorded beside it. Times are seconds from the first volume."""

from dataclasses import dataclass

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.records.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """A 4-D scan: `data[x, y, z, volume]` in scanner units."""

    data: Float[Array, "x y z volume"]
    grid: Grid
    tr_s: float

    @property
    def n_volumes(self) -> int:
        """Length of the scan."""
        return self.data.shape[3]

    def within(self, mask: Bool[Array, "x y z"]) -> Float[Array, "volume voxel"]:
        """Return the series of the voxels of a mask, in the order of `volume[mask]`."""
        return self.data[mask].T


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskedSeries:
    """A scan in some voxels alone: `values[voxel, volume]` in scanner units, in the order of `volume[inside]`."""

    values: Float[Array, "voxel volume"]
    inside: Bool[Array, "x y z"]
    grid: Grid
    tr_s: float

    @property
    def n_volumes(self) -> int:
        """Length of the scan."""
        return self.values.shape[1]

    def within(self, mask: Bool[Array, "x y z"]) -> Float[Array, "volume voxel"]:
        """Return the series of the voxels of a mask, in the order of `volume[mask]`; all of them are `inside`."""
        rows = mask[self.inside]
        return (self.values if rows.all() else self.values[rows]).T


AnySeries = Series | MaskedSeries


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
