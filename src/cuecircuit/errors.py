"""What can be wrong outside the program, in three kinds; each carries every fault found, one line apiece."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

_NUMBERS = re.compile(r"[0-9][0-9.:/-]*")
_KINDS = 50  # more kinds than anybody reads: what is left is counted


class CuecircuitError(Exception):
    """Something the user can fix; `faults` has one line for each thing wrong."""

    def __init__(self, faults: str | Iterable[str]) -> None:
        """Keep the faults in the order found."""
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))

    @classmethod
    def raise_any(cls, faults: Iterable[str]) -> None:
        """Raise one error of all faults; go on where there are none."""
        if lines := tuple(faults):
            raise cls(lines)


class StudyError(CuecircuitError):
    """The study file is at fault: a key, a value, or what it says against what is there."""


class DesignError(CuecircuitError):
    """The design cannot carry the test: aliased factors, too few subjects, a covariate that is a group."""


class DataError(CuecircuitError):
    """A data file is at fault: missing, cut off, on another grid, or not what its name says."""


def one_of_each_kind(faults: Sequence[str], kinds: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the first of the faults that differ in numbers alone, with how many more are like it.

    Args:
        faults: one line each.
        kinds: the part of each that says its kind, without the place; the whole line where it is left out.
    """
    alike: dict[str, list[str]] = defaultdict(list)
    for fault, kind in zip(faults, faults if kinds is None else kinds, strict=True):
        alike[_NUMBERS.sub("0", kind)].append(fault)
    lines = [f"{same[0]}; {len(same) - 1} more like it" if len(same) > 1 else same[0] for same in alike.values()]
    rest = sum(map(len, list(alike.values())[_KINDS:]))
    return (*lines[:_KINDS], *([f"and {rest} faults of other kinds"] if rest else []))
