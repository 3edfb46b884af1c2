"""Bounds on what is read: a file that is one, of a size that its kind has, before memory or patience run out."""

import os
import stat
from pathlib import Path

from cuecircuit.errors import DataError

# tables of a study have tens of columns, one for every region perhaps hundreds
MOST_COLUMNS = 10_000
# of a sheet, empty ones between its first and its last included; an event log of a month has a tenth
MOST_CELLS = 5_000_000
MOST_BYTES_OF_TEXT = 5 * 10**7


def check_file(path: Path) -> None:
    """Refuse what is there and is no file: a pipe or a device may never end.

    A path at which there is nothing passes, for the reader's own message.

    Raises:
        DataError: a pipe, a device or a socket.
    """
    try:
        kind = os.stat(path).st_mode  # noqa: PTH116
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise DataError(f"{path}: a pipe, device or socket, expected a file; save what it gives in one")


def read_text(path: Path) -> str:
    """Read a text that somebody writes by hand, such as a study file, a declaration or a table of labels.

    Raises:
        DataError: no such file, not text in UTF-8, or far more than anybody writes.
    """
    check_file(path)
    try:
        if path.stat().st_size > MOST_BYTES_OF_TEXT:
            raise DataError(f"{path}: more than {MOST_BYTES_OF_TEXT // 10**6} MB, expected a text; is it another file?")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error}); save it in UTF-8") from error


def check_columns(path: Path, n_columns: int) -> None:
    """Refuse a header of more columns than any table has.

    Raises:
        DataError: it has more.
    """
    if n_columns > MOST_COLUMNS:
        raise DataError(
            f"{path}:1: {n_columns} columns, expected at most {MOST_COLUMNS}; is it on its side, or no table?"
        )
