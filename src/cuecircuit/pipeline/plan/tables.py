"""The tables of a plan: power, precision, the smallest design, and which hypotheses it tells apart."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool
from cuecircuit.io.tables import ColumnNote
from cuecircuit.simulation.animals import Learning, Policy
from cuecircuit.stats.simulated_power import Outcomes, confusion, shares, smallest_size
from cuecircuit.study.planned import PlannedTest
from cuecircuit.study.study import Study

Model = Literal["planted", "mechanism"]
ANIMALS = ("6", "8", "10", "12", "16", "20", "24")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """What is asked of a plan.

    `animals`: of every group ("12"), or of each ("11,10"). `hypotheses`: the first is the one that power is wanted
    for; all where none is named. `tests`: names, phases or kinds of tests; all where none is named. `pool`: animals of
    each group that studies of the mechanism are dealt from. `effects`: a table in place of a model.
    """

    animals: tuple[str, ...] = ANIMALS
    studies: int = 1000
    power: float = 0.8
    model: Model = "planted"
    hypotheses: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    effects: Path | None = None
    permutations: int = 199
    pool: int = 200
    policy: Policy = "satiety"
    learning: Learning = "rescorla-wagner"
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What was simulated: `results[h][d]` are the tests' outcomes under hypothesis h with the animals `sizes[d]`."""

    study: Study
    name: str
    settings: PlanSettings
    sizes: tuple[tuple[int, ...], ...]
    tests: tuple[PlannedTest, ...]
    results: Mapping[str, Sequence[Mapping[str, Outcomes]]]

    @property
    def truth(self) -> str:
        """The hypothesis that power is wanted for."""
        return next(iter(self.results))

    @property
    def totals(self) -> tuple[int, ...]:
        """Animals of each design."""
        return tuple(map(sum, self.sizes))

    def found(self, hypothesis: str, design: int) -> Bool[Array, "study test"]:
        """Which tests found something."""
        outcomes = self.results[hypothesis][design]
        return np.stack([outcomes[test.name].verdicts(test.alpha) != 0 for test in self.tests], axis=1)


_DESIGN_NOTES: Mapping[str, ColumnNote] = {
    "animals": "animals of the design, all groups",
    "by_group": "animals of each group, in the order of the study file",
    "test": "planned test",
}
POWER_NOTES: Mapping[str, ColumnNote] = {
    "hypothesis": "what is true in the simulated studies",
    **_DESIGN_NOTES,
    "rule": "the probability that is compared with alpha",
    "alpha": "level",
    "studies": "simulated studies",
    "found": "studies in which it is at most alpha",
    "power": "share of them (error rate where nothing is there to be found)",
    "ci_low": "lower end of the exact 95 % Monte Carlo interval (Clopper-Pearson)",
    "ci_high": "upper end of it",
    "untestable": "studies that could not be tested; they count as not found",
}
PRECISION_NOTES: Mapping[str, ColumnNote] = {
    **_DESIGN_NOTES,
    "quantity": "what is estimated; of several levels the last less the first",
    "unit": "unit of estimate and width",
    "estimate": "mean over the simulated studies",
    "sd": "standard deviation over them",
    "ci_width": "mean width of the 95 % confidence interval",
}
SMALLEST_NOTES: Mapping[str, ColumnNote] = {
    "test": "planned test",
    "wanted_power": "power asked for",
    "animals": "fewest animals, all groups, rounded up (n/a: not reached)",
    "animals_low": "the same where power is at the upper end of its Monte Carlo interval",
    "animals_high": "the same where it is at the lower end",
    "how": "where the number comes from; interpolation takes the normal quantile of power as linear in the root of n",
}
SEPARATION_NOTES: Mapping[str, ColumnNote] = {
    "animals": _DESIGN_NOTES["animals"],
    "by_group": _DESIGN_NOTES["by_group"],
    "hypothesis_a": "one hypothesis",
    "hypothesis_b": "the other",
    "test": "the test that differs most in every other study; the shares are of the other studies",
    "power_a": "share of studies in which it finds something under a",
    "a_low": "lower end of its exact 95 % interval",
    "a_high": "upper end of it",
    "power_b": "the same under b",
    "b_low": "lower end of its exact 95 % interval",
    "b_high": "upper end of it",
    "separates": "yes: at least the wanted power under one, at most 1 less it under the other",
}
CONFUSION_NOTES: Mapping[str, ColumnNote] = {
    "animals": _DESIGN_NOTES["animals"],
    "by_group": _DESIGN_NOTES["by_group"],
    "truth": "what is true in the studies",
    "told": "what the pattern of all tests says (naive Bayes, learned from other studies)",
    "studies": "studies that were told so",
    "share": "share of the studies of the truth",
    "ci_low": "lower end of the exact 95 % interval",
    "ci_high": "upper end of it",
}


