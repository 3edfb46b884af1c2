"""One broken input: how it is made, the command that reads it, and what must be reported."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A command over a broken input; paths are relative to the folder that `make` fills.

    Attributes:
        kind: of input, such as "formula".
        name: what is broken.
        words: of the command.
        make: writes the input into a folder.
        says: regular expression of what has to be printed; for a refusal, the name of what is at fault.
        status: how the command may end; a fault of one log of many, or a statistic that cannot be judged, is reported
            and the command goes on.
    """

    kind: str
    name: str
    words: tuple[str, ...]
    says: str
    make: Callable[[Path], object]
    status: tuple[int, ...] = (1, 2)
