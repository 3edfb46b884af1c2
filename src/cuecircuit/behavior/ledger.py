"""Which logged sessions count: interim saves, remnants and overlaps are found, settled and told."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from cuecircuit.records.operant import OperantFault, OperantLog, OperantSession

_NOBODY = ("", "0")


def settle(log: OperantLog) -> OperantLog:
    """Keep one session of each run; add a fault for whatever was found.

    Left out are remnants (end before start) and all but the latest save of one run (same subject, box, program and
    start). Kept, and told: sessions without a subject, one subject in two sessions at once, and sessions that were
    stopped before the length their program declares.
    """
    faults = list(log.faults)
    kept: list[OperantSession] = []
    for session in log.sessions:
        if session.end is not None and session.end < session.start:
            what = f"remnant: ends {session.end:%Y-%m-%d %H:%M:%S}, before it starts {session.start:%Y-%m-%d %H:%M:%S}"
            faults.append(_fault(session, what, "left out"))
        else:
            kept.append(session)
    kept = _latest_saves(kept, faults)
    for session in kept:
        if session.subject in _NOBODY:
            faults.append(_fault(session, f"no subject ({session.subject!r})", "kept; name the animal in the file"))
        if (lacking_s := _lacking_s(session)) > 0:
            what = f"stopped {lacking_s:g} s before its declared length of {session.duration_s:g} s"
            faults.append(_fault(session, what, "kept with the declared length"))
    faults += _overlaps(kept)
    return OperantLog(sessions=tuple(kept), faults=tuple(faults))


def _latest_saves(sessions: Sequence[OperantSession], faults: list[OperantFault]) -> list[OperantSession]:
    """One save of each run, in the order given; adds to `faults`."""
    runs: dict[tuple[object, ...], list[OperantSession]] = defaultdict(list)
    for session in sessions:
        runs[session.subject, session.box, session.program, session.start].append(session)
    kept: set[int] = set()
    for saves in runs.values():
        # the later of two equal saves stands further down
        last = max(enumerate(saves), key=lambda save: (_end(save[1]), _n_events(save[1]), save[0]))[1]
        kept.add(id(last))
        for save in saves:
            if save is not last:
                what = f"saved {len(saves)} times: this save ends {_when(save.end)} with {_n_events(save)} events"
                done = f"left out; kept the latest ({last.file} line {last.line}, {_n_events(last)} events)"
                faults.append(_fault(save, what, done))
    return [session for session in sessions if id(session) in kept]


def _overlaps(sessions: Sequence[OperantSession]) -> list[OperantFault]:
    """A fault for each session that begins while its subject is still in another."""
    faults: list[OperantFault] = []
    by_subject: dict[str, list[OperantSession]] = defaultdict(list)
    for session in sessions:
        if session.subject not in _NOBODY:
            by_subject[session.subject].append(session)
    for mine in by_subject.values():
        mine.sort(key=lambda session: session.start)
        running: list[OperantSession] = []
        for later in mine:
            running = [earlier for earlier in running if _end(earlier) > later.start]
            for earlier in running:
                until = _when(_end(earlier))
                what = f"in box {later.box} from {_when(later.start)} while in box {earlier.box} until {until}"
                faults.append(_fault(later, what, f"kept both; the other is {earlier.file} line {earlier.line}"))
            running.append(later)
    return faults


def _end(session: OperantSession) -> datetime:
    """When a session ends, as far as it says."""
    return session.end or session.start + timedelta(seconds=session.duration_s or 0.0)


def _lacking_s(session: OperantSession) -> float:
    """How much of its declared length a session lacks; 0 where it does not say both."""
    if session.end is None or session.duration_s is None:
        return 0.0
    # clocks of whole seconds: the end may be printed up to a second early
    short = session.duration_s - (session.end - session.start).total_seconds()
    return short if short > 1 else 0.0


def _n_events(session: OperantSession) -> int:
    return sum(times.size for times in session.events.values())


def _when(moment: datetime | None) -> str:
    return "at an unknown time" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def _fault(session: OperantSession, what: str, done: str) -> OperantFault:
    return OperantFault(file=session.file, line=session.line, subject=session.subject, what=what, done=done)
