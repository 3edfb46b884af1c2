"""Estimated marginal means and their comparisons in a complete mixed design, each with the error of its own scores.

A mean or comparison weighs groups by a and conditions by u; the subjects' scores y·u are regressed on the groups and
the covariates' own scores x·u (`strata_design`), so that means are at the covariates' mean. The error is what that
leaves over all groups, df = subjects − groups − covariates: that of the multivariate model, as emmeans takes it after
afex. No sphericity is assumed, and a comparison that lies in several strata needs no mixture of mean squares. Means are
averaged over the other factors with equal weights (Searle, Speed and Milliken 1980).

Dunnett's family of levels within subjects has correlations of any form: there the multivariate t is integrated by
randomized quasi-Monte Carlo (Genz and Bretz 2009, as in SciPy) with a fixed seed, good to about 1e-4.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.comparisons import (
    Comparisons,
    FamilyAdjustment,
    MarginalMeans,
    check_adjustment,
    family_comparisons,
    family_pairs,
    interval_means,
)
from cuecircuit.stats.contrasts import factor_faults, level_cells, strata_levels, weighted_cells
from cuecircuit.stats.dunnett import dunnett_p
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import Contrast, MixedDesign, strata_model

_POINTS = 200_000  # of the quasi-Monte Carlo sum: 1e-4 of p in families of ten


def strata_means(
    y: Float[Array, "subject condition"], design: MixedDesign, factors: Sequence[str], *, confidence: float = 0.95
) -> MarginalMeans:
    """Means of every combination of the factors' levels, the last factor changing fastest.

    Args:
        y: one response, any unit.
        design: who was measured in which conditions.
        factors: between or within subjects.
        confidence: coverage of each interval.

    Raises:
        DesignError: factors that the design does not have, or it cannot carry its tests.
    """
    cells = _cells(design, factors)
    mean, covariance, df = _estimates(y, design, list(cells.values()))
    return interval_means(factors, tuple(cells), mean, np.sqrt(np.diag(covariance)), df, confidence)


def compare_strata_means(
    y: Float[Array, "subject condition"],
    design: MixedDesign,
    factors: Sequence[str],
    *,
    by: Sequence[str] = (),
    reference: str | None = None,
    adjustment: FamilyAdjustment = "holm",
    confidence: float = 0.95,
) -> Comparisons:
    """Compare the levels of `factors` inside each combination of those in `by`, which make the families.

    Args:
        y: one response, any unit.
        design: who was measured in which conditions.
        factors: whose levels (combinations joined by ":") are compared.
        by: factors that make the families.
        reference: level that all are compared with; all pairs where it is None.
        adjustment: within each family.
        confidence: simultaneous coverage of a family's intervals.

    Raises:
        DesignError: factors that the design does not have, a reference that is no level, Tukey without all pairs,
            Dunnett without a reference.
    """
    check_adjustment(adjustment, reference)
    cells = _cells(design, [*by, *factors])
    weights = list(cells.values())
    contrasts = [
        _difference(name, family, weights[i], weights[j])
        for name, family, i, j in family_pairs(list(cells), len(by), reference)
    ]
    return compare_contrasts(y, design, contrasts, adjustment=adjustment, confidence=confidence)


def compare_contrasts(
    y: Float[Array, "subject condition"],
    design: MixedDesign,
    contrasts: Sequence[Contrast],
    *,
    adjustment: FamilyAdjustment = "none",
    confidence: float = 0.95,
) -> Comparisons:
    """Test contrasts of one response (see `contrasts.strata_contrast`), p adjusted within their families.

    Raises:
        DesignError: the design cannot carry its tests.
    """
    estimate, covariance, df = _estimates(y, design, contrasts)
    return family_comparisons(
        [each.name for each in contrasts],
        [each.family for each in contrasts],
        estimate,
        covariance,
        df,
        adjustment=adjustment,
        confidence=confidence,
        largest=_largest_t,
    )


def _cells(design: MixedDesign, factors: Sequence[str]) -> dict[tuple[str, ...], Contrast]:
    levels = strata_levels(design)
    if faults := factor_faults(factors, levels, "design"):
        raise DesignError(faults)
    return {
        cell: weighted_cells(":".join(cell), weights, design) for cell, weights in level_cells(factors, levels).items()
    }


def _difference(name: str, family: str, one: Contrast, other: Contrast) -> Contrast:
    """One cell less another; they differ in groups or in conditions, or the contrast is no product of both."""
    if np.array_equal(one.group, other.group):
        return Contrast(name=name, family=family, group=one.group, condition=one.condition - other.condition)
    if np.array_equal(one.condition, other.condition):
        return Contrast(name=name, family=family, group=one.group - other.group, condition=one.condition)
    raise DesignError(
        f"comparison '{name}': differs in factors between and within subjects at once, which no score of a subject "
        "tells; compare inside one of them (by)"
    )


def _estimates(
    y: Float[Array, "subject condition"], design: MixedDesign, contrasts: Sequence[Contrast]
) -> tuple[Float[Array, "test"], Float[Array, "test test"], Float[Array, "test"]]:
    """Estimates with their covariance and degrees of freedom."""
    model = strata_model(design, contrasts=contrasts)
    tests = strata_anova(y[:, :, None], model, epsilons=False).contrasts
    estimates, lengths, lefts = [], [], []
    for test, stratum in zip(tests, model.contrast_strata, strict=True):
        scores = y @ stratum.scores[:, 0]
        term = stratum.terms[0]
        assert test.estimate is not None
        assert term.per_length is not None
        estimates.append(test.estimate[0])
        lengths.append(term.per_length * term.basis[:, 0])
        lefts.append(scores - stratum.basis @ (stratum.basis.T @ scores))
    df = np.array([float(stratum.df) for stratum in model.contrast_strata])
    along, left = np.array(lengths), np.array(lefts)
    covariance = (along @ along.T) * (left @ left.T) / np.sqrt(np.outer(df, df))
    # a difference that is the same in every subject has no error of its own, and no test
    has_error = ~np.isnan([test.ss_error[0] for test in tests])
    return np.array(estimates), np.where(np.outer(has_error, has_error), covariance, 0.0), df


def _largest_t(q: float, correlation: Float[Array, "test test"], df: float) -> float:
    try:
        return dunnett_p(q, correlation, df)
    except DesignError:
        bound = np.full(len(correlation), q)
        inside = stats.multivariate_t.cdf(
            bound,
            shape=correlation,
            df=int(df),
            lower_limit=-bound,
            maxpts=_POINTS,
            allow_singular=True,
            random_state=0,
        )
        return float(1 - inside)
