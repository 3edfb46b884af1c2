"""A table of a study: rows told apart by keys, each column explained; kept with every digit and as text for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.columns import read_columns, write_columns
from cuecircuit.io.tables import ColumnNote, read_json, write_table

FOLDER = "tables"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Rows of one kind.

    `keys` identify a row; labels are text and numbers are float64, with NaN where there is no value. `notes` explains
    every column.
    """

    name: str
    keys: tuple[str, ...]
    rows: pd.DataFrame
    notes: Mapping[str, ColumnNote]

    def __post_init__(self) -> None:
        """Refuse rows with the same keys.

        Raises:
            DataError: rows that the keys do not tell apart.
        """
        repeated = self.rows[self.rows.duplicated(list(self.keys), keep=False)]
        if len(repeated):
            first = ", ".join(f"{key} {repeated.iloc[0][key]}" for key in self.keys)
            raise DataError(
                f"table {self.name}: several rows for {first}, expected one for each {', '.join(self.keys)}"
            )

    def write(self, folder: Path) -> None:
        """Write `NAME.tsv` with its JSON for people, and `NAME.npz` with every digit."""
        write_table(folder / f"{self.name}.tsv", self.rows, self.notes)
        write_columns(folder / f"{self.name}.npz", self.rows)


def read_back(folder: Path, name: str, keys: tuple[str, ...]) -> Table:
    """Read a table that was written before, with every digit.

    Raises:
        DataError: it is not there.
    """
    path = folder / f"{name}.npz"
    if not path.is_file():
        raise DataError(f"{folder.parent}: table {name} is not made yet; name its stage too, or run the whole study")
    notes = read_json(folder / f"{name}.json")
    return Table(name=name, keys=keys, rows=read_columns(path), notes=notes)
