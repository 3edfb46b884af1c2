"""Many maps to one array and back: only the voxels of a mask, one row per map, every fault collected."""

import shutil
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from joblib import Parallel, delayed
from nibabel.nifti1 import Nifti1Image
from nibabel.nifti2 import Nifti2Image

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError
from cuecircuit.io.atomic import replacing
from cuecircuit.io.gzip_parts import GZIP_HEADER, Sum, gzip_end, pack
from cuecircuit.io.nifti import BROKEN, check_image, grid_of
from cuecircuit.records.grid import Grid

_File = str
# reads some maps, one row each
MapsPart = Callable[[], Float[Array, "map voxel"]]
_MOST_VOLUMES = 32767  # NIfTI-1 counts in 16 bits; more volumes make a NIfTI-2 file


def read_maps(
    names: Sequence[str],
    folder: Path,
    mask: Bool[Array, "x y z"],
    grid: Grid,
    *,
    dtype: type[np.float32] | type[np.float64] | None = None,
) -> Float[Array, "map voxel"]:
    """Read maps, voxels of the mask in C order.

    Args:
        names: each map, absolute or relative to `folder`; `file.nii.gz#k` is volume k, from 0, of a 4-D file.
        folder: where relative names start.
        mask: voxels to keep.
        grid: the mask's grid, which every map must lie on.
        dtype: precision, that which holds what is stored (`maps_precision`) if none is given.

    Raises:
        DataError: every file that is missing, damaged, on another grid, or lacks the volume named; infinite values.
    """
    rows: dict[_File, list[tuple[int | None, int]]] = {}
    for row, (file, volume) in enumerate(map(_file_and_volume, names)):
        rows.setdefault(file, []).append((volume, row))
    y = np.empty((len(names), int(mask.sum())), dtype or maps_precision(names, folder))
    faults: list[str] = []
    for file, places in rows.items():
        try:
            _read_file(folder / file, sorted(places, key=lambda item: item[0] or 0), mask, grid, y)
        except DataError as error:
            faults += error.faults
    faults += [
        f"{names[row]}: infinite values in {int(np.isinf(y[row]).sum())} voxels; write NaN where nothing was fitted"
        for row in map(int, np.flatnonzero(np.isinf(y).any(axis=1)))
        if not faults
    ]
    DataError.raise_any(faults)
    return y


def maps_precision(names: Sequence[str], folder: Path) -> type[np.float32] | type[np.float64]:
    """Return double precision where a map is stored in it; files that cannot be read are left to `read_maps`."""
    for file in dict.fromkeys(file for file, _ in map(_file_and_volume, names)):
        try:
            image: Any = nib.load(folder / file)  # pyright: ignore[reportPrivateImportUsage]
        except BROKEN:
            continue
        if precision_of(image) is np.float64:
            return np.float64
    return np.float32


def precision_of(image: Any) -> type[np.float32] | type[np.float64]:
    """Return the precision that holds the numbers an image is stored as: maps may have a mean far from 0."""
    return np.float32 if np.can_cast(image.get_data_dtype(), np.float32) else np.float64


def _file_and_volume(name: str) -> tuple[_File, int | None]:
    file, mark, volume = name.rpartition("#")
    return (file, int(volume)) if mark and volume.isdigit() else (name, None)


def _read_file(
    path: Path, wanted: Sequence[tuple[int | None, int]], mask: Bool[Array, "x y z"], grid: Grid, y: Array
) -> None:
    try:
        if not path.is_file():
            raise DataError(f"{path}: no such file")
        # kept open, so that the volumes of a compressed file are read in one pass
        image = nib.load(path, keep_file_open=True)  # pyright: ignore[reportPrivateImportUsage]
        check_image(path, image)
        image_grid = grid_of(image)
        if not grid.same_as(image_grid):
            raise DataError(
                f"{path}: {image_grid}, but the mask has {grid} (or another origin); resample one to the other"
            )
        # AFNI and ITK write volumes along the fifth axis, the fourth has one
        axes = image.shape[3:]  # pyright: ignore[reportAttributeAccessIssue]
        n_volumes = int(np.prod(axes))
        for volume, row in wanted:
            if volume is None and n_volumes > 1:
                raise DataError(f"{path}: {n_volumes} volumes; name one as {path.name}#0 to #{n_volumes - 1}")
            if volume is not None and volume >= n_volumes:
                raise DataError(f"{path}#{volume}: the file has {n_volumes} volumes, counted from 0")
            data = image.dataobj[(..., *map(int, np.unravel_index(volume or 0, axes, order="F")))]  # pyright: ignore
            y[row] = np.asarray(data, y.dtype)[mask]
    except BROKEN as error:
        raise DataError(f"{path}: not readable or damaged ({error}); copy it again from its source") from error


def write_maps(
    path: Path,
    parts: Sequence[MapsPart],
    n_maps: int,
    mask: Bool[Array, "x y z"],
    grid: Grid,
    *,
    n_jobs: int = 1,
) -> None:
    """Write maps, given part by part, as the volumes of one float32 .nii.gz, 0 outside the mask.

    Each part is packed by a task, each volume as deflated blocks of its own (`io.gzip_parts`), so that the bytes depend
    on the maps alone and the file is one gzip member, which every reader can read.

    Args:
        parts: functions that give rows of `n_maps` maps in all, voxels of the mask in C order; they travel to workers.
        n_jobs: parts packed at a time.

    Raises:
        DataError: the place cannot be written.
    """
    kind: Any = Nifti1Image if n_maps <= _MOST_VOLUMES else Nifti2Image
    header = kind(np.broadcast_to(np.float32(0), (*grid.shape, n_maps)), grid.affine).header
    header.set_sform(grid.affine, code=grid.codes[0])
    header.set_qform(grid.affine, code=grid.codes[1], strip_shears=True)
    header.set_xyzt_units("mm", "sec")
    header.set_slope_inter(1, 0)
    start = BytesIO()
    header.write_to(start)
    with replacing(path.absolute()) as new, new.open("wb") as file:
        head = pack(start.getvalue().ljust(header.get_data_offset(), b"\0"))
        file.write(GZIP_HEADER + head.content)
        sums = [head.sum]
        files = [new.with_name(f"{new.name}.part{k}") for k in range(len(parts))]
        work: Any = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
        packed = work(delayed(_pack)(part, mask, name) for part, name in zip(parts, files, strict=True))
        for volume_file, content in zip(files, packed, strict=True):
            with volume_file.open("rb") as one:
                shutil.copyfileobj(one, file)
            volume_file.unlink()
            sums += content
        file.write(gzip_end(sums))


def _pack(part: MapsPart, mask: Bool[Array, "x y z"], path: Path) -> list[Sum]:
    volume, sums = np.zeros(mask.shape, np.float32), []
    with replacing(path) as new, new.open("wb") as file:
        for row in part():
            volume[mask] = row
            packed = pack(volume.tobytes(order="F"))
            file.write(packed.content)
            sums.append(packed.sum)
    return sums
