"""Scans of one subject to one map per cell: % BOLD of each cue in each block half, with the respiration of the cell."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array
from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.imaging.quality import scan_quality
from cuecircuit.imaging.responses import BlockResponses, block_responses
from cuecircuit.io.bids import ScanFiles, read_motion
from cuecircuit.io.derivatives import map_name
from cuecircuit.io.nifti import read_mask, read_series, write_volume
from cuecircuit.io.tables import read_table, write_table
from cuecircuit.pipeline.cells import (
    block_table,
    blocks_of,
    cell_members,
    cells_of,
    scans_of,
    subjects_of,
    with_subjects,
)
from cuecircuit.pipeline.job import Job
from cuecircuit.pipeline.progress import say, steps
from cuecircuit.pipeline.store import Stage
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.records.scan import Series
from cuecircuit.study.study import Study

CELL_COLUMNS = {
    "subject": "participant label",
    "respiration": {"Description": "mean respiration rate over the cell's blocks", "Units": "breaths/min"},
    "map": "map of the cell, relative to the output folder",
    "map_unsmoothed": "the same without smoothing, for region means",
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
QUALITY_COLUMNS = {
    "run": "scan",
    "tsnr": "temporal signal-to-noise ratio, median over the mask",
    "dvars": {"Description": "root mean square change from volume to volume, median", "Units": "%"},
    "framewise_displacement": {"Description": "mean over volumes; n/a where motion was not estimated", "Units": "mm"},
    "nuisance_df": "degrees of freedom left after nuisance regression",
    "nuisance_dropped": "nuisance regressors left out because they are constant or a combination of others",
    "unusable_voxels": "voxels of the mask without a positive baseline",
}


def run_first_level(job: Job) -> None:
    """Do every subject that is missing or stale; one subject's failure does not stop the others.

    Raises:
        DataError: what was wrong with each subject that failed, after all others are done.
    """
    from joblib import Parallel, delayed

    scans = scans_of(job.files)
    stages = [_stage(job, subject, scans) for subject in subjects_of(job.files)["subject"]]
    stale = [stage for stage in stages if job.store.why_stale(stage)]
    if not stale:
        say(f"first level: {len(stages)} subjects up to date")
        return
    say(f"first level: {len(stale)} of {len(stages)} subjects to do ({job.store.why_stale(stale[0])})")
    faults: list[str] = []
    work: Any = Parallel(n_jobs=job.n_jobs, return_as="generator")(delayed(_attempt)(job, stage) for stage in stale)
    with steps("first level", len(stale)) as advance:
        for failed in work:
            faults += failed
            advance(1)
    if faults:
        raise DataError(faults)


def cells_table(job: Job) -> pd.DataFrame:
    """Give one row per subject and cell, joined with the subject's group: what the group model is fitted to."""
    rows = [
        read_table(job.out / f"sub-{subject}" / "func" / f"{_stem(job.study, subject)}_cells.tsv", text=("subject",))
        for subject in subjects_of(job.files)["subject"]
    ]
    return with_subjects(job.files, pd.concat(rows, ignore_index=True))


def _attempt(job: Job, stage: Stage) -> tuple[str, ...]:
    try:
        with one_blas_thread():  # a worker process starts with its own number of threads
            job.store.run(stage)
    except CuecircuitError as error:
        return error.faults
    return ()


