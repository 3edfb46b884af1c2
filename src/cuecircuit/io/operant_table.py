"""Plain tables of operant events or sessions to operant sessions, by declared columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError
from cuecircuit.io.operant_declaration import SourceDeclaration, TableColumns
from cuecircuit.io.operant_rows import Rows, read_rows
from cuecircuit.records.operant import OperantFault, OperantLog, OperantSession

_TEXTS = ("box", "experiment", "group", "program")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One row: to which session it belongs, and where it stands."""

    at: int
    line: int
    subject: str
    start: datetime


def read_table_log(path: Path, declared: SourceDeclaration) -> OperantLog:
    """Read a CSV, TSV or xlsx table of one row per event or one row per session.

    Raises:
        DataError: no `table` declared, columns that are missing, a start, time or count that cannot be read, or an
            event without a name; one line each.
    """
    if declared.table is None:
        raise DataError(
            f"{path}: a plain table is read by declared columns; write them in a YAML file (table: rows, subject, "
            "start, event, time) and pass it with --source"
        )
    table = declared.table
    rows = read_rows(path, sheet=table.sheet)
    wanted = [table.subject, *table.starts, table.event, table.time, table.duration_s, *table.counts.values()]
    wanted += [getattr(table, name) for name in _TEXTS]
    absent = [name for name in dict.fromkeys(wanted) if name is not None and name not in rows.header]
    if absent:
        found = ", ".join(rows.header)
        raise DataError([f"{path}:1: column {name!r} is missing; found: {found}" for name in absent])
    placed = _placed(path, rows, table)
    if table.rows == "session":
        return _sessions(path, rows, declared, table, placed)
    return _events(path, rows, declared, table, placed)


def as_moment(text: str, form: str | None = None) -> datetime | None:
    """A date and time in ISO 8601 or the form given, without its time zone; None where it cannot be read."""
    try:
        moment = datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)
    except (ValueError, TypeError):
        return None
    return moment.replace(tzinfo=None)


def split_events(
    names: Sequence[str], times_s: Float[Array, "event"], renamed: dict[str, str], *, logged: Iterable[str] = ()
) -> dict[str, Float[Array, "_"]]:
    """Times by event, in the order of the file, under the names declared.

    An event that is declared, or among those `logged` elsewhere in the file, did not happen where it does not stand:
    it has no times, which is a count of 0 and not a missing one.
    """
    called = np.array([renamed.get(name, name) for name in names], dtype=object)
    others = (renamed.get(name, name) for name in logged)
    return {name: times_s[called == name] for name in dict.fromkeys((*called, *others, *renamed.values()))}


def ordered(
    events: dict[str, Float[Array, "_"]], *, file: str, line: int, subject: str
) -> tuple[dict[str, Float[Array, "_"]], list[OperantFault]]:
    """Times put in order, and a fault for each kind of event that ran backwards or began before the session."""
    faults: list[OperantFault] = []
    for name, times in events.items():
        for count, what in (
            (int((np.diff(times) < 0).sum()), f"times of {name} run backwards {{}} times"),
            (int((times < 0).sum()), f"{{}} times of {name} lie before the start of the session"),
        ):
            if count:
                done = "kept all, put in order"
                faults.append(OperantFault(file=file, line=line, subject=subject, what=what.format(count), done=done))
    return {name: np.sort(times) for name, times in events.items()}, faults


def _placed(path: Path, rows: Rows, table: TableColumns) -> list[_Row]:
    """The session of every row."""
    subjects = rows.column(table.subject)
    parts = [rows.column(name) for name in table.starts]
    starts = [" ".join(words) for words in zip(*parts, strict=True)]
    moments = {text: as_moment(text, table.start_format) for text in set(starts)}
    expected = "ISO 8601" if table.start_format is None else f"the form {table.start_format!r}"
    errors: list[str] = []
    placed: list[_Row] = []
    for at, (line, subject, text) in enumerate(zip(rows.lines, subjects, starts, strict=True)):
        moment = moments[text]
        if moment is None:
            errors.append(f"{path}:{line}: start {text!r} cannot be read; expected {expected} (start_format)")
        else:
            placed.append(_Row(at=at, line=line, subject=subject, start=moment))
    if errors:
        raise DataError(errors)
    return placed


