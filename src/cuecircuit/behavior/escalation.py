"""Escalation of intake: access × session, and each session against the first within each group.

The error term of the comparisons is a choice (`stats.posthoc`): pooled over the design, as Prism does, or each
comparison's own, which makes it the paired t test of the group. Comparisons are adjusted within a group.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from cuecircuit.behavior.anova import TableAnova, mixed_anova
from cuecircuit.errors import DesignError
from cuecircuit.stats.posthoc import FamilyAdjustment, compare, conditions_against, groups_against, groups_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EscalationTest:
    """`anova` as `mixed_anova` prints it; `posthoc` by group and session; `left_out` says who lacks which session.

    Columns of `posthoc`: group, session, mean, difference (from session 1), se, t, df, p, p_adjusted. `groups` compares
    each group with the first in each session (session, group, against, difference, se, t, df, p, p_adjusted; adjusted
    over all of them) and is empty where there is one group. `fitted` is what all were made from.
    """

    anova: pd.DataFrame
    posthoc: pd.DataFrame
    groups: pd.DataFrame
    fitted: TableAnova
    left_out: tuple[str, ...]


def escalation_test(
    table: pd.DataFrame,
    *,
    phase: str,
    sessions: int,
    dv: str = "infusions",
    between: str = "group",
    error: Literal["pooled", "contrast"] = "pooled",
    adjustment: FamilyAdjustment = "bonferroni",
) -> EscalationTest:
    """Test whether intake changes over sessions, and differently so between groups.

    Args:
        table: sessions with phase and number, as `assign_phases` makes it.
        phase: the phase to test.
        sessions: how many sessions of the phase enter, from the first.
        dv: column of the measure.
        between: column of the group.
        error: error term of the comparisons.
        adjustment: of their p values, within each group.

    Raises:
        DesignError: no session of the phase, or a fault of `mixed_anova`.
    """
    chosen = table[(table["phase"] == phase) & (table["session"] <= sessions)]
    planned_sessions(chosen, phase=phase, sessions=sessions)
    # conditions stand in order of first appearance: sessions by number
    chosen = chosen.sort_values("session", kind="stable")
    anova = mixed_anova(chosen, dv=dv, between=factor_of(chosen, between), within=["session"])
    labels = group_labels(anova, chosen, between)
    return EscalationTest(
        anova=anova.table,
        posthoc=_against_first(anova, labels, error=error, adjustment=adjustment),
        groups=_between_groups(anova, error=error, adjustment=adjustment),
        fitted=anova,
        left_out=tuple(map(str, anova.excluded)),
    )


def factor_of(table: pd.DataFrame, between: str) -> list[str]:
    """Name the groups as a factor; no factor where all animals are of one group."""
    return [between] if table[between].nunique() > 1 else []


def group_labels(anova: TableAnova, table: pd.DataFrame, between: str) -> tuple[str, ...]:
    """Name the group of each subject of the design, also where one group makes no factor."""
    return tuple(table.groupby("subject")[between].first().loc[list(anova.design.subjects)])


def planned_sessions(table: pd.DataFrame, *, phase: str, sessions: int) -> None:
    """Make sure that somebody has each planned session: otherwise a shorter design would be tested unasked.

    Raises:
        DesignError: sessions that nobody has.
    """
    missing = [str(number) for number in range(1, sessions + 1) if not (table["session"] == number).any()]
    if missing:
        raise DesignError(
            f"phase '{phase}': nobody has session {', '.join(missing)} of the {sessions} planned; "
            "add the logs or correct `sessions` of the phase"
        )


def _against_first(
    anova: TableAnova, of: Sequence[str], *, error: Literal["pooled", "contrast"], adjustment: FamilyAdjustment
) -> pd.DataFrame:
    sessions: Sequence[str] = anova.design.within["session"]
    contrasts = conditions_against(anova.design, sessions[0])
    found = compare(anova.cells, anova.design, contrasts, error=error, adjustment=adjustment)
    labels = np.array(of)
    groups = list(dict.fromkeys(of))
    return pd.DataFrame(
        {
            "group": np.repeat(groups, len(sessions) - 1),
            "session": [int(session) for _ in groups for session in sessions[1:]],
            "mean": np.concatenate([anova.cells[labels == group].mean(axis=0)[1:] for group in groups]),
            "difference": found.estimate,
            "se": found.se,
            "t": found.t,
            "df": found.df,
            "p": found.p,
            "p_adjusted": found.p_adjusted,
        }
    )


def _between_groups(
    anova: TableAnova, *, error: Literal["pooled", "contrast"], adjustment: FamilyAdjustment
) -> pd.DataFrame:
    sessions, groups = anova.design.within["session"], list(dict.fromkeys(groups_of(anova.design)))
    if len(groups) < 2:
        return pd.DataFrame(columns=["session", "group", "against", *_COMPARED])
    # Dunnett's family is one reference in one session; the others adjust over all sessions
    contrasts = groups_against(anova.design, groups[0], one_family=adjustment != "dunnett")
    found = compare(anova.cells, anova.design, contrasts, error=error, adjustment=adjustment)
    named = {
        "session": np.repeat([int(session) for session in sessions], len(groups) - 1),
        "group": groups[1:] * len(sessions),
        "against": groups[0],
        "difference": found.estimate,
    }
    return pd.DataFrame(named | {name: getattr(found, name) for name in _COMPARED[1:]})


_COMPARED = ("difference", "se", "t", "df", "p", "p_adjusted")
