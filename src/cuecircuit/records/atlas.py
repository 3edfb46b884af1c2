"""An atlas: a label in each voxel and a name for each label; 0 is background."""

from collections.abc import Mapping
from dataclasses import dataclass

from cuecircuit.arrays import Array, Int
from cuecircuit.records.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Atlas:
    """Labelled volume; `names` maps each label that occurs to the region's name, in the atlas's own order.

    `absent`: regions of the label table without a voxel on this grid, as small ones are after resampling.
    """

    labels: Int[Array, "x y z"]
    names: Mapping[int, str]
    grid: Grid
    absent: tuple[str, ...] = ()

    @property
    def absent_note(self) -> str:
        """One line about the regions without a voxel; empty where there are none."""
        few = ", ".join(self.absent[:8]) + (f" and {len(self.absent) - 8} more" if len(self.absent) > 8 else "")
        return f"left out, without a voxel on this grid: {few}" if self.absent else ""
