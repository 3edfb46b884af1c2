"""The page of a study of people: tables, figures and settings of a run to one offline file."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import pandas as pd

from cuecircuit.io.tables import read_json, read_table
from cuecircuit.pipeline.alternatives.page import alternative_outputs, alternative_sections
from cuecircuit.pipeline.job import PeopleJob
from cuecircuit.pipeline.people.figures import (
    EVERYONE,
    TEXT,
    figure_names,
    regions_shown,
    scatter_places,
    session_place,
    shown_maps,
)
from cuecircuit.pipeline.people.group import group_folder
from cuecircuit.pipeline.people.longitudinal import longitudinal_folder
from cuecircuit.pipeline.provenance import run_files, software
from cuecircuit.pipeline.quality import QUALITY_TABLE, pages_item
from cuecircuit.pipeline.store import Stage
from cuecircuit.report import people_sections as sections
from cuecircuit.report.content import FigureItem, ReportContent, Section, TableItem
from cuecircuit.report.marks import words
from cuecircuit.report.page import render
from cuecircuit.report.people_methods import PeopleFacts
from cuecircuit.report.shared_sections import provenance_section, quality_section, settings_section
from cuecircuit.stats.between_model import columns_of
from cuecircuit.stats.power import contrast_power, detectable_effect
from cuecircuit.study.people import PeopleStudy

_EFFECT_SD = 0.8  # a large effect (Cohen 1988)


def report_stage(job: PeopleJob) -> Stage:
    """Make the stage that writes the page."""
    study, out = job.study, job.out
    answers = [group_folder(each.name, one) for each in study.questions for one in study.contrasts(each.contrasts)]
    answers += [f"{answer}/exploratory" for answer in answers]
    if study.longitudinal is not None:
        answers += [longitudinal_folder(one) for one in study.contrasts(study.longitudinal.contrasts)]
    inputs = [out / answer / name for answer in answers for name in ("terms.tsv", "clusters.tsv", "settings.json")]
    inputs += [
        out / "people" / "people.tsv",
        *sorted((out / "behavior").glob("*.tsv")),
        *sorted((out / "regions").glob("*.tsv")),
    ]
    inputs += [*sorted(out.glob("sub-*/*_quality.tsv")), *out.glob(QUALITY_TABLE)]
    inputs += [
        out / "figures" / f"{name}.{kind}" for name in figure_names(out, study) for kind in ("svg", "png", "tsv")
    ]
    inputs += alternative_outputs(job)
    return Stage(
        name="report",
        target="report.html",
        settings={"study": study, "software": software()},
        inputs=tuple(path for path in inputs if path.is_file()),
        make=partial(_make, job),
        folder=False,
    )


def _make(job: PeopleJob, new: Path) -> None:
    new.write_text(render(_Page(job=job).content()), encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class _Page:
    """Reads what the sections show."""

    job: PeopleJob

    def content(self) -> ReportContent:
        study = self.study
        inputs = pd.DataFrame(sorted(run_files(self.job.store).inputs.items()), columns=["file", "sha256"])
        return ReportContent(
            title=study.about.title,
            subtitle=study.about.reference,
            sections=(
                sections.study_section(study, self.facts),
                *self.behavior(),
                quality_section(pages_item(self.out), self.quality()),
                sections.group_section(study, list(self.maps()), self.answers(""), self.exploratory()),
                *self.regions(),
                *self.sessions(),
                *alternative_sections(self.job),
                sections.people_methods_section(study, self.facts),
                settings_section(study),
                provenance_section(inputs, software(), study.seed),
            ),
        )

    @property
    def study(self) -> PeopleStudy:
        return self.job.study

    @property
    def out(self) -> Path:
        return self.job.out

    def table(self, name: str) -> pd.DataFrame:
        return read_table(self.out / f"{name}.tsv", text=TEXT)

    @cached_property
    def people(self) -> pd.DataFrame:
        return self.table("people/people")

    @cached_property
    def facts(self) -> PeopleFacts:
        study, found = self.study, {}
        for question in study.questions:
            folder = group_folder(question.name, study.contrasts(question.contrasts)[0])
            found[question.name] = read_json(self.out / folder / "settings.json")
        settings = found[study.questions[0].name]
        groups = self.people[study.subjects.group].value_counts() if study.subjects.groups else {}
        return PeopleFacts(
            people={group: int(groups[group]) for group in study.subjects.groups} or {EVERYONE: len(self.people)},
            asked={name: int(each["n_subjects"]) for name, each in found.items()},
            voxels=int(settings["mask_voxels"]),
            voxel_mm=tuple(settings["voxel_mm"]),
            attendance=self.attendance(),
            power=tuple(self.power()),
            versions=software(),
        )

    def attendance(self) -> str | None:
        if not (self.out / "regions" / "sessions.tsv").is_file():
            return None
        counts = self.table("regions/sessions").to_dict("records")
        shown = {str(name): str(name).replace("_", " ") for name in counts[0] if str(name).startswith("session_")}
        said = [(row["group"], ", ".join(f"{row[name]} in {words}" for name, words in shown.items())) for row in counts]
        return "; ".join(f"{group} {sessions}" for group, sessions in said)

    def power(self) -> Iterator[tuple[str, str, float, float]]:
        """Say of each factor of two levels beside the group what its interaction with the group could show."""
        group, groups = self.study.subjects.group, self.study.subjects.groups
        used = {name for question in self.study.questions for name in columns_of(question.formula)}
        for name in sorted(used - {group}):
            levels = sorted(map(str, self.people[name].dropna().unique()))
            if pd.api.types.is_numeric_dtype(self.people[name]) or len(levels) != 2 or len(groups) != 2:
                continue
            cells = [(one, level) for one in groups for level in levels]
            sizes = [int(((self.people[group] == one) & (self.people[name] == level)).sum()) for one, level in cells]
            if min(sizes) < 1:
                continue
            weights = (1, -1, -1, 1)
            said = ", ".join(f"{n} {one} {level}" for n, (one, level) in zip(sizes, cells, strict=True))
            power = contrast_power(sizes, weights, _EFFECT_SD)
            yield f"{group} × {name}", said, power, detectable_effect(sizes, weights)

    def figure(self, name: str, title: str, caption: str, *, wide: bool = True) -> FigureItem:
        stem = self.out / "figures" / name
        return FigureItem(
            id=name,
            title=title,
            caption=caption,
            alt=f"{title}. {caption}",
            svg=stem.with_suffix(".svg").read_bytes(),
            png=stem.with_suffix(".png").read_bytes(),
            tsv=stem.with_suffix(".tsv").read_text(encoding="utf-8"),
            wide=wide,
        )

    def behavior(self) -> Iterator[Section]:
        wanted = self.study.behavior
        if wanted is None:
            return
        dots = "One dot per person: mean over the trials of a cell; bars: mean ± SEM."
        figures = [self.figure(name, words(name).capitalize(), dots) for name in wanted.measures]
        names = list(wanted.measures)
        if wanted.before_after:
            names.append("before_after")
            caption = "One dot per person; bars: mean ± SEM."
            figures.append(self.figure("before_after", "Before and after the task", caption, wide=False))
        yield sections.behavior_section(figures, {name: self.table(f"behavior/{name}_anova") for name in names})

    def quality(self) -> TableItem:
        files = sorted(self.out.glob("sub-*/*_quality.tsv"))
        tables = [read_table(path, text=TEXT).assign(subject=path.parent.name) for path in files]
        runs = pd.concat(tables)
        return TableItem(
            id="runs", title="Runs", frame=runs[["subject", *runs.columns.drop("subject")]], folded=len(runs) > 30
        )

    def maps(self) -> Iterator[FigureItem]:
        study = self.study
        for shown in shown_maps(self.out, study):
            z = study.correction.exploratory_z if shown.exploratory else study.correction.voxel_z
            assert z is not None
            rule = sections.z_rule(study, z) + (" Exploratory." if shown.exploratory else "")
            title = f"{words(shown.contrast).capitalize()}, {words(shown.question)}: {shown.test}"
            voxels = "1 voxel" if shown.voxels == 1 else f"{shown.voxels} voxels"
            text = f"z where {voxels} survive. {rule} Left is on the left; mm from {study.space.reference_point}."
            yield self.figure(shown.name, title, text)

    def answers(self, below: str) -> sections.Answers:
        tests, clusters = [], []
        for question in self.study.questions:
            for contrast in self.study.contrasts(question.contrasts):
                folder = f"{group_folder(question.name, contrast)}{below}"
                known = {"question": question.name, "contrast": contrast}
                terms = self.table(f"{folder}/terms")
                own = terms[terms["term"].isin(question.tests)]
                tests.append(own.assign(**known, n=self.facts.asked[question.name]))
                found = self.table(f"{folder}/clusters")
                clusters.append(found[found["p_fwe"] <= self.study.correction.alpha].assign(**known))
        shown = ["question", "contrast", "term", "n", "df2", "largest_f", "cluster_size", "significant_clusters"]
        places = ["question", "contrast", "term", "cluster", "voxels", "p_fwe", "peak_f", "peak_x", "peak_y", "peak_z"]
        survived = pd.concat(clusters)
        if "regions" in survived:
            places.append("regions")
        names = {"largest_f": "largest_F", "peak_f": "peak_F"}
        return sections.Answers(
            tests=pd.concat(tests)[[*shown, "significant_voxels"]].rename(columns=names),
            clusters=survived[places].rename(columns=names),
        )

    def exploratory(self) -> sections.Answers | None:
        return None if self.study.correction.exploratory_z is None else self.answers("/exploratory")

    def regions(self) -> Iterator[Section]:
        study = self.study
        if study.space.atlas is None:
            return
        cells = "One dot per person: mean of the smoothed map over the region; bars: mean ± SEM."
        dots = [self.figure(f"cells_{k}", region, cells) for k, region in enumerate(regions_shown(self.out), 1)]
        scatters, correlations = [], None
        if study.correlations is not None:
            correlations = self.table("regions/correlations")
            line = "Least-squares line with the 95 % band of the mean."
            scatters = [
                self.figure(f"scatter_{contrast}", f"{region}, {words(contrast)}", line, wide=False)
                for contrast, region in scatter_places(self.out, study)
            ]
        yield sections.regions_section(dots, scatters, correlations)

    def sessions(self) -> Iterator[Section]:
        study = self.study
        if study.longitudinal is None:
            return
        tests, figure, regions = study.longitudinal.tests, None, None
        if study.space.atlas is not None:
            terms = self.table("regions/longitudinal")
            regions = sections.SessionTables(
                attendance=self.table("regions/sessions"),
                terms=terms[terms["term"].isin(tests)],
                change=self.table("regions/change"),
            )
            place = session_place(self.out, study)
            if place is not None:
                text = f"The region and contrast with the smallest q of {place[0]}. One dot per person; mean ± SEM."
                figure = self.figure("sessions", f"{place[2]}, {words(place[1])}", text, wide=False)
        maps = pd.concat(
            self.table(f"{longitudinal_folder(contrast)}/terms").assign(contrast=contrast)
            for contrast in study.contrasts(study.longitudinal.contrasts)
        )
        shown = ["contrast", "term", "df1", "df2", "largest_f", "cluster_size", "significant_clusters"]
        own = maps.loc[maps["term"].isin(tests), [*shown, "significant_voxels"]]
        yield sections.sessions_section(figure, own.rename(columns={"largest_f": "largest_F"}), regions)
