"""One scan as the study wants it read, and what it answers: a response per cell, its courses, its quality."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.errors import DataError
from cuecircuit.imaging.breath_regressors import breath_regressors
from cuecircuit.imaging.first_level import fir_names, fit_first_level
from cuecircuit.imaging.fixed_effects import Estimate
from cuecircuit.imaging.nuisance import Regressors
from cuecircuit.imaging.peri_cue import PeriCue, peri_cue
from cuecircuit.imaging.quality import scan_quality
from cuecircuit.imaging.respiration import find_breaths, plausible_rates
from cuecircuit.imaging.responses import BlockResponses, block_responses
from cuecircuit.imaging.scan_nuisance import kept_volumes, scan_regressors
from cuecircuit.io.bids import ScanFiles, read_motion
from cuecircuit.io.nifti import read_mask, read_series
from cuecircuit.io.physio import read_respiration
from cuecircuit.pipeline.cells import block_table, blocks_of, run_events
from cuecircuit.pipeline.faults import faults_named
from cuecircuit.pipeline.job import Job
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Block, Series, Trace
from cuecircuit.study.sections import word_of
from cuecircuit.study.study import Nuisance, Study


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scan:
    """A scan with everything the first level needs; `table` has one row per cue block, `others` one per other event."""

    files: ScanFiles
    series: Series
    mask: Bool[Array, "x y z"]
    white_matter: Bool[Array, "x y z"]
    ventricles: Bool[Array, "x y z"]
    motion: Float[Array, "volume 6"] | None
    breaths: Regressors | None
    blocks: tuple[Block, ...]
    table: pd.DataFrame
    others: pd.DataFrame


def read_scan(job: Job, files: ScanFiles) -> Scan:
    """Read a scan with its masks, motion, blocks and breathing.

    Raises:
        DataError: a file is missing or at fault; each fault names the file.
    """
    study, grid, masks = job.study, None, []
    for path in (study.space.mask, study.space.white_matter, study.space.ventricles):
        mask, grid = read_mask(job.path(path))
        masks.append(mask)
    series = read_series(files.bold)
    _same_grid(series.grid, grid, files)
    motion = read_motion(files.confounds) if files.confounds else None
    if motion is not None and len(motion) != series.data.shape[3]:
        raise DataError(f"{files.confounds}: {len(motion)} rows, the scan {files.bold} has {series.data.shape[3]}")
    return Scan(
        files=files,
        series=series,
        mask=masks[0],
        white_matter=masks[1],
        ventricles=masks[2],
        motion=motion,
        breaths=_breaths(job, files, series),
        blocks=blocks_of(job.files, files),
        table=block_table(job.files, files),
        others=_other_events(job, files, series),
    )


def _same_grid(found: Grid, expected: Grid | None, files: ScanFiles) -> None:
    if expected is not None and not found.same_as(expected):
        raise DataError(f"{files.bold}: {found}, but the mask has {expected} (or another origin)")


def _other_events(job: Job, files: ScanFiles, series: Series) -> pd.DataFrame:
    """Return the events that are no cue of the study; none unless cues.others is `model`."""
    events = run_events(job.files, files, scan_s=series.data.shape[3] * series.tr_s).table
    return events.loc[~events["trial_type"].isin(job.study.cues.levels), ["onset", "duration", "trial_type"]]


def respiration_of(job: Job, files: ScanFiles) -> Trace | None:
    """Read the respiration trace of a scan, if it has one."""
    if files.physio is None:
        return None
    return read_respiration(files.physio, job.path(job.study.acquisition.dataset))


def _breaths(job: Job, files: ScanFiles, series: Series) -> Regressors | None:
    kind = job.study.nuisance.respiration
    if kind == "none":
        return None
    trace = respiration_of(job, files)
    if trace is None:
        raise DataError(f"{files.bold}: no physio file, but nuisance.respiration asks for its regressors")
    assert files.physio is not None
    with faults_named(files.physio):
        breathing = find_breaths(trace, plausible_rates(job.study.subjects.species))
        return breath_regressors(trace, breathing, n_volumes=series.data.shape[3], tr_s=series.tr_s, kind=kind)


def regressors_of(scan: Scan, nuisance: Nuisance) -> tuple[Regressors, Bool[Array, "volume"] | None]:
    """Give the regressors of a scan and the volumes that count."""
    keep = kept_volumes(scan.series, mask=scan.mask, motion=scan.motion, nuisance=nuisance)
    regressors = scan_regressors(
        scan.series,
        white_matter=scan.white_matter,
        ventricles=scan.ventricles,
        motion=scan.motion,
        breaths=scan.breaths,
        keep=keep,
        nuisance=nuisance,
    )
    return regressors, keep


def block_answer(scan: Scan, study: Study, *, smoothed: bool) -> BlockResponses:
    """Answer with percent changes per block; the variance only where the responses are smoothed."""
    regressors, keep = regressors_of(scan, study.nuisance)
    return block_responses(
        scan.series,
        scan.blocks,
        mask=scan.mask,
        regressors=regressors,
        keep=keep,
        baseline_s=study.response.baseline_s,
        window_s=study.response.window_s,
        fwhm_mm=study.nuisance.smoothing_fwhm_mm if smoothed else 0.0,
        min_df=study.nuisance.min_residual_df,
        with_variance=smoothed,
    )


def condition(cue: str, level: str) -> str:
    """Name a cell so that a contrast can be written in it: `saline_early`."""
    return word_of(f"{cue}_{level}")


def glm_answer(
    scan: Scan, study: Study, weights: dict[str, dict[str, float]], *, smoothed: bool
) -> dict[str, tuple[frozenset[str], Estimate]]:
    """Answer with the part of each contrast that the conditions of this scan make.

    Args:
        scan: the scan.
        study: the settings.
        weights: contrast to condition to weight.
        smoothed: smooth before the fit.

    Raises:
        DesignError: too few degrees of freedom are left.
    """
    response, tr_s = study.response, scan.series.tr_s
    events = glm_events(scan, study)
    present = frozenset(events["trial_type"])
    parts = {
        name: {one: weight for one, weight in own.items() if weight and one in present} for name, own in weights.items()
    }
    maps = fit_first_level(
        scan.series,
        events,
        {name: _text(part, study, tr_s) for name, part in parts.items() if part},
        mask=scan.mask,
        hrf=response.hrf,
        noise=response.noise,
        drift_period_s=study.nuisance.drift_period_s,
        fwhm_mm=study.nuisance.smoothing_fwhm_mm if smoothed else 0.0,
        fir_s=response.peri_cue_s[1],
        nuisance=_with_spikes(*regressors_of(scan, study.nuisance.model_copy(update={"drift_period_s": None}))),
        min_df=study.nuisance.min_residual_df,
    )
    return {
        name: (frozenset(parts[name]), Estimate(effect=found.effect, variance=found.variance))
        for name, found in maps.items()
    }


def _with_spikes(regressors: Regressors, keep: Bool[Array, "volume"] | None) -> Regressors:
    """Give each volume that does not count a column of its own, which leaves it out of the fit."""
    if keep is None:
        return regressors
    names = tuple(f"censored{volume}" for volume in np.flatnonzero(~keep))
    values = np.hstack([regressors.values, np.eye(len(keep))[:, ~keep]])
    return Regressors(values=values, names=(*regressors.names, *names))


def glm_events(scan: Scan, study: Study) -> pd.DataFrame:
    """Give the blocks as events; those of no level, and other events, are modeled, but belong to no cell."""
    table = scan.table
    levels = table["level"].where(table["level"].notna(), "unused").astype(str)
    names = [condition(cue, level) for cue, level in zip(table["cue"].astype(str), levels, strict=True)]
    blocks = pd.DataFrame({"onset": table["onset"], "duration": table["duration"], "trial_type": names})
    others = scan.others.assign(trial_type=[f"other_{word_of(name)}" for name in scan.others["trial_type"]])
    return blocks if others.empty else pd.concat([blocks, others], ignore_index=True)


def _text(part: dict[str, float], study: Study, tr_s: float) -> str:
    if study.response.hrf != "fir":
        return " + ".join(f"{weight!r} * {name}" for name, weight in part.items())
    start, stop = study.response.window_s
    terms = []
    for name, weight in part.items():
        steps = fir_names(name, tr_s=tr_s, fir_s=study.response.peri_cue_s[1])
        inside = [step for number, step in enumerate(steps) if start <= number * tr_s < stop]
        terms += [f"{weight / len(inside)!r} * {step}" for step in inside]
    return " + ".join(terms)


def course_of(scan: Scan, study: Study, labels: Int[Array, "x y z"], regions: Int[Array, "region"]) -> PeriCue:
    """Follow the regions around each block."""
    regressors, keep = regressors_of(scan, study.nuisance)
    return peri_cue(
        scan.series,
        scan.blocks,
        regressors,
        np.where(scan.mask, labels, 0),
        regions,
        baseline_s=study.response.baseline_s,
        span_s=study.response.peri_cue_s,
        keep=keep,
    )


def quality_row(scan: Scan, study: Study, responses: BlockResponses | None) -> dict[str, object]:
    """Give the numbers of a scan's quality."""
    nuisance = study.nuisance
    found = scan_quality(scan.series.data[scan.mask].T, motion=scan.motion, head_radius_mm=nuisance.head_radius_mm)
    regressors, keep = regressors_of(scan, nuisance)
    counted = scan.series.data.shape[3] if keep is None else int(keep.sum())
    spent = int(np.linalg.matrix_rank(np.column_stack([np.ones(len(regressors.values)), regressors.values])))
    return {
        "run": scan.files.run,
        "tsnr": found.tsnr_median,
        "dvars": float(np.median(found.dvars_percent)),
        "framewise_displacement": np.nan if found.framewise_mm is None else float(found.framewise_mm.mean()),
        "censored": scan.series.data.shape[3] - counted,
        "nuisance_df": counted - spent if responses is None else responses.residual_df,
        "nuisance_dropped": ", ".join(responses.dropped) or "none" if responses else "none",
        "unusable_voxels": int((scan.series.data[scan.mask].mean(axis=1) <= 0).sum())
        if responses is None
        else responses.n_unusable,
    }
