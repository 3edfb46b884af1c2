"""Headers of rodent scans that lie: voxels scaled ×10 for human software, and affines without an origin.

Nothing is repaired unless the study asks for it; each repair comes with a line that says what was changed.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.records.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """A grid as it should be, and what was changed, in words."""

    grid: Grid
    log: tuple[str, ...]


def repair_grid(grid: Grid, *, voxel_scale: float = 1.0, origin: Literal["header", "center"] = "header") -> Repaired:
    """Mend a grid.

    Args:
        grid: as the header has it.
        voxel_scale: factor of all lengths, 0.1 where voxels were written ten times too large.
        origin: `center` puts 0 mm at the middle of the volume, for headers without an origin.
    """
    affine, log = grid.affine.copy(), []
    if voxel_scale != 1:
        affine[:3] *= voxel_scale
        log.append(f"lengths × {voxel_scale:g}: voxels of {_size(grid.affine)} mm became {_size(affine)} mm")
    if origin == "center":
        middle = affine[:3, :3] @ ((np.array(grid.shape) - 1) / 2)
        log.append(f"origin {_point(affine[:3, 3])} mm became {_point(-middle)} mm, the middle of the volume is 0")
        affine[:3, 3] = -middle
    return Repaired(grid=Grid(shape=grid.shape, affine=affine), log=tuple(log))


def _size(affine: Float[Array, "4 4"]) -> str:
    return " × ".join(f"{edge:g}" for edge in np.round(np.linalg.norm(affine[:3, :3], axis=0), 4))


def _point(mm: Float[Array, "3"]) -> str:
    return f"({', '.join(f'{edge:g}' for edge in np.round(mm, 3))})"
