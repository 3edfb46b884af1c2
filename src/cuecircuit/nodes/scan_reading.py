"""One scan as the study wants it read: series, mask, tissues, motion, confounds, breaths and the trials in it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool
from cuecircuit.errors import DataError
from cuecircuit.imaging.breath_regressors import breath_regressors
from cuecircuit.imaging.nuisance import MOTION_NAMES, Regressors
from cuecircuit.imaging.removed import ScanSignals
from cuecircuit.imaging.respiration import find_breaths, plausible_rates
from cuecircuit.io.bids import ScanFiles, read_motion
from cuecircuit.io.confounds import read_confounds
from cuecircuit.io.events import EventRules, read_run_events
from cuecircuit.io.nifti import read_mask, read_series
from cuecircuit.io.physio import read_respiration
from cuecircuit.nodes.study_files import StudyFiles
from cuecircuit.nodes.trials import trial_cells
from cuecircuit.pipeline.faults import faults_named
from cuecircuit.records.scan import Series

_TISSUES = ("white_matter", "ventricles")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanAtWork:
    """A scan with everything that a first level needs; `others` are events that are no cell of the study."""

    files: ScanFiles
    series: Series
    mask: Bool[Array, "x y z"]
    signals: ScanSignals
    others: pd.DataFrame


def read_scan(files: StudyFiles, scan: ScanFiles) -> ScanAtWork:
    """Read a scan with what the study says belongs to it.

    Raises:
        DataError: a file is missing or at fault; each fault names the file.
    """
    space = files.study.space
    if space is None:
        raise DataError("maps need a space: give space.mask and space.origin")
    mask, grid = read_mask(files.path(space.mask))
    series = read_series(scan.bold)
    if not series.grid.same_as(grid):
        raise DataError(f"{scan.bold}: {series.grid}, but the mask has {grid} (or another origin)")
    named = {name: path for name in _TISSUES if (path := getattr(space, name)) is not None}
    tissues = {name: read_mask(files.path(path))[0] for name, path in named.items()}
    return ScanAtWork(
        files=scan,
        series=series,
        mask=mask,
        signals=_signals(files, scan, series, tissues),
        others=_others(files, scan, series),
    )


def _signals(
    files: StudyFiles, scan: ScanFiles, series: Series, tissues: dict[str, Bool[Array, "x y z"]]
) -> ScanSignals:
    motion = table = None
    if scan.confounds is not None and scan.confounds.suffix == ".csv":
        motion = read_motion(scan.confounds)
    elif scan.confounds is not None:
        table = read_confounds(scan.confounds)
        if all(name in table for name in MOTION_NAMES):
            motion = np.column_stack([table[name] for name in MOTION_NAMES])
    volumes = series.data.shape[3]
    rows = len(motion) if motion is not None else len(next(iter(table.values()))) if table else volumes
    if rows != volumes:
        raise DataError(f"{scan.confounds}: {rows} rows, the scan {scan.bold} has {volumes} volumes")
    return ScanSignals(tissues=tissues, motion=motion, table=table, breaths=_breaths(files, scan, series))


def _breaths(files: StudyFiles, scan: ScanFiles, series: Series) -> Regressors | None:
    study = files.study
    kind = study.nuisance.breathing
    if kind == "none" or study.scans is None:
        return None
    if scan.physio is None:
        raise DataError(f"{scan.bold}: no physio file, but nuisance.breathing asks for its regressors")
    with faults_named(scan.physio):
        trace = read_respiration(scan.physio, files.path(study.scans.dataset))
        breathing = find_breaths(trace, plausible_rates(study.subjects.species))
        return breath_regressors(trace, breathing, n_volumes=series.data.shape[3], tr_s=series.tr_s, kind=kind)


def _others(files: StudyFiles, scan: ScanFiles, series: Series) -> pd.DataFrame:
    """Return the events that are no cell of the study, which a general linear model holds beside the cells."""
    trials = files.study.trials
    if trials is None or scan.events is None:
        return pd.DataFrame({"onset": [], "duration": [], "trial_type": []})
    cells = trial_cells(files, trials)
    rules = EventRules(cells=tuple(cells), others="model")
    events = read_run_events(scan.events, rules, scan_s=series.data.shape[3] * series.tr_s).table
    return events.loc[~events["trial_type"].isin(list(cells)), ["onset", "duration", "trial_type"]]
