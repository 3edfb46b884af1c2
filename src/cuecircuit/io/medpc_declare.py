"""A first declaration of a MED-PC program that nobody declared: its letters, sizes, and what its .MPC file says."""

import re
from collections.abc import Sequence
from glob import escape
from pathlib import Path

from cuecircuit.errors import DataError
from cuecircuit.io.bounded import check_file
from cuecircuit.io.medpc_mpc import MpcProgram, find_mpc
from cuecircuit.io.medpc_program import Program, find_program
from cuecircuit.io.medpc_text import RawLetter, RawSession, parse_sessions

_LEVER = r"(lever|lev|nose|poke|nosepoke)?_?(presses|press|pokes|responses|count)"
# names that say by themselves which event is counted
_COUNTERS = {
    "infusion": re.compile(r"(total_|number_of_|num_)?(infusions?|rewards?)(_earned)?"),
    "active": re.compile(rf"(total_|number_of_|num_)?active_?{_LEVER}?"),
    "inactive": re.compile(rf"(total_|number_of_|num_)?inactive_?{_LEVER}?"),
}


def skeletons(paths: Sequence[Path], *, programs: Sequence[Program], mpc: Sequence[MpcProgram] = ()) -> dict[str, str]:
    """Return a declaration to fill in for every program of the files that has none, by MSN.

    Raises:
        DataError: files that cannot be read as MED-PC, every one of them named.
    """
    drafts: dict[str, str] = {}
    errors: list[str] = []
    for path in paths:
        try:
            check_file(path)
            sessions = parse_sessions(path.read_bytes()).sessions
        except OSError as error:
            errors.append(f"{path}: cannot be read ({error.strerror})")
            continue
        except DataError as error:
            errors += [f"{path}: {fault}" for fault in error.faults]
            continue
        for raw in sessions:
            msn = raw.header.get("MSN", "")
            if find_program(msn, programs) is None and msn not in drafts:
                drafts[msn] = skeleton(raw, find_mpc(msn, mpc))
    DataError.raise_any(errors)
    return drafts


def skeleton(raw: RawSession, mpc: MpcProgram | None = None) -> str:
    """Return a declaration that loads as it is, with every letter unknown, and what was seen of each in comments.

    Numbers that the program file names, by VAR_ALIAS or a comment, become lines under `counts` and `values`.
    """
    lines = [
        f"msn: [{_quoted(raw.header.get('MSN', ''))}]",
        "title: say what the program does",
        "source: say who told what the letters mean",
        *_named_numbers(raw, mpc),
        "letters: {}  # take the braces away with the first letter declared",
        "  # found in the file: take a line, say what it is, and take its letter out of `unknown`",
    ]
    for letter, values in raw.letters.items():
        lines.append(f"  # {letter}: {_guessless(letter, values, mpc)}")
        if remark := _remark(letter, mpc):
            lines.append(f"  #    {remark}")
    if mpc is not None and mpc.constants:
        lines.append("  # constants: " + ", ".join(f"^{name} = {value:g}" for name, value in mpc.constants.items()))
    return "\n".join([*lines, f"unknown: {''.join(sorted(raw.letters))}", ""])


def _named_numbers(raw: RawSession, mpc: MpcProgram | None) -> list[str]:
    """Lines for the scalars and elements that the program file names and the file holds."""
    if mpc is None:
        return []
    named = {at: name for at, name in {**mpc.labels, **mpc.aliases}.items() if _is_number(raw, at)}
    counts: dict[str, str] = {}
    values: dict[str, str] = {}
    for at, name in sorted(named.items()):
        slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        event = next((event for event, pattern in _COUNTERS.items() if pattern.fullmatch(slug)), None)
        if event is not None and event not in counts:
            counts[event] = at
        else:
            # a name of its own, which no column of the tables has
            values[f"{slug if slug[:1].isalpha() else 'n'}_{re.sub(r'[()]', '', at.lower())}"] = at
    return [
        f"{key}:  # as the program file names them\n" + "\n".join(f"  {name}: {at}" for name, at in names.items())
        for key, names in (("counts", counts), ("values", values))
        if names
    ]


def _is_number(raw: RawSession, at: str) -> bool:
    """Return whether a letter is a scalar, or an array that has the element."""
    letter = raw.letters.get(at[0])
    if letter is None:
        return False
    return int(at[2:-1]) < letter.size if len(at) > 1 else not letter.is_array


def _guessless(letter: str, values: RawLetter, mpc: MpcProgram | None) -> str:
    """Return the shape of a declaration of a letter; what nobody stated is a question mark."""
    if not values.is_array:
        return f"{{kind: scalar, name: ?}}  # {values.text.strip()}"
    size = mpc.sizes.get(letter, values.size) if mpc else values.size
    first = " ".join(values.values()[:3])
    return f"{{kind: timestamps, event: ?, unit_s: ?, count: ?, size: {size}}}  # {values.size} values: {first} ..."


def _remark(letter: str, mpc: MpcProgram | None) -> str:
    """Return what the program file says of a letter."""
    if mpc is None:
        return ""
    aliases = [f"{where} is {name!r}" for where, name in mpc.aliases.items() if where[0] == letter]
    label = [f"{mpc.name}.MPC: {mpc.labels[letter]}"] if letter in mpc.labels else []
    return "; ".join([*label, *aliases])


def _quoted(text: str) -> str:
    """Text as a YAML string in which shell patterns stand for themselves."""
    return "'" + escape(text).replace("'", "''") + "'"
