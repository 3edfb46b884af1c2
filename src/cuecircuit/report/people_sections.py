"""The sections of the page of a study of people, from the study, the run's tables and the figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cuecircuit.figures.numbers import short, threshold
from cuecircuit.report.content import FigureItem, FigureRow, Item, Section, TableItem
from cuecircuit.report.marks import words
from cuecircuit.report.people_methods import PeopleFacts, people_methods
from cuecircuit.report.shared_sections import opening_section, sourced_methods
from cuecircuit.study.people import PeopleStudy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What the group stage said of every test, at one cluster-forming Z: its verdicts and the clusters that survive."""

    tests: pd.DataFrame
    clusters: pd.DataFrame


def study_section(study: PeopleStudy, facts: PeopleFacts) -> Section:
    """Say who took part, in what, and how much of it is assumed."""
    people = ", ".join(f"{n} {group}" for group, n in facts.people.items())
    values = {
        "People": f"{sum(facts.people.values())} ({people})" if study.subjects.groups else people.split()[0],
        "Cells": ", ".join(words(level) for level in study.cues.levels),
        "Contrasts": short(len(study.response.contrasts)),
        "Questions": ", ".join(words(question.name) for question in study.questions),
    }
    if facts.attendance:
        values["Sessions"] = facts.attendance
    return opening_section(study, "Study and people", values)


def behavior_section(figures: Sequence[FigureItem], anovas: Mapping[str, pd.DataFrame]) -> Section:
    """What people did, with its tests."""
    note = "Every effect is tested in its own error stratum."
    tables = [
        TableItem(
            id=f"{name}-anova", title=f"{words(name).capitalize()}: analysis of variance", frame=table, notes=(note,)
        )
        for name, table in anovas.items()
    ]
    return Section(id="behavior", title="Behavior", items=(*figures, *tables))


def group_section(
    study: PeopleStudy, maps: Sequence[FigureItem], answers: Answers, exploratory: Answers | None
) -> Section:
    """Every question, contrast and test: what survives, where, and its map."""
    rule = f"{z_rule(study, study.correction.voxel_z)} Coordinates are mm from {study.space.reference_point}."
    items: list[Item] = [
        TableItem(id="tests", title="Every test", frame=answers.tests, notes=(rule,)),
        TableItem(id="clusters", title="Clusters that survive", frame=answers.clusters, notes=(rule,)),
        *maps,
    ]
    if exploratory is not None and study.correction.exploratory_z is not None:
        loose = f"{z_rule(study, study.correction.exploratory_z)} An exploration: it decides nothing."
        items += [
            TableItem(
                id="exploratory-tests",
                title="Every test, exploratory",
                frame=exploratory.tests,
                notes=(loose,),
                folded=True,
            ),
            TableItem(
                id="exploratory-clusters",
                title="Clusters that survive, exploratory",
                frame=exploratory.clusters,
                notes=(loose,),
                folded=True,
            ),
        ]
    return Section(id="group", title="Group maps", items=tuple(items))


def z_rule(study: PeopleStudy, z: float) -> str:
    """Say how clusters were formed and corrected."""
    wanted = study.correction
    sides = "in both directions (two-sided)" if wanted.sided == "two" else "in the positive direction (one-sided)"
    how = "simulated null fields" if wanted.method == "simulation" else "permutation"
    return f"Clusters of voxels with Z > {short(z)} {sides}, corrected p ≤ {threshold(wanted.alpha)} by {how}."


def regions_section(
    dots: Sequence[FigureItem], scatters: Sequence[FigureItem], correlations: pd.DataFrame | None
) -> Section:
    """Responses of regions by group and cell, and against the measure."""
    rows = [FigureRow(figures=tuple(scatters[start : start + 3])) for start in range(0, len(scatters), 3)]
    items: list[Item] = [*dots, *rows]
    if correlations is not None:
        notes = (
            "r is pooled over the groups that are asked about; q controls the false discovery rate over the regions of "
            "a contrast.",
            "Where groups differ on both axes a pooled r is expected without any relation within them; the "
            "within-group r is free of this.",
        )
        items.append(
            TableItem(id="correlation-table", title="Every region against the measure", frame=correlations, notes=notes)
        )
    return Section(id="regions", title="Regions", items=tuple(items))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionTables:
    """Of the regions: people scanned, tests of the mixed model, reliability and change."""

    attendance: pd.DataFrame
    terms: pd.DataFrame
    change: pd.DataFrame


def sessions_section(figure: FigureItem | None, maps: pd.DataFrame, regions: SessionTables | None) -> Section:
    """Who came back, and what changed; `regions` is None without an atlas."""
    note = "People with one session stay in the model."
    items: list[Item] = [] if figure is None else [figure]
    if regions is not None:
        items += [
            TableItem(id="attendance", title="People scanned", frame=regions.attendance),
            TableItem(id="session-terms", title="Mixed model of every region", frame=regions.terms, notes=(note,)),
            TableItem(
                id="change",
                title="Reliability, and change against change",
                frame=regions.change,
                headings={"icc": "ICC", "icc_low": "ICC, 95 % low", "icc_high": "ICC, 95 % high"},
                notes=("Of the people with both sessions.",),
                folded=True,
            ),
        ]
    items.append(TableItem(id="session-maps", title="Mixed model of every voxel", frame=maps, notes=(note,)))
    return Section(id="sessions", title="Two sessions", items=tuple(items))


def people_methods_section(study: PeopleStudy, facts: PeopleFacts) -> Section:
    """The Methods text, and the values in it that nobody stated."""
    return sourced_methods(study, people_methods(study, facts))
