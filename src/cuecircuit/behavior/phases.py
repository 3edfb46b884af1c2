"""Sessions to the phases of a study: which phase, which treatment, and the how-many-th of that kind for its subject.

A phase is recognized by rules (header fields, program, group, dates; several rules may name one phase), or session by
session in a table, which goes before the rules. A pattern is a shell pattern (`FR*`), or after `re:` a regular
expression (`re:FR-?1-10`); letter case is ignored.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Any, Literal

import pandas as pd

from cuecircuit.behavior.session_days import SubjectDay, day_numbers, session_dates
from cuecircuit.errors import DesignError
from cuecircuit.records.operant import OperantFault

_Row = Mapping[str, Any]
_Kind = tuple[str, str]
_UNUSED = "kept in the table; enters no test"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRule:
    """How sessions of one phase (and treatment) are recognized, and how many each subject should have.

    `experiment`, `msn` and `group` are patterns for the header fields; `first` and `last` the dates between which the
    phase was run, both included. With `by_name` no session fits: those of the phase are listed one by one.
    """

    phase: str
    treatment: str = ""
    experiment: str = "*"
    msn: str = "*"
    group: str = "*"
    first: date | None = None
    last: date | None = None
    sessions: int | None = None
    by_name: bool = False

    @property
    def words(self) -> str:
        """What a session must have, in words."""
        patterns = {"Experiment": self.experiment, "program (MSN)": self.msn, "Group": self.group}
        parts = [f"the {name} {pattern!r}" for name, pattern in patterns.items() if pattern != "*"]
        parts += [f"a date from {self.first}"] if self.first else []
        parts += [f"a date up to {self.last}"] if self.last else []
        return "a line in the table of sessions" if self.by_name else " and ".join(parts) or "any Experiment"

    @property
    def kind(self) -> _Kind:
        """Phase and treatment."""
        return self.phase, self.treatment

    @property
    def name(self) -> str:
        """Phase and treatment in words."""
        return f"{self.phase} {self.treatment}".strip()

    def fits(self, row: _Row) -> bool:
        """Return whether a session is of this phase and treatment."""
        if self.by_name:
            return False
        # the group of the log, where the table has that of the participants too
        group = row.get("log_group", row.get("group", ""))
        pairs = ((row["experiment"], self.experiment), (row["msn"], self.msn), (group, self.group))
        day = _date(row)
        in_time = (self.first is None or day >= self.first) and (self.last is None or day <= self.last)
        return in_time and all(pattern_fits(str(text), pattern) for text, pattern in pairs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhasedSessions:
    """`table` with columns `phase`, `treatment`, `session` (number from 1); what did not fit is a fault."""

    table: pd.DataFrame
    faults: tuple[OperantFault, ...]


def pattern_fits(text: str, pattern: str) -> bool:
    """Return whether all of a text fits a shell pattern, or a regular expression after `re:`; letter case is ignored.

    Raises:
        DesignError: not a regular expression.
    """
    if not pattern.startswith("re:"):
        return fnmatchcase(text.upper(), pattern.upper())
    try:
        return re.fullmatch(pattern[3:], text, re.IGNORECASE) is not None
    except re.error as error:
        raise DesignError(f"pattern {pattern!r} is no regular expression ({error}); correct it") from error


def assign_phases(
    table: pd.DataFrame,
    rules: Sequence[PhaseRule],
    *,
    participants: Sequence[str] | None = None,
    listed: pd.DataFrame | None = None,
    numbering: Literal["date", "order"] = "date",
    without: Collection[tuple[str, str]] = (),
) -> PhasedSessions:
    """Assign each session its phase, treatment and number; sessions of no phase stay, with empty columns.

    Args:
        table: one row per session, as `sessions_table` makes it.
        rules: any number per phase and treatment; a session must fit those of at most one.
        participants: the subjects of the study; None takes those of the table.
        listed: sessions by name: columns subject, date or start, phase, and treatment where the phase has some.
        numbering: "date": a date is one session, and a date that a subject lacks keeps its number; "order": one after
            the other.
        without: subject and phase of which it has no sessions by plan.

    Raises:
        DesignError: a session fits two phases, or one is listed twice.
    """
    rows: Sequence[_Row] = [
        {**row, "subject": "" if pd.isna(row["subject"]) else str(row["subject"])} for row in table.to_dict("records")
    ]
    named, faults = _listed_kinds(rows, listed)
    kinds = [kind_named or _kind_of(row, rules) for row, kind_named in zip(rows, named, strict=True)]
    planned = {rule.kind: rule.sessions for rule in reversed(rules) if rule.sessions is not None}
    numbers, number_faults = _numbered(rows, kinds, planned, numbering)
    phased = table.assign(
        phase=pd.array([kind[0] if kind else None for kind in kinds], dtype="object"),
        treatment=pd.array([(kind[1] or None) if kind else None for kind in kinds], dtype="object"),
        session=pd.array(numbers, dtype="Int64"),
    )
    expected = [row["subject"] for row in rows if row["subject"]] if participants is None else list(participants)
    faults += [*_strays(rows, kinds, set(expected)), *number_faults]
    series: dict[tuple[str, _Kind], list[tuple[int, _Row]]] = defaultdict(list)
    for row, kind, number in zip(rows, kinds, numbers, strict=True):
        if kind is not None and number is not None:
            series[row["subject"], kind].append((number, row))
    for kind, n in planned.items():
        for subject in dict.fromkeys(expected):
            asked = 0 if (subject, kind[0]) in without else n
            faults += _wrong_number(subject, kind, asked, series[subject, kind])
    return PhasedSessions(table=phased, faults=tuple(faults))


def _kind_of(row: _Row, rules: Sequence[PhaseRule]) -> _Kind | None:
    """Return the phase and treatment whose rules a session fits."""
    fitting = {rule.kind: rule.name for rule in rules if rule.fits(row)}
    if len(fitting) > 1:
        raise DesignError(
            f"experiment {row['experiment']!r} (program {row['msn']!r}) fits the phases "
            f"{' and '.join(fitting.values())}; make their patterns exclude one another"
        )
    return next(iter(fitting), None)


def _listed_kinds(rows: Sequence[_Row], listed: pd.DataFrame | None) -> tuple[list[_Kind | None], list[OperantFault]]:
    """Return the phase and treatment of each session that is listed by name, and a fault for each that is not there."""
    if listed is None:
        return [None] * len(rows), []
    when = "start" if "start" in listed.columns else "date"
    kinds: dict[tuple[str, str], _Kind] = {}
    for row in listed.to_dict("records"):
        key = (str(row["subject"]), pd.Timestamp(row[when]).isoformat() if when == "start" else _day_text(row[when]))
        if key in kinds:
            raise DesignError(f"sessions listed by name: subject {key[0]!r} on {key[1]} is listed twice; keep one line")
        treatment = row.get("treatment")
        kinds[key] = (str(row["phase"]), "" if treatment is None or pd.isna(treatment) else str(treatment))
    keys = [(row["subject"], str(row["start"]) if when == "start" else _date(row).isoformat()) for row in rows]
    there = set(keys)
    lost = [key for key in kinds if key not in there]
    faults = [
        OperantFault(
            file="", line=0, subject=subject, what=f"listed session of {day} is not in the logs", done="nothing"
        )
        for subject, day in lost
    ]
    return [kinds.get(key) for key in keys], faults


def _numbered(
    rows: Sequence[_Row],
    kinds: Sequence[_Kind | None],
    planned: Mapping[_Kind, int],
    numbering: Literal["date", "order"],
) -> tuple[list[int | None], list[OperantFault]]:
    """Return the number of each session in its phase and treatment; a shorter session of the same date has none."""
    numbers: list[int | None] = [None] * len(rows)
    faults: list[OperantFault] = []
    for kind in dict.fromkeys(kind for kind in kinds if kind is not None):
        places = [k for k in sorted(range(len(rows)), key=lambda k: str(rows[k]["start"])) if kinds[k] == kind]
        dates = dict(zip(places, session_dates([_start(rows[k]) for k in places]), strict=True))
        by_order = numbering == "order"
        chosen, shorter = (places, []) if by_order else _longest_of_each_date(rows, dates)
        for k in shorter:
            what = f"another session of {' '.join(kind).strip()} on {dates[k]} ran as long or longer"
            faults.append(_fault(rows[k], what, f"{_UNUSED}; merge them, exclude one, or number by order"))
        days = [SubjectDay(subject=rows[k]["subject"], date=dates[k], row=k) for k in chosen]
        for k, number in day_numbers(days, planned=planned.get(kind), by_order=by_order).items():
            numbers[k] = number
    return numbers, faults


def _longest_of_each_date(rows: Sequence[_Row], session_date: Mapping[int, date]) -> tuple[list[int], list[int]]:
    """The sessions that count, one for a subject and date, and the others; all count where most dates have several."""
    by_subject: dict[str, dict[date, list[int]]] = defaultdict(lambda: defaultdict(list))
    for k, day in session_date.items():
        by_subject[rows[k]["subject"]][day].append(k)
    chosen: list[int] = []
    for dates in by_subject.values():
        several = sum(len(same) > 1 for same in dates.values())
        one_record = len({(rows[k]["file"], rows[k]["line"]) for same in dates.values() for k in same}) == 1
        for same in dates.values():
            longest = max(same, key=lambda k: _length(rows[k]))
            chosen += same if 2 * several > len(dates) and (len(dates) > 1 or one_record) else [longest]
    counting = set(chosen)
    return [k for k in session_date if k in counting], [k for k in session_date if k not in counting]


def _length(row: _Row) -> float:
    length = row.get("duration_s")
    return 0.0 if length is None or pd.isna(length) else float(length)


def _strays(rows: Sequence[_Row], kinds: Sequence[_Kind | None], known: set[str]) -> list[OperantFault]:
    """Return the sessions of no phase, and of subjects that the study does not know."""
    faults: list[OperantFault] = []
    for row, kind in zip(rows, kinds, strict=True):
        if row["subject"] not in known:
            faults.append(_fault(row, f"subject {row['subject']!r} is not among the participants", _UNUSED))
        elif kind is None:
            what = f"experiment {row['experiment']!r} (program {row['msn']!r}) belongs to no phase"
            faults.append(_fault(row, what, _UNUSED))
    return faults


def _wrong_number(subject: str, kind: _Kind, planned: int, found: Sequence[tuple[int, _Row]]) -> list[OperantFault]:
    """Fewer or more sessions of a phase than planned."""
    name = " ".join(kind).strip()
    faults = [
        _fault(row, f"session {number} of {name}, {planned} were planned", _UNUSED)
        for number, row in found
        if number > planned
    ]
    missing = sorted(set(range(1, planned + 1)) - {number for number, _ in found})
    if missing:
        which = f" (without {', '.join(map(str, missing))})" if len(missing) < planned else ""
        what = f"{planned - len(missing)} of {planned} sessions of {name}{which}"
        done = "the sessions there are stay; a test that needs all leaves the subject out"
        faults.append(OperantFault(file="", line=0, subject=subject, what=what, done=done))
    return faults


def _start(row: _Row) -> datetime:
    return datetime.fromisoformat(str(row["start"]))


def _date(row: _Row) -> date:
    return _start(row).date()


def _day_text(value: object) -> str:
    return pd.Timestamp(str(value)).date().isoformat()


def _fault(row: _Row, what: str, done: str) -> OperantFault:
    return OperantFault(file=str(row["file"]), line=int(row["line"]), subject=row["subject"], what=what, done=done)
