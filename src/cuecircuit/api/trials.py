"""A map for every trial of a scan, as rows for models with stimuli."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from cuecircuit.api.arguments import NotNegative, Positive, checked
from cuecircuit.api.images import image_data, image_of, mask_of
from cuecircuit.errors import DataError
from cuecircuit.imaging.nuisance import Regressors
from cuecircuit.imaging.single_trials import trial_responses
from cuecircuit.io.nifti import grid_of, read_series, time_step_s
from cuecircuit.records.scan import Series

# of a volume; a larger number is one in ms
_LONGEST_S = 60


@checked
def trial_maps(
    scan: Any,
    events: pd.DataFrame,
    mask: Any,
    *,
    tr_s: NotNegative = 0.0,
    method: Literal["lss", "lsa"] = "lss",
    hrf: Literal["spm", "glover", "rat"] = "spm",
    drift_period_s: Positive | None = 128.0,
    fwhm_mm: NotNegative = 0.0,
    nuisance: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Estimate a map for every trial of a scan: rows for `fit` with `(1 | subject) + (1 | stimulus)`.

    Args:
        scan: path or NIfTI image of four dimensions.
        events: columns onset, duration (s), trial_type, and any others, which stay.
        mask: path or image on the grid of the scan.
        tr_s: time step; that of the header where it is 0.
        method: "lss", least squares separate (Mumford et al. 2012), or "lsa", all trials in one model.
        hrf: "spm", "glover" or "rat".
        drift_period_s: slower drift is removed; None removes none.
        fwhm_mm: smoothing within the mask.
        nuisance: a row for each volume, such as motion.

    Returns:
        The events with a column `map`, percent of each voxel's mean.

    Raises:
        DataError: the scan, its events or its mask are at fault.
        DesignError: trials that the scan tells nothing of.

    Examples:
        >>> import cuecircuit as cc, nibabel as nib, numpy as np, pandas as pd
        >>> rng = np.random.default_rng(1)
        >>> scan = nib.Nifti1Image(rng.normal(100, 1, (3, 3, 3, 60)).astype("f4"), np.eye(4))
        >>> mask = nib.Nifti1Image(np.ones((3, 3, 3), np.uint8), np.eye(4))
        >>> events = pd.DataFrame({"onset": [10, 40, 70], "duration": 3, "trial_type": ["drug", "food", "drug"]})
        >>> cc.trial_maps(scan, events, mask, tr_s=2.0)[["trial_type", "map"]].shape
        (3, 2)
    """
    inside, grid = mask_of(mask)
    series = series_of(scan, tr_s)
    faults = [*event_faults(events), *([] if len(events) else ["events: no row"])]
    if not grid.same_as(series.grid):
        faults.append("mask: found another grid than the scan's; resample it")
    extra = nuisance_of(nuisance, series, faults)
    responses = trial_responses(
        series,
        events,
        mask=inside,
        hrf=hrf,
        method=method,
        drift_period_s=drift_period_s,
        fwhm_mm=fwhm_mm,
        nuisance=extra,
    )
    return events.assign(map=[image_of(row, inside, grid) for row in responses])


def event_faults(events: pd.DataFrame) -> Iterator[str]:
    """Yield what a table of events lacks."""
    absent = [name for name in ("onset", "duration", "trial_type") if name not in events]
    yield from (f"events: no column {name}" for name in absent)
    if not absent:
        times = events[["onset", "duration"]].apply(pd.to_numeric, errors="coerce").to_numpy(float)
        there = np.isfinite(times).all(axis=1) & (times[:, 1] >= 0) & events["trial_type"].notna().to_numpy()
        lacks = "lacks an onset, a duration of 0 or more, or a trial type"
        yield from (f"events: row {row + 1} {lacks}" for row in np.flatnonzero(~there)[:8])


def nuisance_of(table: pd.DataFrame | None, series: Series, faults: list[str]) -> Regressors:
    """Return nuisance columns of a scan; none where no table is given.

    Raises:
        DataError: the faults that are known already, a scan without a time step, rows that are not those of the scan.
    """
    if not 0 < series.tr_s < _LONGEST_S:
        faults.append(f"scan: found a time step of {series.tr_s:g} s, expected one below {_LONGEST_S} s; give tr_s")
    n = series.n_volumes
    columns = pd.DataFrame(index=range(n)) if table is None else table
    numbers = {name: pd.to_numeric(columns[name], errors="coerce") for name in columns}
    values = pd.DataFrame(numbers, index=columns.index).to_numpy(np.float64)
    if len(columns) != n or not np.isfinite(values).all():
        faults.append(f"nuisance: expected {n} rows of numbers, one for each volume")
    DataError.raise_any(faults)
    return Regressors(values=values, names=tuple(map(str, columns)))


def series_of(scan: Any, tr_s: float) -> Series:
    """Return a scan from its path or image.

    Raises:
        DataError: it cannot be read, or has no four dimensions.
    """
    if isinstance(scan, str | Path):
        series = read_series(Path(scan))
        return replace(series, tr_s=tr_s or series.tr_s)
    if len(image_data(scan, "scan").shape) != 4:
        raise DataError(f"scan: found shape {scan.shape}, expected an image of four dimensions")
    return Series(data=np.asarray(scan.dataobj, np.float32), grid=grid_of(scan), tr_s=tr_s or time_step_s(scan))
