"""Iteratively reweighted least squares of one response after another, as compiled loops.

Weights of u = r/s, s = median|r|/0.6745: Huber 1 to |u| = k then k/|u|; bisquare (1 − (u/k)²)² to |u| = k then 0.
"""

import numpy as np

from cuecircuit.compiled import njit
from cuecircuit.stats.least_squares_kernel import residuals, solve_weighted
from cuecircuit.stats.mixed_criterion_kernel import spd_inverse

CONVERGED, NOT_CONVERGED, NO_SCALE = 0, 1, 2
MAD_TO_SD = 0.6744897501960817  # third quartile of the standard normal
_STEPS = 500
# coefficients move the fitted values by less than this share of the scale
_TOLERANCE = 1e-9


@njit(cache=True, nogil=True, error_model="numpy")
def reweight(x, y, k, bisquare, beta, scale, weights, status):
    """Fill the coefficients, scale, weights and state of each response from the start in `beta` (response, column)."""
    n, p = x.shape
    r, before, size = np.empty(n), np.empty(n), np.empty(n)
    a, inverse = np.empty((p, p)), np.empty((p, p))
    for response in range(len(y)):
        residuals(x, y[response], beta[response], r)
        largest = np.abs(y[response]).max()
        status[response] = NOT_CONVERGED
        for _ in range(_STEPS):
            for i in range(n):
                size[i] = abs(r[i])
                before[i] = r[i]
            s = np.median(size) / MAD_TO_SD
            scale[response] = s
            # half the subjects fitted exactly, to rounding: no scale
            if s <= 1e-13 * largest:
                status[response] = NO_SCALE
                break
            _weigh(r, s, k, bisquare, weights[response])
            if not _solve(x, y[response], weights[response], a, inverse, beta[response]):
                break
            residuals(x, y[response], beta[response], r)
            moved = 0.0
            for i in range(n):
                moved = max(moved, abs(r[i] - before[i]))
            if moved <= _TOLERANCE * s:
                status[response] = CONVERGED
                break


@njit(cache=True, nogil=True, error_model="numpy")
def _weigh(r, s, k, bisquare, weights):
    for i in range(len(r)):
        u = abs(r[i]) / s
        if bisquare:
            weights[i] = (1.0 - (u / k) ** 2) ** 2 if u < k else 0.0
        else:
            weights[i] = 1.0 if u <= k else k / u


@njit(cache=True, nogil=True, error_model="numpy")
def _solve(x, y, w, a, inverse, beta):
    n, p = x.shape
    for j in range(p):
        for k in range(j + 1):
            total = 0.0
            for i in range(n):
                total += w[i] * x[i, j] * x[i, k]
            a[j, k] = total
            a[k, j] = total
    if not np.isfinite(spd_inverse(a, inverse)):
        return False
    solve_weighted(x, y, w, inverse, beta)
    return True
