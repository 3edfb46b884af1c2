"""Progress of long work: a bar on a terminal, plain lines elsewhere; always on stderr, so that stdout stays data."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

_LONGEST = 300  # letters of what a library says


def say(line: str) -> None:
    """Print one line of progress; work goes on where nobody can read it."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def one_line(text: str) -> str:
    """Put a text on one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def warnings_as_lines() -> None:
    """Print warnings of libraries as one line each, without the path and the code they come from."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        say(f"cuecircuit: note: {one_line(str(message))} ({Path(filename).stem}: {category.__name__})")

    warnings.showwarning = show


@contextmanager
def steps(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show `what` with its progress; call the yielded function with the number of steps just done."""
    if not sys.stderr.isatty():
        with _lines(what, total) as advance:
            yield advance
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)


@contextmanager
def _lines(what: str, total: int) -> Iterator[Callable[[int], None]]:
    done = 0
    said = 0

    def advance(steps_done: int) -> None:
        nonlocal done, said
        done += steps_done
        quarter = 4 * done // total
        if quarter > said:
            said = quarter
            say(f"{what}: {done} of {total}")

    yield advance
