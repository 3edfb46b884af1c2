"""Other choices of the analysis beside the study's own: each is run on shared stages, then all stand in one table.

`OUT/alternatives_runs/NAME` is a run like any other, with its study file; a stage whose key is that of the study or of
an alternative before it takes over its files (`store`). `OUT/alternatives` says what came of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.io.atomic import remove, replacing
from cuecircuit.pipeline.alternatives.tables import PLANNED, ChoiceRun, tables_read, write_tables
from cuecircuit.pipeline.job import Job, StudyFiles, bring_up_to_date
from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.store import Stage, Store
from cuecircuit.report.marks import counted
from cuecircuit.study.alternatives import SECTION
from cuecircuit.study.file import alternative_texts, parse_study

FOLDER, RUNS = SECTION, "alternatives_runs"
# stages that make no number
_SHOWN = ("figures", "report")


def alternative_files(files: StudyFiles) -> dict[str, StudyFiles]:
    """Give each alternative of a study as a study of its own; paths stay relative to the study's file."""
    return {name: replace(files, study=parse_study(text)) for name, text in _texts(files).items()}


def run_stages(
    job: Job,
    stages: Mapping[str, Callable[[Job], None]],
    named: Sequence[str],
    *,
    alternatives: bool,
) -> None:
    """Bring the stages of a study up to date in their order; alternatives stand between the figures and the page.

    Args:
        job: the study.
        stages: all of its kind, by name.
        named: those to do; all where none is named.
        alternatives: run those that the study lists; where not, what is known of them stays if it belongs to the study.

    Raises:
        DataError: as `run_alternatives`.
    """
    for name, stage in stages.items():
        if name == "report" and alternatives:
            run_alternatives(job, [make for other, make in stages.items() if other not in _SHOWN])
        elif name == "report":
            forget_outdated(job)
        if not named or name in named:
            stage(job)


def run_alternatives(job: Job, stages: Sequence[Callable[[Job], None]]) -> None:
    """Run every alternative of a study that is up to date in `job.out`, then write what came of them.

    Args:
        job: the study.
        stages: those that make numbers, in order.

    Raises:
        DataError: what was wrong with each that failed, after all others are done.
    """
    job.store.check_inside(job.out / RUNS)
    _clear_others(job)
    done, faults = [job.out], []
    texts = _texts(job.files)
    for name, files in alternative_files(job.files).items():
        root = job.out / RUNS / name
        own = replace(job, files=files, store=Store(root, job.store.sources, donors=tuple(done)))
        say(f"alternative {name}: {job.study.alternatives[name].why}")
        try:
            with replacing(root / "study.yaml") as new:
                new.write_text(texts[name], encoding="utf-8")
            for stage in stages:
                stage(own)
        except CuecircuitError as error:
            faults += (f"alternative {name}: {fault}" for fault in error.faults)
            continue
        shared = len(own.store.taken_over())
        say(f"alternative {name}: {counted(len(own.store.records()) - shared, 'stage')} of its own, {shared} shared")
        done.append(root)
    if faults:
        raise DataError(faults)
    bring_up_to_date(job, alternatives_stage(job))


def alternatives_stage(job: Job) -> Stage:
    """Make the stage that sets the results of all alternatives beside those of the study."""
    study, stores = job.study, _stores(job)
    own = {name: record for name, record in job.store.records().items() if name not in (FOLDER, "report")}
    sources = {name: digest for record in own.values() for name, digest in record["inputs"].items()}
    read = {name for store in stores.values() for record in store.records().values() for name in record["inputs"]}
    made = {name for store in (job.store, *stores.values()) for r in store.records().values() for name in r["outputs"]}
    further = sorted(read - set(sources) - made)  # read by alternatives alone, such as an excluded subject's scans
    return Stage(
        name=FOLDER,
        target=FOLDER,
        settings={
            "study": study,
            "sources": {name: digest for name, digest in sources.items() if name not in made},
            "results": {name: tables_read(store) for name, store in {"": job.store, **stores}.items()},
        },
        inputs=tuple(path for path in map(job.path, further) if path.exists()),
        make=partial(_make, job),
    )


def forget_outdated(job: Job) -> None:
    """Remove what came of alternatives that no longer belong to the study; the page shows what is there."""
    if FOLDER not in job.store.records():
        return
    why = job.store.why_stale(alternatives_stage(job))
    if why:
        job.store.drop([FOLDER])
        say(f"alternatives: left out, {why}; add --alternatives to bring them up to date")


def _make(job: Job, folder: Path) -> None:
    roots = {name: store.root for name, store in _stores(job).items()}
    others = {name: ChoiceRun(files=files, root=roots[name]) for name, files in alternative_files(job.files).items()}
    write_tables(folder, {PLANNED: ChoiceRun(files=job.files, root=job.out), **others})


def _stores(job: Job) -> dict[str, Store]:
    roots = {name: job.out / RUNS / name for name in job.study.alternatives}
    return {name: Store(root, job.store.sources) for name, root in roots.items() if root.is_dir()}


def _texts(files: StudyFiles) -> dict[str, str]:
    return alternative_texts(files.file.read_text(encoding="utf-8-sig"))


def _clear_others(job: Job) -> None:
    """Remove runs of alternatives that the study no longer lists."""
    for root in sorted((job.out / RUNS).glob("*")):
        if root.name not in job.study.alternatives:
            remove(root)
