"""The figures of the paper: from the tables and maps of the stages before, with the TSV each is drawn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats as distributions

from cuecircuit.errors import StudyError
from cuecircuit.group.side_by_side import METHODS
from cuecircuit.io.derivatives import map_name
from cuecircuit.io.nifti import read_mask, read_volume
from cuecircuit.io.tables import ColumnNote, read_table, write_table
from cuecircuit.pipeline.group.corrections import method_map
from cuecircuit.pipeline.job import Job
from cuecircuit.pipeline.space import read_space_atlas
from cuecircuit.pipeline.store import Stage
from cuecircuit.report.captions import infusions_label, method_label, pairing_label, severity_label
from cuecircuit.report.marks import adjustment_name
from cuecircuit.study.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cuecircuit.report.viewer import RegionDots

FIGURES = ("fig1a", "fig1b", "fig1c", "fig2a", "fig2b", "fig2c", "fig2d", "fig2e", "fig2f")
CORRECTIONS_FIGURE = "corrections_map"
VIEWER = "viewer.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRegion:
    """A region of figure 2, and whether its number is that of the cluster or, having no voxel in it, of the whole."""

    name: str
    extent: str


def figures_stage(job: Job) -> Stage:
    """Make the stage that draws all figures."""
    study, out = job.study, job.out
    tables = ("sessions", "escalation_posthoc", "conditioning")
    inputs = [out / "behavior" / f"{name}.tsv" for name in tables]
    inputs += [out / "group" / map_name(study.group.effect, kind) for kind in ("F", "pfwe", "cluster")]
    inputs += [out / "group" / "terms.tsv", out / "regions" / "responses.tsv", out / "regions" / "correlations.tsv"]
    inputs += [out / "group" / name for name in comparison_files(study)]
    inputs += [
        job.path(path) for path in (study.space.anatomy, study.space.mask, study.space.atlas, study.space.labels)
    ]
    settings = {
        name: getattr(study, name)
        for name in ("subjects", "behavior", "cues", "space", "group", "correction", "regions", "correlations")
    }
    return Stage(name="figures", target="figures", settings=settings, inputs=tuple(inputs), make=partial(_make, job))


def figure_names(study: Study) -> tuple[str, ...]:
    """Name the figures of a study, in the order they are drawn."""
    return (*FIGURES, *((CORRECTIONS_FIGURE,) if study.correction.compare else ()))


def comparison_files(study: Study) -> tuple[str, ...]:
    """Name the files in group/ that hold the corrections side by side; none where the study compares none."""
    methods = study.correction.compare
    maps = (method_map(study.group.effect, method) for method in methods)
    return (*maps, "corrections.tsv") if methods else ()


def shown_regions(job: Job) -> tuple[ShownRegion, ...]:
    """Choose the two regions of figure 2: those the study names, or those with the smallest q.

    Raises:
        StudyError: the study names a region the atlas does not have.
    """
    study = job.study
    table = read_table(job.out / "regions" / "correlations.tsv", text=("region",)).set_index("region")
    unknown = [name for name in study.regions.shown if name not in table.index]
    if unknown:
        raise StudyError(f"regions.shown: the atlas has no region {', '.join(unknown)}")
    names = study.regions.shown or tuple(table.sort_values("q").index)
    return tuple(shown_region(job, str(name)) for name in names[:2])


def shown_region(job: Job, name: str) -> ShownRegion:
    """Choose what of a region is shown: what the study averages, or the whole where no voxel of that is left."""
    voxels = read_table(job.out / "regions" / "correlations.tsv", text=("region",)).set_index("region")["voxels"]
    return ShownRegion(name=name, extent=job.study.regions.extent if voxels[name] > 0 else "region")


def _make(job: Job, folder: Path) -> None:
    draw = _Drawing(job=job, folder=folder)
    draw.escalation()
    draw.conditioning()
    draw.slices()
    draw.viewer()
    if job.study.correction.compare:
        draw.corrections()
    for letters, region in zip(("abc", "def"), shown_regions(job), strict=False):
        draw.region(letters[0], region)
        draw.cells(letters[1], region)
        draw.scatter(letters[2], region)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawing:
    """Reads what a figure shows, draws it, and writes figure and table side by side."""

    job: Job
    folder: Path

    def escalation(self) -> None:
        from cuecircuit.figures.escalation import escalation_figure

        study = self.job.study
        phase = study.phase(study.behavior.escalation)
        measure = "infusions" if study.behavior.count == "session" else "first_hour_infusions"
        sessions = self._behavior("sessions")
        own = sessions[(sessions["phase"] == phase.name) & (sessions["session"] <= phase.sessions)]
        wide = own.pivot(index=["subject", "group"], columns="session", values=measure)
        posthoc = self._behavior("escalation_posthoc").pivot(index="group", columns="session", values="p_adjusted")
        adjusted = posthoc.reindex(index=list(study.subjects.groups), columns=wide.columns).to_numpy(float)
        figure = escalation_figure(
            wide.to_numpy(float),
            tuple(wide.index.get_level_values("group")),
            study.subjects.groups,
            adjusted_p=adjusted,
            adjustment=adjustment_name(study),
            measure=infusions_label(study),
        )
        data = own[["subject", "group", "session", measure]].sort_values(["group", "subject", "session"])
        self._save("fig1a", figure, data, {measure: "infusions"})

    def conditioning(self) -> None:
        from cuecircuit.figures.conditioning import conditioning_figure

        study, data = self.job.study, self._behavior("conditioning")
        treatments = [treatment.name for treatment in study.phase(study.behavior.conditioning).treatments]
        wide = data.pivot(index=["subject", "group"], columns="treatment", values="infusions")[treatments]
        figure = conditioning_figure(
            wide.to_numpy(float),
            tuple(wide.index.get_level_values("group")),
            study.subjects.groups,
            treatments=treatments,
            measure=pairing_label(study),
        )
        self._save("fig1b", figure, data, {"infusions": "mean infusions per pairing"})

    def slices(self) -> None:
        from cuecircuit.figures.slices import slices_figure

        study, group = self.job.study, self.job.out / "group"
        f, grid = read_volume(group / map_name(study.group.effect, "F"))
        p, _ = read_volume(group / map_name(study.group.effect, "pfwe"))
        mask, _ = read_mask(self.job.path(study.space.mask))
        anatomy, anatomy_grid = read_volume(self.job.path(study.space.anatomy))
        terms = read_table(group / "terms.tsv", text=("term",)).set_index("term").loc[study.group.effect]
        significant = mask & (p <= study.correction.alpha)
        figure = slices_figure(
            f,
            significant,
            mask,
            grid,
            anatomy=anatomy,
            anatomy_grid=anatomy_grid,
            label=f"F({terms['df1']}, {terms['df2']})",
            reference=study.space.reference_point,
        )
        mm = grid.mm(np.argwhere(significant).astype(float))
        data = pd.DataFrame(np.round(mm, 3), columns=["x", "y", "z"])
        data["F"], data["p_fwe"] = f[significant], p[significant]
        notes: dict[str, ColumnNote] = {axis: {"Units": "mm"} for axis in "xyz"}
        self._save("fig1c", figure, data, {**notes, "F": "statistic of the effect", "p_fwe": "of the voxel's cluster"})

    def viewer(self) -> None:
        from cuecircuit.report.viewer import BrainVolumes, viewer_json

        study, group = self.job.study, self.job.out / "group"
        f, grid = read_volume(group / map_name(study.group.effect, "F"))
        mask, _ = read_mask(self.job.path(study.space.mask))
        anatomy, anatomy_grid = read_volume(self.job.path(study.space.anatomy))
        atlas = read_space_atlas(self.job.files)
        terms = read_table(group / "terms.tsv", text=("term",)).set_index("term").loc[study.group.effect]
        volumes = BrainVolumes(
            grid=grid,
            anatomy=anatomy,
            anatomy_grid=anatomy_grid,
            statistic=f,
            mask=mask,
            survives=read_volume(group / map_name(study.group.effect, "pfwe"))[0] <= study.correction.alpha,
            clusters=read_volume(group / map_name(study.group.effect, "cluster"))[0].astype(np.int32),
            regions=atlas.labels,
        )
        text = viewer_json(
            volumes,
            [self._dots(label, name) for label, name in atlas.names.items()],
            levels=study.subjects.groups,
            cues=study.cues.levels,
            statistic=f"F({terms['df1']}, {terms['df2']})",
            threshold=float(distributions.f.isf(study.correction.voxel_p, terms["df1"], terms["df2"])),
            reference=study.space.reference_point,
        )
        (self.folder / VIEWER).write_text(text + "\n", encoding="utf-8")

    def _dots(self, label: int, name: str) -> "RegionDots":
        from cuecircuit.report.viewer import RegionDots

        region = shown_region(self.job, name)
        wide = self._wide(region)
        extent = "part in the cluster" if region.extent == "cluster" else "whole region"
        return RegionDots(
            name=name,
            label=label,
            extent=extent,
            responses=wide.to_numpy(float),
            groups=tuple(wide.index.get_level_values(self.job.study.subjects.group)),
        )

    def corrections(self) -> None:
        from cuecircuit.figures.corrections import corrections_figure

        study, group = self.job.study, self.job.out / "group"
        f, grid = read_volume(group / map_name(study.group.effect, "F"))
        mask, _ = read_mask(self.job.path(study.space.mask))
        anatomy, anatomy_grid = read_volume(self.job.path(study.space.anatomy))
        survivors = {
            method: mask & (read_volume(group / method_map(study.group.effect, method))[0] <= study.correction.alpha)
            for method in study.correction.compare
        }
        terms = read_table(group / "terms.tsv", text=("term",)).set_index("term").loc[study.group.effect]
        figure = corrections_figure(
            f,
            {method_label(method): kept for method, kept in survivors.items()},
            mask,
            grid,
            anatomy=anatomy,
            anatomy_grid=anatomy_grid,
            label=f"F({terms['df1']}, {terms['df2']})",
            reference=study.space.reference_point,
        )
        anywhere = np.any(list(survivors.values()), axis=0)
        data = pd.DataFrame(np.round(grid.mm(np.argwhere(anywhere).astype(float)), 3), columns=["x", "y", "z"])
        data["F"] = f[anywhere]
        notes: dict[str, ColumnNote] = {axis: {"Units": "mm"} for axis in "xyz"}
        for method, kept in zip(study.correction.compare, survivors.values(), strict=True):
            data[method] = np.where(kept[anywhere], "yes", "no")
            notes[method] = f"whether the voxel survives: {METHODS[method]}"
        self._save(CORRECTIONS_FIGURE, figure, data, {**notes, "F": "statistic of the effect"})

    def region(self, letter: str, region: ShownRegion) -> None:
        from cuecircuit.figures.glass_brain import glass_brain_figure

        atlas = read_space_atlas(self.job.files)
        mask, grid = read_mask(self.job.path(self.job.study.space.mask))
        label = next(label for label, name in atlas.names.items() if name == region.name)
        inside = atlas.labels == label
        figure = glass_brain_figure(inside, mask, grid, title=region.name)
        data = pd.DataFrame(np.round(grid.mm(np.argwhere(inside).astype(float)), 3), columns=["x", "y", "z"])
        self._save(f"fig2{letter}", figure, data, {axis: {"Units": "mm"} for axis in "xyz"})

    def cells(self, letter: str, region: ShownRegion) -> None:
        from cuecircuit.figures.cells import cells_figure

        study, wide = self.job.study, self._wide(region)
        figure = cells_figure(
            wide.to_numpy(float),
            tuple(wide.index.get_level_values(study.subjects.group)),
            study.subjects.groups,
            cues=study.cues.levels,
            title=region.name,
        )
        self._save(f"fig2{letter}", figure, self._responses(region), {})

    def scatter(self, letter: str, region: ShownRegion) -> None:
        from cuecircuit.figures.scatter import CorrelationNote, scatter_figure

        study, wanted = self.job.study, self.job.study.correlations
        responses = self._responses(region)
        responses = responses[responses[study.cues.factor] == wanted.cue]
        behavior = self._behavior("conditioning")
        behavior = behavior[behavior["treatment"] == wanted.treatment][["subject", "infusions"]]
        data = responses.merge(behavior, on="subject")
        suffix = "" if region.extent == study.regions.extent else f"_{region.extent}"
        table = read_table(self.job.out / "regions" / f"correlations{suffix}.tsv", text=("region",))
        found = table.set_index("region").loc[region.name]
        numbers = {name: float(found[name]) for name in ("r", "p", "q", "r_within", "p_within")}
        figure = scatter_figure(
            data["infusions"].to_numpy(float),
            data["response"].to_numpy(float),
            tuple(data[study.subjects.group]),
            study.subjects.groups,
            note=CorrelationNote(n=int(found["n"]), **numbers),
            title=region.name,
            behavior_label=severity_label(study),
            response_label=f"BOLD change to {wanted.cue} cue (%)",
        )
        self._save(f"fig2{letter}", figure, data, {"infusions": f"mean infusions under {wanted.treatment}"})

    def _behavior(self, name: str) -> pd.DataFrame:
        return read_table(self.job.out / "behavior" / f"{name}.tsv", text=("subject", "group", "treatment", "phase"))

    def _responses(self, region: ShownRegion) -> pd.DataFrame:
        table = read_table(self.job.out / "regions" / "responses.tsv", text=("subject",))
        return table[(table["region"] == region.name) & (table["extent"] == region.extent)].reset_index(drop=True)

    def _wide(self, region: ShownRegion) -> pd.DataFrame:
        study = self.job.study
        wide = self._responses(region).pivot(
            index=["subject", study.subjects.group], columns=study.cues.factor, values="response"
        )
        return wide[list(study.cues.levels)]

    def _save(self, name: str, figure: "Figure", data: pd.DataFrame, notes: Mapping[str, ColumnNote]) -> None:
        from cuecircuit.figures.saving import save

        study = self.job.study
        known: dict[str, ColumnNote] = {
            "subject": "participant label",
            "group": "group",
            study.subjects.group: "group",
            study.cues.factor: "meaning of the cue",
            "session": "number, from 1",
            "treatment": "treatment of the pairing",
            "region": "atlas region",
            "extent": "voxels averaged: of the region in the cluster, or of the whole region",
            "response": {"Description": "mean over voxels and block levels", "Units": "% BOLD change"},
        }
        save(figure, self.folder / name)
        write_table(self.folder / f"{name}.tsv", data, {**known, **notes})
