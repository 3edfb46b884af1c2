"""Escalation of intake: access × session, and each session against the first within each group.

Post hoc t = (mean of session k − mean of session 1) / SE. With the pooled error term SE² = MS_error · 2/n and df are
those of the subject × session stratum (as Prism does, sphericity assumed); with the error of the contrast it is the
paired t test of the group. The family of an adjustment is the comparisons of one group.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from cuecircuit.behavior.anova import TableAnova, mixed_anova
from cuecircuit.errors import DesignError
from cuecircuit.stats.distributions import log_p_t
from cuecircuit.stats.multiple_testing import Adjustment, adjust_p

ErrorTerm = Literal["pooled", "contrast"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EscalationTest:
    """`anova` as `mixed_anova` prints it; `posthoc` by group and session; `left_out` says who lacks which session.

    Columns of `posthoc`: group, session, mean, difference (from session 1), se, t, df, p, p_adjusted.
    """

    anova: pd.DataFrame
    posthoc: pd.DataFrame
    left_out: tuple[str, ...]


def escalation_test(
    table: pd.DataFrame,
    *,
    phase: str,
    sessions: int,
    dv: str = "infusions",
    between: str = "group",
    error: ErrorTerm = "pooled",
    adjustment: Adjustment = "bonferroni",
) -> EscalationTest:
    """Test whether intake changes over sessions, and differently so between groups.

    Args:
        table: sessions with phase and number, as `assign_phases` makes it.
        phase: the phase to test.
        sessions: how many sessions of the phase enter, from the first.
        dv: column of the measure.
        between: column of the group.
        error: error term of the post hoc comparisons.
        adjustment: of the post hoc p values, within each group.

    Raises:
        DesignError: no session of the phase, or a fault of `mixed_anova`.
    """
    cells = [(phase, k) for k in range(1, sessions + 1)]
    # conditions are in order of first appearance: sessions by number
    complete, left_out = complete_cells(table.sort_values("session"), ["phase", "session"], cells, dv=dv)
    anova = mixed_anova(complete, dv=dv, between=[between], within=["session"])
    posthoc = against_first(anova, error=error, adjustment=adjustment)
    return EscalationTest(anova=anova.table, posthoc=posthoc, left_out=left_out)


def complete_cells(
    table: pd.DataFrame, columns: Sequence[str], cells: Sequence[tuple[object, ...]], *, dv: str
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows of `cells` with a value, of subjects that have them all; and a line for each subject that has not.

    Raises:
        DesignError: nobody has them all.
    """
    wanted = set(cells)
    rows = [row for row in table.to_dict("records") if tuple(row[name] for name in columns) in wanted]
    have: dict[str, set[tuple[object, ...]]] = {}
    for row in rows:
        have.setdefault(str(row["subject"]), set())
        if not pd.isna(row[dv]):
            have[str(row["subject"])].add(tuple(row[name] for name in columns))
    left_out = {who: [cell for cell in cells if cell not in found] for who, found in have.items() if found != wanted}
    lines = tuple(
        f"subject {who} has no {dv} for {', '.join(' '.join(map(str, cell)) for cell in missing)}; left out"
        for who, missing in left_out.items()
    )
    kept = [row for row in rows if str(row["subject"]) not in left_out]
    if not kept:
        raise DesignError(lines or f"no session of {' '.join(map(str, cells[0]))} with a value of {dv}")
    return pd.DataFrame(kept), lines


def against_first(anova: TableAnova, *, error: ErrorTerm, adjustment: Adjustment) -> pd.DataFrame:
    """Compare each condition with the first, group by group; the design has one factor of either kind."""
    design = anova.result.model.design
    (factor,), (groups,) = design.within, design.between.values()
    term = anova.result.term(factor)
    mean_square = float(term.ss_error[0]) / term.df2
    labels = np.asarray(groups)
    parts = []
    for group in dict.fromkeys(groups):
        values = anova.cells[labels == group]
        n = len(values)
        change = values[:, 1:] - values[:, :1]
        own = change.std(axis=0, ddof=1) / np.sqrt(n)
        se = own if error == "contrast" else np.full(change.shape[1], np.sqrt(2 * mean_square / n))
        df = n - 1 if error == "contrast" else term.df2
        # a session in which everybody changed by the same amount has no error of its own
        t = np.divide(change.mean(axis=0), se, out=np.full(len(se), np.nan), where=se > 0)
        p = np.exp(log_p_t(t, df))
        parts.append(
            pd.DataFrame(
                {
                    "group": group,
                    "session": np.arange(2, values.shape[1] + 1),
                    "mean": values.mean(axis=0)[1:],
                    "difference": change.mean(axis=0),
                    "se": se,
                    "t": t,
                    "df": df,
                    "p": p,
                    "p_adjusted": adjust_p(p, adjustment),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
