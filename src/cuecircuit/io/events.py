"""BIDS `*_events.tsv`: what was presented when. Every fault names the file and the line."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool
from cuecircuit.errors import DataError
from cuecircuit.io.tables import read_table
from cuecircuit.records.scan import Block

_NEEDED = ("onset", "duration", "trial_type")


def read_events(path: Path, *, scan_s: float | None = None) -> pd.DataFrame:
    """Read events: onset and duration (s) as numbers, trial_type as text, other columns as they are.

    Args:
        path: the events file.
        scan_s: length of the scan; events that begin at or after its end are faults.

    Raises:
        DataError: no such file, a column that is missing, cells that are empty, hold several values or no number,
            durations below 0, no event at all, or an onset past the end of the scan.
    """
    table = read_table(path, text=_NEEDED)
    absent = [name for name in _NEEDED if name not in table]
    if absent:
        found = ", ".join(map(str, table.columns))
        faults = [f"{path}:1: column {name} is missing; found: {found}" for name in absent]
    else:
        faults = [f"{path}: no events; expected one row per event"] if table.empty else []
    numbers: dict[str, Float64[Array, event]] = {}
    for name in ("onset", "duration"):
        if name in table:
            cells = table[name].tolist()
            numbers[name] = np.array([_seconds(cell) for cell in cells])
            faults += [
                f"{path}:{line}: {name} {_no_number(cells[line - 2])}" for line in _lines(np.isnan(numbers[name]))
            ]
    if "trial_type" in table:
        empty = table["trial_type"].isna().to_numpy()
        faults += [f"{path}:{line}: trial_type is empty; name the event" for line in _lines(empty)]
    if "duration" in numbers:
        faults += [f"{path}:{line}: duration is below 0" for line in _lines(numbers["duration"] < 0)]
    if "onset" in numbers and scan_s is not None:
        faults += [
            f"{path}:{line}: onset {numbers['onset'][line - 2]:g} s lies past the end of the scan ({scan_s:g} s)"
            for line in _lines(numbers["onset"] >= scan_s)
        ]
    if faults:
        raise DataError(faults)
    return table.assign(**numbers)


def read_blocks(path: Path, *, scan_s: float | None = None) -> tuple[Block, ...]:
    """Read events as cue blocks in order of time; `trial_type` is the cue.

    Raises:
        DataError: as `read_events`.
    """
    events = read_events(path, scan_s=scan_s).sort_values("onset", kind="stable")
    return tuple(
        Block(onset_s=float(onset), duration_s=float(duration), cue=str(cue))
        for onset, duration, cue in zip(events["onset"], events["duration"], events["trial_type"], strict=True)
    )


def _lines(where: Bool[Array, "event"]) -> list[int]:
    return [int(row) + 2 for row in np.flatnonzero(where)]  # line 1 is the header


def _seconds(cell: Any) -> float:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return np.nan
    return value if np.isfinite(value) else np.nan


def _no_number(cell: Any) -> str:
    if not isinstance(cell, str):
        return "is empty; give seconds"
    parts = cell.replace(",", " ").replace(";", " ").split()
    if len(parts) > 1:
        return f"holds {len(parts)} values in one cell ('{cell}'); write one row per event"
    return f"'{cell}' is no number of seconds"
