"""A page of quality for every subject, and one of the group with the scans that stand out from the others.

Nobody is left out by this: `subjects.exclude` of the study file does that, with a reason.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from cuecircuit.figures.quality import QualityPage, ScanMeasure, quality_overview, quality_page
from cuecircuit.figures.saving import rendered, rendered_png
from cuecircuit.imaging.quality import WORSE, outlying
from cuecircuit.imaging.scan_flags import flag_rules, jumps, scan_flags
from cuecircuit.io.atomic import replacing
from cuecircuit.io.bids import ScanFiles
from cuecircuit.io.tables import column_notes, read_table, write_table
from cuecircuit.pipeline.engine import engine
from cuecircuit.pipeline.faults import faults_named
from cuecircuit.pipeline.store import Stage, Store
from cuecircuit.pipeline.subject_stages import run_subjects
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.report.content import FigureItem, Paragraph, ReportContent, Section, TableItem
from cuecircuit.report.neighbors import pages_near
from cuecircuit.report.page import data_uri, render
from cuecircuit.report.tables import tsv
from cuecircuit.study.acquisition import Quality

QUALITY_TABLE = "quality/scans.tsv"
_LONG = 30  # rows above which a table is folded
_PAGE_DPI = 160  # half a megabyte a scan
_LABELS = {
    "tsnr": "temporal signal-to-noise",
    "dvars": "DVARS (%)",
    "framewise_displacement": "framewise displacement (mm)",
    "covered": "share of the mask that varies",
}
RULE = (
    "A scan stands out where it lies further than 3 scaled median absolute deviations from the median of all scans on "
    "the bad side (Leys et al. 2013), and by a tenth of the median at least: low temporal signal-to-noise, high DVARS "
    "or displacement, low coverage of the mask. Nobody is left out by this; subjects.exclude of the study file does "
    "that, with a reason."
)
COLUMNS = column_notes("quality")


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityWork:
    """What the pages of a study are made of; `subtitle` and `banner` are those of the study's page.

    `groups`: subject to group, in the order of the pages; `order`: of the groups; `excluded`: subject to reason;
    `settings`, `space_files`: what a page depends on beside its scans; `look`: reads a scan and returns its row and
    its page; `limits`, `head_radius_mm`: when a scan is flagged.
    """

    title: str
    subtitle: str
    banner: str
    scans: tuple[ScanFiles, ...]
    groups: Mapping[str, str]
    order: tuple[str, ...]
    excluded: Mapping[str, str]
    settings: Mapping[str, Any]
    space_files: tuple[Path, ...]
    look: Callable[[ScanFiles], tuple[dict[str, object], QualityPage]]
    limits: Quality
    head_radius_mm: float | None


def write_pages(work: QualityWork, store: Store, *, n_jobs: int = 1, dask: str | None = None) -> Path:
    """Write the pages of all subjects and the group's below the folder of `store`; what is up to date stays.

    Returns:
        The page of the group.

    Raises:
        DataError: what was wrong with each subject that could not be drawn, after all others are done.
    """
    stages = [_stage(work, subject) for subject in work.groups if any(scan.subject == subject for scan in work.scans)]
    with store.alone(), one_blas_thread(), engine(dask, n_jobs):
        try:
            run_subjects(store, stages, n_jobs=n_jobs, what="quality")
        finally:  # those that could be drawn are shown
            _write_group(work, store)
    return store.root / "quality" / "index.html"


def _stage(work: QualityWork, subject: str) -> Stage:
    scans = tuple(scan for scan in work.scans if scan.subject == subject)
    inputs = [path for scan in scans for path in (scan.bold, scan.events, scan.physio, scan.confounds) if path]
    return Stage(
        name=f"quality-{subject}",
        target=f"quality/sub-{subject}",
        settings=work.settings,
        inputs=(*inputs, *work.space_files),
        make=partial(_make, work.look, work.banner, subject, scans),
    )


def _make(
    look: Callable[[ScanFiles], tuple[dict[str, object], QualityPage]],
    banner: str,
    subject: str,
    scans: tuple[ScanFiles, ...],
    folder: Path,
) -> None:
    rows, sections = [], []
    for number, files in enumerate(scans):
        with faults_named(files.bold, unless=files.bold.parent):
            row, shown = look(files)
            rows.append({"volumes": len(shown.series), "jumps": int(jumps(shown.dvars_percent).sum()), **row})
            png = rendered_png(quality_page(shown), dpi=_PAGE_DPI)
        alt = f"Quality of {files.name}: mean with outline, tSNR, displacement, DVARS, breathing, carpet, design"
        image = Markup('<img src="{}" alt="{}" style="max-width:100%">').format(data_uri(png, "image/png"), alt)
        sections.append(Section(id=f"scan{number}", title=files.name, items=(Paragraph(text=image),)))
    numbers = pd.DataFrame(rows)
    table = numbers[[name for name in COLUMNS if name in numbers]]
    first = Section(id="numbers", title="Numbers", items=(TableItem(id="scans", title="Scans", frame=table),))
    page = ReportContent(
        title=f"sub-{subject}",
        subtitle="Quality of the scans",
        sections=(first, *sections),
        banner=banner,
        pages={"../index.html": "All scans"},
    )
    (folder / "index.html").write_text(render(page), encoding="utf-8")
    write_table(folder / "scans.tsv", table, {name: COLUMNS[name] for name in table})


def _write_group(work: QualityWork, store: Store) -> None:
    folder = store.root / "quality"
    store.check_inside(folder)
    tables = [(subject, folder / f"sub-{subject}" / "scans.tsv") for subject in work.groups]
    text = ("session", "voxels", "faults")
    parts = [read_table(path, text=text).assign(subject=subject) for subject, path in tables if path.is_file()]
    if not parts:
        return
    table = pd.concat(parts, ignore_index=True)
    table = table.assign(
        group=table["subject"].map(work.groups),
        flags=scan_flags(table, work.limits, head_radius_mm=work.head_radius_mm),
        stands_out=stands_out(table),
        excluded=[work.excluded.get(subject) for subject in table["subject"]],
    ).sort_values("group", key=lambda of: of.map(work.order.index), kind="stable")
    table = table[[name for name in COLUMNS if name in table]]
    write_table(store.root / QUALITY_TABLE, table, {name: COLUMNS[name] for name in table})
    links = Markup(", ").join(
        Markup('<a href="sub-{0}/index.html">{0}</a>').format(subject) for subject in table["subject"].unique()
    )
    items = (
        overview_item(table, "group"),
        *_scan_tables(table, grouped=len(work.order) > 1),
        Paragraph(heading="Flags", text=Markup.escape(flag_rules(work.limits, head_radius_mm=work.head_radius_mm))),
        Paragraph(heading="Subjects", text=links),
    )
    page = ReportContent(
        title=f"Quality: {work.title}",
        subtitle=work.subtitle,
        banner=work.banner,
        pages=pages_near(folder / "index.html", work.title),
        sections=(Section(id="group", title="All scans", items=items),),
    )
    with replacing(folder / "index.html") as new:
        new.write_text(render(page), encoding="utf-8")


def _scan_tables(table: pd.DataFrame, *, grouped: bool) -> Iterator[TableItem]:
    """Yield the scans to look at first, where there are any, and all scans; a column without an entry is not shown."""
    shown = table[[name for name in table if table[name].notna().any() and (grouped or name != "group")]]
    first = (table["flags"] != "none") | (table["stands_out"] != "none") | table["faults"].notna()
    if first.any():
        yield TableItem(id="first", title="Scans to look at first", frame=table[first], display=shown[first])
    yield TableItem(id="scans", title="All scans", frame=table, display=shown, folded=len(table) > _LONG)


def stands_out(table: pd.DataFrame) -> list[str]:
    """Name for each scan the measures in which it stands out."""
    bad = {name: outlying(table[name].to_numpy(dtype=float), worse=sign) for name, sign in WORSE.items()}
    return [", ".join(name for name in bad if bad[name][row]) or "none" for row in range(len(table))]


def overview_item(table: pd.DataFrame, group: str) -> FigureItem:
    """Show every scan's numbers by group; `table` has subject, run, the group and the measures, perhaps session."""
    keys = [name for name in ("subject", "session", "run") if name in table and table[name].notna().any()]
    names = [" ".join(str(part) for part in row if pd.notna(part)) for row in table[keys].to_numpy()]
    groups = {str(level): np.flatnonzero(table[group] == level).tolist() for level in table[group].unique()}
    measures = []
    for name, sign in WORSE.items():
        values = table[name].to_numpy(dtype=float)
        measures.append(ScanMeasure(label=_LABELS[name], values=values, stands_out=outlying(values, worse=sign)))
    files = rendered(quality_overview(names, groups, measures))
    caption = f"Every scan. Dotted line: median; diamonds with names: scans that stand out. {RULE}"
    shown = table[[*keys, group, *WORSE]].assign(stands_out=stands_out(table))
    return FigureItem(
        id="quality_overview",
        title="Scans that stand out",
        caption=caption,
        alt=caption,
        svg=files.svg,
        tsv=tsv(shown),
        wide=True,
    )


def pages_item(out: Path) -> Paragraph:
    """Lead from the report in `out` to the pages, or say how they are made."""
    if (out / QUALITY_TABLE).exists():
        link = '<a href="quality/index.html">quality/index.html</a>'
        return Paragraph(text=Markup("A page for every subject lies beside this one: {}.").format(Markup(link)))
    return Paragraph(
        text=Markup("<code>cuecircuit quality</code> with the same folder draws a page for every subject.")
    )
