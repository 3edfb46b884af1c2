"""Operant logs among other files: which are logs, what their sessions are, which programs nobody declared."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from glob import escape
from os.path import commonpath
from pathlib import Path

import pandas as pd

from cuecircuit.behavior.measures import sessions_table
from cuecircuit.errors import DataError
from cuecircuit.io.getoperant import is_getoperant
from cuecircuit.io.medpc_declare import skeletons
from cuecircuit.io.medpc_program import load_programs
from cuecircuit.io.operant_rows import read_workbook
from cuecircuit.io.operant_source import operant_kind
from cuecircuit.io.text_encoding import decode_text
from cuecircuit.pipeline.sessions import load_sessions
from cuecircuit.records.operant import SET_ASIDE, UNDECLARED

_ENDINGS = ("", ".txt", ".dat", ".csv", ".xlsx", ".nwb", ".tsv", ".log")
_MEDPC = re.compile(r"^\s*(Start Date|MSN|START):", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Logs:
    """Operant logs: a row of `sessions` for each session; `faults`: lines on what cannot be read.

    `programs`: folder of the declarations that they were read by; `undeclared`: first declarations of other programs,
    by MSN; `undeclared_subjects`: who has sessions of these.
    """

    files: tuple[Path, ...]
    sessions: pd.DataFrame
    programs: Path | None = None
    undeclared: Mapping[str, str] = field(default_factory=dict)
    undeclared_subjects: frozenset[str] = frozenset()
    faults: tuple[str, ...] = ()


def is_log(path: Path) -> bool:
    """Recognize an operant log by its content; a plain table is none, since nothing says what its columns are."""
    if not _may_be_log(path):
        return False
    try:
        kind = operant_kind(path)
        if kind == "medpc":
            return bool(_MEDPC.search(decode_text(path.read_bytes()[:4096])))
        if kind == "workbook":
            return path.suffix.lower() == ".xlsx" and any(map(is_getoperant, read_workbook(path).values()))
        return kind != "table"
    except DataError:
        return False


def _may_be_log(path: Path) -> bool:
    # names such as `2018-11-27_08h39m.Subject 818` have no ending
    ending = path.suffix.lower()
    return ending in _ENDINGS or ending[1:2].isupper() or " " in ending or ending[1:].isdigit()


def read_logs(files: Iterable[Path], programs: Path | None) -> Logs:
    """Read logs, whatever can be read of them.

    Args:
        files: logs of any kind.
        programs: folder of further program declarations.

    Raises:
        DataError: nothing can be read and no program is undeclared; every file named.
    """
    paths = tuple(files)
    declared = load_programs(programs)
    undeclared = skeletons([path for path in paths if operant_kind(path) == "medpc"], programs=declared)
    try:
        log = load_sessions(paths, programs=programs)
    except DataError as error:
        if not undeclared:
            raise
        lines = tuple(fault for fault in error.faults if UNDECLARED not in fault)
        return Logs(files=paths, sessions=sessions_table(()), programs=programs, undeclared=undeclared, faults=lines)
    aside = [fault for fault in log.faults if fault.done == SET_ASIDE]
    unknown = [fault for fault in aside if fault.what.startswith(UNDECLARED)]
    return Logs(
        files=paths,
        sessions=sessions_table(log.sessions),
        programs=programs,
        undeclared=undeclared,
        undeclared_subjects=frozenset(fault.subject for fault in unknown),
        faults=tuple(f"{f.file}:{f.line}: {f.what}; {f.done}" for f in aside if f not in unknown),
    )


def patterns_of(files: Collection[Path]) -> tuple[tuple[Path, str], ...]:
    """Return folders and patterns below them that fit the files and nothing else, the fewest of the usual ones.

    Args:
        files: at least one, absolute.
    """
    folder = Path(commonpath([path.parent for path in files]))
    endings = {path.suffix for path in files}
    ending = f"*{escape(endings.pop())}" if len(endings) == 1 else "*"
    for pattern in dict.fromkeys(("*", ending, "**/*", f"**/{ending}")):
        if {path for path in folder.glob(pattern) if path.is_file()} == set(files):
            return ((folder, pattern),)
    folders = dict.fromkeys(path.parent for path in files)
    if len(folders) == 1:
        return tuple((folder, escape(path.name)) for path in sorted(files))
    parts = (patterns_of([path for path in files if path.parent == folder]) for folder in folders)
    return tuple(pattern for part in parts for pattern in part)
