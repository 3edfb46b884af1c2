"""Single volumes and what they are by name and header (masks, atlases, anatomy); tables of given maps."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.label_table import read_label_table
from cuecircuit.io.nifti import read_grid
from cuecircuit.io.tables import read_json, read_table
from cuecircuit.records.grid import Grid

Kind = Literal["mask", "atlas", "white_matter", "ventricles", "anatomy", "other"]
# of a file name, else of its folder
_KINDS: tuple[tuple[Kind, str], ...] = (
    ("white_matter", r"(^|[-_])(wm|white)"),
    ("ventricles", r"(^|[-_])(csf|ventric)"),
    ("anatomy", r"t2w|t1w|anat|template"),
    ("mask", r"mask|brain"),
)
_SUBJECTS = ("subject", "participant_id")
_LABELS = (".tsv", ".csv", ".label", ".txt", ".xml")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Volume:
    """A volume of space: what it is by its name, its grid, and the table of its labels."""

    path: Path
    kind: Kind
    grid: Grid
    labels: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MapTable:
    """A table of maps that another program made.

    `keys`: columns that tell the maps of a subject apart, with their levels; `n`: rows; `grid`: of the first map;
    `unit`: of its sidecar, if that has one.
    """

    path: Path
    subjects: frozenset[str]
    keys: Mapping[str, tuple[str, ...]]
    n: int
    grid: Grid | None
    unit: str | None


def read_volumes(files: Sequence[Path]) -> tuple[Volume, ...]:
    """Read the headers of single volumes among files; what cannot be read is none."""
    images = [path for path in files if path.name.endswith((".nii", ".nii.gz"))]
    readable = []
    for path in images:
        try:
            grid, volumes, _ = read_grid(path)
        except DataError:
            continue
        if volumes == 1:
            labels = _labels_beside(path)
            kind: Kind = "atlas" if labels else _kind(path)
            readable.append(Volume(path=path, kind=kind, grid=grid, labels=labels))
    return tuple(readable)


def is_map_table(path: Path) -> bool:
    """Recognize a TSV whose header has a subject and a map."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline().rstrip("\r\n").split("\t")
    except (OSError, UnicodeDecodeError):
        return False
    return "map" in header and any(name in header for name in _SUBJECTS)


def read_map_table(path: Path) -> MapTable:
    """Read a table of maps.

    Raises:
        DataError: it is damaged.
    """
    rows = read_table(path, text=(*_SUBJECTS, "map", "variance"))
    who = next(name for name in _SUBJECTS if name in rows)
    sidecar = path.with_suffix(".json")
    note: Any = read_json(sidecar).get("map") if sidecar.is_file() else None
    first = path.parent / str(rows["map"].iloc[0]).partition("#")[0] if len(rows) else None
    columns = [str(name) for name in rows if name not in (who, "map", "variance")]
    return MapTable(
        path=path,
        subjects=frozenset(rows[who].dropna().str.removeprefix("sub-")),
        keys={name: levels for name in columns if (levels := _varying_levels(rows, who, name))},
        n=len(rows),
        grid=read_grid(first)[0] if first is not None and first.is_file() else None,
        unit=note.get("Units") if isinstance(note, dict) else None,
    )


def _varying_levels(rows: pd.DataFrame, who: str, name: str) -> tuple[str, ...]:
    """Return the levels of a column of labels that differ between the maps of a subject; none of other columns."""
    several = rows.groupby(who)[name].nunique().gt(1).any()
    if not several or pd.api.types.is_float_dtype(rows[name]):
        return ()
    return tuple(dict.fromkeys(rows[name].dropna().astype(str)))


def _kind(path: Path) -> Kind:
    for text in (path.name.lower(), path.parent.name.lower()):
        for kind, pattern in _KINDS:
            if re.search(pattern, text):
                return kind
    return "other"


def _labels_beside(path: Path) -> Path | None:
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    for ending in _LABELS:
        table = path.with_name(f"{stem}{ending}")
        if table.is_file():
            try:
                return table if read_label_table(table) else None
            except DataError:
                continue
    return None
