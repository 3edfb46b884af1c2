"""BIDS `*_events.tsv`: what was presented when. Every fault names the file and the line.

BIDS allows n/a as onset, duration and condition, and rows that are nothing the study asks about (button presses, an end
screen). What is no cell of the study may be incomplete: such rows are left out and counted. A cell must be whole.
"""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
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
    condition = table[rules.column].astype(object).str.strip()  # a blank at the end makes no other name
    table = table.assign(**{rules.column: condition})
    rows = pd.DataFrame(
        {name: [_seconds(cell) for cell in table[name]] for name in _TIMES}, index=table.index, dtype=float
    ).assign(condition=condition, is_cell=True if rules.cells is None else condition.isin(rules.cells))
    why_left_out = pd.Series("", index=table.index)
    for why, chosen in _left_out(table, rows, rules, scan_s) if rules.cells is not None else ():
        why_left_out[chosen & (why_left_out == "")] = why
    kept = rows[why_left_out == ""]
    numbers, texts = (frame.to_dict("records") for frame in (kept, table.loc[kept.index, [*_TIMES, rules.column]]))
    faults = [
        (row, fault)
        for row, number, text in zip(kept.index, numbers, texts, strict=True)
        for fault in _row_faults(number, text, rules, scan_s)
    ]
    faults += _doubled(kept) if rules.cells is not None else ()
    if missing or faults:
        lines = [*((1, fault) for fault in missing), *((row + 2, fault) for row, fault in sorted(faults))]
        raise DataError(f"{line}: {fault}" for line, fault in lines)
    events = table.loc[kept.index].assign(onset=kept["onset"], duration=kept["duration"], trial_type=kept["condition"])
    names = ("n/a" if pd.isna(name) else str(name) for name in condition)
    left_out = Counter((why, name) for why, name in zip(why_left_out, names, strict=True) if why)
    return Events(table=events, left_out=left_out)


def _missing(table: pd.DataFrame, absent: Iterable[str]) -> Iterator[str]:
    found = ", ".join(map(str, table.columns))
    for name in absent:
        advice = "" if name in _TIMES else "; name the column of the conditions (trials.column)"
        yield f"column {name} is missing{advice}; found: {found}"
    if table.empty:
        yield "no events; expected one row per event"


def _left_out(
    table: pd.DataFrame, rows: pd.DataFrame, rules: EventRules, scan_s: float | None
) -> Iterator[tuple[str, "pd.Series[bool]"]]:
    """Yield why rows are left out, and which: n/a in the file, not asked for, after the scan."""
    yield "without an onset", table["onset"].isna()  # a cell as well: it was not presented
    yield "without a condition", table[rules.column].isna()
    yield "of an ignored condition", table[rules.column].isin(rules.ignored)
    yield "that are no cell and have no duration", table["duration"].isna() & ~rows["is_cell"]
    if scan_s is not None:
        yield "that are no cell and begin after the last volume", (rows["onset"] >= scan_s) & ~rows["is_cell"]


def _row_faults(
    row: Mapping[Hashable, Any], text: Mapping[Hashable, Any], rules: EventRules, scan_s: float | None
) -> Iterator[str]:
    for name in _TIMES:
        if np.isnan(row[name]):
            yield f"{name} {_no_number(text[name])}"
    if row["duration"] < 0:
        yield f"duration {row['duration']:g} s is below 0"
    if scan_s is not None and row["onset"] >= scan_s:
        yield f"onset {row['onset']:g} s lies past the end of the scan ({scan_s:g} s)"
    name = row["condition"]
    if not isinstance(name, str) or not name.strip():
        yield f"{rules.column} is empty; name the event"


def _doubled(rows: pd.DataFrame) -> Iterator[tuple[int, str]]:
    first: dict[tuple[float, str], int] = {}
    for row, onset, name in zip(rows.index, rows["onset"], rows["condition"], strict=True):
        earlier = first.setdefault((onset, name), row)
        if earlier != row and np.isfinite(onset):
            yield row, f"{name} at {onset:g} s is also on line {earlier + 2}; keep one row for each event"


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
