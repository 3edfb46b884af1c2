"""The first level of a scan on drawn numbers: whether events, nuisance and volumes leave what its maps estimate.

A few drawn voxels take the place of the scan's; events, confounds, breaths and the volumes left out for motion are the
scan's own. What depends on the scan's values, such as volumes left out for a jump of the image, is not foreseen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from cuecircuit.imaging.removed import ScanSignals
from cuecircuit.imaging.scan_values import ScanValues
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.pipeline.faults import attempt
from cuecircuit.records.atlas import Atlas
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Series
from cuecircuit.study.acquisition import Glm, Nuisance, Seed
from cuecircuit.tables.first_level import answer_scan
from cuecircuit.tables.map_plan import Estimated
from cuecircuit.tables.map_tables import Computed
from cuecircuit.tables.scan_reading import ScanAtWork

_LEVEL, _SD = 1000.0, 10.0  # of the drawn voxels


def rehearsed_scan(
    scan: ScanFiles, signals: ScanSignals, trials: pd.DataFrame, others: pd.DataFrame, *, volumes: int, tr_s: float
) -> ScanAtWork:
    """Draw a scan of a few voxels: two that are analyzed, then those of each tissue.

    Args:
        scan: whose place it takes.
        signals: of the scan; its tissues, with as many voxels as components could be made of.
        trials: its rows of table trials.
        others: its events that are no cell.
        volumes: its length.
        tr_s: its repetition time.
    """
    counts = [2, *(min(int(tissue.sum()), volumes) for tissue in signals.tissues.values())]
    ends = np.cumsum(counts)
    shape = (int(ends[-1]), 1, 1)
    parts = [np.zeros(shape, bool) for _ in counts]
    for part, end, count in zip(parts, ends, counts, strict=True):
        part[end - count : end] = True
    data = np.random.default_rng(0).normal(_LEVEL, _SD, (*shape, volumes)).astype(np.float32)
    return ScanAtWork(
        files=scan,
        series=Series(data=data, grid=Grid(shape=shape, affine=np.eye(4)), tr_s=tr_s),
        mask=parts[0],
        signals=replace(signals, tissues=dict(zip(signals.tissues, parts[1:], strict=True))),
        trials=trials,
        others=others,
        values=ScanValues(faults=(), covered=1.0, volumes=()),
    )


def rehearse_scan(scan: ScanAtWork, maps: Computed, nuisance: Nuisance, wanted: Sequence[Estimated]) -> Iterator[str]:
    """Yield why a scan gives no maps of a set, as it would end a run.

    Args:
        scan: of `rehearsed_scan`.
        maps: the set.
        nuisance: of the study.
        wanted: its estimates.
    """
    labels = scan.mask.astype(np.int32)
    atlas = Atlas(labels=labels, names={1: "whole mask"}, grid=scan.series.grid)
    plain = maps.model_copy(update={"smoothing_fwhm_mm": 0.0, "unsmoothed": False})
    if isinstance(maps, Seed):
        atlas = replace(atlas, names={1: maps.seeds[0]})
        plain = plain.model_copy(update={"seeds": maps.seeds[:1]})
    if isinstance(maps, Glm):
        plain = plain.model_copy(update={"noise": "ols"})
        atlas = replace(atlas, names={1: maps.seed})
    seen = nuisance.model_copy(update={"censor_dvars_percent": None})
    yield from attempt(lambda: answer_scan(scan, plain, seen, wanted, atlas))
