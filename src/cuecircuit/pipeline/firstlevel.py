"""Scans of one subject to one map per cell: % BOLD of each cue in each block half, with the respiration of the cell."""

from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array
from cuecircuit.errors import DataError
from cuecircuit.imaging.first_level import contrast_weights
from cuecircuit.imaging.fixed_effects import Estimate, expand, over_runs
from cuecircuit.imaging.peri_cue import PeriCue
from cuecircuit.imaging.responses import BlockResponses
from cuecircuit.io.bids import ScanFiles
from cuecircuit.io.derivatives import map_name
from cuecircuit.io.nifti import read_mask, write_volume
from cuecircuit.io.tables import read_table, write_table
from cuecircuit.pipeline.cells import cell_members, cells_of, subjects_of, with_subjects
from cuecircuit.pipeline.faults import faults_named
from cuecircuit.pipeline.gate import GATE_COLUMNS, pass_gate, refuse_doubles
from cuecircuit.pipeline.job import Job
from cuecircuit.pipeline.scan import block_answer, condition, course_of, glm_answer, quality_row, read_scan
from cuecircuit.pipeline.space import read_space_atlas
from cuecircuit.pipeline.store import Stage
from cuecircuit.pipeline.subject_stages import SCAN_COLUMNS, account, run_subjects
from cuecircuit.study.study import Study

CELL_COLUMNS = {
    "subject": "participant label",
    "respiration": {"Description": "mean respiration rate over the cell's blocks", "Units": "breaths/min"},
    "map": "map of the cell, relative to the output folder",
    "map_unsmoothed": "the same without smoothing, for region means",
    "variance": "variance of the map, %²: of independent volumes (block responses) or of the model (glm)",
}
COURSE_COLUMNS = {
    "region": "region of the atlas, within the mask",
    "seconds": {"Description": "start of the step from cue onset", "Units": "s"},
    "mean": {"Description": "mean over blocks, percent of the baseline window", "Units": "%"},
    "sem": {"Description": "standard error over blocks", "Units": "%"},
    "blocks": "blocks with a volume that counts at this step",
}
BLOCK_COLUMNS = {
    "run": "scan",
    "cue": "meaning of the cue",
    "number": "position of the block among those of its cue in the scan, from 1",
    "level": "level of the block factor this block is averaged into; n/a where none",
    "onset": {"Description": "cue onset from the first volume", "Units": "s"},
    "duration": {"Units": "s"},
    "respiration": {"Description": "mean respiration rate during the block", "Units": "breaths/min"},
    "respiration_valid": "share of the block in which breaths could be told apart",
}
QUALITY_COLUMNS = (
    SCAN_COLUMNS
    | GATE_COLUMNS
    | {
        "framewise_displacement": {
            "Description": "mean over volumes; n/a where motion was not estimated",
            "Units": "mm",
        },
        "censored": "volumes left out for motion or a jump of the image",
        "nuisance_df": "degrees of freedom left after nuisance regression",
        "nuisance_dropped": "nuisance regressors left out because they are constant or a combination of others",
        "unusable_voxels": "voxels of the mask without a positive baseline",
    }
)


def run_first_level(job: Job) -> None:
    """Do every subject that is missing or stale; one subject's failure does not stop the others.

    Raises:
        DataError: what was wrong with each subject that failed, after all others are done.
    """
    scans = account(job)
    subjects = subjects_of(job.files)["subject"]
    run_subjects(job.store, [_stage(job, subject, scans) for subject in subjects], n_jobs=job.n_jobs)
    tables = {one: job.out / f"sub-{one}" / "func" / f"{_stem(job.study, one)}_quality.tsv" for one in subjects}
    refuse_doubles(tables, job.study.acquisition.accept)


def cells_table(job: Job) -> pd.DataFrame:
    """Give one row per subject and cell, joined with the subject's group: what the group model is fitted to."""
    rows = [
        read_table(job.out / f"sub-{subject}" / "func" / f"{_stem(job.study, subject)}_cells.tsv", text=("subject",))
        for subject in subjects_of(job.files)["subject"]
    ]
    return with_subjects(job.files, pd.concat(rows, ignore_index=True))


