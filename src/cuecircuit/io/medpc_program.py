"""What the letters of a MED-PC program mean: one small YAML file per program, declared and never guessed.

A declaration names its programs (`msn`, shell patterns), where its facts come from (`source`), and for every letter one
kind: `scalar`, `timestamps`, `bins`, `coded` (time and event code in one number), `times` with `codes` beside them, or
`trials` (one value per trial). Letters whose meaning nobody stated are listed under `unknown` and stay text. Counters
without time stamps are listed under `counts`, other numbers of a session under `values`; both may be an element of an
array, `C(10)`. `parts` are several sessions that one record holds.
"""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from cuecircuit.errors import DataError
from cuecircuit.io.declared import parse_declared, read_declared
from cuecircuit.io.medpc_mpc import MpcProgram, read_mpc

Letter = Annotated[str, StringConstraints(pattern=r"^[A-Z]$")]
# a scalar, or one element of an array, whose number may be another less one: F(I-1) is the last of I
_ELEMENT = r"[A-Z](?:\((?:[0-9]{1,7}|[A-Z](?:\([0-9]{1,7}\))?(?:-1)?)\))?"
Code = Annotated[str, StringConstraints(pattern=r"^[0-9]+$")]
Seconds = Annotated[float, Field(gt=0)]
DateOrder = Literal["mdy", "dmy", "ymd"]
_CONDITION = re.compile(rf"({_ELEMENT}) *(>=|<=|==) *(-?[0-9]+(?:\.[0-9]+)?)")
_LETTERS = re.compile(r"[A-Z]")
_COUNTED_EVENTS = ("active", "inactive", "infusion")


def _element(text: str) -> str:
    if re.fullmatch(_ELEMENT, text) is None:
        raise ValueError(f"{text!r} is no letter and no element of an array; write such as A, C(10), F(I-1) or C(A(3))")
    return text


Element = Annotated[str, AfterValidator(_element)]
# "all": the program writes exactly as many elements as there were events
Count = Literal["all"] | Element


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Scalar(_Declared):
    """One number; `unit_s` where it is a time."""

    kind: Literal["scalar"]
    name: str
    unit_s: Seconds | None = None


class _Events(_Declared):
    """An array of events; after the first `count` of them, or from `end_marker` on, it holds padding.

    `relative`: elements are times since the element before. Where it is left out, an array whose times fall again and
    again is refused. Of interleaved rows, `every` is the number of elements in one and `offset` the place of the time.
    """

    unit_s: Seconds
    count: Count | None = None
    end_marker: float | None = None
    size: int | None = Field(default=None, description="number of elements the program always writes (DIM + 1)")
    relative: bool | None = None
    every: int = Field(default=1, ge=1)
    offset: int = Field(default=0, ge=0)


class _Ended(_Events):
    """An array whose padding cannot be told from events at 0 s: its end must be declared."""

    @model_validator(mode="after")
    def _has_an_end(self) -> "_Ended":
        if self.count is None and self.end_marker is None:
            raise ValueError("give count or end_marker: padding zeros cannot be told from events at 0 s")
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
    every: int = Field(default=1, ge=1, description="elements in a row, where several counts are interleaved")
    offset: int = Field(default=0, ge=0)


class Coded(_Events):
    """Time and event code in one number; without a count or end marker, an element with code 0 is no event.

    `place` says where the code is: in the first `digits` decimals, in the last `digits` digits before the point, or in
    front of the `digits` digits before the point that carry the time.
    """

    kind: Literal["coded"]
    place: Literal["decimals", "last", "leading"]
    digits: int = Field(ge=1, le=9)
    events: dict[Code, str] = Field(default_factory=dict)
    counts: dict[Code, Element] = Field(default_factory=dict, description="elements that count one code each")
    unknown_codes: tuple[Code, ...] = Field(default=(), description="codes that occur and whose meaning nobody stated")

    @model_validator(mode="after")
    def _codes_have_their_digits(self) -> "Coded":
        codes = [] if self.place == "leading" else [*self.events, *self.counts, *self.unknown_codes]
        if odd := [code for code in codes if len(code) != self.digits]:
            raise ValueError(f"code {odd[0]} has {len(odd[0])} digits, `digits` says {self.digits}; write every digit")
        return self


class Times(_Ended):
    """Times of events whose codes stand in the array `codes`."""

    kind: Literal["times"]
    codes: Letter
    events: dict[Code, str] = Field(default_factory=dict)
    counts: dict[Code, Element] = Field(default_factory=dict)
    unknown_codes: tuple[Code, ...] = ()


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


class Value(_Declared):
    """A number of the session, of one element: `scale` makes it the unit that its name states."""

    at: Element
    scale: float = 1.0


class Length(_Declared):
    """The length of the session."""

    at: Element
    unit_s: Seconds


class Part(_Declared):
    """One of the sessions that a record holds: it follows the part before, or begins `start_s` after the record.

    `experiment` stands for the header field in its session. `run` says when the part was run, such as "Q >= 3".
    """

    experiment: str
    counts: dict[str, Element] = Field(default_factory=dict)
    start_s: float | None = Field(default=None, ge=0)
    duration_s: Seconds | None = None
    run: str | None = Field(default=None, pattern=rf"^{_CONDITION.pattern}$")

    @cached_property
    def condition(self) -> tuple[str, str, float] | None:
        """Element, comparison and number of `run`."""
        match = _CONDITION.fullmatch(self.run) if self.run else None
        return None if match is None else (match[1], match[2], float(match[3]))


