"""Sessions that a study leaves out or joins, each with a reason, and the shortest length of a session."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np

from cuecircuit.behavior.session_days import dates_by_program
from cuecircuit.errors import DesignError
from cuecircuit.records.operant import EventBins, OperantFault, OperantSession

Day = date  # inside the class below, `date` is its field


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPick:
    """The sessions of a subject on a date, or the one that began at `start`; `reason` goes to the ledger."""

    subject: str
    date: date
    reason: str
    start: datetime | None = None

    def fits(self, session: OperantSession, day: Day | None = None) -> bool:
        """Return whether a session is meant, which is of `day` where that is not the date of its start."""
        same = session.subject == self.subject and (day or session.start.date()) == self.date
        return same and self.start in (None, session.start)

    def __str__(self) -> str:
        """Subject and date, or start."""
        return f"subject {self.subject!r} on {self.start or self.date}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChoices:
    """What a study says of single sessions; `shortest_s` is the least a session must have run to count."""

    exclude: tuple[SessionPick, ...] = ()
    merge: tuple[SessionPick, ...] = ()
    shortest_s: float = 0.0


NO_CHOICES = SessionChoices()


def apply_choices(
    sessions: Sequence[OperantSession], choices: SessionChoices
) -> tuple[list[OperantSession], list[OperantFault]]:
    """Return the sessions that are left, in the order given, and a fault with its reason for each that is not.

    Raises:
        DesignError: an exclusion fits no session, or a merge fits fewer than two.
    """
    faults: list[OperantFault] = []
    errors: list[str] = []
    kept = list(sessions)
    for pick in choices.exclude:
        out = [session for session in kept if pick.fits(session)]
        if not out:
            errors.append(f"exclude: no session of {pick}; correct the subject or the date")
        faults += [_fault(session, f"excluded: {pick.reason}", "left out") for session in out]
        kept = [session for session in kept if not pick.fits(session)]
    for pick in choices.merge:
        nights = zip(kept, dates_by_program(kept), strict=True)
        same = sorted((one for one, day in nights if pick.fits(one, day)), key=lambda session: session.start)
        if len(same) < 2:
            errors.append(
                f"merge: {len(same)} sessions of {pick}, expected two or more; correct the subject or the date"
            )
            continue
        faults += [
            _fault(session, f"merged: {pick.reason}", f"joined to the session of {same[0].start:%H:%M:%S}")
            for session in same[1:]
        ]
        joined = merge_sessions(same)
        kept = [joined if session is same[0] else session for session in kept if session not in same[1:]]
    DesignError.raise_any(errors)
    short = [session for session in kept if session.duration_s is not None and session.duration_s < choices.shortest_s]
    for session in short:
        what = f"ran {session.duration_s:g} s, the study asks for {choices.shortest_s:g} s"
        faults.append(_fault(session, what, "left out"))
    return [session for session in kept if session not in short], faults


def merge_sessions(sessions: Sequence[OperantSession]) -> OperantSession:
    """Return sessions that followed one another as one: the clock stands still between them.

    Raises:
        DesignError: a session before the last has no known length.
    """
    first, last = sessions[0], sessions[-1]
    if any(session.duration_s is None for session in sessions[:-1]):
        raise DesignError(
            f"merge: subject {first.subject!r}: the length of a session is not known; declare its program"
        )
    lengths = [session.duration_s or 0.0 for session in sessions]
    offsets = np.concatenate([[0.0], np.cumsum(lengths)])
    names = dict.fromkeys(name for session in sessions for name in session.events)
    events = {
        name: np.concatenate(
            [s.events[name] + t for s, t in zip(sessions, offsets[:-1], strict=True) if name in s.events]
        )
        for name in names
    }
    kinds = dict.fromkeys(name for session in sessions for name in session.counts)
    counts = {name: sum(session.counts.get(name, 0) for session in sessions) for name in kinds}
    duration_s = None if last.duration_s is None else float(offsets[-1])
    no_bins: dict[str, EventBins] = {}
    return replace(first, end=last.end, duration_s=duration_s, events=events, counts=counts, bins=no_bins)


def _fault(session: OperantSession, what: str, done: str) -> OperantFault:
    return OperantFault(file=session.file, line=session.line, subject=session.subject, what=what, done=done)
