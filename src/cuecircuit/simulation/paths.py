"""Paths between regions in a simulated scan: a course that regions share, at rest or while a cue opens the path.

The number of an edge is Fisher's z between a voxel of one region and one of the other, while the path is open: voxels
of noise SD σ get a s(t) with a = σ √(r / (1 − r)), r = tanh z, s of SD 1 and its own for each edge. Means of regions,
whose noise is smaller, agree more closely. A z of 0 or less has no path.

A seed of maps `kind: glm` has a course of its own, three times as strong as a voxel's noise. Of gPPI a region gets its
number (% per SD of the seed) times the product that the model has; of beta series the cell's trials are strong or weak
with the seed's, by sinh z, so that the correlation over trials whose responses do not overlap is z.
"""

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float, Float32
from cuecircuit.imaging.deconvolution import neural_conditions
from cuecircuit.imaging.first_level import Hrf, design_matrix
from cuecircuit.simulation.places import Place, amplitude_volume
from cuecircuit.study.acquisition import Correlated, EdgeSet, Glm

SEED_STRENGTH = 3.0
"""How much stronger than a voxel's noise the course of a seed is in the seed itself."""


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
    percent = np.zeros((int(place.brain.mask.sum()), volumes), np.float32)
    for row in rows.to_dict("records"):
        course = _course(edges, row, events, tr_s=tr_s, volumes=volumes, rng=rng)
        if row["value"] > 0:
            r = np.tanh(row["value"])
            by_region = dict.fromkeys(place.regions, 0.0)
            by_region |= dict.fromkeys((row["region"], row["region2"]), float(np.sqrt(r / (1 - r))))
            size = amplitude_volume(place, by_region, 0.0)
            percent += np.outer(place.noise_percent * size, course).astype(np.float32)
    return percent


def seeded_percent(
    place: Place,
    maps: Glm,
    rows: pd.DataFrame,
    events: pd.DataFrame,
    *,
    tr_s: float,
    volumes: int,
    rng: np.random.Generator,
) -> Float32[Array, "voxel volume"]:
    """Return what a seed and the voxels that follow it add to one scan, % of the mean signal.

    Args:
        place: the brain.
        maps: the set that has the seed.
        rows: cells, region and value of each map.
        events: onset, duration (s) and cells of the trials.
        tr_s: repetition time.
        volumes: length of the scan.
        rng: source of the courses.
    """
    noise = place.noise_percent
    kinds, cells = (table[list(maps.cells)].astype(str).agg(" ".join, axis=1) for table in (events, rows))
    named = events[["onset", "duration"]].assign(trial_type=kinds)
    table = {
        str(cell): dict(zip(by["region"], by["value"], strict=True)) for cell, by in rows.groupby(cells, sort=False)
    }
    by_cell = {name: values | {maps.seed: 0.0} for name, values in table.items() if name in set(kinds)}
    seed = SEED_STRENGTH * noise * amplitude_volume(place, dict.fromkeys(place.regions, 0.0) | {maps.seed: 1.0}, 0.0)
    percent = np.zeros((len(seed), volumes))
    shared = {"tr_s": tr_s, "n_volumes": volumes, "hrf": maps.hrf}
    if maps.beta_series != "none":
        for name, z in by_cell.items():
            course = _trial_course(named[kinds == name], rng, **shared)
            follow = amplitude_volume(place, {region: float(np.sinh(value)) for region, value in z.items()}, 0.0)
            percent += np.outer(seed + noise * follow, course)
        return percent.astype(np.float32)
    neural = neural_conditions(named, list(by_cell), **shared)
    activity = rng.standard_normal(len(neural.boxes) if maps.deconvolve else volumes)
    course = neural.convolved(activity[:, None])[:, 0] if maps.deconvolve else activity
    design = design_matrix(named, drift_period_s=None, **shared)
    percent += np.outer(seed, course / course.std())
    for place_of, (name, slopes) in enumerate(by_cell.items()):
        product = neural.products(activity)[:, place_of] if maps.deconvolve else design[name].to_numpy() * activity
        percent += np.outer(amplitude_volume(place, slopes, 0.0), product / course.std())
    return percent.astype(np.float32)


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
    of_cell = events[np.logical_and.reduce([events[cell].astype(str) == str(row[cell]) for cell in edges.cells])]
    if of_cell.empty:
        return np.zeros(volumes)
    design = _trial_responses(of_cell, tr_s=tr_s, n_volumes=volumes, hrf=edges.hrf)
    if edges.kind == "beta_series":  # the regions' answers to a trial are large or small together
        return design @ rng.standard_normal(len(of_cell))
    return design.sum(axis=1) * rng.standard_normal(volumes)


def _trial_course(
    events: pd.DataFrame, rng: np.random.Generator, *, tr_s: float, n_volumes: int, hrf: Hrf
) -> Float[Array, "volume"]:
    """Return responses to trials of SD 1, in units of the noise of a trial's estimate."""
    design = _trial_responses(events, tr_s=tr_s, n_volumes=n_volumes, hrf=hrf)
    return design / np.linalg.norm(design, axis=0) @ rng.standard_normal(len(events))


def _trial_responses(events: pd.DataFrame, *, tr_s: float, n_volumes: int, hrf: Hrf) -> Float[Array, "volume trial"]:
    names = [f"trial{number:05d}" for number in range(len(events))]
    named = events[["onset", "duration"]].assign(trial_type=names)
    return design_matrix(named, n_volumes=n_volumes, tr_s=tr_s, hrf=hrf, drift_period_s=None)[names].to_numpy()
