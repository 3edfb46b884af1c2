"""Volumes from one grid to another: the grid of results, reading at other places, coarser voxels.

A volume that is made coarser is first smoothed with a Gaussian whose FWHM is the new voxel, so that the fine voxels
between two coarse ones are not lost (Lindeberg 1994, J Appl Stat 21:225).
"""

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from cuecircuit.arrays import Array, Float
from cuecircuit.imaging.smoothing import FWHM_PER_SIGMA
from cuecircuit.records.grid import Grid

# voxels; without it a voxel at the border would be outside by 1e-15 and lost
_ROUNDING = 1e-6


def target_grid(grid: Grid, voxel_mm: float) -> Grid:
    """Return a grid with the box and axes of another, and cubes of `voxel_mm` as voxels."""
    edges = np.array(grid.shape) * grid.voxel_mm
    shape = np.maximum(np.ceil(edges / voxel_mm - 1e-6), 1).astype(int)
    axes = grid.affine[:3, :3] / grid.voxel_mm
    affine = np.eye(4)
    affine[:3, :3] = axes * voxel_mm
    corner = grid.affine[:3, 3] - axes @ (grid.voxel_mm / 2)
    affine[:3, 3] = corner + axes @ np.full(3, voxel_mm / 2)
    return Grid(shape=(int(shape[0]), int(shape[1]), int(shape[2])), affine=affine)


def on_grid(data: Array, grid: Grid, target: Grid, *, labels: bool) -> Array:
    """Read a volume at the voxels of another grid, slice by slice; outside it is 0."""
    back = np.linalg.inv(grid.affine) @ target.affine
    resampled = np.empty(target.shape, data.dtype)
    plane = np.indices(target.shape[1:]).reshape(2, -1)
    for number in range(target.shape[0]):
        index = np.vstack([np.full(plane.shape[1], number), plane])
        at = back[:3, :3] @ index + back[:3, 3:]
        whole = np.rint(at)
        at = np.where(np.abs(at - whole) < _ROUNDING, whole, at)
        resampled[number] = map_coordinates(data, at, order=0 if labels else 1, mode="constant").reshape(
            target.shape[1:]
        )
    return resampled


def coarser(data: Float[Array, "x y z"], grid: Grid, target: Grid) -> Float[Array, "i j k"]:
    """Bring an image to larger voxels; where those of the target are no larger it is only read there."""
    wider = np.sqrt(np.maximum(target.voxel_mm[0] ** 2 - grid.voxel_mm**2, 0)) / FWHM_PER_SIGMA / grid.voxel_mm
    return on_grid(gaussian_filter(data, wider), grid, target, labels=False)
