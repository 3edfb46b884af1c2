"""Sessions to MED-PC text, as MED-PC writes it: CRLF, values of width 12 to the right, rows of five."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cuecircuit.arrays import Array, Float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MedpcSession:
    """What one session writes; `scalars` and `arrays` by letter (an empty array is written as one zero)."""

    subject: str
    experiment: str
    group: str
    box: str
    msn: str
    start: datetime
    end: datetime
    scalars: Mapping[str, float | int]
    arrays: Mapping[str, Float[Array, "value"]]
    comment: str = field(default="")


def write_medpc(sessions: Sequence[MedpcSession], *, file: str = "", columns: int = 5, decimals: int = 3) -> str:
    """Return the text of one MED-PC file; write it as bytes or with `newline=""`, for its line ends are CRLF.

    Args:
        file: the name the `File:` line gives.
        columns: values in a row, 1-8.
        decimals: decimals of every value.
    """
    lines = [f"File: {file}"]
    for session in sessions:
        lines += ["", "", *_header(session)]
        lines += [f"{letter}:{value:12.{decimals}f}" for letter, value in sorted(session.scalars.items())]
        for letter, values in sorted(session.arrays.items()):
            lines += [f"{letter}:", *_rows(values.tolist() or [0.0], columns=columns, decimals=decimals)]
        lines += [f"\\{session.comment}"] if session.comment else []
    return "\r\n".join([*lines, ""])


def _header(session: MedpcSession) -> list[str]:
    return [
        f"Start Date: {session.start:%m/%d/%y}",
        f"End Date: {session.end:%m/%d/%y}",
        f"Subject: {session.subject}",
        f"Experiment: {session.experiment}",
        f"Group: {session.group}",
        f"Box: {session.box}",
        f"Start Time: {session.start:%H:%M:%S}",
        f"End Time: {session.end:%H:%M:%S}",
        f"MSN: {session.msn}",
    ]


def _rows(values: Sequence[float], *, columns: int, decimals: int) -> Iterator[str]:
    for first in range(0, len(values), columns):
        cells = "".join(f" {value:12.{decimals}f}" for value in values[first : first + columns])
        yield f"{first:6d}:{cells}"
