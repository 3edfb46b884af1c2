"""Which logged sessions count and how long they ran: saves, remnants, restarts and overlaps are settled and reported.

A session ran from its start to its end, or for the length its program declares if that is shorter. Where a session of a
subject, program and experiment stopped before its declared length and another of the same date (or night) ran longer,
the box was restarted: the date has one session, the longest.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cuecircuit.behavior.session_choices import NO_CHOICES, SessionChoices, apply_choices
from cuecircuit.behavior.session_days import dates_by_program
from cuecircuit.records.operant import OperantFault, OperantLog, OperantSession

_NOBODY = ("", "0")
_CLOCK_S = 1.0  # header times are whole seconds: the end may be printed up to a second early
_ROUNDING_S = 1e-6  # times carry at most three decimals of a tick


def settle(log: OperantLog, *, choices: SessionChoices = NO_CHOICES) -> OperantLog:
    """Return one session of each run, with the length it was run; add a fault for whatever was found.

    Left out are remnants (end before start), all but the latest save of one run (same subject, box, program and start),
    what `choices` exclude, and the shorter sessions of a date on which the box was restarted. Kept, and reported:
    sessions without a subject, one subject in two sessions at once, sessions that stopped early, events after the end.

    Args:
        log: what was read.
        choices: sessions of the study file to exclude or merge, and the shortest length.

    Raises:
        DesignError: a choice fits no session.
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
    chosen, choice_faults = apply_choices([_as_run(session, faults) for session in kept], choices)
    faults += choice_faults
    settled = _one_of_a_restart(chosen, faults)
    for session in settled:
        if session.subject in _NOBODY:
            faults.append(_fault(session, f"no subject ({session.subject!r})", "kept; name the animal in the file"))
        faults += _after_the_end(session)
    faults += _overlaps(settled)
    return OperantLog(sessions=tuple(settled), faults=tuple(faults))


def _latest_saves(sessions: Sequence[OperantSession], faults: list[OperantFault]) -> list[OperantSession]:
    """Return one save of each run, in the order given; adds to `faults`."""
    runs: dict[tuple[object, ...], list[OperantSession]] = defaultdict(list)
    for session in sessions:
        runs[session.subject, session.box, session.program, session.part, session.start].append(session)
    kept: set[int] = set()
    for saves in runs.values():
        # the later of two equal saves is further down
        last = max(enumerate(saves), key=lambda save: (_end(save[1]), _n_events(save[1]), save[0]))[1]
        kept.add(id(last))
        for save in saves:
            if save is not last:
                what = f"saved {len(saves)} times: this save ends {_when(save.end)} with {_n_events(save)} events"
                done = f"left out; kept the latest ({last.file} line {last.line}, {_n_events(last)} events)"
                faults.append(_fault(save, what, done))
    return [session for session in sessions if id(session) in kept]


def _as_run(session: OperantSession, faults: list[OperantFault]) -> OperantSession:
    """Return a session with the length it was run; adds a fault where that is not the declared one."""
    declared_s, end = session.duration_s, session.end
    if end is None:
        return session
    clock_s = (end - session.start).total_seconds()
    if declared_s is None:
        return replace(session, duration_s=clock_s)
    session = replace(session, declared_s=declared_s)
    if clock_s >= declared_s - _CLOCK_S:
        return session
    last_s = max((float(times[-1]) for times in session.events.values() if times.size), default=0.0)
    if last_s > clock_s + _CLOCK_S:
        what = f"events up to {last_s:g} s, start and end of the header are {clock_s:g} s apart"
        faults.append(_fault(session, what, f"kept the declared length of {declared_s:g} s; was the clock set?"))
        return session
    what = f"stopped {declared_s - clock_s:g} s before its declared length of {declared_s:g} s"
    faults.append(_fault(session, what, f"kept with the length it was run, {clock_s:g} s"))
    return replace(session, duration_s=clock_s)


def _is_stopped(session: OperantSession) -> bool:
    declared_s, ran_s = session.declared_s, session.duration_s
    return declared_s is not None and ran_s is not None and ran_s < declared_s


def _one_of_a_restart(sessions: Sequence[OperantSession], faults: list[OperantFault]) -> list[OperantSession]:
    """Return the longest session of a date on which a box was restarted; adds to `faults`."""
    dates: dict[tuple[object, ...], list[OperantSession]] = defaultdict(list)
    for session, day in zip(sessions, dates_by_program(sessions), strict=True):
        if session.subject not in _NOBODY:
            dates[session.subject, session.program, session.experiment, day].append(session)
    left_out: set[int] = set()
    for same in dates.values():
        longest = max(same, key=lambda session: (session.duration_s or 0.0, _n_events(session)))
        for session in same:
            if session is not longest and _is_stopped(session):
                left_out.add(id(session))
                what = f"restarted on {session.start:%Y-%m-%d}: this session ran {session.duration_s:g} s"
                kept = f"kept the longest of the date ({longest.file} line {longest.line}, {longest.duration_s:g} s)"
                faults.append(_fault(session, what, f"left out; {kept}"))
    return [session for session in sessions if id(session) not in left_out]


def _after_the_end(session: OperantSession) -> list[OperantFault]:
    """Return a fault for each kind of event with times after the end of the session."""
    if session.duration_s is None:
        return []
    clock_s = None if session.end is None else (session.end - session.start).total_seconds()
    # a program ends a session with the tick after its length
    limit_s = session.duration_s + (_CLOCK_S if session.duration_s == clock_s else session.tick_s + _ROUNDING_S)
    late = {name: int((t > limit_s).sum()) for name, t in session.events.items() if t.size and t[-1] > limit_s}
    return [
        _fault(session, f"{n} {name} after the end of the session at {session.duration_s:g} s", "kept as written")
        for name, n in late.items()
    ]


def _overlaps(sessions: Sequence[OperantSession]) -> list[OperantFault]:
    """Return a fault for each session that begins while its subject is still in another."""
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


def _n_events(session: OperantSession) -> int:
    return sum(times.size for times in session.events.values()) or sum(session.counts.values())


def _when(moment: datetime | None) -> str:
    return "at an unknown time" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def _fault(session: OperantSession, what: str, done: str) -> OperantFault:
    return OperantFault(file=session.file, line=session.line, subject=session.subject, what=what, done=done)
