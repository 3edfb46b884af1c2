"""Why do 3dClustSim's cluster sizes differ from ours? Its fields imitated with each of its traits apart.

    python validation/clustsim_causes.py MASK.nii.gz [--pairs 1000] > validation/clustsim_causes.tsv
    AFNI_CLUSTSIM=/path/to/3dClustSim python validation/clustsim_causes.py MASK.nii.gz

MASK is the 64 × 64 × 24 grid of 0.4 × 0.4 × 1 mm whose box AFNI pads to 96 × 96 × 40; ACF .5, .6, 1.6 mm. Printed is
the cluster size (faces, one-sided, α .05) at each voxel p, with its Monte Carlo standard error, of

    ours              `simulate_cluster_sizes`
    all frequencies   AFNI's box, a correct transform, no rescaling: should be ours
    highest dropped   the same without the mean and the three highest frequencies of each axis (3.5 % of the variance)
    rescaled          highest dropped, each volume divided by its RMS over the box
    table shared      highest dropped, the transform of length 96 with a table that the 40 overwrote
    both              highest dropped, table shared, rescaled: 3dClustSim as published
    both, old normals the same with the generator of normals that it had until August 2026

and of the binary that AFNI_CLUSTSIM names, if it does. All variants but ours share their white noise, so that their
differences are known better than the standard errors say.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from scipy import fft, stats

from cuecircuit.clusters.autocorrelation import Autocorrelation
from cuecircuit.clusters.clustsim import ClusterNull, simulate_cluster_sizes, size_thresholds
from cuecircuit.clusters.extent_kernel import largest_clusters
from cuecircuit.clusters.neighbors import ClusterRule, neighbor_table

VOXEL_MM = np.array([0.4, 0.4, 1.0])
ACF = Autocorrelation(a=0.5, b_mm=0.6, c_mm=1.6)
P = (0.01, 0.005, 0.001)
BOX = (96, 96, 40)


def radix_3(n, twiddles):
    """Transform of length n = 3m as a matrix: three transforms of length m joined by the twiddles exp(2πik/n)."""
    a, b, c = (np.fft.fft(np.eye(n)[start::3], axis=0) for start in range(3))
    k = np.arange(n // 3)
    b, c = b * np.conj(twiddles[k])[:, None], c * np.conj(twiddles[2 * k])[:, None]
    w = np.exp(-2j * np.pi / 3)
    return np.concatenate([a + b + c, a + w * b + w**2 * c, a + w**2 * b + w * c]).astype(np.complex64)


def old_normals(shape, rng):
    """Draw as its ziggurat did where `long` has 64 bits: half of each strip, and 14 times too much of the tail."""
    edge, density = 3.44428647676, lambda x: np.exp(-0.5 * x * x)
    strips = np.zeros(129)
    strips[127:] = edge, 3.7346  # and downwards, strips of equal area
    for i in range(126, 0, -1):
        area = strips[128] * density(edge)
        strips[i] = np.sqrt(-2 * np.log(min(area / strips[i + 1] + density(strips[i + 1]), 1)))
    noise = rng.random(shape, np.float32) * (strips[1:].astype(np.float32) / 2)[rng.integers(0, 128, shape)]
    in_tail = rng.random(shape, np.float32) < 0.00728
    noise[in_tail] = stats.norm.isf(rng.random(np.count_nonzero(in_tail)) * stats.norm.sf(edge))
    return np.copysign(noise, rng.random(shape, np.float32) - 0.5)


def spectrum(*, dropped):
    """Return √spectrum on AFNI's box, where `dropped` without the highest frequencies and the mean."""
    steps = (np.minimum(np.arange(k), k - np.arange(k)) * edge for k, edge in zip(BOX, VOXEL_MM, strict=True))
    correlation = ACF.at(np.sqrt(sum(axis**2 for axis in np.ix_(*steps))))
    drop = [np.isin(np.arange(k), (k // 2 - 1, k // 2, k // 2 + 1)) for k in BOX]
    outside = drop[0][:, None, None] | drop[1][:, None] | drop[2]
    weights = np.sqrt(np.maximum(fft.fftn(correlation).real, 0)).astype(np.float32)
    if dropped:
        weights[outside] = weights[0, 0, 0] = 0
    return weights


def afni_transforms() -> Mapping[str, np.ndarray]:
    """Return the 64 middle rows of the transform of length 96, correct and with AFNI's table.

    Its transforms of lengths 3m, 4m and 5m share one table of twiddles per thread, but each remembers by itself whether
    the table is its own: the 40 overwrites the first 32 of the 64 twiddles of the 96, used so from the second field on.
    """
    k = np.arange(64)
    own, shared = (np.exp(2j * np.pi * k / length) for length in (96, np.where(k < 32, 40, 96)))
    return {"own": radix_3(96, own)[16:80], "shared": radix_3(96, shared)[16:80]}


VARIANTS = {"all frequencies": (False, "own"), "highest dropped": (True, "own"), "table shared": (True, "shared")}


def afni_fields(pairs, seed, normals, names=tuple(VARIANTS)) -> Iterator[dict[str, np.ndarray]]:
    """Yield fields of unit variance on the 64 × 64 × 24 grid from the same white noise, one of each variant."""
    transforms, rng = afni_transforms(), np.random.default_rng(seed)
    weights = {dropped: spectrum(dropped=dropped) for dropped in {VARIANTS[name][0] for name in names}}
    unit = {dropped: np.sqrt(np.square(each, dtype=np.float64).sum()) for dropped, each in weights.items()}
    for _ in range(pairs):
        white, made = normals(BOX, rng) + 1j * normals(BOX, rng), {}
        for name in names:
            dropped, table = VARIANTS[name]
            noise = fft.fft((weights[dropped] * white).astype(np.complex64), axis=2)[:, :, 8:32].reshape(96, -1)
            once = np.matmul(transforms[table], noise).reshape(64, 96, 24)
            made[name] = np.matmul(transforms[table], once) / unit[dropped]
        yield {name: field.real for name, field in made.items()}
        yield {name: field.imag for name, field in made.items()}


def rescaled(field):
    """Divide a volume by its RMS, as 3dClustSim does."""
    return field / np.sqrt(np.mean(field.astype(np.float64) ** 2))


def normals(shape, rng):
    return rng.standard_normal(shape, np.float32)


def imitated(mask, pairs) -> dict[str, np.ndarray]:
    """Return the largest clusters of every variant, a row for each p."""
    table, rising = neighbor_table(mask, 6), stats.norm.isf(P)[::-1]

    def largest(field):
        return largest_clusters(field[mask].astype(np.float32), table, rising, False, False)

    found: dict[str, list[np.ndarray]] = {}
    for fields in afni_fields(pairs, 1, normals):
        scaled = {"rescaled": rescaled(fields["highest dropped"]), "both": rescaled(fields["table shared"])}
        for name, field in (fields | scaled).items():
            found.setdefault(name, []).append(largest(field))
    for fields in afni_fields(pairs, 2, old_normals, ("table shared",)):
        found.setdefault("both, old normals", []).append(largest(rescaled(fields["table shared"])))
    return {name: np.array(rows).T[::-1] for name, rows in found.items()}


def sizes_of_binary(program, mask_file):
    with tempfile.TemporaryDirectory() as folder:
        acf = map(str, (ACF.a, ACF.b_mm, ACF.c_mm))
        options = ["-pthr", *map(str, P), "-athr", ".05", "-iter", "10000", "-nodec", "-prefix", "sizes"]
        command = [program, "-mask", str(Path(mask_file).absolute()), "-acf", *acf, *options]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return np.loadtxt(Path(folder) / "sizes.NN1_1sided.1D")[:, 1]


def rows(mask_file, pairs):
    mask = np.asarray(nib.load(mask_file).dataobj) != 0
    (ours,) = simulate_cluster_sizes(mask, VOXEL_MM, ACF, pthr=P, iterations=2 * pairs, seed=3)
    maxima = {"ours": ours.maxima} | imitated(mask, pairs)
    for name, own in maxima.items():
        null = ClusterNull(maxima=own, pthr=P, z=ours.z, rule=ClusterRule(), acf=ACF, seed=0)
        read = size_thresholds(null, (0.05,))
        for p, size, error in zip(P, read.sizes[:, 0], read.standard_errors[:, 0], strict=True):
            yield {"fields": name, "n": own.shape[1], "voxel_p": p, "size": round(size, 1), "se": round(error, 1)}
    program = os.environ.get("AFNI_CLUSTSIM")
    if program is None:
        print("AFNI_CLUSTSIM names no binary of 3dClustSim: it was not run", file=sys.stderr)
        return
    for p, size in zip(P, sizes_of_binary(program, mask_file), strict=True):
        yield {"fields": "3dClustSim", "n": 10_000, "voxel_p": p, "size": size, "se": np.nan}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mask")
    parser.add_argument("--pairs", type=int, default=1000, help="of fields")
    options = parser.parse_args()
    pd.DataFrame(rows(options.mask, options.pairs)).to_csv(sys.stdout, sep="\t", index=False)


if __name__ == "__main__":
    main()
