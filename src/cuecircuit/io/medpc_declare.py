"""A first declaration of a MED-PC program that nobody declared: its letters, sizes, and what its .MPC file says."""

from collections.abc import Sequence
from glob import escape
from pathlib import Path

from cuecircuit.errors import DataError
from cuecircuit.io.medpc_mpc import MpcProgram, find_mpc
from cuecircuit.io.medpc_program import Program, find_program
from cuecircuit.io.medpc_text import RawLetter, RawSession, parse_sessions


def skeletons(paths: Sequence[Path], *, programs: Sequence[Program], mpc: Sequence[MpcProgram] = ()) -> dict[str, str]:
    """A declaration to fill in for every program of the files that has none, by MSN.

    Raises:
        DataError: files that cannot be read as MED-PC, every one of them named.
    """
    found: dict[str, str] = {}
    errors: list[str] = []
    for path in paths:
        try:
            sessions = parse_sessions(path.read_bytes()).sessions
        except OSError as error:
            errors.append(f"{path}: cannot be read ({error.strerror})")
            continue
        except DataError as error:
            errors += [f"{path}: {fault}" for fault in error.faults]
            continue
        for raw in sessions:
            msn = raw.header.get("MSN", "")
            if find_program(msn, programs) is None and msn not in found:
                found[msn] = skeleton(raw, find_mpc(msn, mpc))
    if errors:
        raise DataError(errors)
    return found


def skeleton(raw: RawSession, mpc: MpcProgram | None = None) -> str:
    """A declaration that loads as it is, with every letter unknown, and what was seen of each in comments."""
    lines = [
        f"msn: [{_quoted(raw.header.get('MSN', ''))}]",
        "title: say what the program does",
        "source: say who told what the letters mean",
        "letters: {}  # take the braces away with the first letter declared",
        "  # found in the file: take a line, say what it is, and take its letter out of `unknown`",
    ]
    for letter, values in raw.letters.items():
        lines.append(f"  # {letter}: {_guessless(letter, values, mpc)}")
        if said := _said(letter, mpc):
            lines.append(f"  #    {said}")
    if mpc is not None and mpc.constants:
        lines.append("  # constants: " + ", ".join(f"^{name} = {value:g}" for name, value in mpc.constants.items()))
    return "\n".join([*lines, f"unknown: {''.join(sorted(raw.letters))}", ""])


def _guessless(letter: str, values: RawLetter, mpc: MpcProgram | None) -> str:
    """The shape of a declaration of a letter; what nobody stated is a question mark."""
    if not values.is_array:
        return f"{{kind: scalar, name: ?}}  # {values.text.strip()}"
    size = mpc.sizes.get(letter, values.size) if mpc else values.size
    first = " ".join(values.values()[:3])
    return f"{{kind: timestamps, event: ?, unit_s: ?, count: ?, size: {size}}}  # {values.size} values: {first} ..."


def _said(letter: str, mpc: MpcProgram | None) -> str:
    """What the program file says of a letter."""
    if mpc is None:
        return ""
    aliases = [f"{where} is {name!r}" for where, name in mpc.aliases.items() if where[0] == letter]
    label = [f"{mpc.name}.MPC: {mpc.labels[letter]}"] if letter in mpc.labels else []
    return "; ".join([*label, *aliases])


def _quoted(text: str) -> str:
    """Text as a YAML string in which shell patterns stand for themselves."""
    return "'" + escape(text).replace("'", "''") + "'"
