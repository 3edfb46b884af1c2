"""One preprocessed run of a person: read, and answered by its general linear model."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool
from cuecircuit.errors import DataError
from cuecircuit.imaging.confounds import RunConfounds, run_confounds
from cuecircuit.imaging.first_level import contrast_weights, fit_first_level
from cuecircuit.imaging.fixed_effects import Estimate
from cuecircuit.imaging.quality import scan_quality
from cuecircuit.io.bids import ScanFiles
from cuecircuit.io.confounds import read_confounds
from cuecircuit.io.nifti import read_mask, read_series
from cuecircuit.pipeline.cells import run_events
from cuecircuit.pipeline.faults import faults_named
from cuecircuit.pipeline.job import PeopleFiles
from cuecircuit.records.scan import Series
from cuecircuit.study.people import PeopleStudy
from cuecircuit.study.sections import word_of

Weights = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """A run with everything its model needs; `events` have trial types that contrasts can name."""

    files: ScanFiles
    series: Series
    mask: Bool[Array, "x y z"]
    events: pd.DataFrame
    confounds: RunConfounds


def read_run(files: PeopleFiles, scan: ScanFiles) -> Run:
    """Read a run with its events and confounds.

    Raises:
        DataError: a file is missing or at fault; each fault names the file.
    """
    if scan.events is None or scan.confounds is None:
        raise DataError(f"{scan.bold}: no {'events' if scan.events is None else 'confounds'} file belongs to it")
    mask, grid = read_mask(files.path(files.study.space.mask))
    series = read_series(scan.bold)
    if not series.grid.same_as(grid):
        raise DataError(f"{scan.bold}: {series.grid}, but the mask has {grid} (or another origin)")
    table = read_confounds(scan.confounds)
    rows, volumes = len(next(iter(table.values()))), series.data.shape[3]
    if rows != volumes:
        raise DataError(f"{scan.confounds}: {rows} rows, the run {scan.bold} has {volumes} volumes")
    with faults_named(scan.confounds):
        confounds = run_confounds(table, files.study.nuisance)
    return Run(
        files=scan,
        series=series,
        mask=mask,
        events=model_events(files, scan, volumes * series.tr_s),
        confounds=confounds,
    )


def model_events(files: PeopleFiles, scan: ScanFiles, scan_s: float) -> pd.DataFrame:
    """Read the events of a run; trial types become words that contrasts can name.

    Raises:
        DataError: there is no events file, or it is at fault.
    """
    events = run_events(files, scan, scan_s=scan_s).table
    return events.assign(trial_type=events["trial_type"].map(word_of))


def weights_of(study: PeopleStudy) -> Weights:
    """Give the weight of each cell in each estimate: the cells themselves, then the contrasts.

    Raises:
        DesignError: a contrast names no cell, or cannot be read.
    """
    cells = [word_of(level) for level in study.cues.levels]
    parsed = contrast_weights(study.response.contrasts, cells)
    return {cell: {cell: 1.0} for cell in cells} | {
        name: dict(zip(cells, map(float, vector), strict=True)) for name, vector in parsed.items()
    }


def run_answer(run: Run, study: PeopleStudy, weights: Weights) -> dict[str, tuple[frozenset[str], Estimate]]:
    """Answer with the part of each estimate that the trial types of this run make.

    Trial types that are no cells have columns of their own and enter no estimate.

    Raises:
        DesignError: too few degrees of freedom are left.
    """
    response, nuisance = study.response, study.nuisance
    present = frozenset(run.events["trial_type"])
    parts = {
        name: {cell: weight for cell, weight in own.items() if weight and cell in present}
        for name, own in weights.items()
    }
    maps = fit_first_level(
        run.series,
        run.events,
        {name: " + ".join(f"{w!r} * {cell}" for cell, w in part.items()) for name, part in parts.items() if part},
        mask=run.mask,
        hrf=response.hrf,
        noise=response.noise,
        drift_period_s=nuisance.drift_period_s,
        fwhm_mm=nuisance.smoothing_fwhm_mm,
        nuisance=run.confounds.regressors,
        min_df=nuisance.min_residual_df,
    )
    return {
        name: (frozenset(parts[name]), Estimate(effect=found.effect, variance=found.variance))
        for name, found in maps.items()
    }


def quality_row(run: Run) -> dict[str, object]:
    """Give the numbers of a run's quality."""
    found = scan_quality(run.series.data[run.mask].T)
    moved, columns = run.confounds.displacement_mm, run.confounds.regressors.values.shape[1]
    return {
        "session": run.files.session,
        "run": run.files.run,
        "volumes": len(run.confounds.keep),
        "tsnr": found.tsnr_median,
        "dvars": float(np.median(found.dvars_percent)),
        "framewise_displacement": float(np.nanmean(moved)) if np.isfinite(moved).any() else np.nan,
        "censored": int((~run.confounds.keep).sum()),
        "confounds": columns,
        "trials": len(run.events),
    }
