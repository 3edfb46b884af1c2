"""Operant files to three tables: sessions, events, and whatever was wrong."""

import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cuecircuit.behavior.ledger import settle
from cuecircuit.behavior.measures import bins_table, sessions_table
from cuecircuit.behavior.session_choices import NO_CHOICES, SessionChoices
from cuecircuit.errors import DataError, one_of_each_kind
from cuecircuit.io.declared import read_declared
from cuecircuit.io.lock import writing
from cuecircuit.io.medpc_declare import skeletons
from cuecircuit.io.medpc_mpc import read_mpc
from cuecircuit.io.medpc_program import Program, checked_by, find_program, load_programs
from cuecircuit.io.medpc_unmet import unmet_declarations
from cuecircuit.io.operant_declaration import SourceDeclaration
from cuecircuit.io.operant_source import operant_kind, read_operant
from cuecircuit.io.session_store import check_parquet, write_events, write_events_parquet, write_parquet
from cuecircuit.io.tables import ColumnNote, column_notes, write_table
from cuecircuit.records.operant import SET_ASIDE, UNDECLARED, OperantFault, OperantLog, OperantSession

if TYPE_CHECKING:
    from cuecircuit.pipeline.nwb import NwbSettings

_PLACE = re.compile(r":(?: line )?([0-9]+): (?:subject '([^']*)': )?")
SESSION_COLUMNS = column_notes("sessions")
EVENT_COLUMNS = column_notes("events")
BIN_NOTES = column_notes("bins")
FAULT_COLUMNS = column_notes("faults")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsSummary:
    """What `write_sessions` wrote."""

    n_files: int
    n_sessions: int
    n_subjects: int
    n_events: int
    faults: tuple[OperantFault, ...]

    @property
    def fault_lines(self) -> tuple[str, ...]:
        """One line for each kind of fault, with its first place and how many more there are."""
        return fault_lines(self.faults)


def load_sessions(
    files: Sequence[Path],
    *,
    programs: Path | None = None,
    source: Path | None = None,
    mpc: Path | None = None,
    choices: SessionChoices = NO_CHOICES,
) -> OperantLog:
    """Read operant files and settle which of their sessions count; a file that cannot be read is set aside by name.

    Args:
        files: operant data files of any kind, in any order.
        programs: folder of further program declarations.
        source: declaration of event names and columns, for what is not MED-PC.
        mpc: MED-PC program file, or a folder of them; their array sizes must agree with the declarations.
        choices: sessions to exclude or merge, and the shortest length.

    Raises:
        DataError: no file given, a file that does not exist, or none that can be read; every one of them named.
        DesignError: a choice fits no session.
    """
    declared = declared_programs(programs, mpc)
    names = None if source is None else read_declared(source, SourceDeclaration)
    paths = list(dict.fromkeys(files))
    if absent := [path for path in paths if not path.exists()]:
        raise DataError(f"{path}: cannot be read (No such file or directory); correct its name" for path in absent)
    sessions: list[OperantSession] = []
    faults: list[OperantFault] = []
    errors: list[str] = []
    unread: list[OperantFault] = []
    for path in paths:
        try:
            log = read_operant(path, programs=declared, source=names)
        except DataError as error:
            errors += error.faults
            unread += [_unread(path, fault) for fault in error.faults]
        else:
            sessions += log.sessions
            faults += log.faults
    if not paths:
        raise DataError("no operant file given; expected one or more operant data files")
    if errors and not sessions:
        raise DataError(one_of_each_kind(errors, [fault.what for fault in unread]))
    faults += [*unread, *unmet_declarations(sessions, declared)]
    return settle(OperantLog(sessions=tuple(sessions), faults=tuple(faults)), choices=choices)


def lost_records(log: OperantLog, subjects: Collection[str]) -> tuple[OperantFault, ...]:
    """Return the records set aside that a study may need: all but those of programs that run none of its subjects.

    Args:
        log: what was read.
        subjects: of the study; an undeclared program with another subject, or none, is a flush of the pumps.
    """
    aside = (fault for fault in log.faults if fault.done == SET_ASIDE)
    return tuple(f for f in aside if f.subject in subjects or not f.what.startswith(UNDECLARED))


def _unread(path: Path, fault: str) -> OperantFault:
    """Return a file set aside, with what was wrong in it, where and of whom."""
    place = _PLACE.match(rest := fault.removeprefix(str(path)))
    line, subject = (int(place[1] or 0), place[2] or "") if place else (0, "")
    what = rest[place.end() :] if place else rest.removeprefix(": ")
    return OperantFault(file=str(path), line=line, subject=subject, what=what, done=SET_ASIDE)


def declared_programs(programs: Path | None = None, mpc: Path | None = None) -> tuple[Program, ...]:
    """Return the declarations of a folder and the ones shipped, each checked by the program file of its name.

    Raises:
        DataError: a declaration or program file is at fault, or the two disagree.
    """
    declared = load_programs(programs)
    narrowed: list[Program] = []
    for file in () if mpc is None else read_mpc(mpc):
        if (program := find_program(file.name, declared)) is not None:
            narrowed.append(checked_by(program, file).model_copy(update={"msn": (escape(file.name),)}))
    return (*narrowed, *declared)


