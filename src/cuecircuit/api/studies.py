"""Whole studies, operant logs and printed statistics, as the commands of the same names take them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pandas as pd

from cuecircuit.api.arguments import Count, Seed, Threads, checked
from cuecircuit.errors import DataError
from cuecircuit.io.tables import read_table
from cuecircuit.pipeline.audit import audit_file, audit_table
from cuecircuit.pipeline.sessions import load_sessions, write_sessions

StudyFile = str | Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPath:
    """A study and the file it is read from."""

    path: Path
    study: Any


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Logs:
    """Operant logs as tables: a row for each session, each event, each fault."""

    sessions: pd.DataFrame
    events: pd.DataFrame
    faults: pd.DataFrame

    def __repr__(self) -> str:
        """Return the sessions, as the console shows them."""
        return self.sessions.to_string(index=False)

    def _repr_html_(self) -> str:
        return self.sessions.to_html(index=False)


@checked
def read_logs(
    paths: StudyFile | Sequence[StudyFile], *, programs: StudyFile | None = None, source: StudyFile | None = None
) -> Logs:
    """Read operant logs of any kind (MED-PC, GEToperant, FED3, BIDS, NWB, tables).

    Args:
        paths: files, or one.
        programs: folder of MED-PC program declarations.
        source: YAML that names the events and columns of other logs.

    Returns:
        Tables of sessions, events (time_s from the start of the session) and faults.

    Raises:
        DataError: files that cannot be read, every one of them named.

    Examples:
        >>> import cuecircuit as cc
        >>> cc.read_logs("nowhere.txt")
        Traceback (most recent call last):
        cuecircuit.errors.DataError: nowhere.txt: no such file
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_sessions(_paths(paths), folder, programs=_folder(programs), source=_folder(source))
        sessions, events, faults = (
            read_table(folder / f"{table}.tsv", text=("subject",)) for table in ("sessions", "events", "faults")
        )
    return Logs(sessions=sessions, events=events, faults=faults)


@checked
def write_nwb(
    paths: StudyFile | Sequence[StudyFile],
    out: StudyFile,
    *,
    participants: StudyFile,
    timezone: str,
    lab: str = "",
    institution: str = "",
    experimenters: Sequence[str] = (),
    programs: StudyFile | None = None,
    source: StudyFile | None = None,
) -> tuple[Path, ...]:
    """Write each session of operant logs as an NWB file that DANDI takes.

    Args:
        paths: files, or one; of any kind that `read_logs` reads.
        out: folder of `sub-NAME/sub-NAME_ses-START_behavior.nwb`.
        participants: table by participant_id with species, sex, and age or date_of_birth.
        timezone: of the clock that stamped the logs, such as America/Los_Angeles.
        lab: name of the laboratory.
        institution: where it is.
        experimenters: who ran the sessions, as "Last, First".
        programs: folder of MED-PC program declarations.
        source: YAML that names the events and columns of other logs.

    Returns:
        The files, by start of the session.

    Raises:
        DataError: no pynwb, files that cannot be read, or participants who lack what DANDI requires.

    Examples:
        >>> import cuecircuit as cc
        >>> cc.write_nwb("nowhere.txt", "nwb", participants="participants.tsv", timezone="UTC")
        Traceback (most recent call last):
        cuecircuit.errors.DataError: nowhere.txt: no such file
    """
    from cuecircuit.pipeline.nwb import NwbSettings
    from cuecircuit.pipeline.nwb import write_nwb as write

    settings = NwbSettings(
        participants=Path(participants),
        timezone=timezone,
        lab=lab,
        institution=institution,
        experimenters=tuple(experimenters),
    )
    log = load_sessions(_paths(paths), programs=_folder(programs), source=_folder(source))
    return write(log.sessions, Path(out), settings)


@checked
def audit(text: StudyFile, *, n: Count | None = None, groups: Count = 1) -> pd.DataFrame:
    """Recompute the p of printed statistics and say whether they agree.

    Args:
        text: such as "F(9,171)=4.25, P=0.002", or a file of them.
        n: subjects, to compare degrees of freedom with.
        groups: of subjects, for the same purpose.

    Returns:
        A row for each statistic: recomputed p, ε that would give the printed p, verdict.

    Raises:
        DataError: no statistic was found.

    Examples:
        >>> import cuecircuit as cc
        >>> float(cc.audit("t(20) = 2.50, p = .021").p_recomputed.round(4).iloc[0])
        0.0212
    """
    if isinstance(text, Path):
        return audit_file(text, n=n, groups=groups)
    return audit_table(text, n=n, groups=groups)


@checked
def read_study(path: StudyFile) -> StudyPath:
    """Read a study file.

    Args:
        path: the study file (YAML).

    Returns:
        `study`, the settings as frozen models, and `path`; `check`, `run` and `plan` take it.

    Raises:
        DataError: no such file, or not text.
        StudyError: every fault of the file, with its line.

    Examples:
        >>> import cuecircuit as cc
        >>> from importlib.resources import files
        >>> mice = cc.read_study(files("cuecircuit.study") / "designs" / "alcohol_mice.yaml")
        >>> list(mice.study.factors)
        ['group', 'sex']
    """
    from cuecircuit.tables.study_files import read_study as read

    file = Path(path)
    return StudyPath(path=file, study=read(file).study)


