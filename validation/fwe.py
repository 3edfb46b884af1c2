"""How often does each correction find something where there is nothing? Family-wise error on null data, counted.

A null study is two groups × two cues of Gaussian noise with a given autocorrelation, with stable differences between
subjects. `group:cue` (subjects change places) and `cue` (signs flip) are tested in it at cluster-forming p .01 and .001
and corrected α .05 by: permutation size, mass, TFCE, voxel; simulated null fields with the mixed autocorrelation and
with a Gaussian of the classic FWHM, both estimated from the study's own residuals. One row per study, term, p and
method is appended to a TSV, so that the work can be done in parts; studies are numbered and seeded by number.

    python validation/fwe.py run OUT.tsv --mask rat --noise tail --groups 10 11 --first 0 --studies 250 [--jobs 2]
    python validation/fwe.py table OUT.tsv [--figure fwe.png]

Masks: rat, an ellipsoid of 0.4 × 0.4 × 1 mm voxels; human, nilearn's MNI152 brain mask at 4 mm. Noise: gauss (FWHM 1 mm
in rats, 8 mm in humans) or tail (a·exp(−r²/2b²) + (1−a)·exp(−r/c) with a .5; b .6, c 1.6 mm in rats, b 4.5, c 12 mm in
humans). Intervals are Clopper and Pearson's (1934), 95 %.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import stats

from cuecircuit.clusters.autocorrelation import Autocorrelation, gaussian_autocorrelation
from cuecircuit.clusters.clustsim import cluster_p, simulate_cluster_sizes
from cuecircuit.clusters.neighbors import ClusterRule
from cuecircuit.clusters.null_field import draw_pair, null_field
from cuecircuit.clusters.smoothness import estimate_smoothness
from cuecircuit.group.correction import residual_scores
from cuecircuit.group.permutation import PermutationSettings, permute_term
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign, strata_model

ALPHA, VOXEL_P, TERMS = 0.05, (0.01, 0.001), ("group:cue", "cue")
VOXEL_MM = {"rat": np.array([0.4, 0.4, 1.0]), "human": np.array([4.0, 4.0, 4.0])}
NOISE = {
    ("rat", "gauss"): gaussian_autocorrelation(1.0),
    ("rat", "tail"): Autocorrelation(a=0.5, b_mm=0.6, c_mm=1.6),
    ("human", "gauss"): gaussian_autocorrelation(8.0),
    ("human", "tail"): Autocorrelation(a=0.5, b_mm=4.5, c_mm=12.0),
}
CONDITION = ["mask", "noise", "n", "term", "voxel_p"]


def brain(name):
    if name == "human":
        from nilearn.datasets import load_mni152_brain_mask

        return np.asarray(load_mni152_brain_mask(resolution=4).dataobj) != 0
    x, y, z = np.ogrid[-1:1:46j, -1:1:46j, -1:1:18j]
    return np.asarray(x**2 + y**2 + z**2 <= 1)


def null_maps(field, n, rng):
    """Draw noise of each subject and cue and as much again that both cues of a subject share."""
    drawn = (each for _ in range((3 * n + 1) // 2) for each in draw_pair(field, rng))
    maps = np.stack([each for each, _ in zip(drawn, range(3 * n), strict=False)]).reshape(n, 3, -1)
    return maps[:, :2] + maps[:, 2:]


def run_study(number, options):
    mask, acf = brain(options.mask), NOISE[options.mask, options.noise]
    voxel_mm, sizes = VOXEL_MM[options.mask], options.groups
    seed = np.random.SeedSequence([number, *map(ord, options.mask + options.noise), *sizes])
    y = null_maps(null_field(mask, voxel_mm, acf), sum(sizes), np.random.Generator(np.random.SFC64(seed)))
    model = strata_model(
        MixedDesign(
            subjects=[str(k) for k in range(sum(sizes))],
            between={"group": ["a"] * sizes[0] + ["b"] * sizes[1]},
            within={"cue": ("x", "y")},
        )
    )
    nulls = simulated(y, model, mask, voxel_mm, number, options.fields)
    rows = []
    for term in TERMS:
        for p in VOXEL_P:
            settings = PermutationSettings(voxel_p=p, n_permutations=options.permutations, seed=number)
            wanted = ("voxel", "size", "mass", "tfce") if p == VOXEL_P[0] else ("size", "mass")
            result = permute_term(y, model, term, mask, statistics=wanted, settings=settings)
            found = {f"permutation {name}": bool(result.significant(name).any()) for name in wanted}
            for method, null in nulls.items():
                found[method] = bool((cluster_p(null, p, result.clusters.sizes) <= ALPHA).any())
            rows += [
                {
                    "mask": options.mask,
                    "noise": options.noise,
                    "n": "+".join(map(str, sizes)),
                    "study": number,
                    "term": term,
                    # these do not form clusters
                    "voxel_p": "-" if method in ("permutation voxel", "permutation tfce") else f"{p:g}",
                    "method": method,
                    "false": int(is_false),
                }
                for method, is_false in found.items()
            ]
    return rows


def simulated(y, model, mask, voxel_mm, seed, fields):
    residuals = strata_anova(y, model, residuals=True, epsilons=False).residuals
    stratum = next(each for each in model.strata if each.name == "subject:cue")
    smoothness = estimate_smoothness(residual_scores(residuals, stratum), mask, voxel_mm)
    rule = ClusterRule(sided="2")
    acfs = {
        "simulation mixed ACF": smoothness.acf,
        "simulation Gaussian": gaussian_autocorrelation(smoothness.fwhm_classic_mm),
    }
    return {
        name: simulate_cluster_sizes(mask, voxel_mm, acf, rules=(rule,), pthr=VOXEL_P, iterations=fields, seed=seed)[0]
        for name, acf in acfs.items()
    }


def run(options):
    numbers = range(options.first, options.first + options.studies)
    studies = Parallel(n_jobs=options.jobs, return_as="generator")(delayed(run_study)(k, options) for k in numbers)
    for rows in studies:
        new = not options.out.exists()
        pd.DataFrame(rows).to_csv(options.out, sep="\t", index=False, mode="a", header=new)


def rates(path):
    rows = pd.read_csv(path, sep="\t", dtype={"voxel_p": str})
    rows = rows.drop_duplicates([*CONDITION, "method", "study"])
    table = rows.groupby([*CONDITION, "method"])["false"].agg(["sum", "count"]).reset_index()
    exact = [
        stats.binomtest(k, n).proportion_ci(method="exact") for k, n in zip(table["sum"], table["count"], strict=True)
    ]
    table["rate"] = table["sum"] / table["count"]
    table["low"], table["high"] = [each.low for each in exact], [each.high for each in exact]
    return table


def draw(table, path):
    from matplotlib.figure import Figure

    panels = list(table.groupby(["mask", "noise", "n"]))
    labels = sorted({f"{row.method}, p {row.voxel_p}".replace(", p -", "") for row in table.itertuples()})
    figure = Figure(figsize=(4 + 3 * len(panels), 1 + 0.35 * len(labels)), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, sharex=True, squeeze=False)[0]
    for axis, (condition, rows) in zip(axes, panels, strict=True):
        for offset, (term, part) in enumerate(rows.groupby("term")):
            names = part["method"] + np.where(part["voxel_p"] == "-", "", ", p " + part["voxel_p"])
            height = [labels.index(name) + 0.25 * offset for name in names]
            error = [part["rate"] - part["low"], part["high"] - part["rate"]]
            axis.errorbar(part["rate"], height, xerr=error, fmt="o", label=term)
        axis.axvline(ALPHA, color="0.5", linestyle=":")
        axis.set_title(" ".join(condition))
        axis.set_xlabel("family-wise error")
    axes[0].set_yticks(range(len(labels)), labels)
    axes[0].legend()
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    acts = parser.add_subparsers(required=True, dest="act")
    part = acts.add_parser("run")
    part.add_argument("out", type=Path)
    part.add_argument("--mask", choices=VOXEL_MM, default="rat")
    part.add_argument("--noise", choices=("gauss", "tail"), default="tail")
    part.add_argument("--groups", type=int, nargs=2, default=(10, 11))
    part.add_argument("--first", type=int, default=0)
    part.add_argument("--studies", type=int, default=1000)
    part.add_argument("--permutations", type=int, default=499)
    part.add_argument("--fields", type=int, default=499)
    part.add_argument("--jobs", type=int, default=2)
    shown = acts.add_parser("table")
    shown.add_argument("out", type=Path)
    shown.add_argument("--figure", type=Path)
    options = parser.parse_args()
    if options.act == "run":
        run(options)
        return
    table = rates(options.out)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    if options.figure:
        draw(table, options.figure)


if __name__ == "__main__":
    main()
