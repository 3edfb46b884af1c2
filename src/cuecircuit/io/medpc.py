"""MED-PC data files: a path in, operant sessions out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cuecircuit.errors import DataError
from cuecircuit.io.medpc_decode import decode_record
from cuecircuit.io.medpc_program import Program, load_programs
from cuecircuit.io.medpc_text import parse_sessions, set_aside
from cuecircuit.records.operant import OperantFault, OperantLog, OperantSession


def read_medpc(path: Path, *, programs: Sequence[Program] | None = None) -> OperantLog:
    """Read every session of one MED-PC file; a record that cannot be read is set aside by name.

    Args:
        path: the file.
        programs: what programs mean, the first that fits; None takes the declarations shipped.

    Raises:
        DataError: no such file, or no record in it can be read; with file and line.
    """
    declared = load_programs() if programs is None else programs
    try:
        parsed = parse_sessions(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give the path of a MED-PC data file") from error
    except DataError as error:
        raise DataError(f"{path}: {fault}" for fault in error.faults) from error
    sessions: list[OperantSession] = []
    faults: list[OperantFault] = list(parsed.faults)
    errors: list[str] = []
    for raw in parsed.sessions:
        try:
            decoded = decode_record(raw, declared, file_name=path.name)
        except DataError as error:
            errors += error.faults
            faults += [set_aside(raw, fault) for fault in error.faults]
        else:
            sessions += [replace(session, file=str(path)) for session in decoded.sessions]
            faults += decoded.faults
    if not sessions and errors:
        raise DataError(f"{path}: {fault}" for fault in errors)
    return OperantLog(sessions=tuple(sessions), faults=tuple(replace(fault, file=str(path)) for fault in faults))
