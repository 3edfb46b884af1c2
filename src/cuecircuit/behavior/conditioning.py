"""Conditioning: infusions during the pairings of each treatment, treatment × access, and their course over pairings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from cuecircuit.behavior.anova import TableAnova, mixed_anova
from cuecircuit.behavior.escalation import factor_of, group_labels, planned_sessions
from cuecircuit.stats.posthoc import FamilyAdjustment, compare, conditions_against


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConditioningTest:
    """`anova` of the means; `pairings` with the pairing as a second factor within subjects (None for one pairing).

    `means` has a row per subject and treatment (subject, group, treatment, value): the mean over the pairings.
    `posthoc` compares each treatment with the first within each group (group, treatment, against, difference, se, t,
    df, p, p_adjusted). `fitted` is what `anova` was made from.
    """

    anova: pd.DataFrame
    posthoc: pd.DataFrame
    fitted: TableAnova
    pairings: pd.DataFrame | None
    means: pd.DataFrame
    left_out: tuple[str, ...]


def conditioning_test(
    table: pd.DataFrame,
    *,
    phase: str,
    treatments: Sequence[str],
    sessions: int,
    dv: str,
    between: str = "group",
    error: Literal["pooled", "contrast"] = "pooled",
    adjustment: FamilyAdjustment = "bonferroni",
) -> ConditioningTest:
    """Test whether the treatment changes intake during its pairings, and differently so between groups.

    Args:
        table: sessions with phase, treatment and number, as `assign_phases` makes it.
        phase: the phase to test.
        treatments: its treatments, reference first.
        sessions: pairings per treatment.
        dv: column of the measure, such as the infusions in the window of the pairing.
        between: column of the group.
        error: error term of the comparisons.
        adjustment: of their p values, within each group.

    Raises:
        DesignError: a pairing that nobody has, or a fault of `mixed_anova`.
    """
    chosen = table[(table["phase"] == phase) & table["treatment"].isin(treatments) & (table["session"] <= sessions)]
    for treatment in treatments:
        planned_sessions(chosen[chosen["treatment"] == treatment], phase=f"{phase} {treatment}", sessions=sessions)
    order = chosen["treatment"].map({treatment: rank for rank, treatment in enumerate(treatments)})
    pairings = chosen.assign(order=order, pairing=chosen["session"]).sort_values(["order", "pairing"], kind="stable")
    within = ["treatment", "pairing"] if sessions > 1 else ["treatment"]
    each = mixed_anova(pairings, dv=dv, between=factor_of(pairings, between), within=within)
    labels = group_labels(each, pairings, between)
    means = _means(each, labels)
    anova = mixed_anova(means, dv="value", between=factor_of(means, "group"), within=["treatment"])
    return ConditioningTest(
        anova=anova.table,
        posthoc=_within_groups(anova, tuple(dict.fromkeys(labels)), error=error, adjustment=adjustment),
        fitted=anova,
        pairings=each.table if sessions > 1 else None,
        means=means,
        left_out=tuple(map(str, each.excluded)),
    )


def _means(each: TableAnova, labels: Sequence[str]) -> pd.DataFrame:
    subjects, treatments = each.design.subjects, each.design.within["treatment"]
    # the pairings of a treatment change fastest in the order of conditions
    values = each.cells.reshape(len(subjects), len(treatments), -1).mean(axis=2)
    return pd.DataFrame(
        {
            "subject": np.repeat(list(subjects), len(treatments)),
            "group": np.repeat(list(labels), len(treatments)),
            "treatment": list(treatments) * len(subjects),
            "value": values.ravel(),
        }
    )


def _within_groups(
    anova: TableAnova, groups: Sequence[str], *, error: Literal["pooled", "contrast"], adjustment: FamilyAdjustment
) -> pd.DataFrame:
    treatments = anova.design.within["treatment"]
    contrasts = conditions_against(anova.design, treatments[0])
    found = compare(anova.cells, anova.design, contrasts, error=error, adjustment=adjustment)
    return pd.DataFrame(
        {
            "group": np.repeat(groups, len(treatments) - 1),
            "treatment": list(treatments[1:]) * len(groups),
            "against": treatments[0],
            "difference": found.estimate,
            "se": found.se,
            "t": found.t,
            "df": found.df,
            "p": found.p,
            "p_adjusted": found.p_adjusted,
        }
    )
