"""Faults collected from many looks at a study's files, each said once and with its file."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cuecircuit.errors import CuecircuitError, DataError


def attempt(look: Callable[[], object]) -> Iterator[str]:
    """Yield the faults that a look at files raises; none where it finds none."""
    try:
        look()
    except CuecircuitError as error:
        notes = "; ".join(getattr(error, "__notes__", []))
        yield from (f"{fault} ({notes})" if notes else fault for fault in error.faults)


def shared_faults(faults: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield each fault once, with the first file that has it and the number of others.

    What is wrong with many files is most likely wrong in the study file.

    Args:
        faults: file and fault, with or without the name of the file in front.
    """
    where: dict[str, list[str]] = {}
    for file, fault in faults:
        where.setdefault(fault.removeprefix(f"{file}:"), []).append(file)
    for fault, files in where.items():
        others = f" and {len(files) - 1} other scan{'s' * (len(files) > 2)}" if len(files) > 1 else ""
        # a fault that begins with a line number follows its file without a space
        space = "" if re.match(r"\d+:", fault) and not others else " "
        yield f"{files[0]}{others}:{space}{fault.strip()}"


@contextmanager
def faults_named(file: Path, *, unless: Path | None = None) -> Iterator[None]:
    """Name in every fault of the work inside the file it is of: the mathematics does not know.

    Args:
        file: stands before a fault.
        unless: a file or folder; a fault that names it already stays as it is. The file itself where None.

    Raises:
        DataError: for any fault inside.
    """
    try:
        yield
    except CuecircuitError as error:
        name = str(unless or file)
        raise DataError(fault if name in fault else f"{file}: {fault}" for fault in error.faults) from error
