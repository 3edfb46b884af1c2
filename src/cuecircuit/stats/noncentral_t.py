"""The noncentral t distribution for any number of responses: its tails, density, and limits of its noncentrality.

With s = χ/√df, T ≤ t is Z ≤ t·s for a normal Z of mean m, so that P(T ≤ t) = E Φ(t·s − m) and the density is
E s φ(t·s − m): integrals over s alone, by Gauss and Legendre's rule between the tails of s that hold 1e-15 each.
(SciPy 1.17's inverses have about six digits.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special, stats
from scipy.interpolate import CubicSpline

from cuecircuit.arrays import Array, Float, Int

# functions of t and df; of t·s − m and s
Curve = Callable[[Array, Array], Array]
Integrand = Callable[[Array, Array], Array]

# |t| up to 60 at 3 degrees of freedom has ten digits with so many
_NODES = 240
_TAIL = 1e-15
_STEPS = 7
# beyond it the integrals lose digits; quantiles of s, widened by the normal, are as near
_FAR = 60.0
# more responses with the same df are interpolated between so many values of t, to seven digits
_KNOTS = 512
# values worked on at a time, each with all nodes: a quarter of a megabyte
_BLOCK = 128


def noncentral_t_cdf(
    t: Float[Array, "response"], df: int | float | Float[Array, "response"], m: int | float | Float[Array, "response"]
) -> Float[Array, "response"]:
    """Return P(T ≤ t) for noncentralities m; NaN where t or df is NaN or infinite."""
    return _expected(t, df, m, lambda x, _: special.ndtr(x))


def noncentral_t_density(
    t: Float[Array, "response"], df: int | float | Float[Array, "response"], m: int | float | Float[Array, "response"]
) -> Float[Array, "response"]:
    """Return the density at t for noncentralities m."""
    return _expected(t, df, m, lambda x, s: s * np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi))


def noncentrality_limits(
    t: Float[Array, "response"], df: int | float | Float[Array, "response"], *, confidence: float = 0.95
) -> tuple[Float[Array, "response"], Float[Array, "response"]]:
    """Return the noncentralities under which t lies at either end of its distribution.

    Args:
        t: of each response.
        df: one for all or one per response.
        confidence: coverage of the interval.

    Returns:
        The lower and the upper limit; NaN where t or df is not finite.
    """
    tail = (1 - confidence) / 2
    low, high = _by_knots(
        t, df, lambda x, n: np.stack([noncentrality_at(x, n, 1 - tail), noncentrality_at(x, n, tail)])
    )
    return low, high


def noncentrality_at(t: Float[Array, "response"], df: Float[Array, "response"], p: float) -> Float[Array, "response"]:
    """Return the noncentrality at which P(T ≤ t) = p, by Newton's steps on its normal deviate, nearly linear in m.

    Where |t| is large it is t times a quantile of s, whose distance from 1 is widened by the normal's own spread.
    """
    if p > 0.5:  # by symmetry: a lower tail keeps its digits, and each step its direction
        return -noncentrality_at(-t, df, 1 - p)
    goal = special.ndtri(p)
    m = t - goal * np.sqrt(1 + t * t / (2 * df))
    far = np.abs(t) > _FAR
    quantile = np.sqrt(stats.chi2.isf(np.where(t[far] > 0, p, 1 - p), df[far]) / df[far])
    m[far] = t[far] + t[far] * (quantile - 1) * np.sqrt(1 + 2 * df[far] / t[far] ** 2)
    t, nodes, near = t[~far], _nodes(df[~far]), m[~far]
    for _ in range(_STEPS):
        z = special.ndtri(np.clip(_integrals(t, near, nodes, lambda x, _: special.ndtr(x)), 1e-300, 1 - 1e-16))
        slope = _integrals(t, near, nodes, lambda x, _: np.exp(-0.5 * x * x)) / np.exp(-0.5 * z * z)
        near = near + (z - goal) / slope
    m[~far] = near
    return m


def small_sample_factor(df: int | float | Float[Array, "response"]) -> Float[Array, "*response"]:
    """Return Hedges's J, exact: the factor that makes a standardized difference unbiased; NaN for one df."""
    df = np.where(np.asarray(df, float) > 1, df, np.nan)
    return np.asarray(np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / np.sqrt(df / 2))


def _by_knots(t: Float[Array, "response"], df: int | float | Float[Array, "response"], of: Curve) -> Array:
    """Evaluate smooth functions of t, stacked along the first axis, by interpolation where many share their df."""
    t, df = np.asarray(t, float), np.broadcast_to(np.asarray(df, float), np.shape(t))
    there = np.isfinite(t) & np.isfinite(df)
    x, n = t[there], df[there]
    if x.size > _KNOTS and np.ptp(n) == 0 and np.ptp(x) > 0:
        # arcsinh: dense where t is small, even in its logarithm where it is large
        scaled = np.arcsinh(x)
        knots = np.linspace(scaled.min(), scaled.max(), _KNOTS)
        values = CubicSpline(knots, of(np.sinh(knots), np.full(_KNOTS, n[0])), axis=1)(scaled)
    else:
        values = of(x, n)
    placed = np.full((len(values), *t.shape), np.nan)
    placed[:, there] = values
    return placed


def _expected(t: Array, df: int | float | Array, m: int | float | Array, of: Integrand) -> Float[Array, "response"]:
    t, df, m = np.broadcast_arrays(np.asarray(t, float), np.asarray(df, float), np.asarray(m, float))
    expected = np.full(t.shape, np.nan)
    there = np.isfinite(t) & np.isfinite(df) & np.isfinite(m)
    expected[there] = _integrals(t[there], m[there], _nodes(df[there]), of)
    return expected


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Nodes:
    """Values of s and their weights, one row for every number of degrees of freedom; the row of each response."""

    s: Float[Array, "df node"]
    weights: Float[Array, "df node"]
    row: Int[Array, "response"]


def _nodes(df: Float[Array, "response"]) -> _Nodes:
    nodes, weights = _rule()
    values, row = np.unique(df, return_inverse=True)
    low, high = (np.sqrt(tail(_TAIL, values) / values) for tail in (stats.chi2.ppf, stats.chi2.isf))
    s, root = low[:, None] + (high - low)[:, None] * (nodes + 1) / 2, np.sqrt(values)[:, None]
    density = root * stats.chi.pdf(s * root, values[:, None])
    return _Nodes(s=s, weights=(high - low)[:, None] / 2 * weights * density, row=row)


def _integrals(
    t: Float[Array, "response"], m: Float[Array, "response"], nodes: _Nodes, of: Integrand
) -> Float[Array, "response"]:
    integrals = np.empty(len(t))
    for start in range(0, len(t), _BLOCK):
        part = slice(start, start + _BLOCK)
        s = nodes.s[nodes.row[part]]
        x = t[part, None] * s - m[part, None]
        integrals[part] = np.einsum("rn,rn->r", nodes.weights[nodes.row[part]], of(x, s))
    return integrals


@cache
def _rule() -> tuple[Float[Array, "node"], Float[Array, "node"]]:
    return np.polynomial.legendre.leggauss(_NODES)
