"""A study with its files, and a study on its way to an output folder: what the stages of the pipeline are given.

Stages that serve every kind of study take `AnyFiles` and `AnyJob`; the others those of their kind.
"""

from dataclasses import dataclass
from pathlib import Path

from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.bounded import check_file
from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.store import Stage, Store
from cuecircuit.simulation.protocol import check_simulation
from cuecircuit.study.file import lines_of, parse_any_study
from cuecircuit.study.people import PeopleStudy
from cuecircuit.study.sections import StudyBase
from cuecircuit.study.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyFiles:
    """A study and the file it stands in, which its paths are relative to."""

    study: StudyBase
    file: Path

    def path(self, relative: str) -> Path:
        """Take a path of the study file to a path on this machine."""
        return self.file.parent / relative


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFiles(AnyFiles):
    """A study of operant animals and its file."""

    study: Study


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleFiles(AnyFiles):
    """A study of people and its file."""

    study: PeopleStudy


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyJob:
    """A study, the output folder, and how many processes may work."""

    files: AnyFiles
    store: Store
    n_jobs: int = 1

    @property
    def study(self) -> StudyBase:
        """What was planned."""
        return self.files.study

    @property
    def out(self) -> Path:
        """The output folder."""
        return self.store.root

    def path(self, relative: str) -> Path:
        """Take a path of the study file to a path on this machine."""
        return self.files.path(relative)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(AnyJob):
    """A study of operant animals on its way."""

    files: StudyFiles

    @property
    def study(self) -> Study:
        """What was planned."""
        return self.files.study


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleJob(AnyJob):
    """A study of people on its way."""

    files: PeopleFiles

    @property
    def study(self) -> PeopleStudy:
        """What was planned."""
        return self.files.study


def bring_up_to_date(job: AnyJob, stage: Stage) -> None:
    """Run a stage if it is missing or stale, and say why."""
    why = job.store.why_stale(stage)
    say(f"{stage.name}: {why or 'up to date'}")
    if why:
        job.store.run(stage)


def read_study(path: Path) -> StudyFiles:
    """Read the study file of operant animals.

    Raises:
        DataError: no such file, or not text.
        StudyError: what is in it is at fault, or it is a study of people.
    """
    files = read_any_study(path)
    if not isinstance(files, StudyFiles):
        raise StudyError(f"{path}: a study of people, expected one of operant animals; see docs/human_study.md")
    return files


def read_any_study(path: Path) -> StudyFiles | PeopleFiles:
    """Read a study file of any kind.

    Raises:
        DataError: no such file, or not text.
        StudyError: what is in it is at fault.
    """
    check_file(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder; name the study file in it, such as {path / 'study.yaml'}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from error
    study = parse_any_study(text, path.name)
    if isinstance(study, PeopleStudy):
        return PeopleFiles(study=study, file=path)
    check_simulation(study, lines_of(text), path.name)
    return StudyFiles(study=study, file=path)
