"""Conditioning: infusions during the pairings of each treatment, treatment × access, and their course over pairings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.behavior.anova import TableAnova, mixed_anova
from cuecircuit.behavior.escalation import planned_sessions
from cuecircuit.stats.posthoc import groups_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConditioningTest:
    """`anova` of the means; `pairings` with the pairing as a second factor within subjects (None for one pairing).

    `means` has a row per subject and treatment (subject, group, treatment, value): the mean over the pairings.
    """

    anova: pd.DataFrame
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
) -> ConditioningTest:
    """Test whether the treatment changes intake during its pairings, and differently so between groups.

    Args:
        table: sessions with phase, treatment and number, as `assign_phases` makes it.
        phase: the phase to test.
        treatments: its treatments, reference first.
        sessions: pairings per treatment.
        dv: column of the measure, such as the infusions in the window of the pairing.
        between: column of the group.

    Raises:
        DesignError: a pairing that nobody has, or a fault of `mixed_anova`.
    """
    chosen = table[(table["phase"] == phase) & table["treatment"].isin(treatments) & (table["session"] <= sessions)]
    for treatment in treatments:
        planned_sessions(chosen[chosen["treatment"] == treatment], phase=f"{phase} {treatment}", sessions=sessions)
    order = chosen["treatment"].map({treatment: rank for rank, treatment in enumerate(treatments)})
    pairings = chosen.assign(order=order, pairing=chosen["session"]).sort_values(["order", "pairing"], kind="stable")
    within = ["treatment", "pairing"] if sessions > 1 else ["treatment"]
    each = mixed_anova(pairings, dv=dv, between=[between], within=within)
    means = _means(each)
    anova = mixed_anova(means, dv="value", between=["group"], within=["treatment"])
    return ConditioningTest(
        anova=anova.table,
        pairings=each.table if sessions > 1 else None,
        means=means,
        left_out=tuple(map(str, each.excluded)),
    )


def _means(each: TableAnova) -> pd.DataFrame:
    subjects, treatments = each.design.subjects, each.design.within["treatment"]
    # the pairings of a treatment change fastest in the order of conditions
    values = each.cells.reshape(len(subjects), len(treatments), -1).mean(axis=2)
    return pd.DataFrame(
        {
            "subject": np.repeat(list(subjects), len(treatments)),
            "group": np.repeat(list(groups_of(each.design)), len(treatments)),
            "treatment": list(treatments) * len(subjects),
            "value": values.ravel(),
        }
    )
