"""How often does the human study find a cluster where nothing was planted? Simulated studies, first level to group.

Each seed is one study of 53 people, in which no picture, strategy or group changes anything and craving is related to
nothing. The shipped questions are asked of the shipped contrasts in session 1, corrected by simulated null fields
(mixed effects) and by permutation (least squares). A test is one term or contrast of a question in one contrast of the
response; of those, a share of α may have a cluster. `--scale paper` has voxels of 3 mm. The default, `tiny`, has voxels
of 8 mm and proves little: they make clusters of one, two or three voxels, so that p takes few values and α is hardly
ever reached; the shares of tests with a largest cluster of so many voxels or more are printed beside the p of such a
cluster, which they should equal. Seeds that OUT has are not run again.

    python validation/people_null.py OUT [--seeds 6] [--first 0] [--scale paper] [--method simulation permutation]
"""

import argparse
import tempfile
from pathlib import Path

import pandas as pd
import yaml
from scipy.stats import binomtest

from cuecircuit.nodes.run import run_study
from cuecircuit.nodes.simulate import simulate_design

ASKED = ("groups", "craving", "craving_by_group")


def changed(text, method):
    """The questions on maps of session 1, corrected as `method` says."""
    study = yaml.safe_load(text)
    for section in ("regions", "derived", "alternatives", "simulation", "assumed"):
        study.pop(section, None)
    study["questions"] = {name: study["questions"][name] for name in ASKED}
    study["correction"]["method"] = method
    if method == "permutation":
        study["correction"]["draws"] = 1000
        for question in study["questions"].values():
            question["method"] = "ols"
    study["space"] = {name: path for name, path in study["space"].items() if name not in ("atlas", "labels")}
    study["factors"] = {name: levels for name, levels in study["factors"].items() if name != "time"}
    study["trials"].pop("measures")
    return yaml.safe_dump(study)


def run_one(folder, seed, methods, scale):
    """Simulate a study and give a row for each test under each correction, at both heights."""
    file = simulate_design("huang2023", folder / "study", seed=seed, hypothesis="null", scale=scale)
    text, rows = file.read_text(encoding="utf-8"), []
    for method in methods:
        file.write_text(changed(text, method), encoding="utf-8")
        run_study(file, folder / "out", stages=("subjects", "visits", "trials", "maps", "questions"))
        for path in sorted((folder / "out" / "questions").rglob("terms.tsv")):
            question, contrast, *height = path.parent.relative_to(folder / "out" / "questions").parts
            terms = pd.read_csv(path, sep="\t", na_values="n/a").dropna(subset="significant_clusters")
            clusters = pd.read_csv(path.with_name("clusters.tsv"), sep="\t", na_values="n/a")
            largest = clusters.groupby("prefix")["voxels"].max()
            p = clusters.groupby("prefix")["p_fwe"].min()
            rows += [
                {
                    "seed": seed,
                    "method": method,
                    "height": "exploratory" if height else "planned",
                    "question": question,
                    "contrast": contrast,
                    "test": row["term"],
                    "clusters": int(row["significant_clusters"]),
                    "largest": int(largest.get(row["prefix"], 0)),
                    "p": float(p.get(row["prefix"], 1.0)),
                }
                for row in terms.to_dict("records")
            ]
    return rows


def summary(table, alpha):
    """Share of tests with a cluster, its exact 95 % interval, and studies with one in any test."""
    for keys, own in table.assign(hit=table["clusters"] > 0).groupby(["method", "height"]):
        hits, n = int(own["hit"].sum()), len(own)
        low, high = binomtest(hits, n).proportion_ci()
        studies = own.groupby("seed")["hit"].any()
        print(
            f"{', '.join(keys)}: {hits} of {n} tests ({hits / n:.3f}, {low:.3f} to {high:.3f} if tests were "
            f"independent; α = {alpha}); {studies.sum()} of {len(studies)} studies have one"
        )
        for size, same in own[own["largest"] > 0].groupby("largest"):
            reached = (own["largest"] >= size).mean()
            print(f"  {size} voxels or more: {reached:.3f} of tests; corrected p {same['p'].mean():.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--method", nargs="+", default=["simulation", "permutation"])
    parser.add_argument("--scale", choices=("tiny", "paper"), default="tiny")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    file = arguments.out / f"people_null_{arguments.scale}.tsv"
    table = pd.read_csv(file, sep="\t") if file.exists() else pd.DataFrame({"seed": []})
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        if seed in set(table["seed"]):
            continue  # done by an earlier run, which this one goes on with
        with tempfile.TemporaryDirectory() as folder:
            table = pd.concat([table, pd.DataFrame(run_one(Path(folder), seed, arguments.method, arguments.scale))])
        table.to_csv(file, sep="\t", index=False)
    summary(table, alpha=0.05)


if __name__ == "__main__":
    main()
