"""Mixed models of whole maps with three variance terms, against lmerTest and pbkrtest where R has them.

Rat-like: 21 subjects × cue 2 × block 2 (84 maps, 20 000 voxels), with all cells and without one map; human-like: 60
subjects × 2 × 3 (360 maps, 230 000 voxels). A covariate varies within subjects.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import ratio, seconds
from cuecircuit.stats.mixed_fit import fit_mixed
from cuecircuit.stats.mixed_inference import DegreesOfFreedomRule
from cuecircuit.stats.mixed_model import MixedModel, mixed_model

FORMULA = "group*a*b + resp + (1|subject) + (1|subject:a) + (1|subject:b)"
R_VOXELS = {"Satterthwaite": 20, "Kenward-Roger": 5}
R_SCRIPT = """
suppressMessages(library(lmerTest))
d <- read.csv("design.csv"); y <- as.matrix(read.csv("y.csv"))
for (f in c("subject", "group", "a", "b")) d[[f]] <- factor(d[[f]])
options(contrasts = c("contr.sum", "contr.poly"))
time <- system.time(for (v in seq_len(ncol(y))) {
  d$y <- y[, v]
  fit <- suppressMessages(lmer(y ~ group * a * b + resp + (1 | subject) + (1 | subject:a) + (1 | subject:b), d))
  suppressMessages(suppressWarnings(anova(fit, ddf = commandArgs(TRUE)[1])))
})
cat(sum(time[1:2]))
"""


def study(n_subjects: int, n_b: int, n_voxels: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Long table and maps with an effect of subject, subject:a and subject:b."""
    rng = np.random.default_rng(0)
    subject, a, b = (axis.ravel() for axis in np.indices((n_subjects, 2, n_b)))
    y = rng.standard_normal((len(subject), n_voxels), dtype=np.float32)
    for share, key in ((1.0, subject), (0.4, 2 * subject + a), (0.4, n_b * subject + b)):
        y += share * rng.standard_normal((key.max() + 1, n_voxels), dtype=np.float32)[key]
    table = pd.DataFrame({"subject": subject, "group": 2 * subject >= n_subjects, "a": a, "b": b})
    return table.astype(str).assign(resp=rng.normal(size=len(subject)).round(4)), y


def fit_seconds(y: np.ndarray, model: MixedModel, df: DegreesOfFreedomRule, repeats: int = 3) -> float:
    def fit() -> None:
        assert fit_mixed(y, model, df=df).n_not_converged == 0

    return seconds(fit, repeats)


def r_seconds_per_voxel(table: pd.DataFrame, y: np.ndarray, rule: str) -> float | None:
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(Path(folder) / "design.csv", index=False)
        pd.DataFrame(y[:, : R_VOXELS[rule]]).to_csv(Path(folder) / "y.csv", index=False)
        (Path(folder) / "time.R").write_text(R_SCRIPT)
        done = subprocess.run(["Rscript", "time.R", rule], cwd=folder, capture_output=True, text=True, check=False)
    return float(done.stdout) / R_VOXELS[rule] if done.returncode == 0 else None


def main() -> None:
    table, y = study(21, 2, 20_000)
    model = mixed_model(FORMULA, {name: table[name].to_numpy() for name in table})
    first = seconds(lambda: fit_mixed(y[:, :8], model))
    print(f"first fit (compiled or from the cache): {first:.1f} s")
    for df, rule in (("satterthwaite", "Satterthwaite"), ("kenward-roger", "Kenward-Roger")):
        ours = fit_seconds(y, model, df)
        print(f"{rule}, 84 maps x 20000 voxels: {ours:.2f} s")
        theirs = r_seconds_per_voxel(table, y, rule)
        if theirs is None:
            print("R with lmerTest and pbkrtest is not installed: no ratio")
        else:
            times = ratio(f"mixed model, lmerTest {rule}", theirs / (ours / 20_000))
            print(f"  lmerTest: {1000 * theirs:.1f} ms per voxel, {times} ours")
    lacking = mixed_model(FORMULA, {name: table[name].to_numpy()[1:] for name in table})
    print(f"Satterthwaite, a map missing: {fit_seconds(y[1:], lacking, 'satterthwaite'):.2f} s")
    for n_voxels in (5_000, 10_000, 20_000):
        print(f"  {n_voxels} voxels: {fit_seconds(y[:, :n_voxels], model, 'satterthwaite'):.2f} s")
    table, y = study(60, 3, 230_000)
    model = mixed_model(FORMULA, {name: table[name].to_numpy() for name in table})
    print(f"Satterthwaite, 360 maps x 230000 voxels: {fit_seconds(y, model, 'satterthwaite', repeats=1):.1f} s")


if __name__ == "__main__":
    main()
