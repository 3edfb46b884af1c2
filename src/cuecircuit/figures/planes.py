"""Coronal planes through a volume on any grid: the affine says where mm are, whatever the order of the voxel axes.

Planes are arrays [plane, z, x] in mm steps: row 0 is the lowest z, column 0 the lowest x (left, in RAS+).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.records.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planes:
    """Where the pixels of some coronal planes lie, mm."""

    x: Float[Array, "x"]
    y: Float[Array, "plane"]
    z: Float[Array, "z"]

    @property
    def pixel_mm(self) -> float:
        """From one pixel to the next; pixels are square."""
        return float(self.x[1] - self.x[0])

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Outer edges of the pixels: left, right, bottom, top."""
        dx, dz = (self.x[1] - self.x[0]) / 2, (self.z[1] - self.z[0]) / 2
        return float(self.x[0] - dx), float(self.x[-1] + dx), float(self.z[0] - dz), float(self.z[-1] + dz)


def coronal_step_mm(grid: Grid) -> float:
    """Distance along y from one voxel to the next, of the voxel axis closest to y."""
    return float(np.abs(grid.affine[1, :3]).max())


def centers_mm(mask: Bool[Array, "x y z"], grid: Grid) -> Float[Array, "n 3"]:
    """Centers of the voxels in `mask`, mm."""
    return grid.mm(np.argwhere(mask).astype(float))


def choose_slices(
    mask: Bool[Array, "x y z"], grid: Grid, *, most: int, peaks_of: Float[Array, "x y z"] | None = None
) -> Float[Array, "plane"]:
    """Return the y of slices through `mask`, evenly spread where there are more than `most`, anterior first.

    Args:
        mask: what is to be seen.
        grid: of the mask.
        most: draw at most so many, or as many as peaks need.
        peaks_of: a statistic; the slice of the largest size in every connected part of the mask is then always chosen.
    """
    y = centers_mm(mask, grid)[:, 1]
    step = coronal_step_mm(grid)
    place = np.rint((y - y.min()) / step).astype(int)
    slices = np.unique(place)
    peaks = np.zeros(0, int)
    if peaks_of is not None:
        parts, count = ndimage.label(mask)  # joined by faces: no cluster has fewer parts
        at = ndimage.maximum_position(np.nan_to_num(np.abs(peaks_of)), parts, range(1, count + 1))
        peaks = np.unique(np.rint((grid.mm(np.array(at, float))[:, 1] - y.min()) / step).astype(int))
    if len(slices) > most:
        others = np.setdiff1d(slices, peaks)
        spread = np.linspace(0, len(others) - 1, max(min(most - len(peaks), len(others)), 0))
        slices = np.union1d(peaks, others[np.unique(np.rint(spread).astype(int))])
    return (y.min() + step * slices)[::-1]


def frame(mask: Bool[Array, "x y z"], grid: Grid, y: Float[Array, "plane"], *, pixels_across: int) -> Planes:
    """Frame the coronal extent of `mask`, one voxel around it, in square pixels, so many from left to right."""
    centers = centers_mm(mask, grid)
    margin = np.abs(grid.affine[:3, :3]).max(axis=1)
    low, high = centers.min(axis=0) - margin, centers.max(axis=0) + margin
    pixel_mm = (high[0] - low[0]) / pixels_across
    rows = round((high[2] - low[2]) / pixel_mm)
    # pixel centers; the first and last pixel end at the frame
    x = low[0] + pixel_mm * (np.arange(pixels_across) + 0.5)
    return Planes(x=x, y=y, z=low[2] + pixel_mm * (np.arange(rows) + 0.5))


def cut(
    volume: Float[Array, "i j k"], grid: Grid, planes: Planes, *, order: Literal[0, 1, 3]
) -> Float[Array, "plane z x"]:
    """Sample a volume on the planes by a spline of `order` (0 nearest, 1 linear, 3 cubic).

    Cubic splines swing past sharp edges, so values are held within those of the volume; outside the volume is 0.
    """
    filled = np.nan_to_num(volume.astype(float), posinf=0.0, neginf=0.0)
    inverse = np.linalg.inv(grid.affine)
    along = np.abs(inverse[:3, :3]) > 1e-9 * np.abs(inverse[:3, :3]).max()
    sample = _along_axes if (along.sum(axis=0) == 1).all() else _at_points
    return np.clip(sample(filled, inverse, planes, order), filled.min(), filled.max())


def _along_axes(
    volume: Float[Array, "i j k"], inverse: Float[Array, "4 4"], planes: Planes, order: Literal[0, 1, 3]
) -> Float[Array, "plane z x"]:
    """Sample a volume whose voxel axes are those of space: a spline is then a product of splines along each axis."""
    sampled, axes = volume, []
    for axis, mm in ((1, planes.y), (2, planes.z), (0, planes.x)):  # y first: it leaves the fewest
        voxel_axis = int(np.argmax(np.abs(inverse[:3, axis])))
        places = _whole(inverse[voxel_axis, axis] * mm + inverse[voxel_axis, 3])
        sampled = sample_axis(sampled, voxel_axis, places, order=order)
        axes.append(voxel_axis)
    return np.ascontiguousarray(sampled.transpose(axes))


def sample_axis(
    volume: Float[Array, "i j k"], axis: int, places: Float[Array, "place"], *, order: Literal[0, 1, 3]
) -> Float[Array, "a b c"]:
    """Sample one axis of a volume by a spline of `order` at places, in voxels; outside the volume is 0."""
    spikes = np.eye(volume.shape[axis])
    weights = np.stack([ndimage.map_coordinates(one, places[None], order=order, mode="constant") for one in spikes])
    return np.moveaxis(np.tensordot(weights, volume, axes=(0, axis)), 0, axis)


def _at_points(
    volume: Float[Array, "i j k"], inverse: Float[Array, "4 4"], planes: Planes, order: Literal[0, 1, 3]
) -> Float[Array, "plane z x"]:
    """Sample a volume on any grid."""
    y, z, x = np.meshgrid(planes.y, planes.z, planes.x, indexing="ij")
    voxels = _whole(inverse[:3, :3] @ np.stack([x.ravel(), y.ravel(), z.ravel()]) + inverse[:3, 3:])
    return ndimage.map_coordinates(volume, voxels, order=order, mode="constant").reshape(x.shape)


def _whole(voxels: Float[Array, "..."]) -> Float[Array, "..."]:
    """Take voxel centers for what they are: after two changes of units a plane of them would mix with its neighbor."""
    return np.where(np.abs(voxels - np.rint(voxels)) < 1e-6, np.rint(voxels), voxels)
