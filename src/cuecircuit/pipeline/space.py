"""The space of a study: its atlas with the names of the regions."""

from pathlib import Path

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.nifti import read_atlas
from cuecircuit.io.tables import read_table
from cuecircuit.pipeline.job import StudyFiles
from cuecircuit.records.atlas import Atlas


def read_space_atlas(files: StudyFiles) -> Atlas:
    """Read the atlas of the study's space with its names.

    Raises:
        DataError: the label table lacks a column, or labels and names do not match.
    """
    return read_named_atlas(files.path(files.study.space.atlas), files.path(files.study.space.labels))


def read_named_atlas(path: Path, labels: Path) -> Atlas:
    """Read an atlas with the names of its labels: a BIDS label table, columns index and name.

    Raises:
        DataError: the label table lacks a column, or labels and names do not match.
    """
    table = read_table(labels, text=("name",))
    missing = [name for name in ("index", "name") if name not in table]
    if missing:
        raise DataError(f"{labels}: no column {', '.join(missing)}; expected a BIDS label table with index and name")
    faults = [
        f"{labels}: '{name}' stands twice in column {key}" for key in ("index", "name") for name in _twice(table[key])
    ]
    index = pd.to_numeric(table["index"], errors="coerce")
    faults += [f"{labels}: index '{found}' is no whole number" for found in table["index"][index % 1 != 0]]
    if faults:
        raise DataError(faults)
    names = {int(label): str(name) for label, name in zip(index, table["name"], strict=True) if label != 0}
    return read_atlas(path, names)


def _twice(column: pd.Series) -> list[str]:
    return [str(value) for value in column[column.duplicated()].unique()]
