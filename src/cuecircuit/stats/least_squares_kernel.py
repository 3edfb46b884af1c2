"""Weighted least squares of one response by the inverse of X'WX, as compiled loops that others call."""

from cuecircuit.compiled import njit


@njit(cache=True, nogil=True, error_model="numpy")
def solve_weighted(x, y, w, inverse, beta):
    """Fill β = (X'WX)⁻¹X'Wy."""
    n, p = x.shape
    beta[:] = 0.0
    for k in range(p):
        along = 0.0
        for i in range(n):
            along += w[i] * x[i, k] * y[i]
        for j in range(p):
            beta[j] += inverse[j, k] * along


@njit(cache=True, nogil=True, error_model="numpy")
def residuals(x, y, beta, r):
    """Fill r = y − Xβ."""
    for i in range(len(y)):
        r[i] = y[i]
        for j in range(len(beta)):
            r[i] -= x[i, j] * beta[j]
