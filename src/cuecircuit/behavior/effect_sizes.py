"""Effect sizes with confidence intervals, by inverting the noncentral distributions of F and t.

- Partial η² = F df1 / (F df1 + df2). Its interval: the noncentralities λ under which the F found lies at either end of
  the distribution, each as λ / (λ + df1 + df2 + 1) (Smithson 2001; Steiger 2004, Psychol Methods 9:164, who takes
  90 % because F has one tail: the interval then excludes 0 exactly when p < .05). Sphericity is assumed for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.effect_limits import eta2_limits
from cuecircuit.stats.noncentral_t import noncentrality_limits
from cuecircuit.stats.strata_design import Contrast


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


def generalized_eta2_limits(ges: float, df1: int, df2: int | float, *, confidence: float = 0.90) -> tuple[float, float]:
    """Return limits of generalized η²: those of the partial η² that has its value, with the df of its F.

    The noncentralities are those that R's effectsize takes; there is no exact interval (Olejnik and Algina 2003,
    Psychol Methods 8:434, define η² alone).
    """
    if not 0 <= ges < 1:  # NaN too
        return _NONE, _NONE
    size = partial_eta2(ges / (1 - ges) * df2 / df1, df1, df2, confidence=confidence)
    return size.ci_low, size.ci_high


def average_d(first: Float[Array, "a"], second: Float[Array, "b"], *, confidence: float = 0.95) -> EffectSize:
    """Cohen's d_av of the same subjects twice, second − first: in units of the root mean of both variances.

    Cumming (2012, Understanding the New Statistics, ch. 11); limits from the noncentral t by Algina and Keselman (2003,
    Educ Psychol Meas 63:537).

    Raises:
        DesignError: fewer than two subjects, or of unequal number.
    """
    n = len(first)
    if n < 2 or n != len(second):
        raise DesignError(f"d_av: found {n} and {len(second)} values, expected two or more, as many each")
    change, spread = second - first, first.var(ddof=1) + second.var(ddof=1)
    if not (spread > 0 and change.var() > 0):
        return EffectSize(value=_NONE, ci_low=_NONE, ci_high=_NONE, confidence=confidence)
    t = float(change.mean() / (change.std(ddof=1) / np.sqrt(n)))
    scale = float(np.sqrt(2 * change.var(ddof=1) / (n * spread)))
    low, high = noncentrality_limits(np.array([t]), n - 1, confidence=confidence)
    return EffectSize(
        value=scale * t, ci_low=scale * float(low[0]), ci_high=scale * float(high[0]), confidence=confidence
    )


def comparison_d(y: Float[Array, "subject condition"], groups: Sequence[str], contrast: Contrast) -> EffectSize:
    """Return d_av of a comparison of conditions within one group; NaN of any other, whose units are not those of pairs.

    Args:
        y: the measure; a subject who lacks a cell is left out.
        groups: of each subject.
        contrast: what is compared; weights of groups in the order in which they come.
    """
    names = [name for name, weight in zip(dict.fromkeys(groups), contrast.group, strict=True) if weight]
    if len(names) != 1 or abs(contrast.condition.sum()) > 1e-9 or not contrast.condition.any():
        return EffectSize(value=_NONE, ci_low=_NONE, ci_high=_NONE, confidence=0.95)
    first = y[(np.array(groups) == names[0]) & np.isfinite(y).all(axis=1)]
    return average_d(first @ np.maximum(-contrast.condition, 0), first @ np.maximum(contrast.condition, 0))
