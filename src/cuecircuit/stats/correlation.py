"""Correlation of one measure with many: pooled, within groups, partial, by ranks; permutation inside groups.

Both measures are freed of the nuisance columns Z (intercept; or one mean per group; and covariates) of rank q, then
r = x'y / √(x'x y'y), with n − q − 1 degrees of freedom: n − 2 pooled, n − g − 1 within g groups (the groups' means
taken out, so that a difference between groups cannot make a correlation), n − 2 − k with k covariates. Intervals by
Fisher's (1921) z with standard error 1/√(df − 1). With ranks (midranks) it is Spearman's rho with the t approximation;
its interval's standard error follows Bonett and Wright (2000), √((1 + r²/2)/(df − 1)).

The permutation test shuffles x among the subjects of a group. It counts the arrangement found as one of its own, so p
is never 0 and is at most α with probability at most α (Phipson and Smyth 2010).
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, stats

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.distributions import log_p_t


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Correlation:
    """Correlations with their two-sided p; NaN where a response is constant or not finite (`n_not_tested`)."""

    r: Float[Array, "response"]
    ci_low: Float[Array, "response"]
    ci_high: Float[Array, "response"]
    t: Float[Array, "response"]
    p: Float[Array, "response"]
    n: int
    df: int
    n_not_tested: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PermutationTest:
    """Two-sided p of each response, and p of the largest |r| over all responses (family-wise)."""

    p: Float[Array, "response"]
    p_family: Float[Array, "response"]
    n_permutations: int


def correlate(
    x: Float[Array, "subject"],
    y: Float[Array, "subject response"],
    *,
    groups: Int[Array, "subject"] | None = None,
    covariates: Float[Array, "subject covariate"] | None = None,
    ranks: bool = False,
    confidence: float = 0.95,
) -> Correlation:
    """Correlate x with every response.

    Args:
        x: one value per subject, finite.
        y: responses, any unit.
        groups: a code per subject; where given, group means are taken out first.
        covariates: further nuisance columns, taken out of both.
        ranks: correlate midranks (Spearman) instead of values.
        confidence: coverage of the intervals, between 0 and 1.

    Raises:
        DesignError: x is constant, not finite, or explained by groups and covariates; fewer than 2 degrees of freedom.
    """
    nuisance = _nuisance(len(x), groups, covariates, ranks)
    df = len(x) - np.linalg.matrix_rank(nuisance) - 1
    if df < 2:
        raise DesignError(
            f"correlation: found {len(x)} subjects and {df} degrees of freedom, expected 2 or more; "
            "add subjects or take out fewer groups and covariates"
        )
    x_left = _left_of_x(x, nuisance, ranks)
    y_left, tested = _left_of_y(y, nuisance, ranks)
    r = np.full(y.shape[1], np.nan)
    r[tested] = np.clip(x_left @ y_left[:, tested], -1.0, 1.0)
    with np.errstate(divide="ignore"):
        t = r * np.sqrt(df / (1 - r**2))
    half = stats.norm.ppf((1 + confidence) / 2) * np.sqrt((1 + r**2 / 2 if ranks else 1.0) / (df - 1))
    with np.errstate(divide="ignore"):
        center = np.arctanh(r)
    return Correlation(
        r=r,
        ci_low=np.tanh(center - half),
        ci_high=np.tanh(center + half),
        t=t,
        p=np.exp(log_p_t(t, df)),
        n=len(x),
        df=int(df),
        n_not_tested=int((~tested).sum()),
    )


def permute_correlation(
    x: Float[Array, "subject"],
    y: Float[Array, "subject response"],
    *,
    rng: np.random.Generator,
    groups: Int[Array, "subject"] | None = None,
    covariates: Float[Array, "subject covariate"] | None = None,
    ranks: bool = False,
    n_permutations: int = 10_000,
    batch: int = 500,
) -> PermutationTest:
    """Test the correlations with group means taken out by shuffling x inside the groups.

    With covariates, what they leave of x is shuffled and freed of them again (Freedman and Lane 1983): exact in large
    samples only.

    Args:
        x: one value per subject, finite.
        y: responses, any unit.
        rng: source of the permutations.
        groups: a code per subject; None shuffles all subjects.
        covariates: further nuisance columns, taken out of both.
        ranks: correlate midranks (over all subjects) instead of values.
        n_permutations: random arrangements beside the one found.
        batch: arrangements multiplied at a time.

    Raises:
        DesignError: x is constant, not finite, or constant in every group.
    """
    nuisance = _nuisance(len(x), groups, covariates, ranks)
    x_left = _left_of_x(x, nuisance, ranks)
    y_left, tested = _left_of_y(y, nuisance, ranks)
    y_left = y_left[:, tested]
    # the margin keeps arrangements equal but for rounding from counting as smaller
    r_abs = np.abs(x_left @ y_left) - 1e-12
    exceed, exceed_family = np.zeros(len(r_abs), int), np.zeros(len(r_abs), int)
    codes = np.zeros(len(x), int) if groups is None else groups
    for start in range(0, n_permutations, batch):
        shuffled = _shuffled(x_left, codes, min(batch, n_permutations - start), rng)
        r = np.abs(shuffled @ y_left)
        if covariates is not None:  # y is free of them already, so only the length of x changes
            r /= np.sqrt(1 - ((shuffled @ linalg.orth(nuisance)) ** 2).sum(axis=1))[:, None]
        exceed += (r >= r_abs).sum(axis=0)
        exceed_family += (r.max(axis=1, initial=0.0)[:, None] >= r_abs).sum(axis=0)
    p, p_family = np.full(y.shape[1], np.nan), np.full(y.shape[1], np.nan)
    p[tested] = (1 + exceed) / (1 + n_permutations)
    p_family[tested] = (1 + exceed_family) / (1 + n_permutations)
    return PermutationTest(p=p, p_family=p_family, n_permutations=n_permutations)


def _nuisance(
    n: int,
    groups: Int[Array, "subject"] | None,
    covariates: Float[Array, "subject covariate"] | None,
    ranks: bool,
) -> Float[Array, "subject column"]:
    columns = np.ones((n, 1)) if groups is None else (groups[:, None] == np.unique(groups)).astype(float)
    if covariates is None:
        return columns
    taken_out = stats.rankdata(covariates, axis=0) if ranks else covariates
    return np.hstack([columns, taken_out - taken_out.mean(axis=0)])


def _left_of_x(x: Float[Array, "subject"], nuisance: Float[Array, "subject column"], ranks: bool) -> Array:
    if not np.isfinite(x).all():
        missing = np.flatnonzero(~np.isfinite(x)) + 1
        raise DesignError(f"x: found no number for subjects {missing.tolist()} (from 1); leave them out by name")
    left, varies = _left_of_y(x[:, None], nuisance, ranks)
    if not varies[0]:
        raise DesignError("x: does not vary beside the groups and covariates, so nothing can correlate with it")
    return left[:, 0]


def _left_of_y(
    y: Float[Array, "subject response"], nuisance: Float[Array, "subject column"], ranks: bool
) -> tuple[Float[Array, "subject response"], Bool[Array, "response"]]:
    finite = np.isfinite(y).all(axis=0)
    values = np.where(finite, y, 0.0).astype(np.float64)
    if ranks:
        values = stats.rankdata(values, axis=0)
    centered = values - values.mean(axis=0)
    spans = linalg.orth(nuisance)
    left = centered - spans @ (spans.T @ centered)
    length = np.linalg.norm(left, axis=0)
    # what rounding leaves of a response without variance is about 1e-16 of its size
    varies = finite & (length > 1e-13 * np.linalg.norm(values, axis=0))
    return left / np.where(varies, length, 1.0), varies


def _shuffled(
    x: Float[Array, "subject"], codes: Int[Array, "subject"], n: int, rng: np.random.Generator
) -> Float[Array, "permutation subject"]:
    shuffled = np.tile(x, (n, 1))
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        shuffled[:, members] = rng.permuted(shuffled[:, members], axis=1)
    return shuffled
