"""A figure with the table that it was drawn from, as both are written side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from cuecircuit.figures.saving import save
from cuecircuit.io.tables import ColumnNote, write_table


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnFigure:
    """A figure, the table it was drawn from, and notes on its columns."""

    figure: Figure
    source: pd.DataFrame
    notes: Mapping[str, ColumnNote]

    def save(self, stem: Path) -> None:
        """Write `stem` as SVG and PNG, with the table as TSV and JSON."""
        save(self.figure, stem)
        columns = [str(column) for column in self.source]
        write_table(stem.with_suffix(".tsv"), self.source, {name: self.notes.get(name, "level") for name in columns})
