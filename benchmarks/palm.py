"""TFCE by permutation beside PALM (Winkler et al. 2014) in GNU Octave, the same two groups and masks.

    PALM=FOLDER python -m benchmarks palm

FOLDER: a copy of github.com/andersonwinkler/PALM, with Octave and its package image (Debian: octave-image). Both test
a difference between two groups of 11 and 10 maps, two-sided, 6 neighbors, voxel and TFCE. Of each a run of few
permutations is subtracted from one of more, so that start, reading and compilation do not count.
"""

import os
import shutil
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np

from benchmarks import ratio, seconds, seconds_of
from benchmarks.permutation import N_LONG, N_SHORT, noise, rat_mask
from cuecircuit.group.permutation import PermutationSettings, permute_term
from cuecircuit.stats.strata_design import MixedDesign, strata_model

FEW, MORE = 5, 25
_STATISTICS = ("voxel", "tfce")


def palm_seconds(palm: str, folder: Path, permutations: int) -> float:
    """Return seconds of PALM with that many permutations of the files in a folder."""
    call = f"-i y.nii -m mask.nii -d design.csv -t contrast.csv -n {permutations} -T -twotail -o p -noniiclass -seed 1"
    words = ", ".join(f"'{word}'" for word in call.split())
    program = f"pkg load image; addpath('{palm}'); palm({words});"
    return seconds_of(["octave-cli", "--quiet", "--eval", program], folder)


def main():
    palm = os.environ.get("PALM")
    if not palm or not shutil.which("octave-cli"):
        print("PALM names no folder, or octave-cli is not installed: no ratio")
        return
    from nilearn.datasets import load_mni152_brain_mask

    human = np.asarray(load_mni152_brain_mask(resolution=2).dataobj) != 0
    for name, mask, sd_voxels in (("rat", rat_mask(None), 1.2), ("MNI 2 mm", human, 1.3)):
        y = noise(mask, sd_voxels)[:, :1]
        compared(name, y, mask, palm)


def compared(name, y, mask, palm):
    """Print seconds per permutation of both, and the ratio."""
    groups = ["a"] * N_SHORT + ["b"] * N_LONG
    model = strata_model(MixedDesign(subjects=[f"{k:02d}" for k in range(len(groups))], between={"group": groups}))

    def ours(n):
        settings = PermutationSettings(n_permutations=n, sided="bi")
        return seconds(lambda: permute_term(y, model, "group", mask, statistics=_STATISTICS, settings=settings))

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        maps = np.zeros((*mask.shape, len(groups)), np.float32)
        maps[mask] = y[:, 0].T
        nib.Nifti1Image(maps, np.eye(4)).to_filename(folder / "y.nii")
        nib.Nifti1Image(mask.astype("u1"), np.eye(4)).to_filename(folder / "mask.nii")
        design = np.column_stack([np.ones(len(groups)), np.array(groups) == "b"]).astype(float)
        np.savetxt(folder / "design.csv", design, delimiter=",", fmt="%g")
        (folder / "contrast.csv").write_text("0,1\n")
        theirs = (palm_seconds(palm, folder, MORE) - palm_seconds(palm, folder, FEW)) / (MORE - FEW)
    ours(50)
    each = (ours(1050) - ours(50)) / 1000
    print(f"{name:<10} {y.shape[2]} voxels: PALM {theirs:.3f} s, cuecircuit {1000 * each:.2f} ms per permutation")
    print(f"per permutation {ratio(f'permutation, {name}, PALM (Octave)', theirs / each)}")


if __name__ == "__main__":
    main()
