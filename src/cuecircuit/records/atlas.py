"""An atlas: a label in each voxel and a name for each label; 0 is background."""

from collections.abc import Mapping
from dataclasses import dataclass

from cuecircuit.arrays import Array, Int
from cuecircuit.records.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Atlas:
    """Labelled volume; `names` maps each label that occurs to the region's name, in the atlas's own order."""

    labels: Int[Array, "x y z"]
    names: Mapping[int, str]
    grid: Grid
