"""Many maps to one array: only the voxels of a mask, one row per map, every fault collected."""

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError
from cuecircuit.io.nifti import BROKEN
from cuecircuit.records.grid import Grid

_File = str


def read_maps(names: Sequence[str], folder: Path, mask: Bool[Array, "x y z"], grid: Grid) -> Float[Array, "map voxel"]:
    """Read maps as float32, voxels of the mask in C order.

    Args:
        names: each map, absolute or relative to `folder`; `file.nii.gz#k` is volume k, from 0, of a 4-D file.
        folder: where relative names start.
        mask: voxels to keep.
        grid: the mask's grid, which every map must lie on.

    Raises:
        DataError: every file that is missing, damaged, on another grid, or lacks the volume named; infinite values.
    """
    rows: dict[_File, list[tuple[int | None, int]]] = {}
    for row, name in enumerate(names):
        file, mark, volume = name.rpartition("#")
        known = (file, int(volume)) if mark and volume.isdigit() else (name, None)
        rows.setdefault(known[0], []).append((known[1], row))
    y = np.empty((len(names), int(mask.sum())), np.float32)
    faults: list[str] = []
    for file, wanted in rows.items():
        try:
            _read_file(folder / file, sorted(wanted, key=lambda item: item[0] or 0), mask, grid, y)
        except DataError as error:
            faults += error.faults
    faults += [
        f"{names[row]}: infinite values in {int(np.isinf(y[row]).sum())} voxels; write NaN where nothing was fitted"
        for row in map(int, np.flatnonzero(np.isinf(y).any(axis=1)))
        if not faults
    ]
    if faults:
        raise DataError(faults)
    return y


def _read_file(
    path: Path, wanted: Sequence[tuple[int | None, int]], mask: Bool[Array, "x y z"], grid: Grid, y: Array
) -> None:
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        # kept open, so that the volumes of a compressed file are read in one pass
        image = nib.load(path, keep_file_open=True)  # pyright: ignore[reportPrivateImportUsage]
        found = Grid(shape=image.shape[:3], affine=np.asarray(image.affine, float))  # pyright: ignore
        if not grid.same_as(found):
            raise DataError(f"{path}: {found}, but the mask has {grid} (or another origin); resample one to the other")
        n_volumes = image.shape[3] if image.ndim > 3 else 1  # pyright: ignore[reportAttributeAccessIssue]
        for volume, row in wanted:
            if volume is None and n_volumes > 1:
                raise DataError(f"{path}: {n_volumes} volumes; name one as {path.name}#0 to #{n_volumes - 1}")
            if volume is not None and volume >= n_volumes:
                raise DataError(f"{path}#{volume}: the file has {n_volumes} volumes, counted from 0")
            data = image.dataobj[..., volume or 0] if image.ndim > 3 else image.dataobj  # pyright: ignore
            y[row] = np.asarray(data, np.float32)[mask]
    except BROKEN as error:
        raise DataError(f"{path}: not readable or damaged ({error}); copy it again from its source") from error
