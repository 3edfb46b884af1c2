"""The figures of a study of people: maps that survive, regions by cell, against a measure and over sessions, behavior.

A map is drawn where something survives at the study's Z; else at the exploratory Z, and its caption says so; where
nothing survives at either, the tables say how far it was and nothing is drawn.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.io.derivatives import map_name
from cuecircuit.io.nifti import read_mask, read_volume
from cuecircuit.io.tables import ColumnNote, read_table, write_table
from cuecircuit.pipeline.job import PeopleJob
from cuecircuit.pipeline.people.group import group_folder
from cuecircuit.pipeline.people.regions import measured
from cuecircuit.pipeline.people.tables import people_table
from cuecircuit.pipeline.store import Stage
from cuecircuit.records.grid import Grid
from cuecircuit.report.marks import words
from cuecircuit.study.people import PeopleStudy
from cuecircuit.study.sections import word_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# assumed: more panels than this are looked up in the tables
MOST_REGIONS = 6
EVERYONE = "all"
TEXT = ("subject", "session", "contrast", "region", "term", "prefix", "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMap:
    """A test whose map is drawn: where its verdict lies, and at which Z something survives."""

    question: str
    contrast: str
    test: str
    prefix: str
    exploratory: bool
    voxels: int

    @property
    def name(self) -> str:
        """Stem of the figure's files."""
        return f"map_{self.question}_{self.contrast}_{self.prefix}"


def shown_maps(out: Path, study: PeopleStudy) -> tuple[ShownMap, ...]:
    """Choose the maps that are drawn, in the order of the study."""
    found = []
    for question in study.questions:
        for contrast in study.contrasts(question.contrasts):
            folder = out / group_folder(question.name, contrast)
            verdicts = [(False, folder / "terms.tsv"), (True, folder / "exploratory" / "terms.tsv")]
            drawn: set[str] = set()
            for exploratory, path in verdicts:
                if not path.is_file():
                    continue
                for row in read_table(path, text=TEXT).to_dict("records"):
                    test, voxels = str(row["term"]), row["significant_voxels"]
                    if test in question.tests and test not in drawn and voxels > 0:
                        drawn.add(test)
                        known = {"question": question.name, "contrast": contrast, "test": test}
                        prefix = str(row["prefix"])
                        found.append(ShownMap(**known, prefix=prefix, exploratory=exploratory, voxels=int(voxels)))
    return tuple(found)


def figures_stage(job: PeopleJob) -> Stage:
    """Make the stage that draws all figures."""
    study, out = job.study, job.out
    answers = [group_folder(each.name, one) for each in study.questions for one in study.contrasts(each.contrasts)]
    tables = [f"{answer}/{name}" for answer in answers for name in ("terms.tsv", "exploratory/terms.tsv")]
    tables += [f"behavior/{name}.tsv" for name in ("cells", "before_after")]
    tables += [f"regions/{name}.tsv" for name in ("responses", "correlations", "longitudinal")]
    inputs = [out / name for name in tables if (out / name).is_file()]
    inputs += [path for shown in shown_maps(out, study) for path in _files(out, shown)]
    inputs += [job.path(path) for path in (study.space.mask, study.space.anatomy) if path]
    names = ("subjects", "acquisition", "cues", "space", "questions", "correction", "correlations", "longitudinal")
    return Stage(
        name="figures",
        target="figures",
        settings={
            **{name: getattr(study, name) for name in (*names, "behavior", "response")},
            "people": people_table(job.files, study.session).to_csv(index=False),
        },
        inputs=tuple(inputs),
        make=partial(_make, job),
    )


def _files(out: Path, shown: ShownMap) -> tuple[Path, Path]:
    folder = out / group_folder(shown.question, shown.contrast)
    verdict = folder / "exploratory" if shown.exploratory else folder
    return folder / map_name(shown.prefix, "z"), verdict / map_name(shown.prefix, "pfwe")


def regions_shown(out: Path) -> tuple[str, ...]:
    """Choose the regions that are drawn: those with the smallest p against the measure, else the atlas's first."""
    responses = read_table(out / "regions" / "responses.tsv", text=TEXT)
    names = list(dict.fromkeys(responses.loc[responses["voxels"] > 0, "region"]))
    path = out / "regions" / "correlations.tsv"
    if path.is_file():
        smallest = read_table(path, text=TEXT).groupby("region", sort=False)["p"].min()
        names.sort(key=lambda name: float(smallest.get(name, 1.0)))
    return tuple(names[:MOST_REGIONS])


