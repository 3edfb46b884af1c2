"""MED-PC program files (.MPC): what the letters are called and how long their arrays are.

Read are `DIM C = 9999` (elements 0 to 9999), `LIST D = 1, 2, 3`, `VAR_ALIAS Name = A(5)` or `A(^Name)`, `^Name = 3`,
`DISKVARS = A, B` (the letters written to file; all where it is not there), and comments that say what a letter is, such
as `\\ A = active presses` or `DIM C = 9999 \\ press times`. Nothing is taken from the state sets.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cuecircuit.errors import DataError
from cuecircuit.io.bounded import check_file

_DIM = re.compile(r"DIM\s+([A-Z])\s*=\s*([0-9]{1,7})\b", re.IGNORECASE)
_LIST = re.compile(r"LIST\s+([A-Z])\s*=\s*(.+)", re.IGNORECASE)
_ALIAS = re.compile(r"VAR_ALIAS\s+(.+?)\s*=\s*([A-Z])(?:\s*\(\s*([0-9]{1,7}|\^\w+)\s*\))?\s*$", re.IGNORECASE)
_CONSTANT = re.compile(r"\^(\w+)\s*=\s*([-+]?[0-9]*\.?[0-9]+)")
_DISKVARS = re.compile(r"DISKVARS\s*=\s*(.+)", re.IGNORECASE)
_LABEL = re.compile(
    r"\s*(?:DIM\s+)?([A-Z])\s*(?:\(\s*([A-Z0-9]{0,7})\s*\))?\s*(?:=|:|--?(?=\s))\s*(\S.*)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MpcProgram:
    """What a program file says; `sizes` counts elements (DIM + 1), `written` is None where all letters are written.

    `labels` and `aliases` are by letter or element, `C(0)`.
    """

    name: str
    labels: Mapping[str, str]
    sizes: Mapping[str, int]
    aliases: Mapping[str, str]
    constants: Mapping[str, float]
    written: frozenset[str] | None


def read_mpc(path: Path) -> tuple[MpcProgram, ...]:
    """Read a program file, or every .MPC file of a folder.

    Raises:
        DataError: no such file or folder, or none in it.
    """
    files = sorted(p for p in path.iterdir() if p.suffix.lower() == ".mpc") if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: no .MPC files here; give a program file or a folder of them")
    for file in files:
        check_file(file)
    try:
        # comments may be in any code page; what is read of them is shown, never computed with
        return tuple(parse_mpc(file.read_bytes().decode("latin-1"), name=file.stem) for file in files)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); give a program file or a folder of them"
        ) from error


def parse_mpc(text: str, *, name: str) -> MpcProgram:
    """Read a program; `name` is what the file is called, which is the MSN of its sessions."""
    labels: dict[str, str] = {}
    sizes: dict[str, int] = {}
    named: list[tuple[str, str, str]] = []
    constants: dict[str, float] = {}
    written: set[str] | None = None
    for line in text.splitlines():
        code, _, comment = line.partition("\\")
        code = code.strip()
        if match := _DIM.match(code):
            sizes[match[1].upper()] = int(match[2]) + 1
            if comment.strip():
                labels.setdefault(match[1].upper(), comment.strip())
        elif match := _LIST.match(code):
            sizes[match[1].upper()] = len(match[2].split(","))
        elif match := _ALIAS.match(code):
            named.append(
                (match[1], match[2].upper(), f"({match[3]})" if match[3] and match[3].isdigit() else match[3] or "")
            )
        elif match := _DISKVARS.match(code):
            written = (written or set()) | set(re.findall(r"\b[A-Z]\b", match[1].upper()))
        elif match := _CONSTANT.match(code):
            constants[match[1]] = float(match[2])
        elif not code and (match := _LABEL.match(comment.lstrip("\\* "))):
            element = f"({int(match[2])})" if match[2] and match[2].isdigit() else ""
            labels.setdefault(match[1].upper() + element, match[3].strip())
    # a constant may be stated under the alias that it is the place of
    places = {f"^{constant.lower()}": f"({value:.0f})" for constant, value in constants.items() if value >= 0}
    aliases = {
        letter + places.get(place.lower(), place): alias
        for alias, letter, place in named
        if place.lower() in places or "^" not in place
    }
    return MpcProgram(
        name=name,
        labels=labels,
        sizes=sizes,
        aliases=aliases,
        constants=constants,
        written=None if written is None else frozenset(written),
    )


def find_mpc(msn: str, programs: Sequence[MpcProgram]) -> MpcProgram | None:
    """Return the program file of an MSN: the one of that name."""
    return next((program for program in programs if program.name.upper() == msn.strip().upper()), None)
