"""How often does permutation find something where groups differ in variance and in nothing else? Counted.

A null study is two groups × two cues of Gaussian noise with the long-tailed autocorrelation of rat maps, stable
differences between subjects, in an ellipsoid of 17 832 voxels of 0.4 × 0.4 × 1 mm (`rat`) or a box of 800 of them
(`part`); all maps of the first group are multiplied by the ratio of the SDs. Tested are `group`, `cue` and `group:cue`
(cluster-forming p .01, corrected α .05), and the slope of a covariate beside the groups; by permutation as for equal
variances (`equal`), by rotation within groups (`groups`), and by what the data choose (`auto`: rotation where p of the
variances is at most .2).

    python validation/variances.py run OUT.tsv [--mask rat|part] [--studies 1000] [--first 0] [--equal 1000]
                                               [--ratios 2.5 0.4]
    python validation/variances.py table OUT.tsv

`run` appends a row for each study, cell, term and scheme, studies outermost, and goes on where OUT.tsv ends; studies
from number `--equal` on leave out `cue` and the scheme for equal variances, and so `auto`. Studies are seeded by their
number; the cells of one size share their noise. Each test has 39 resamples: a p that counts the map found keeps its
level with any number. Intervals are Clopper and Pearson's (1934), 95 %.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from fwe import NOISE, VOXEL_MM, brain, null_maps
from scipy import stats

from cuecircuit.clusters.maxima import MAP_STATISTICS
from cuecircuit.clusters.null_field import null_field
from cuecircuit.group.permutation import PermutationSettings, permute_prepared, plan_term
from cuecircuit.group.permuted_maxima import prepare_term
from cuecircuit.stats.group_variances import stratum_variances
from cuecircuit.stats.permutation import find_term
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign, groups_of, strata_model

SIZES = ((5, 12), (7, 14), (10, 11), (30, 30))
RESAMPLES = 39
# the whole brain, or a part of it in less time
MASKS = {"rat": brain("rat"), "part": np.pad(np.ones((10, 10, 8), bool), 1)}
RATIOS = (2.5, 1 / 2.5, 1.5, 1 / 1.5, 1.0)
CELL = ["n", "ratio", "term", "scheme"]


def models(sizes, rng, *, cue):
    n = sum(sizes)
    known = {"subjects": [str(k) for k in range(n)], "between": {"group": ["a"] * sizes[0] + ["b"] * sizes[1]}}
    within = {"cue": ("x", "y")}
    slopes = MixedDesign(**known, within=within, covariates={"slope": rng.standard_normal(n)})
    plain = strata_model(MixedDesign(**known, within=within))
    terms = {"group": plain, "group:cue": plain, "slope": strata_model(slopes)}
    return terms | {"cue": plain} if cue else terms


def run_cell(y, by_term, mask, number, *, equal):
    variances, tests = {}, {id(model): strata_anova(y, model, epsilons=False) for model in by_term.values()}
    for term, model in by_term.items():
        stratum = find_term(model, term, None)[0]
        if id(stratum) not in variances:
            labels = groups_of(model.design)
            variances[id(stratum)] = stratum_variances([y], stratum, labels, n_permutations=99)
        own, test = variances[id(stratum)], tests[id(model)].term(term)
        for scheme in ("groups", "equal") if equal else ("groups",):
            settings = PermutationSettings(voxel_p=0.01, n_permutations=RESAMPLES, variance=scheme, seed=number)
            plan = plan_term(model, term, settings=settings, variances=own)
            prepared, fitted = prepare_term(y, plan, test.f)
            found = permute_prepared([lambda it=prepared: it], fitted, plan, test, mask, settings=settings)
            false = {name: int(found.significant(name).any()) for name in MAP_STATISTICS}
            yield {"term": term, "scheme": scheme, "p": own.p, "sd_ratio": own.sd_ratio, **false}


def run(options):
    mask, voxel_mm = MASKS[options.mask], VOXEL_MM["rat"]
    field = null_field(mask, voxel_mm, NOISE["rat", "tail"])
    done = set()
    if options.out.exists():
        rows = pd.read_csv(options.out, sep="\t")
        done = set(zip(rows["study"], rows["n"], rows["ratio"].round(3), strict=True))
    for number in range(options.first, options.first + options.studies):
        for sizes in SIZES:
            rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence([number, *sizes])))
            equal = number < options.equal
            noise, by_term = None, models(sizes, rng, cue=equal)
            for ratio in options.ratios:
                key = {"study": number, "n": "v".join(map(str, sizes)), "ratio": round(ratio, 3)}
                if tuple(key.values()) in done:
                    continue
                if noise is None:
                    noise = null_maps(field, sum(sizes), rng)
                y = noise * np.repeat([ratio, 1.0], sizes)[:, None, None]
                rows = [key | row for row in run_cell(y, by_term, mask, number, equal=equal)]
                pd.DataFrame(rows).to_csv(options.out, sep="\t", index=False, mode="a", header=not options.out.exists())


def rates(path):
    rows = pd.read_csv(path, sep="\t").drop_duplicates([*CELL, "study"])
    by_scheme = [part.set_index(["study", *CELL[:3]]) for _, part in rows.groupby("scheme")]
    if len(by_scheme) == 2:
        equal, groups = by_scheme
        groups = groups.loc[equal.index]
        chosen = equal.where(equal["p"] > 0.2, groups).assign(scheme="auto").reset_index()
        rows = pd.concat([rows, chosen])
    counts = rows.groupby(CELL)[list(MAP_STATISTICS)].agg(["sum", "count"])
    table = []
    for cell, row in counts.iterrows():
        known = dict(zip(CELL, cell, strict=True)) | {"studies": int(row[MAP_STATISTICS[0], "count"])}
        for name in MAP_STATISTICS:
            k = int(row[name, "sum"])
            interval = stats.binomtest(k, known["studies"]).proportion_ci(method="exact")
            known[name] = f"{k / known['studies']:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
        table.append(known)
    return pd.DataFrame(table)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    acts = parser.add_subparsers(required=True, dest="act")
    part = acts.add_parser("run")
    part.add_argument("out", type=Path)
    part.add_argument("--first", type=int, default=0)
    part.add_argument("--studies", type=int, default=1000)
    part.add_argument("--equal", type=int, default=1000)
    part.add_argument("--mask", choices=MASKS, default="rat")
    part.add_argument("--ratios", type=float, nargs="+", default=RATIOS)
    shown = acts.add_parser("table")
    shown.add_argument("out", type=Path)
    options = parser.parse_args()
    if options.act == "run":
        run(options)
        return
    print(rates(options.out).to_csv(sep="\t", index=False), end="")


if __name__ == "__main__":
    main()
