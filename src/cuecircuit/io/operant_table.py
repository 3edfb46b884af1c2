"""Plain tables of operant events or sessions to operant sessions, by declared columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError, one_of_each_kind
from cuecircuit.io.operant_declaration import SourceDeclaration, TableColumns
from cuecircuit.io.operant_rows import Rows, read_rows
from cuecircuit.io.table_cells import MISSING, as_moment, elapsed_s, number
from cuecircuit.records.operant import SET_ASIDE, OperantFault, OperantLog, OperantSession

_DAY_S = 86400
_NEVER = datetime.min  # the start of a row whose start cannot be read
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
        DataError: no `table` declared, columns that are missing, or no session without a start, time or count that
            cannot be read, or an event without a name; one line for each kind. Such a session among others is set aside
            as a fault.
    """
    if declared.table is None:
        raise DataError(
            f"{path}: a plain table is read by declared columns; write them in a YAML file (table: rows, subject, "
            "start, event, time) and pass it with --source"
        )
    table = declared.table
    rows = _declared_rows(path, table)
    bad: dict[int, str] = {}
    placed = _placed(path, rows, table, bad)
    read = _sessions if table.rows == "session" else _events
    log = read(path, rows, declared, table, placed, bad)
    if not log.sessions and bad:
        raise DataError(one_of_each_kind([f"{path}:{rows.lines[at]}: {what}" for at, what in sorted(bad.items())]))
    lost = set(bad) - {row.at for row in placed}
    faults = [
        _fault(path, _Row(at=at, line=rows.lines[at], subject="", start=_NEVER), bad[at], SET_ASIDE) for at in lost
    ]
    return OperantLog(sessions=log.sessions, faults=(*log.faults, *faults))


def _declared_rows(path: Path, table: TableColumns) -> Rows:
    """Return the rows that are wanted, with a column for each label."""
    named = [table.subject, *table.starts, table.event, table.time, table.duration_s, *table.counts.values()]
    named += [*table.where, *(getattr(table, name) for name in _TEXTS)]
    missing = [name for name in dict.fromkeys(named) if name is not None and name not in table.labels]
    rows = read_rows(path, sheet=table.sheet, columns=missing)
    present = ", ".join(rows.header)
    faults = [f"{path}:1: column {name!r} is missing; found: {present}" for name in missing if name not in rows.header]
    values = {label: rows.labeled(label) for label in table.labels}
    faults += [
        f"{path}: label {label!r} has {len(cells) or 'no'} values in the next cell, expected one; correct `labels`"
        for label, cells in values.items()
        if len(cells) != 1
    ]
    DataError.raise_any(faults)
    tests = [
        (rows.header.index(name), (kept,) if isinstance(kept, str) else kept) for name, kept in table.where.items()
    ]
    chosen = [at for at, row in enumerate(rows.cells) if all(row[k] in kept for k, kept in tests)]
    if rows.cells and not chosen:
        raise DataError(f"{path}: no row fits `where`: {table.where}; correct it")
    more = tuple(value for (value,) in values.values())
    return replace(
        rows,
        header=(*rows.header, *values),
        cells=tuple((*rows.cells[at], *more) for at in chosen),
        lines=tuple(rows.lines[at] for at in chosen),
    )


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


def _placed(path: Path, rows: Rows, table: TableColumns, bad: dict[int, str]) -> list[_Row]:
    """Return the session of every row; adds to `bad` the rows whose start cannot be read."""
    subjects = rows.column(table.subject)
    parts = [rows.column(name) for name in table.starts]
    starts = [" ".join(words) for words in zip(*parts, strict=True)]
    moments = {text: as_moment(text, table.start_format) for text in set(starts)}
    if path.suffix.lower() == ".xlsx":  # a date cell has no format of its own
        moments |= {text: as_moment(text) for text, moment in moments.items() if moment is None}
    expected = f"the form {table.start_format!r} (start_format)"
    if table.start_format is None:
        expected = "ISO 8601 or a dotted date; declare its form, such as start_format: '%d/%m/%Y %H:%M'"
    placed: list[_Row] = []
    for at, (line, subject, text) in enumerate(zip(rows.lines, subjects, starts, strict=True)):
        moment = moments[text]
        if moment is None:
            bad[at] = f"start {text!r} cannot be read; expected {expected}"
        else:
            placed.append(_Row(at=at, line=line, subject=subject, start=moment))
    return placed