@checked
def check(
    study: StudyFile | StudyPath,
    *,
    data: bool = False,
    alternatives: bool = False,
    dataset: StudyFile | None = None,
    derivatives: StudyFile | None = None,
) -> tuple[str, ...]:
    """Check a study and its files; give notes on what is odd and no fault.

    Args:
        study: the study file.
        data: also read the values of every scan.
        alternatives: also check the other choices that the study lists.
        dataset: takes the place of `scans.dataset`.
        derivatives: takes the place of `scans.derivatives`.

    Returns:
        The notes, a line each.

    Raises:
        StudyError: every fault of the study.
        DataError: every fault of its files.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> import cuecircuit as cc
        >>> folder = TemporaryDirectory()
        >>> study = cc.simulate("alcohol_mice", f"{folder.name}/mice", scale="tiny")
        >>> cc.check(study)
        ()
        >>> folder.cleanup()
    """
    from cuecircuit.nodes.check import check_study

    places = {"dataset": _folder(dataset), "derivatives": _folder(derivatives)}
    return check_study(_path(study), data=data, alternatives=alternatives, **places)


@checked
def run(
    study: StudyFile | StudyPath,
    out: StudyFile,
    *,
    stages: Sequence[str] = (),
    alternatives: bool = False,
    n_jobs: Threads = 2,
    dask: str | None = None,
    dataset: StudyFile | None = None,
    derivatives: StudyFile | None = None,
) -> Path:
    """Take a study from raw files to tables, figures and a page; give the page.

    Args:
        study: the study file.
        out: folder of the results.
        stages: only these; all where none is named.
        alternatives: run the other choices that the study lists too.
        n_jobs: processes at work.
        dask: `local` or a scheduler's address.
        dataset: takes the place of `scans.dataset`.
        derivatives: takes the place of `scans.derivatives`.

    Raises:
        StudyError: every fault of the study.
        DataError: files that are missing or damaged, or `out` cannot be written.
        DesignError: a question that the data cannot carry.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> import cuecircuit as cc
        >>> folder = TemporaryDirectory()
        >>> study = cc.simulate("alcohol_mice", f"{folder.name}/mice", scale="tiny")
        >>> page = cc.run(study, f"{folder.name}/results")
        >>> page.name
        'report.html'
        >>> folder.cleanup()
    """
    from cuecircuit.nodes.run import run_study

    return run_study(
        _path(study),
        Path(out),
        stages=tuple(stages),
        alternatives=alternatives,
        n_jobs=n_jobs,
        dask=dask,
        dataset=_folder(dataset),
        derivatives=_folder(derivatives),
    )


@checked
def report(out: StudyFile) -> Path:
    """Write the page of results again from what is there; give its path.

    Raises:
        DataError: `out` is not the folder of a run, another version made it, or a stage is missing.
    """
    from cuecircuit.nodes.run import rewrite_page

    folder = Path(out)
    if not (folder / "study.yaml").is_file() or not (folder / ".cuecircuit").is_dir():
        raise DataError(f"{folder}: no results; expected the output folder of `cuecircuit run`")

    return rewrite_page(folder)


@checked
def simulate(
    design: str,
    out: StudyFile,
    *,
    seed: Seed = 0,
    scale: Literal["tiny", "paper"] = "paper",
    hypothesis: str | None = None,
    n_jobs: Threads = 1,
) -> Path:
    """Simulate a whole study with known answers; give its study file.

    Args:
        design: name of a design that comes with the program, or a study file with `simulation:`.
        out: folder to make.
        seed: the same seed gives the same bytes.
        scale: tiny for coarse voxels.
        hypothesis: what is planted; the first that the design lists where none is named.
        n_jobs: processes at work.

    Raises:
        StudyError: no such design, or nothing is said of what to plant.
        DataError: `out` cannot be written or is not empty.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> import cuecircuit as cc
        >>> folder = TemporaryDirectory()
        >>> study = cc.simulate("alcohol_mice", f"{folder.name}/mice", scale="tiny")
        >>> study.name, (study.parent / "truth").is_dir()
        ('study.yaml', True)
        >>> folder.cleanup()
    """
    from cuecircuit.nodes.simulate import simulate_design

    return simulate_design(design, Path(out), seed=seed, scale=scale, hypothesis=hypothesis, n_jobs=n_jobs)


@checked
def plan(study: StudyFile | StudyPath, out: StudyFile, *, n_jobs: Threads = 2, **settings: Any) -> Path:
    """Estimate the power of a study's questions by simulation; give the page.

    Args:
        study: the study file; its data need not be there.
        out: folder to make.
        n_jobs: processes at work.
        **settings: as of `cuecircuit.planning.power.PlanSettings`: sizes, draws, hypotheses, questions, seed, ...

    Raises:
        StudyError: nothing is said of what to plant, or nothing can be planned.
        DataError: `out` cannot be written or is not empty.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> import cuecircuit as cc
        >>> folder = TemporaryDirectory()
        >>> study = cc.simulate("alcohol_mice", f"{folder.name}/mice", scale="tiny")
        >>> page = cc.plan(study, f"{folder.name}/plan", sizes=("8",), draws=20, multiples=(1.0,), n_jobs=1)
        >>> page.name, (page.parent / "power.tsv").is_file()
        ('plan.html', True)
        >>> folder.cleanup()
    """
    from cuecircuit.planning.plan import plan_study
    from cuecircuit.planning.power import PlanSettings

    return plan_study(_path(study), Path(out), settings=PlanSettings(**settings), n_jobs=n_jobs)


def _path(study: StudyFile | StudyPath) -> Path:
    return study.path if isinstance(study, StudyPath) else Path(study)


def _paths(paths: StudyFile | Sequence[StudyFile]) -> list[Path]:
    return [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]


def _folder(place: StudyFile | None) -> Path | None:
    return None if place is None else Path(place)
