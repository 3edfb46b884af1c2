"""Paths between regions in a simulated scan: a course that two regions share, at rest or while a cue opens the path.

The number of an edge is Fisher's z between a voxel of one region and one of the other, while the path is open: voxels
of noise SD σ get a s(t) with a = σ √(r / (1 − r)), r = tanh z, s of SD 1 and its own for each edge. Means of regions,
whose noise is smaller, agree more closely. A z of 0 or less has no path.
"""

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float, Float32
from cuecircuit.generators.human_scan import NOISE_PERCENT
from cuecircuit.imaging.first_level import design_matrix
from cuecircuit.simulation.places import Place, amplitude_volume
from cuecircuit.study.acquisition import Correlated, EdgeSet


def path_percent(
    place: Place,
    edges: EdgeSet,
    rows: pd.DataFrame,
    events: pd.DataFrame | None,
    *,
    tr_s: float,
    volumes: int,
    rng: np.random.Generator,
) -> Float32[Array, "voxel volume"]:
    """Return what the paths of one scan add, % of the mean signal.

    Args:
        place: the brain.
        edges: the set that the paths are of.
        rows: cells, region, region2 and value (z) of each edge.
        events: onset, duration (s) and cells of the trials.
        tr_s: repetition time.
        volumes: length of the scan.
        rng: source of the courses.
    """
    noise = NOISE_PERCENT if place.kind == "human" else 100 / place.brain.tsnr[place.brain.mask]
    percent = np.zeros((int(place.brain.mask.sum()), volumes), np.float32)
    for row in rows.to_dict("records"):
        course = _course(edges, row, events, tr_s=tr_s, volumes=volumes, rng=rng)
        if row["value"] > 0:
            r = np.tanh(row["value"])
            by_region = dict.fromkeys(place.regions, 0.0)
            by_region |= dict.fromkeys((row["region"], row["region2"]), float(np.sqrt(r / (1 - r))))
            size = amplitude_volume(place, by_region, 0.0)
            percent += np.outer(noise * size, course).astype(np.float32)
    return percent


def _course(
    edges: EdgeSet,
    row: dict[str, object],
    events: pd.DataFrame | None,
    *,
    tr_s: float,
    volumes: int,
    rng: np.random.Generator,
) -> Float[Array, "volume"]:
    if isinstance(edges, Correlated) or events is None:
        return rng.standard_normal(volumes)
    own = events[np.logical_and.reduce([events[cell].astype(str) == str(row[cell]) for cell in edges.cells])]
    names = [f"trial{number:05d}" for number in range(len(own))]
    if not names:
        return np.zeros(volumes)
    design = design_matrix(
        own[["onset", "duration"]].assign(trial_type=names),
        n_volumes=volumes,
        tr_s=tr_s,
        hrf=edges.hrf,
        drift_period_s=None,
    )[names].to_numpy()
    if edges.kind == "beta_series":  # the regions' answers to a trial are large or small together
        return design @ rng.standard_normal(len(own))
    return design.sum(axis=1) * rng.standard_normal(volumes)
