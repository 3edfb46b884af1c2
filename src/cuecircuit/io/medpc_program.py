"""What the letters of a MED-PC program mean: one small YAML file per program, declared and never guessed.

A declaration names its programs (`msn`, shell patterns), where its facts come from (`source`), and for every letter one
kind: `scalar`, `timestamps`, `bins`, `coded` (time and event code in one number), `times` with `codes` beside them, or
`trials` (one value per trial). Letters whose meaning nobody stated are listed under `unknown` and stay text.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from cuecircuit.errors import DataError
from cuecircuit.io.medpc_mpc import MpcProgram, read_mpc
from cuecircuit.io.unique_keys import load_unique

Letter = Annotated[str, StringConstraints(pattern=r"^[A-Z]$")]
Code = Annotated[str, StringConstraints(pattern=r"^[0-9]+$")]
Seconds = Annotated[float, Field(gt=0)]
# "all": the program writes exactly as many elements as there were events
Count = Letter | Literal["all"]


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Scalar(_Declared):
    """One number; `unit_s` where it is a time."""

    kind: Literal["scalar"]
    name: str
    unit_s: Seconds | None = None


class _Events(_Declared):
    """An array of events; after the first `count` of them, or from `end_marker` on, it holds padding."""

    unit_s: Seconds
    count: Count | None = None
    end_marker: float | None = None
    size: int | None = Field(default=None, description="number of elements the program always writes (DIM + 1)")


class _Ended(_Events):
    """An array whose padding cannot be told from events at 0 s: its end must be declared."""

    @model_validator(mode="after")
    def _has_an_end(self) -> "_Ended":
        if (self.count is None) == (self.end_marker is None):
            raise ValueError("give either count or end_marker: padding zeros cannot be told from events at 0 s")
        return self


class Timestamps(_Ended):
    """The times of one kind of event."""

    kind: Literal["timestamps"]
    event: str


class Bins(_Declared):
    """Counts of one kind of event per stretch of time; element 0 may be their total."""

    kind: Literal["bins"]
    event: str
    width_s: Seconds
    total_first: bool = False


class Coded(_Events):
    """Time and event code in one number; without a count or end marker, an element with code 0 is no event.

    `place` says where the code is: in the last `digits` decimals, in the last `digits` digits before the point, or in
    front of the `digits` digits before the point that carry the time.
    """

    kind: Literal["coded"]
    place: Literal["decimals", "last", "leading"]
    digits: int = Field(ge=1, le=9)
    events: dict[Code, str] = Field(default_factory=dict)
    counts: dict[Code, Letter] = Field(default_factory=dict, description="scalars that count one code each")


class Times(_Ended):
    """Times of events whose codes stand in the array `codes`."""

    kind: Literal["times"]
    codes: Letter
    events: dict[Code, str] = Field(default_factory=dict)
    counts: dict[Code, Letter] = Field(default_factory=dict)


class Codes(_Declared):
    """The codes that belong to an array of `times`."""

    kind: Literal["codes"]


class Trials(_Declared):
    """One value per trial; not a list of event times."""

    kind: Literal["trials"]
    name: str
    count: Count


Meaning = Annotated[Scalar | Timestamps | Bins | Coded | Times | Codes | Trials, Field(discriminator="kind")]


class Subset(_Declared):
    """Every time of `event` is also a time of `of`."""

    rule: Literal["subset"]
    event: str
    of: str


class MinimumInterval(_Declared):
    """Two of `event` are never closer than this: the time-out."""

    rule: Literal["minimum_interval"]
    event: str
    seconds: Seconds


class Program(_Declared):
    """One declaration."""

    msn: tuple[str, ...] = Field(min_length=1)
    title: str
    source: str
    letters: dict[Letter, Meaning]
    unknown: str = Field(default="", pattern=r"^[A-Z]*$")
    session_length: Letter | None = None
    timeout_s: Seconds | None = None
    invariants: tuple[Annotated[Subset | MinimumInterval, Field(discriminator="rule")], ...] = ()
    labels: dict[Letter, str] = Field(default_factory=dict, description="labels of a GEToperant profile by letter")
    unknown_labels: tuple[str, ...] = ()
    mpc: str | None = Field(default=None, description="the program's .MPC file, beside the declaration")

    @model_validator(mode="after")
    def _letters_agree(self) -> "Program":
        wanted: list[tuple[str, str]] = [("session_length", self.session_length)] if self.session_length else []
        for letter, meaning in self.letters.items():
            count = getattr(meaning, "count", None)
            wanted += [(f"count of {letter}", count)] if count not in (None, "all") else []
            wanted += [(f"counts of {letter}", scalar) for scalar in getattr(meaning, "counts", {}).values()]
            if isinstance(meaning, Times) and not isinstance(self.letters.get(meaning.codes), Codes):
                raise ValueError(f"codes of {letter}: letter {meaning.codes} is not declared as kind: codes")
        for place, letter in wanted:
            if not isinstance(self.letters.get(letter), Scalar):
                raise ValueError(f"{place}: letter {letter} is not declared as kind: scalar")
        absent = sorted(self.labels.keys() - self.letters.keys())
        if absent:
            raise ValueError(f"labels: letter {', '.join(absent)} has no meaning above")
        twice = sorted(set(self.unknown) & self.letters.keys())
        if twice:
            raise ValueError(f"unknown: {', '.join(twice)} has a meaning above")
        if self.session_length and self.letters[self.session_length].unit_s is None:  # pyright: ignore[reportAttributeAccessIssue]
            raise ValueError(f"session_length: letter {self.session_length} needs unit_s")
        return self


def load_programs(folder: Path | None = None) -> tuple[Program, ...]:
    """The declarations of `folder`, then the ones shipped.

    Raises:
        DataError: the folder is missing or holds none, or a declaration is at fault (file, key, what was expected).
    """
    own: list[Program] = []
    if folder is not None:
        paths = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
        if not paths:
            raise DataError(
                f"{folder}: no program declarations here; expected a folder of .yaml files, one per program"
            )
        own = [_with_mpc(parse_program(_text(path), name=str(path)), path) for path in paths]
    return (*own, *_shipped())


def _with_mpc(program: Program, path: Path) -> Program:
    """A declaration checked against the program file it names, which lies beside it."""
    if program.mpc is None:
        return program
    try:
        return checked_by(program, read_mpc(path.parent / program.mpc)[0])
    except DataError as error:
        raise DataError(f"{path}: mpc: {fault}" for fault in error.faults) from error


def parse_program(text: str, *, name: str) -> Program:
    """Read one declaration; `name` says in errors which.

    Raises:
        DataError: not YAML, or not a declaration; one line per fault.
    """
    try:
        content = load_unique(text)
    except yaml.YAMLError as error:
        raise DataError(f"{name}: not valid YAML ({' '.join(str(error).split())})") from error
    try:
        return Program.model_validate(content)
    except ValidationError as error:
        raise DataError(
            f"{name}: {'.'.join(map(str, fault['loc'])) or 'program'}: {fault['msg']}" for fault in error.errors()
        ) from error


def find_program(msn: str, programs: Sequence[Program]) -> Program | None:
    """The first declaration one of whose patterns fits."""
    return next((p for p in programs if any(fnmatchcase(msn.upper(), pattern.upper()) for pattern in p.msn)), None)


def checked_by(program: Program, mpc: MpcProgram) -> Program:
    """A declaration with the array sizes its program file states.

    Raises:
        DataError: the two disagree: a letter that is no array in the one and one in the other, a size, or a letter
            that the program does not write.
    """
    faults: list[str] = []
    letters = dict(program.letters)
    for letter, meaning in program.letters.items():
        size = mpc.sizes.get(letter)
        if mpc.written is not None and letter not in mpc.written:
            faults.append(f"letter {letter} is declared, but not among the program's DISKVARS")
        if isinstance(meaning, Scalar) and size is not None:
            faults.append(f"letter {letter} is declared as a scalar; the program makes it an array of {size} elements")
        if not isinstance(meaning, Scalar) and size is None:
            faults.append(f"letter {letter} is declared as an array; the program has no DIM or LIST for it")
        if isinstance(meaning, Timestamps | Coded | Times) and size is not None:
            if meaning.size not in (None, size):
                faults.append(f"letter {letter} is declared with size {meaning.size}; DIM gives {size} elements")
            if meaning.end_marker is None and meaning.count != "all":
                # an array that ends by a marker or a seal may be written short
                letters[letter] = meaning.model_copy(update={"size": size})
    if faults:
        raise DataError(f"{program.title!r} against {mpc.name}.MPC: {fault}" for fault in faults)
    return program.model_copy(update={"letters": letters})


@cache
def _shipped() -> tuple[Program, ...]:
    files = sorted((resources.files("cuecircuit.io") / "programs").iterdir(), key=lambda f: f.name)
    texts = [(f.name, f.read_text(encoding="utf-8")) for f in files if f.name.endswith(".yaml")]
    return tuple(parse_program(text, name=name) for name, text in texts)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
