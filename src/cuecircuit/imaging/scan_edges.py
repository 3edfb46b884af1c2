"""From the courses of a scan's regions to what it says of every pair of regions, and several scans to one answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float64, Int
from cuecircuit.errors import DesignError
from cuecircuit.imaging.connectivity import psychophysiological_slopes, region_correlations, trial_correlations
from cuecircuit.imaging.deconvolution import neural_conditions
from cuecircuit.imaging.first_level import Hrf, design_matrix
from cuecircuit.imaging.nuisance import Regressors, regress
from cuecircuit.imaging.peri_cue import region_series
from cuecircuit.imaging.removed import model_columns
from cuecircuit.imaging.single_trials import TrialMethod, trial_responses
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import AnySeries, Series

EdgeKind = Literal["correlation", "beta_series", "ppi"]
WHOLE = ""
"""The condition of what is correlated over a whole scan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """How edges are estimated.

    `hrf` and `trials` are those of the events; a correlation of courses has none. `min_df` degrees of freedom must be
    left of a scan; `deconvolve` forms products with the neural activity behind courses.
    """

    kind: EdgeKind
    hrf: Hrf = "spm"
    trials: TrialMethod = "lss"
    min_df: int = 10
    deconvolve: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanEdges:
    """What one scan says: matrices by condition, or the responses to its trials with their conditions."""

    matrices: Mapping[str, Float64[Array, "region region"]] = field(default_factory=dict)
    responses: Float64[Array, "trial region"] | None = None
    conditions: tuple[str, ...] = ()


def region_courses(series: AnySeries, labels: Int[Array, "x y z"], regions: Int[Array, "region"]) -> Series:
    """Average a scan over regions: a scan of one voxel for each, 0 throughout where a region has none."""
    means = region_series(series, labels, regions)
    grid = Grid(shape=(len(regions), 1, 1), affine=np.eye(4))
    return Series(data=means.T[:, None, None, :].astype(np.float32), grid=grid, tr_s=series.tr_s)


def scan_edges(
    courses: Series,
    events: pd.DataFrame,
    settings: EdgeSettings,
    *,
    regressors: Regressors,
    keep: Bool[Array, "volume"],
) -> ScanEdges:
    """Estimate what one scan says of every pair of regions.

    Args:
        courses: of `region_courses`.
        events: onset, duration (s) and trial_type of all events that are modeled.
        settings: how.
        regressors: nuisance, drift among it.
        keep: volumes that count.

    Raises:
        DataError: too few volumes.
        DesignError: no event, or trials or conditions that the scan tells nothing of.
    """
    data = courses.data[:, 0, 0].T.astype(np.float64)
    # a region without a voxel has no course
    data[:, ~data.any(axis=0)] = np.nan
    there = np.isfinite(data[0])
    if settings.kind == "correlation":
        cleaned = regress(data[:, there], regressors, keep=keep, min_df=max(settings.min_df, 4))
        lost = int(keep.sum()) - 1 - cleaned.residual_df
        return ScanEdges(matrices={WHOLE: _whole(region_correlations(cleaned.data[keep], lost=lost), there)})
    if events.empty:
        raise DesignError(f"kind {settings.kind}: the scan has no event; add its events, or ask for a correlation")
    kinds = tuple(events["trial_type"].astype(str))
    if settings.kind == "beta_series":
        responses = trial_responses(
            courses,
            events,
            mask=np.ones(courses.grid.shape, bool),
            hrf=settings.hrf,
            method=settings.trials,
            drift_period_s=None,
            nuisance=model_columns(regressors, keep),
        )
        return ScanEdges(responses=responses, conditions=kinds)
    design = design_matrix(
        events, n_volumes=len(data), tr_s=courses.tr_s, hrf=settings.hrf, drift_period_s=None, nuisance=None
    )
    names = list(dict.fromkeys(kinds))
    neural = None
    if settings.deconvolve:
        neural = neural_conditions(events, names, n_volumes=len(data), tr_s=courses.tr_s, hrf=settings.hrf)
    slopes = psychophysiological_slopes(
        data[:, there], design[names].to_numpy(), regressors, keep=keep, min_df=settings.min_df, neural=neural
    )
    return ScanEdges(matrices={name: _whole(slope, there) for name, slope in zip(names, slopes, strict=True)})


def join_scans(
    parts: Sequence[ScanEdges], wanted: Sequence[str] | None = None
) -> dict[str, Float64[Array, "region region"]]:
    """Join what scans of a session say: trials are correlated together, matrices averaged over the scans that have one.

    Args:
        parts: of the scans.
        wanted: conditions; all where none are named.

    Raises:
        DesignError: too few trials of a condition, named.
    """
    with_trials = [part for part in parts if part.responses is not None]
    if with_trials:
        responses = np.concatenate([part.responses for part in with_trials if part.responses is not None])
        runs = np.repeat(np.arange(len(with_trials)), [len(part.conditions) for part in with_trials])
        conditions = np.array([name for part in with_trials for name in part.conditions])
        joined, faults = {}, []
        for name in dict.fromkeys(each for each in conditions.tolist() if wanted is None or each in wanted):
            try:
                joined[name] = trial_correlations(responses[conditions == name], runs[conditions == name])
            except DesignError as error:
                faults += [f"condition {name}: {fault}" for fault in error.faults]
        DesignError.raise_any(faults)
        return joined
    names = dict.fromkeys(name for part in parts for name in part.matrices if wanted is None or name in wanted)
    return {
        name: np.mean([part.matrices[name] for part in parts if name in part.matrices], axis=0, dtype=float)
        for name in names
    }


def edge_rows(matrix: Float64[Array, "region region"], names: Sequence[str]) -> pd.DataFrame:
    """Return a row for each pair of regions: region, region2 and value, in the order of the names."""
    one, other = np.triu_indices(len(names), 1)
    labels = np.array(names, dtype=object)
    return pd.DataFrame({"region": labels[one], "region2": labels[other], "value": matrix[one, other]})


def _whole(matrix: Float64[Array, "here here"], there: Bool[Array, "region"]) -> Float64[Array, "region region"]:
    whole = np.full((len(there), len(there)), np.nan)
    whole[np.ix_(there, there)] = matrix
    return whole
