"""The page: tables, figures and settings of a run to one offline file; all it needs lies in the output folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.figures.scatter import CorrelationNote
from cuecircuit.group.correction import voxels_needed
from cuecircuit.io.tables import read_json, read_table
from cuecircuit.pipeline.alternatives.page import alternative_outputs, alternative_sections
from cuecircuit.pipeline.behavior import session_kinetics
from cuecircuit.pipeline.behavior_figures import session_captions
from cuecircuit.pipeline.figures import (
    CORRECTIONS_FIGURE,
    VIEWER,
    ShownRegion,
    comparison_files,
    figure_names,
    shown_regions,
)
from cuecircuit.pipeline.job import Job, read_study
from cuecircuit.pipeline.provenance import software
from cuecircuit.pipeline.quality import QUALITY_TABLE, overview_item, pages_item, stands_out
from cuecircuit.pipeline.store import Stage, Store, code_hash
from cuecircuit.report import captions, sections, shared_sections
from cuecircuit.report.content import FigureItem, Item, ReportContent, Section, TableItem, ViewerItem
from cuecircuit.report.methods import RunFacts
from cuecircuit.report.page import render
from cuecircuit.study.study import Study

TABLES = (
    "behavior/escalation_anova",
    "behavior/escalation_posthoc",
    "behavior/conditioning_anova",
    "behavior/faults",
    "group/maps",
    "group/terms",
    "group/clusters",
    "group/smoothness",
    "regions/table1",
    "regions/correlations",
    "group/cluster_regions",
)


def report_stage(job: Job) -> Stage:
    """Make the stage that writes the page."""
    out = job.out
    inputs = [out / f"{name}.tsv" for name in TABLES]
    names = figure_names(job.study)
    inputs += [out / "figures" / f"{name}.{kind}" for name in names for kind in ("svg", "png", "tsv")]
    inputs += [out / "group" / name for name in comparison_files(job.study)]
    inputs += _session_files(out)
    inputs += alternative_outputs(job)
    inputs += [out / "figures" / VIEWER, out / "group" / "settings.json", *_quality_files(out)]
    inputs += out.glob(QUALITY_TABLE)
    return Stage(
        name="report",
        target="report.html",
        settings={"study": job.study, "software": software()},
        inputs=tuple(inputs),
        make=partial(_make, job),
        folder=False,
    )


def rewrite_report(out: Path) -> Path:
    """Write OUT/report.html again from what is in OUT.

    Raises:
        DataError: OUT is not the folder of a run, another version made it, or a stage is missing.
    """
    if not (out / "study.yaml").is_file() or not (out / ".cuecircuit").is_dir():
        raise DataError(f"{out}: no results; expected the output folder of `cuecircuit run`")
    files, store = read_study(out / "study.yaml"), Store(out)
    job = Job(files=files, store=store)
    if any(record["code"] != code_hash() for record in job.store.records().values()):
        raise DataError(f"{out}: made by another version of cuecircuit; bring it up to date with `cuecircuit run`")
    with job.store.alone():
        job.store.run(report_stage(job))
    return out / "report.html"


def _make(job: Job, new: Path) -> None:
    new.write_text(render(_Page(study=job.study, out=job.out, job=job).content()), encoding="utf-8")


def _session_files(out: Path) -> list[Path]:
    """Which figures of single sessions there are, and their files."""
    drawn = out / "behavior" / "figures.json"
    names = read_json(drawn) if drawn.is_file() else {}
    return [drawn, *(drawn.with_name(f"{name}.{kind}") for name in names for kind in ("svg", "png", "tsv"))]


def _quality_files(out: Path) -> list[Path]:
    return sorted(out.glob("sub-*/func/*_quality.tsv"))


@dataclass(frozen=True, kw_only=True)
class _Page:
    """Reads what the sections show."""

    study: Study
    out: Path
    job: Job

    def content(self) -> ReportContent:
        study, effect = self.study, self.study.group.effect
        survived = int(self.table("group/terms").set_index("term").loc[effect, "significant_voxels"])  # pyright: ignore
        return ReportContent(
            title=study.about.title,
            subtitle=study.about.reference,
            sections=(
                sections.study_section(study, self.facts.subjects),
                sections.behavior_section(
                    self.figure("fig1a", captions.escalation_caption(study, self.facts.subjects), "1A"),
                    self.figure("fig1b", captions.conditioning_caption(study, self.facts.subjects), "1B"),
                    escalation_anova=self.table("behavior/escalation_anova"),
                    escalation_posthoc=self.table("behavior/escalation_posthoc"),
                    conditioning_anova=self.table("behavior/conditioning_anova"),
                    sessions=self.sessions(),
                ),
                shared_sections.quality_section(*self.quality()),
                sections.group_section(
                    study,
                    self.facts,
                    self.figure("fig1c", captions.map_caption(study, self.facts, survived=survived), "1C"),
                    self.terms(),
                    viewer=self.viewer(),
                ),
                sections.clusters_section(study, self.facts, self.clusters()),
                sections.regions_section(study, self.table1()),
                sections.correlations_section(study, self.panels(), self.table("regions/correlations")),
                *self.corrections(),
                *alternative_sections(self.job),
                sections.methods_section(study, self.facts),
                shared_sections.settings_section(study),
                shared_sections.provenance_section(self.inputs(), software(), study.seed),
            ),
        )

    def table(self, name: str) -> pd.DataFrame:
        return read_table(self.out / f"{name}.tsv", text=("subject", "term", "region", "group", "prefix"))

    @cached_property
    def facts(self) -> RunFacts:
        study, settings = self.study, read_json(self.out / "group" / "settings.json")
        term = self.table("group/terms").set_index("term").loc[study.group.effect]
        stratum = term["stratum"] if study.group.formula is None else "residual"
        smoothness = self.table("group/smoothness").set_index("stratum").loc[stratum]
        maps = self.maps().drop_duplicates("subject")[study.subjects.group].value_counts()
        acf = (float(smoothness["a"]), float(smoothness["b_mm"]), float(smoothness["c_mm"]))
        use_acf = study.correction.smoothness == "acf"
        return RunFacts(
            subjects={group: int(maps.get(group, 0)) for group in study.subjects.groups},
            voxels=int(settings["mask_voxels"]),
            voxel_mm=tuple(settings["voxel_mm"]),
            df=(float(term["df1"]), float(term["df2"])),
            acf=acf if use_acf else None,
            fwhm_mm=float(smoothness["fwhm_mm" if use_acf else "fwhm_classic_mm"]),
            cluster_voxels=voxels_needed(float(term["cluster_size"])),
            clusters=int(term["significant_clusters"]),
            versions=software(),
        )

    def sessions(self) -> list[FigureItem]:
        drawn = read_json(self.out / "behavior" / "figures.json")
        known = session_captions(self.study, session_kinetics(self.study))
        return [
            self.figure(name, caption, f"of the {name.replace('_', ' ')}", folder="behavior")
            for name, caption in known.items()
            if name in drawn
        ]

    def figure(self, name: str, caption: str, number: str, *, folder: str = "figures") -> FigureItem:
        stem = self.out / folder / name
        return FigureItem(
            id=name,
            title=f"Figure {number}",
            caption=caption,
            alt=str(getattr(caption, "striptags", lambda: caption)()),
            svg=stem.with_suffix(".svg").read_bytes(),
            png=stem.with_suffix(".png").read_bytes(),
            tsv=stem.with_suffix(".tsv").read_text(encoding="utf-8"),
            wide=name in ("fig1c", CORRECTIONS_FIGURE, "event_raster", "drug_level"),
        )

    def quality(self) -> tuple[Item, ...]:
        files = _quality_files(self.out)
        parts = [read_table(path, text=("nuisance_dropped",)) for path in files]
        scans = pd.concat(
            [part.assign(subject=path.name.split("_")[0]) for path, part in zip(files, parts, strict=True)]
        )
        group = self.study.subjects.group
        maps = self.maps()
        faults = self.table("behavior/faults")
        scans = scans[["subject", *parts[0].columns]].assign(stands_out=stands_out(scans))
        subjects = scans["subject"].str.removeprefix("sub-")
        grouped = scans.assign(subject=subjects, group=subjects.map(maps.groupby("subject")[group].first()))
        grouped = grouped.sort_values("group", key=lambda of: of.map(self.study.subjects.groups.index), kind="stable")
        return (
            pages_item(self.out),
            overview_item(grouped, "group"),
            *covariate_items(maps, (group, self.study.cues.factor), self.study.group.covariates),
            TableItem(id="scans", title="Scans", frame=scans, folded=True),
            TableItem(id="faults", title="Faults found in the operant logs", frame=faults, folded=len(faults) > 10),
        )

    def maps(self) -> pd.DataFrame:
        """The table of maps with the group of each; one group is no factor of the model, so that table lacks it."""
        table, subjects = self.table("group/maps"), self.study.subjects
        return table if subjects.group in table else table.assign(**{subjects.group: subjects.groups[0]})

    def terms(self) -> pd.DataFrame:
        shown = ["term", "stratum", "df1", "df2", "largest_f", "cluster_size", "significant_clusters"]
        table = self.table("group/terms")[[*shown, "significant_voxels"]]
        return table.rename(columns={"largest_f": "largest_F"})

    def clusters(self) -> pd.DataFrame:
        table = self.table("group/clusters")
        kept = table[table["p_fwe"] <= self.study.correction.alpha]
        text = kept["regions"].fillna("")
        shown = ["term", "cluster", "voxels", "mm3", "p_fwe", "peak_f", "peak_x", "peak_y", "peak_z"]
        return kept[shown].assign(regions=text).rename(columns={"mm3": "volume_mm3", "peak_f": "peak_F"})

    def viewer(self) -> ViewerItem:
        text = (self.out / "figures" / VIEWER).read_text(encoding="utf-8")
        return ViewerItem(
            title="Interactive brain",
            caption=captions.viewer_caption(self.study, self.facts),
            statistic="F",
            data=text.strip(),
        )

    def corrections(self) -> tuple[Section, ...]:
        study = self.study
        if not study.correction.compare:
            return ()
        table = self.table("group/corrections")
        survived = table.groupby("method", sort=False)["voxels_surviving"].sum()
        caption = captions.corrections_caption(study, self.facts, {str(name): int(n) for name, n in survived.items()})
        figure = self.figure(CORRECTIONS_FIGURE, caption, "of the corrections")
        return (sections.corrections_section(study, figure, table),)

    def table1(self) -> sections.RegionMeans:
        table = self.table("regions/table1")
        cells = [name.removesuffix("_mean") for name in table if name.endswith("_mean")]
        return sections.RegionMeans(
            regions=tuple(table["region"]),
            cells=tuple(cell.replace("_", " ") for cell in cells),
            means=table[[f"{cell}_mean" for cell in cells]].to_numpy(float),
            sems=table[[f"{cell}_sem" for cell in cells]].to_numpy(float),
            voxels=table["voxels"].to_numpy(int),
        )

    def panels(self) -> list[tuple[FigureItem, FigureItem, FigureItem]]:
        return [self.panel(*shown) for shown in zip(("abc", "def"), shown_regions(self.job), strict=False)]

    def panel(self, letters: str, region: ShownRegion) -> tuple[FigureItem, FigureItem, FigureItem]:
        study = self.study
        suffix = "" if region.extent == study.regions.extent else f"_{region.extent}"
        found = self.table(f"regions/correlations{suffix}").set_index("region").loc[region.name]
        numbers = {name: float(found[name]) for name in ("r", "p", "q", "r_within", "p_within")}
        note = CorrelationNote(n=int(found["n"]), **numbers)
        in_cluster = self.table("regions/table1").set_index("region").loc[region.name, "voxels"]
        text: Mapping[str, Callable[[], str]] = {
            letters[0]: lambda: captions.region_caption(study, region.name, int(in_cluster)),  # pyright: ignore
            letters[1]: lambda: captions.cells_caption(study, region.name, self.facts.subjects),
            letters[2]: lambda: captions.scatter_caption(study, region.name, note),
        }
        first, second, third = (
            self.figure(f"fig2{letter}", caption(), f"2{letter.upper()}") for letter, caption in text.items()
        )
        return first, second, third

    def inputs(self) -> pd.DataFrame:
        records = self.job.store.records().values()
        outputs = {name for record in records for name in record["outputs"]}
        found = {name: digest for record in records for name, digest in record["inputs"].items() if name not in outputs}
        return pd.DataFrame(sorted(found.items()), columns=["file", "sha256"])


def covariate_items(maps: pd.DataFrame, factors: Sequence[str], covariates: Sequence[str]) -> tuple[TableItem, ...]:
    """Mean and SD of the covariates that the maps have, in each combination of `factors`; nothing without any."""
    names = [name for name in covariates if name in maps]
    if not names:
        return ()
    cells = maps.groupby(list(factors), sort=False)[names].agg(["mean", "std"]).reset_index()
    cells.columns = [" ".join(filter(None, column)).replace(" std", " SD") for column in cells.columns]
    return (TableItem(id="covariates", title="Covariates by group and cue", frame=cells),)
