"""Tails of F and t in log space, so that a tiny p does not become 0, and the z that has the same tail.

The tail of F is a regularised incomplete beta function, P(F > f) = I_x(df2/2, df1/2) with x = df2/(df2 + df1 f).
Where it underflows, log I_x comes from the continued fraction 8.17.22 of the NIST Digital Library of Mathematical
Functions (Lentz's evaluation), which converges fast for x below (a+1)/(a+b+2), as such tails always are.
"""

import numpy as np
from scipy import special

from cuecircuit.arrays import Array, Float

# one number for all statistics, or one for each; may be fractional
DegreesOfFreedom = int | float | np.integer | Float[Array, "*#shape"]

# below this SciPy's tail loses digits to gradual underflow (smallest normal double 2.2e-308)
_SMALL = 1e-290


def log_sf_f(f: Float[Array, "*shape"], df1: DegreesOfFreedom, df2: DegreesOfFreedom) -> Float[Array, "*shape"]:
    """Natural log of P(F > f); NaN stays NaN."""
    f, df1, df2 = np.broadcast_arrays(np.asarray(f, np.float64), np.asarray(df1, float), np.asarray(df2, float))
    p = np.asarray(special.fdtrc(df1, df2, f))
    with np.errstate(divide="ignore"):
        log_p = np.asarray(np.log(p))
    near_one = p > 0.5
    log_p[near_one] = np.log1p(-special.fdtr(df1[near_one], df2[near_one], f[near_one]))
    tiny = (p < _SMALL) & np.isfinite(f)
    log_p[tiny] = _log_betainc(df2[tiny] / 2, df1[tiny] / 2, df2[tiny] / (df2[tiny] + df1[tiny] * f[tiny]))
    return log_p


def log_p_t(t: Float[Array, "*shape"], df: DegreesOfFreedom) -> Float[Array, "*shape"]:
    """Natural log of the two-sided p of t."""
    return log_sf_f(np.square(t), 1.0, df)


def z_from_log_p(log_p: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return the standard normal deviate with upper tail exp(`log_p`)."""
    return -special.ndtri_exp(log_p)


def z_from_t(t: Float[Array, "*shape"], df: DegreesOfFreedom) -> Float[Array, "*shape"]:
    """Return the standard normal deviate with the tail of t, sign kept."""
    return np.copysign(z_from_log_p(log_p_t(t, df) - np.log(2.0)), t)


def _log_betainc(a: Float[Array, "case"], b: Float[Array, "case"], x: Float[Array, "case"]) -> Float[Array, "case"]:
    front = a * np.log(x) + b * np.log1p(-x) - special.betaln(a, b)
    return front - np.log(_beta_fraction(a, b, x))


def _beta_fraction(a: Float[Array, "case"], b: Float[Array, "case"], x: Float[Array, "case"]) -> Float[Array, "case"]:
    # I_x(a,b) = x^a (1-x)^b / B(a,b) * 1/(a K): K by Lentz's method; returned is a K
    c = np.ones_like(x)
    d = 1.0 / (1.0 - (a + b) * x / (a + 1.0))
    value = 1.0 / d
    for m in range(1, 500):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / (1.0 + numerator * d)
            c = 1.0 + numerator / c
            value = value / (d * c)
        if np.all(np.abs(d * c - 1.0) < 1e-15):
            break
    return a * value