def power_table(plan: Plan) -> pd.DataFrame:
    """Power of every test in every design under every hypothesis."""
    rows = []
    for hypothesis, by_design in plan.results.items():
        for design, outcomes in enumerate(by_design):
            found = plan.found(hypothesis, design).sum(axis=0)
            share = shares(found, plan.settings.studies)
            for row, test in enumerate(plan.tests):
                rows.append(
                    {
                        "hypothesis": hypothesis,
                        **_design(plan, design),
                        "test": test.name,
                        "rule": test.rule,
                        "alpha": test.alpha,
                        "studies": share.n,
                        "found": int(found[row]),
                        "power": share.share[row],
                        "ci_low": share.ci_low[row],
                        "ci_high": share.ci_high[row],
                        "untestable": int(np.isnan(outcomes[test.name].p).sum()),
                    }
                )
    return pd.DataFrame(rows)


def precision_table(plan: Plan) -> pd.DataFrame:
    """Expected width of the 95 % interval of every test's estimate under the hypothesis that power is wanted for."""
    rows = []
    for design, outcomes in enumerate(plan.results[plan.truth]):
        for test in plan.tests:
            if test.kind == "any region":
                continue
            own = outcomes[test.name]
            tested = np.isfinite(own.width)
            several = tested.sum() > 1
            rows.append(
                {
                    **_design(plan, design),
                    "test": test.name,
                    "quantity": "r" if "correlation" in test.kind else "difference of means",
                    "unit": unit_of(plan.study, test),
                    "estimate": own.estimate[tested].mean() if several else np.nan,
                    "sd": own.estimate[tested].std(ddof=1) if several else np.nan,
                    "ci_width": own.width[tested].mean() if several else np.nan,
                }
            )
    return pd.DataFrame(rows)


def unit_of(study: Study, test: PlannedTest) -> str:
    """Give the unit of a test's estimate."""
    if test.kind != "phase":
        return "r" if "correlation" in test.kind else "% BOLD"
    return "presses" if study.withheld(study.phase(test.part)) else "infusions"


def smallest_table(plan: Plan, power: pd.DataFrame) -> pd.DataFrame:
    """The fewest animals for the wanted power, of every test."""
    own = power[power["hypothesis"] == plan.truth]
    wanted, rows = plan.settings.power, []
    for test in plan.tests:
        mine = own[own["test"] == test.name]
        size, high, low = (
            smallest_size(plan.totals, mine[column].to_numpy(float), wanted)
            for column in ("power", "ci_low", "ci_high")
        )
        rows.append(
            {
                "test": test.name,
                "wanted_power": wanted,
                **{
                    name: math.ceil(value) if math.isfinite(value) else np.nan
                    for name, value in (("animals", size), ("animals_low", low), ("animals_high", high))
                },
                "how": _how(plan.totals, size),
            }
        )
    return pd.DataFrame(rows)


def _how(totals: Sequence[int], size: float) -> str:
    if size == math.inf:
        return f"not reached with {totals[-1]}"
    if size <= totals[0]:
        return f"reached by the smallest design simulated, {totals[0]}"
    above = next(total for total in totals if total >= size)
    return f"interpolated between {totals[totals.index(above) - 1]} and {above}"


def separation_table(plan: Plan) -> pd.DataFrame:
    """For every design and pair of hypotheses: the test that tells them apart best, and how well."""
    rows, wanted = [], plan.settings.power
    for design in range(len(plan.sizes)):
        found = {hypothesis: plan.found(hypothesis, design) for hypothesis in plan.results}
        for a, b in combinations(found, 2):
            taught = [found[name][::2].mean(axis=0) for name in (a, b)]
            best = int(np.argmax(np.abs(taught[0] - taught[1])))
            told = np.array([found[name][1::2, best].sum() for name in (a, b)])
            share = shares(told, len(found[a][1::2]))
            separates = share.share.max() >= wanted and share.share.min() <= 1 - wanted
            row = {**_design(plan, design), "hypothesis_a": a, "hypothesis_b": b, "test": plan.tests[best].name}
            for at, side in enumerate("ab"):
                row |= {
                    f"power_{side}": share.share[at],
                    f"{side}_low": share.ci_low[at],
                    f"{side}_high": share.ci_high[at],
                }
            rows.append(row | {"separates": "yes" if separates else "no"})
    return pd.DataFrame(rows, columns=list(SEPARATION_NOTES))


def confusion_table(plan: Plan) -> pd.DataFrame:
    """For every design and truth: how often the pattern of all tests tells each hypothesis."""
    rows, names = [], list(plan.results)
    for design in range(len(plan.sizes)):
        verdicts = [
            np.stack([by_design[design][test.name].verdicts(test.alpha) for test in plan.tests], axis=1)
            for by_design in plan.results.values()
        ]
        for truth, told in zip(names, confusion(verdicts), strict=True):
            share = shares(told, int(told.sum()))
            for place, name in enumerate(names):
                rows.append(
                    {
                        **_design(plan, design),
                        "truth": truth,
                        "told": name,
                        "studies": int(told[place]),
                        "share": share.share[place],
                        "ci_low": share.ci_low[place],
                        "ci_high": share.ci_high[place],
                    }
                )
    return pd.DataFrame(rows)


def _design(plan: Plan, design: int) -> dict[str, object]:
    sizes = plan.sizes[design]
    groups = zip(plan.study.subjects.groups, sizes, strict=True)
    return {"animals": sum(sizes), "by_group": ", ".join(f"{n} {group}" for group, n in groups)}
