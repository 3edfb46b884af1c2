"""Operant files to three tables: sessions, events, and whatever was wrong."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from cuecircuit.behavior.ledger import settle
from cuecircuit.behavior.measures import events_table, sessions_table
from cuecircuit.errors import DataError
from cuecircuit.io.medpc import read_medpc
from cuecircuit.io.medpc_program import load_programs
from cuecircuit.io.tables import ColumnNote, write_table
from cuecircuit.records.operant import OperantFault, OperantLog

SESSION_COLUMNS: dict[str, ColumnNote] = {
    "subject": {"Description": "header field Subject", "Source": "file"},
    "box": {"Description": "header field Box", "Source": "file"},
    "experiment": {"Description": "header field Experiment", "Source": "file"},
    "group": {"Description": "header field Group", "Source": "file"},
    "msn": {"Description": "header field MSN, the program", "Source": "file"},
    "start": {"Description": "start of the session, local time", "Units": "ISO 8601", "Source": "file"},
    "end": {"Description": "end of the session, local time", "Units": "ISO 8601", "Source": "file"},
    "duration_s": {"Description": "length the program declares, not end minus start", "Units": "s", "Source": "file"},
    "active": {"Description": "active presses, the larger of the program's count and its times", "Source": "file"},
    "inactive": {"Description": "inactive presses, likewise", "Source": "file"},
    "infusions": {"Description": "infusions, likewise", "Source": "file"},
    "timeout_presses": {"Description": "active presses in the time-out after an infusion", "Source": "computed"},
    "first_hour_infusions": {"Description": "infusions before 3600 s", "Source": "computed"},
    "latency_s": {"Description": "time of the first infusion", "Units": "s", "Source": "computed"},
    "mean_interval_s": {"Description": "mean time between infusions", "Units": "s", "Source": "computed"},
    "intake_mg_kg": {"Description": "infusions times the dose of one", "Units": "mg/kg", "Source": "computed"},
    "events": {"Description": "number of events of all kinds in events.tsv", "Source": "computed"},
    "file": {"Description": "the file read", "Source": "command line"},
    "line": {"Description": "line of the file on which the session begins", "Source": "file"},
}
EVENT_COLUMNS: dict[str, ColumnNote] = {
    "subject": {"Description": "header field Subject", "Source": "file"},
    "start": {"Description": "start of the session, local time", "Units": "ISO 8601", "Source": "file"},
    "event": {
        "Description": "kind of event by the declaration of the program; code_N where the code has no stated name",
        "Levels": {"active": "active press", "inactive": "inactive press", "infusion": "infusion earned"},
        "Source": "file",
    },
    "time_s": {"Description": "time from the start of the session", "Units": "s", "Source": "file"},
    "file": {"Description": "the file read", "Source": "command line"},
}
FAULT_COLUMNS: dict[str, ColumnNote] = {
    "file": {"Description": "the file at fault", "Source": "command line"},
    "line": {"Description": "line of the file", "Source": "computed"},
    "subject": {"Description": "header field Subject of the session at fault", "Source": "file"},
    "what": {"Description": "what was found", "Source": "computed"},
    "done": {"Description": "what was done about it", "Source": "computed"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsSummary:
    """What `write_sessions` wrote."""

    n_files: int
    n_sessions: int
    n_subjects: int
    n_events: int
    faults: tuple[OperantFault, ...]


def load_sessions(files: Sequence[Path], *, programs: Path | None = None) -> OperantLog:
    """Read operant files and settle which of their sessions count.

    Args:
        files: MED-PC data files, in any order.
        programs: folder of further program declarations.

    Raises:
        DataError: files that cannot be read, every one of them named.
    """
    declared = load_programs(programs)
    logs: list[OperantLog] = []
    errors: list[str] = []
    for path in dict.fromkeys(files):
        try:
            logs.append(read_medpc(path, programs=declared))
        except DataError as error:
            errors += error.faults
    if errors or not logs:
        raise DataError(errors or "no operant file given; expected one or more MED-PC files")
    sessions = tuple(session for log in logs for session in log.sessions)
    return settle(OperantLog(sessions=sessions, faults=tuple(fault for log in logs for fault in log.faults)))


def write_sessions(
    files: Sequence[Path],
    out: Path,
    *,
    programs: Path | None = None,
    strict: bool = False,
) -> SessionsSummary:
    """Write `out`/sessions.tsv, events.tsv and faults.tsv, each with a JSON sidecar.

    Args:
        files: MED-PC data files.
        out: the folder for the tables; other files in it stay.
        programs: folder of further program declarations.
        strict: refuse faults after the tables are written.

    Raises:
        DataError: a file cannot be read (nothing is written), the folder cannot be written, or `strict` and a fault.
    """
    log = load_sessions(files, programs=programs)
    sessions, events = sessions_table(log.sessions), events_table(log.sessions)
    write_table(out / "sessions.tsv", sessions, SESSION_COLUMNS)
    write_table(out / "events.tsv", events, EVENT_COLUMNS)
    write_faults(out / "faults.tsv", log.faults)
    if strict and log.faults:
        raise DataError(f"{f.file}: line {f.line}: subject {f.subject!r}: {f.what} ({f.done})" for f in log.faults)
    return SessionsSummary(
        n_files=len(dict.fromkeys(files)),
        n_sessions=len(log.sessions),
        n_subjects=len({session.subject for session in log.sessions}),
        n_events=len(events),
        faults=log.faults,
    )


def write_faults(path: Path, faults: Sequence[OperantFault]) -> None:
    """Write a table of faults; one without a fault has its header alone.

    Raises:
        DataError: the place cannot be written.
    """
    rows = [{**asdict(fault), "subject": fault.subject or None, "line": fault.line or None} for fault in faults]
    table = pd.DataFrame(rows, columns=list(FAULT_COLUMNS)).astype({"line": "Int64"})
    write_table(path, table, FAULT_COLUMNS)
