"""A study with its file, and a study on its way to an output folder: what the stages of the pipeline are given."""

from dataclasses import dataclass
from pathlib import Path

from cuecircuit.errors import DataError
from cuecircuit.io.bounded import check_file
from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.store import Stage, Store
from cuecircuit.simulation.protocol import check_simulation
from cuecircuit.study.file import lines_of, parse_study
from cuecircuit.study.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFiles:
    """A study and the file it was read from, which its paths are relative to."""

    study: Study
    file: Path

    def path(self, relative: str) -> Path:
        """Return the place of a path of the study file on this machine."""
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
        """Return the place of a path of the study file on this machine."""
        return self.files.path(relative)


def bring_up_to_date(job: Job, stage: Stage) -> None:
    """Run a stage if it is missing or stale, and say why."""
    why = job.store.why_stale(stage)
    say(f"{stage.name}: {why or 'up to date'}")
    if why:
        job.store.run(stage)


def read_study(path: Path) -> StudyFiles:
    """Read a study file.

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
    study = parse_study(text, path.name)
    check_simulation(study, lines_of(text), path.name)
    return StudyFiles(study=study, file=path)
