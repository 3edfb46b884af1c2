"""A page of quality for every subject, and one of the group with the scans that stand out from the others.

Nobody is left out by this: `subjects.exclude` of the study file does that, with a reason.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup

from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.figures.quality import QualityPage, ScanMeasure, quality_overview, quality_page
from cuecircuit.figures.saving import rendered, rendered_png
from cuecircuit.imaging.first_level import design_matrix
from cuecircuit.imaging.quality import WORSE, outlying, scan_quality
from cuecircuit.imaging.respiration import find_breaths, plausible_rates
from cuecircuit.io.atomic import replacing
from cuecircuit.io.bids import ScanFiles, read_participants
from cuecircuit.io.tables import read_table, write_table
from cuecircuit.pipeline.cells import scans_of
from cuecircuit.pipeline.engine import engine
from cuecircuit.pipeline.firstlevel import run_subjects
from cuecircuit.pipeline.job import Job, read_study
from cuecircuit.pipeline.scan import Scan, glm_events, quality_row, read_scan, regressors_of, respiration_of
from cuecircuit.pipeline.store import Stage, Store
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.report.content import FigureItem, Paragraph, ReportContent, Section, TableItem
from cuecircuit.report.page import data_uri, render
from cuecircuit.report.tables import tsv
from cuecircuit.study.study import Study

QUALITY_TABLE = "quality/scans.tsv"
_PAGE_DPI = 160  # half a megabyte a scan
_LABELS = {
    "tsnr": "temporal signal-to-noise",
    "dvars": "DVARS (%)",
    "framewise_displacement": "framewise displacement (mm)",
}
RULE = (
    "A scan stands out where it lies further than 3 scaled median absolute deviations from the median of all scans on "
    "the bad side (Leys et al. 2013): low temporal signal-to-noise, high DVARS or displacement. Nobody is left out by "
    "this; subjects.exclude of the study file does that, with a reason."
)
COLUMNS = {
    "subject": "participant label",
    "group": "of the participants table",
    "run": "scan",
    "stands_out": "measures further than 3 scaled median absolute deviations from the median, on the bad side",
    "excluded": "reason of the study file (subjects.exclude); n/a where none",
    "tsnr": "temporal signal-to-noise ratio, median over the mask",
    "dvars": {"Description": "root mean square change from volume to volume, median", "Units": "%"},
    "framewise_displacement": {"Description": "mean over volumes", "Units": "mm"},
    "nuisance_df": "degrees of freedom left after nuisance regression",
    "censored": "volumes left out",
}
_SCAN_COLUMNS = ("run", "tsnr", "dvars", "framewise_displacement", "nuisance_df", "censored")


def write_quality(study: Path, out: Path, *, n_jobs: int = 1, dask: str | None = None) -> Path:
    """Write the pages of all subjects and the group's into `out`/quality; what is up to date is not done again.

    Excluded subjects are shown as well. Give `out` the folder of `run`, and its report leads here.

    Raises:
        DataError: what was wrong with each subject that could not be drawn, after all others are done.
    """
    if dask is not None:  # workers stand in folders of their own
        study, out = study.absolute(), out.absolute()
    files = read_study(study)
    job = Job(files=files, store=Store(out, study.parent), n_jobs=n_jobs)
    subjects = read_participants(
        files.path(files.study.subjects.participants),
        group=files.study.subjects.group,
        levels=files.study.subjects.groups,
    )
    groups = dict(zip(subjects["subject"], subjects[files.study.subjects.group], strict=True))
    scans = scans_of(files)
    stages = [_stage(job, subject, scans) for subject in groups if any(scan.subject == subject for scan in scans)]
    with job.store.alone(), one_blas_thread(), engine(dask, n_jobs):
        try:
            run_subjects(job, stages, what="quality")
        finally:  # those that could be drawn are shown
            _write_group(job, groups)
    return out / "quality" / "index.html"


def _stage(job: Job, subject: str, scans: tuple[ScanFiles, ...]) -> Stage:
    own = tuple(scan for scan in scans if scan.subject == subject)
    study, space = job.study, job.study.space
    inputs = [path for scan in own for path in (scan.bold, scan.events, scan.physio, scan.confounds) if path]
    inputs += [job.path(path) for path in (space.mask, space.white_matter, space.ventricles)]
    return Stage(
        name=f"quality-{subject}",
        target=f"quality/sub-{subject}",
        settings={name: getattr(study, name) for name in ("acquisition", "cues", "nuisance", "response", "space")},
        inputs=tuple(inputs),
        make=partial(_make, job, subject, own),
    )


def _make(job: Job, subject: str, scans: tuple[ScanFiles, ...], folder: Path) -> None:
    rows, sections = [], []
    for number, files in enumerate(scans):
        try:
            scan = read_scan(job, files)
            row = quality_row(scan, job.study, None)
            png = rendered_png(quality_page(_page(job, scan)), dpi=_PAGE_DPI)
        except CuecircuitError as error:
            named = (fault if str(files.bold.parent) in fault else f"{files.bold}: {fault}" for fault in error.faults)
            raise DataError(named) from error
        rows.append(row)
        alt = f"Quality of {files.name}: mean with outline, tSNR, displacement, DVARS, breathing, carpet, design"
        image = Markup('<img src="{}" alt="{}" style="max-width:100%">').format(data_uri(png, "image/png"), alt)
        sections.append(Section(id=f"scan{number}", title=files.name, items=(Paragraph(text=image),)))
    table = pd.DataFrame(rows)[list(_SCAN_COLUMNS)]
    numbers = Section(id="numbers", title="Numbers", items=(TableItem(id="scans", title="Scans", frame=table),))
    page = ReportContent(title=f"sub-{subject}", subtitle="Quality of the scans", sections=(numbers, *sections))
    (folder / "index.html").write_text(render(page), encoding="utf-8")
    write_table(folder / "scans.tsv", table, {name: COLUMNS[name] for name in _SCAN_COLUMNS})


def _write_group(job: Job, groups: dict[str, str]) -> None:
    folder = job.out / "quality"
    found = [(subject, folder / f"sub-{subject}" / "scans.tsv") for subject in groups]
    parts = [read_table(path).assign(subject=subject) for subject, path in found if path.is_file()]
    if not parts:
        return
    table = pd.concat(parts, ignore_index=True)
    excluded = job.study.subjects.exclude
    table = table.assign(
        group=table["subject"].map(groups),
        stands_out=stands_out(table),
        excluded=[excluded.get(subject) for subject in table["subject"]],
    )[list(COLUMNS)].sort_values("group", key=lambda of: of.map(job.study.subjects.groups.index), kind="stable")
    write_table(job.out / QUALITY_TABLE, table, COLUMNS)
    links = Markup(", ").join(
        Markup('<a href="sub-{0}/index.html">{0}</a>').format(subject) for subject in table["subject"].unique()
    )
    items = (
        overview_item(table, "group"),
        TableItem(id="scans", title="Scans", frame=table),
        Paragraph(heading="Subjects", text=links),
    )
    page = ReportContent(
        title=f"Quality: {job.study.about.title}",
        subtitle=job.study.about.reference,
        sections=(Section(id="group", title="All scans", items=items),),
    )
    with replacing(folder / "index.html") as new:
        new.write_text(render(page), encoding="utf-8")


def stands_out(table: pd.DataFrame) -> list[str]:
    """Name for each scan the measures in which it stands out."""
    bad = {name: outlying(table[name].to_numpy(dtype=float), worse=sign) for name, sign in WORSE.items()}
    return [", ".join(name for name in bad if bad[name][row]) or "none" for row in range(len(table))]


def overview_item(table: pd.DataFrame, group: str) -> FigureItem:
    """Show every scan's numbers by group; `table` has subject, run, the group and the measures."""
    names = [f"{subject} {run}" for subject, run in zip(table["subject"], table["run"], strict=True)]
    groups = {str(level): np.flatnonzero(table[group] == level).tolist() for level in table[group].unique()}
    measures = []
    for name, sign in WORSE.items():
        values = table[name].to_numpy(dtype=float)
        measures.append(ScanMeasure(label=_LABELS[name], values=values, stands_out=outlying(values, worse=sign)))
    files = rendered(quality_overview(names, groups, measures))
    caption = f"Every scan. Dotted line: median; diamonds with names: scans that stand out. {RULE}"
    shown = table[["subject", "run", group, *WORSE]].assign(stands_out=stands_out(table))
    return FigureItem(
        id="quality_overview",
        title="Scans that stand out",
        caption=caption,
        alt=caption,
        svg=files.svg,
        png=files.png,
        tsv=tsv(shown),
        wide=True,
    )


