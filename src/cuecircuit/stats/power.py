"""What a design can find: power of a contrast of group means, and the smallest effect that it finds often enough.

For weights c of the groups' means, sizes n and a difference c'μ = δσ, F has 1 and N − G degrees of freedom and the
noncentrality λ = δ²/Σ(c²/n) (Cohen 1988, Statistical Power Analysis, chs. 2 and 8; exact for equal variances).
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
