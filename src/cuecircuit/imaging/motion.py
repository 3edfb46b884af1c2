"""Rigid motion of a scan, volume by volume, by least squares on the image itself.

For a reference R and a volume V, six numbers p (shifts in mm, turns in rad around the center of the brain) minimize
Σ (V(T(x; p)) − a·R(x))² over the brain. Each step solves the linearized problem and moves on (Friston et al. 1995,
Hum Brain Mapp 3:165; Cox & Jesmanowicz 1999, Magn Reson Med 42:1014); cubic splines interpolate. Nothing is drawn at
random. T takes a point of the reference to the place of the same tissue in the volume.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.ndimage import binary_erosion, gaussian_filter, map_coordinates, spline_filter
from scipy.spatial.transform import Rotation

from cuecircuit.arrays import Array, Bool, Float, Float64, Int
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series

_STEPS = 12
# steps below a thousandth of a voxel change no image
_ENOUGH = 1e-3
# voxels around what is read, further than heads move and than smoothing and splines reach
_MARGIN = 6


Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Motion:
    """Where the brain went: translations (mm) and rotations (rad, x y z) of each volume around `center_mm`."""

    parameters: Float64[Array, "volume 6"]
    center_mm: Float64[Array, "3"]


def estimate_motion(
    series: Series, mask: Bool[Array, "x y z"], *, reference: int | None = None, sigma_voxels: float = 0.7
) -> Motion:
    """Estimate the motion of each volume against the reference.

    Args:
        series: the scan.
        mask: brain, with its border.
        reference: volume that does not move; None takes the middle one.
        sigma_voxels: smoothing before the fit, which steadies the gradients of noisy volumes.
    """
    n_volumes = series.n_volumes
    still = n_volumes // 2 if reference is None else reference
    box = _box_around(np.argwhere(mask), mask.shape)
    series, mask = _cut(series, box), mask[box]
    fixed = gaussian_filter(series.data[..., still].astype(np.float64), sigma_voxels)
    within = binary_erosion(mask, iterations=1)
    within = within if within.sum() > 1000 else mask
    index = np.argwhere(within).astype(float)
    mm = series.grid.mm(index)
    center = mm.mean(axis=0)
    slopes = _gradient_mm(fixed, series.grid)[within]
    turns = np.stack([np.cross(np.eye(3)[axis], mm - center) for axis in range(3)], axis=1)
    jacobian = np.column_stack([slopes, np.einsum("vka,va->vk", turns, slopes), fixed[within]])
    solve = np.linalg.pinv(jacobian)
    parameters = np.zeros((n_volumes, 6))
    for volume in range(n_volumes):
        start = parameters[volume - 1] if volume else np.zeros(6)
        moving = spline_filter(gaussian_filter(series.data[..., volume].astype(np.float64), sigma_voxels))
        parameters[volume] = _fit(moving, fixed[within], mm, center, solve, series.grid, start)
    parameters -= parameters[still]
    return Motion(parameters=parameters, center_mm=center)


def _box_around(index: Float[Array, "point 3"] | Int[Array, "point 3"], shape: tuple[int, ...]) -> Box:
    low = np.maximum(np.floor(index.min(axis=0)).astype(int) - _MARGIN, 0)
    high = np.minimum(np.ceil(index.max(axis=0)).astype(int) + 1 + _MARGIN, shape)
    low, high = np.minimum(low, np.array(shape) - 1), np.maximum(high, 1)  # a head that left the scan
    return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])


def _cut(series: Series, box: Box) -> Series:
    affine = series.grid.affine.copy()
    affine[:3, 3] = series.grid.mm(np.array([[float(part.start) for part in box]]))[0]
    data = series.data[box]
    return replace(series, data=data, grid=Grid(shape=data.shape[:3], affine=affine))


def _gradient_mm(volume: Float64[Array, "x y z"], grid: Grid) -> Float64[Array, "x y z 3"]:
    slopes: Any = np.gradient(volume)
    per_voxel = np.stack(slopes, axis=-1)
    return per_voxel @ np.linalg.inv(grid.affine[:3, :3])


def _fit(
    moving: Float64[Array, "x y z"],
    fixed: Float64[Array, "voxel"],
    mm: Float64[Array, "voxel 3"],
    center: Float64[Array, "3"],
    solve: Float64[Array, "column voxel"],
    grid: Grid,
    start: Float64[Array, "6"],
) -> Float64[Array, "6"]:
    now = start.copy()
    arm = np.sqrt(((mm - center) ** 2).sum(axis=1).mean())
    for _ in range(_STEPS):
        there = _sample(moving, move(mm, now, center), grid)
        step = solve @ (fixed - there)
        # the last column is the brightness of the volume, which is no motion
        now = now + step[:6]
        if np.abs(step[:6] * [1, 1, 1, arm, arm, arm]).max() < _ENOUGH * grid.voxel_mm.min():
            break
    return now


def move(
    mm: Float[Array, "voxel 3"], parameters: Float[Array, "6"], center: Float[Array, "3"]
) -> Float64[Array, "voxel 3"]:
    """Take points of the reference to their places in a volume: turned around `center`, then shifted."""
    return Rotation.from_rotvec(parameters[3:]).apply(mm - center) + center + parameters[:3]


def _sample(coefficients: Float64[Array, "x y z"], mm: Float64[Array, "voxel 3"], grid: Grid) -> Array:
    inverse = np.linalg.inv(grid.affine)
    index = mm @ inverse[:3, :3].T + inverse[:3, 3]
    return map_coordinates(coefficients, index.T, order=3, mode="nearest", prefilter=False)


def resample(
    series: Series,
    places_mm: Float[Array, "voxel 3"],
    motion: Motion | None = None,
) -> Float[Array, "volume voxel"]:
    """Read the scan at the given places of the reference, each volume once, with its motion put behind them.

    Args:
        series: the scan.
        places_mm: where each voxel of the result lies in the reference; NaN gives 0.
        motion: of each volume; None where nothing moved.
    """
    finite = np.isfinite(places_mm).all(axis=1)
    values = np.zeros((series.n_volumes, len(places_mm)), np.float32)
    if not finite.any():
        return values
    ends = places_mm[finite] if motion is None else _moved_box(places_mm[finite], motion)
    back = np.linalg.inv(series.grid.affine)
    series = _cut(series, _box_around(ends @ back[:3, :3].T + back[:3, 3], series.grid.shape))
    for volume in range(series.n_volumes):
        places = places_mm[finite].astype(np.float64)
        if motion is not None:
            places = move(places, motion.parameters[volume], motion.center_mm)
        coefficients = spline_filter(series.data[..., volume].astype(np.float64))
        values[volume, finite] = _sample(coefficients, places, series.grid)
    return values


def _moved_box(places_mm: Float[Array, "voxel 3"], motion: Motion) -> Float64[Array, "corner 3"]:
    """Return the corners of the box around some places, where they lie in each volume."""
    ends = np.stack([places_mm.min(axis=0), places_mm.max(axis=0)]).astype(np.float64)
    corners = np.array([[ends[i, 0], ends[j, 1], ends[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    return np.concatenate([move(corners, one, motion.center_mm) for one in motion.parameters])
