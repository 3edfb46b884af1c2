"""A rat-like brain drawn by code: tissues, the 19 regions of Table 1, an anatomy and the mean of a scan.

Coronal slices are superellipses |x/w|^p + |z/h|^p ≤ 1 between the planes of `atlas_places.OUTLINE`. A voxel belongs to
the solid in which it lies deepest, so regions cannot overlap. Voxel axes: i is x, j is z, k is y, as in a scanner's
coronal slices; the affine takes them to mm from bregma (RAS+).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cuecircuit.arrays import Array, Bool, Float, Float32
from cuecircuit.errors import StudyError
from cuecircuit.generators import atlas_places as places
from cuecircuit.generators.atlas_places import Ellipsoid
from cuecircuit.records.atlas import Atlas
from cuecircuit.records.grid import Grid

_SHAPES = {"paper": ((64, 64, 20), (0.5, 0.5, 1.0)), "tiny": ((32, 32, 10), (1.0, 1.0, 2.0))}
SCALES = tuple(_SHAPES)

# the field of view: from its left, posterior, ventral corner, mm; 32 × 32 × 20 mm at either scale
_CORNER = (-16.0, -14.5, -21.5)
# scanner units and relative signal of the tissues; a T2*-weighted scan has bright water
_GRAY_SIGNAL = 2000.0
_WHITE_RATIO, _CSF_RATIO = 0.85, 1.4
# surface coil above the head: tSNR about 40 at the dorsal cortex, half of it at the ventral edge (assumed, after
# public tables of rat scans: 25-40 in cortex, half in deep structures)
_TSNR_TOP, _TSNR_HALVED_MM = 40.0, 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Brain:
    """What is where, all on one grid; `mean_signal` in scanner units, `tsnr` the mean over the SD of the noise."""

    grid: Grid
    mask: Bool[Array, "x y z"]
    white_matter: Bool[Array, "x y z"]
    ventricles: Bool[Array, "x y z"]
    atlas: Atlas
    anatomy: Float32[Array, "x y z"]
    mean_signal: Float32[Array, "x y z"]
    tsnr: Float32[Array, "x y z"]


def draw_brain(scale: str) -> Brain:
    """Draw the brain on the grid of a scale.

    Raises:
        StudyError: no such scale.
    """
    if scale not in _SHAPES:
        raise StudyError(f"scale '{scale}' is unknown; expected one of: {', '.join(SCALES)}")
    grid = _grid(*_SHAPES[scale])
    mm = grid.mm(np.indices(grid.shape).reshape(3, -1).T.astype(float)).reshape(*grid.shape, 3)
    mask, depth = _outline(mm)
    y, z = mm[..., 1], mm[..., 2]
    low, high = places.WHITE_MATTER_DEPTH
    cerebrum = mask & (y > places.WHITE_MATTER_AP[0]) & (y < places.WHITE_MATTER_AP[1])
    cerebrum &= z > places.WHITE_MATTER_BOTTOM
    white = cerebrum & (depth >= low) & (depth <= high)
    ventricles = _carve(mm, {"": places.VENTRICLES}, mask & ~white) == 1
    margin = places.WHITE_MATTER_MARGIN
    near_white = cerebrum & (depth >= low - margin) & (depth <= high + margin)
    labels = _carve(mm, places.REGIONS, mask & ~near_white & ~ventricles)
    names = dict(enumerate(places.REGIONS, 1))
    ratio = np.where(white, _WHITE_RATIO, np.where(ventricles, _CSF_RATIO, 1.0))
    tsnr = np.where(mask, _TSNR_TOP * 2.0 ** ((z - z[mask].max()) / _TSNR_HALVED_MM), 0.0)
    return Brain(
        grid=grid,
        mask=mask,
        white_matter=white,
        ventricles=ventricles,
        atlas=Atlas(labels=labels, names=names, grid=grid),
        anatomy=_anatomy(mask, cerebrum & (depth < low), labels, white, ventricles),
        # the coil sees the depth less: signal falls with the tSNR
        mean_signal=(_GRAY_SIGNAL * ratio * tsnr / _TSNR_TOP).astype(np.float32),
        tsnr=tsnr.astype(np.float32),
    )


def _grid(shape: tuple[int, int, int], voxel: tuple[float, float, float]) -> Grid:
    affine = np.zeros((4, 4))
    for axis, world in enumerate((0, 2, 1)):
        affine[world, axis] = voxel[axis]
        affine[world, 3] = _CORNER[world] + voxel[axis] / 2
    affine[3, 3] = 1
    return Grid(shape=shape, affine=affine)


def _outline(mm: Float[Array, "x y z 3"]) -> tuple[Bool[Array, "x y z"], Float[Array, "x y z"]]:
    """Return the inside and its depth below the surface, mm, measured within the slice."""
    x, y, z = np.moveaxis(mm, -1, 0)
    planes = [plane.y for plane in places.OUTLINE]
    width, top, bottom = (
        np.interp(y, planes, [getattr(plane, edge) for plane in places.OUTLINE])
        for edge in ("half_width", "top", "bottom")
    )
    up = z - (top + bottom) / 2
    power = places.ROUNDNESS
    radius = (np.abs(x / width) ** power + np.abs(2 * up / (top - bottom)) ** power) ** (1 / power)
    inside = (radius <= 1) & (y >= planes[0]) & (y <= planes[-1])
    return inside, np.hypot(x, up) * (1 / np.maximum(radius, 1e-9) - 1)


def _carve(
    mm: Float[Array, "x y z 3"], solids: dict[str, tuple[Ellipsoid, ...]], allowed: Bool[Array, "x y z"]
) -> Array:
    """Label each allowed voxel with the solid it lies deepest in, from 1; no solid is lost to a coarse grid."""
    distance = np.stack([_distance(mm, parts) for parts in solids.values()])
    distance[:, ~allowed] = np.inf
    labels = np.where(distance.min(axis=0) <= 1, distance.argmin(axis=0) + 1, 0).astype(np.int32)
    taken = np.zeros(allowed.shape, bool)
    # the smallest first: it has the least choice
    for label in sorted(range(len(distance)), key=lambda solid: int((distance[solid] <= 1).sum())):
        if (labels == label + 1).sum() < 2:
            free = np.where(taken, np.inf, distance[label])
            taken |= free == free.min()
            labels[free == free.min()] = label + 1
    return labels


def _distance(mm: Float[Array, "x y z 3"], parts: Iterable[Ellipsoid]) -> Float[Array, "x y z"]:
    """Distance from the nearest center in half axes: 1 at the surface; the same on both sides of the midline."""
    point = np.concatenate([np.abs(mm[..., :1]), mm[..., 1:]], axis=-1)
    return np.min([np.linalg.norm((point - part.center) / part.half_axes, axis=-1) for part in parts], axis=0)


def _anatomy(
    mask: Bool[Array, "x y z"],
    cortex: Bool[Array, "x y z"],
    labels: Array,
    white: Bool[Array, "x y z"],
    ventricles: Bool[Array, "x y z"],
) -> Float32[Array, "x y z"]:
    """A T2-weighted look: bright water, dark white matter and peduncle, cortex a little brighter than the core."""
    gray = np.where(cortex, 112.0, 100.0) + np.where(labels > 0, labels % 4 * 3.0, 0)
    image = np.where(white, 62.0, np.where(ventricles, 190.0, gray))
    image[labels == list(places.REGIONS).index("Peduncle") + 1] = 66
    image = np.where(mask, image, 0)
    soft = ndimage.gaussian_filter(image, (0.45, 0.45, 0))
    return np.where(mask, soft, 0).astype(np.float32)
