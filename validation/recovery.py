"""Does the whole pipeline find what was planted, and nothing where nothing was planted?

For each seed a study is simulated at paper scale and run from its raw files to the region tables. One TSV row per
study: `dice` and `covered` compare the significant access × cue voxels with the regions whose planted interaction is
at least 1.5 % BOLD; `outside` is the share of significant voxels more than one voxel away from any region;
`within_2_sem` the share of the 19 × 4 whole-region cell means that lie within 2 SEM of what was planted;
`survivors` the regions whose pooled correlation survives q = .05; `clusters` the significant clusters of each effect.

    python validation/recovery.py OUT --seeds 20 [--first 0] [--hypothesis null] [--method permutation]

OUT keeps the table `recovery_<hypothesis>_<method>.tsv`; studies are removed after use.
"""

import argparse
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from scipy import ndimage

from cuecircuit.nodes.run import run_study
from cuecircuit.nodes.simulate import simulate_design

ASKED = ("access_by_cue", "withdrawal_severity", "table1_region")
STAGES = (
    "subjects", "operant", "trials", "maps", "questions.access_by_cue", "regions", "derived",
    *(f"questions.{name}" for name in ASKED[1:]),
)  # fmt: skip
LARGE = 1.5  # % BOLD
PLANTED = {"PVN/VM hypothalamus", "Amygdala nuclei"}


def run_one(folder: Path, seed: int, hypothesis: str, method: str = "simulation") -> dict[str, object]:
    study = simulate_design("carmack2019", folder / "study", seed=seed, hypothesis=hypothesis, n_jobs=2)
    study.write_text(study.read_text().replace("  method: simulation\n", f"  method: {method}\n"))
    run_study(study, folder / "out", stages=STAGES, n_jobs=2)
    return {"seed": seed, **found_in(folder / "study", folder / "out")}


def found_in(study: Path, out: Path) -> dict[str, object]:
    """Compare the results of a run with what was planted."""
    cells = pd.read_csv(study / "truth" / "cells.tsv", sep="\t")
    planted = cells.pivot_table(index="region", columns=["group", "cue"], values="percent")
    interaction = (planted["LgA", "naloxone"] - planted["LgA", "saline"]) - (
        planted["ShA", "naloxone"] - planted["ShA", "saline"]
    )
    correlations = pd.read_csv(out / "questions" / "withdrawal_severity" / "correlation.tsv", sep="\t", na_values="n/a")
    survivors = set(correlations.loc[correlations["q"] <= 0.05, "region"])
    terms = pd.read_csv(out / "questions" / "access_by_cue" / "terms.tsv", sep="\t")
    factors = terms[~terms["term"].str.contains("respiration|Intercept")]
    return {
        **overlap(study, out, set(interaction.index[interaction.abs() >= LARGE])),
        "within_2_sem": within_sem(planted, out),
        "exactly": survivors == PLANTED,
        "survivors": ", ".join(sorted(survivors)) or "none",
        "clusters": ", ".join(
            f"{row.term} {row.significant_clusters}" for row in factors.itertuples() if row.significant_clusters
        )
        or "none",
    }


def overlap(study: Path, out: Path, large: set[str]) -> dict[str, float]:
    template = study / "derivatives" / "template"
    atlas = np.rint(nib.load(template / "tpl-drawn_atlas-carmack2019_dseg.nii.gz").get_fdata()).astype(int)
    names = pd.read_csv(template / "tpl-drawn_atlas-carmack2019_dseg.tsv", sep="\t")
    planted = np.isin(atlas, names.loc[names["name"].isin(large), "index"])
    p = nib.load(out / "questions" / "access_by_cue" / "contrast-groupXcue_stat-pfwe_statmap.nii.gz").get_fdata()
    significant = p <= 0.01
    near = ndimage.binary_dilation(atlas > 0, ndimage.generate_binary_structure(3, 3))
    n = significant.sum()
    return {
        "voxels": int(n),
        "dice": 2 * (significant & planted).sum() / max(n + planted.sum(), 1),
        "covered": (significant & planted).sum() / planted.sum() if planted.any() else np.nan,
        "outside": (significant & ~near).sum() / n if n else 0.0,
    }


def within_sem(planted: pd.DataFrame, out: Path) -> float:
    table = pd.read_csv(out / "questions" / "table1_region" / "wide.tsv", sep="\t", na_values="n/a").set_index("region")
    off = [
        (table.loc[planted.index, f"{group}_{cue}_mean"] - planted[group, cue]).abs()
        / table.loc[planted.index, f"{group}_{cue}_sem"]
        for group, cue in planted.columns
    ]
    return float((pd.concat(off) <= 2).mean())


def main(out: Path, seeds: range, hypothesis: str, method: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(run_one(Path(folder), seed, hypothesis, method))
        table = pd.DataFrame(rows)
        table.to_csv(out / f"recovery_{hypothesis}_{method}.tsv", sep="\t", index=False, float_format="%.3f")
    print(table.to_string(index=False, float_format="%.2f"))
    print(
        f"mean dice {table['dice'].mean():.2f}, exactly the two planted correlations in {table['exactly'].mean():.0%}"
    )
    print(f"studies with a significant cluster in any effect: {(table['clusters'] != 'none').mean():.0%}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--hypothesis", default="withdrawal")
    parser.add_argument("--method", default="simulation", choices=("simulation", "permutation"))
    arguments = parser.parse_args()
    main(
        arguments.out, range(arguments.first, arguments.first + arguments.seeds), arguments.hypothesis, arguments.method
    )
