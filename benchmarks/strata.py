"""Strata ANCOVA of whole maps, against one pass of the same matrix product and against R's aov where R is installed.

21 subjects × cue 2 × block 2, groups of 11 and 10, a covariate that varies within subjects; 20 000 voxels.
"""

import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import ratio, seconds
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign, strata_model

R_VOXELS = 100
R_SCRIPT = """
d <- read.csv("design.csv"); y <- as.matrix(read.csv("y.csv"))
for (f in c("subject", "group", "cue", "block")) d[[f]] <- factor(d[[f]])
options(contrasts = c("contr.sum", "contr.poly"))
time <- system.time(for (v in seq_len(ncol(y))) {
  d$y <- y[, v]
  summary(aov(y ~ group * cue * block + resp + Error(subject / (cue * block)), d))
})
cat(sum(time[1:2]))
"""


def design(rng: np.random.Generator) -> MixedDesign:
    return MixedDesign(
        subjects=[f"s{k}" for k in range(21)],
        between={"group": ["ShA"] * 11 + ["LgA"] * 10},
        within={"cue": ("saline", "naloxone"), "block": ("early", "late")},
        covariates={"resp": rng.normal(size=(21, 4))},
    )


def r_seconds_per_voxel(y: np.ndarray, plan: MixedDesign) -> float | None:
    if shutil.which("Rscript") is None:
        return None
    rows = [(s, g, c, b) for s, g in zip(plan.subjects, plan.between["group"], strict=True)
            for c in plan.within["cue"] for b in plan.within["block"]]  # fmt: skip
    table = pd.DataFrame(rows, columns=["subject", "group", "cue", "block"])
    table["resp"] = np.asarray(plan.covariates["resp"]).ravel()
    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(Path(folder) / "design.csv", index=False)
        pd.DataFrame(y.reshape(84, -1)[:, :R_VOXELS]).to_csv(Path(folder) / "y.csv", index=False)
        done = subprocess.run(["Rscript", "-e", R_SCRIPT], cwd=folder, capture_output=True, text=True, check=True)
    return float(done.stdout) / R_VOXELS


def nilearn_seconds(y: np.ndarray) -> float:
    """The nearest thing nilearn has: one ordinary least-squares fit of all maps and one t contrast."""
    from nilearn.glm.contrasts import compute_contrast
    from nilearn.glm.first_level import run_glm

    maps = y.reshape(84, -1).astype(np.float64)
    matrix = np.column_stack([np.ones(84), np.repeat([1.0, -1.0], [44, 40]), np.tile([1.0, 1, -1, -1], 21)])

    def fit() -> None:
        labels, results = run_glm(maps, matrix, noise_model="ols")
        compute_contrast(labels, results, np.array([0.0, 1, 0])).p_value()

    return seconds(fit, 3)


def curve(rng: np.random.Generator) -> None:
    """Time against voxels at 84 maps, and against maps at 20 000 voxels."""
    for subjects, voxels in ((21, 10_000), (21, 20_000), (21, 40_000), (42, 20_000), (84, 20_000)):
        plan = MixedDesign(
            subjects=[f"s{k}" for k in range(subjects)],
            between={"group": ["ShA", "LgA"] * (subjects // 2) + ["ShA"] * (subjects % 2)},
            within={"cue": ("saline", "naloxone"), "block": ("early", "late")},
            covariates={"resp": rng.normal(size=(subjects, 4))},
        )
        y, model = rng.normal(size=(subjects, 4, voxels)).astype(np.float32), strata_model(plan)
        print(f"  {4 * subjects} maps x {voxels} voxels: {seconds(partial(strata_anova, y, model), 5):.3f} s")


def main() -> None:
    rng = np.random.default_rng(0)
    plan = design(rng)
    y = rng.normal(size=(21, 4, 20_000)).astype(np.float32)
    model = strata_model(plan)
    ours = seconds(lambda: strata_anova(y, model), 5)
    rotation = rng.normal(size=(84, 84)).astype(np.float32)
    floor = seconds(lambda: rotation @ y.reshape(84, -1), 5)
    print(f"strata ANCOVA, 84 maps x 20000 voxels: {ours:.3f} s, {ours / floor:.1f} x one matrix product of that size")
    by_nilearn = ratio("strata ANCOVA, nilearn's least squares", nilearn_seconds(y) / ours)
    print(f"nilearn's ordinary least squares of one design (no strata, no F): {by_nilearn} ours")
    curve(rng)
    r = r_seconds_per_voxel(y, plan)
    if r is None:
        print("R is not installed: no ratio against aov")
    else:
        print(f"R aov: {1000 * r:.2f} ms per voxel, {ratio('strata ANCOVA, R aov', r / (ours / 20_000))} ours")


if __name__ == "__main__":
    main()
