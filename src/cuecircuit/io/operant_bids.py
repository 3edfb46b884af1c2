"""BIDS `*_events.tsv` and `*_beh.tsv` of an operant task to operant sessions.

`onset` (s) and `trial_type` are the events; the start of the session is `acq_time` of the scans or sessions table, the
group that of participants.tsv; the task is the program and the session label the experiment.
"""

import re
from pathlib import Path

import numpy as np

from cuecircuit.errors import DataError
from cuecircuit.io.events import read_events
from cuecircuit.io.operant_declaration import SourceDeclaration
from cuecircuit.io.operant_rows import read_rows
from cuecircuit.io.operant_table import ordered, split_events
from cuecircuit.io.table_cells import as_moment
from cuecircuit.records.operant import OperantLog, OperantSession

_NAME = re.compile(r"sub-(?P<sub>[A-Za-z0-9]+)_(?:[a-z]+-[A-Za-z0-9]+_)*(?:events|beh)\.tsv")
_ENTITY = re.compile(r"(?:^|_)([a-z]+)-([A-Za-z0-9]+)(?=_)")


def is_bids_log(path: Path) -> bool:
    """Return whether a file is named as BIDS names events and behavior."""
    return _NAME.fullmatch(path.name) is not None


def read_bids_log(path: Path, declared: SourceDeclaration | None = None) -> OperantLog:
    """Read one events file; its session starts where the scans or sessions table says.

    Raises:
        DataError: faults of `read_events`, or no table tells the `acq_time` of the file.
    """
    declared = declared or SourceDeclaration()
    entities = dict(_ENTITY.findall(path.name))
    events = read_events(path)
    subject = entities["sub"]
    start = _acquired(path, entities)
    moment = None if start is None else as_moment(start)
    if moment is None:
        raise DataError(
            f"{path}: start of the session {'is not told' if start is None else f'{start!r} cannot be read'}; "
            f"expected acq_time (ISO 8601) in sub-{subject}_scans.tsv or sub-{subject}_sessions.tsv"
        )
    times = split_events(events["trial_type"].tolist(), events["onset"].to_numpy(dtype=np.float64), declared.events)
    times, faults = ordered(times, file=str(path), line=2, subject=subject)
    session = OperantSession(
        subject=subject,
        experiment=entities.get("ses", ""),
        group=_cell(_root(path) / "participants.tsv", "participant_id", f"sub-{subject}", "group") or "",
        box="",
        program=entities.get("task", ""),
        start=moment,
        end=None,
        duration_s=None,
        events=times,
        counts={},
        timeout_s=declared.timeout_s,
        file=str(path),
        line=2,
    )
    return OperantLog(sessions=(session,), faults=tuple(faults))


def _acquired(path: Path, entities: dict[str, str]) -> str | None:
    """`acq_time` of the file, by the table nearest to it."""
    subject, session = f"sub-{entities['sub']}", entities.get("ses")
    folder = path.parent.parent
    stem = subject if session is None else f"{subject}_ses-{session}"
    start = _cell(folder / f"{stem}_scans.tsv", "filename", f"{path.parent.name}/{path.name}", "acq_time")
    if start is None and session is not None:
        table = folder.parent / f"{subject}_sessions.tsv"
        start = _cell(table, "session_id", f"ses-{session}", "acq_time")
    return start


def _root(path: Path) -> Path:
    """Return the folder that holds the subject's."""
    return next((folder.parent for folder in path.parents if folder.name.startswith("sub-")), path.parent)


def _cell(path: Path, key: str, value: str, column: str) -> str | None:
    """Return a cell of a small table; None where the table, the row, the column or the value is not there."""
    if not path.is_file():
        return None
    rows = read_rows(path)
    if key not in rows.header or column not in rows.header:
        return None
    value_of = dict(zip(rows.column(key), rows.column(column), strict=True)).get(value, "")
    return None if value_of in ("", "n/a") else value_of
