"""One study on its way to one output folder: what every stage of the pipeline is given."""

from dataclasses import dataclass
from pathlib import Path

from cuecircuit.errors import DataError
from cuecircuit.pipeline.store import Store
from cuecircuit.study.file import parse_study
from cuecircuit.study.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The study, the file it stands in, where results go, and how many processes may work."""

    study: Study
    file: Path
    store: Store
    n_jobs: int = 1

    def path(self, relative: str) -> Path:
        """Take a path of the study file, relative to it, to a path on this machine."""
        return self.file.parent / relative

    @property
    def out(self) -> Path:
        """The output folder."""
        return self.store.root


def read_study(path: Path) -> Study:
    """Read a study file.

    Raises:
        DataError: no such file, or not text.
        StudyError: what is in it is at fault.
    """
    return parse_study(_text(path), path.name)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder; name the study file in it, such as {path / 'study.yaml'}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from error
