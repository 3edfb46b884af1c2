"""JZS Bayes factors of t and F, and the posterior of a standardized effect, in every response.

The alternative gives standardized effects a normal prior of variance g, and g an inverse gamma distribution of shape ½
and scale r²/2: one effect is then Cauchy with scale r (Rouder et al. 2009, Psychon Bull Rev 16:225, eq. 1; Rouder et
al. 2012, J Math Psychol 56:356, one block of effects; Liang et al. 2008, J Am Stat Assoc 103:410, for regression).
With n subjects behind the effect and ρ = df1·F/df2,

    BF10 = ∫ (1+ng)^(−df1/2) [(1+ρ)/(1+ρ/(1+ng))]^((df1+df2)/2) p(g) dg.

In y = log g the integrand is analytic in a strip, so that the trapezium rule converges exponentially: 13 digits.
"""

import numpy as np
from scipy import stats

from cuecircuit.arrays import Array, Float
from cuecircuit.stats.noncentral_t import noncentral_t_density

_STEP = 0.3
_GRID = 1601


def log_bayes_factor(
    f: Float[Array, "response"],
    df1: int,
    df2: int | float | Float[Array, "response"],
    n: int | float | Float[Array, "response"],
    scale: int | float,
) -> Float[Array, "response"]:
    """Return the natural log of BF10, the evidence for an effect against none.

    Args:
        f: of each response; t² where `df1` is 1.
        df1: numerator degrees of freedom.
        df2: denominator degrees of freedom.
        n: subjects behind the effect: N of one sample, n₁n₂/(n₁+n₂) of two, those per cell of several, N of a slope.
        scale: r of the prior, above 0.

    Returns:
        NaN where F, `df2` or `n` is not finite.
    """
    f, df2, n = (np.asarray(a, float) for a in np.broadcast_arrays(f, df2, n))
    there = np.isfinite(f) & np.isfinite(df2) & np.isfinite(n)
    result = np.full(f.shape, np.nan)
    if not there.any():
        return result
    ratio, half, n = df1 * f[there] / df2[there], (df1 + df2[there]) / 2, n[there]
    bottom = np.log(scale**2 / 90)  # p(g) < e⁻⁴⁵ below
    top = 64 / (1 + df1) + np.log1p(f[there].max()) + max(0.0, -np.log(n.min())) + max(0.0, 2 * np.log(scale))
    total = np.full(ratio.shape, -np.inf)
    for y in np.arange(bottom, top + _STEP, _STEP):
        log_ng = np.log1p(n * np.exp(y))
        prior = np.log(scale * _STEP / np.sqrt(2 * np.pi)) - y / 2 - scale**2 / 2 * np.exp(-y)
        total = np.logaddexp(total, prior - df1 / 2 * log_ng - half * np.log1p(ratio * np.exp(-log_ng)))
    result[there] = total + half * np.log1p(ratio)
    return result


def effect_posterior(
    t: Float[Array, "response"],
    df: int | float | Float[Array, "response"],
    n: int | float,
    scale: int | float,
    quantiles: tuple[float, ...] = (0.025, 0.5, 0.975),
) -> Float[Array, "quantile response"]:
    """Return quantiles of the standardized effect under its Cauchy prior, given that it is not exactly 0.

    Args:
        t: of each response.
        df: degrees of freedom.
        n: subjects behind the effect, as of `log_bayes_factor`.
        scale: of the prior.
        quantiles: between 0 and 1.
    """
    each = zip(np.ravel(t), np.broadcast_to(df, np.shape(t)).ravel(), strict=True)
    return np.stack([_quantiles(float(statistic), float(nu), n, scale, quantiles) for statistic, nu in each], axis=1)


def _quantiles(
    t: float, df: float, n: int | float, scale: int | float, quantiles: tuple[float, ...]
) -> Float[Array, "quantile"]:
    if not np.isfinite([t, df, n]).all():
        return np.full(len(quantiles), np.nan)
    spread = 9 * np.sqrt(1 + t * t / (2 * df))
    # the prior draws towards 0: the posterior lies between there and the estimate
    low, high = min(0.0, t) - spread, max(0.0, t) + spread
    prior = stats.cauchy(scale=scale * np.sqrt(n))
    # quantiles of the prior beside even steps: a narrow one is a spike at 0
    m = np.sort(np.concatenate([np.linspace(low, high, _GRID), prior.ppf(np.linspace(0, 1, _GRID)).clip(low, high)]))
    weight = noncentral_t_density(np.full(m.size, t), df, m) * prior.pdf(m)
    below = np.concatenate([[0.0], np.cumsum((weight[1:] + weight[:-1]) / 2 * np.diff(m))])
    return np.interp(quantiles, below / below[-1], m) / np.sqrt(n)