def declare_programs(files: Sequence[Path], *, programs: Path | None = None, mpc: Path | None = None) -> str:
    """Return a first declaration, to be filled in, of every MED-PC program of the files that has none.

    Raises:
        DataError: a file cannot be read, none is MED-PC, or every program is declared.
    """
    drafts = skeletons(
        [path for path in files if operant_kind(path) == "medpc"],
        programs=load_programs(programs),
        mpc=() if mpc is None else read_mpc(mpc),
    )
    if not drafts:
        raise DataError("every MED-PC program of these files is declared; nothing to write")
    return "---\n".join(drafts.values())


@writing
def write_sessions(
    files: Sequence[Path],
    out: Path,
    *,
    programs: Path | None = None,
    source: Path | None = None,
    mpc: Path | None = None,
    strict: bool = False,
    parquet: bool = False,
    nwb: "NwbSettings | None" = None,
) -> SessionsSummary:
    """Write `out`/sessions.tsv, events.tsv and faults.tsv, each with a JSON sidecar; bins.tsv where programs keep bins.

    Args:
        files: operant data files of any kind.
        out: the folder for the tables; other files in it stay.
        programs: folder of further program declarations.
        source: declaration of event names and columns, for what is not MED-PC.
        mpc: MED-PC program file, or a folder of them.
        strict: refuse faults after the tables are written.
        parquet: write the three tables as Parquet too.
        nwb: write `out`/nwb too, a file per session.

    Raises:
        DataError: no file can be read, no pyarrow for Parquet, or a fault of `write_nwb` (nothing is written); the
            folder cannot be written, or `strict` and a fault.
    """
    if parquet:
        check_parquet()
    log = load_sessions(files, programs=programs, source=source, mpc=mpc)
    if nwb is not None:
        from cuecircuit.pipeline.nwb import write_nwb

        write_nwb(log.sessions, out / "nwb", nwb)
    sessions = sessions_table(log.sessions)
    write_table(out / "sessions.tsv", sessions, session_notes(sessions))
    bins = bins_table(log.sessions)
    if len(bins):
        write_table(out / "bins.tsv", bins, BIN_NOTES)
    n_events = write_events(out / "events.tsv", log.sessions, EVENT_COLUMNS)
    write_faults(out / "faults.tsv", log.faults)
    if parquet:
        write_parquet(out / "sessions.parquet", sessions, moments=("start", "end"))
        write_events_parquet(out / "events.parquet", log.sessions)
        write_parquet(out / "faults.parquet", _fault_table(log.faults))
    if strict and log.faults:
        raise DataError(fault_lines(log.faults))
    return SessionsSummary(
        n_files=len(dict.fromkeys(files)),
        n_sessions=len(log.sessions),
        n_subjects=len({session.subject for session in log.sessions}),
        n_events=n_events,
        faults=log.faults,
    )


def fault_lines(faults: Sequence[OperantFault]) -> tuple[str, ...]:
    """Return a line for each kind of fault: where it was found first, what, what was done, and how many are like it."""
    lines = [f"{fault.place}{fault.what} ({fault.done})" for fault in faults]
    return one_of_each_kind(lines, [fault.what + fault.done for fault in faults])


def write_faults(path: Path, faults: Sequence[OperantFault]) -> None:
    """Write a table of faults; one without a fault has its header alone.

    Raises:
        DataError: the place cannot be written.
    """
    write_table(path, _fault_table(faults), FAULT_COLUMNS)


def session_notes(sessions: pd.DataFrame) -> dict[str, ColumnNote]:
    """Describe the columns of a table of sessions, also those that only some programs have."""
    counted = {
        name: {"Description": f"{name[2:]}, the program's count", "Source": "file"}
        for name in sessions
        if name[:2] == "n_"
    }
    kept = {name: {"Description": f"{name}, by the declaration of the program", "Source": "file"} for name in sessions}
    return kept | counted | SESSION_COLUMNS


def _place(fault: OperantFault) -> str:
    return f"{fault.subject} {fault.file}:{fault.line}".strip() if fault.file else fault.subject


def _fault_table(faults: Sequence[OperantFault]) -> pd.DataFrame:
    """Return one row for what was found and done alike, with its first place and all others."""
    alike: dict[tuple[str, ...], list[OperantFault]] = {}
    for fault in faults:
        alike.setdefault((fault.what, fault.done, fault.accepted), []).append(fault)
    rows = [
        {
            **asdict(same[0]),
            "file": same[0].file or None,
            "subject": same[0].subject or None,
            "line": same[0].line or None,
            "accepted": same[0].accepted or None,
            "count": len(same),
            "others": "; ".join(map(_place, same[1:])) or None,
        }
        for same in alike.values()
    ]
    return pd.DataFrame(rows, columns=list(FAULT_COLUMNS)).astype({"line": "Int64", "count": "Int64"})