class Program(_Declared):
    """One declaration; `dates` is the order of dates with slashes or dashes (dotted dates are day first)."""

    msn: tuple[str, ...] = Field(min_length=1)
    title: str
    source: str
    letters: dict[Letter, Meaning]
    unknown: str = Field(default="", pattern=r"^[A-Z]*$")
    session_length: Element | Length | None = None
    timeout_s: Seconds | None = None
    counts: dict[str, Element] = Field(default_factory=dict, description="counters of events, time stamps or not")
    values: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")], Element | Value] = Field(
        default_factory=dict, description="other numbers of a session: weight_g, dose_mg_kg, ratio ..."
    )
    parts: tuple[Part, ...] = ()
    dates: DateOrder = "mdy"
    invariants: tuple[Annotated[Subset | MinimumInterval, Field(discriminator="rule")], ...] = ()
    labels: dict[Letter, str] = Field(default_factory=dict, description="labels of a GEToperant profile by letter")
    unknown_labels: tuple[str, ...] = ()
    mpc: str | None = Field(default=None, description="the program's .MPC file, beside the declaration")

    @model_validator(mode="after")
    def _letters_agree(self) -> "Program":
        for place, element in self._counters():
            if "(" not in element and not isinstance(self.letters.get(element), Scalar):
                raise ValueError(f"{place}: letter {element} is not declared as kind: scalar")
        for letter, meaning in self.letters.items():
            if isinstance(meaning, Times) and not isinstance(self.letters.get(meaning.codes), Codes):
                raise ValueError(f"codes of {letter}: letter {meaning.codes} is not declared as kind: codes")
        absent = sorted(self.labels.keys() - self.letters.keys())
        if absent:
            raise ValueError(f"labels: letter {', '.join(absent)} has no meaning above")
        twice = sorted(set(self.unknown) & self.letters.keys())
        if twice:
            raise ValueError(f"unknown: {', '.join(twice)} has a meaning above")
        length = self.session_length
        if isinstance(length, str) and "(" not in length and self.letters[length].unit_s is None:  # pyright: ignore[reportAttributeAccessIssue]
            raise ValueError(f"session_length: letter {length} needs unit_s")
        return self

    def _counters(self) -> Iterator[tuple[str, str]]:
        """Yield the elements that letters are counted by, and the length; each with the place that names it."""
        if isinstance(self.session_length, str):
            yield "session_length", self.session_length
        for letter, meaning in self.letters.items():
            count = getattr(meaning, "count", None)
            if count not in (None, "all"):
                yield f"count of {letter}", count
            for scalar in getattr(meaning, "counts", {}).values():
                yield f"counts of {letter}", scalar

    @cached_property
    def totals(self) -> dict[str, str]:
        """The element that counts each event: under `counts`, or a scalar that has exactly the name of an event."""
        named = {m.name: letter for letter, m in self.letters.items() if isinstance(m, Scalar) and m.unit_s is None}
        return {name: letter for name, letter in named.items() if name in _COUNTED_EVENTS} | self.counts

    @cached_property
    def referenced(self) -> frozenset[str]:
        """The letters that the declaration uses."""
        elements = [element for _, element in self._counters()]
        elements += [*self.counts.values(), *(v if isinstance(v, str) else v.at for v in self.values.values())]
        elements += [self.session_length.at] if isinstance(self.session_length, Length) else []
        for part in self.parts:
            elements += [*part.counts.values(), *([part.condition[0]] if part.condition else [])]
        return frozenset({*self.letters, *(letter for element in elements for letter in _LETTERS.findall(element))})


def load_programs(folder: Path | None = None) -> tuple[Program, ...]:
    """Return the declarations of `folder`, then the ones shipped.

    Raises:
        DataError: the folder is missing or holds none, or a declaration is at fault (file, key, what was expected).
    """
    of_folder: list[Program] = []
    if folder is not None:
        paths = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
        if not paths:
            raise DataError(
                f"{folder}: no program declarations here; expected a folder of .yaml files, one per program"
            )
        of_folder = [_with_mpc(read_declared(path, Program), path) for path in paths]
    return (*of_folder, *_shipped())


def _with_mpc(program: Program, path: Path) -> Program:
    """Return a declaration checked against the program file it names, which lies beside it."""
    if program.mpc is None:
        return program
    try:
        return checked_by(program, read_mpc(path.parent / program.mpc)[0])
    except DataError as error:
        raise DataError(f"{path}: mpc: {fault}" for fault in error.faults) from error


def find_program(msn: str, programs: Sequence[Program]) -> Program | None:
    """Return the first declaration one of whose patterns fits."""
    return next((p for p in programs if any(fnmatchcase(msn.upper(), pattern.upper()) for pattern in p.msn)), None)


def checked_by(program: Program, mpc: MpcProgram) -> Program:
    """Return a declaration with the array sizes its program file states.

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
    return tuple(parse_declared(text, Program, name=name) for name, text in texts)
