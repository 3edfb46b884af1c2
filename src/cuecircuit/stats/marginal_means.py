"""Estimated marginal means of a mixed model and their comparisons, for one response or a whole map.

A marginal mean is the model's prediction for a level (or a combination), averaged over the other factors with equal
weights, covariates at their mean over the rows unless told otherwise (Searle, Speed and Milliken 1980). Comparisons
are of all pairs, or of each level with a reference, inside each combination of the factors in `by`; p is adjusted
within those families (`comparisons`).
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.comparisons import (
    Comparisons,
    FamilyAdjustment,
    MarginalMeans,
    check_adjustment,
    compare_families,
    family_pairs,
    interval_means,
)
from cuecircuit.stats.contrasts import factor_faults, fixed_levels, grid_row, level_cells
from cuecircuit.stats.mixed_fit import MixedFit, hypothesis_tests
from cuecircuit.stats.mixed_inference import DegreesOfFreedomRule, Hypothesis, MixedTest


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
    return interval_means(factors, cells, mean, se, own_df, confidence)


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
) -> Comparisons:
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
    check_adjustment(adjustment, reference)
    cells, rows = _cells(fit, [*by, *factors], at)
    pairs = family_pairs(cells, len(by), reference)
    hypotheses = [Hypothesis(name=name, rows=(rows[i] - rows[j])[None]) for name, _, i, j in pairs]
    estimate, se, own_df = _columns(fit, hypotheses, df)
    return compare_families(
        [name for name, _, _, _ in pairs],
        [family for _, family, _, _ in pairs],
        estimate,
        se,
        own_df,
        correlations=lambda here: _correlations(fit, [hypotheses[i] for i in here], se[here], df),
        adjustment=adjustment,
        confidence=confidence,
    )


def _cells(
    fit: MixedFit, factors: Sequence[str], at: Mapping[str, float] | None
) -> tuple[tuple[tuple[str, ...], ...], list[Float[Array, "column"]]]:
    design = fit.model.design
    levels = fixed_levels(design)
    faults = factor_faults(factors, levels, "fixed part")
    faults += [f"covariate '{name}': not in the model" for name in at or {} if name not in design.covariates]
    if faults:
        raise DesignError(faults)
    weights = level_cells(factors, levels)
    return tuple(weights), [grid_row(design, own, at=at) for own in weights.values()]


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
