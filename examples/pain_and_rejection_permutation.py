"""Real 2 × 2 maps of 59 people corrected by permutation, which flips the signs of each person's differences.

    python examples/pain_and_rejection_permutation.py FOLDER OUT

FOLDER holds the contrast maps of Woo et al. 2014 (Nat Commun 5:5380). Prints, for each effect, its peak and how many
voxels and clusters survive the permutation of whole maps (family-wise p < .05).
"""

import argparse
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from pain_and_rejection import read_cells, write_inputs

from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests.command import group_command
from cuecircuit.pipeline.map_tests.permuted import Permutation


def main(folder: Path, out: Path, n_permutations: int) -> None:
    mask = write_inputs(folder, out, read_cells(folder))
    settings = PermutationSettings(voxel_p=0.001, n_permutations=n_permutations, n_jobs=2)
    group_command(
        out / "maps.tsv",
        out / "permuted",
        out / "mask.nii.gz",
        model=Model(subject="subject", within=("kind", "level")),
        correction=Permutation(statistic="size", settings=settings),
    )
    terms = pd.read_csv(out / "permuted" / "terms.tsv", sep="\t").set_index("term")
    print("effect\tlargest_F\tx_mm\ty_mm\tz_mm\tcluster_voxels\tsignificant_clusters\tsignificant_voxels")
    for term in ("kind", "level", "kind:level"):
        row = terms.loc[term]
        image = nib.load(out / "permuted" / f"contrast-{row['prefix']}_stat-F_statmap.nii.gz")
        f = np.where(mask, image.get_fdata(), 0)
        peak = np.unravel_index(f.argmax(), f.shape)
        x, y, z = nib.affines.apply_affine(image.affine, peak)
        size, clusters, voxels = row[["cluster_size", "significant_clusters", "significant_voxels"]]
        print(f"{term}\t{f[peak]:.2f}\t{x:.0f}\t{y:.0f}\t{z:.0f}\t{size:.0f}\t{clusters:.0f}\t{voxels:.0f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--permutations", type=int, default=1000)
    arguments = parser.parse_args()
    main(arguments.folder, arguments.out, arguments.permutations)
