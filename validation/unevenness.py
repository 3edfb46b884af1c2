"""Is `unevenness` about 0 for noise of one smoothness, and what is it of simulated and real maps?

    python validation/unevenness.py [--sets 40] [--pool FOLDER] [--maps FILE ...]

Prints the range over sets of simulated null fields, about their mean, of a box and of ellipsoids with long-tailed and
Gaussian autocorrelation. `--pool` is the folder of `pipeline_rates.py pool`: noise of each error stratum of rats.
`--maps` are one map a person, about their mean.
"""

import argparse
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from cuecircuit.clusters.autocorrelation import Autocorrelation, gaussian_autocorrelation
from cuecircuit.clusters.null_field import draw_pair, null_field
from cuecircuit.clusters.smoothness import estimate_smoothness
from cuecircuit.clusters.unevenness import unevenness
from cuecircuit.io.nifti import read_mask

TAIL = Autocorrelation(a=0.5, b_mm=0.6, c_mm=1.6)


def ellipsoid(*shape):
    return sum(axis**2 for axis in np.ix_(*(np.linspace(-1, 1, n) for n in shape))) <= 1


NOISE = {
    "box of 0.4 mm": (np.ones((10, 10, 8), bool), (0.4, 0.4, 1.0), TAIL),
    "rat of 0.5 mm": (ellipsoid(34, 34, 13), (0.5, 0.5, 1.0), TAIL),
    "rat, FWHM 2.5 mm": (ellipsoid(34, 34, 13), (0.5, 0.5, 1.0), gaussian_autocorrelation(2.5)),
    "human of 4 mm, FWHM 10 mm": (ellipsoid(36, 44, 36), (4.0, 4.0, 4.0), gaussian_autocorrelation(10.0)),
}


def measured(maps, mask, voxel_mm):
    """Return the unevenness of maps about their mean."""
    found = estimate_smoothness(maps - maps.mean(axis=0), mask, np.asarray(voxel_mm))
    return unevenness(found.neighbor_variance, float(len(maps) - 1))


def of_fields(sets):
    for name, (mask, voxel_mm, acf) in NOISE.items():
        field, rng = null_field(mask, np.array(voxel_mm), acf), np.random.default_rng(1)
        for n in (9, 12, 21, 53):
            drawn = [np.concatenate([draw_pair(field, rng) for _ in range((n + 1) // 2)])[:n] for _ in range(sets)]
            found = [measured(maps, mask, voxel_mm) for maps in drawn]
            yield {"noise": name, "voxels": int(mask.sum()), "maps": n, "sets": sets, "lowest": min(found),
                   "median": np.median(found), "highest": max(found)}  # fmt: skip


def of_pool(folder):
    mask, grid = read_mask(folder / "carmack20190" / "mask.nii.gz")
    tables = [pd.read_csv(out / "tables" / "maps.responses.tsv", sep="\t").assign(out=out)
              for out in sorted(folder.glob("carmack2019*"))]  # fmt: skip
    rows = pd.concat(tables)
    maps = np.stack([nib.load(row.out / row.map).get_fdata()[mask] for row in rows.itertuples()]).reshape(
        -1, 4, mask.sum()
    )
    one, two = np.array([1, 1, -1, -1]), np.array([1, -1, 1, -1])  # cues, then blocks within them
    rats = np.random.default_rng(0).permutation(len(maps))[:21]
    for name, weights in {
        "subject": abs(one),
        "subject:cue": one,
        "subject:block": two,
        "cue:block": one * two,
    }.items():
        scores = np.einsum("scv,c->sv", maps, weights / 2)
        yield name, measured(scores, mask, grid.voxel_mm), measured(scores[rats], mask, grid.voxel_mm)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=40)
    parser.add_argument("--pool", type=Path)
    parser.add_argument("--maps", type=Path, nargs="+")
    options = parser.parse_args()
    if options.pool:
        for name, every, some in of_pool(options.pool):
            print(f"{name}: {every:.2f} of all rats, {some:.2f} of 21")
    elif options.maps:
        maps = np.stack([nib.load(path).get_fdata().squeeze() for path in options.maps])
        mask = np.isfinite(maps).all(axis=0) & (maps != 0).all(axis=0)
        voxel_mm = nib.load(options.maps[0]).header.get_zooms()[:3]
        print(f"{len(maps)} maps, {mask.sum()} voxels: {measured(maps[:, mask], mask, np.array(voxel_mm, float)):.2f}")
    else:
        print(pd.DataFrame(of_fields(options.sets)).to_string(index=False, float_format="%.2f"))


if __name__ == "__main__":
    main()
