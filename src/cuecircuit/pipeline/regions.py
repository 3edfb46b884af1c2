"""The corrected cluster cut by the atlas: Table 1, and each region's correlation with behavior."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError
from cuecircuit.io.derivatives import map_name
from cuecircuit.io.maps import read_maps
from cuecircuit.io.nifti import read_mask, read_volume
from cuecircuit.io.tables import ColumnNote, read_table, write_table
from cuecircuit.pipeline.firstlevel import cells_table
from cuecircuit.pipeline.job import Job
from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.space import read_space_atlas
from cuecircuit.pipeline.store import Stage
from cuecircuit.records.cells import complete_cells
from cuecircuit.regions.brain_behavior import brain_behavior
from cuecircuit.regions.means import RegionMeans, region_means
from cuecircuit.study.study import Study

EXTENTS = ("cluster", "region")
RESPONSE_COLUMNS: Mapping[str, ColumnNote] = {
    "subject": "participant label",
    "extent": {"Levels": {"cluster": "voxels of the region in the significant cluster", "region": "the whole region"}},
    "region": "atlas region",
    "response": {"Description": "mean over voxels and block levels", "Units": "% BOLD change"},
}
CORRELATION_COLUMNS: Mapping[str, ColumnNote] = {
    "region": "atlas region",
    "voxels": "voxels averaged",
    "n": "subjects",
    "r": "Pearson correlation, groups pooled",
    "ci_low": "95 % interval of r (Fisher's z)",
    "ci_high": "95 % interval of r (Fisher's z)",
    "p": "of r, two-sided",
    "q": "Benjamini-Hochberg over the regions",
    "r_within": "correlation with the groups' means taken out",
    "p_within": "of r_within, two-sided",
    "q_within": "Benjamini-Hochberg over the regions",
    "p_permutation": "of r_within: behavior shuffled inside the groups",
}


def regions_stage(job: Job) -> Stage:
    """Make the stage that turns maps into region numbers."""
    study = job.study
    cells = cells_table(job)
    space = [job.path(path) for path in (study.space.mask, study.space.atlas, study.space.labels)]
    inputs = [
        job.out / "group" / map_name(study.group.effect, "pfwe"),
        job.out / "behavior" / "conditioning.tsv",
        *(job.out / name for name in cells[_map_column(study)]),
        *space,
    ]
    settings = {
        "regions": study.regions,
        "correlations": study.correlations,
        "alpha": study.correction.alpha,
        "seed": study.seed,
    }
    return Stage(
        name="regions", target="regions", settings=settings, inputs=tuple(inputs), make=partial(_make, job, cells)
    )


def _map_column(study: Study) -> str:
    return "map" if study.regions.smoothed else "map_unsmoothed"


def _make(job: Job, cells: pd.DataFrame, folder: Path) -> None:
    study = job.study
    atlas, (mask, grid) = read_space_atlas(job.files), read_mask(job.path(study.space.mask))
    if atlas.absent:
        say(f"regions: {atlas.absent_note}")
    layout = complete_cells(
        cells,
        subject="subject",
        between=(study.subjects.group,),
        within=(study.cues.factor, study.response.block_factor),
    )
    names = cells[_map_column(study)].to_numpy()[layout.rows]
    y = read_maps([str(name) for name in names.ravel()], job.out, mask, grid).reshape(*names.shape, -1)
    # mean over block levels, which change fastest in the order of conditions
    by_cue = y.reshape(len(y), len(study.cues.levels), -1, y.shape[2]).mean(axis=2)
    cluster = read_volume(job.out / "group" / map_name(study.group.effect, "pfwe"))[0][mask] <= study.correction.alpha
    labels, regions = atlas.labels[mask], np.array(list(atlas.names))
    means = {
        "cluster": region_means(by_cue, labels, regions, within=cluster),
        "region": region_means(by_cue, labels, regions),
    }
    region_names = tuple(atlas.names.values())
    subjects = cells.drop_duplicates("subject").set_index("subject").loc[list(layout.design.subjects)]
    groups = subjects[study.subjects.group]
    cues = tuple(layout.design.within[study.cues.factor])
    _write_responses(folder, study, means, groups, region_names, cues)
    behavior = _behavior(job, list(layout.design.subjects))
    for extent in EXTENTS:
        suffix = "" if extent == study.regions.extent else f"_{extent}"
        _write_table1(folder / f"table1{suffix}.tsv", study, means[extent], groups, region_names, cues)
        _write_correlations(
            folder / f"correlations{suffix}.tsv", study, means[extent], groups, region_names, cues, behavior
        )


def _behavior(job: Job, subjects: list[str]) -> Float[Array, "subject"]:
    table = read_table(job.out / "behavior" / "conditioning.tsv", text=("subject",))
    table = table[table["treatment"] == job.study.correlations.treatment].set_index("subject")["infusions"]
    missing = [subject for subject in subjects if subject not in table.index]
    if missing:
        raise DataError(
            f"no infusions under {job.study.correlations.treatment} of {', '.join(missing)}, who were scanned"
        )
    return table.loc[subjects].to_numpy(float)


def _write_responses(
    folder: Path,
    study: Study,
    means: Mapping[str, RegionMeans],
    groups: "pd.Series[str]",
    regions: tuple[str, ...],
    cues: tuple[str, ...],
) -> None:
    rows = [
        {
            "subject": subject,
            study.subjects.group: groups.iloc[s],
            study.cues.factor: cue,
            "extent": extent,
            "region": region,
            "response": means[extent].values[s, c, r],
        }
        for extent in EXTENTS
        for r, region in enumerate(regions)
        for s, subject in enumerate(groups.index)
        for c, cue in enumerate(cues)
    ]
    notes = {study.subjects.group: "group of the subject", study.cues.factor: "meaning of the cue", **RESPONSE_COLUMNS}
    write_table(folder / "responses.tsv", pd.DataFrame(rows), notes)


def _write_table1(
    path: Path,
    study: Study,
    means: RegionMeans,
    groups: "pd.Series[str]",
    regions: tuple[str, ...],
    cues: tuple[str, ...],
) -> None:
    table = pd.DataFrame({"region": regions, "voxels": means.voxels, "region_voxels": means.of})
    notes: dict[str, ColumnNote] = {
        "region": "atlas region",
        "voxels": "voxels averaged",
        "region_voxels": "voxels of the whole region in the mask",
    }
    for group in study.subjects.groups:
        for c, cue in enumerate(cues):
            values = means.values[(groups == group).to_numpy(), c]
            cell = f"{group}_{cue}"
            table[f"{cell}_mean"] = values.mean(axis=0)
            table[f"{cell}_sem"] = values.std(axis=0, ddof=1) / np.sqrt(len(values))
            notes[f"{cell}_mean"] = {"Description": f"mean of {group}, {cue} cue", "Units": "% BOLD change"}
            notes[f"{cell}_sem"] = {
                "Description": f"standard error over {len(values)} subjects",
                "Units": "% BOLD change",
            }
    write_table(path, table, notes)


def _write_correlations(
    path: Path,
    study: Study,
    means: RegionMeans,
    groups: "pd.Series[str]",
    regions: tuple[str, ...],
    cues: tuple[str, ...],
    behavior: Float[Array, "subject"],
) -> None:
    wanted = study.correlations
    codes = groups.map({group: code for code, group in enumerate(study.subjects.groups)}).to_numpy(int)
    found = brain_behavior(
        behavior, means.values[:, cues.index(wanted.cue)], codes, permutations=wanted.permutations, seed=study.seed
    )
    pooled = found.pooled
    table = pd.DataFrame(
        {
            "region": regions,
            "voxels": means.voxels,
            "n": np.where(means.voxels > 0, pooled.n, 0),
            "r": pooled.r,
            "ci_low": pooled.ci_low,
            "ci_high": pooled.ci_high,
            "p": pooled.p,
            "q": found.q,
            "r_within": found.within.r,
            "p_within": found.within.p,
            "q_within": found.q_within,
            "p_permutation": found.p_permutation,
        }
    )
    write_table(path, table, CORRELATION_COLUMNS)
