"""Simulated cluster thresholds: fields per second, against drawing and labeling them with NumPy and SciPy alone.

AFNI_CLUSTSIM may name a binary of AFNI's 3dClustSim: one thread each, in turn, median ratio of five pairs of runs.
"""

import os
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import fft, ndimage

from benchmarks import ratio, seconds, seconds_of
from cuecircuit.clusters.autocorrelation import Autocorrelation
from cuecircuit.clusters.clustsim import simulate_cluster_sizes
from cuecircuit.clusters.neighbors import structure

SHAPE, VOXEL_MM, ACF = (40, 30, 24), np.array([0.4, 0.4, 1.0]), Autocorrelation(a=0.5, b_mm=0.6, c_mm=1.6)
PTHR_Z = (2.326, 2.576, 3.090)


def mask() -> np.ndarray:
    x, y, z = np.ogrid[-1:1:40j, -1:1:30j, -1:1:24j]
    return x**2 + y**2 + z**2 <= 1


def plain(inside: np.ndarray, fields: int) -> None:
    """One real field at a time on a box twice the mask, one labeling per threshold: the way it is usually written."""
    size = [2 * n for n in inside.shape]
    steps = (np.minimum(np.arange(n), n - np.arange(n)) * edge for n, edge in zip(size, VOXEL_MM, strict=True))
    x, y, z = np.ix_(*steps)
    weights = np.sqrt(np.maximum(fft.rfftn(ACF.at(np.sqrt(x**2 + y**2 + z**2))).real, 0))
    rng = np.random.default_rng(0)
    for _ in range(fields):
        noise = fft.irfftn(fft.rfftn(rng.standard_normal(size)) * weights, size)
        field = noise[tuple(slice(n) for n in inside.shape)]
        for threshold in PTHR_Z:
            labels, _ = ndimage.label(inside & (field > threshold), structure(6))
            np.bincount(labels.ravel())


def simulated(inside: np.ndarray, fields: int) -> object:
    return simulate_cluster_sizes(inside, VOXEL_MM, ACF, iterations=fields)


def afni_seconds(program: str, inside: np.ndarray, fields: int) -> float:
    """Return the processor's seconds of 3dClustSim, all of its process."""
    with tempfile.TemporaryDirectory() as folder:
        nib.Nifti1Image(np.pad(inside, 8).astype("u1"), np.diag([*VOXEL_MM, 1])).to_filename(f"{folder}/mask.nii")
        command = [program, "-mask", "mask.nii", "-acf", *map(str, (ACF.a, ACF.b_mm, ACF.c_mm)), "-pthr", ".01", ".005"]
        command += [".001", "-athr", ".05", "-iter", str(fields), "-prefix", "sizes"]
        return seconds_of(command, Path(folder))


def main() -> None:
    inside = mask()
    simulated(inside, 16)  # compiles
    ours = seconds(lambda: simulated(inside, 2000)) / 2000
    usual = seconds(lambda: plain(inside, 50)) / 50
    times = ratio("null fields, NumPy and SciPy", usual / ours)
    print(f"null field with 3 p in {inside.sum()} voxels: {1000 * ours:.2f} ms, "
          f"NumPy and SciPy alone {1000 * usual:.2f} ms: {times}")  # fmt: skip
    program = os.environ.get("AFNI_CLUSTSIM")
    if program is None:
        print("AFNI_CLUSTSIM names no binary of 3dClustSim: no ratio")
        return
    ratios = [afni_seconds(program, inside, 1000) / seconds(lambda: simulated(inside, 1000)) for _ in range(5)]
    print(f"3dClustSim, 1000 fields: {ratio('null fields, 3dClustSim', float(np.median(ratios)))}, "
          f"{min(ratios):.3g} to {max(ratios):.3g}")  # fmt: skip


if __name__ == "__main__":
    main()
