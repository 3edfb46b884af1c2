"""Permutation on a rat mask and a human mask, beside nilearn's permuted_ols on fewer permutations.

    python -m benchmarks permutation
    python -m benchmarks.permutation [--rat-mask MASK.nii.gz] [--peer-permutations 100 20]

Rat: 21 subjects × 2 cues × 2 blocks with a covariate (84 maps), cluster size and mass of terms of each kind. TFCE: the
group × cue term (one contrast score per subject) beside nilearn's permuted_ols of the same scores (without the
covariate), two-sided, 6 neighbors; both also give voxel, size and mass. The rat mask is an ellipsoid of about 20 000
voxels unless a file is given, the human mask nilearn's MNI152 brain mask at 2 mm. A short run before each (compilation)
is not timed; ours counts all of `permute_term`, the peer's all of `permuted_ols`, both in one job.
"""

import argparse
import sys
import warnings

import nibabel as nib
import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks import ratio, seconds
from cuecircuit.clusters.maxima import MAP_STATISTICS
from cuecircuit.group.permutation import PermutationSettings, permute_term
from cuecircuit.stats.strata_design import MixedDesign, strata_model

N_SHORT, N_LONG = 11, 10


def rat_model():
    rng = np.random.default_rng(1)
    n = N_SHORT + N_LONG
    design = MixedDesign(
        subjects=[f"rat{k:02d}" for k in range(n)],
        between={"group": ["ShA"] * N_SHORT + ["LgA"] * N_LONG},
        within={"cue": ("CSplus", "CSminus"), "block": ("early", "late")},
        covariates={"resp": rng.standard_normal((n, 4)) + np.array([0.5, 0.5, 0, 0])},
    )
    return strata_model(design)


def noise(mask, sd_voxels):
    rng = np.random.default_rng(2)
    shape = (N_SHORT + N_LONG, 4, int(mask.sum()))
    y = np.empty(shape, np.float32)
    for subject in range(shape[0]):
        for condition in range(shape[1]):
            field = gaussian_filter(rng.standard_normal(mask.shape), sd_voxels)
            y[subject, condition] = (field / field[mask].std())[mask]
    return y


def ours(label, y, model, term, mask, statistics, settings):
    taken = seconds(lambda: permute_term(y, model, term, mask, statistics=statistics, settings=settings))
    print(f"{label:<44} {settings.n_permutations:>6} permutations  {taken:8.2f} s", flush=True)
    return taken / settings.n_permutations


def peer(label, y, mask, n_permutations):
    from nilearn.maskers import NiftiMasker
    from nilearn.mass_univariate import permuted_ols

    masker = NiftiMasker(nib.Nifti1Image(mask.astype("u1"), np.eye(4))).fit()
    scores = np.tensordot(y, [0.5, 0.5, -0.5, -0.5], (1, 0))
    group = np.repeat([1.0, -1.0], [N_SHORT, N_LONG])[:, None]

    def permute():
        permuted_ols(
            group,
            scores.astype(np.float64),
            model_intercept=True,
            n_perm=n_permutations,
            two_sided_test=True,
            random_state=0,
            n_jobs=1,
            masker=masker,
            tfce=True,
            threshold=0.001,
            output_type="dict",
        )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that the number of permutations is small
        taken = seconds(permute)
    print(f"{label:<44} {n_permutations:>6} permutations  {taken:8.2f} s", flush=True)
    return taken / n_permutations


def rat_mask(path):
    if path:
        return np.asarray(nib.load(path).dataobj) != 0
    x, y, z = np.ogrid[-1:1:46j, -1:1:46j, -1:1:18j]
    return np.asarray(x**2 + y**2 + z**2 <= 1)


def main(arguments=()):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rat-mask")
    parser.add_argument("--peer-permutations", type=int, nargs=2, default=(20, 4), metavar=("RAT", "HUMAN"))
    options = parser.parse_args(arguments)
    from nilearn.datasets import load_mni152_brain_mask

    human = np.asarray(load_mni152_brain_mask(resolution=2).dataobj) != 0
    model = rat_model()
    fast = PermutationSettings(n_permutations=10_000)
    scored = PermutationSettings(n_permutations=1_000, sided="bi")
    few = PermutationSettings(n_permutations=50)
    masks = (("rat", rat_mask(options.rat_mask), 1.2), ("MNI 2 mm", human, 1.3))
    for (name, mask, sd_voxels), peer_permutations in zip(masks, options.peer_permutations, strict=True):
        y = noise(mask, sd_voxels)
        print(f"# {name}: {y.shape[0]} subjects, {y.shape[0] * y.shape[1]} maps, {y.shape[2]} voxels")
        permute_term(y, model, "group:cue", mask, settings=few)
        for term in ("group", "cue", "group:cue", "group:cue:block") if name == "rat" else ("group:cue",):
            ours(f"size and mass, {term}", y, model, term, mask, ("size", "mass"), fast)
        own = ours("voxel, size, mass and TFCE, group:cue", y, model, "group:cue", mask, MAP_STATISTICS, scored)
        if peer_permutations:
            theirs = peer("nilearn permuted_ols, the same four", y, mask, peer_permutations)
            print(f"per permutation {ratio(f'permutation, {name}, nilearn permuted_ols', theirs / own)}")


if __name__ == "__main__":
    main(sys.argv[1:])