def scatter_places(out: Path, study: PeopleStudy) -> tuple[tuple[str, str], ...]:
    """Choose (contrast, region) of the scatters: the smallest q of each contrast, where it is at most the study's q.

    Where none is, the smallest of all.
    """
    assert study.correlations is not None
    table = read_table(out / "regions" / "correlations.tsv", text=TEXT).dropna(subset=["q"])
    best = table.sort_values(["q", "p"], kind="stable").drop_duplicates("contrast").sort_index()
    chosen = best[best["q"] <= study.correlations.q]
    if chosen.empty:
        chosen = best.nsmallest(1, "p")
    return tuple((str(row["contrast"]), str(row["region"])) for _, row in chosen.iterrows())


def session_place(out: Path, study: PeopleStudy) -> tuple[str, str, str] | None:
    """Choose (term, contrast, region) with the smallest q of the terms that are shown; None where none is tested."""
    assert study.longitudinal is not None
    table = read_table(out / "regions" / "longitudinal.tsv", text=TEXT)
    own = table[table["term"].isin(study.longitudinal.tests)].dropna(subset=["p"])
    if own.empty:
        return None
    row = own.sort_values(["q", "p"], kind="stable").iloc[0]
    return str(row["term"]), str(row["contrast"]), str(row["region"])


def figure_names(out: Path, study: PeopleStudy) -> Iterator[str]:
    """Name the figures in the order of the page."""
    if study.behavior is not None:
        yield from study.behavior.measures
        if study.behavior.before_after:
            yield "before_after"
    yield from (shown.name for shown in shown_maps(out, study))
    if study.space.atlas is not None:
        yield from (f"cells_{place}" for place in range(1, 1 + len(regions_shown(out))))
        if study.correlations is not None:
            yield from (f"scatter_{contrast}" for contrast, _ in scatter_places(out, study))
        if study.longitudinal is not None and session_place(out, study):
            yield "sessions"


def _make(job: PeopleJob, folder: Path) -> None:
    draw = _Drawing(job=job, folder=folder)
    study, out = job.study, job.out
    if study.behavior is not None:
        for measure in study.behavior.measures:
            draw.measure(measure)
        if study.behavior.before_after:
            draw.before_after(study.behavior.before_after)
    for shown in shown_maps(out, study):
        draw.map(shown)
    if study.space.atlas is not None:
        for place, region in enumerate(regions_shown(out), 1):
            draw.cells(f"cells_{place}", region)
        if study.correlations is not None:
            for contrast, region in scatter_places(out, study):
                draw.scatter(contrast, region)
        if study.longitudinal is not None and (place := session_place(out, study)):
            draw.sessions(place[1], place[2])


