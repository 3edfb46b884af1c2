"""Effect sizes with confidence intervals, by inverting the noncentral distributions of F and t.

- Partial η² = F df1 / (F df1 + df2). Its interval: the noncentralities λ under which the F found lies at either end of
  the distribution, each as λ / (λ + df1 + df2 + 1) (Smithson 2001; Steiger 2004, Psychol Methods 9:164, who takes
  90 % because F has one tail: the interval then excludes 0 exactly when p < .05). Sphericity is assumed for it.
- Hedges' g (1981): the standardized difference times J = Γ(m/2) / (√(m/2) Γ((m−1)/2)), m its degrees of freedom.
  Two groups: pooled SD. One group measured twice: SD of the differences (d_z). Intervals from the noncentral t
  (Cumming and Finch 2001), times J.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.effect_limits import eta2_limits
from cuecircuit.stats.noncentral_t import noncentrality_limits, small_sample_factor


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectSize:
    """An effect size and its interval of the given coverage; all NaN where the test has no value."""

    value: float
    ci_low: float
    ci_high: float
    confidence: float


_NONE = float("nan")


def partial_eta2(f: float, df1: int, df2: int | float, *, confidence: float = 0.90) -> EffectSize:
    """Partial η² of an F test."""
    if not np.isfinite(f):
        return EffectSize(value=_NONE, ci_low=_NONE, ci_high=_NONE, confidence=confidence)
    low, high = eta2_limits(np.array([float(f)]), df1, df2, confidence=confidence)
    value = f * df1 / (f * df1 + df2)
    return EffectSize(value=value, ci_low=float(low[0]), ci_high=float(high[0]), confidence=confidence)


def hedges_g(
    first: Float[Array, "a"], second: Float[Array, "b"], *, paired: bool = False, confidence: float = 0.95
) -> EffectSize:
    """Standardized difference second − first.

    Args:
        first: values of one group or time, no NaN.
        second: values of the other; of the same animals in the same order, if paired.
        paired: standardize by the SD of the differences.
        confidence: coverage of the interval.

    Raises:
        DesignError: fewer than two values, or paired values of unequal number.
    """
    n, m = len(first), len(second)
    if min(n, m) < 2 or (paired and n != m):
        raise DesignError(f"hedges_g: found {n} and {m} values, expected two or more{', as many each' * paired}")
    if paired:
        change = second - first
        df, unit, difference, sd = n - 1, np.sqrt(1 / n), change.mean(), change.std(ddof=1)
    else:
        df, unit, difference = n + m - 2, np.sqrt(1 / n + 1 / m), second.mean() - first.mean()
        sd = np.sqrt(((n - 1) * first.var(ddof=1) + (m - 1) * second.var(ddof=1)) / df)
    if not sd > 0:
        return EffectSize(value=_NONE, ci_low=_NONE, ci_high=_NONE, confidence=confidence)
    t = float(difference / sd / unit)
    scale = unit * float(small_sample_factor(df))
    low, high = noncentrality_limits(np.array([t]), df, confidence=confidence)
    return EffectSize(
        value=scale * t, ci_low=scale * float(low[0]), ci_high=scale * float(high[0]), confidence=confidence
    )
