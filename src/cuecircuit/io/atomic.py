"""Nothing half-written: a file or folder takes its name only when it is whole."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cuecircuit.errors import DataError

_UNFINISHED = ".unfinished-"


@contextmanager
def replacing(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on any failure.

    Args:
        path: the name to take in the end; what stood there before is replaced, never merged.
        folder: make the temporary path a folder.

    Raises:
        DataError: the place cannot be written.
    """
    scratch = _scratch(path)
    try:
        # the name is kept, because libraries read the format from the ending
        new = scratch / path.name
        if folder:
            new.mkdir()
        yield new
        if path.is_dir():
            path.rename(scratch / "before")
        new.replace(path)
    except OSError as error:
        if error.errno is None or isinstance(error, FileNotFoundError):
            raise
        raise DataError(_failed(path, scratch, error)) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def check_unused(out: Path) -> None:
    """Refuse a folder that would be replaced although it holds files.

    Raises:
        DataError: `out` is a file, or a folder that is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: exists and is not an empty folder; choose another name or remove it first")


def _failed(path: Path, scratch: Path, error: OSError) -> str:
    done = sum(file.stat().st_size for file in scratch.rglob("*") if file.is_file())
    free = shutil.disk_usage(scratch).free
    return (
        f"{path}: writing failed ({error.strerror}) after {done / 1e6:.1f} MB, with {free / 1e6:.1f} MB free; free "
        "some space or choose another folder, then run again: what was finished is kept"
    )


@contextmanager
def scratch_beside(path: Path) -> Iterator[Path]:
    """Yield a folder beside `path` for what is too much for memory; it is gone after the block.

    Raises:
        DataError: the place cannot be written.
    """
    scratch = _scratch(path)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _scratch(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=path.parent))
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); choose a folder you may write to") from error


def sweep(folder: Path) -> None:
    """Remove what killed processes left unfinished anywhere under `folder`."""
    for scratch in list(folder.rglob(f"{_UNFINISHED}*")):
        shutil.rmtree(scratch, ignore_errors=True)
