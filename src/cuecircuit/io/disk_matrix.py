"""A matrix of maps and voxels on disk, for more maps than memory holds: written along one axis, read along the other.

One file holds a slab of rows (or of columns), cut along the other axis into tiles that lie one after another. So a part
of the other axis is one stretch of every file, and each file has one writer, which a shared file system asks for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.io.atomic import replacing


def parts(n: int, step: int) -> list[slice]:
    """Cut `n` things into slices of `step`."""
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskMatrix:
    """A matrix of `dtype` of which slabs of `slabs` are written and parts of the other axis read.

    `shape` is maps by voxels, `steps` how many of each make a part; a matrix written by rows is read by its own parts
    of the columns.
    """

    folder: Path
    shape: tuple[int, int]
    steps: tuple[int, int]
    slabs: Literal["rows", "columns"]
    dtype: type[np.float32] | type[np.float64] = np.float32

    @property
    def rows(self) -> list[slice]:
        """Parts of the maps."""
        return parts(self.shape[0], self.steps[0])

    @property
    def columns(self) -> list[slice]:
        """Parts of the voxels."""
        return parts(self.shape[1], self.steps[1])

    def write(self, slab: slice, values: Float[Array, "row column"]) -> None:
        """Write a slab, whole or not at all.

        Raises:
            DataError: the place cannot be written.
        """
        tiles = [values[:, part] for part in self.columns] if self.slabs == "rows" else [values]
        with replacing(self._file(slab)) as new, new.open("wb") as file:
            for tile in tiles:
                file.write(np.ascontiguousarray(tile, self.dtype).data)

    def read(self, part: slice) -> Float[Array, "row column"]:
        """Read a part of the axis that runs through the slabs."""
        by_rows = self.slabs == "rows"
        tiles = []
        for slab in self.rows if by_rows else self.columns:
            length, width = slab.stop - slab.start, part.stop - part.start
            offset = np.dtype(self.dtype).itemsize * length * part.start
            values = np.fromfile(self._file(slab), self.dtype, count=length * width, offset=offset)
            tiles.append(values.reshape((length, width) if by_rows else (width, length)))
        return np.concatenate(tiles, axis=0 if by_rows else 1)

    def _file(self, slab: slice) -> Path:
        return self.folder / f"{self.slabs}{slab.start}.{np.dtype(self.dtype).str[1:]}"


def save_arrays(folder: Path, arrays: Mapping[str, Array | None]) -> None:
    """Write arrays by their names into a folder, those that are there.

    Raises:
        DataError: the place cannot be written.
    """
    with replacing(folder, folder=True) as new:
        for name, values in arrays.items():
            if values is not None:
                values = np.ascontiguousarray(values)
                with (new / f"{name}.npy").open("wb") as file:
                    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(values))
                    file.write(values.data)  # np.save does not say why a disk refuses


def load_arrays(folder: Path) -> dict[str, Array]:
    """Return what `save_arrays` wrote, mapped into memory: only what is used is read."""
    return {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.iterdir())}
