"""Conditioning: infusions during the pairings of each treatment, treatment × access, and their course over pairings."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from cuecircuit.behavior.anova import mixed_anova
from cuecircuit.behavior.escalation import complete_cells


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
        DesignError: no subject has every pairing, or a fault of `mixed_anova`.
    """
    cells = [(phase, treatment, k) for treatment in treatments for k in range(1, sessions + 1)]
    complete, left_out = complete_cells(table, ["phase", "treatment", "session"], cells, dv=dv)
    rank = {cell: k for k, cell in enumerate(cells)}
    order = [rank[cell] for cell in zip(complete["phase"], complete["treatment"], complete["session"], strict=True)]
    # conditions are in order of first appearance: the reference treatment and the first pairing
    complete = complete.assign(order=order).sort_values("order", kind="stable")
    values: dict[tuple[str, str, str], list[float]] = {}
    for row in complete.to_dict("records"):
        values.setdefault((str(row["subject"]), str(row[between]), str(row["treatment"])), []).append(float(row[dv]))
    means = pd.DataFrame(
        [(*key, sum(found) / len(found)) for key, found in values.items()],
        columns=["subject", "group", "treatment", "value"],
    )
    anova = mixed_anova(means, dv="value", between=["group"], within=["treatment"])
    each = complete.rename(columns={"session": "pairing", between: "group"})
    pairings = mixed_anova(each, dv=dv, between=["group"], within=["treatment", "pairing"]) if sessions > 1 else None
    return ConditioningTest(
        anova=anova.table, pairings=None if pairings is None else pairings.table, means=means, left_out=left_out
    )
