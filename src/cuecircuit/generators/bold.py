"""One scan: responses, breathing, drift, motion and noise on the mean image of the brain.

    S(x, t) = M(x) [1 + (a(x) h(t) + g(x, t) + d(x, t)) / 100 + n(x, t) / tSNR(x)] − ∇M · u(x, t)

a: planted % BOLD, h: blocks convolved with the rat's HRF (plateau 1), g: breathing, d: slow drift, n: noise of SD 1,
smooth in space and AR(1) in time, u: shift of the tissue by motion (translation + rotation, first order). SDs are
assumed, after public tables of rat scans (tSNR 25-40 in cortex, half of it deep).
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.signal import lfilter

from cuecircuit.arrays import Array, Float, Float32, Int
from cuecircuit.generators.brain import Brain
from cuecircuit.generators.breathing import Breathing, global_signals
from cuecircuit.generators.hrf import block_response

NOISE_FWHM_MM = 0.9
NOISE_AR = 0.3
# SD over the scan of each slow cosine, % BOLD, and the size of its spatial pattern
_DRIFT_SD, _DRIFT_CYCLES, _DRIFT_FWHM_MM = 0.4, (0.5, 1.0, 1.5), 5.0
# SD of motion: mm and radians; its memory from volume to volume
_SHIFT_SD_MM, _TURN_SD, _MOTION_AR = 0.008, 0.0006, 0.95


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scan:
    """A simulated scan, and its motion: mm along x, y, z, then radians about x, y, z."""

    data: Int[Array, "x y z volume"]
    motion: Float[Array, "volume 6"]


def block_onsets(blocks: int, length_s: float, *, rest_s: float = 60.0) -> Float[Array, "block"]:
    """Return evenly spaced onsets after an initial rest, seconds."""
    return rest_s + (length_s - rest_s) / blocks * np.arange(blocks)


def simulate_scan(
    brain: Brain,
    amplitudes: Float[Array, "region"],
    breathing: Breathing,
    onsets_s: Float[Array, "block"],
    duration_s: float,
    frame_times_s: Float[Array, "volume"],
    rng: np.random.Generator,
) -> Scan:
    """Draw one scan.

    Args:
        brain: mean signal, tSNR and regions.
        amplitudes: % BOLD at the plateau, in the order of the atlas's labels.
        breathing: of this scan.
        onsets_s: starts of the blocks.
        duration_s: length of a block.
        frame_times_s: time of each volume.
        rng: source of noise, drift and motion.
    """
    percent = noise_free_percent(brain, amplitudes, breathing, onsets_s, duration_s, frame_times_s)
    return noisy_scan(brain, percent, rng)


def noisy_scan(brain: Brain, percent: Float32[Array, "voxel volume"], rng: np.random.Generator) -> Scan:
    """Add drift, noise and motion to what is planted in the voxels of the brain (% of the mean signal)."""
    inside, volumes = brain.mask, percent.shape[1]
    mean = brain.mean_signal[inside][:, None]
    percent = percent + _drift(brain, volumes, rng)
    noise = _noise(brain, volumes, rng)
    noise /= brain.tsnr[inside][:, None]
    motion = _motion(volumes, rng)
    series = mean * (1 + percent / 100 + noise)
    series += _gradients(brain) @ motion.T.astype(np.float32)
    data = np.zeros((*inside.shape, volumes), np.int16)
    data[inside] = np.rint(series)
    return Scan(data=data, motion=motion)


def noise_free_percent(
    brain: Brain,
    amplitudes: Float[Array, "region"],
    breathing: Breathing,
    onsets_s: Float[Array, "block"],
    duration_s: float,
    frame_times_s: Float[Array, "volume"],
) -> Float32[Array, "voxel volume"]:
    """Return responses and breathing in each voxel of the brain, % of the mean signal."""
    labels = brain.atlas.labels[brain.mask]
    size = np.concatenate([[0.0], amplitudes])[labels]
    response = block_response(onsets_s, duration_s, frame_times_s)
    gray, white = global_signals(breathing, frame_times_s)
    water = (brain.white_matter | brain.ventricles)[brain.mask]
    return (np.outer(size, response) + np.where(water[:, None], white, gray)).astype(np.float32)


def _noise(brain: Brain, volumes: int, rng: np.random.Generator) -> Float32[Array, "voxel volume"]:
    box = ndimage.find_objects(brain.mask.astype(np.int8))[0]
    inside = brain.mask[box]
    sigma = NOISE_FWHM_MM / np.sqrt(8 * np.log(2)) / brain.grid.voxel_mm
    field = rng.standard_normal((*inside.shape, volumes), dtype=np.float32)
    # wrapped, so that the variance is the same everywhere; the far side of the box is another part of the brain
    field = ndimage.gaussian_filter(field, sigma, axes=(0, 1, 2), mode="wrap")[inside]
    innovation = np.float32(np.sqrt(1 - NOISE_AR**2))
    field[:, 0] /= innovation
    scale = np.float32(innovation / _kept(sigma))
    return np.asarray(lfilter(np.array([scale]), np.array([1, -NOISE_AR], np.float32), field), np.float32)


def _kept(sigma: Float[Array, "3"]) -> float:
    """SD that white noise of SD 1 keeps under the filter."""
    impulse = np.zeros(33)
    impulse[16] = 1
    kernels = [ndimage.gaussian_filter1d(impulse, width) for width in sigma]
    return float(np.prod(np.linalg.norm(kernels, axis=1)))


def _drift(brain: Brain, volumes: int, rng: np.random.Generator) -> Float32[Array, "voxel volume"]:
    sigma = _DRIFT_FWHM_MM / np.sqrt(8 * np.log(2)) / brain.grid.voxel_mm
    along = (np.arange(volumes) + 0.5) / volumes
    slow = np.cos(2 * np.pi * np.outer(_DRIFT_CYCLES, along)) * np.sqrt(2) * _DRIFT_SD
    maps = [ndimage.gaussian_filter(rng.standard_normal(brain.grid.shape), sigma)[brain.mask] for _ in _DRIFT_CYCLES]
    patterns = np.stack([pattern / pattern.std() for pattern in maps], axis=1)
    return (patterns @ slow).astype(np.float32)


def _motion(volumes: int, rng: np.random.Generator) -> Float[Array, "volume 6"]:
    drive = rng.standard_normal((volumes, 6)) * np.sqrt(1 - _MOTION_AR**2)
    path = np.asarray(lfilter([1.0], [1, -_MOTION_AR], drive, axis=0)) * ([_SHIFT_SD_MM] * 3 + [_TURN_SD] * 3)
    # motion parameters are counted from the first volume
    return path - path[0]


def _gradients(brain: Brain) -> Float32[Array, "voxel 6"]:
    """Change of each voxel's signal per mm of translation and per radian about the brain's center."""
    steps = np.gradient(brain.mean_signal, *brain.grid.voxel_mm)
    # the affine only permutes axes; tissue that moves forward brings the signal behind it
    world = brain.grid.affine[:3, :3] / brain.grid.voxel_mm
    slope = -(world @ np.stack([step[brain.mask] for step in steps])).T
    point = brain.grid.mm(np.argwhere(brain.mask).astype(float))
    turn = np.cross(point - point.mean(axis=0), slope)
    return np.concatenate([slope, turn], axis=1).astype(np.float32)
