"""Planted amplitudes to the series of one scan: each cell's response, drift, motion and noise; and its confounds.

The response is the one that the step fits (its HRF on the events of the cell; the species' own for block responses and
finite impulse responses), so that an amplitude is the estimate that a scan without noise gives. Connectivity with a
seed is a common course of seed and region: voxels of noise SD σ get a s(t) with a = σ r / √(1 − r²), r = tanh z.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float, Float32, Int
from cuecircuit.generators.bold import noisy_scan
from cuecircuit.generators.human_scan import noisy_run
from cuecircuit.imaging.compcor import principal_components
from cuecircuit.imaging.first_level import Hrf, design_matrix
from cuecircuit.imaging.nuisance import MOTION_NAMES, cosine_drift
from cuecircuit.imaging.quality import framewise_displacement
from cuecircuit.simulation.paths import SEED_STRENGTH
from cuecircuit.simulation.places import Place, amplitude_volume
from cuecircuit.study.acquisition import Blocks, Glm, Nuisance

_RABIES_MOTION = ("mov1", "mov2", "mov3", "rot1", "rot2", "rot3")
_COMPONENTS = 6


def hrf_of(maps: Blocks | Glm, kind: str) -> Hrf:
    """Return the response that maps are drawn with: that of the fit, the species' own where it assumes none."""
    shape: Hrf = "rat" if kind == "rodent" else "spm"
    return maps.hrf if isinstance(maps, Glm) and maps.hrf != "fir" else shape


def task_percent(
    place: Place,
    events: pd.DataFrame,
    cell: Int[Array, "event"],
    amplitudes: Sequence[dict[str, float]],
    *,
    hrf: Hrf,
    tr_s: float,
    volumes: int,
) -> Float32[Array, "voxel volume"]:
    """Return the responses to all cells, % of the mean signal.

    Args:
        place: the brain.
        events: onset and duration (s) of every trial that is a cell.
        cell: number of each trial's cell, from 0.
        amplitudes: % by region, of each cell.
        hrf: response to a moment of activity.
        tr_s: repetition time.
        volumes: length of the scan.
    """
    percent = np.zeros((int(place.brain.mask.sum()), volumes), np.float32)
    if events.empty:
        return percent
    named = events[["onset", "duration"]].assign(trial_type=[f"cell{number}" for number in cell])
    design = design_matrix(named, n_volumes=volumes, tr_s=tr_s, hrf=hrf, drift_period_s=None)
    for number in np.unique(cell):
        size = amplitude_volume(place, amplitudes[number], 0.0)
        percent += np.outer(size, design[f"cell{number}"].to_numpy(np.float32))
    return percent


def seed_percent(
    place: Place, z: dict[str, dict[str, float]], volumes: int, rng: np.random.Generator
) -> Float32[Array, "voxel volume"]:
    """Return courses common to seeds and regions, % of the mean signal.

    Args:
        place: the brain.
        z: Fisher's z of each region, by seed.
        volumes: length of the scan.
        rng: source of the courses.
    """
    percent = np.zeros((int(place.brain.mask.sum()), volumes), np.float32)
    for seed, by_region in z.items():
        slope_of = {region: np.sinh(value) for region, value in by_region.items()}  # r / √(1 − r²) is sinh z
        size = amplitude_volume(place, slope_of | {seed: SEED_STRENGTH}, 0.0)
        percent += np.outer(place.noise_percent * size, rng.standard_normal(volumes)).astype(np.float32)
    return percent


def noisy_series(
    place: Place, percent: Float32[Array, "voxel volume"], rng: np.random.Generator
) -> tuple[Int[Array, "x y z volume"], Float[Array, "volume 6"]]:
    """Return a scan in scanner units and its motion (mm, rad)."""
    if place.kind == "human":
        brain = place.brain
        return noisy_run(brain.mask, brain.grid, percent, rng, mean=brain.mean_signal[brain.mask])
    scan = noisy_scan(place.brain, percent, rng)
    return scan.data, scan.motion


def confound_table(
    place: Place,
    data: Int[Array, "x y z volume"],
    motion: Float[Array, "volume 6"],
    *,
    tr_s: float,
    nuisance: Nuisance,
    rabies: bool,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the confounds of a scan as fMRIPrep or RABIES names them.

    Columns are motion, displacement, tissue means, components and cosines; a name in `nuisance.columns` that begins
    none of them is a column of noise.

    Args:
        place: the brain.
        data: of the scan.
        motion: mm and rad.
        tr_s: repetition time.
        nuisance: what the study removes.
        rabies: names of RABIES.
        rng: source of noise.
    """
    brain, volumes = place.brain, len(motion)
    tissues = {"global": brain.mask, "white_matter": brain.white_matter, "csf": brain.ventricles}
    means = {name: data[tissue].mean(axis=0) for name, tissue in tissues.items() if tissue.any()}
    radius = nuisance.head_radius_mm or (5.0 if place.kind == "rodent" else 50.0)
    moved = np.concatenate([[np.nan], framewise_displacement(motion, head_radius_mm=radius)])
    if rabies:
        names = {"global": "global_signal", "white_matter": "WM_signal", "csf": "CSF_signal"}
        table = pd.DataFrame(motion, columns=list(_RABIES_MOTION))
    else:
        names = {"global": "global_signal", "white_matter": "white_matter", "csf": "csf"}
        table = pd.DataFrame(motion, columns=list(MOTION_NAMES)).assign(framewise_displacement=moved)
    table = table.assign(**{names[tissue]: mean for tissue, mean in means.items()})
    asked = [*nuisance.columns, *(["a_comp_cor_"] if nuisance.acompcor else [])]
    if any(name.startswith("a_comp_cor") for name in asked):
        water = brain.white_matter | brain.ventricles
        components = principal_components(data[water].T.astype(float), max(_COMPONENTS, nuisance.acompcor))
        table = table.assign(**{f"a_comp_cor_{k:02d}": column for k, column in enumerate(components.T)})
    if any(name.startswith("cosine") for name in asked):
        slow = cosine_drift(volumes, tr_s=tr_s, period_s=128.0)
        table = table.assign(**{f"cosine{k:02d}": column for k, column in enumerate(slow.T)})
    if any(name.startswith("non_steady") for name in asked):
        table["non_steady_state_outlier00"] = np.eye(volumes)[0]
    for name in asked:
        if not any(fnmatchcase(column, f"{name}*") for column in table):
            table[name] = rng.standard_normal(volumes)
    return table
