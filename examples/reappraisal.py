"""Real reappraisal maps: mean effect of 30 people and its regression on reappraisal success, ordinary and robust.

    python examples/reappraisal.py FOLDER OUT

FOLDER holds the contrast maps (reappraise - look at negative pictures) of Wager et al. 2008 (Neuron 59:1037), one
Analyze file per person under `con/`, and their table of behavior. Prints the strongest voxels of each test.
"""

import argparse
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests.command import group_command

SUCCESS = "Y_Reappraisal_Success"


def write_inputs(folder: Path, out: Path) -> None:
    """Write maps.tsv and a mask of the voxels that are non-zero and finite in all maps."""
    out.mkdir(parents=True, exist_ok=True)
    files = sorted((folder / "con").glob("con_*.img"))
    images = [nib.load(file) for file in files]
    values = np.stack([image.get_fdata().squeeze() for image in images])
    mask = (np.isfinite(values) & (values != 0)).all(axis=0)
    nib.Nifti1Image(mask.astype(np.uint8), images[0].affine).to_filename(out / "mask.nii.gz")
    table = pd.read_csv(folder / "Wager_2008_emotionreg_behavioral_data.txt", sep="\t")
    rows = pd.DataFrame({"person": [f"{k + 1:02d}" for k in range(len(files))], "success": table[SUCCESS]})
    rows["map"] = [str(file.resolve()) for file in files]
    rows.to_csv(out / "maps.tsv", sep="\t", index=False)
    print(f"{len(files)} people, {mask.sum()} voxels non-zero in all maps")


def print_peaks(out: Path, method: str) -> None:
    mask = nib.load(out / "mask.nii.gz")
    inside = mask.get_fdata() > 0
    terms = pd.read_csv(out / method / "terms.tsv", sep="\t")
    for term, prefix, size, found in terms[["term", "prefix", "cluster_size", "significant_clusters"]].to_numpy():
        t = nib.load(out / method / f"contrast-{prefix}_stat-t_statmap.nii.gz").get_fdata()
        for sign, name in ((1, "largest"), (-1, "smallest")):
            peak = np.unravel_index(np.nanargmax(np.where(inside, sign * t, -np.inf)), t.shape)
            x, y, z = nib.affines.apply_affine(mask.affine, peak)
            print(f"{method}\t{term}\t{name}\t{t[peak]:.3f}\t{x:.1f}\t{y:.1f}\t{z:.1f}\t{size:.1f}\t{found}")


def main(folder: Path, out: Path, iterations: int) -> None:
    write_inputs(folder, out)
    correction = CorrectionSettings(voxel_p=0.001, alpha=0.05, iterations=iterations, n_jobs=2)
    print("method\tterm\tpeak\tt\tx_mm\ty_mm\tz_mm\tcluster_voxels\tsignificant_clusters")
    for name in ("ols", "huber", "bisquare"):
        design = Model(subject="person", formula="center(success)", method=name)
        group_command(out / "maps.tsv", out / name, out / "mask.nii.gz", model=design, correction=correction)
        print_peaks(out, name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--iterations", type=int, default=2000)
    arguments = parser.parse_args()
    main(arguments.folder, arguments.out, arguments.iterations)
