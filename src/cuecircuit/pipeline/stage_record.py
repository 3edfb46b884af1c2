"""The record of a stage done: what it was made from, and the SHA-256 of every file it made.

A record is a file in a folder that anybody may have written: one that is damaged, foreign, or names files outside the
folder counts as none.
"""

import stat
from pathlib import Path, PureWindowsPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

FOLDER = ".cuecircuit"
_MOST_BYTES = 2**25  # a study of a thousand subjects records less than 1 MB a stage
_MOST_BYTES_OF_A_NAME = 255


def _below(name: str) -> str:
    """Refuse a path that is absolute, climbs, or is none, by the rules of every system."""
    path = PureWindowsPath(name)
    too_long = any(len(part.encode()) > _MOST_BYTES_OF_A_NAME for part in path.parts)  # raises for half a character
    if not path.parts or path.anchor or ".." in path.parts or "\0" in name or too_long:
        raise ValueError("expected a path below the folder")
    return name


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    code: str
    settings: dict[str, Any]
    inputs: dict[str, str]
    outputs: dict[Annotated[str, AfterValidator(_below)], str]
    source: str | None = Field(None, alias="from")


_HASHES = TypeAdapter(list[str])


def read_record(path: Path) -> dict[str, Any] | None:
    """Read a record: `code`, `settings`, `inputs`, `outputs`, and `from` where another run made the files.

    Returns:
        None where there is none, or where it cannot be trusted.
    """
    try:
        return _Record.model_validate_json(_content(path)).model_dump(by_alias=True, exclude_unset=True)
    except (OSError, ValidationError):
        return None


def read_hashes(path: Path) -> set[str]:
    """Read the SHA-256 of the files that may be found behind a linked result; none where the list is damaged."""
    try:
        return set(_HASHES.validate_json(_content(path)))
    except (OSError, ValidationError):
        return set()


def _content(path: Path) -> bytes:
    state = path.lstat()
    if not stat.S_ISREG(state.st_mode) or state.st_size > _MOST_BYTES:
        raise OSError("no record")  # a link, a pipe that would never end, or far too much
    return path.read_bytes()
