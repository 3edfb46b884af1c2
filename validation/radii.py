"""Which radii should the autocorrelation model be fitted to? The candidates, on correlations that are known exactly.

    python validation/radii.py > validation/radii.tsv

3dFWHMx and `estimate_smoothness` pool offsets whose lengths agree within 1 % and fit the model to the mean correlation
of a pool at its shortest length. `exact` rows fit the model's own correlations at every offset in a ball of 4 mm: what
the rule of the radii alone does to a, b, c and the FWHM, in percent of the truth; a pool's mean length and no pooling
are the rivals. `noise` rows fit 40 simulated volumes on voxels that differ in x and y: in our ball, and in that of
3dFWHMx, which takes the voxel's x for its y (`MCW_spheremask(dx, dx, dz, radius)` in mri_fwhm.c of AFNI).
"""

import sys

import numpy as np
import pandas as pd

from cuecircuit.clusters import smoothness
from cuecircuit.clusters.autocorrelation import Autocorrelation
from cuecircuit.clusters.null_field import draw_pair, null_field

RADIUS_MM = 4.0
VOXELS_MM = ((0.4, 0.4, 1.0), (0.3125, 0.3125, 1.0), (0.2, 0.2, 0.5), (0.5, 0.5, 0.5), (0.15, 0.15, 0.8))
MODELS = ((0.5, 0.6, 1.6), (0.6, 0.45, 1.2), (0.3, 0.8, 2.0))
UNEQUAL_MM = ((0.4, 1.0, 0.4), (1.0, 0.4, 0.4))
SHAPE = (48, 36, 48)


def off(found, truth):
    names = ("a", "b_mm", "c_mm", "fwhm_mm")
    return {name: 100 * (getattr(found, name) / getattr(truth, name) - 1) for name in names}


def half_of_offsets(reach):
    steps = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    return steps[len(steps) // 2 :]


def exact(voxel_mm, truth):
    lengths = np.sort(np.linalg.norm(half_of_offsets((RADIUS_MM / voxel_mm).astype(int)) * voxel_mm, axis=1))
    lengths = lengths[lengths <= RADIUS_MM]
    correlations = truth.at(lengths)
    shortest, pooled = smoothness._pooled(lengths, correlations)
    # pooling lengths like correlations gives their means
    means = smoothness._pooled(lengths, lengths)[1]
    rivals = {"shortest": (shortest, pooled), "mean": (means, pooled), "every offset": (lengths, correlations)}
    for rule, (radii, values) in rivals.items():
        yield {"data": "exact", "radii": rule} | off(smoothness._fit(radii, values), truth)


def noise(voxel_mm, truth, seed):
    axes = np.ix_(*(np.linspace(-1, 1, round(n * 0.4 / edge)) for n, edge in zip(SHAPE, voxel_mm, strict=True)))
    mask = sum(axis**2 for axis in axes) <= 1
    field, rng = null_field(mask, voxel_mm, truth), np.random.default_rng(seed)
    volumes = np.concatenate([draw_pair(field, rng) for _ in range(20)])
    ours = smoothness.estimate_smoothness(volumes, mask, voxel_mm)
    yield {"data": "noise", "radii": "ours"} | off(ours.acf, truth)
    reach = np.minimum(np.floor(RADIUS_MM / voxel_mm[[0, 0, 2]]).astype(int), np.array(mask.shape) - 1)
    size = tuple(n + int(r) for n, r in zip(mask.shape, reach, strict=True))
    power = smoothness._power(lambda: volumes, np.ones(volumes.shape[1], bool), mask, size) / len(volumes)
    # a ball in which y is measured by x; lengths are true ones
    lengths, correlations = smoothness._correlations(power, mask, voxel_mm, reach, np.inf)
    kept = np.linalg.norm(half_of_offsets(reach) * voxel_mm[[0, 0, 2]], axis=1)[: len(lengths)] <= RADIUS_MM
    radii, values = smoothness._pooled(lengths[kept], correlations[kept])
    yield {"data": "noise", "radii": "3dFWHMx's ball"} | off(smoothness._fit(radii, values), truth)


def rows():
    for numbers in MODELS:
        truth = Autocorrelation(a=numbers[0], b_mm=numbers[1], c_mm=numbers[2])
        for voxel in VOXELS_MM:
            known = {"voxel_mm": " ".join(map(str, voxel)), "acf": " ".join(map(str, numbers))}
            yield from (known | row for row in exact(np.array(voxel), truth))
    truth = Autocorrelation(a=0.5, b_mm=0.6, c_mm=1.6)
    for voxel in UNEQUAL_MM:
        known = {"voxel_mm": " ".join(map(str, voxel)), "acf": "0.5 0.6 1.6"}
        yield from (known | row for row in noise(np.array(voxel), truth, 0))


def main():
    pd.DataFrame(rows()).round(3).to_csv(sys.stdout, sep="\t", index=False)


if __name__ == "__main__":
    main()