def _stage(job: Job, subject: str, scans: tuple[ScanFiles, ...]) -> Stage:
    own = tuple(scan for scan in scans if scan.subject == subject)
    study, space = job.study, job.study.space
    files = [path for scan in own for path in (scan.bold, scan.events, scan.physio, scan.confounds) if path]
    files += [job.path(path) for path in (space.mask, space.white_matter, space.ventricles, space.atlas, space.labels)]
    settings = {name: getattr(study, name) for name in ("acquisition", "cues", "nuisance", "response", "space")}
    settings["species"] = study.subjects.species  # decides which breathing rates are plausible
    return Stage(
        name=f"sub-{subject}",
        target=f"sub-{subject}",
        settings=settings,
        inputs=tuple(files),
        make=partial(_make, job, subject, own),
    )


Cell = tuple[str, str]  # cue and level, or a contrast and nothing
_KINDS = ("smoothed", "unsmoothed")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _ScanResult:
    blocks: pd.DataFrame
    quality: dict[str, object]
    course: PeriCue
    smoothed: BlockResponses | dict[str, tuple[frozenset[str], Estimate]]
    unsmoothed: BlockResponses | dict[str, tuple[frozenset[str], Estimate]]


def _make(job: Job, subject: str, scans: tuple[ScanFiles, ...], folder: Path) -> None:
    if not scans:
        raise DataError("no scan is left (inputs.tsv says why); exclude the subject (subjects.exclude)")
    study, stem = job.study, _stem(job.study, subject)
    atlas = read_space_atlas(job.files)
    regions = np.array(list(atlas.names))
    weights = _weights(study) if study.response.method == "glm" else {}
    # one scan at a time is held; what is kept of it are maps
    results = [_named_scan(job, scan, weights, atlas.labels, regions) for scan in scans]
    blocks = pd.concat([result.blocks for result in results], ignore_index=True)
    members = cell_members(study, blocks)
    if study.response.method == "glm":
        found = {kind: _combined(kind, results, weights) for kind in _KINDS}
    else:
        found = {kind: _averaged(kind, results, members) for kind in _KINDS}
    cells = cells_of(study, subject, blocks).assign(**_written(job, folder, stem, list(members), found))
    notes = {study.cues.factor: "meaning of the cue", study.response.block_factor: "blocks averaged", **CELL_COLUMNS}
    courses = _course_table(study, results, members, list(atlas.names.values()))
    quality = pd.DataFrame([result.quality for result in results])
    for name, table, columns in (
        ("cells", cells, notes),
        ("blocks", blocks, BLOCK_COLUMNS),
        ("timecourse", courses, {**notes, **COURSE_COLUMNS}),
        ("quality", quality, QUALITY_COLUMNS),
    ):
        write_table(folder / "func" / f"{stem}_{name}.tsv", table, columns)


def _written(
    job: Job, folder: Path, stem: str, cells: list[Cell], found: dict[str, dict[Cell, Estimate]]
) -> dict[str, list[str]]:
    """Write the maps of cells and contrasts; give the columns that name those of the cells."""
    mask, grid = read_mask(job.path(job.study.space.mask))

    def write(contrast: str, statistic: str, estimate: Estimate, space: str = "") -> str:
        name = f"func/{map_name(contrast, statistic, prefix=f'{stem}_{space}')}"
        volume = np.zeros(grid.shape, np.float32)
        volume[mask] = getattr(estimate, statistic)
        write_volume(folder / name, volume, grid)
        return f"{folder.name}/{name}"

    smoothed, unsmoothed = (found[kind] for kind in _KINDS)
    for name in job.study.response.contrasts if job.study.response.method == "glm" else ():
        for statistic in ("effect", "variance"):
            write(name, statistic, smoothed[name, ""])
    return {
        "map": [write(":".join(cell), "effect", smoothed[cell]) for cell in cells],
        "map_unsmoothed": [write(":".join(cell), "effect", unsmoothed[cell], "desc-unsmoothed_") for cell in cells],
        "variance": [write(":".join(cell), "variance", smoothed[cell]) for cell in cells],
    }


