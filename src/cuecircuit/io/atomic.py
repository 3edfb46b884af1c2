"""Nothing half-written: a file or folder takes its name only when it is whole and on the disk."""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from cuecircuit.errors import DataError

_UNFINISHED = ".unfinished-"
_SCRATCH = re.compile(rf"{re.escape(_UNFINISHED)}[a-z0-9_]{{8}}")  # as tempfile names folders


@contextmanager
def replacing(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on any failure.

    Args:
        path: the name to take in the end; what stood there before is replaced, never merged.
        folder: make the temporary path a folder.

    Raises:
        DataError: the place cannot be written, or a folder is where a file is to be.
    """
    if path.is_dir() and not folder:
        raise DataError(_a_folder(path))
    if any(part.startswith(_UNFINISHED) for part in path.parts):  # flushed, or removed, with the whole it is part of
        new = path.with_name(_UNFINISHED + path.name)
        with _named_failures(path, new):
            new.parent.mkdir(parents=True, exist_ok=True)
            try:
                yield _fresh(new, folder)
                remove(path)
                new.replace(path)
            except BaseException:
                remove(new)
                raise
        return
    with scratch_beside(path) as scratch, _named_failures(path, scratch):
        # the name is kept, because libraries read the format from the ending
        yield (new := _fresh(scratch / path.name, folder))
        flush(new)
        if path.is_dir():
            path.rename(scratch / "before")
        new.replace(path)
        _flush_folder(path.parent)


def _fresh(path: Path, folder: bool) -> Path:
    if folder:
        path.mkdir()
    return path


def take_names(new_by_path: Mapping[Path, Path]) -> None:
    """Rename files that are whole and flushed, on the same disk; what had these names is replaced.

    Raises:
        DataError: a folder is where a file is to be, or the place cannot be written.
    """
    for path, new in new_by_path.items():
        if path.is_dir():
            raise DataError(_a_folder(path))
        with _named_failures(path, new):
            path.parent.mkdir(parents=True, exist_ok=True)
            new.replace(path)
    for folder in {path.parent for path in new_by_path}:
        _flush_folder(folder)


def _a_folder(path: Path) -> str:
    return f"{path}: a folder, expected a file or nothing; move it away or choose another name"


@contextmanager
def _named_failures(path: Path, unfinished: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno is None or isinstance(error, FileNotFoundError):
            raise
        raise DataError(_failed(path, unfinished, error)) from error


def flush(path: Path) -> None:
    """Write a file, or a folder with all that is in it, through to the disk: a power loss must not empty it."""
    for folder, _, names in os.walk(path):
        for name in names:
            _flush_file(Path(folder, name))
        _flush_folder(Path(folder))
    if path.is_file():
        _flush_file(path)


def _flush_file(path: Path) -> None:
    if path.is_file() and not path.is_symlink():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    with suppress(OSError):  # file systems that cannot, and folders one may write to but not list
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove(path: Path) -> None:
    """Remove a file, a link (not what it leads to) or a folder with all that is in it, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def check_unused(out: Path) -> None:
    """Refuse a folder that would be replaced although it holds files.

    Raises:
        DataError: `out` is a file, or a folder that is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: exists and is not an empty folder; choose another name or remove it first")


def _failed(path: Path, unfinished: Path, error: OSError) -> str:
    written = sum(file.stat().st_size for file in (unfinished, *unfinished.rglob("*")) if file.is_file())
    free = shutil.disk_usage(next(folder for folder in path.absolute().parents if folder.is_dir())).free
    return (
        f"{path}: writing failed ({error.strerror}) after {written / 1e6:.1f} MB, with {free / 1e6:.1f} MB free; free "
        "some space or choose another folder, then run again: what was finished is kept"
    )


@contextmanager
def scratch_beside(path: Path) -> Iterator[Path]:
    """Yield a folder beside `path` for what is too much for memory; it is gone after the block.

    It is locked while this process lives, so that `sweep_left` can tell it from one that a killed process left.

    Raises:
        DataError: the place cannot be written.
    """
    scratch, lock = _scratch(path)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os.close(lock)


def _scratch(path: Path) -> tuple[Path, int]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:  # another process may take it for one that was left, between its making and its lock
            scratch = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=path.parent))
            with suppress(FileNotFoundError):
                lock = os.open(scratch, os.O_RDONLY)
                with suppress(OSError):  # file systems without locks on folders
                    fcntl.flock(lock, fcntl.LOCK_EX)
                if scratch.is_dir():
                    return scratch, lock
                os.close(lock)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); choose a folder you may write to") from error


def sweep(folder: Path) -> None:
    """Remove what killed processes left unfinished anywhere under `folder`, of which this process has the lock.

    A command that writes to a folder further down keeps what it is at.
    """
    for scratch in list(folder.rglob(f"{_UNFINISHED}*")):
        if _is_scratch(scratch) and _is_left(scratch, if_unsure=True):
            shutil.rmtree(scratch, ignore_errors=True)


def sweep_left(out: Path) -> None:
    """Remove what killed processes left unfinished beside `out`, in it or in its folders; living ones keep theirs."""
    for folder, pattern in ((out.parent, ""), (out, ""), (out, "*/")):
        for scratch in list(folder.glob(f"{pattern}{_UNFINISHED}*")):
            if _is_scratch(scratch) and _is_left(scratch, if_unsure=False):
                shutil.rmtree(scratch, ignore_errors=True)


def _is_scratch(path: Path) -> bool:
    return bool(_SCRATCH.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()


def _is_left(scratch: Path, *, if_unsure: bool) -> bool:
    try:
        lock = os.open(scratch, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks on folders
        return if_unsure
    finally:
        os.close(lock)
