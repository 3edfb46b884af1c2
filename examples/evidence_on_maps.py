"""What a reviewer asks of real maps: heat against warmth in 59 people, beyond p.

    python examples/evidence_on_maps.py FOLDER OUT

FOLDER holds the contrast maps of Woo et al. 2014 (Nat Commun 5:5380). OUT gets, beside the tests: maps of the Bayes
factor (logBF10), of d with its limits, and of the p that the effect is negligible (|d| < .3), and a table of clusters
with the effect in held-out halves of the people. Without FOLDER the example says so and ends.
"""

import argparse
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.models.evidence import EvidenceSettings
from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests.command import group_command

BOUND = 0.3


def write_inputs(folder: Path, out: Path) -> Path:
    """Write the maps of both stimuli as a table, and a mask of the voxels that all have."""
    out.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"contrast_{name}_59subjects_4mm.nii.gz" for name in ("heat", "warmth")}
    images = [nib.load(path) for path in files.values()]
    mask = np.logical_and.reduce([(image.get_fdata() != 0).all(axis=3) for image in images])
    nib.Nifti1Image(mask.astype(np.uint8), images[0].affine).to_filename(out / "mask.nii.gz")
    rows = [
        {"subject": f"{person:02d}", "stimulus": name, "map": f"{path.resolve()}#{person}"}
        for person in range(59)
        for name, path in files.items()
    ]
    pd.DataFrame(rows).to_csv(out / "maps.tsv", sep="\t", index=False)
    return out / "maps.tsv"


def main(folder: Path, out: Path) -> None:
    if not folder.is_dir():
        print(f"skipped: {folder} is not there; it has the maps of Woo et al. 2014")
        return
    table = write_inputs(folder, out)
    results, mask = out / "results", nib.load(out / "mask.nii.gz").get_fdata() > 0
    group_command(
        table,
        results,
        out / "mask.nii.gz",
        model=Model(subject="subject", within=("stimulus",)),
        correction=CorrectionSettings(voxel_p=0.001, alpha=0.05, iterations=500),
        evidence=EvidenceSettings(bound=BOUND),
    )

    def voxels(name: str) -> np.ndarray:
        return nib.load(results / f"contrast-stimulus_stat-{name}_statmap.nii.gz").get_fdata()[mask]

    log_bf, d, low, high = (voxels(name) for name in ("logBF10", "d", "dLow", "dHigh"))
    print(f"Bayes factor: for an effect (BF10 ≥ 3) in {(log_bf >= np.log(3)).sum()} of {len(d)} voxels")
    print(f"Bayes factor: for none (BF10 ≤ 1/3) in {(log_bf <= -np.log(3)).sum()}")
    at = int(np.abs(d).argmax())
    print(f"effect size: largest d_z = {d[at]:.2f} [{low[at]:.2f}, {high[at]:.2f}]")
    print(f"equivalence: |d_z| < {BOUND} at p ≤ .05 in {(voxels('pequivalence') <= 0.05).sum()} voxels")
    clusters = pd.read_csv(results / "clusters.tsv", sep="\t", na_values="n/a")
    best = clusters[clusters["term"] == "stimulus"].iloc[0]
    print(
        f"largest cluster, {best['voxels']} voxels: g = {best['peak_g']:.2f} at its peak, {best['held_out_g']:.2f} "
        f"[{best['held_out_g_low']:.2f}, {best['held_out_g_high']:.2f}] in held-out people"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    main(arguments.folder, arguments.out)
