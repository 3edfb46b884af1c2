"""One scan as the study wants it read: series, mask, tissues, motion, confounds, breaths and the trials in it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool
from cuecircuit.errors import DataError
from cuecircuit.imaging.breath_regressors import breath_regressors
from cuecircuit.imaging.nuisance import MOTION_NAMES, Regressors
from cuecircuit.imaging.removed import TISSUE_COLUMNS, ScanSignals
from cuecircuit.imaging.respiration import find_breaths, plausible_rates
from cuecircuit.imaging.scan_values import ScanValues
from cuecircuit.io.bids import ScanFiles
from cuecircuit.io.confounds import read_confounds
from cuecircuit.io.events import Events, read_run_events
from cuecircuit.io.nifti import read_mask, read_masked_series
from cuecircuit.io.physio import read_respiration
from cuecircuit.pipeline.faults import faults_named
from cuecircuit.pipeline.gate import Gate
from cuecircuit.records.atlas import Atlas
from cuecircuit.records.scan import AnySeries
from cuecircuit.study.acquisition import Blocks, Glm
from cuecircuit.tables.space import study_atlas
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.trials import event_rules, trial_cells


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanAtWork:
    """A scan with everything that a first level needs, and what its values are found to be.

    `trials`: its rows of table trials; `others`: events that are no cell of the study.
    """

    files: ScanFiles
    series: AnySeries
    mask: Bool[Array, "x y z"]
    signals: ScanSignals
    trials: pd.DataFrame
    others: pd.DataFrame
    values: ScanValues


def read_scan(files: StudyFiles, scan: ScanFiles, trials: pd.DataFrame) -> ScanAtWork:
    """Read a scan with what the study says belongs to it.

    Args:
        files: the study.
        scan: the scan.
        trials: its rows of table trials.

    Raises:
        DataError: a file is missing or at fault, or the values cannot be those of a scan; each fault names the file.
    """
    space, scans = files.study.space, files.study.scans
    if space is None or scans is None:
        raise DataError("maps of scans need a space: give space.mask and space.origin")
    gate, tissues = scan_gate(files), read_tissues(files)
    inside = np.logical_or.reduce([gate.mask, *tissues.values()])
    series = read_masked_series(scan.bold, inside, gate.grid, tr_s=scans.tr_s)
    return ScanAtWork(
        files=scan,
        series=series,
        mask=gate.mask,
        signals=replace(
            read_signals(scan, tissues, series.n_volumes, head_radius_mm=head_radius_mm(files)),
            breaths=read_breaths(files, scan, series.n_volumes),
        ),
        trials=trials,
        others=other_events(files, scan_events(files, scan, series.n_volumes * series.tr_s)),
        values=gate.check(scan, series),
    )


def scan_gate(files: StudyFiles) -> Gate:
    """Return what the scans of a study must pass.

    Raises:
        DataError: the mask is damaged.
    """
    study = files.study
    assert study.space is not None
    assert study.scans is not None
    mask, grid = files.mask
    return Gate(
        mask=mask,
        grid=grid,
        accept=study.scans.accept,
        percent=any(isinstance(maps, Blocks | Glm) for maps in study.maps.values()),
        head_radius_mm=head_radius_mm(files),
    )


def read_tissues(files: StudyFiles) -> dict[str, Bool[Array, "x y z"]]:
    """Read the tissue masks of the study by name, on the grid of its mask.

    Raises:
        DataError: a mask is damaged or on another grid.
    """
    space = files.study.space
    assert space is not None
    _, grid = files.mask
    tissues = {}
    for name in TISSUE_COLUMNS:
        if (path := getattr(space, name)) is not None:
            tissues[name], tissue_grid = read_mask(files.path(path))
            if not tissue_grid.same_as(grid):
                raise DataError(
                    f"space.{name}: {files.path(path)}: {tissue_grid}, but the mask has {grid} (or another origin)"
                )
    return tissues


def read_regions(files: StudyFiles) -> Atlas:
    """Read the atlas of the study; the whole mask as one region where it has none.

    Raises:
        DataError: a file is missing or damaged.
    """
    space = files.study.space
    assert space is not None
    if (atlas := study_atlas(files)) is not None:
        return atlas
    mask, grid = files.mask
    return Atlas(labels=mask.astype(np.int32), names={1: "whole mask"}, grid=grid)


def read_signals(
    scan: ScanFiles, tissues: Mapping[str, Bool[Array, "x y z"]], volumes: int, *, head_radius_mm: float = 50.0
) -> ScanSignals:
    """Read what is known of a scan beside its series and its breathing.

    Raises:
        DataError: a table is at fault, or has another length than the scan.
    """
    if scan.confounds is None:
        return ScanSignals(tissues=tissues, head_radius_mm=head_radius_mm)
    table = read_confounds(scan.confounds)
    rows = len(next(iter(table.values())))
    if rows != volumes:
        raise DataError(f"{scan.confounds}: {rows} rows, the scan {scan.bold} has {volumes} volumes")
    has_motion = all(name in table for name in MOTION_NAMES)
    return ScanSignals(
        tissues=tissues,
        motion=np.column_stack([table[name] for name in MOTION_NAMES]) if has_motion else None,
        table=table,
        head_radius_mm=head_radius_mm,
    )


def head_radius_mm(files: StudyFiles) -> float:
    """Return the radius that turns rotations into mm: of the study, else 50 in humans and 5 in rodents.

    Source: Power et al. 2012, NeuroImage 59:2142, for humans; a rat's brain is a tenth as long.
    """
    study = files.study
    return study.nuisance.head_radius_mm or (50.0 if study.subjects.species == "Homo sapiens" else 5.0)


def read_breaths(files: StudyFiles, scan: ScanFiles, volumes: int) -> Regressors | None:
    """Read the breathing of a scan as regressors; None where the study removes none.

    Raises:
        DataError: a recording is missing or at fault.
    """
    study = files.study
    kind = study.nuisance.breathing
    if kind == "none" or study.scans is None:
        return None
    if scan.physio is None:
        raise DataError(f"{scan.bold}: no physio file, but nuisance.breathing asks for its regressors")
    with faults_named(scan.physio):
        trace = read_respiration(scan.physio, files.path(study.scans.dataset))
        breathing = find_breaths(trace, plausible_rates(study.subjects.species))
        return breath_regressors(trace, breathing, n_volumes=volumes, tr_s=study.scans.tr_s, kind=kind)


def other_events(files: StudyFiles, events: Events) -> pd.DataFrame:
    """Return the events that are no cell of the study, which a general linear model holds beside the cells."""
    trials = files.study.trials
    cells = trial_cells(files, trials) if trials is not None else {}
    return events.table.loc[~events.table["trial_type"].isin(list(cells)), ["onset", "duration", "trial_type"]]


def scan_events(files: StudyFiles, scan: ScanFiles, scan_s: float) -> Events:
    """Read the events of a scan that lasts so long; none where the study has no trials, or the scan no events.

    Raises:
        DataError: the events are at fault.
    """
    trials = files.study.trials
    if trials is None or scan.events is None:
        return Events(table=pd.DataFrame({"onset": [], "duration": [], "trial_type": []}), left_out={})
    return read_run_events(scan.events, event_rules(files, trials), scan_s=scan_s)
