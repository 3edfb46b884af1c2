"""What a design can find: power of a contrast of group means, and the smallest effect that it finds often enough.

For weights c of the groups' means, sizes n and a difference c'μ = δσ, F has 1 and N − G degrees of freedom and the
noncentrality λ = δ²/Σ(c²/n) (Cohen 1988, Statistical Power Analysis, chs. 2 and 8; exact for equal variances).

The test of r among two normal measures is, given the one, a t test of the other's slope: t is noncentral with
δ = ρ/√(1 − ρ²) · √S, S being χ² with one degree of freedom more than the test. Power is the mean over S: exact.
"""

from collections.abc import Sequence

import numpy as np
from scipy import optimize, stats

from cuecircuit.errors import DesignError


def contrast_power(
    sizes: Sequence[int], weights: Sequence[int | float], effect: float, *, alpha: float = 0.05
) -> float:
    """Give the probability that the two-sided test of a contrast finds it.

    Args:
        sizes: subjects of each group.
        weights: of the groups' means; for an interaction of two factors of two levels 1, −1, −1, 1.
        effect: the contrast, in standard deviations within groups.
        alpha: level.

    Raises:
        DesignError: groups and weights that do not match, an empty group, no comparison, no degrees of freedom.
    """
    n, c = np.asarray(sizes, float), np.asarray(weights, float)
    df = n.sum() - len(n)
    # weights are short decimals: 1e-9 is far above rounding
    if len(n) != len(c) or n.min(initial=np.inf) < 1 or df < 1 or not c.any() or abs(c.sum()) > 1e-9:
        raise DesignError(
            f"power: found sizes {list(sizes)} and weights {list(weights)}; expected a weight for each group, weights "
            "that sum to 0, one subject or more in each group and two in some"
        )
    noncentrality = effect**2 / (c**2 / n).sum()
    if noncentrality == 0:  # SciPy's noncentral F is not defined there
        return alpha
    return float(stats.ncf.sf(stats.f.isf(alpha, 1, df), 1, df, noncentrality))


def detectable_effect(
    sizes: Sequence[int], weights: Sequence[int | float], *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Give the smallest contrast, in standard deviations within groups, that is found with the power asked for.

    Raises:
        DesignError: as `contrast_power`; a power that is not between α and 1.
    """
    if not alpha < power < 1:
        raise DesignError(f"power = {power:g}: expected a probability between α = {alpha:g} and 1, such as 0.8")
    highest = 1.0
    while contrast_power(sizes, weights, highest, alpha=alpha) < power:
        highest *= 2
    return float(
        optimize.brentq(lambda effect: contrast_power(sizes, weights, effect, alpha=alpha) - power, 0.0, highest)
    )


def correlation_power(df: int, rho: float, *, alpha: float = 0.05) -> float:
    """Give the probability that the two-sided test of a correlation between normal measures finds it.

    Args:
        df: degrees of freedom: subjects − 2, or subjects − groups − 1 where groups' means are taken out.
        rho: the correlation, between −1 and 1.
        alpha: level.

    Raises:
        DesignError: fewer than one degree of freedom, or a correlation of 1 or more.
    """
    if df < 1 or not -1 < rho < 1:
        raise DesignError(f"correlation power: found {df} df and ρ = {rho:g}; expected 1 df or more and −1 < ρ < 1")
    t = stats.t.isf(alpha / 2, df)
    # equal parts of S by probability; the power is smooth in it: 400 parts give six digits
    s = stats.chi2.ppf((np.arange(400) + 0.5) / 400, df + 1)
    delta = rho / np.sqrt(1 - rho**2) * np.sqrt(s)
    return float(np.mean(stats.nct.sf(t, df, delta) + stats.nct.cdf(-t, df, delta)))
