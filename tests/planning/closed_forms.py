"""Power in closed form: of a contrast of means of groups, and of a correlation.

For weights c of the groups' means, sizes n and a difference c'μ = δσ, F has 1 and N − G degrees of freedom and the
noncentrality λ = δ²/Σ(c²/n) (Cohen 1988, Statistical Power Analysis, chs. 2 and 8; exact for equal variances).

The test of r among two normal measures is, given the one, a t test of the other's slope: t is noncentral with
δ = ρ/√(1 − ρ²) · √S, S being χ² with one degree of freedom more than the test. Power is the mean over S: exact.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats


def contrast_power(
    sizes: Sequence[int], weights: Sequence[int | float], effect: float, *, alpha: float = 0.05
) -> float:
    """Return the probability that the two-sided test of a contrast finds it.

    Args:
        sizes: subjects of each group.
        weights: of the groups' means; for an interaction of two factors of two levels 1, −1, −1, 1.
        effect: the contrast, in standard deviations within groups.
        alpha: level.
    """
    n, c = np.asarray(sizes, float), np.asarray(weights, float)
    df = n.sum() - len(n)
    noncentrality = effect**2 / (c**2 / n).sum()
    if noncentrality == 0:  # SciPy's noncentral F is not defined there
        return alpha
    return float(stats.ncf.sf(stats.f.isf(alpha, 1, df), 1, df, noncentrality))


def correlation_power(df: int, rho: float, *, alpha: float = 0.05) -> float:
    """Return the probability that the two-sided test of a correlation between normal measures finds it.

    Args:
        df: degrees of freedom: subjects − 2, or subjects − groups − 1 where groups' means are taken out.
        rho: the correlation, between −1 and 1.
        alpha: level.
    """
    t = stats.t.isf(alpha / 2, df)
    # equal parts of S by probability; the power is smooth in it: 400 parts give six digits
    s = stats.chi2.ppf((np.arange(400) + 0.5) / 400, df + 1)
    delta = rho / np.sqrt(1 - rho**2) * np.sqrt(s)
    return float(np.mean(stats.nct.sf(t, df, delta) + stats.nct.cdf(-t, df, delta)))
