"""How often does permutation find something where groups differ in variance and in nothing else? Counted.

A null study is two groups × two cues of Gaussian noise with the long-tailed autocorrelation of rat maps, stable
differences between subjects, in a box of 800 voxels of 0.4 × 0.4 × 1 mm (`part`) or the ellipsoid of 17 832 of them
that `fwe.py` has (`rat`); all maps of the first group are multiplied by the ratio of the SDs. Questions:

    group, group:cue, slope    two-sided; the slope of a covariate stands beside the groups
    cue                        the effect within subjects, beside groups
    group 1 sided              only the first group larger counts
    group in blocks            every group is spread over two blocks of exchangeability
    mixed group, mixed group:cue    the terms of `group*cue + (1 | subject)` by exchange of the subjects' scores
    welch                      the means of two groups of single maps, as `compare --method welch` permutes them

by subjects who change places or flip signs (`equal`), by rotation within groups (`groups`), and by what the data
choose (`auto`: rotation where p of the variances is at most .2). Cluster-forming p .01, corrected α .05, 39 resamples:
a p that counts the map found keeps its level with any number of them.

    python validation/error_rates.py run ROWS.tsv [--mask part|rat] [--studies 1000] [--first 0] [--every 5]
    python validation/error_rates.py count ROWS.tsv > validation/error_rates.tsv
    python validation/error_rates.py pooled [validation/error_rates.tsv]
    python validation/error_rates.py table [validation/error_rates.tsv] > TABLES.md

`run` appends a row for each study, cell, question and scheme, studies outermost, and goes on where ROWS.tsv ends. Only
one study in `--every` has all questions, both schemes and equal variances; the others have the first three questions by
rotation where variances differ. Studies are seeded by their number; ratios and questions of one size share their noise.
Intervals are Clopper and Pearson's (1934), 95 %.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from fwe import NOISE, VOXEL_MM, brain, null_maps
from scipy import stats
from threadpoolctl import threadpool_limits

from cuecircuit.clusters.maxima import MAP_STATISTICS
from cuecircuit.clusters.null_field import null_field
from cuecircuit.group.permutation import PermutationSettings, permute_hypothesis, permute_prepared, plan_term
from cuecircuit.group.permuted_maxima import prepare_term
from cuecircuit.stats.group_variances import stratum_variances
from cuecircuit.stats.mixed_model import mixed_model
from cuecircuit.stats.permutation import find_term
from cuecircuit.stats.rotation import variance_labels
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign, StrataModel, groups_of, strata_model

SIZES = ((5, 12), (7, 14), (10, 11), (30, 30))
RATIOS = (2.5, 1 / 2.5, 1.5, 1 / 1.5)
RESAMPLES = 39
MAIN = ("group", "group:cue", "slope")
MASKS = {"part": np.pad(np.ones((10, 10, 8), bool), 1), "rat": brain("rat")}
CELL = ["mask", "n", "ratio", "question", "scheme"]
STORED = Path(__file__).with_suffix(".tsv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A term of a model; `cues` are those of its maps."""

    name: str
    term: str
    model: StrataModel
    cues: slice | None = None
    blocks: tuple[int, ...] | None = None
    sided: str = "2"


def questions(sizes, rng, *, every_one):
    n = sum(sizes)
    shared = {"subjects": [str(k) for k in range(n)], "between": {"group": ["a"] * sizes[0] + ["b"] * sizes[1]}}
    within = {"cue": ("x", "y")}
    plain = strata_model(MixedDesign(**shared, within=within))
    slopes = strata_model(MixedDesign(**shared, within=within, covariates={"slope": rng.standard_normal(n)}))
    main = [
        Question(name="group", term="group", model=plain),
        Question(name="group:cue", term="group:cue", model=plain),
        Question(name="slope", term="slope", model=slopes),
    ]
    if not every_one:
        return main
    blocks = tuple(k % 2 for size in sizes for k in range(size))
    return [
        *main,
        Question(name="cue", term="cue", model=plain),
        Question(name="group 1 sided", term="group", model=plain, sided="1"),
        Question(name="group in blocks", term="group", model=plain, blocks=blocks),
        Question(name="welch", term="group", model=strata_model(MixedDesign(**shared)), cues=slice(1)),
    ]


