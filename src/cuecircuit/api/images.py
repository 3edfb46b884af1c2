"""What people hold a map in: a path, `path#k`, a nibabel image, or an array; to the voxels of a mask and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError
from cuecircuit.group.correction import on_grid
from cuecircuit.group.coverage import aside_notes, coverage_notes, map_facts, repeat_faults, unit_faults
from cuecircuit.io.maps import precision_of, read_maps
from cuecircuit.io.nifti import grid_of, read_mask, volume_image
from cuecircuit.records.cells import lacks_value
from cuecircuit.records.grid import Grid


def mask_of(mask: Any) -> tuple[Bool[Array, "x y z"], Grid]:
    """Read a mask from a path or an image: every voxel that is neither 0 nor NaN.

    Raises:
        DataError: it cannot be read, is no volume, or holds no voxel.
    """
    if isinstance(mask, str | Path):
        return read_mask(Path(mask))
    inside = np.nan_to_num(np.asarray(image_data(mask, "mask"))) != 0
    if inside.ndim != 3 or not inside.any():
        raise DataError(
            f"mask: found shape {inside.shape} with {int(inside.sum())} voxels, expected a volume with some"
        )
    return inside, grid_of(mask)


def image_data(image: Any, name: str) -> Any:
    """Return the data of an image in memory.

    Raises:
        DataError: it has no data or no grid.
    """
    if not hasattr(image, "dataobj"):
        raise DataError(f"{name}: found {type(image).__name__}, expected a path or a NIfTI image")
    return image.dataobj


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MapRows:
    """The rows whose maps are measurements: their other columns, voxels and variances, and what is worth knowing."""

    columns: pd.DataFrame
    values: Float[Array, "row voxel"]
    variance: Float[Array, "row voxel"] | None
    notes: tuple[str, ...]


def rows_of(
    data: pd.DataFrame,
    mask: Bool[Array, "x y z"],
    grid: Grid,
    *,
    variance: str = "",
    several_rows: bool = False,
    zero_is_missing: bool = False,
) -> MapRows:
    """Read the maps of a table, without rows that have none and maps that are no measurement.

    Args:
        data: a row for each map, in column `map`.
        mask: voxels to keep.
        grid: of the mask.
        variance: column of variance maps.
        several_rows: a subject may have more than one row.
        zero_is_missing: exact zeros of maps were not measured.

    Raises:
        DataError: maps that cannot be read, are of another grid or unit, or are there twice; all faults are listed.
    """
    files = ["map", *filter(None, (variance,))]
    data = data.reset_index(drop=True)
    there = ~np.any([lacks_value(data[name]) for name in files], axis=0)
    if not there.any():
        raise DataError(f"no row has a map in {' and '.join(files)}")
    absent = [f"row {row + 1}: left out, no map" for row in np.flatnonzero(~there)]
    data = data[there]
    columns, names = data.drop(columns=files), _names(data["map"])
    if faults := repeat_faults(columns.assign(map=names), list(columns), several_rows=several_rows):
        raise DataError(faults)
    y = voxels_of(data["map"].tolist(), mask, grid)
    if zero_is_missing:
        for row in y:
            row[row == 0] = np.nan
    extra = voxels_of(data[variance].tolist(), mask, grid) if variance else None
    facts = [map_facts(name, row) for name, row in zip(names, y, strict=True)]
    aside = aside_notes(facts)
    kept = [place for place in range(len(facts)) if place not in aside]
    if aside:
        columns, y = columns.iloc[kept], y[kept]
        extra = None if extra is None else extra[kept]
    facts = [facts[place] for place in kept]
    DataError.raise_any(unit_faults(facts))
    lacking = np.zeros(y.shape[1], bool)
    for row in y:
        lacking |= np.isnan(row)
    spread = [] if extra is None else [map_facts(fact.name, row) for fact, row in zip(facts, extra, strict=True)]
    notes = coverage_notes(facts, int(lacking.sum()), spread)
    return MapRows(columns=columns, values=y, variance=extra, notes=(*absent, *aside.values(), *notes))


def _names(maps: pd.Series) -> list[str]:
    """Name each map by its path, an image by the first row that has it."""
    rows: dict[int, int] = {}
    return [
        str(each) if isinstance(each, str | Path) else f"map {rows.setdefault(id(each), row) + 1}"
        for row, each in enumerate(maps)
    ]


def voxels_of(maps: Sequence[Any], mask: Bool[Array, "x y z"], grid: Grid) -> Float[Array, "map voxel"]:
    """Read the voxels of a mask from paths, images or arrays on its grid, in the precision that holds them.

    Raises:
        DataError: every map that cannot be read, lies on another grid, or holds what is no real number.
    """
    files = [row for row, each in enumerate(maps) if isinstance(each, str | Path)]
    read = read_maps([str(maps[row]) for row in files], Path(), mask, grid)
    others = sorted(set(range(len(maps))) - set(files))
    kinds = [getattr(maps[row], "dtype", None) or precision_of(maps[row]) for row in others
             if hasattr(maps[row], "dtype") or hasattr(maps[row], "dataobj")]  # fmt: skip
    wide = any(not np.can_cast(kind, np.float32) for kind in kinds)
    y = np.empty((len(maps), int(mask.sum())), np.float64 if wide else read.dtype)
    y[files] = read
    faults = []
    for row in others:
        if fault := _fault(maps[row], mask, grid):
            faults.append(f"map {row + 1}: {fault}")
            continue
        y[row] = np.asarray(getattr(maps[row], "dataobj", maps[row]), y.dtype).reshape(mask.shape)[mask]
        if n_infinite := int(np.isinf(y[row]).sum()):
            faults.append(f"map {row + 1}: infinite values in {n_infinite} voxels; write NaN where nothing was fitted")
    DataError.raise_any(faults)
    return y


def _fault(image: Any, mask: Bool[Array, "x y z"], grid: Grid) -> str:
    """Describe why an image or array in memory is no map on the grid; empty where it is one."""
    is_array = isinstance(image, np.ndarray)
    if not is_array and not hasattr(image, "dataobj"):
        return f"found {type(image).__name__}, expected a path, a NIfTI image or an array of the mask's shape"
    kind = image.dtype if is_array else image.get_data_dtype()
    if kind.kind not in "biuf":
        return f"holds {kind.name if kind.names is None else 'colors'} values, expected one real number in each voxel"
    if image.shape[:3] != mask.shape or int(np.prod(image.shape[3:])) > 1:
        return f"found shape {image.shape}, expected {mask.shape} as in the mask; resample it, or name one volume"
    return "" if is_array or grid.same_as(grid_of(image)) else "found another affine than the mask's; resample it"


def image_of(values: Float[Array, "voxel"], mask: Bool[Array, "x y z"], grid: Grid) -> Any:
    """Lay the voxels of a mask back on its grid, as a NIfTI image; NaN where there is no result."""
    return volume_image(on_grid(values, mask), grid)
