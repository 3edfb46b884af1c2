"""How often the simulated study shows exactly the two planted brain-behavior correlations.

For each spread between rats and each measurement noise of a region's mean: simulated experiments whose 19 regional
responses to the naloxone cue are correlated with mean infusions in the naloxone pairings, both groups pooled,
Benjamini-Hochberg q = 0.05. Prints a TSV: `both` is the share of experiments that find the two, `no_other` that find
nothing else, `exactly` both at once, `others` the mean number of further regions, `within_r` the mean correlation
within a group in the two regions. The first row of each noise is the spread that is used.

    python validation/planted_correlations.py [EXPERIMENTS]
"""

import sys

import numpy as np
from scipy import stats

from cuecircuit.generators.intake import draw_counts, intake_model, pairing_means
from cuecircuit.generators.planted import SLOPE_REGIONS, TABLE_1, Spread, plant_responses
from cuecircuit.generators.rat_design import rat_design
from cuecircuit.nodes.designs import design_text
from cuecircuit.study.reading import parse_study

SPREADS = (Spread(), Spread(common=1.5, specific=0.8), Spread(common=1.8), Spread(common=2.4), Spread(slope_r=0.8))
# % BOLD; a region's mean over a scan's four blocks carries about 0.4 in the cortex and 0.6 in small deep regions
NOISES = (0.0, 0.4, 0.6)
PLANTED = [list(TABLE_1).index(name) for name in SLOPE_REGIONS]


def counts(spread: Spread, noise: float, behavior: list[np.ndarray], group: np.ndarray) -> tuple[float, ...]:
    """Shares over all experiments."""
    rows = []
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
    return tuple(np.mean(rows, axis=0))


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
    print("common", "specific", "slope_r", "noise", "both", "no_other", "exactly", "others", "within_r", sep="\t")
    for noise in NOISES:
        for spread in SPREADS:
            shares = counts(spread, noise, behavior, group)
            numbers = (spread.common, spread.specific, spread.slope_r, noise, *shares)
            print("\t".join(f"{number:.3g}" for number in numbers))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
