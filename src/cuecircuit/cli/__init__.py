"""Every command is a few lines over a function of the layers below; an error becomes clear lines on stderr.

Exit status: 0 done, 1 the data or the study is at fault, 2 the command line is at fault, 70 the program is at fault
(a report says where), 128 + N stopped by signal N.
"""

import errno
import os
import sys
import traceback
from concurrent.futures import BrokenExecutor

# importing them adds their commands
from cuecircuit.cli import fit, groups, plan, scans, sharing, starting, studies, tables, voxels  # noqa: F401
from cuecircuit.cli.app import app
from cuecircuit.cli.examples import add_examples
from cuecircuit.cli.stop import Stopped, heed_signals
from cuecircuit.cli.unforeseen import STATUS, write_report
from cuecircuit.errors import CuecircuitError
from cuecircuit.pipeline.progress import one_line, warnings_as_lines

add_examples(app)
_MOST_FAULTS = 1000  # lines that anybody reads
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EPIPE, errno.EBADF)


def main() -> None:
    """Run the command line; `--verbose` may stand anywhere."""
    words = [word for word in sys.argv[1:] if word != "--verbose"]
    if words[2:3] in (["participant"], ["group"]) and any(word.startswith("--study") for word in words):
        words = ["bids-app", *words]
    _open_closed_streams()
    heed_signals()
    warnings_as_lines()
    try:
        status = _run(words)
        sys.stdout.flush()
    except Stopped as stopped:
        _complain(str(stopped))
        os._exit(stopped.status)  # Python would wait for threads at work
    except Exception as error:
        status = _failed(words, error, verbose="--verbose" in sys.argv)
    sys.exit(status)


def _open_closed_streams() -> None:
    """Open what the caller closed, lest a file takes its number; writing to standard output then fails."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR if name == "stderr" else os.O_RDONLY)
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w"))


def _run(words: list[str]) -> int | str | None:
    try:
        app(words, prog_name="cuecircuit")
    except SystemExit as ended:  # how typer ends, also after a fault of the command line
        return ended.code
    return 0


def _failed(words: list[str], error: Exception, *, verbose: bool) -> int:
    if verbose:
        traceback.print_exception(error)
    if isinstance(error, CuecircuitError):
        for fault in error.faults[:_MOST_FAULTS]:
            _complain(fault, *getattr(error, "__notes__", []))
        if (more := len(error.faults) - _MOST_FAULTS) > 0:
            _complain(f"and {more} more faults")
        return 1
    if isinstance(error, MemoryError):
        _complain("not enough memory; use fewer --n-jobs, a smaller --voxel-block, or a larger machine")
        return 1
    if isinstance(error, BrokenExecutor):
        _complain("a worker process was killed, most often for want of memory; use fewer --n-jobs")
        return 1
    if isinstance(error, OSError) and error.filename is None and error.errno == errno.ENOENT:  # os.getcwd
        _complain("the working folder was removed; change to one that is there")
        return 1
    if isinstance(error, OSError) and error.filename is None and error.errno in _NO_ROOM:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains again at its end
        _complain(f"output cannot be written ({error.strerror})")
        return 1
    path = write_report(words, error)
    whither = "no report could be written" if path is None else f"please report it with {path}, which holds no data"
    _complain(f"{type(error).__name__}: {one_line(str(error))}; a fault of the program: {whither}")
    return STATUS


def _complain(*words: str) -> None:
    try:
        print("cuecircuit:", *words, file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
