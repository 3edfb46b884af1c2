"""F of every arrangement of a permutation, for tests on few responses."""

import numpy as np

from cuecircuit.stats.permutation import PermutationPlan, arranged_bases, unit_residuals


def permuted_f(y: np.ndarray, plan: PermutationPlan) -> np.ndarray:
    """Return arrangement × response, the arrangement that was found first."""
    products = arranged_bases(plan, slice(None)) @ unit_residuals(y, plan).astype(np.float64)
    explained = (products[:, : plan.tested] ** 2).sum(axis=1)
    left = 1 - (products**2).sum(axis=1)
    return plan.stratum.df / plan.tested * explained / left
