"""Do two sessions agree? Intraclass correlations of many responses at once, and correlation of changes.

Two-way analysis of n subjects in k sessions: MSR between subjects, MSC between sessions, MSE the rest.

    consistency, ICC(C,1) = ICC(3,1):  (MSR − MSE) / (MSR + (k−1) MSE)
    agreement,   ICC(A,1) = ICC(2,1):  (MSR − MSE) / (MSR + (k−1) MSE + k/n (MSC − MSE))

A shift of all subjects between sessions lowers agreement, not consistency. Test of 0: F = MSR/MSE with n−1 and
(n−1)(k−1) degrees of freedom. Intervals: exact for consistency; for agreement by Satterthwaite (McGraw and Wong 1996,
Psychol Methods 1:30, tables 4 and 7; Shrout and Fleiss 1979, Psychol Bull 86:420).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.correlation import Correlation, correlate
from cuecircuit.stats.distributions import log_sf_f


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reliability:
    """Intraclass correlations; NaN where a response is not finite or does not vary (`n_not_tested`)."""

    icc: Float[Array, "response"]
    ci_low: Float[Array, "response"]
    ci_high: Float[Array, "response"]
    f: Float[Array, "response"]
    p: Float[Array, "response"]
    df1: int
    df2: int
    n_not_tested: int


def intraclass_correlation(
    y: Float[Array, "subject session response"],
    *,
    kind: Literal["agreement", "consistency"] = "consistency",
    confidence: float = 0.95,
) -> Reliability:
    """Return the reliability of one session.

    Args:
        y: the same subjects in every session, any unit.
        kind: whether a shift between sessions counts as disagreement.
        confidence: coverage of the intervals.

    Raises:
        DesignError: fewer than 3 subjects or 2 sessions.
    """
    n, k, _ = y.shape
    if n < 3 or k < 2:
        raise DesignError(f"reliability: found {n} subjects in {k} sessions, expected 3 or more in 2 or more")
    tested = np.isfinite(y).all(axis=(0, 1))
    values = np.where(tested, y, 0.0).astype(np.float64)
    values -= values.mean(axis=(0, 1))
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    between = k * (rows**2).sum(axis=0) / (n - 1)
    sessions = n * (columns**2).sum(axis=0) / (k - 1)
    left = ((values - rows[:, None] - columns) ** 2).sum(axis=(0, 1)) / ((n - 1) * (k - 1))
    # rounding leaves about 1e-32 of the sum of squares
    tested &= left > 1e-26 * (values**2).sum(axis=(0, 1))
    between, sessions, left = (np.where(tested, part, np.nan) for part in (between, sessions, left))
    f, df2 = between / left, (n - 1) * (k - 1)
    shift = k / n * (sessions - left) if kind == "agreement" else 0.0
    icc = (between - left) / (between + (k - 1) * left + shift)
    low, high = _interval(between, sessions, left, icc, n, k, kind, confidence)
    return Reliability(
        icc=icc,
        ci_low=low,
        ci_high=high,
        f=f,
        p=np.exp(log_sf_f(f, n - 1, df2)),
        df1=n - 1,
        df2=df2,
        n_not_tested=int((~tested).sum()),
    )


def _interval(
    between: Float[Array, "response"],
    sessions: Float[Array, "response"],
    left: Float[Array, "response"],
    icc: Float[Array, "response"],
    n: int,
    k: int,
    kind: str,
    confidence: float,
) -> tuple[Float[Array, "response"], Float[Array, "response"]]:
    tail = (1 - confidence) / 2
    df1, df2 = n - 1, (n - 1) * (k - 1)
    if kind == "consistency":
        low, high = between / left / stats.f.isf(tail, df1, df2), between / left * stats.f.isf(tail, df2, df1)
        return (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    top = (a * sessions + b * left) ** 2
    v = top / ((a * sessions) ** 2 / (k - 1) + (b * left) ** 2 / df2)
    lower, upper = stats.f.isf(tail, df1, v), stats.f.isf(tail, v, df1)
    rest = k * sessions + (k * n - k - n) * left
    return (
        n * (between - lower * left) / (lower * rest + n * between),
        n * (upper * between - left) / (rest + n * upper * between),
    )


def change_correlation(
    x: Float[Array, "subject session=2"],
    y: Float[Array, "subject session=2 response"],
    *,
    groups: Int[Array, "subject"] | None = None,
    baseline: bool = False,
    ranks: bool = False,
) -> Correlation:
    """Correlate the change of a measure (craving) with the change of every response; session 2 less session 1.

    Args:
        x: the measure in both sessions.
        y: responses in both sessions.
        groups: a code per subject; group means of the changes are taken out.
        baseline: take out the measure of session 1 as well, on which changes depend (regression to the mean).
        ranks: correlate midranks.

    Raises:
        DesignError: the change does not vary, is not finite, or too few subjects are left.
    """
    covariates = x[:, :1] if baseline else None
    return correlate(x[:, 1] - x[:, 0], y[:, 1] - y[:, 0], groups=groups, covariates=covariates, ranks=ranks)
