"""What a question found: tables with their notes, and a record of who entered and what was decided."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from cuecircuit.io.tables import ColumnNote, column_notes, write_json, write_table

NOTES = column_notes("answers")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """Tables of a question by name, and facts for `settings.json`.

    `left_out` has a line for each subject who is not in it; `levels` notes columns that are named by the study.
    """

    tables: Mapping[str, pd.DataFrame]
    facts: Mapping[str, Any]
    left_out: tuple[str, ...] = ()
    notes: Mapping[str, ColumnNote] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write every table, and `settings.json`."""
        for name, table in self.tables.items():
            notes = {str(column): _note(str(column)) for column in table} | dict(NOTES) | dict(self.notes)
            write_table(folder / f"{name}.tsv", table, {column: notes[column] for column in map(str, table)})
        write_json(folder / "settings.json", {**self.facts, "left_out": list(self.left_out)})


def together(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines `who: what`, one for all of whom the same is said."""
    whose: dict[str, list[str]] = {}
    for line in lines:
        who, colon, what = line.partition(": ")
        whose.setdefault(what if colon else who, []).append(who if colon else "")
    for what, names in whose.items():
        yield f"{', '.join(names)}: {what}" if names[0] else what


def deciding_p(table: pd.DataFrame) -> pd.Series:
    """Return p that a level is held against: adjusted where it was, else corrected for sphericity where it can be."""
    p = table["p"]
    for name in ("p_gg", "p_adjusted", "q"):
        p = table[name].fillna(p) if name in table else p
    return p


def _note(column: str) -> ColumnNote:
    """Explain a column that no list knows: a level, or the mean or SEM of a cell."""
    cell, _, statistic = column.rpartition("_")
    return f"{statistic} of {cell.replace('_', ' ')}, {NOTES[statistic]}" if statistic in ("mean", "sem") else "level"
