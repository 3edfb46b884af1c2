"""BIDS `*_events.tsv`: what was presented when. Every fault names the file and the line."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

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
    columns = {name: table[name].tolist() for name in _NEEDED if name in table}
    found = ", ".join(map(str, table.columns))
    faults = [(1, f"column {name} is missing; found: {found}") for name in _NEEDED if name not in columns]
    if table.empty:
        faults.append((1, "no events; expected one row per event"))
    numbers = {name: [_seconds(cell) for cell in columns[name]] for name in ("onset", "duration") if name in columns}
    for name, values in numbers.items():
        cells = enumerate(zip(values, columns[name], strict=True), start=2)  # line 1 is the header
        faults += [(line, f"{name} {_no_number(cell)}") for line, (value, cell) in cells if np.isnan(value)]
    for line, value in enumerate(numbers.get("duration", ()), start=2):
        if value < 0:
            faults.append((line, f"duration {value:g} s is below 0"))
    for line, value in enumerate(numbers.get("onset", ()), start=2):
        if scan_s is not None and value >= scan_s:
            faults.append((line, f"onset {value:g} s lies past the end of the scan ({scan_s:g} s)"))
    for line, cell in enumerate(columns.get("trial_type", ()), start=2):
        if not isinstance(cell, str):
            faults.append((line, "trial_type is empty; name the event"))
    if faults:
        raise DataError(f"{path}:{line}: {fault}" for line, fault in sorted(faults))
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
