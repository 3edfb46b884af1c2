"""A study and the file it was read from, which its paths are relative to."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cuecircuit.errors import DataError
from cuecircuit.study.accounting import Accounting
from cuecircuit.study.reading import parse_study
from cuecircuit.study.schema import Study


@dataclass(frozen=True)
class StudyFiles:
    """A study and the file it was read from."""

    study: Study
    file: Path

    @cached_property
    def books(self) -> Accounting:
        """The tables of the study and their keys."""
        return Accounting(self.study)

    def path(self, relative: str) -> Path:
        """Return the place of a path of the study file on this machine."""
        return self.file.parent / relative

    def shown(self, path: Path | str) -> str:
        """Return a path as messages and tables name it: relative to the study where it is below it."""
        path = Path(path)
        return str(path.relative_to(self.file.parent)) if path.is_relative_to(self.file.parent) else str(path)


def read_text(path: Path) -> str:
    """Read the text of a study file.

    Raises:
        DataError: no such file, or not text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder; name the study file in it, such as {path / 'study.yaml'}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from error


def read_study(path: Path) -> StudyFiles:
    """Read a study file.

    Raises:
        DataError: no such file, or not text.
        StudyError: what is in it is at fault, every fault with its line.
    """
    return StudyFiles(study=parse_study(read_text(path), path.name), file=path)
