"""A whole study, node by node; only what is missing or stale is done."""

from collections.abc import Sequence
from pathlib import Path

from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.atomic import replacing
from cuecircuit.io.bids_ignore import write_bidsignore
from cuecircuit.io.derivatives import MAP_FILES, write_description
from cuecircuit.nodes.alternatives import forget_outdated, run_alternatives
from cuecircuit.nodes.check import check_alternatives, check_files
from cuecircuit.nodes.graph import ordered_nodes, upstream
from cuecircuit.nodes.stages import SHOWN, bring_up_to_date, stage_of
from cuecircuit.nodes.work import Work
from cuecircuit.pipeline.deposit import write_deposit
from cuecircuit.pipeline.engine import engine
from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.provenance import write_crate
from cuecircuit.pipeline.store import Store, code_hash
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.report.references import references_of
from cuecircuit.tables.study_files import StudyFiles, placed_text, read_study


def run_study(
    path: Path,
    out: Path,
    *,
    stages: Sequence[str] = (),
    alternatives: bool = False,
    n_jobs: int = 1,
    dask: str | None = None,
    dataset: Path | None = None,
    derivatives: Path | None = None,
) -> Path:
    """Run a study into `out`.

    Args:
        path: the study file.
        out: output folder, a BIDS derivative.
        stages: nodes (`operant`, `questions.escalation`) or kinds of them (`questions`); all where none is named.
        alternatives: also run the other choices that the study lists.
        n_jobs: processes at work.
        dask: `local` or a scheduler's address.
        dataset: takes the place of `scans.dataset`, also in the study file that the results keep.
        derivatives: takes the place of `scans.derivatives`.

    Returns:
        The path of the page, or of the folder where the page was not asked for.

    Raises:
        StudyError: every fault of the study file.
        DataError: a file is missing or damaged, or `out` cannot be written.
        DesignError: a question that the data cannot carry.
    """
    if dask is not None:  # workers are started in folders of their own
        path, out = path.absolute(), out.absolute()
    files = read_study(path, dataset=dataset, derivatives=derivatives)
    content = placed_text(path, dataset, derivatives).encode() if dataset or derivatives else path.read_bytes()
    return run_files(files, content, out, stages=stages, alternatives=alternatives, n_jobs=n_jobs, dask=dask)


def run_files(
    files: StudyFiles,
    content: bytes,
    out: Path,
    *,
    stages: Sequence[str] = (),
    alternatives: bool = False,
    n_jobs: int = 1,
    dask: str | None = None,
) -> Path:
    """Run a study that need not be on the disk; the results keep its file as study.yaml.

    Args:
        files: the study.
        content: of its file.
        out: as `run_study`, and all further ones.

    Raises:
        StudyError, DataError, DesignError: as `run_study`.
    """
    order = ordered_nodes(files.study)
    nodes = [*order, *SHOWN]
    names = {*nodes, *(name.partition(".")[0] for name in nodes)}
    if unknown := [name for name in stages if name not in names]:
        raise StudyError(
            f"{files.file}: has no stage {', '.join(unknown)}; expected some of: {', '.join(sorted(names))}"
        )
    asked = [name for name in nodes if not stages or {name, name.partition(".")[0]} & set(stages)]
    # figures and page show all of a study
    needed = set(nodes) if set(asked) & set(SHOWN) else {need for name in asked for need in upstream(order, name)}
    if alternatives and not files.study.alternatives:
        raise StudyError(f"{files.file}: lists no `alternatives:`; write some into the study file, or run without")
    say("check")
    for note in check_files(files):
        say(f"check: {note}")
    if alternatives:
        check_alternatives(files)
    work = Work(files, Store(out, files.file.parent, roots=files.roots), n_jobs)
    with work.store.alone(), one_blas_thread(), engine(dask, n_jobs):
        write_description(out, files.study.about.title, files.study.about, simulated=files.simulated)
        with replacing(out / "study.yaml") as new:
            new.write_bytes(content)
        work.drop_others(nodes)
        for name in nodes:
            if name == "report" and alternatives:
                run_alternatives(work)
            elif name == "report":
                forget_outdated(work)
            if name in asked:
                bring_up_to_date(work, name)
            elif name in needed:
                work.load(name)
        write_crate(work.store, files.study.about, files.study)
        write_deposit(work.store, files.study, references_of(files.study))
        write_bidsignore(out, patterns=MAP_FILES)
    page = out / "report.html"
    return page if page.exists() else out


def rewrite_page(out: Path) -> Path:
    """Write OUT/report.html again from what is in OUT.

    Raises:
        DataError: another version made it, or a node is missing.
    """
    files = read_study(out / "study.yaml")
    work = Work(files, Store(out))
    if any(record["code"] != code_hash() for record in work.store.records().values()):
        raise DataError(f"{out}: made by another version of cuecircuit; bring it up to date with `cuecircuit run`")
    with work.store.alone():
        for node in work.nodes:
            work.load(node)
        work.store.run(stage_of(work, "report"))
    return out / "report.html"
