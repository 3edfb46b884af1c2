"""One operant session as it was logged. Times are seconds from the start of the session."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cuecircuit.arrays import Array, Float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OperantSession:
    """What one animal did in one box.

    `events` holds the times of each kind of event ("active", "inactive", "infusion", ...);
    `counts` what the program itself counted of it; `duration_s` the length the program declares
    (None where it does not: end minus start is not the session length); `timeout_s` how long after
    an infusion presses have no consequence (None where the program does not say).
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


@dataclass(frozen=True, slots=True, kw_only=True)
class OperantFault:
    """Something wrong in a log that can still be used: where it stands, what it is, what was done about it."""

    file: str
    line: int
    subject: str
    what: str
    done: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OperantLog:
    """The sessions of one or more files, and what was wrong in them."""

    sessions: tuple[OperantSession, ...]
    faults: tuple[OperantFault, ...]
