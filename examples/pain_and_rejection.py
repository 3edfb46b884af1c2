"""Real 2 × 2 within-subject maps: kind (somatic, social) × level (high, low) in 59 people.

    python examples/pain_and_rejection.py FOLDER OUT

FOLDER holds the contrast maps of Woo et al. 2014 (Nat Commun 5:5380), four 4-D files with one volume per person.
Every F is compared with t² of the same contrast, computed from the maps without cuecircuit.
"""

import argparse
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests.command import group_command

CELLS = {
    "heat": ("somatic", "high"),
    "warmth": ("somatic", "low"),
    "rejection": ("social", "high"),
    "friend": ("social", "low"),
}


def read_cells(folder: Path) -> dict[str, nib.Nifti1Image]:
    return {name: nib.load(folder / f"contrast_{name}_59subjects_4mm.nii.gz") for name in CELLS}


def write_inputs(folder: Path, out: Path, images: dict[str, nib.Nifti1Image]) -> np.ndarray:
    """Write maps.tsv and a mask of the voxels that are non-zero in all maps; give the mask."""
    out.mkdir(parents=True, exist_ok=True)
    mask = np.logical_and.reduce([(image.get_fdata() != 0).all(axis=3) for image in images.values()])
    nib.Nifti1Image(mask.astype(np.uint8), images["heat"].affine).to_filename(out / "mask.nii.gz")
    rows = [
        {
            "subject": f"{person:02d}",
            "kind": kind,
            "level": level,
            "map": f"{(folder / f'contrast_{name}_59subjects_4mm.nii.gz').resolve()}#{person}",
        }
        for person in range(59)
        for name, (kind, level) in CELLS.items()
    ]
    pd.DataFrame(rows).to_csv(out / "maps.tsv", sep="\t", index=False)
    return mask


def paired_t(difference: np.ndarray) -> np.ndarray:
    return difference.mean(axis=0) / (difference.std(axis=0, ddof=1) / np.sqrt(len(difference)))


def main(folder: Path, out: Path) -> None:
    images = read_cells(folder)
    mask = write_inputs(folder, out, images)
    print(f"voxels non-zero in all 236 maps: {mask.sum()}")
    design = Model(subject="subject", within=("kind", "level"))
    group_command(out / "maps.tsv", out / "results", out / "mask.nii.gz", model=design, correction=None)
    heat, warmth, rejection, friend = (image.get_fdata()[mask].T for image in images.values())
    contrasts = {
        "kind": heat + warmth - rejection - friend,
        "level": heat - warmth + rejection - friend,
        "kind:level": heat - warmth - rejection + friend,
    }
    for term, difference in contrasts.items():
        name = f"contrast-{term.replace(':', 'X')}_stat-F_statmap.nii.gz"
        f = nib.load(out / "results" / name).get_fdata()[mask]
        error = np.abs(f / paired_t(difference) ** 2 - 1).max()
        print(f"{term}: largest F(1, 58) = {f.max():.1f}, largest relative difference from t² = {error:.1e}")
    t = paired_t(heat - warmth)
    peak = np.argwhere(mask)[t.argmax()]
    x, y, z = nib.affines.apply_affine(images["heat"].affine, peak)
    print(f"heat - warmth: largest t = {t.max():.2f} at ({x:.0f}, {y:.0f}, {z:.0f}) mm")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    main(arguments.folder, arguments.out)
