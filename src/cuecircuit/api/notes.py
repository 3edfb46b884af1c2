"""What a result says besides its numbers, as Python warnings."""

import warnings
from collections.abc import Sequence

_MOST = 8


def warn(notes: Sequence[str]) -> None:
    """Warn of each note; of many, of the first, and say how many there are."""
    more = [f"{len(notes) - _MOST} more in the result's `notes`"] if len(notes) > _MOST else []
    for note in (*notes[:_MOST], *more):
        warnings.warn(note.removeprefix("warning: "), UserWarning, stacklevel=4)
