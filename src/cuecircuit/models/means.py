"""Marginal means, contrasts and comparisons of a fit, the same call for every method, a table's column or maps.

A marginal mean is of a level (or a combination), averaged over the other factors with equal weights, covariates at
their mean (Searle, Speed and Milliken 1980). Comparisons are of all pairs, or of each level with a reference, inside
each combination of the factors in `by`; p is adjusted within those families (`stats.comparisons`).

Dunnett's family of levels within subjects has correlations of any form: there the multivariate t is integrated by
randomized quasi-Monte Carlo (Genz and Bretz 2009, as in SciPy) with a fixed seed, good to about 1e-4.
"""

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np
from scipy import stats

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.models.family import correlation_name
from cuecircuit.models.fit import Fit, retest
from cuecircuit.stats.comparisons import (
    Comparisons,
    FamilyAdjustment,
    MarginalMeans,
    check_adjustment,
    compare_families,
    family_pairs,
    interval_means,
)
from cuecircuit.stats.contrasts import factor_faults, level_cells
from cuecircuit.stats.dunnett import dunnett_p
from cuecircuit.stats.term_test import TermTest

_POINTS = 200_000  # of the quasi-Monte Carlo sum: 1e-4 of p in families of ten


def means(
    fit: Fit, factors: Sequence[str], *, at: Mapping[str, float] | None = None, confidence: float = 0.95
) -> MarginalMeans:
    """Means of every combination of the factors' levels that can be estimated, the last factor changing fastest.

    Args:
        fit: of any number of responses.
        factors: of the design.
        at: value of covariates, in the table's units, of a formula; their mean otherwise.
        confidence: coverage of each interval.

    Raises:
        DesignError: factors or covariates that the model does not have.
    """
    cells = _cells(fit, factors, at or {})
    estimate, se, df = _estimates(fit, list(cells.values()))
    return interval_means(factors, tuple(cells), estimate, se, df, confidence)


def contrasts(fit: Fit, texts: Sequence[str]) -> tuple[TermTest, ...]:
    """Test contrasts of levels or slopes, each a text such as "LgA: naloxone - saline".

    Raises:
        DesignError: levels or covariates that the model does not have.
    """
    family = fit.design.family
    return retest(fit, family.asking([family.contrast(text) for text in texts])).tests


def compare(
    fit: Fit,
    factors: Sequence[str],
    *,
    by: Sequence[str] = (),
    reference: str | None = None,
    adjustment: FamilyAdjustment = "holm",
    at: Mapping[str, float] | None = None,
    confidence: float | None = 0.95,
) -> Comparisons:
    """Compare the levels of `factors` inside each combination of those in `by`.

    Args:
        fit: of any number of responses. Tukey and Dunnett cost about 1 ms per comparison and response.
        factors: whose levels (combinations joined by ":") are compared.
        by: factors that make the families.
        reference: level that all are compared with; all pairs where it is None.
        adjustment: within each family.
        at: value of covariates, in the table's units, of a formula; their mean otherwise.
        confidence: simultaneous coverage of a family's intervals; none are made where it is None.

    Raises:
        DesignError: factors that the model does not have, a reference that is no level, Tukey without all pairs,
            Dunnett without a reference.
    """
    check_adjustment(adjustment, reference)
    cells = _cells(fit, [*by, *factors], at or {})
    family, weights = fit.design.family, list(cells.values())
    pairs = family_pairs(list(cells), len(by), reference)
    hypotheses = [family.difference(name, pair_family, weights[i], weights[j]) for name, pair_family, i, j in pairs]
    estimate, se, df = _estimates(fit, hypotheses)

    def correlations(here: Int[Array, "test"]) -> Float[Array, "test test response"]:
        maps = retest(fit, family.asking([hypotheses[i] for i in here], correlated=True)).maps
        whole = np.ones((len(here), len(here), estimate.shape[1]))
        for i, j in permutations(range(len(here)), 2):
            whole[i, j] = maps[correlation_name(i, j)]
        return whole

    return compare_families(
        [name for name, _, _, _ in pairs],
        [family_name for _, family_name, _, _ in pairs],
        estimate,
        se,
        df,
        correlations=correlations,
        adjustment=adjustment,
        confidence=confidence,
        largest=_largest_t,
    )


def _cells(fit: Fit, factors: Sequence[str], at: Mapping[str, float]) -> dict[tuple[str, ...], object]:
    family = fit.design.family
    DesignError.raise_any(factor_faults(factors, family.levels, "design"))
    cells = level_cells(factors, family.levels)
    hypotheses = {cell: family.cell(":".join(cell), weights, at) for cell, weights in cells.items()}
    estimable = {cell: mean for cell, mean in hypotheses.items() if mean is not None}
    if not estimable:
        raise DesignError(f"means of {' × '.join(factors)}: none can be estimated, nobody has some of their cells")
    return estimable


def _estimates(
    fit: Fit, hypotheses: Sequence[object]
) -> tuple[Float[Array, "test response"], Float[Array, "test response"], Float[Array, "test response"]]:
    tests = retest(fit, fit.design.family.asking(hypotheses)).tests
    estimate = np.stack([test.estimate for test in tests if test.estimate is not None])
    # a difference that is the same in every subject has no error of its own, and no test
    se = np.stack([np.nan_to_num(test.se) for test in tests if test.se is not None])
    df = np.stack([np.broadcast_to(np.float64(test.df2), test.f.shape) for test in tests])
    return estimate, np.where(np.isnan(estimate), np.nan, se), df


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
