"""A whole study, stage by stage; only what is missing or stale is done."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cuecircuit.errors import StudyError
from cuecircuit.io.atomic import replacing
from cuecircuit.io.derivatives import write_description
from cuecircuit.pipeline.alternatives.runs import run_stages
from cuecircuit.pipeline.behavior import behavior_stage
from cuecircuit.pipeline.cells import subjects_of
from cuecircuit.pipeline.check import check_files
from cuecircuit.pipeline.deposit import write_deposit
from cuecircuit.pipeline.engine import engine
from cuecircuit.pipeline.figures import figures_stage
from cuecircuit.pipeline.firstlevel import run_first_level
from cuecircuit.pipeline.group.command import group_stage
from cuecircuit.pipeline.job import Job, bring_up_to_date, read_study
from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.provenance import write_crate
from cuecircuit.pipeline.regions import regions_stage
from cuecircuit.pipeline.report import report_stage
from cuecircuit.pipeline.store import Stage, Store
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.report.references import cited


def run_study(
    study: Path,
    out: Path,
    *,
    stages: Sequence[str] = (),
    alternatives: bool = False,
    n_jobs: int = 1,
    dask: str | None = None,
) -> Path:
    """Run a study into `out` and give the path of its last result.

    Args:
        study: the study file.
        out: output folder, a BIDS derivative.
        stages: names of `STAGES`; all where none is named. A stage finds the results of those before it in `out`.
        alternatives: also run the other choices that the study lists, between the last stages and the page.
        n_jobs: processes at work.
        dask: `local` or a scheduler's address: subjects, null fields and permutations go to its workers.

    Raises:
        StudyError: every fault of the study and its files, before anything is computed.
        DataError: a file is damaged, or `out` cannot be written.
        DesignError: the design cannot carry its tests.
    """
    if dask is not None:  # workers stand in folders of their own
        study, out = study.absolute(), out.absolute()
    files = read_study(study)
    if alternatives and not files.study.alternatives:
        raise StudyError(f"{study}: lists no `alternatives:`; write some into the study file, or run without")
    if unknown := [name for name in stages if name not in STAGES]:
        raise StudyError(f"{study}: has no stage {', '.join(unknown)}; expected some of: {', '.join(STAGES)}")
    say("check")
    check_files(files, alternatives=alternatives)
    job = Job(files=files, store=Store(out, study.parent), n_jobs=n_jobs)
    with job.store.alone(), one_blas_thread(), engine(dask, n_jobs):
        write_description(out, files.study.about.title, files.study.about)
        with replacing(out / "study.yaml") as new:
            new.write_bytes(study.read_bytes())
        run_stages(job, STAGES, stages, alternatives=alternatives)
        write_crate(job.store, job.study.about, job.study)
        write_deposit(job.store, job.study, cited(job.study))
    page = out / "report.html"
    return page if page.exists() else out


def _one(make_stage: Callable[[Job], Stage]) -> Callable[[Job], None]:
    return lambda job: bring_up_to_date(job, make_stage(job))


def _first_level(job: Job) -> None:
    subjects = {f"sub-{subject}" for subject in subjects_of(job.files)["subject"]}
    job.store.drop(name for name in job.store.names() if name.startswith("sub-") and name not in subjects)
    run_first_level(job)


STAGES: dict[str, Callable[[Job], None]] = {
    "behavior": _one(behavior_stage),
    "firstlevel": _first_level,
    "group": _one(group_stage),
    "regions": _one(regions_stage),
    "figures": _one(figures_stage),
    "report": _one(report_stage),
}
