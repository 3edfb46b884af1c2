"""Physiological recordings: BIDS `*_physio.tsv.gz`, text exported by BIOPAC's AcqKnowledge, breaths in MED-PC files.

BIDS recordings have no header; the JSON sidecars say what the columns are. AcqKnowledge text states its own rate: the
name of the file, a line such as `5 msec/sample`, `2 channels`, then for each channel a line with its name and one with
its unit, then the numbers. It knows nothing of the scanner: StartTime must stand in a sidecar all the same.
"""

import gzip
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.bids import sidecar
from cuecircuit.io.bounded import check_file
from cuecircuit.io.medpc_text import parse_sessions
from cuecircuit.io.unpacked import check_gzip
from cuecircuit.records.scan import Trace

_STAMP_HZ = 50.0  # of the trace made of times of breaths: 16 samples a breath at the fastest, 180 per minute
_FEWEST_BREATHS = 3
_RESPIRATORY = ("respiratory", "respiration", "resp", "breathing", "breath")


def read_physio(path: Path, root: Path) -> dict[str, Trace]:
    """Read every column of a recording; times count from the first volume of the scan.

    Args:
        path: the recording.
        root: the data set it belongs to, where sidecars are looked for.

    Raises:
        DataError: no such file, damaged, or SamplingFrequency, StartTime or Columns missing from the sidecars or
            not fitting the file.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    notes = sidecar(path, root)
    if path.suffix == ".txt":
        return read_medpc_breaths(path, notes) if "BreathArray" in notes else read_acqknowledge(path, notes)
    columns, hz, start_s = _described(path, notes)
    try:
        if path.suffix == ".gz":
            check_gzip(path)
        table = pd.read_csv(path, sep="\t", header=None, na_values=["n/a"], compression="infer")
        values = table.to_numpy(dtype=np.float64)
    except (EOFError, OSError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged or cut off ({error}); copy it again from its source") from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError, ValueError) as error:
        raise DataError(f"{path}: not a table of numbers without header ({error})") from error
    if values.shape[1] != len(columns):
        raise DataError(
            f"{path}: {values.shape[1]} columns, the sidecar names {len(columns)} ({', '.join(columns)}); fix Columns"
        )
    return {
        name: Trace(values=values[:, number], sampling_hz=hz, start_s=start_s) for number, name in enumerate(columns)
    }


def _start_s(path: Path, notes: dict[str, Any]) -> float:
    start_s = notes.get("StartTime")
    if not isinstance(start_s, int | float):
        raise DataError(f"{path}: no JSON sidecar gives StartTime; add the seconds from the first volume")
    return float(start_s)


def read_medpc_breaths(path: Path, notes: dict[str, Any]) -> dict[str, Trace]:
    """Read the times of breaths that MED-PC kept as a trace that peaks at each of them; their depth is unknown.

    Args:
        path: the MED-PC file.
        notes: of the sidecar: BreathArray (the letter of the array, seconds of the session's clock), StartTime (where
            that clock's 0 lies), and Subject where the file has several sessions.

    Raises:
        DataError: no StartTime, not one session, no such array, or times that do not rise.
    """
    start_s, letter = _start_s(path, notes), str(notes["BreathArray"])
    try:
        check_file(path)
        sessions = parse_sessions(path.read_bytes()).sessions
    except DataError as error:
        error.add_note(f"in {path}")
        raise
    fitting = [one for one in sessions if notes.get("Subject") in (None, one.header.get("Subject"))]
    if len(fitting) != 1 or letter not in fitting[0].letters:
        raise DataError(
            f"{path}: {len(fitting)} of {len(sessions)} sessions fit the sidecar, expected one with an array {letter}; "
            "name its Subject, and the letter of the breaths as BreathArray"
        )
    times_s = np.array(fitting[0].letters[letter].values(), dtype=np.float64)
    times_s = times_s[: np.flatnonzero(times_s)[-1] + 1] if times_s.any() else times_s[:0]  # arrays are padded by zeros
    if len(times_s) < _FEWEST_BREATHS or (np.diff(times_s) <= 0).any():
        raise DataError(
            f"{path}: array {letter} holds {len(times_s)} times of breaths, expected {_FEWEST_BREATHS} or more that "
            "rise (seconds of the session's clock)"
        )
    clock_s = np.arange(times_s[0] - 1, times_s[-1] + 1, 1 / _STAMP_HZ)
    # one turn from breath to breath; before the first and after the last at the pace of their neighbors
    ends = np.r_[2 * times_s[0] - times_s[1], times_s, 2 * times_s[-1] - times_s[-2]]
    turns = np.interp(clock_s, ends, np.arange(len(ends)))
    trace = Trace(values=np.cos(2 * np.pi * turns), sampling_hz=_STAMP_HZ, start_s=start_s + float(clock_s[0]))
    return {"respiratory": trace}


def read_acqknowledge(path: Path, notes: dict[str, Any]) -> dict[str, Trace]:
    """Read a text export of AcqKnowledge.

    Args:
        path: the text.
        notes: of the sidecar; StartTime is needed.

    Raises:
        DataError: not such a text, cut off, or no StartTime.
    """
    start_s = _start_s(path, notes)
    try:
        check_file(path)
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from error
    rate = re.fullmatch(r"([\d.]+)\s*(msec|sec|min)/sample", lines[1].strip()) if len(lines) > 2 else None
    channels = re.fullmatch(r"(\d+)\s*channels?", lines[2].strip()) if rate else None
    if rate is None or channels is None or float(rate[1]) <= 0:
        raise DataError(f"{path}: expected an AcqKnowledge text: name, '5 msec/sample', '2 channels', names, numbers")
    number = int(channels[1])
    names = [line.strip() for line in lines[3 : 3 + 2 * number : 2]]
    rows, faults = [], []
    for line, text in enumerate(lines[3 + 2 * number :], start=4 + 2 * number):
        cells = text.replace(",", "\t").split()
        if cells and cells[0].upper().startswith("CH"):  # channel labels and sample counts stand before the numbers
            continue
        try:
            values = [float(cell) for cell in cells]
        except ValueError:
            faults.append(f"{path}:{line}: '{text[:40]}' holds no numbers")
            continue
        # the first column may be the time
        if len(values) in (number, number + 1):
            rows.append(values[-number:])
        elif cells and rows:
            faults.append(f"{path}:{line}: {len(values)} numbers for {number} channels; is the file cut off?")
    if faults or not rows:
        raise DataError(faults or f"{path}: no numbers below the names of {number} channels")
    hz = 1 / (float(rate[1]) * {"msec": 1e-3, "sec": 1.0, "min": 60.0}[rate[2]])
    table = np.array(rows)
    return {
        name: Trace(values=table[:, column], sampling_hz=hz, start_s=float(start_s))
        for column, name in enumerate(names)
    }


def _described(path: Path, notes: dict[str, Any]) -> tuple[list[str], float, float]:
    missing = [key for key in ("SamplingFrequency", "StartTime", "Columns") if key not in notes]
    if missing:
        raise DataError([f"{path}: no JSON sidecar gives {key}; add it to the sidecar" for key in missing])
    hz, start_s, columns = notes["SamplingFrequency"], notes["StartTime"], notes["Columns"]
    faults = []
    if not isinstance(hz, int | float) or not 0 < hz < float("inf"):
        faults.append(f"{path}: SamplingFrequency {hz!r} in the sidecar is no rate in Hz")
    if not isinstance(start_s, int | float) or not abs(start_s) < float("inf"):
        faults.append(f"{path}: StartTime {start_s!r} in the sidecar is no time in seconds")
    if not isinstance(columns, list) or not columns or len(set(map(str, columns))) < len(columns):
        faults.append(f"{path}: Columns {columns!r} in the sidecar is no list of different names")
    DataError.raise_any(faults)
    return [str(name) for name in columns], float(hz), float(start_s)


def read_respiration(path: Path, root: Path, *, column: str | None = None) -> Trace:
    """Read the respiratory column of a recording.

    Args:
        path: the recording.
        root: the data set it belongs to.
        column: its name; None picks the one called respiratory, respiration, resp, breathing or breath.

    Raises:
        DataError: as `read_physio`, or no such column, or several.
    """
    traces = read_physio(path, root)
    respiratory = [
        name for name in traces if (name == column if column else name.lower().split(" ")[0] in _RESPIRATORY)
    ]
    if len(respiratory) != 1:
        raise DataError(
            f"{path}: expected one column {column or 'of respiration (' + ', '.join(_RESPIRATORY) + ')'}, "
            f"found {len(respiratory)} among: {', '.join(traces)}"
        )
    return traces[respiratory[0]]
