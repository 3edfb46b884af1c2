"""How large the planted effects of the simulated rat study come out, before any imaging.

For each spread between rats and each measurement noise of a region's mean: simulated experiments of 21 rats. Prints a
TSV: `d` is the median over regions and experiments of the size of access × cue, `peak_f` the median of the largest
regional F(1, 19), `peak_low` and `peak_high` its 5th and 95th percentile, `below_01` the share of regions with p < .01.
The 19 responses to the naloxone cue are correlated with mean infusions in the naloxone pairings, both groups pooled,
Benjamini-Hochberg q = 0.05: `both` is the share of experiments that find the two planted ones, `no_other` that find
nothing else, `exactly` both at once, `others` the mean number of further regions, `within_r` the mean correlation
within a group in the two regions. The first row of each noise is the spread that is used, the second that of 0.1.0.

    python validation/planted_correlations.py [EXPERIMENTS]
"""

import sys
from dataclasses import asdict

import numpy as np
from scipy import stats

from cuecircuit.generators.intake import draw_counts, intake_model, pairing_means
from cuecircuit.generators.planted import SLOPE_REGIONS, TABLE_1, Spread, plant_responses
from cuecircuit.generators.rat_design import rat_design
from cuecircuit.nodes.designs import design_text
from cuecircuit.study.reading import parse_study

SPREADS = (Spread(), Spread(cue_sd=0.6, cue_ratio=0.0, slope_r=0.85), Spread(cue_ratio=0.5), Spread(cue_ratio=0.7))
# % BOLD; a region's mean over a scan's four blocks carries about 0.4 in the cortex and 0.6 in small deep regions
NOISES = (0.0, 0.4, 0.6)
PLANTED = [list(TABLE_1).index(name) for name in SLOPE_REGIONS]


def counts(spread: Spread, noise: float, behavior: list[np.ndarray], group: np.ndarray) -> tuple[float, ...]:
    """Sizes of the interaction and shares of correlations over all experiments."""
    rows, tests = [], []
    for seed, infusions in enumerate(behavior):
        rng = np.random.default_rng([1, seed])
        planted = plant_responses("withdrawal", group, infusions, rng, spread=spread)
        measured = planted.subjects[:, :, 1] + noise * rng.standard_normal((len(group), len(TABLE_1)))
        p = [stats.pearsonr(region, infusions)[1] for region in measured.T]
        found = stats.false_discovery_control(p) <= 0.05
        others = found.sum() - found[PLANTED].sum()
        within = [
            np.corrcoef(measured[group == level, region], infusions[group == level])[0, 1]
            for level in (0, 1)
            for region in PLANTED
        ]
        both = found[PLANTED].all()
        rows.append((both, others == 0, both and others == 0, others, np.mean(within)))
        change = np.diff(planted.subjects + noise * rng.standard_normal(planted.subjects.shape), axis=2)[..., 0]
        t, p = stats.ttest_ind(change[group == 1], change[group == 0])
        tests.append((t**2, p))
    f, p = np.array(tests).transpose(1, 0, 2)
    scale = np.sqrt((group == 0).sum() * (group == 1).sum() / len(group))
    peaks = np.percentile(f.max(axis=1), (50, 5, 95))
    return (float(np.median(np.sqrt(f))) / scale, *peaks, (p < 0.01).mean(), *np.mean(rows, axis=0))


def main(experiments: int = 500) -> None:
    """Print the table."""
    design = rat_design(parse_study(design_text("carmack2019")))
    group = np.repeat([0, 1], design.sizes)
    behavior = [
        pairing_means(
            draw_counts(design, intake_model("withdrawal"), group, np.random.default_rng([0, seed])),
            design.first("conditioning").name,
            design.paired,
        )
        for seed in range(experiments)
    ]
    sizes = ("common_sd", "cue_sd", "cue_ratio", "slope_r", "noise", "d", "peak_f", "peak_low", "peak_high", "below_01")
    print(*sizes, "both", "no_other", "exactly", "others", "within_r", sep="\t")
    for noise in NOISES:
        for spread in SPREADS:
            numbers = (*asdict(spread).values(), noise, *counts(spread, noise, behavior, group))
            print("\t".join(f"{number:.3g}" for number in numbers))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
