"""Means and comparisons as they are reported, and the adjustment of p within a family of comparisons.

Bonferroni, Šidák (1967) and Holm (1979) by the number of comparisons; Tukey and Kramer by the studentized range;
Dunnett (1955) by the multivariate t of comparisons that share a reference. The last two use each comparison's own df,
as emmeans does. Intervals are simultaneous: Bonferroni's for "bonferroni" and "holm" (Holm has none of its own), own
quantiles for the others. A NaN is no comparison: it stays NaN and does not count.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from scipy import optimize, stats

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.distributions import log_p_t
from cuecircuit.stats.dunnett import dunnett_p
from cuecircuit.stats.multiple_testing import sidak, sidak_share

FamilyAdjustment = Literal["none", "bonferroni", "sidak", "holm", "dunnett", "tukey"]
# probability that the largest |t| of a family with this correlation and df exceeds a value
LargestT = Callable[[float, Float[Array, "test test"], float], float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarginalMeans:
    """Means in units of the response with intervals of the coverage asked for; NaN where there is no fit."""

    factors: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    mean: Float[Array, "level *response"]
    se: Float[Array, "level *response"]
    df: Float[Array, "level *response"]
    ci_low: Float[Array, "level *response"]
    ci_high: Float[Array, "level *response"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparisons:
    """Estimates in units of the response, with the tests; p two-sided, `p_adjusted` within each family.

    Intervals are there where a coverage was asked for.
    """

    names: tuple[str, ...]
    families: tuple[str, ...]
    estimate: Float[Array, "comparison *response"]
    se: Float[Array, "comparison *response"]
    df: Float[Array, "comparison *response"]
    t: Float[Array, "comparison *response"]
    log_p: Float[Array, "comparison *response"]
    p_adjusted: Float[Array, "comparison *response"]
    ci_low: Float[Array, "comparison *response"] | None
    ci_high: Float[Array, "comparison *response"] | None

    @property
    def p(self) -> Float[Array, "comparison *response"]:
        """Not adjusted."""
        return np.exp(self.log_p)


def interval_means(
    factors: Sequence[str],
    levels: tuple[tuple[str, ...], ...],
    mean: Float[Array, "level *response"],
    se: Float[Array, "level *response"],
    df: Float[Array, "level *response"],
    confidence: float,
) -> MarginalMeans:
    """Put intervals of the coverage `confidence` around means, each on its own."""
    half = stats.t.isf((1 - confidence) / 2, df) * se
    return MarginalMeans(
        factors=tuple(factors), levels=levels, mean=mean, se=se, df=df, ci_low=mean - half, ci_high=mean + half
    )


def family_comparisons(
    names: Sequence[str],
    families: Sequence[str],
    estimate: Float[Array, "comparison"],
    covariance: Float[Array, "comparison comparison"],
    df: Float[Array, "comparison"],
    *,
    adjustment: FamilyAdjustment,
    confidence: float | None,
    largest: LargestT = dunnett_p,
) -> Comparisons:
    """Test estimates of one response by t, p adjusted within their families.

    Args:
        names: of the comparisons.
        families: to which each belongs.
        estimate: in units of the response.
        covariance: of the estimates; one without an error has no test.
        df: degrees of freedom of each.
        adjustment: within each family.
        confidence: simultaneous coverage of a family's intervals; none are made where it is None.
        largest: tail of the largest |t|; for Dunnett.

    Raises:
        DesignError: as `adjust_family`.
    """
    se = np.sqrt(np.diag(covariance))
    length = np.where(se > 0, se, 1.0)
    correlation = np.where(np.eye(len(se)) > 0, 1.0, covariance / np.outer(length, length))
    return compare_families(
        names,
        families,
        estimate,
        se,
        df,
        correlations=lambda here: correlation[np.ix_(here, here)][:, :, None],
        adjustment=adjustment,
        confidence=confidence,
        largest=largest,
    )


def compare_families(
    names: Sequence[str],
    families: Sequence[str],
    estimate: Float[Array, "comparison *response"],
    se: Float[Array, "comparison *response"],
    df: Float[Array, "comparison *response"],
    *,
    correlations: Callable[[Int[Array, "test"]], Float[Array, "test test response"]],
    adjustment: FamilyAdjustment,
    confidence: float | None,
    largest: LargestT = dunnett_p,
) -> Comparisons:
    """Test estimates of any number of responses by t, p adjusted within their families.

    Args:
        names: of the comparisons.
        families: to which each belongs.
        estimate: in units of the response.
        se: standard errors; where one is 0 or NaN there is no test.
        df: degrees of freedom of each.
        correlations: of the estimates at some places; asked only for Dunnett.
        adjustment: within each family.
        confidence: simultaneous coverage of a family's intervals; none are made where it is None.
        largest: tail of the largest |t|; for Dunnett.

    Raises:
        DesignError: as `adjust_family`.
    """
    t = np.divide(estimate, se, out=np.full_like(se, np.nan), where=se > 0)
    log_p = log_p_t(t, df)
    adjusted, critical = np.empty_like(t), np.empty_like(t)
    for family in dict.fromkeys(families):
        here = np.flatnonzero(np.array(families) == family)
        own_t, own_p, own_df = (each[here].reshape(len(here), -1) for each in (t, np.exp(log_p), df))
        shared = correlations(here) if adjustment == "dunnett" else None
        in_families = adjust_family(
            own_t, own_p, own_df, adjustment, correlations=shared, confidence=confidence, largest=largest
        )
        adjusted[here], critical[here] = (values.reshape(t[here].shape) for values in in_families)
    return Comparisons(
        names=tuple(names),
        families=tuple(families),
        estimate=estimate,
        se=se,
        df=df,
        t=t,
        log_p=log_p,
        p_adjusted=adjusted,
        ci_low=None if confidence is None else estimate - critical * se,
        ci_high=None if confidence is None else estimate + critical * se,
    )


def check_adjustment(adjustment: FamilyAdjustment, reference: str | None) -> None:
    """Refuse an adjustment that is made for other comparisons.

    Raises:
        DesignError: Tukey without all pairs, Dunnett without a reference.
    """
    if (adjustment == "tukey" and reference is not None) or (adjustment == "dunnett" and reference is None):
        raise DesignError(f"comparisons: {adjustment} is for {'all pairs' if reference else 'one reference level'}")


def level_pairs(names: Sequence[str], reference: str | None) -> list[tuple[str, int, int]]:
    """Name every pair of levels, or each with the reference, and give the positions of the two.

    Raises:
        DesignError: no level is called `reference`.
    """
    if reference is None:
        return [(f"{names[i]} - {names[j]}", i, j) for i, j in combinations(range(len(names)), 2)]
    if reference not in names:
        raise DesignError(f"reference '{reference}': found {', '.join(names)}; name one of them")
    r = list(names).index(reference)
    return [(f"{name} - {reference}", i, r) for i, name in enumerate(names) if i != r]


def family_pairs(cells: Sequence[tuple[str, ...]], by: int, reference: str | None) -> list[tuple[str, str, int, int]]:
    """Compare cells that share their first `by` levels, which make a family: name, family, positions of the two.

    A family that has no cell of the reference makes no comparison.

    Raises:
        DesignError: as `level_pairs`.
    """
    having = {":".join(cell[:by]) for cell in cells if reference in (None, ":".join(cell[by:]))}
    members: dict[str, list[int]] = {}
    for place, cell in enumerate(cells):
        if not having or ":".join(cell[:by]) in having:
            members.setdefault(":".join(cell[:by]), []).append(place)
    return [
        (f"{family}: {name}" if by else name, family or "all", places[i], places[j])
        for family, places in members.items()
        for name, i, j in level_pairs([":".join(cells[place][by:]) for place in places], reference)
    ]


def adjust_family(
    t: Float[Array, "test response"],
    p: Float[Array, "test response"],
    df: Float[Array, "test response"],
    method: FamilyAdjustment,
    *,
    correlations: Float[Array, "test test response"] | None = None,
    confidence: float | None = None,
    largest: LargestT = dunnett_p,
) -> tuple[Float[Array, "test response"], Float[Array, "test response"]]:
    """Adjusted p of one family, and the critical |t| of its simultaneous intervals (NaN without `confidence`).

    Args:
        t: statistics.
        p: two-sided, not adjusted.
        df: degrees of freedom.
        method: the rule.
        correlations: of the estimates; for Dunnett.
        confidence: simultaneous coverage.
        largest: tail of the largest |t|; for Dunnett.

    Raises:
        DesignError: Tukey for another number of comparisons than all pairs, Dunnett for comparisons that do not share
            a reference.
    """
    if method not in ("tukey", "dunnett"):
        return _by_number(p, method, df, confidence)
    n_means = (1 + np.sqrt(1 + 8 * len(t))) / 2
    if method == "tukey" and n_means != round(n_means):
        raise DesignError(f"comparisons: Tukey needs all pairs of a family, found {len(t)} comparisons")

    def tail(value: float, own_df: float, response: int) -> float:
        if method == "tukey":
            return float(stats.studentized_range.sf(np.sqrt(2) * value, n_means, own_df))
        assert correlations is not None
        return largest(value, correlations[:, :, response], own_df)

    return _by_quadrature(t, p, df, tail, confidence)


def _by_number(
    p: Float[Array, "test response"],
    method: FamilyAdjustment,
    df: Float[Array, "test response"],
    confidence: float | None,
) -> tuple[Float[Array, "test response"], Float[Array, "test response"]]:
    m = np.maximum((~np.isnan(p)).sum(axis=0), 1) if method != "none" else np.ones(p.shape[1])
    adjusted = np.minimum(m * p, 1.0)
    if method == "holm":
        order = np.argsort(p, axis=0)  # NaN last
        steps = np.take_along_axis(p, order, axis=0) * (m - np.arange(len(p))[:, None])
        np.put_along_axis(adjusted, order, np.minimum(np.maximum.accumulate(steps, axis=0), 1.0), axis=0)
    elif method == "sidak":
        adjusted = sidak(p, m)
    critical = np.full_like(p, np.nan)
    if confidence is not None:
        alpha = sidak_share(1 - confidence, m) if method == "sidak" else (1 - confidence) / m
        critical[:] = stats.t.isf(alpha / 2, df)
    return adjusted, critical


def _by_quadrature(
    t: Float[Array, "test response"],
    p: Float[Array, "test response"],
    df: Float[Array, "test response"],
    tail: Callable[[float, float, int], float],
    confidence: float | None,
) -> tuple[Float[Array, "test response"], Float[Array, "test response"]]:
    m = len(t)
    adjusted, critical = np.full_like(t, np.nan), np.full_like(t, np.nan)
    quantiles: dict[tuple[float, int], float] = {}
    for i, v in np.argwhere(np.isfinite(t)).tolist():
        own_df = float(df[i, v])
        # between p and m p by Boole's inequality: matters where the integral is down at rounding
        adjusted[i, v] = np.clip(tail(float(abs(t[i, v])), own_df, v), p[i, v], min(m * p[i, v], 1.0))
        if confidence is None:
            continue
        if (own_df, v) not in quantiles:
            alpha = 1 - confidence
            quantiles[own_df, v] = optimize.brentq(
                lambda value, own_df=own_df, v=v, alpha=alpha: tail(value, own_df, v) - alpha, 0.0, 1e3
            )
        critical[i, v] = quantiles[own_df, v]
    return adjusted, critical
