"""Event codes that a declaration names and that occur in no session of the program: its digits may be counted wrong."""

from collections.abc import Sequence

from cuecircuit.io.medpc_program import Coded, Program, Times, find_program
from cuecircuit.records.operant import OperantFault, OperantSession


def silent_codes(sessions: Sequence[OperantSession], programs: Sequence[Program]) -> tuple[OperantFault, ...]:
    """Return one fault for each program whose declared codes never occur in the sessions read."""
    by_program: dict[str, list[OperantSession]] = {}
    for session in sessions:
        by_program.setdefault(session.program, []).append(session)
    faults: list[OperantFault] = []
    for msn, own in by_program.items():
        program = find_program(msn, programs)
        silent = [] if program is None else [name for name in _named(program) if _never(name[1], own)]
        if silent:
            names = ", ".join(f"{code} ({event})" for code, event in silent)
            what = f"declared codes that never occur in the sessions of program {msn!r}: {names}"
            done = "nothing; see whether `place`, `digits` and the codes are right"
            faults.append(OperantFault(file=own[0].file, line=own[0].line, subject="", what=what, done=done))
    return tuple(faults)


def _named(program: Program) -> list[tuple[str, str]]:
    """Code and event of every code that the program names."""
    coded = [meaning for meaning in program.letters.values() if isinstance(meaning, Coded | Times)]
    return [item for meaning in coded for item in meaning.events.items()]


def _never(event: str, sessions: Sequence[OperantSession]) -> bool:
    """Return whether an event is known to the sessions and has no time in any."""
    known = [session.events[event] for session in sessions if event in session.events]
    return bool(known) and not any(times.size for times in known)
