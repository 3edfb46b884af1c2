"""How often does a study find something where nothing was planted, from raw scans to corrected maps?

`pool` simulates null studies of a design at paper scale (rats 0.5 mm, people 3 mm) and takes every subject from raw
scans to first-level maps by `run`. `draw` makes studies of the article's size out of that pool, as Eklund, Nichols and
Knutsson (2016, PNAS) did with resting people: subjects without replacement, groups by chance, then the article's
question as `cuecircuit group` asks it, corrected by simulated null fields and by permutation. Studies that share
subjects are not independent, so that intervals are somewhat too narrow. Studies are seeded by number; those that ROWS
has are not drawn again.

    python validation/pipeline_rates.py pool FOLDER [--design carmack2019] [--studies 6]
    python validation/pipeline_rates.py draw FOLDER ROWS.tsv [--design carmack2019] [--studies 300] [--jobs 1]
    python validation/pipeline_rates.py table ROWS.tsv [--figure rates.png]

A row of ROWS is a test of a study under a correction: 1 where it found a cluster (α = .05). Rats: voxel p .01, eight
terms of group × cue × block with breathing as a covariate. People: Z > 3.1 and 2.57, two contrasts of cells, group, sex
and mean, by mixed effects where simulated and by least squares where permuted.
"""

import argparse
import contextlib
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import stats

from cuecircuit.cli.app import app
from cuecircuit.nodes.run import run_study
from cuecircuit.nodes.simulate import simulate_design

ALPHA = 0.05
FIELDS, PERMUTATIONS = "1000", "199"


@dataclass(frozen=True)
class Design:
    """What of a shipped design is drawn and asked."""

    maps: str
    sizes: dict[str, int]
    model: tuple[str, ...]
    heights: tuple[float, ...]
    simulated: tuple[str, ...] = ()
    contrasts: tuple[str, ...] = ()
    stages: tuple[str, ...] = ("subjects", "trials", "maps")


DESIGNS = {
    "carmack2019": Design(
        "maps.responses",
        {"ShA": 11, "LgA": 10},
        ("--between", "group", "--within", "cue,block", "--covariate", "respiration"),
        (0.01,),
    ),
    "huang2023": Design(
        "contrasts.task",
        {"iHUD": 32, "HC": 21},
        ("--formula", "group + sex + center(age)", "--contrast", "iHUD - HC", "--contrast", "F - M"),
        tuple(map(float, stats.norm.sf((3.1, 2.57)))),
        ("--method", "mixed-effects", "--variance-map", "variance"),
        ("drug_neutral", "reappraise_savor"),
        ("subjects", "visits", "trials", "maps"),
    ),
}


def pool(folder, name, studies):
    """Simulate studies and run them to their maps; raw scans are removed."""
    for seed in range(studies):
        out = folder / f"{name}{seed}"
        if (out / "done").exists():
            continue
        with tempfile.TemporaryDirectory() as raw:
            study = simulate_design(name, Path(raw) / "study", seed=seed, hypothesis="null")
            run_study(study, out, stages=DESIGNS[name].stages)
            mask = next((study.parent / "derivatives" / "template").glob("*desc-brain_mask.nii.gz"))
            (out / "mask.nii.gz").write_bytes(mask.read_bytes())
            table = pd.read_csv(study.parent / "participants.tsv", sep="\t")
            table.to_csv(out / "people.tsv", sep="\t", index=False)
        (out / "done").touch()


def pooled(folder, name):
    """Return rows of all maps of the pool, subjects named apart, with what is known of each subject."""
    design, parts = DESIGNS[name], []
    for out in sorted(folder.glob(f"{name}*")):
        rows = pd.read_csv(out / "tables" / f"{design.maps}.tsv", sep="\t", na_values="n/a", dtype={"session": str})
        people = pd.read_csv(out / "people.tsv", sep="\t").rename(columns={"participant_id": "subject"})
        people["subject"] = people["subject"].str.removeprefix("sub-")
        own = [each for each in ("sex", "age") if design.contrasts]
        rows = rows.merge(people[["subject", *own]], on="subject")
        for column in {"map", "variance"} & set(rows):
            rows[column] = f"{out}/" + rows[column]
        parts.append(rows.assign(subject=out.name + rows["subject"]))
    table = pd.concat(parts, ignore_index=True)
    return table[table["session"] == "1"] if "session" in table else table


def drawn(table, sizes, rng):
    """Draw subjects, give them groups, and return their rows."""
    chosen = rng.choice(table["subject"].unique(), sum(sizes.values()), replace=False)
    groups = dict(zip(chosen, np.repeat(list(sizes), list(sizes.values())), strict=True))
    rows = table[table["subject"].isin(groups)]
    return rows.assign(group=rows["subject"].map(groups))


def study_rows(number, table, name, mask):
    """Ask the question of one drawn study under every correction and height."""
    design, found = DESIGNS[name], []
    rows = drawn(table, design.sizes, np.random.default_rng([number, *map(ord, name)]))
    for contrast in design.contrasts or ("",):
        own = rows[rows["contrast"] == contrast] if contrast else rows
        for height in design.heights:
            for method in ("simulation", "permutation"):
                with tempfile.TemporaryDirectory() as folder:
                    place = Path(folder)
                    own.to_csv(place / "maps.tsv", sep="\t", index=False, na_rep="n/a")
                    terms = asked(place, design, method, height, mask, number)
                keys = {"design": name, "study": number, "response": contrast or "responses", "method": method}
                found += [{**keys, "voxel_p": f"{height:.4g}", **row} for row in terms]
    return found


