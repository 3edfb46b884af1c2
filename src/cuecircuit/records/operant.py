"""One operant session as it was logged. Times are seconds from the start of the session."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cuecircuit.arrays import Array, Float, Int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventBins:
    """Events of one kind counted per stretch of `width_s` from the start of the session."""

    width_s: float
    counts: Int[Array, "bin"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OperantSession:
    """What one animal did in one box.

    `events` holds the times of each kind of event ("active", "inactive", "infusion", ...);
    `counts` what the program itself counted of it, and `bins` its counts per stretch of time; `duration_s` the length
    of the session: what the program declares, until `settle` puts the time it was run (None where neither is known) and
    keeps in `declared_s` what the program declared;
    `timeout_s` how long after an infusion presses have no consequence (None where the program does not say);
    `tick_s` is the resolution of the times; `values` other numbers of the session by the names of the declaration;
    `part` numbers the sessions of one record.
    """

    subject: str
    experiment: str
    group: str
    box: str
    program: str
    start: datetime
    end: datetime | None
    duration_s: float | None
    events: Mapping[str, Float[Array, "event"]]
    counts: Mapping[str, int]
    file: str
    line: int
    timeout_s: float | None = None
    tick_s: float = 0.01  # the usual resolution of MED-PC
    bins: Mapping[str, EventBins] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    part: int = 0
    declared_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperantFault:
    """Something wrong in a log that can still be used: where it is, what it is, what was done about it.

    `accepted` is the reason that a study gives for a fault against its plan.
    """

    file: str
    line: int
    subject: str
    what: str
    done: str
    accepted: str = ""

    @property
    def place(self) -> str:
        """File, line and subject as messages begin."""
        line = f"{self.file}: line {self.line}: " if self.file else ""
        return line + (f"subject {self.subject!r}: " if self.subject else "")


SET_ASIDE = "set aside; the rest is read"
"""What was done about a record that cannot be read."""

UNDECLARED = "program (MSN)"
"""How the fault of a record begins whose program is not declared."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OperantLog:
    """The sessions of one or more files, and what was wrong in them."""

    sessions: tuple[OperantSession, ...]
    faults: tuple[OperantFault, ...]