def _page(job: Job, scan: Scan) -> QualityPage:
    study, series = job.study, scan.series
    quality = scan_quality(series.data[scan.mask].T, motion=scan.motion, head_radius_mm=study.nuisance.head_radius_mm)
    tsnr = np.full(scan.mask.shape, np.nan, np.float32)
    tsnr[scan.mask] = quality.tsnr
    breath_s, per_min = _breathing(job, scan)
    design = _design(scan, study)
    return QualityPage(
        title=scan.files.name,
        tr_s=series.tr_s,
        mean=series.data.mean(axis=3),
        tsnr=tsnr,
        mask=scan.mask,
        series=series.data[scan.mask].T,
        framewise_mm=quality.framewise_mm,
        dvars_percent=quality.dvars_percent,
        design=design.to_numpy(),
        design_names=[str(name) for name in design.columns],
        blocks_s=[(block.onset_s, block.onset_s + block.duration_s) for block in scan.blocks],
        breath_s=breath_s,
        breaths_per_min=per_min,
    )


def _design(scan: Scan, study: Study) -> pd.DataFrame:
    plain = study.nuisance.model_copy(update={"drift_period_s": None})
    return design_matrix(
        glm_events(scan, study),
        n_volumes=scan.series.data.shape[3],
        tr_s=scan.series.tr_s,
        hrf=study.response.hrf,
        drift_period_s=study.nuisance.drift_period_s,
        fir_s=study.response.peri_cue_s[1],
        nuisance=regressors_of(scan, plain)[0],
    )


def _breathing(job: Job, scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    trace = respiration_of(job, scan.files)
    if trace is None:
        return np.empty(0), np.empty(0)
    breathing = find_breaths(trace, plausible_rates(job.study.subjects.species))
    rate = np.where(breathing.valid, 60 / np.diff(breathing.peak_s), np.nan)
    return breathing.peak_s[1:], rate
