"""Progress of long work: a bar on a terminal, plain lines elsewhere; always on stderr, so that stdout stays data."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def say(line: str) -> None:
    """Print one line of progress."""
    print(line, file=sys.stderr, flush=True)


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
