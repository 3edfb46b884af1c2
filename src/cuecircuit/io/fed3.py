"""FED3 feeder logs (CSV) to operant sessions.

One file is one session of one device, from its first row on. The header begins with the form of the time,
"MM:DD:YYYY hh:mm:ss". A poke on the side of `Active_Poke` is "active", on the other "inactive", a pellet taken is
"pellet"; other events (LeftShort, LeftinTimeout, LeftWithPellet, ...) keep the name the feeder gives. Older logs write
"Poke": then the counter that rose tells the side. Source: Matikainen-Ankney et al. 2021, eLife 10:e66173, and the
header written by the FED3 library.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError, one_of_each_kind
from cuecircuit.io.operant_declaration import SourceDeclaration
from cuecircuit.io.operant_rows import Rows, read_rows
from cuecircuit.io.operant_table import ordered, split_events
from cuecircuit.io.table_cells import as_moment
from cuecircuit.records.operant import SET_ASIDE, OperantFault, OperantLog, OperantSession

TIME_COLUMN = "MM:DD:YYYY hh:mm:ss"
_NEEDED = ("Device_Number", "Event", "Left_Poke_Count", "Right_Poke_Count", "Pellet_Count")
_TIME = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2}) +(\d{1,2}:\d{2})(?::(\d{2})(?:[.:](\d{1,3}))?)?( *[AP]M)?",
    re.ASCII | re.IGNORECASE,
)
_SIDES = ("Left", "Right")
_FIRST_YEAR = 2016  # no feeder of this kind is older
_SET_BACK = timedelta(days=1)  # more than a clock is set back by hand or for the winter
_LONGEST = timedelta(days=366)  # no feeder runs longer without a new file


def read_fed3(path: Path, declared: SourceDeclaration | None = None) -> OperantLog:
    """Read one FED3 log; the subject is the device ("FED007"), for the feeder knows no other name.

    Raises:
        DataError: no such file, no FED3 header, no rows, several devices, or a time or counter that cannot be read
            (line).
    """
    declared = declared or SourceDeclaration()
    rows = read_rows(path)
    absent = [name for name in _NEEDED if name not in rows.header]
    if absent or not rows.header[0].startswith(TIME_COLUMN):
        raise DataError(f"{path}:1: no FED3 log: column {', '.join(absent) or TIME_COLUMN} is missing")
    if not rows.cells:
        raise DataError(f"{path}: a header without rows; expected one row per poke or pellet")
    device, *others = dict.fromkeys(rows.column("Device_Number"))
    if others:
        raise DataError(
            f"{path}: rows of devices {', '.join((device, *others))}; a log is of one feeder, split the file"
        )
    rows, moments, lost = _on_a_set_clock(path, rows, _moments(path, rows))
    counters = {name: _counter(path, rows, name) for name in _NEEDED[2:]}
    start = min(moments)
    times_s = np.array([(moment - start).total_seconds() for moment in moments])
    names = _names(rows, counters)
    subject = f"FED{device.zfill(3)}"
    where = {"file": str(path), "line": rows.lines[0], "subject": subject}
    ledger = [*lost, *_backwards(rows, moments), *_findings(rows, counters, names)]
    events, faults = ordered(split_events(names, times_s, declared.events), **where)
    session = OperantSession(
        subject=subject,
        experiment="",
        group="",
        box=device,
        program=next((rows.column(name)[0] for name in ("Session_type", "Session_Type") if name in rows.header), ""),
        start=start,
        end=None,
        duration_s=None,
        events=events,
        counts={},
        timeout_s=declared.timeout_s,
        file=str(path),
        line=rows.lines[0],
    )
    faults_of_file = [
        OperantFault(file=str(path), line=line, subject=subject, what=what, done=done) for line, what, done in ledger
    ]
    return OperantLog(sessions=(session,), faults=tuple(faults_of_file + faults))


def _moments(path: Path, rows: Rows) -> list[datetime]:
    """Return the time of every row, as the feeder writes it or in ISO 8601 (fed3 of Python, FED3_Viz)."""
    moments: list[datetime] = []
    errors: list[str] = []
    for line, row in zip(rows.lines, rows.cells, strict=True):
        moment = _moment(row[0])
        if moment is None:
            errors.append(f"{path}:{line}: time {row[0]!r}; expected such as 11/13/2019 15:54:07")
        else:
            moments.append(moment)
    DataError.raise_any(one_of_each_kind(errors))
    return moments


def _moment(text: str) -> datetime | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return as_moment(text)
    month, day, year, hour_minute, second, ms, half = match.groups()
    moment = as_moment(f"{f'20{year}'[-4:]}-{month}-{day} {hour_minute}:{second or '00'}{half or ''}")
    return moment and moment.replace(microsecond=1000 * int(ms or 0))


def _on_a_set_clock(
    path: Path, rows: Rows, moments: Sequence[datetime]
) -> tuple[Rows, list[datetime], list[tuple[int, str, str]]]:
    """Return the rows whose clock was set, their times, and a finding for the others.

    The clock of a feeder that has lost its battery begins in 2000, or when its program was compiled: how long after the
    row before is not known.
    """
    last = max(moments)
    if last.year < _FIRST_YEAR:
        what = f"the feeder's clock was never set: it begins in {moments[0].year}"
        return rows, list(moments), [(rows.lines[0], what, "kept; times from the start are right, dates are not")]
    latest = accumulate(moments, max)
    is_set = [now >= before - _SET_BACK and now > last - _LONGEST for now, before in zip(moments, latest, strict=True)]
    unset = [line for line, was_set in zip(rows.lines, is_set, strict=True) if not was_set]
    if not unset:
        return rows, list(moments), []
    kept = [k for k, was_set in enumerate(is_set) if was_set]
    what = f"{len(unset)} rows after the feeder's clock fell back to {min(moments):%Y-%m-%d}"
    cells, lines = tuple(rows.cells[k] for k in kept), tuple(rows.lines[k] for k in kept)
    whole = Rows(header=rows.header, cells=cells, lines=lines, separator=rows.separator)
    return whole, [moments[k] for k in kept], [(unset[0], what, SET_ASIDE)]


def _backwards(rows: Rows, moments: Sequence[datetime]) -> list[tuple[int, str, str]]:
    """Return a finding where the clock of the feeder was put back."""
    back = [k for k in range(1, len(moments)) if moments[k] < moments[k - 1]]
    what = f"the feeder's clock runs backwards {len(back)} times"
    return [(rows.lines[back[0]], what, "kept all, put in order")] if back else []


def _counter(path: Path, rows: Rows, name: str) -> Float[Array, "row"]:
    texts = rows.column(name)
    errors = [
        f"{path}:{line}: {name} is {text!r}; expected a count"
        for line, text in zip(rows.lines, texts, strict=True)
        if not re.fullmatch(r"[0-9]{1,9}(\.0*)?", text)
    ]
    DataError.raise_any(one_of_each_kind(errors))
    return np.array(texts, dtype=np.float64)


def _names(rows: Rows, counters: dict[str, Float[Array, "row"]]) -> list[str]:
    """Return what happened in every row, by its own name or as active, inactive or pellet."""
    active = rows.column("Active_Poke") if "Active_Poke" in rows.header else [""] * len(rows.cells)
    left = np.diff(counters["Left_Poke_Count"], prepend=0) > 0
    right = np.diff(counters["Right_Poke_Count"], prepend=0) > 0
    names: list[str] = []
    for k, event in enumerate(rows.column("Event")):
        side = event
        if event == "Poke" and left[k] != right[k]:
            side = "Left" if left[k] else "Right"
        if side in _SIDES and active[k] in _SIDES:
            names.append("active" if side == active[k] else "inactive")
        else:
            names.append("pellet" if side == "Pellet" else side or "unnamed")
    return names


def _findings(rows: Rows, counters: dict[str, Float[Array, "row"]], names: list[str]) -> list[tuple[int, str, str]]:
    """Return what is out of order: line, what, what was done."""
    findings: list[tuple[int, str, str]] = []
    if not any(row[0].count(":") > 1 for row in rows.cells):
        what = "times without seconds: the log was saved by a spreadsheet"
        findings.append((rows.lines[0], what, "kept; intervals are good to a minute"))
    for name, counter in counters.items():
        fell = np.flatnonzero(np.diff(counter) < 0)
        if fell.size:
            what = f"{name} falls from {counter[fell[0]]:g} to {counter[fell[0] + 1]:g}: the feeder was restarted"
            findings.append((rows.lines[fell[0] + 1], what, "kept as one session"))
    pellets, counted = names.count("pellet"), counters["Pellet_Count"]
    risen = int(np.maximum(np.diff(counted, prepend=0), 0).sum())
    if pellets != risen:
        findings.append(
            (
                rows.lines[-1],
                f"Pellet_Count counts {risen} pellets, the log has {pellets} rows of them",
                "kept the rows",
            )
        )
    vague = [line for line, name in zip(rows.lines, names, strict=True) if name in ("Poke", "unnamed")]
    if vague:
        findings.append(
            (vague[0], f"{len(vague)} rows do not say which side was poked", "kept under the name Poke or unnamed")
        )
    return findings
