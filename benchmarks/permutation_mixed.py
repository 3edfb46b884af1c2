"""Permutation of a mixed model on a mask of about 20 000 voxels: 21 subjects, 84 maps of which 5 are missing.

    python -m benchmarks permutation_mixed

Cluster size and mass of a term that exchanges subjects, of one that flips signs, and of a
covariate (every subject has rows of its own). All of `permute_hypothesis` is timed, the fit of the null model included.
There is no peer, so no ratio.
"""

from functools import partial

import numpy as np

from benchmarks import seconds
from benchmarks.permutation import noise, rat_mask, rat_model
from cuecircuit.group.permutation import PermutationSettings, permute_hypothesis
from cuecircuit.stats.mixed_fit import fit_mixed
from cuecircuit.stats.mixed_model import mixed_model

FORMULA = "group*cue*block + center(resp) + (1|subject) + (1|subject:cue) + (1|subject:block)"
MISSING = (0, 15, 50, 61, 83)


def main():
    mask, design = rat_mask(None), rat_model().design
    rows = np.delete(np.arange(84), MISSING)
    cells = [(cue, block) for cue in design.within["cue"] for block in design.within["block"]]
    table = {
        "subject": np.repeat(design.subjects, 4)[rows],
        "group": np.repeat(design.between["group"], 4)[rows],
        "cue": np.tile([cue for cue, _ in cells], 21)[rows],
        "block": np.tile([block for _, block in cells], 21)[rows],
        "resp": np.asarray(design.covariates["resp"]).ravel()[rows],
    }
    y = noise(mask, 1.2).reshape(84, -1)[rows]
    model = mixed_model(FORMULA, table)
    fit = fit_mixed(y, model)
    print(f"{y.shape[0]} maps, {y.shape[1]} voxels; fit of the model {seconds(lambda: fit_mixed(y, model)):.1f} s")
    settings = PermutationSettings(n_permutations=10_000)
    size_and_mass = partial(permute_hypothesis, statistics=("size", "mass"), settings=settings)
    for hypothesis, test in zip(model.hypotheses, fit.terms, strict=True):
        if hypothesis.name not in ("group", "cue", "group:cue", "center(resp)"):
            continue
        taken = seconds(partial(size_and_mass, y, model, hypothesis, test, mask))
        print(f"{hypothesis.name:<14} {settings.n_permutations} permutations {taken:8.1f} s", flush=True)


if __name__ == "__main__":
    main()
