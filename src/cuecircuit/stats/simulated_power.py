"""Power from simulated studies: shares with exact intervals, and the smallest size.

A share of n studies has the interval of Clopper and Pearson (1934, Biometrika 26:404), whose coverage is never below
what is asked. Between two sizes that were simulated Φ⁻¹(power) is taken as linear in √n, which it is for a normal test
of a fixed effect; no power is given beyond them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import optimize, special, stats

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shares:
    """Shares of `n` studies, and their exact intervals."""

    share: Float[Array, "test"]
    ci_low: Float[Array, "test"]
    ci_high: Float[Array, "test"]
    n: int


def shares(found: Int[Array, "test"], n: int, *, confidence: float = 0.95) -> Shares:
    """Return the share of studies that found something, with Clopper and Pearson's interval.

    Raises:
        DesignError: no studies, or more found than there are.
    """
    if n < 1 or (found < 0).any() or (found > n).any():
        raise DesignError(f"shares: found counts up to {found.max(initial=0)} of {n} studies; expected 0 to n, n ≥ 1")
    tail = (1 - confidence) / 2
    with np.errstate(invalid="ignore"):  # no beta distribution has a parameter 0: there the bound is 0 or 1
        low = np.where(found == 0, 0.0, stats.beta.ppf(tail, found, n - found + 1))
        high = np.where(found == n, 1.0, stats.beta.isf(tail, found + 1, n - found))
    return Shares(share=found / n, ci_low=low, ci_high=high, n=n)


def smallest_size(sizes: Sequence[int], power: Float[Array, "size"], wanted: float) -> float:
    """Return the size at which power reaches `wanted`; inf where none does, the smallest size where every one does.

    Args:
        sizes: animals, rising.
        power: at each size; made monotone (isotonic regression) before it is read.
        wanted: between 0 and 1.

    Raises:
        DesignError: sizes that do not rise, or a power that is not between 0 and 1.
    """
    if not 0 < wanted < 1 or any(b <= a for a, b in pairwise(sizes)):
        raise DesignError(f"found power {wanted:g} over sizes {list(sizes)}; expected 0 to 1, over sizes that rise")
    rising = np.asarray(optimize.isotonic_regression(power).x)
    reached = np.flatnonzero(rising >= wanted)
    if not reached.size:
        return np.inf
    at = int(reached[0])
    if at == 0:
        return float(sizes[0])
    # a share of 0 or 1 has no Φ⁻¹: it is taken as close to that as rounding can tell
    low, high = special.ndtri(np.clip(rising[at - 1 : at + 1], 1e-9, 1 - 1e-9))
    roots = np.sqrt([sizes[at - 1], sizes[at]])
    part = (special.ndtri(wanted) - low) / (high - low)
    # rounding must not pass the size that is enough
    return min(float((roots[0] + part * (roots[1] - roots[0])) ** 2), float(sizes[at]))
