"""What a draft is made of: settings, comments on them, and choices that files do not decide."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cuecircuit.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A setting that no file states: the likeliest value and why it is that."""

    path: str
    question: str
    likeliest: str
    why: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A comment above the setting at `path`; `is_open` where something is left for the reader to state."""

    path: str
    text: str
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a study file: nested settings, what was chosen on the way, and comments."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a person answered, by the path of the choice, and questions that the data could not carry, with why."""

    given: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)

    def of(self, choice: Choice) -> str:
        """Return the answer to a choice, or its likeliest value."""
        return self.given.get(choice.path, choice.likeliest)

    def number(self, choice: Choice) -> float:
        """Return the answer to a choice of a number.

        Raises:
            DataError: it is no number.
        """
        try:
            return float(self.of(choice))
        except ValueError as error:
            raise DataError(f"{choice.path}: found '{self.of(choice)}', expected a number") from error


def join_parts(parts: Iterable[Part]) -> Part:
    """Join parts in order; sections that several have are merged key by key."""
    settings: dict[str, Any] = {}
    choices: list[Choice] = []
    notes: list[Note] = []
    for part in parts:
        settings = _merged(settings, part.settings)
        choices += part.choices
        notes += part.notes
    return Part(settings=settings, choices=tuple(choices), notes=tuple(notes))


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(first)
    for key, value in second.items():
        is_section = isinstance(value, Mapping) and isinstance(both.get(key), Mapping)
        both[key] = _merged(both[key], value) if is_section else value
    return both