@dataclass(frozen=True, kw_only=True)
class _Drawing:
    """Reads what a figure shows, draws it, and writes figure and table side by side."""

    job: PeopleJob
    folder: Path

    @cached_property
    def anatomy(self) -> tuple[Float[Array, "i j k"], Grid]:
        own = self.job.study.space.anatomy
        if own is not None:
            return read_volume(self.job.path(own))
        from nilearn.datasets import load_mni152_template

        image = load_mni152_template(resolution=2)
        data = np.asarray(image.dataobj, np.float32)
        x, y, z = data.shape
        return data, Grid(shape=(x, y, z), affine=np.asarray(image.affine, float))

    @cached_property
    def groups(self) -> dict[str, str]:
        study = self.job.study
        people = people_table(self.job.files, study.session)
        names = people[study.subjects.group] if study.subjects.groups else [EVERYONE] * len(people)
        return dict(zip(people["subject"], names, strict=True))

    @property
    def levels(self) -> tuple[str, ...]:
        return self.job.study.subjects.groups or (EVERYONE,)

    def map(self, shown: ShownMap) -> None:
        from cuecircuit.figures.slices import slices_figure

        study = self.job.study
        z_file, p_file = _files(self.job.out, shown)
        z, grid = read_volume(z_file)
        mask, _ = read_mask(self.job.path(study.space.mask))
        significant = mask & (read_volume(p_file)[0] <= study.correction.alpha)
        anatomy, anatomy_grid = self.anatomy
        figure = slices_figure(
            z,
            significant,
            mask,
            grid,
            anatomy=anatomy,
            anatomy_grid=anatomy_grid,
            label="z",
            reference=study.space.reference_point,
            most=8,
            columns=8,
        )
        data = pd.DataFrame(np.round(grid.mm(np.argwhere(significant).astype(float)), 3), columns=["x", "y", "z_mm"])
        data["z"] = z[significant]
        notes: dict[str, ColumnNote] = {axis: {"Units": "mm"} for axis in ("x", "y", "z_mm")}
        self._save(shown.name, figure, data, {**notes, "z": "statistic of the test"})

    def measure(self, measure: str) -> None:
        study = self.job.study
        cells = read_table(self.job.out / "behavior" / "cells.tsv", text=TEXT)
        own = cells if study.session is None else cells[cells["session"] == study.session]
        self._dots(measure, own, study.cues.factor, study.cues.levels, measure, words(measure), words(measure))

    def before_after(self, columns: tuple[str, str]) -> None:
        long = read_table(self.job.out / "behavior" / "before_after.tsv", text=TEXT)
        self._dots("before_after", long, "time", columns, "value", "", "Before and after the task")

    def cells(self, name: str, region: str) -> None:
        study = self.job.study
        own = self._responses(region)
        if study.session is not None:
            own = own[own["session"] == study.session]
        cells = [word_of(level) for level in study.cues.levels]
        own = own[own["contrast"].isin(cells)]
        self._dots(name, own, "contrast", cells, "response", "BOLD change (%)", region)

    def sessions(self, contrast: str, region: str) -> None:
        own = self._responses(region)
        both = self.job.study.acquisition.sessions[:2]
        own = own[(own["contrast"] == contrast) & own["session"].isin(both)]
        own = own.assign(session="session " + own["session"])
        levels = [f"session {session}" for session in both]
        self._dots("sessions", own, "session", levels, "response", "BOLD change (%)", f"{region}: {words(contrast)}")

    def scatter(self, contrast: str, region: str) -> None:
        from cuecircuit.figures.scatter import CorrelationNote, scatter_figure

        study, wanted = self.job.study, self.job.study.correlations
        assert wanted is not None
        people = measured(self.job, wanted)
        own = self._responses(region)
        own = own[own["contrast"] == contrast]
        if study.session is not None:
            own = own[own["session"] == study.session]
        data = people[["subject", wanted.measure]].merge(own[["subject", "response"]], on="subject")
        table = read_table(self.job.out / "regions" / "correlations.tsv", text=TEXT)
        found = table[(table["contrast"] == contrast) & (table["region"] == region)].iloc[0]
        numbers = {name: float(found[name]) for name in ("r", "p", "q", "r_within", "p_within")}
        figure = scatter_figure(
            data[wanted.measure].to_numpy(float),
            data["response"].to_numpy(float),
            tuple(self.groups[subject] for subject in data["subject"]),
            self.levels,
            note=CorrelationNote(n=int(found["n"]), **numbers),
            title=f"{region}: {words(contrast)}",
            behavior_label=words(wanted.measure),
            response_label="BOLD change (%)",
        )
        self._save(f"scatter_{contrast}", figure, data, {wanted.measure: "measure"})

    def _dots(
        self,
        name: str,
        rows: pd.DataFrame,
        column: str,
        levels: Sequence[str],
        value: str,
        label: str,
        title: str,
    ) -> None:
        """Draw a column of dots for each group and level of `column`."""
        from cuecircuit.figures.cells import cells_figure
        from cuecircuit.figures.style import DOUBLE_MM, PANEL_MM

        wide = rows.pivot(index="subject", columns=column, values=value).reindex(columns=list(levels))
        figure = cells_figure(
            wide.to_numpy(float),
            tuple(self.groups[subject] for subject in wide.index),
            self.levels,
            cues=[words(level).replace(" ", "\n") for level in levels],
            title=title,
            measure=label,
            width_mm=PANEL_MM if len(levels) < 3 else DOUBLE_MM,
        )
        keep = ["subject", column, value]
        data = rows[keep].assign(group=rows["subject"].map(self.groups))
        self._save(name, figure, data, {column: "level", value: "value drawn", "group": "group"})

    def _responses(self, region: str) -> pd.DataFrame:
        table = read_table(self.job.out / "regions" / "responses.tsv", text=TEXT)
        return table[table["region"] == region]

    def _save(self, name: str, figure: "Figure", data: pd.DataFrame, notes: Mapping[str, ColumnNote]) -> None:
        from cuecircuit.figures.saving import save

        known: dict[str, ColumnNote] = {
            "subject": "participant label",
            "response": {"Description": "mean over the region's voxels", "Units": "% BOLD change"},
        }
        save(figure, self.folder / name)
        write_table(self.folder / f"{name}.tsv", data, {**known, **notes})