def permuted(y, asked, variances, scheme, mask, number):
    settings = PermutationSettings(
        voxel_p=0.01, n_permutations=RESAMPLES, variance=scheme, sided=asked.sided, seed=number
    )
    plan = plan_term(asked.model, asked.term, settings=settings, variances=variances, blocks=asked.blocks)
    test = strata_anova(y, asked.model, epsilons=False).term(asked.term)
    prepared, fitted = prepare_term(y, plan, test.f)
    return permute_prepared([lambda: prepared], fitted, plan, test, mask, settings=settings)


def strata_rows(y, asked_of, mask, number, *, every_one):
    variances = {}
    for asked in asked_of:
        maps = y[:, asked.cues or slice(None)]
        stratum = find_term(asked.model, asked.term, None)[0]
        key = id(stratum), asked.blocks
        if key not in variances:
            labels = variance_labels(groups_of(asked.model.design), asked.blocks)
            # only `auto` needs the p
            orders = 99 if every_one else 1
            variances[key] = stratum_variances([maps], stratum, labels, n_permutations=orders)
        own = variances[key]
        for scheme in ("groups", "equal") if every_one else ("groups",):
            found = permuted(maps, asked, own, scheme, mask, number)
            yield {"question": asked.name, "scheme": scheme, "p": own.p if every_one else np.nan} | verdicts(found)


def mixed_rows(y, asked_of, mask, number):
    design = asked_of[0].model.design
    rows = [(s, g, c) for s, g in zip(design.subjects, design.between["group"], strict=True) for c in "xy"]
    columns = dict(zip(("subject", "group", "cue"), map(np.array, zip(*rows, strict=True)), strict=True))
    model = mixed_model("group*cue + (1 | subject)", columns)
    tests = strata_anova(y, asked_of[0].model, epsilons=False)
    settings = PermutationSettings(voxel_p=0.01, n_permutations=RESAMPLES, seed=number)
    for hypothesis in model.hypotheses:
        if hypothesis.name not in ("group", "group:cue"):
            continue
        test = tests.term(hypothesis.name)
        found = permute_hypothesis(y.reshape(-1, y.shape[2]), model, hypothesis, test, mask, settings=settings)
        yield {"question": f"mixed {hypothesis.name}", "scheme": "equal", "p": np.nan} | verdicts(found)


def verdicts(found):
    return {name: int(found.significant(name).any()) for name in MAP_STATISTICS}


def run(options):
    mask = MASKS[options.mask]
    field = null_field(mask, VOXEL_MM["rat"], NOISE["rat", "tail"])
    done = set()
    if options.out.exists():
        rows = pd.read_csv(options.out, sep="\t")
        done = set(zip(rows["study"], rows["n"], strict=True))
    for number in range(options.first, options.first + options.studies):
        for sizes in SIZES:
            label = "v".join(map(str, sizes))
            if (number, label) not in done:
                rows = study_rows(number, sizes, field, mask, every_one=number % options.every == 0)
                known = {"mask": options.mask, "study": number, "n": label}
                table = pd.DataFrame([known | row for row in rows])
                table.to_csv(options.out, sep="\t", index=False, mode="a", header=not options.out.exists())


def study_rows(number, sizes, field, mask, *, every_one):
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence([number, *sizes])))
    asked_of = questions(sizes, rng, every_one=every_one)
    noise = null_maps(field, sum(sizes), rng)
    # of equal groups a ratio and its inverse are one cell
    ratios = (*(r for r in RATIOS if r > 1 or sizes[0] != sizes[1]), *([1.0] if every_one else []))
    for ratio in ratios:
        y = noise * np.repeat([ratio, 1.0], sizes)[:, None, None].astype(noise.dtype)
        found = list(strata_rows(y, asked_of, mask, number, every_one=every_one))
        if every_one:
            found += mixed_rows(y, asked_of, mask, number)
        yield from ({"ratio": round(ratio, 3)} | row for row in found)


def counts(path):
    """Count the studies of every cell and those with a false positive; `auto` follows from both schemes and p."""
    rows = pd.read_csv(path, sep="\t").drop_duplicates([*CELL, "study"])
    key = ["study", *CELL[:4]]
    equal, groups = (rows[(rows["scheme"] == name) & rows["p"].notna()].set_index(key) for name in ("equal", "groups"))
    groups = groups.loc[equal.index]
    auto = equal.where(equal["p"] > 0.2, groups).assign(scheme="auto").reset_index()
    # Welch's model has a variance for each group, whatever the data say
    auto = auto[auto["question"] != "welch"]
    table = pd.concat([rows, auto]).groupby(CELL)[list(MAP_STATISTICS)].agg(["sum", "count"])
    found = table.xs("sum", axis=1, level=1).astype(int)
    found.insert(0, "studies", table[MAP_STATISTICS[0], "count"].astype(int))
    return found.reset_index()


