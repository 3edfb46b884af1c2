"""What can be wrong outside the program, in three kinds; each carries every fault found, one line apiece."""

from collections.abc import Iterable


class CuecircuitError(Exception):
    """Something the user can mend; `faults` has one line for each thing wrong."""

    def __init__(self, faults: str | Iterable[str]) -> None:
        """Keep the faults in the order found."""
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class StudyError(CuecircuitError):
    """The study file is at fault: a key, a value, or what it says against what is there."""


class DesignError(CuecircuitError):
    """The design cannot carry the test: aliased factors, too few subjects, a covariate that is a group."""


class DataError(CuecircuitError):
    """A data file is at fault: missing, cut off, on another grid, or not what its name says."""