def _events(
    path: Path, rows: Rows, declared: SourceDeclaration, table: TableColumns, placed: Sequence[_Row]
) -> OperantLog:
    """Sessions of a table of events."""
    assert table.event is not None
    assert table.time is not None
    names, texts = rows.column(table.event), rows.column(table.time)
    times_s = _numbers(path, rows.lines, texts, table.time) * table.unit_s
    unnamed = [line for line, name in zip(rows.lines, names, strict=True) if not name]
    if unnamed:
        raise DataError(f"{path}:{line}: column {table.event!r} is empty; name the event" for line in unnamed)
    kinds = tuple(dict.fromkeys(names))
    sessions: list[OperantSession] = []
    faults: list[OperantFault] = []
    for members in _grouped(placed, rows, table):
        first = members[0]
        at = np.array([row.at for row in members])
        events = split_events([names[k] for k in at], times_s[at], declared.events, logged=kinds)
        where = {"file": str(path), "line": first.line, "subject": first.subject}
        events, found = ordered(events, **where)
        faults += found
        session, found = _session(path, rows, declared, table, members, events, {})
        sessions.append(session)
        faults += found
    return OperantLog(sessions=tuple(sessions), faults=tuple(faults))


def _sessions(
    path: Path, rows: Rows, declared: SourceDeclaration, table: TableColumns, placed: Sequence[_Row]
) -> OperantLog:
    """Sessions of a table of sessions: counts without times."""
    counts = {event: rows.column(column) for event, column in table.counts.items()}
    errors = [
        f"{path}:{line}: column {table.counts[event]!r} is {text!r}; expected a count"
        for event, texts in counts.items()
        for line, text in zip(rows.lines, texts, strict=True)
        if text not in ("", "n/a") and _count(text) is None
    ]
    if errors:
        raise DataError(errors)
    log = [
        _session(path, rows, declared, table, [row], {}, {
            event: count for event, texts in counts.items() if (count := _count(texts[row.at])) is not None
        })
        for row in placed
    ]  # fmt: skip
    return OperantLog(
        sessions=tuple(session for session, _ in log), faults=tuple(fault for _, found in log for fault in found)
    )


def _grouped(placed: Sequence[_Row], rows: Rows, table: TableColumns) -> Iterable[list[_Row]]:
    """The rows of each session: same subject, start, box and program."""
    others = [rows.column(name) for name in (table.box, table.program) if name is not None]
    groups: dict[tuple[object, ...], list[_Row]] = {}
    for row in placed:
        groups.setdefault((row.subject, row.start, *(column[row.at] for column in others)), []).append(row)
    return groups.values()


def _session(
    path: Path,
    rows: Rows,
    declared: SourceDeclaration,
    table: TableColumns,
    members: Sequence[_Row],
    events: dict[str, Float[Array, "_"]],
    counts: dict[str, int],
) -> tuple[OperantSession, list[OperantFault]]:
    """One session, and a fault for each of its columns that does not say the same in every row."""
    first, faults = members[0], []
    said: dict[str, str] = {}
    for field in (*_TEXTS, "duration_s"):
        column = getattr(table, field)
        values = [] if column is None else [rows.cells[row.at][rows.header.index(column)] for row in members]
        said[field] = values[0] if values else ""
        if len(set(values)) > 1:
            what = f"column {column!r} says {', '.join(map(repr, sorted(set(values))[:5]))} in one session"
            faults.append(_fault(path, first, what, f"kept {values[0]!r}, the first"))
    length = said.pop("duration_s")
    duration_s = None if length in ("", "n/a") else float(_numbers(path, [first.line], [length], "duration_s")[0])
    session = OperantSession(
        subject=first.subject,
        start=first.start,
        end=None,
        duration_s=duration_s,
        events=events,
        counts=counts,
        file=str(path),
        line=first.line,
        timeout_s=declared.timeout_s,
        **said,
    )
    return session, faults


def _numbers(path: Path, lines: Sequence[int], texts: Sequence[str], column: str) -> Float[Array, "row"]:
    """Cells as numbers; a decimal comma is a point."""
    values = np.array([_number(text) for text in texts], dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise DataError(
            f"{path}:{lines[k]}: column {column!r} is {texts[k][:40]!r}; expected one number" for k in bad.tolist()
        )
    return values


def _number(text: str) -> float:
    try:
        return float(text.replace(",", ".")) if "_" not in text else np.nan
    except ValueError:
        return np.nan


def _count(text: str) -> int | None:
    value = _number(text)
    return int(value) if np.isfinite(value) and value >= 0 and value == np.round(value) else None


def _fault(path: Path, row: _Row, what: str, done: str) -> OperantFault:
    return OperantFault(file=str(path), line=row.line, subject=row.subject, what=what, done=done)
