"""Table `maps.NAME` of maps that another program made: its rows checked, its files found."""

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.nifti import read_grid
from cuecircuit.io.tables import ColumnNote, read_table
from cuecircuit.pipeline.faults import attempt
from cuecircuit.records.grid import Grid
from cuecircuit.study.acquisition import Given
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

_SUBJECTS = ("subject", "participant_id")


def given_maps(files: StudyFiles, name: str, maps: Given, subjects: Table) -> Table:
    """Read a table of maps; names of maps are given from the folder of the study.

    Raises:
        DataError: no such table, a column that is missing, levels that the study does not list, files that are not
            there, or several maps for the same keys.
    """
    path = files.path(maps.table)
    rows = read_table(path, text=(*_SUBJECTS, *maps.keys, "map", "variance"))
    who = next((column for column in _SUBJECTS if column in rows), None)
    absent = [column for column in (*maps.keys, "map") if column not in rows]
    if who is None or absent:
        missing = ", ".join([*(["subject"] if who is None else []), *absent])
        raise DataError(f"{path}:1: no column {missing}; found: {', '.join(map(str, rows))}")
    rows = rows.rename(columns={who: "subject"}).assign(subject=rows[who].str.removeprefix("sub-"))
    faults = [fault for key in maps.keys for fault in _level_faults(files, path, rows, key)]
    named = [column for column in ("map", "variance") if column in rows]
    for column in named:
        rows[column] = [_from_study(files, path, value) for value in rows[column]]
        lost = [value for value in rows[column].dropna() if not files.path(value.partition("#")[0]).is_file()]
        faults += [f"{path}: {value}: no such file" for value in lost]
    unknown = sorted(set(subjects.rows["subject"]) - set(rows["subject"]))
    faults += [f"{path}: no map of {subject}; add it, or exclude the subject" for subject in unknown]
    DataError.raise_any(faults)
    kept = rows[rows["subject"].isin(subjects.rows["subject"])].reset_index(drop=True)
    notes: dict[str, ColumnNote] = {
        "subject": "participant label",
        **dict.fromkeys(maps.keys, "key of the map"),
        "map": {"Description": "file, from the folder of the study", "Units": maps.unit},
        "variance": {"Description": "its variance, from the folder of the study", "Units": f"({maps.unit})²"},
    }
    keys = ("subject", *maps.keys)
    return Table(name=f"maps.{name}", keys=keys, rows=kept[[*keys, *named]], notes=notes)


def grid_faults(files: StudyFiles, table: Table) -> Iterator[str]:
    """Yield maps of a table that are damaged, or on another grid than the mask; headers alone are read."""
    _, grid = files.mask
    for name in map_files(table):
        headers: list[Grid] = []
        yield from attempt(lambda name=name, headers=headers: headers.append(read_grid(files.path(name))[0]))
        yield from (
            f"{name}: {header}, but the mask has {grid} (or another origin); resample one to the other"
            for header in headers
            if not grid.same_as(header)
        )


def map_files(table: Table) -> tuple[str, ...]:
    """Return the files that a table of maps names."""
    named = [column for column in ("map", "variance", "map_unsmoothed") if column in table.rows]
    return tuple(dict.fromkeys(str(v).partition("#")[0] for c in named for v in table.rows[c].dropna()))


def _from_study(files: StudyFiles, table: Path, name: str) -> str:
    return os.path.relpath(table.parent / name, files.file.parent)


def _level_faults(files: StudyFiles, path: Path, rows: pd.DataFrame, key: str) -> list[str]:
    factor = files.study.factors[key]
    other = sorted(set(rows[key].dropna()) - {*factor.levels, *factor.leave_out})
    faults = [
        f"{path}: {key} is '{level}' in a row; {files.file.name} lists {', '.join(factor.levels)}; add it to "
        f"factors.{key}.levels, or to leave_out with a reason"
        for level in other
    ]
    if rows[key].isna().any():
        faults.append(f"{path}: a row has no {key}; every map needs one")
    return faults
