"""What a declaration promises and no session of the program has: codes that never occur, or anything at all."""

from collections.abc import Iterator, Sequence

from cuecircuit.io.medpc_program import Coded, Program, Times, find_program
from cuecircuit.records.operant import OperantFault, OperantSession


def unmet_declarations(sessions: Sequence[OperantSession], programs: Sequence[Program]) -> tuple[OperantFault, ...]:
    """Return a fault for each program whose declared codes never occur, or from which nothing is read."""
    by_program: dict[str, list[OperantSession]] = {}
    for session in sessions:
        by_program.setdefault(session.program, []).append(session)
    faults: list[OperantFault] = []
    for msn, group in by_program.items():
        if program := find_program(msn, programs):
            faults += [
                OperantFault(file=group[0].file, line=group[0].line, subject="", what=what, done=done)
                for what, done in (*_silent(msn, program, group), *_empty(msn, group))
            ]
    return tuple(faults)


def _silent(msn: str, program: Program, sessions: Sequence[OperantSession]) -> Iterator[tuple[str, str]]:
    if silent := [f"{code} ({event})" for code, event in _named(program) if _never(event, sessions)]:
        what = f"declared codes that never occur in the sessions of program {msn!r}: {', '.join(silent)}"
        yield what, "nothing; see whether `place`, `digits` and the codes are right"


def _empty(msn: str, sessions: Sequence[OperantSession]) -> Iterator[tuple[str, str]]:
    if not any(session.events or session.counts or session.bins or session.values for session in sessions):
        what = f"the declaration of program {msn!r} reads no event, count or other number from its sessions"
        yield what, "kept with their times alone; declare arrays of events, `counts`, `values` or `parts`"


def _named(program: Program) -> list[tuple[str, str]]:
    """Code and event of every code that the program names."""
    coded = [meaning for meaning in program.letters.values() if isinstance(meaning, Coded | Times)]
    return [item for meaning in coded for item in meaning.events.items()]


def _never(event: str, sessions: Sequence[OperantSession]) -> bool:
    """Return whether an event is known to the sessions and has no time in any."""
    logged = [session.events[event] for session in sessions if event in session.events]
    return bool(logged) and not any(times.size for times in logged)
