"""One preprocessed run of the simulated human study: responses to pictures, drift, motion's shadow and noise.

    S(x, t) = M (1 + [Σ_cell a_cell(x) h_cell(t) + drift(x, t) + noise(x, t)] / 100)

h: pictures of a cell convolved with SPM's canonical response (area 1), noise: SD 1 %, smooth in space and AR(1) in
time. Regions are spheres in MNI space. All numbers are assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.signal import lfilter

from cuecircuit.arrays import Array, Bool, Float, Float32, Int
from cuecircuit.generators.human_plan import CELLS, REGIONS
from cuecircuit.records.grid import Grid

TR_S, VOLUMES, RUNS, TRIALS_PER_CELL, PICTURE_S = 2.0, 156, 2, 6, 6.0
NOISE_PERCENT, NOISE_FWHM_MM, NOISE_AR, DRIFT_PERCENT = 1.0, 6.0, 0.3, 0.4
MEAN_SIGNAL = 1000.0
_STEP_S = 0.1
_TOGETHER = 32  # volumes of noise drawn at a time


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Events:
    """Pictures of a run, seconds; `rating` 1-5 and reaction time."""

    onset_s: Float[Array, "trial"]
    cell: tuple[str, ...]
    rating: Int[Array, "trial"]
    reaction_s: Float[Array, "trial"]


def draw_events(rng: np.random.Generator, *, patient: bool) -> Events:
    """Draw the order of the cells, jittered gaps of 2 to 5 s, ratings and reaction times."""
    order = rng.permutation(np.repeat(np.arange(len(CELLS)), TRIALS_PER_CELL))
    gaps = rng.uniform(2.0, 5.0, len(order))
    onset = 8.0 + np.cumsum(gaps + PICTURE_S) - gaps - PICTURE_S
    likes = np.array([3.2 if patient else 1.5, 3.4, 2.6, 2.4 if patient else 1.4, 3.9])
    rating = np.clip(np.rint(rng.normal(likes[order], 0.8)), 1, 5).astype(int)
    reaction = np.round(rng.lognormal(np.log(1.1 if patient else 0.95), 0.25, len(order)), 3)
    return Events(onset_s=np.round(onset, 3), cell=tuple(CELLS[k] for k in order), rating=rating, reaction_s=reaction)


def region_labels(
    mask: Bool[Array, "x y z"], grid: Grid, regions: Mapping[str, tuple[float, float, float, float]] = REGIONS
) -> Int[Array, "voxel"]:
    """Label the voxels of the mask (C order) by region, from 1; 0 outside."""
    where = grid.mm(np.argwhere(mask).astype(float))
    where[:, 0] = np.abs(where[:, 0])
    labels = np.zeros(len(where), int)
    for number, (x, y, z, radius) in enumerate(regions.values(), 1):
        labels[np.linalg.norm(where - [x, y, z], axis=1) <= radius] = number
    return labels


def cell_responses(events: Events) -> Float[Array, "volume cell"]:
    """Return the response to the pictures of each cell at every volume."""
    from nilearn.glm.first_level import spm_hrf

    fine = np.arange(0, VOLUMES * TR_S, _STEP_S)
    # nilearn samples the response at t_r / oversampling and scales its sum to 1
    kernel = np.asarray(spm_hrf(1.0, round(1 / _STEP_S)))
    columns = []
    for cell in CELLS:
        onsets = events.onset_s[np.array(events.cell) == cell]
        on = np.any((fine >= onsets[:, None]) & (fine < onsets[:, None] + PICTURE_S), axis=0)
        columns.append(np.convolve(on.astype(float), kernel)[: len(fine)][:: round(TR_S / _STEP_S)])
    return np.stack(columns, axis=1)


def simulate_run(
    mask: Bool[Array, "x y z"],
    grid: Grid,
    amplitudes: Float[Array, "region cell"],
    events: Events,
    rng: np.random.Generator,
    *,
    regions: Mapping[str, tuple[float, float, float, float]] = REGIONS,
) -> tuple[Int[Array, "x y z volume"], Float[Array, "volume 6"]]:
    """Draw a run and its motion parameters (mm, rad).

    Args:
        mask: brain.
        grid: of the mask, in MNI space.
        amplitudes: % BOLD, plateau of a long block.
        events: of the run.
        rng: source of noise, drift and motion.
        regions: places of the regions of `amplitudes`.
    """
    labels = region_labels(mask, grid, regions)
    by_region = np.vstack([np.zeros(VOLUMES), amplitudes @ cell_responses(events).T])
    percent = by_region[labels].astype(np.float32)
    return noisy_run(mask, grid, percent, rng)


def noisy_run(
    mask: Bool[Array, "x y z"],
    grid: Grid,
    percent: Float32[Array, "voxel volume"],
    rng: np.random.Generator,
    *,
    mean: Float32[Array, "voxel"] | float = MEAN_SIGNAL,
) -> tuple[Int[Array, "x y z volume"], Float[Array, "volume 6"]]:
    """Add drift and noise to what is planted in the voxels of the mask (% of `mean`); draw motion (mm, rad)."""
    voxels, volumes = percent.shape
    slow = np.cos(np.pi * np.outer(np.arange(volumes) + 0.5, (1, 2)) / volumes)
    pattern = rng.standard_normal((voxels, 2)).astype(np.float32)
    percent = percent + DRIFT_PERCENT * pattern @ slow.T.astype(np.float32)
    percent += NOISE_PERCENT * _noise(mask, grid, volumes, rng)
    drive = rng.standard_normal((volumes, 6)) * ([0.01] * 3 + [0.0002] * 3)
    motion = np.cumsum(drive, axis=0)
    data = np.zeros((*mask.shape, volumes), np.int16)
    data[mask] = np.rint((mean * (1 + percent / 100).T).T)
    return data, motion - motion[0]


def _noise(
    mask: Bool[Array, "x y z"], grid: Grid, volumes: int, rng: np.random.Generator
) -> Float[Array, "voxel volume"]:
    sigma = NOISE_FWHM_MM / np.sqrt(8 * np.log(2)) / grid.voxel_mm
    innovation = np.sqrt(1 - NOISE_AR**2)
    noise = np.empty((int(mask.sum()), volumes), np.float32)
    for first in range(0, volumes, _TOGETHER):  # a few at a time, for memory
        last = min(first + _TOGETHER, volumes)
        field = rng.standard_normal((last - first, *mask.shape), dtype=np.float32)
        noise[:, first:last] = ndimage.gaussian_filter(field, sigma, axes=(1, 2, 3), mode="wrap")[:, mask].T
    # the filter leaves every volume with the same expected variance
    noise *= innovation / noise.std()
    noise[:, 0] /= innovation
    return np.asarray(lfilter([1.0], [1.0, -NOISE_AR], noise), np.float32)