def _events(
    path: Path,
    rows: Rows,
    declared: SourceDeclaration,
    table: TableColumns,
    placed: Sequence[_Row],
    bad: dict[int, str],
) -> OperantLog:
    """Return the sessions of a table of events; one with a row that cannot be read is set aside."""
    assert table.event is not None
    assert table.time is not None
    names = rows.column(table.event)
    starts = {row.at: row.start for row in placed}
    times_s = _times(rows, table, starts, bad)
    bad |= {at: f"column {table.event!r} is empty; name the event" for at, name in enumerate(names) if not name}
    kinds = tuple(dict.fromkeys(names))
    sessions: list[OperantSession] = []
    faults: list[OperantFault] = []
    for members in _grouped(placed, rows, table):
        first = members[0]
        unread = [row for row in members if row.at in bad]
        if unread:
            what = f"{len(unread)} of {len(members)} rows of the session of {first.start} cannot be read: "
            faults.append(_fault(path, unread[0], what + bad[unread[0].at], SET_ASIDE))
            continue
        at = np.array([row.at for row in members])
        events = split_events([names[k] for k in at], times_s[at], declared.events, logged=kinds)
        where = {"file": str(path), "line": first.line, "subject": first.subject}
        events, event_faults = ordered(events, **where)
        faults += event_faults
        session, event_faults = _session(path, rows, declared, table, members, events, {})
        sessions.append(session)
        faults += event_faults
    return OperantLog(sessions=tuple(sessions), faults=tuple(faults))


def _times(rows: Rows, table: TableColumns, starts: Mapping[int, datetime], bad: dict[int, str]) -> Float[Array, "row"]:
    """Seconds from the start of the session, of every row; adds to `bad` the rows without."""
    assert table.time is not None
    times_s = np.full(len(rows.cells), np.nan)
    for at, text in enumerate(rows.column(table.time)):
        clock_s = elapsed_s(text)
        if clock_s is None:
            value = number(text, separator=rows.separator, decimal=table.decimal)
            times_s[at] = np.nan if value is None else value * table.unit_s
        elif at in starts:
            start = starts[at]
            start_s = 3600 * start.hour + 60 * start.minute + start.second
            if table.time_of_day is None and 0 < start_s <= clock_s:
                bad[at] = (
                    f"column {table.time!r} is {text!r} in a session that starts at {start:%H:%M:%S}; declare whether "
                    "it is the time of day (time_of_day: true) or since the start (time_of_day: false)"
                )
            times_s[at] = (clock_s - start_s) % _DAY_S if table.time_of_day else clock_s
        if not np.isfinite(times_s[at]) and at in starts:
            bad.setdefault(at, f"column {table.time!r} is {text[:40]!r}; expected one number{_advice(text)}")
    return times_s


def _sessions(
    path: Path,
    rows: Rows,
    declared: SourceDeclaration,
    table: TableColumns,
    placed: Sequence[_Row],
    bad: dict[int, str],
) -> OperantLog:
    """Return the sessions of a table of sessions: counts without times; a row that cannot be read is set aside."""
    sessions: list[OperantSession] = []
    faults: list[OperantFault] = []
    for row in placed:
        counts: dict[str, int] = {}
        for event, column in table.counts.items():
            text = rows.cells[row.at][rows.header.index(column)]
            value = number(text, separator=rows.separator, decimal=table.decimal)
            if value is not None and value >= 0 and value.is_integer():
                counts[event] = int(value)
            elif text not in MISSING:
                bad[row.at] = f"column {column!r} is {text!r}; expected a count{_advice(text)}"
        if row.at in bad:
            faults.append(_fault(path, row, bad[row.at], SET_ASIDE))
            continue
        session, session_faults = _session(path, rows, declared, table, [row], {}, counts)
        sessions.append(session)
        faults += session_faults
    return OperantLog(sessions=tuple(sessions), faults=tuple(faults))


def _advice(text: str) -> str:
    sign = "comma" if "," in text else "point" if "." in text else ""
    return f" (is the {sign} of decimals or thousands? declare decimal: comma or point)" if sign else ""


def _grouped(placed: Sequence[_Row], rows: Rows, table: TableColumns) -> Iterable[list[_Row]]:
    """Return the rows of each session: same subject, start, box and program."""
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
    """Return one session, and a fault for each of its columns that does not say the same in every row."""
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
    duration_s = number(length, separator=rows.separator, decimal=table.decimal)
    if duration_s is None and length not in MISSING:
        faults.append(_fault(path, first, f"column {table.duration_s!r} is {length[:40]!r}", "kept without a length"))
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
        box=said["box"],
        experiment=said["experiment"],
        group=said["group"],
        program=said["program"],
    )
    return session, faults


def _fault(path: Path, row: _Row, what: str, done: str) -> OperantFault:
    return OperantFault(file=str(path), line=row.line, subject=row.subject, what=what, done=done)
