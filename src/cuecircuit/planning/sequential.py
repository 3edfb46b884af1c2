"""Designs that stop as soon as the evidence is strong enough: a Bayes factor looked at after each number of subjects.

The sizes of a plan are the looks, since a smaller design is the first subjects of a larger one. A study stops at the
first look where BF10 is at least the bound, or at most one over it; after the last look it is undecided (Schönbrodt
and Wagenmakers 2018, Psychon Bull Rev 25:128). Bayes factors are those of `models.evidence`.
"""

import numpy as np
import pandas as pd

from cuecircuit.io.tables import column_notes
from cuecircuit.planning.power import TEST, Plan
from cuecircuit.stats.simulated_power import shares

SEQUENTIAL_NOTES = column_notes("sequential")


def sequential_table(plan: Plan, power: pd.DataFrame) -> pd.DataFrame:
    """Return how often and when studies stop, for every test that has a Bayes factor.

    Args:
        plan: drawn with a bound to stop at.
        power: its power table, which says what is planted.
    """
    assert plan.settings.stop is not None
    bound, looks, parts = plan.settings.stop, np.array(plan.totals), []
    planted = power.drop_duplicates(["hypothesis", "multiple", *TEST])[["hypothesis", "multiple", *TEST, "planted"]]
    for (hypothesis, multiple), rows in plan.outcomes.items():
        for names, test in rows.groupby(TEST, sort=False, dropna=False):
            if test["log_bf10"].isna().all():
                continue
            logs = test.pivot_table(index="draw", columns="size", values="log_bf10")
            logs = logs.reindex(index=range(plan.settings.draws), columns=range(len(looks))).to_numpy()
            parts.append(
                {"hypothesis": hypothesis, "multiple": multiple, **dict(zip(TEST, names, strict=True))}
                | {"bound": bound, "looks": ", ".join(map(str, looks)), "draws": len(logs)}
                | _stopped(logs, float(np.log(bound)), looks)
            )
    columns = [name for name in SEQUENTIAL_NOTES if name != "planted"]
    return pd.DataFrame(parts, columns=columns).merge(planted, how="left")


def _stopped(logs: np.ndarray, bound: float, looks: np.ndarray) -> dict[str, float]:
    """Return shares and sizes; `logs` are log Bayes factors, draw × look, NaN where there is none."""
    ends = np.abs(logs) >= bound
    first = np.where(ends.any(axis=1), ends.argmax(axis=1), len(looks) - 1)
    last = np.where(ends.any(axis=1), logs[np.arange(len(logs)), first], 0.0)
    effect, subjects = shares(np.array([int((last > 0).sum())]), len(logs)), looks[first]
    return {
        "for_effect": float(effect.share[0]),
        "for_effect_low": float(effect.ci_low[0]),
        "for_effect_high": float(effect.ci_high[0]),
        "against": float((last < 0).mean()),
        "undecided": float((last == 0).mean()),
        "subjects_mean": float(subjects.mean()),
        "subjects_median": float(np.median(subjects)),
        "subjects_p90": float(np.quantile(subjects, 0.9)),
    }
