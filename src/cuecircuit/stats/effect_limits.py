"""Limits of partial η² in every response: the noncentralities under which the F found lies at either end.

Each noncentrality λ is given as λ / (λ + df1 + df2 + 1) (Smithson 2001; Steiger 2004, Psychol Methods 9:164). The usual
coverage is 90 %, because F has one tail: the interval then excludes 0 exactly when p < .05.
"""

import numpy as np
from scipy import special
from scipy.interpolate import PchipInterpolator

from cuecircuit.arrays import Array, Float
from cuecircuit.stats.noncentral_t import noncentrality_at

# SciPy's inverse has four digits and ends at 10,000: large ones are those of t = √(df1·F), which has √λ for the
# largest part of its noncentrality; the two steps that follow give either eight digits, which huge ones have without
# (and the distribution of those takes seconds)
_STEPS = 2
_LARGE, _HUGE = 1e3, 1e8
# more responses with the same df2 are interpolated between so many values of F, to six digits
_KNOTS = 512


def eta2_limits(
    f: Float[Array, "response"],
    df1: int,
    df2: int | float | Float[Array, "response"],
    *,
    confidence: float = 0.90,
) -> tuple[Float[Array, "response"], Float[Array, "response"]]:
    """Return the lower and the upper limit of partial η².

    Args:
        f: of each response; NaN where there is none.
        df1: numerator degrees of freedom.
        df2: denominator degrees of freedom, one for all or one per response; infinite ones have no η².
        confidence: coverage of the interval.

    Returns:
        Two arrays between 0 and 1; NaN where F or df2 is not finite.
    """
    df2 = np.broadcast_to(np.asarray(df2, np.float64), f.shape)
    tail = (1 - confidence) / 2
    low, high = (_share(_noncentrality(f, df1, df2, quantile), df1, df2) for quantile in (1 - tail, tail))
    return low, high


def _share(
    noncentrality: Float[Array, "response"], df1: int, df2: Float[Array, "response"]
) -> Float[Array, "response"]:
    return noncentrality / (noncentrality + df1 + df2 + 1)


def _noncentrality(
    f: Float[Array, "response"], df1: int, df2: Float[Array, "response"], quantile: float
) -> Float[Array, "response"]:
    """Return λ at which F lies at a quantile; 0 where even λ = 0 puts it lower."""
    noncentrality = np.full(f.shape, np.nan)
    there = np.isfinite(f) & np.isfinite(df2)
    noncentrality[there] = 0.0
    above = there & (special.fdtr(df1, df2, f) > quantile)
    x, n = f[above].astype(np.float64), df2[above]
    if x.size > _KNOTS and np.ptp(n) == 0:
        start = float(special.fdtri(df1, n[0], quantile))
        root = np.sqrt(x.max() - start) * np.linspace(0, 1, _KNOTS)[1:] ** 2
        knots = _inverse(start + root**2, df1, np.full(root.shape, n[0]), quantile)
        noncentrality[above] = PchipInterpolator(np.r_[0, root], np.r_[0, knots])(np.sqrt(x - start))
    else:
        noncentrality[above] = _inverse(x, df1, n, quantile)
    return noncentrality


def _inverse(
    f: Float[Array, "response"], df1: int, df2: Float[Array, "response"], quantile: float
) -> Float[Array, "response"]:
    square = df1 * f  # of t
    value = np.zeros(f.shape)
    there = square > _LARGE / 5  # λ is less than five times t² with any df2
    value[there] = noncentrality_at(np.sqrt(square[there]), df2[there], quantile) ** 2 - (df1 - 1)
    small = value <= _LARGE
    value[small] = special.ncfdtrinc(df1, df2[small], quantile, f[small])
    near = value < _HUGE
    x, n, better = f[near], df2[near], value[near]
    for _ in range(_STEPS):
        step = 1e-4 * better + 1e-6
        here = special.ncfdtr(df1, n, better, x)
        slope = (special.ncfdtr(df1, n, better + step, x) - here) / step
        with np.errstate(divide="ignore", invalid="ignore"):
            stepped = better - (here - quantile) / slope
        better = np.where(np.isfinite(stepped) & (stepped > 0), stepped, better)
    value[near] = better
    return value
