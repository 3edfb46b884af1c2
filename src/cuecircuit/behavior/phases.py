"""Sessions to the phases of a study: which phase, which treatment, and the how-many-th of that kind for its subject."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pandas as pd

from cuecircuit.errors import DesignError
from cuecircuit.records.operant import OperantFault

_Row = Mapping[str, Any]
_UNUSED = "kept in the table; enters no test"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRule:
    """How the sessions of one phase (and treatment) are recognised, and how many each subject should have.

    `experiment` and `msn` are shell patterns for the header fields, letter case ignored.
    """

    phase: str
    treatment: str = ""
    experiment: str = "*"
    msn: str = "*"
    sessions: int | None = None

    @property
    def name(self) -> str:
        """Phase and treatment in words."""
        return f"{self.phase} {self.treatment}".strip()

    def fits(self, row: _Row) -> bool:
        """Whether a session is of this phase and treatment."""
        pairs = ((row["experiment"], self.experiment), (row["msn"], self.msn))
        return all(fnmatchcase(str(found).upper(), pattern.upper()) for found, pattern in pairs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhasedSessions:
    """`table` with columns `phase`, `treatment`, `session` (1, 2, ... by start); what did not fit is a fault."""

    table: pd.DataFrame
    faults: tuple[OperantFault, ...]


def assign_phases(
    table: pd.DataFrame, rules: Sequence[PhaseRule], *, participants: Sequence[str] | None = None
) -> PhasedSessions:
    """Give each session its phase, treatment and number; sessions of no phase stay, with empty columns.

    Args:
        table: one row per session, as `sessions_table` makes it.
        rules: one per phase and treatment; a session must fit at most one.
        participants: the subjects of the study; None takes those of the table.

    Raises:
        DesignError: a session fits two rules.
    """
    rows: Sequence[_Row] = [
        {**row, "subject": "" if pd.isna(row["subject"]) else str(row["subject"])} for row in table.to_dict("records")
    ]
    found = [_rule_of(row, rules) for row in rows]
    numbers: list[int | None] = [None] * len(rows)
    series: dict[tuple[object, PhaseRule], list[int]] = defaultdict(list)
    for k in sorted(range(len(rows)), key=lambda k: str(rows[k]["start"])):
        rule = found[k]
        if rule is not None:
            series[rows[k]["subject"], rule].append(k)
            numbers[k] = len(series[rows[k]["subject"], rule])
    phased = table.assign(
        phase=pd.array([rule.phase if rule else None for rule in found], dtype="object"),
        treatment=pd.array([(rule.treatment or None) if rule else None for rule in found], dtype="object"),
        session=pd.array(numbers, dtype="Int64"),
    )
    known = [row["subject"] for row in rows if row["subject"]] if participants is None else list(participants)
    faults = _strays(rows, found, set(known))
    for rule in rules:
        for subject in dict.fromkeys(known):
            faults += _wrong_number(subject, rule, [rows[k] for k in series[subject, rule]])
    return PhasedSessions(table=phased, faults=tuple(faults))


def _rule_of(row: _Row, rules: Sequence[PhaseRule]) -> PhaseRule | None:
    fitting = [rule for rule in rules if rule.fits(row)]
    if len(fitting) > 1:
        raise DesignError(
            f"experiment {row['experiment']!r} (program {row['msn']!r}) fits the phases "
            f"{' and '.join(rule.name for rule in fitting)}; make their patterns exclude one another"
        )
    return fitting[0] if fitting else None


def _strays(rows: Sequence[_Row], found: Sequence[PhaseRule | None], known: set[str]) -> list[OperantFault]:
    """Sessions of no phase, and of subjects that the study does not know."""
    faults: list[OperantFault] = []
    for row, rule in zip(rows, found, strict=True):
        if row["subject"] not in known:
            faults.append(_fault(row, f"subject {row['subject']!r} is not among the participants", _UNUSED))
        elif rule is None:
            what = f"experiment {row['experiment']!r} (program {row['msn']!r}) belongs to no phase"
            faults.append(_fault(row, what, _UNUSED))
    return faults


def _wrong_number(subject: str, rule: PhaseRule, rows: Sequence[_Row]) -> list[OperantFault]:
    """Fewer or more sessions of a phase than planned."""
    if rule.sessions is None:
        return []
    faults = [
        _fault(row, f"session {k} of {rule.name}, {rule.sessions} were planned", _UNUSED)
        for k, row in enumerate(rows, 1)
        if k > rule.sessions
    ]
    if len(rows) < rule.sessions:
        what = f"{len(rows)} of {rule.sessions} sessions of {rule.name}"
        done = "the sessions there are stay; a test that needs all leaves the subject out"
        faults.append(OperantFault(file="", line=0, subject=subject, what=what, done=done))
    return faults


def _fault(row: _Row, what: str, done: str) -> OperantFault:
    return OperantFault(file=str(row["file"]), line=int(row["line"]), subject=row["subject"], what=what, done=done)