def with_interval(k, n):
    interval = stats.binomtest(int(k), int(n)).proportion_ci(method="exact")
    return f"{k / n:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def pooled(every):
    """Print the rates of cells taken together, a table for each mask, a row each, as docs/error_rates.md has them."""
    for mask, table in every.groupby("mask", sort=False):
        print(f"\n{int(MASKS[mask].sum())} voxels\n")
        pooled_mask(table)


def pooled_mask(table):
    main = table["question"].isin(MAIN)
    rotated = table[(table["scheme"] == "groups") & main & (table["ratio"] != 1)]
    rows = [("`groups`: group, group × cue, slope", rotated)]
    rows += [(n.replace("v", " v "), rotated[rotated["n"] == n]) for n in ("5v12", "7v14", "10v11", "30v30")]
    rows += [(f"SD ratio {ratio}", rotated[rotated["ratio"] == ratio]) for ratio in (2.5, 1.5, 0.667, 0.4)]
    rows += [(name, rotated[rotated["question"] == name]) for name in MAIN]
    for name in ("cue", "group 1 sided", "group in blocks", "welch"):
        own = table[(table["scheme"] == "groups") & (table["question"] == name) & (table["ratio"] != 1)]
        rows.append((f"`groups`: {name}", own))
    unequal = table["ratio"] != 1
    rows.append(("`auto`: group, group × cue, slope", table[(table["scheme"] == "auto") & main & unequal]))
    worst = table["n"].isin(["5v12", "7v14"]) & (table["ratio"] == 2.5) & (table["scheme"] == "equal")
    pairs = table["question"].isin(["group", "group:cue"])
    rows.append(("`equal`: group, group × cue, 5 v 12 and 7 v 14 at 2.5", table[worst & pairs]))
    mixed = table["question"].isin(["mixed group", "mixed group:cue"])
    rows.append(("mixed model, the same", table[worst & mixed]))
    for scheme in ("equal", "auto", "groups"):
        own = table[(table["scheme"] == scheme) & ~unequal & ~mixed]
        rows.append((f"`{scheme}`: all questions, equal variances", own))
    print(f"| | tests | {' | '.join(MAP_STATISTICS)} |\n|---|---|" + "---|" * len(MAP_STATISTICS))
    for name, part in rows:
        if not (n := part["studies"].sum()):
            continue
        rates = (with_interval(part[each].sum(), n) for each in MAP_STATISTICS)
        print(f"| {name} | {n} | {' | '.join(rates)} |")


def markdown(table):
    """Print one table for each mask, question and scheme, a row for each pair of sizes and ratio."""
    for (mask, question, scheme), part in table.groupby(["mask", "question", "scheme"], sort=False):
        print(f"\n### {question}, `{scheme}`, {int(MASKS[mask].sum())} voxels\n")
        print(f"| sizes | SD ratio | studies | {' | '.join(MAP_STATISTICS)} |")
        print("|---|---|---|" + "---|" * len(MAP_STATISTICS))
        for row in part.itertuples():
            rates = (with_interval(getattr(row, name), row.studies) for name in MAP_STATISTICS)
            print(f"| {row.n.replace('v', ' v ')} | {row.ratio:g} | {row.studies} | {' | '.join(rates)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    acts = parser.add_subparsers(required=True, dest="act")
    part = acts.add_parser("run")
    part.add_argument("out", type=Path)
    part.add_argument("--first", type=int, default=0)
    part.add_argument("--studies", type=int, default=1000)
    part.add_argument("--every", type=int, default=5)
    part.add_argument("--mask", choices=MASKS, default="part")
    counted = acts.add_parser("count")
    counted.add_argument("rows", type=Path)
    for act in ("pooled", "table"):
        acts.add_parser(act).add_argument("counts", type=Path, nargs="?", default=STORED)
    options = parser.parse_args()
    if options.act == "run":
        with threadpool_limits(1):
            run(options)
    elif options.act == "count":
        counts(options.rows).to_csv(sys.stdout, sep="\t", index=False)
    elif options.act == "pooled":
        pooled(pd.read_csv(options.counts, sep="\t"))
    else:
        markdown(pd.read_csv(options.counts, sep="\t"))


if __name__ == "__main__":
    main()
