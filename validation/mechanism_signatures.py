"""How often what the article reports arises in animals that live through its protocol, and the rivals' signatures.

    python validation/mechanism_signatures.py [SEEDS] [HYPOTHESIS] [POLICY]

Prints, over simulated studies, the median of each number and the share of studies in which its sign or test holds.
"""

import sys

import numpy as np
from scipy import stats

from cuecircuit.generators.circuit import REGIONS
from cuecircuit.generators.experiment import Experiment, plan_experiment
from cuecircuit.generators.intake import pairing_means
from cuecircuit.generators.planted import SLOPE_REGIONS, TABLE_1
from cuecircuit.generators.rat_design import rat_design
from cuecircuit.generators.rats import levels_of
from cuecircuit.nodes.designs import design_text
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign
from cuecircuit.study.reading import parse_study

TABLE = np.array(list(TABLE_1.values())).reshape(-1, 2, 2)


def anova(cells: np.ndarray, group: np.ndarray, factor: str):
    levels = tuple(f"{factor}{number}" for number in range(cells.shape[1]))
    subjects = [f"rat{number}" for number in range(len(group))]
    labels = [f"access{level}" for level in group]
    design = MixedDesign(subjects=subjects, between={"group": labels}, within={factor: levels})
    return strata_anova(cells[:, :, None].astype(float), design)


def numbers(experiment: Experiment) -> dict[str, tuple[float, bool]]:
    """Value, and whether it is as the article has it."""
    group = levels_of(experiment.rats)
    totals = {item.experiment: item.counts.sum(axis=2).astype(float) for item in experiment.counts}
    escalation = totals["ESCALATION"]
    paired = np.stack(
        [pairing_means(list(experiment.counts), "conditioning", t) for t in ("saline", "naloxone")], axis=1
    )
    found: dict[str, tuple[float, bool]] = {}
    for name, level in (("ShA", 0), ("LgA", 1)):
        own = escalation[group == level]
        ratio = own[:, -3:].mean() / own[:, 0].mean()
        found[f"{name}: last three sessions over the first"] = ratio, ratio > 1.2 if level else 0.8 < ratio < 1.2
        ratio = paired[group == level, 1].mean() / paired[group == level, 0].mean()
        found[f"{name}: naloxone over saline"] = ratio, ratio > 1
        for phase in ("CUE", "REINST"):
            gain = (totals[f"{phase}-NALOXONE"] - totals[f"{phase}-SALINE"])[group == level, 0]
            p = float(stats.ttest_1samp(gain, 0).pvalue) if gain.any() else 1.0
            found[f"{name}: {phase} naloxone less saline odor (share: p < .05)"] = gain.mean(), p < 0.05
    sessions, treatment = anova(escalation, group, "session"), anova(paired, group, "treatment")
    term = sessions.term("group:session")
    found["F access x session (9,171)"] = float(term.f[0]), bool(term.p[0] < 0.05)
    for name in ("treatment", "group", "group:treatment"):
        term = treatment.term(name)
        found[f"F of pairings: {name}"] = float(term.f[0]), bool(term.p[0] < 0.05)
    responses = experiment.responses.subjects
    cells = np.stack([responses[group == level].mean(axis=0) for level in (0, 1)], axis=1)
    large = np.abs(TABLE) >= 0.5
    right = (np.sign(cells) == np.sign(TABLE))[large].mean()
    found["cells of Table 1 beyond .5 with its sign"] = float(right), right > 0.9
    r = np.array([np.corrcoef(responses[:, region, 1], paired[:, 1])[0, 1] for region in range(len(REGIONS))])
    for name in SLOPE_REGIONS:
        value = float(r[REGIONS.index(name)])
        found[f"r of {name} with intake under naloxone"] = value, value > 0.433
    others = np.delete(r, [REGIONS.index(name) for name in SLOPE_REGIONS])
    found["r of the other regions (share: below both)"] = float(others.mean()), bool(others.max() < r[[0, 15]].min())
    return found


def main(seeds: int, hypothesis: str, policy: str) -> None:
    design = rat_design(parse_study(design_text("carmack2019")))
    found = [
        numbers(
            plan_experiment(design, hypothesis=hypothesis, scale="tiny", seed=seed, model="mechanism", policy=policy)
        )
        for seed in range(seeds)
    ]
    print(f"{seeds} studies, {hypothesis}, {policy}: median; share as in the article")
    for name in found[0]:
        values = np.array([one[name] for one in found], float)
        print(f"{name:58}{np.median(values[:, 0]):9.2f}{values[:, 1].mean():8.2f}")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 20, *(given[1:2] or ["withdrawal"]), *(given[2:3] or ["satiety"]))
