"""Whole studies, operant logs and printed statistics, as the commands of the same names take them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pandas as pd

from cuecircuit.io.tables import read_table
from cuecircuit.pipeline.audit import audit_file, audit_table
from cuecircuit.pipeline.check import check_study
from cuecircuit.pipeline.run import run_study
from cuecircuit.pipeline.sessions import write_sessions

StudyFile = str | Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPath:
    """A study and the file it is read from."""

    path: Path
    study: Any


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Logs:
    """Operant logs as tables: a row for each session, each event, each fault."""

    sessions: pd.DataFrame
    events: pd.DataFrame
    faults: pd.DataFrame

    def _repr_html_(self) -> str:
        return self.sessions.to_html(index=False)


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
    files = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    declared, named = (None if path is None else Path(path) for path in (programs, source))
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_sessions(files, folder, programs=declared, source=named)
        sessions, events, faults = (
            read_table(folder / f"{table}.tsv", text=("subject",)) for table in ("sessions", "events", "faults")
        )
    return Logs(sessions=sessions, events=events, faults=faults)


def audit(text: StudyFile, *, n: int | None = None, groups: int = 1) -> pd.DataFrame:
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


def read_study(path: StudyFile) -> StudyPath:
    """Read a study file.

    Raises:
        StudyError: every fault of the file, with its line.
    """
    from cuecircuit.study.file import parse_any_study

    file = Path(path)
    return StudyPath(path=file, study=parse_any_study(file.read_text(encoding="utf-8"), file.name))


def check(study: StudyFile | StudyPath, *, data: bool = False) -> tuple[str, ...]:
    """Check a study and its files; give notes on what is odd and no fault.

    Raises:
        StudyError: every fault of the study.
        DataError: every fault of its files.
    """
    return check_study(_path(study), data=data)


def run(study: StudyFile | StudyPath, out: StudyFile, *, stages: Sequence[str] = (), n_jobs: int = 2) -> Path:
    """Take a study from raw files to tables, figures and a page; give the page."""
    return run_study(_path(study), Path(out), stages=tuple(stages), n_jobs=n_jobs)


def simulate(
    design: str,
    out: StudyFile,
    *,
    seed: int = 0,
    scale: Literal["tiny", "paper"] = "paper",
    hypothesis: str | None = None,
) -> Path:
    """Simulate a whole study with known answers; give its study file."""
    if design == "huang2023":
        from cuecircuit.pipeline.people.simulate import simulate_people

        return simulate_people(Path(out), seed=seed, scale=scale, hypothesis=hypothesis or "reactivity")
    from cuecircuit.pipeline.simulate import simulate as simulate_animals

    return simulate_animals(design, Path(out), seed=seed, scale=scale, hypothesis=hypothesis or "withdrawal")


def plan(study: StudyFile | StudyPath, out: StudyFile, *, n_jobs: int = 2, **settings: Any) -> Path:
    """Estimate the power of a study's tests by simulation; settings as of `pipeline.plan.tables.PlanSettings`."""
    from cuecircuit.pipeline.plan.command import plan_study
    from cuecircuit.pipeline.plan.tables import PlanSettings

    return plan_study(_path(study), Path(out), settings=PlanSettings(**settings), n_jobs=n_jobs)


def _path(study: StudyFile | StudyPath) -> Path:
    return study.path if isinstance(study, StudyPath) else Path(study)
