"""BIDS `*_events.tsv`: what was presented when. Every fault names the file and the line.

BIDS allows n/a as onset, duration and condition, and rows that are nothing the study asks about (button presses, an end
screen). What is no cell of the study may be incomplete: such rows are left out and counted. A cell must be whole.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.tables import read_table

_TIMES = ("onset", "duration")
_CONDITION = "trial_type"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRules:
    """What the study says of events.

    `column`: the column with the conditions. `cells`: its values that are cells; None where every row must be whole.
    `ignored`: conditions that are left out; further ones are kept for the model.
    """

    column: str = _CONDITION
    cells: tuple[str, ...] | None = None
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Events:
    """Events that count, and what was left out.

    `table`: onset and duration (s), trial_type (the condition), other columns as they are; its index is the row of the
    file, from 0. `left_out`: number of rows by reason and condition.
    """

    table: pd.DataFrame
    left_out: Mapping[tuple[str, str], int]


def read_run_events(path: Path, rules: EventRules, *, scan_s: float | None = None) -> Events:
    """Read the events of a run.

    Args:
        path: the events file.
        rules: the cells of the study, and what becomes of other rows.
        scan_s: length of the scan; cells that begin at or after its end are faults.

    Raises:
        DataError: no such file, a column that is missing, cells of the study that lack a number, stand in the file
            twice or begin after the scan, numbers that cannot be read, or no event at all.
    """
    table = read_table(path, text=(*_TIMES, rules.column))
    try:
        return clean_events(table, rules, scan_s=scan_s)
    except DataError as error:
        raise DataError(f"{path}:{fault}" for fault in error.faults) from None


def read_events(path: Path, *, scan_s: float | None = None) -> pd.DataFrame:
    """Read events of which every row counts: onset and duration (s) as numbers, trial_type as text.

    Raises:
        DataError: as `read_run_events`; any row that is incomplete.
    """
    return read_run_events(path, EventRules(), scan_s=scan_s).table


def clean_events(table: pd.DataFrame, rules: EventRules, *, scan_s: float | None = None) -> Events:
    """Return the events that count.

    Args:
        table: an events table whose onsets, durations and conditions are text, NaN where the file has n/a.
        rules: as `read_run_events`.
        scan_s: as `read_run_events`.

    Raises:
        DataError: as `read_run_events`; each fault begins with the line of the file, counted from 1.
    """
    absent = tuple(name for name in (*_TIMES, rules.column) if name not in table)
    missing = tuple(_missing(table, absent))
    if absent:  # what else is wrong is looked for all the same
        table, rules = table.assign(**dict.fromkeys(absent, "0")), replace(rules, cells=None)
    rows = [_row(*cells) for cells in zip(*(table[name] for name in (*_TIMES, rules.column)), strict=True)]
    why = [_left_out(row, rules, scan_s) for row in rows]
    kept = {at: row for at, row, reason in zip(table.index, rows, why, strict=True) if not reason}
    faults = [(at, fault) for at, row in kept.items() for fault in _row_faults(row, rules, scan_s)]
    faults += _doubled(kept) if rules.cells is not None else ()
    if missing or faults:
        lines = [*((1, fault) for fault in missing), *((at + 2, fault) for at, fault in sorted(faults))]
        raise DataError(f"{line}: {fault}" for line, fault in lines)
    names = [row.condition for row in kept.values()]
    numbers = {"onset": [row.onset_s for row in kept.values()], "duration": [row.duration_s for row in kept.values()]}
    events = table.loc[list(kept)].assign(**{rules.column: names, **numbers, _CONDITION: names})
    left_out = Counter(
        (reason, "n/a" if pd.isna(row.condition) else str(row.condition))
        for row, reason in zip(rows, why, strict=True)
        if reason
    )
    return Events(table=events, left_out=left_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """Onset and duration as text and as numbers (s), and the condition."""

    texts: Mapping[str, Any]
    onset_s: float
    duration_s: float
    condition: Any


def _row(onset: Any, duration: Any, condition: Any) -> _Row:
    return _Row(
        texts={"onset": onset, "duration": duration},
        onset_s=_seconds(onset),
        duration_s=_seconds(duration),
        condition=condition.strip() if isinstance(condition, str) else condition,  # a blank makes no other name
    )


def _missing(table: pd.DataFrame, absent: Iterable[str]) -> Iterator[str]:
    present = ", ".join(map(str, table.columns))
    for name in absent:
        advice = "" if name in _TIMES else "; name the column of the conditions (trials.column)"
        yield f"column {name} is missing{advice}; found: {present}"
    if table.empty:
        yield "no events; expected one row per event"


def _left_out(row: _Row, rules: EventRules, scan_s: float | None) -> str:
    """Return why a row is left out: n/a in the file, not asked for, after the scan; empty where it counts."""
    if rules.cells is None:
        return ""
    if pd.isna(row.texts["onset"]):
        return "without an onset"  # a cell as well: it was not presented
    if pd.isna(row.condition):
        return "without a condition"
    if row.condition in rules.ignored:
        return "of an ignored condition"
    if row.condition in rules.cells:
        return ""
    if pd.isna(row.texts["duration"]):
        return "that are no cell and have no duration"
    late = scan_s is not None and row.onset_s >= scan_s
    return "that are no cell and begin after the last volume" if late else ""


def _row_faults(row: _Row, rules: EventRules, scan_s: float | None) -> Iterator[str]:
    for name, seconds in (("onset", row.onset_s), ("duration", row.duration_s)):
        if np.isnan(seconds):
            yield f"{name} {_no_number(row.texts[name])}"
    if row.duration_s < 0:
        yield f"duration {row.duration_s:g} s is below 0"
    if scan_s is not None and row.onset_s >= scan_s:
        yield f"onset {row.onset_s:g} s lies past the end of the scan ({scan_s:g} s)"
    if not isinstance(row.condition, str) or not row.condition:
        yield f"{rules.column} is empty; name the event"


def _doubled(rows: Mapping[int, _Row]) -> Iterator[tuple[int, str]]:
    first: dict[tuple[float, str], int] = {}
    for at, row in rows.items():
        earlier = first.setdefault((row.onset_s, row.condition), at)
        if earlier != at and np.isfinite(row.onset_s):
            yield at, f"{row.condition} at {row.onset_s:g} s is also on line {earlier + 2}; keep one row for each event"


def _seconds(cell: Any) -> float:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return np.nan
    return value if np.isfinite(value) else np.nan


def _no_number(cell: Any) -> str:
    if not isinstance(cell, str):
        return "is empty; give seconds"
    if re.fullmatch(r"-?\d+,\d+", cell.strip()):
        return f"'{cell}' has a decimal comma; write a point"
    parts = cell.replace(",", " ").replace(";", " ").split()
    if len(parts) > 1:
        return f"holds {len(parts)} values in one cell ('{cell}'); write one row per event"
    return f"'{cell}' is no number of seconds"
