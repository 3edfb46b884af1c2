"""The interactive brain of the page: every test of the first tested question on maps, with the means of its regions."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from cuecircuit.arrays import Array
from cuecircuit.figures.numbers import effect_text
from cuecircuit.io.derivatives import map_name
from cuecircuit.io.nifti import read_volume
from cuecircuit.io.tables import read_table
from cuecircuit.pages.map_pictures import anatomy_of, map_folders, map_unit, positive_direction, shown_effect
from cuecircuit.pages.sentences import effect_names
from cuecircuit.records.atlas import Atlas
from cuecircuit.report.viewer import Brain, RegionDots, ViewedTest, viewer_json
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.questions import AnyQuestion, Formula, Rows, Strata
from cuecircuit.tables.rows import VALUE, Tables
from cuecircuit.tables.space import study_space, voxel_height

_ALL = "all"
# where the slider starts on maps whose correction forms no clusters, or that have none
_UNCORRECTED_P = 0.001


def viewed_question(tables: Tables) -> str | None:
    """Return the question that the interactive brain shows: the first tested one on maps, corrected ones first."""
    study = tables.files.study
    on_maps = [
        name
        for name, question in study.questions.items()
        if isinstance(question, Strata | Formula)
        and split_reference(question.of)[0].startswith(("maps.", "contrasts."))
    ]
    corrected = [name for name in on_maps if study.questions[name].correction or study.correction]
    return next(iter(corrected or on_maps), None)


def viewer_text(tables: Tables, name: str, folder: Path) -> str | None:
    """Return the JSON of the interactive brain; None where the question left no tests.

    Args:
        tables: of the study.
        name: of the question.
        folder: of its answer; with `each`, its first level is shown.
    """
    study, space = tables.files.study, study_space(tables.files)
    question = study.questions[name]
    place = next((place for _, place in map_folders(folder)), folder)
    if not (place / "terms.tsv").is_file():
        return None
    terms = read_table(place / "terms.tsv", text=("term", "prefix", "stratum"))
    shown = shown_effect(question, terms)
    rows = sorted(
        zip(effect_names(terms), terms.to_dict("records"), strict=True),
        key=lambda pair: pair[1]["prefix"] != shown["prefix"],
    )
    tests = [_test(tables, question, place, name, row) for name, row in rows if _statistic(place, row).is_file()]
    if not tests or not _statistic(place, rows[0][1]).is_file():
        return None
    grid = read_volume(_statistic(place, rows[0][1]))[1]
    anatomy, anatomy_grid = anatomy_of(tables.files, space.mask, grid)
    factor, group = _axes(question)
    return viewer_json(
        Brain(
            grid=grid,
            anatomy=anatomy,
            anatomy_grid=anatomy_grid,
            mask=space.mask,
            regions=space.atlas.labels if space.atlas else None,
        ),
        tests,
        list(_dots(tables, question, space.atlas, factor, group)) if space.atlas else [],
        levels=tables.files.books.factors[group] if group else (_ALL,),
        cues=tables.files.books.factors[factor] if factor else (_ALL,),
        unit=map_unit(place),
        reference=space.reference,
    )


def _axes(question: AnyQuestion) -> tuple[str | None, str | None]:
    """Return the factors whose cells the dots of a region show: one within, one between."""
    if isinstance(question, Strata):
        return next(iter(question.within), None), next(iter(question.between), None)
    return None, None


def _statistic(place: Path, row: Mapping[str, Any]) -> Path:
    """Return the map of t where there is one, else of F."""
    signed = place / map_name(str(row["prefix"]), "t")
    return signed if signed.is_file() else place / map_name(str(row["prefix"]), "F")


def _test(tables: Tables, question: AnyQuestion, place: Path, name: str, row: Mapping[str, Any]) -> ViewedTest:
    """Read the maps of one test."""
    prefix, path = str(row["prefix"]), _statistic(place, row)

    def volume(kind: str) -> Array | None:
        file = place / map_name(prefix, kind)
        return read_volume(file)[0] if file.is_file() else None

    signed = "_stat-t_" in path.name
    varying = (place / map_name(prefix, "df2")).is_file()
    df1, df2 = float(row["df1"]), float(row["df2"])
    correction = question.correction or tables.files.study.correction
    heights = correction and (correction.voxel_p or correction.voxel_z)
    p = voxel_height(correction) if correction and heights else _UNCORRECTED_P
    height = float(np.sqrt(stats.f.isf(p, df1, df2)) if signed else stats.f.isf(p, df1, df2))
    clusters = volume("cluster")
    degrees = f"{df2:g}" if signed else f"{df1:g}, {df2:g}"
    letter = "t" if signed else "F"
    return ViewedTest(
        id=prefix,
        name=name,
        kind=letter if varying else f"{letter}({degrees})",
        df1=df1,
        df2=None if varying else df2,
        height=height,
        statistic=read_volume(path)[0],
        effect=volume("effect"),
        positive=effect_text(positive_direction(place, prefix)),
        p=volume("p") if varying else None,
        corrected=volume("pfwe"),
        clusters=None if clusters is None else np.nan_to_num(clusters).astype(np.int32),
        alpha=correction.alpha if correction else _UNCORRECTED_P,
    )


def _dots(
    tables: Tables, question: AnyQuestion, atlas: Atlas, factor: str | None, group: str | None
) -> Iterator[RegionDots]:
    """Yield each region's means in every subject and level: of the voxels that survive, or of the whole region."""
    sets = [
        (name, regions)
        for name, regions in tables.files.study.regions.items()
        if split_reference(regions.of)[0] == split_reference(question.of)[0] and regions.atlas is None
    ]
    for label, region in atlas.names.items():
        for name, regions in sorted(sets, key=lambda item: item[1].within is None):
            wide = _wide(tables, f"regions.{name}", region, factor)
            if wide is None:
                continue
            subjects = tables.made["subjects"].rows.set_index("subject")
            yield RegionDots(
                name=region,
                label=label,
                extent="part that survives" if regions.within else "whole region",
                responses=wide.to_numpy(float),
                groups=tuple(subjects.loc[wide.index, group]) if group else (_ALL,) * len(wide),
            )
            break


def _wide(tables: Tables, table: str, region: str, factor: str | None) -> pd.DataFrame | None:
    made = tables.made.get(table)
    if made is None:
        return None
    rows = made.rows[(made.rows["region"] == region) & made.rows[VALUE].notna()]
    if rows.empty:
        return None
    levels = tables.levels(table, Rows(of=table), factor) if factor else (_ALL,)
    labels = rows[factor].astype(str) if factor else pd.Series(_ALL, index=rows.index)
    means = rows.assign(_level=labels).groupby(["subject", "_level"], sort=False)[VALUE].mean()
    return means.unstack("_level").reindex(columns=list(levels))
