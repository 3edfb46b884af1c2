"""Many maps to one array and back: only the voxels of a mask, one row per map, every fault collected."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.nifti1 import Nifti1Image
from nibabel.nifti2 import Nifti2Image
from nibabel.openers import ImageOpener

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError
from cuecircuit.io.atomic import replacing
from cuecircuit.io.nifti import BROKEN
from cuecircuit.records.grid import Grid

_File = str
_MOST_VOLUMES = 32767  # NIfTI-1 counts in 16 bits; more volumes make a NIfTI-2 file


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


def write_maps(
    path: Path, parts: Iterable[Float[Array, "_ voxel"]], n_maps: int, mask: Bool[Array, "x y z"], grid: Grid
) -> None:
    """Write maps, given part by part, as the volumes of one float32 file, 0 outside the mask.

    Args:
        parts: rows of `n_maps` maps in all, voxels of the mask in C order.

    Raises:
        DataError: the place cannot be written.
    """
    kind: Any = Nifti1Image if n_maps <= _MOST_VOLUMES else Nifti2Image
    header = kind(np.broadcast_to(np.float32(0), (*grid.shape, n_maps)), grid.affine).header
    header.set_xyzt_units("mm", "sec")
    header.set_slope_inter(1, 0)
    volume = np.zeros(mask.shape, np.float32)
    with replacing(path) as new, ImageOpener(str(new), "wb") as file:
        header.write_to(file)
        file.write(bytes(header.get_data_offset() - file.tell()))
        for rows in parts:
            for row in rows:
                volume[mask] = row
                file.write(volume.tobytes(order="F"))