def asked(place, design, method, height, mask, seed):
    """Run `group` and return each test with whether it found a cluster and the p of its largest."""
    words = ["group", place / "maps.tsv", place / "out", "--mask", mask, "--subject", "subject", *design.model]
    words += design.simulated if method == "simulation" else ()
    words += ["--inference", method, "--cluster-p", height, "--alpha", ALPHA, "--iterations", FIELDS]
    words += ["--n-permutations", PERMUTATIONS, "--connectivity", 26 if design.contrasts else 6]
    words += ["--seed", seed, "--n-jobs", 1]
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        app([str(word) for word in words], prog_name="cuecircuit", standalone_mode=False)
    terms = pd.read_csv(place / "out" / "terms.tsv", sep="\t", na_values="n/a").dropna(subset="significant_clusters")
    clusters = pd.read_csv(place / "out" / "clusters.tsv", sep="\t", na_values="n/a")
    smallest = clusters.groupby("prefix")["p_fwe"].min()
    return [
        {"test": row["prefix"], "false": int(row["significant_clusters"] > 0), "p": smallest.get(row["prefix"], 1.0)}
        for row in terms.to_dict("records")
    ]


def draw(folder, path, name, studies, jobs):
    """Append the rows of studies that the table lacks."""
    there = set(pd.read_csv(path, sep="\t")["study"]) if path.exists() else set()
    table, mask = pooled(folder, name), folder / f"{name}0" / "mask.nii.gz"
    numbers = [number for number in range(studies) if number not in there]
    work = (delayed(study_rows)(number, table, name, mask) for number in numbers)
    for rows in Parallel(n_jobs=jobs, return_as="generator_unordered")(work):
        pd.DataFrame(rows).to_csv(path, sep="\t", index=False, mode="a", header=not path.exists())


def stratum(test):
    """Return whose noise a test of the rats is held against: factors within subjects name it."""
    covariate, _, inside = test.partition("In")
    factors = inside.split("X")[1:] if covariate == "respiration" else test.split("X")
    return ":".join(["subject", *(name for name in ("cue", "block") if name in factors)])


def rates(path):
    """Return the share of tests that found something, each and by stratum, with Clopper and Pearson's interval."""
    rows = pd.read_csv(path, sep="\t", dtype={"voxel_p": str})
    if set(rows["design"]) == {"carmack2019"}:
        pooled = rows.assign(test="all of " + rows["test"].map(stratum))
        rows = pd.concat([pooled, rows])
    keys = ["design", "response", "voxel_p", "test", "method"]
    table = rows.groupby(keys, sort=False)["false"].agg(["sum", "count"])
    exact = [stats.binomtest(hits, n).proportion_ci() for hits, n in zip(table["sum"], table["count"], strict=True)]
    table["rate"] = table["sum"] / table["count"]
    table["low"], table["high"] = [each.low for each in exact], [each.high for each in exact]
    return table.rename(columns={"sum": "false", "count": "tests"}).reset_index()


def draw_rates(table, path):
    """Draw each rate with its interval."""
    from matplotlib.figure import Figure

    tests = list(dict.fromkeys(table["test"]))
    figure = Figure(figsize=(6.5, 0.8 + 0.26 * len(tests)), layout="constrained")
    axes = figure.subplots()
    for offset, (method, color) in enumerate((("simulation", "#D55E00"), ("permutation", "#0072B2"))):
        own = table[table["method"] == method].set_index("test").loc[tests]
        height = [-place - 0.25 * offset for place in range(len(tests))]
        error = [own["rate"] - own["low"], own["high"] - own["rate"]]
        axes.errorbar(own["rate"], height, xerr=error, fmt="o", ms=4, lw=1, color=color, label=method)
    axes.axvline(ALPHA, color="0.5", linestyle=":")
    axes.set_yticks([-place - 0.12 for place in range(len(tests))], tests)
    axes.set_xlabel("share of null studies with a cluster, 95 % interval")
    axes.set_xlim(0)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    acts = parser.add_subparsers(required=True, dest="act")
    for act, studies in (("pool", 6), ("draw", 300)):
        part = acts.add_parser(act)
        part.add_argument("folder", type=Path)
        if act == "draw":
            part.add_argument("rows", type=Path)
            part.add_argument("--jobs", type=int, default=1)
        part.add_argument("--design", choices=DESIGNS, default="carmack2019")
        part.add_argument("--studies", type=int, default=studies)
    shown = acts.add_parser("table")
    shown.add_argument("rows", type=Path)
    shown.add_argument("--figure", type=Path)
    options = parser.parse_args()
    if options.act == "pool":
        pool(options.folder, options.design, options.studies)
    elif options.act == "draw":
        draw(options.folder, options.rows, options.design, options.studies, options.jobs)
    else:
        table = rates(options.rows)
        print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
        if options.figure:
            draw_rates(table, options.figure)


if __name__ == "__main__":
    main()
