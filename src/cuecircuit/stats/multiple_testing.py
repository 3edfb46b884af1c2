"""Adjusted p values of one family of tests; a NaN is no test: it stays NaN and does not count.

Bonferroni: m·p. Šidák (1967): 1 − (1 − p)^m, exact for independent tests. Holm (1979): the k-th smallest p times
m − k + 1, made monotone; controls the family-wise error without further assumptions, and is never larger than
Bonferroni. Benjamini and Hochberg (1995): false discovery rate.
"""

from typing import Literal

import numpy as np
from scipy import stats

from cuecircuit.arrays import Array, Float, Int

Adjustment = Literal["none", "bonferroni", "sidak", "holm", "fdr"]


def adjust_p(p: Float[Array, "test"], method: Adjustment) -> Float[Array, "test"]:
    """Adjust the p values of one family by the named method."""
    adjusted = np.full(len(p), np.nan)
    tested = ~np.isnan(p)
    by_method = {
        "none": np.copy,
        "bonferroni": _bonferroni,
        "sidak": lambda p: sidak(p, len(p)),
        "holm": _holm,
        "fdr": stats.false_discovery_control,
    }
    adjusted[tested] = by_method[method](p[tested]) if tested.any() else p[tested]
    return adjusted


def sidak(p: Float[Array, "*shape"], m: int | Float[Array, "_"] | Int[Array, "_"]) -> Float[Array, "*shape"]:
    """Return 1 − (1 − p)^m, tiny p too."""
    with np.errstate(divide="ignore"):  # p = 1
        return -np.expm1(m * np.log1p(-p))


def sidak_share(alpha: float, m: Float[Array, "_"] | Int[Array, "_"]) -> Float[Array, "_"]:
    """Return the level of each of `m` tests that gives all of them `alpha`."""
    return -np.expm1(np.log1p(-alpha) / m)


def _bonferroni(p: Float[Array, "test"]) -> Float[Array, "test"]:
    return np.minimum(len(p) * p, 1.0)


def _holm(p: Float[Array, "test"]) -> Float[Array, "test"]:
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
