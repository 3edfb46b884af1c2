"""The interactive brain of the page: the first question on maps that is tested by F, with the means of its regions."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from cuecircuit.io.derivatives import map_name
from cuecircuit.io.nifti import read_volume
from cuecircuit.io.tables import read_table
from cuecircuit.nodes.map_pictures import anatomy_of, shown_effect
from cuecircuit.nodes.rows import VALUE, Tables
from cuecircuit.nodes.space import study_space, voxel_height
from cuecircuit.records.atlas import Atlas
from cuecircuit.report.viewer import BrainVolumes, RegionDots, viewer_json
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.questions import Rows, Strata

_ALL = "all"


def viewed_question(tables: Tables) -> str | None:
    """Return the question that the interactive brain shows: the first exact test on maps with a correction."""
    study = tables.files.study
    for name, question in study.questions.items():
        on_maps = split_reference(question.of)[0].startswith(("maps.", "contrasts."))
        if isinstance(question, Strata) and on_maps and not question.each and (question.correction or study.correction):
            return name
    return None


def viewer_text(tables: Tables, name: str, folder: Path) -> str | None:
    """Return the JSON of the interactive brain; None where the study has no atlas or nothing is corrected.

    Args:
        tables: of the study.
        name: of the question.
        folder: of its answer.
    """
    study, space = tables.files.study, study_space(tables.files)
    question = study.questions[name]
    assert isinstance(question, Strata)
    correction = question.correction or study.correction
    effect = shown_effect(question, read_table(folder / "terms.tsv", text=("term", "prefix", "stratum")))
    paths = {kind: folder / map_name(str(effect["prefix"]), kind) for kind in ("F", "pfwe", "cluster")}
    if space.atlas is None or correction is None or not all(path.is_file() for path in paths.values()):
        return None
    f, grid = read_volume(paths["F"])
    anatomy, anatomy_grid = anatomy_of(tables.files, space.mask, grid)
    volumes = BrainVolumes(
        grid=grid,
        anatomy=anatomy,
        anatomy_grid=anatomy_grid,
        statistic=f,
        mask=space.mask,
        survives=read_volume(paths["pfwe"])[0] <= correction.alpha,
        clusters=read_volume(paths["cluster"])[0].astype(np.int32),
        regions=space.atlas.labels,
    )
    factor = next(iter(question.within), None)
    group = next(iter(question.between), None)
    df1, df2 = effect["df1"], effect["df2"]
    return viewer_json(
        volumes,
        list(_dots(tables, question, space.atlas, factor, group)),
        levels=tables.files.books.factors[group] if group else (_ALL,),
        cues=tables.files.books.factors[factor] if factor else (_ALL,),
        statistic=f"F({df1}, {df2:g})",
        threshold=float(stats.f.isf(voxel_height(correction), df1, df2)),
        reference=space.reference,
    )


def _dots(
    tables: Tables, question: Strata, atlas: Atlas, factor: str | None, group: str | None
) -> Iterator[RegionDots]:
    """Yield each region's means in every subject and level: of the voxels that survive, or of the whole region."""
    sets = [
        (name, regions)
        for name, regions in tables.files.study.regions.items()
        if split_reference(regions.of)[0] == split_reference(question.of)[0]
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
