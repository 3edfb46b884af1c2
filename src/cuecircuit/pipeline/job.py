"""A study with its files, and a study on its way to an output folder: what the stages of the pipeline are given."""

from dataclasses import dataclass
from pathlib import Path

from cuecircuit.errors import DataError
from cuecircuit.pipeline.store import Store
from cuecircuit.study.file import parse_study
from cuecircuit.study.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFiles:
    """A study and the file it stands in, which its paths are relative to."""

    study: Study
    file: Path

    def path(self, relative: str) -> Path:
        """Take a path of the study file to a path on this machine."""
        return self.file.parent / relative


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A study, the output folder, and how many processes may work."""

    files: StudyFiles
    store: Store
    n_jobs: int = 1

    @property
    def study(self) -> Study:
        """What was planned."""
        return self.files.study

    @property
    def out(self) -> Path:
        """The output folder."""
        return self.store.root

    def path(self, relative: str) -> Path:
        """Take a path of the study file to a path on this machine."""
        return self.files.path(relative)


def read_study(path: Path) -> StudyFiles:
    """Read a study file.

    Raises:
        DataError: no such file, or not text.
        StudyError: what is in it is at fault.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder; name the study file in it, such as {path / 'study.yaml'}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from error
    return StudyFiles(study=parse_study(text, path.name), file=path)
