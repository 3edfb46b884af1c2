"""What people hold a map in: a path, `path#k`, a nibabel image, or an array; to the voxels of a mask and back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError
from cuecircuit.group.correction import on_grid
from cuecircuit.io.maps import precision_of, read_maps
from cuecircuit.io.nifti import grid_of, read_mask, volume_image
from cuecircuit.records.grid import Grid


def mask_of(mask: Any) -> tuple[Bool[Array, "x y z"], Grid]:
    """Read a mask from a path or an image: every voxel that is neither 0 nor NaN.

    Raises:
        DataError: it cannot be read, is no volume, or holds no voxel.
    """
    if isinstance(mask, str | Path):
        return read_mask(Path(mask))
    inside = np.nan_to_num(np.asarray(mask.dataobj)) != 0
    if inside.ndim != 3 or not inside.any():
        raise DataError(
            f"mask: found shape {inside.shape} with {int(inside.sum())} voxels, expected a volume with some"
        )
    return inside, grid_of(mask)


def voxels_of(maps: Sequence[Any], mask: Bool[Array, "x y z"], grid: Grid) -> Float[Array, "map voxel"]:
    """Read the voxels of a mask from maps, in double precision where a map has it.

    Raises:
        DataError: every map that cannot be read or lies on another grid.
    """
    files = [row for row, each in enumerate(maps) if isinstance(each, str | Path)]
    read = read_maps([str(maps[row]) for row in files], Path(), mask, grid)
    others = sorted(set(range(len(maps))) - set(files))
    precisions = [precision_of(maps[row]) for row in others if hasattr(maps[row], "dataobj")]
    y = np.empty((len(maps), int(mask.sum())), np.result_type(read, *precisions))
    y[files] = read
    faults = []
    for row in others:
        image = maps[row]
        if not hasattr(image, "dataobj"):
            faults.append(f"map {row + 1}: found {type(image).__name__}, expected a path or a NIfTI image")
        elif image.ndim != 3 or not grid.same_as(grid_of(image)):
            faults.append(f"map {row + 1}: found shape {image.shape} or another affine than the mask; resample it")
        else:
            y[row] = np.asarray(image.dataobj, y.dtype)[mask]
    if faults:
        raise DataError(faults)
    return y


def image_of(values: Float[Array, "voxel"], mask: Bool[Array, "x y z"], grid: Grid) -> Any:
    """Lay the voxels of a mask back on its grid, as a NIfTI image; NaN where there is no result."""
    return volume_image(on_grid(values, mask), grid)