def _stage(job: Job, subject: str, scans: tuple[ScanFiles, ...]) -> Stage:
    own = tuple(scan for scan in scans if scan.subject == subject)
    study, space = job.study, job.study.space
    files = [path for scan in own for path in (scan.bold, scan.events, scan.physio, scan.confounds) if path]
    files += [job.path(path) for path in (space.mask, space.white_matter, space.ventricles)]
    settings = {
        name: getattr(study, name) for name in ("acquisition", "cues", "nuisance", "response", "group", "space")
    }
    return Stage(
        name=f"sub-{subject}",
        target=f"sub-{subject}",
        settings=settings,
        inputs=tuple(files),
        make=partial(_make, job, subject, own),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _ScanResult:
    smoothed: BlockResponses
    unsmoothed: BlockResponses
    blocks: pd.DataFrame
    quality: dict[str, object]


def _make(job: Job, subject: str, scans: tuple[ScanFiles, ...], folder: Path) -> None:
    results = [_named_scan(job, scan) for scan in scans]
    study, stem = job.study, _stem(job.study, subject)
    mask, grid = read_mask(job.path(study.space.mask))
    blocks = pd.concat([result.blocks for result in results], ignore_index=True)
    percent = {
        "map": np.concatenate([result.smoothed.percent for result in results]),
        "map_unsmoothed": np.concatenate([result.unsmoothed.percent for result in results]),
    }
    cells = cells_of(study, subject, blocks)
    for kind, values in percent.items():
        prefix = f"{stem}_desc-unsmoothed_" if kind == "map_unsmoothed" else f"{stem}_"
        names = []
        for (cue, level), chosen in cell_members(study, blocks).items():
            names.append(f"func/{map_name(f'{cue}:{level}', 'effect', prefix=prefix)}")
            volume = np.zeros(grid.shape, np.float32)
            volume[mask] = values[chosen.to_numpy()].mean(axis=0)
            write_volume(folder / names[-1], volume, grid)
        cells[kind] = [f"sub-{subject}/{name}" for name in names]
    notes = {study.cues.factor: "meaning of the cue", study.response.block_factor: "blocks averaged", **CELL_COLUMNS}
    write_table(folder / "func" / f"{stem}_cells.tsv", cells, notes)
    write_table(folder / "func" / f"{stem}_blocks.tsv", blocks, BLOCK_COLUMNS)
    quality = pd.DataFrame([result.quality for result in results])
    write_table(folder / "func" / f"{stem}_quality.tsv", quality, QUALITY_COLUMNS)


def _named_scan(job: Job, scan: ScanFiles) -> _ScanResult:
    try:
        return _one_scan(job, scan)
    except CuecircuitError as error:
        # the mathematics names the block or the trace; the scan is known here
        named = (fault if str(scan.bold.parent) in fault else f"{scan.bold}: {fault}" for fault in error.faults)
        raise DataError(named) from error


def _one_scan(job: Job, scan: ScanFiles) -> _ScanResult:
    study = job.study
    mask, _ = read_mask(job.path(study.space.mask))
    tissues = [read_mask(job.path(path))[0] for path in (study.space.white_matter, study.space.ventricles)]
    series = read_series(scan.bold)
    blocks = blocks_of(scan)
    motion = read_motion(scan.confounds) if scan.confounds else None
    respond = partial(
        block_responses,
        series,
        blocks,
        mask=mask,
        white_matter=tissues[0],
        ventricles=tissues[1],
        motion=motion,
        response=study.response,
    )
    smoothed = respond(nuisance=study.nuisance)
    unsmoothed = respond(nuisance=study.nuisance.model_copy(update={"smoothing_fwhm_mm": 0.0}))
    return _ScanResult(
        smoothed=smoothed,
        unsmoothed=unsmoothed,
        blocks=block_table(job.files, scan),
        quality=_quality(scan, series, mask, motion, smoothed),
    )


def _quality(
    scan: ScanFiles, series: Series, mask: Array, motion: Array | None, responses: BlockResponses
) -> dict[str, object]:
    found = scan_quality(series.data[mask].T, motion=motion, head_radius_mm=5.0)
    return {
        "run": scan.run,
        "tsnr": found.tsnr_median,
        "dvars": float(np.median(found.dvars_percent)),
        "framewise_displacement": np.nan if found.framewise_mm is None else float(found.framewise_mm.mean()),
        "nuisance_df": responses.residual_df,
        "nuisance_dropped": ", ".join(responses.dropped) or "none",
        "unusable_voxels": responses.n_unusable,
    }


def _stem(study: Study, subject: str) -> str:
    return f"sub-{subject}_task-{study.acquisition.task}"
