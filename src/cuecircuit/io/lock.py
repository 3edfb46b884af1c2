"""One command at a time writes to a folder: the lock that it holds, and who is named to a second one.

The lock is `flock(2)` on `.NAME.lock` beside the folder NAME (in it, where its parent cannot be written): the kernel
releases it when a process dies, however it dies, so that the lock of a killed command is taken over. The file names
the holder and is removed after the command.
"""

import errno
import fcntl
import json
import os
import shlex
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import ParamSpec, TypeVar

from cuecircuit.errors import DataError
from cuecircuit.io.atomic import sweep_left

_P = ParamSpec("_P")
_R = TypeVar("_R")
_LONGEST_COMMAND = 200
# file systems without flock (errno of flock(2) on them): there a lock is what its file says
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


def writing(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a function with an argument `out` be the only one that writes there, from its start to its end."""
    named = signature(command)

    @wraps(command)
    def alone(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with only_writer(named.bind(*args, **kwargs).arguments["out"]):
            return command(*args, **kwargs)

    return alone


@contextmanager
def only_writer(out: Path) -> Iterator[None]:
    """Keep other commands from writing to `out`; clear away what killed ones left unfinished there.

    Raises:
        DataError: another command writes there, which is named; the place cannot be written.
    """
    out = Path(os.path.realpath(out))
    path, lock = _open(out)
    try:
        _write_holder(lock)
        sweep_left(out)
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(lock)


def _open(out: Path) -> tuple[Path, int]:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = out.parent / f".{out.name}.lock"
        try:
            return _take(out, beside)
        except PermissionError:
            if beside.exists():
                raise DataError(f"{out}: {beside.owner()} is writing here, or left {beside} behind") from None
            return _take(out, out / ".lock")
    except OSError as error:
        raise DataError(
            f"{out}: cannot be written ({error.strerror}: {error.filename}); choose a folder you may write to"
        ) from error


def _take(out: Path, path: Path) -> tuple[Path, int]:
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        try:
            state = os.fstat(lock)
            if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
                raise DataError(f"{path}: expected a lock of cuecircuit, found something else; move it away")
            if not _locked(lock):
                raise DataError(f"{out}: {_holder(lock)} is writing here; wait for it, or choose another folder")
            if path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
                return path, lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)  # its holder ended, and took the file away, between the opening and the lock


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return not _lives(_read_holder(lock))
    return True


def _lives(holder: dict[str, str]) -> bool:
    if not holder or holder.get("host") != socket.gethostname():
        return bool(holder)
    try:
        os.kill(int(holder["pid"]), 0)
    except (ProcessLookupError, ValueError, KeyError):
        return False
    except PermissionError:
        pass
    return True


def _write_holder(lock: int) -> None:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    holder = {
        "command": command[:_LONGEST_COMMAND],
        "pid": str(os.getpid()),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps(holder).encode(), 0)


def _read_holder(lock: int) -> dict[str, str]:
    try:
        holder = json.loads(os.pread(lock, 4096, 0))
        return {str(name): str(value) for name, value in holder.items()}
    except (ValueError, AttributeError, RecursionError):
        return {}


def _holder(lock: int) -> str:
    holder = _read_holder(lock)
    if not holder.keys() >= {"command", "pid", "host", "since"}:
        return "another command"  # that has only just begun
    return "another command ({command}; process {pid} on {host}, since {since})".format_map(holder)
