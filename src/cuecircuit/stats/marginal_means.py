"""Estimated marginal means of a mixed model and their comparisons, for one response or a whole map.

A marginal mean is the model's prediction for a level (or a combination), averaged over the other factors with equal
weights, covariates at their mean over the rows unless told otherwise (Searle, Speed and Milliken 1980). Comparisons
are of all pairs, or of each level with a reference, inside each combination of the factors in `by`; p is adjusted
within those families. Tukey (studentized range, Kramer's way) and Dunnett use each comparison's own df, as emmeans
does. Intervals are simultaneous: Bonferroni's for "bonferroni" and "holm", own quantiles for the other two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from scipy import optimize, stats

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.contrasts import fixed_levels, grid_row
from cuecircuit.stats.distributions import log_p_t
from cuecircuit.stats.dunnett import dunnett_p
from cuecircuit.stats.mixed_fit import MixedFit, hypothesis_tests
from cuecircuit.stats.mixed_inference import DegreesOfFreedomRule, Hypothesis, MixedTest
from cuecircuit.stats.posthoc import FamilyAdjustment


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarginalMeans:
    """Means in units of the response with intervals of the coverage asked for; NaN where there is no fit."""

    factors: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    mean: Float[Array, "level response"]
    se: Float[Array, "level response"]
    df: Float[Array, "level response"]
    ci_low: Float[Array, "level response"]
    ci_high: Float[Array, "level response"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeanComparisons:
    """Differences of marginal means; p two-sided, `p_adjusted` within each family; intervals where asked for."""

    names: tuple[str, ...]
    families: tuple[str, ...]
    estimate: Float[Array, "comparison response"]
    se: Float[Array, "comparison response"]
    df: Float[Array, "comparison response"]
    t: Float[Array, "comparison response"]
    log_p: Float[Array, "comparison response"]
    p_adjusted: Float[Array, "comparison response"]
    ci_low: Float[Array, "comparison response"] | None
    ci_high: Float[Array, "comparison response"] | None

    @property
    def p(self) -> Float[Array, "comparison response"]:
        """Not adjusted."""
        return np.exp(self.log_p)


def marginal_means(
    fit: MixedFit,
    factors: Sequence[str],
    *,
    at: Mapping[str, float] | None = None,
    df: DegreesOfFreedomRule | None = None,
    confidence: float = 0.95,
) -> MarginalMeans:
    """Means of every combination of the factors' levels, the last factor changing fastest.

    Args:
        fit: of any number of responses.
        factors: of the fixed part.
        at: value of covariates, in the table's units; their mean over the rows otherwise.
        df: another rule than the fit's.
        confidence: coverage of each interval.

    Raises:
        DesignError: factors or covariates that the model does not have.
    """
    cells, rows = _cells(fit, factors, at)
    mean, se, own_df = _columns(
        fit, [Hypothesis(name=":".join(c), rows=r[None]) for c, r in zip(cells, rows, strict=True)], df
    )
    half = stats.t.isf((1 - confidence) / 2, own_df) * se
    return MarginalMeans(
        factors=tuple(factors), levels=cells, mean=mean, se=se, df=own_df, ci_low=mean - half, ci_high=mean + half
    )


def compare_means(
    fit: MixedFit,
    factors: Sequence[str],
    *,
    by: Sequence[str] = (),
    reference: str | None = None,
    adjustment: FamilyAdjustment = "holm",
    at: Mapping[str, float] | None = None,
    df: DegreesOfFreedomRule | None = None,
    confidence: float | None = None,
) -> MeanComparisons:
    """Compare the levels of `factors` inside each combination of those in `by`.

    Args:
        fit: of any number of responses. Tukey and Dunnett cost about 1 ms per comparison and response.
        factors: whose levels (combinations joined by ":") are compared.
        by: factors that make the families.
        reference: level that all are compared with; all pairs where it is None.
        adjustment: within each family.
        at: value of covariates, in the table's units; their mean over the rows otherwise.
        df: another rule than the fit's.
        confidence: simultaneous coverage of a family's intervals; none are made where it is None.

    Raises:
        DesignError: factors that the model does not have, a reference that is no level, Tukey without all pairs,
            Dunnett without a reference or with correlations that do not come from one.
    """
    if (adjustment == "tukey" and reference is not None) or (adjustment == "dunnett" and reference is None):
        raise DesignError(f"comparisons: {adjustment} is for {'all pairs' if reference else 'one reference level'}")
    cells, rows = _cells(fit, [*by, *factors], at)
    families: dict[str, list[tuple[str, Array]]] = {}
    for cell, row in zip(cells, rows, strict=True):
        families.setdefault(":".join(cell[: len(by)]), []).append((":".join(cell[len(by) :]), row))
    found = {family: _pairs(members, reference) for family, members in families.items()}
    hypotheses = [
        Hypothesis(name=f"{family}: {name}" if by else name, rows=row[None])
        for family, pairs in found.items()
        for name, row in pairs
    ]
    estimate, se, own_df = _columns(fit, hypotheses, df)
    t = estimate / se
    log_p = log_p_t(t, own_df)
    adjusted, critical = np.empty_like(t), np.empty_like(t)
    start = 0
    for pairs in found.values():
        here = slice(start, start + len(pairs))
        start = here.stop
        rest = {"df": own_df[here], "confidence": confidence}
        if adjustment in ("tukey", "dunnett"):
            shared = _correlations(fit, hypotheses[here], se[here], df) if adjustment == "dunnett" else None
            adjusted[here], critical[here] = _by_quadrature(t[here], np.exp(log_p[here]), shared, **rest)
        else:
            adjusted[here], critical[here] = _by_number(np.exp(log_p[here]), adjustment, **rest)
    return MeanComparisons(
        names=tuple(each.name for each in hypotheses),
        families=tuple(family or "all" for family, pairs in found.items() for _ in pairs),
        estimate=estimate,
        se=se,
        df=own_df,
        t=t,
        log_p=log_p,
        p_adjusted=adjusted,
        ci_low=None if confidence is None else estimate - critical * se,
        ci_high=None if confidence is None else estimate + critical * se,
    )


def _cells(
    fit: MixedFit, factors: Sequence[str], at: Mapping[str, float] | None
) -> tuple[tuple[tuple[str, ...], ...], list[Float[Array, "column"]]]:
    design = fit.model.design
    levels = fixed_levels(design)
    faults = [
        f"factor '{name}': not in the fixed part, which has {', '.join(levels)}"
        for name in factors
        if name not in levels
    ]
    faults += [f"factor '{name}': named twice" for name in dict.fromkeys(factors) if list(factors).count(name) > 1]
    faults += [f"covariate '{name}': not in the model" for name in at or {} if name not in design.covariates]
    if faults:
        raise DesignError(faults)
    cells = tuple(product(*(levels[name] for name in factors)))
    rows = []
    for cell in cells:
        weights = {
            name: np.eye(len(levels[name]))[levels[name].index(level)]
            for name, level in zip(factors, cell, strict=True)
        }
        rows.append(grid_row(design, weights, at=at))
    return cells, rows


def _pairs(
    members: Sequence[tuple[str, Float[Array, "column"]]], reference: str | None
) -> list[tuple[str, Float[Array, "column"]]]:
    names = [name for name, _ in members]
    if reference is None:
        return [(f"{one} - {other}", row - less) for (one, row), (other, less) in combinations(members, 2)]
    if reference not in names:
        raise DesignError(f"reference '{reference}': found {', '.join(names)}; name one of them")
    base = dict(members)[reference]
    return [(f"{name} - {reference}", row - base) for name, row in members if name != reference]


def _columns(
    fit: MixedFit, hypotheses: Sequence[Hypothesis], df: DegreesOfFreedomRule | None
) -> tuple[Float[Array, "test response"], Float[Array, "test response"], Float[Array, "test response"]]:
    tests: Sequence[MixedTest] = hypothesis_tests(fit, hypotheses, df=df)
    estimates = [test.estimate for test in tests if test.estimate is not None]
    errors = [test.se for test in tests if test.se is not None]
    return np.stack(estimates), np.stack(errors), np.stack([test.df2 for test in tests])


def _correlations(
    fit: MixedFit,
    hypotheses: Sequence[Hypothesis],
    se: Float[Array, "test response"],
    df: DegreesOfFreedomRule | None,
) -> Float[Array, "test test response"]:
    """From the variances of sums: var(a + b) = var a + var b + 2 cov."""
    m = len(hypotheses)
    found = np.ones((m, m, se.shape[1]))
    pairs = list(combinations(range(m), 2))
    sums = [Hypothesis(name="sum", rows=hypotheses[i].rows + hypotheses[j].rows) for i, j in pairs]
    if sums:
        _, both, _ = _columns(fit, sums, df)
        for (i, j), own in zip(pairs, both, strict=True):
            found[i, j] = found[j, i] = (own**2 - se[i] ** 2 - se[j] ** 2) / (2 * se[i] * se[j])
    return found


def _by_number(
    p: Float[Array, "test response"],
    adjustment: FamilyAdjustment,
    *,
    df: Float[Array, "test response"],
    confidence: float | None,
) -> tuple[Float[Array, "test response"], Float[Array, "test response"]]:
    m = 1 if adjustment == "none" else len(p)
    adjusted = np.minimum(m * p, 1.0)
    if adjustment == "holm":
        order = np.argsort(p, axis=0)
        steps = np.take_along_axis(p, order, axis=0) * np.arange(m, 0, -1)[:, None]
        np.put_along_axis(adjusted, order, np.minimum(np.maximum.accumulate(steps, axis=0), 1.0), axis=0)
    critical = np.full_like(p, np.nan)
    if confidence is not None:
        critical[:] = stats.t.isf((1 - confidence) / 2 / m, df)
    return adjusted, critical


def _by_quadrature(
    t: Float[Array, "test response"],
    p: Float[Array, "test response"],
    correlations: Float[Array, "test test response"] | None,
    *,
    df: Float[Array, "test response"],
    confidence: float | None,
) -> tuple[Float[Array, "test response"], Float[Array, "test response"]]:
    """Tail of the largest |t|: Dunnett's with correlations, else Tukey's."""
    m, critical = len(t), np.full_like(t, np.nan)
    n_means = (1 + np.sqrt(1 + 8 * m)) / 2
    adjusted = np.full_like(t, np.nan)
    for i, v in np.argwhere(np.isfinite(t)):

        def tail(value: float, i: int = i, v: int = v) -> float:
            if correlations is None:
                return float(stats.studentized_range.sf(np.sqrt(2) * value, n_means, df[i, v]))
            return dunnett_p(value, correlations[:, :, v], df[i, v])

        # between p and m p by Boole's inequality: matters where the integral is down at rounding
        adjusted[i, v] = np.clip(tail(float(abs(t[i, v]))), p[i, v], min(m * p[i, v], 1.0))
        if confidence is not None:
            critical[i, v] = optimize.brentq(lambda value, tail=tail: tail(value) - (1 - confidence), 0.0, 1e3)
    return adjusted, critical
