"""One number per animal from its sessions of a phase: escalation, extinction, reinstatement, breakpoint, withdrawal.

- Escalation: least-squares slope per session; index (last − first)/(last + first), each the mean of up to
  `edge` sessions, from −1 to 1 and 0 for no change.
- Extinction: presses of the last session over those of the first; slope per session.
- Reinstatement: presses of the test less those of the last extinction session.
- Progressive ratio: infusion n costs round(5 e^(n r) − 5) presses with r = 0.2 (Richardson and Roberts 1996, J Neurosci
  Methods 66:1); the breakpoint is the cost of the last infusion earned, not known where the presses do not cover it.
- Conditioned withdrawal: intake of the naloxone pairings less that of the saline pairings, and the log of their ratio.
  Naloxone also blocks the drug, which alone raises intake: the index does not tell the two apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError

_MOST_RATIOS = 60  # infusion 61 costs a million presses with r = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Trend of a measure over sessions; None where sessions are too few or everything is zero."""

    sessions: int
    total: float | None
    mean: float | None
    first: float | None
    last: float | None
    slope: float | None
    index: float | None
    remaining: float | None


def course(values: Float[Array, "session"], *, edge: int = 3) -> Course:
    """Summarize one animal's sessions.

    Args:
        values: the measure in order of sessions; NaN where a session is missing.
        edge: sessions averaged at either end, at most half of those there are.
    """
    there = np.flatnonzero(np.isfinite(values))
    known = values[there]
    n = len(known)
    if not n:
        return Course(sessions=0, total=None, mean=None, first=None, last=None, slope=None, index=None, remaining=None)
    k = max(min(edge, n // 2), 1)
    first, last = float(known[:k].mean()), float(known[-k:].mean())
    several = n > 1
    return Course(
        sessions=n,
        total=float(known.sum()),
        mean=float(known.mean()),
        first=first,
        last=last if several else None,
        slope=float(np.polyfit(there, known, 1)[0]) if several else None,
        index=(last - first) / (last + first) if several and last + first > 0 else None,
        remaining=float(known[-1] / known[0]) if several and known[0] > 0 else None,
    )


def ratio_costs(infusions: int, *, step: float = 0.2) -> Int[Array, "infusion"]:
    """Presses that each infusion of a progressive-ratio session costs: 1, 2, 4, 6, 9, 12, 15, 20, 25, 32, ..."""
    return np.round(5 * np.exp(step * np.arange(1, infusions + 1)) - 5).astype(np.int64)


def breakpoint_of(
    infusions: float, *, step: float = 0.2, ratios: Sequence[int] | None = None, presses: float = np.nan
) -> float:
    """Return the cost of the last infusion earned: 0 where none was; NaN where it is not known or was out of reach.

    Args:
        infusions: earned in the session; NaN where the count is missing.
        step: r of the published sequence.
        ratios: presses that each infusion costs, in place of the published sequence.
        presses: active presses of the session; fewer than the infusions cost show that they were not earned on these
            ratios (an animal cannot have earned 126 infusions on the published sequence).
    """
    if not np.isfinite(infusions):
        return float("nan")
    n = int(infusions)
    if ratios is not None and n > len(ratios):
        return float("nan")
    costs = ratio_costs(min(n, _MOST_RATIOS), step=step) if ratios is None else np.asarray(ratios, np.float64)[:n]
    if n > _MOST_RATIOS or costs.sum() > (np.inf if np.isnan(presses) else presses):
        return float("nan")
    return float(costs[-1]) if n else 0.0


def courses(table: pd.DataFrame, *, phase: str, sessions: int, dv: str, edge: int = 3) -> pd.DataFrame:
    """One row per animal and treatment of a phase: subject, group, treatment and the fields of `Course`.

    Raises:
        DesignError: nobody has a session of the phase.
    """
    chosen = _of_phase(table, phase, sessions)
    rows = []
    for (subject, group, treatment), own in chosen.groupby(["subject", "group", "treatment"], sort=False, dropna=False):
        values = np.full(sessions, np.nan)
        values[own["session"].to_numpy(int) - 1] = own[dv].to_numpy(float, na_value=np.nan)
        found = course(values, edge=edge)
        row = {"subject": subject, "group": group, "treatment": treatment}
        rows.append(row | {name: getattr(found, name) for name in Course.__dataclass_fields__})
    return pd.DataFrame(rows).astype(dict.fromkeys(["total", "mean", "first", "last", "slope", "index"], float))


def _column(table: pd.DataFrame, name: str) -> Float[Array, "session"]:
    """A measure, NaN where it is missing or the table does not have it."""
    return table[name].to_numpy(float, na_value=np.nan) if name in table else np.full(len(table), np.nan)


def _of_phase(table: pd.DataFrame, phase: str, sessions: int | None) -> pd.DataFrame:
    chosen = table[table["phase"] == phase]
    chosen = chosen if sessions is None else chosen[chosen["session"] <= sessions]
    if chosen.empty:
        raise DesignError(f"phase '{phase}': nobody has a session; add the logs or correct the phase")
    return chosen