def _named_scan(
    job: Job, files: ScanFiles, weights: dict[Cell, dict[str, float]], labels: Array, regions: Array
) -> _ScanResult:
    study = job.study
    with faults_named(files.bold, unless=files.bold.parent):
        scan = read_scan(job, files)
        values = pass_gate(files, scan.series.data, scan.mask, study.acquisition.accept)
        if study.response.method == "glm":
            texts = {"|".join(key): own for key, own in weights.items()}
            answers = [glm_answer(scan, study, texts, smoothed=smoothed) for smoothed in (True, False)]
        else:
            answers = [block_answer(scan, study, smoothed=smoothed) for smoothed in (True, False)]
        first = answers[0] if isinstance(answers[0], BlockResponses) else None
        return _ScanResult(
            blocks=scan.table,
            quality=quality_row(scan, study, first) | {"covered": values.covered, "digest": values.digest},
            course=course_of(scan, study, labels, regions),
            smoothed=answers[0],
            unsmoothed=answers[1],
        )


def _weights(study: Study) -> dict[Cell, dict[str, float]]:
    """Give the weight of each condition in each cell and each contrast of the study."""
    cells = list(product(study.cues.levels, study.response.blocks))
    names = [condition(cue, level) for cue, level in cells]
    of_cue = {
        condition(cue, "")[:-1]: [condition(cue, level) for level in study.response.blocks] for cue in study.cues.levels
    }
    texts = {name: expand(text, of_cue) for name, text in study.response.contrasts.items()}
    parsed = contrast_weights(texts, names)
    return {cell: {name: 1.0} for cell, name in zip(cells, names, strict=True)} | {
        (name, ""): dict(zip(names, map(float, vector), strict=True)) for name, vector in parsed.items()
    }


def _averaged(kind: str, results: list[_ScanResult], members: dict[Cell, "pd.Series"]) -> dict[Cell, Estimate]:
    """Average the blocks of each cell; the variance of a mean of n independent blocks is their mean variance over n."""
    answers = [getattr(result, kind) for result in results]
    percent = np.concatenate([answer.percent for answer in answers])
    spread = np.full_like(percent, np.nan) if kind == "unsmoothed" else np.concatenate([a.variance for a in answers])
    return {
        cell: Estimate(
            effect=percent[chosen].mean(axis=0, dtype=np.float64),
            variance=spread[chosen].mean(axis=0, dtype=np.float64) / chosen.sum(),
        )
        for cell, chosen in ((cell, own.to_numpy()) for cell, own in members.items())
    }


def _combined(kind: str, results: list[_ScanResult], weights: dict[Cell, dict[str, float]]) -> dict[Cell, Estimate]:
    answers = [getattr(result, kind) for result in results]
    return {
        key: over_runs(key[0], [answer["|".join(key)] for answer in answers if "|".join(key) in answer])
        for key in weights
    }


def _course_table(
    study: Study, results: list[_ScanResult], members: dict[Cell, "pd.Series"], regions: list[str]
) -> pd.DataFrame:
    """Give mean and SEM over the blocks of each cell, region by region and second by second."""
    percent = np.concatenate([result.course.percent for result in results])
    seconds = results[0].course.seconds
    rows = []
    for (cue, level), chosen in members.items():
        own = percent[chosen.to_numpy()]
        count = np.isfinite(own).sum(axis=0)
        mean = np.where(count > 0, np.nansum(own, axis=0) / np.maximum(count, 1), np.nan)
        squares = np.nansum((own - mean) ** 2, axis=0)
        sem = np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1) / np.maximum(count, 1)), np.nan)
        frame = pd.DataFrame(
            {
                "region": np.repeat(regions, len(seconds)),
                study.cues.factor: cue,
                study.response.block_factor: level,
                "seconds": np.tile(seconds, len(regions)),
                "mean": mean.T.ravel(),
                "sem": sem.T.ravel(),
                "blocks": count.T.ravel(),
            }
        )
        rows.append(frame)
    return pd.concat(rows, ignore_index=True)


def _stem(study: Study, subject: str) -> str:
    return f"sub-{subject}_task-{study.acquisition.task}"
