"""One number of an animal's sessions of a phase: trend and breakpoint.

- Trend: least-squares slope per session; index (last − first)/(last + first), each the mean of up to `edge` sessions,
  from −1 to 1 and 0 for no change; remaining is the last session over the first.
- Progressive ratio: infusion n costs round(5 e^(n r) − 5) presses with r = 0.2 (Richardson and Roberts 1996, J Neurosci
  Methods 66:1); the breakpoint is the cost of the last infusion earned, not known where the presses do not cover it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float, Int

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
    measured = values[there]
    n = len(measured)
    if not n:
        return Course(sessions=0, total=None, mean=None, first=None, last=None, slope=None, index=None, remaining=None)
    k = max(min(edge, n // 2), 1)
    first, last = float(measured[:k].mean()), float(measured[-k:].mean())
    several = n > 1
    return Course(
        sessions=n,
        total=float(measured.sum()),
        mean=float(measured.mean()),
        first=first,
        last=last if several else None,
        slope=float(np.polyfit(there, measured, 1)[0]) if several else None,
        index=(last - first) / (last + first) if several and last + first > 0 else None,
        remaining=float(measured[-1] / measured[0]) if several and measured[0] > 0 else None,
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
