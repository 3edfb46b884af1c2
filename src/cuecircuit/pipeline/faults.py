"""Faults collected from many looks at a study's files, and said with the line of the setting that each names."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cuecircuit.errors import CuecircuitError, DataError, StudyError
from cuecircuit.pipeline.job import StudyFiles
from cuecircuit.study.file import KeyPath, lines_of


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
        others = f" and {len(files) - 1} other scans" if len(files) > 1 else ""
        # a fault that begins with a line number follows its file without a space
        space = "" if re.match(r"\d+:", fault) and not others else " "
        yield f"{files[0]}{others}:{space}{fault.strip()}"


@contextmanager
def faults_named(file: Path, *, unless: Path | None = None) -> Iterator[None]:
    """Say with every fault of the work inside which file it is of: the mathematics does not know.

    Args:
        file: stands before a fault.
        unless: a file or folder; a fault that names it already stays as it is. The file itself where None.

    Raises:
        DataError: for any fault inside.
    """
    try:
        yield
    except CuecircuitError as error:
        known = str(unless or file)
        raise DataError(fault if known in fault else f"{file}: {fault}" for fault in error.faults) from error


def raise_faults(faults: Iterable[str], files: StudyFiles) -> None:
    """Raise all faults at once, each once.

    Raises:
        StudyError: there are any.
    """
    known = tuple(dict.fromkeys(faults))
    if known:
        lines = lines_of(files.file.read_text(encoding="utf-8-sig"))
        raise StudyError(_with_line(fault, files.file.name, lines) for fault in known)


def _with_line(fault: str, name: str, lines: Mapping[KeyPath, int]) -> str:
    """Put the line of the setting that a fault names, such as (acquisition.tr_s), before the fault."""
    named = [path for path in lines if len(path) == 2 and f"{path[0]}.{path[1]}" in fault]
    # the setting that is named first; of alternatives called alike, the longer name
    first = min(named, key=lambda path: (fault.index(f"{path[0]}.{path[1]}"), -len(str(path[1]))), default=None)
    return f"{name}:{lines[first]}: {fault}" if first else fault
