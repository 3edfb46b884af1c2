"""The loops of the mixed model's tests: F and denominator degrees of freedom of linear hypotheses Lβ = 0.

Satterthwaite, as lmerTest: with C = σ²P⁻¹ the covariance of β̂ and V that of the variance parameters τ = (ψ, log σ),
a contrast l has df = 2 (l'Cl)² / (g'Vg), g = ∂(l'Cl)/∂τ; hypotheses of several rows are turned to the eigenvectors
of LCL' and their df ν_m pooled, E = Σ ν_m/(ν_m−2), df = 2E/(E−q) (Fai and Cornelius 1996).

Kenward and Roger (1997), as pbkrtest: with P_i = X'(∂V⁻¹/∂γ_i)X, Q_ij = X'V⁻¹G_iV⁻¹G_jV⁻¹X, W the inverse expected
information of the variances and covariances γ (residual last, none left out at 0) and Φ = C,
Φ_A = Φ + 2Φ[Σ W_ij (Q_ij − P_iΦP_j)]Φ; F = λ β̂'L'(LΦ_A L')⁻¹Lβ̂/q with λ and df matched to the moments of F.
All is done at σ = 1, so that it does not depend on the unit.
"""

import numpy as np
from numba import njit

from cuecircuit.stats.mixed_kernel import response_forms, spd_inverse, weigh, weighted_sum

WALD, SATTERTHWAITE, KENWARD_ROGER = 0, 1, 2


@njit(cache=True, nogil=True)
def test_responses(method, rows, starts, blocks, forms, n, psi, sigma2, beta, covariance, f, df, se):
    """Test every hypothesis in every response; fills `f`, `df` (hypothesis × response) and `se` (row × response).

    Args:
        method: WALD (df infinite), SATTERTHWAITE or KENWARD_ROGER.
        rows: L of all hypotheses below one another.
        starts: first row of each hypothesis, and the number of rows.
        blocks: as in `mixed_kernel`.
        forms: as in `mixed_kernel`.
        n: number of observations.
        psi: parameter × response, with `sigma2`, `beta`, `covariance` as fitted; NaN where there is no fit.
    """
    m, p, n_e = psi.shape[0], beta.shape[0], forms.shape[1]
    w, dw, d2w = np.empty(n_e), np.empty((m, n_e)), np.empty((m, m, n_e))
    dl, d2l = np.empty(m), np.empty((m, m))
    matrix, inverse, slopes = np.empty((p, p)), np.empty((p, p)), np.empty((m + 1, p, p))
    for v in range(sigma2.size):
        f[:, v] = df[:, v] = se[:, v] = np.nan
        if np.isnan(sigma2[v]):
            continue
        form = response_forms(forms, v)
        weigh(psi[:, v].copy(), blocks, w, dw, d2w, dl, d2l)
        weighted_sum(w, form, matrix)
        spd_inverse(matrix.copy(), inverse)
        for i in range(m):
            weighted_sum(dw[i], form, slopes[i])
        if method == KENWARD_ROGER:
            # the derivative by the residual variance, since W(ψ) without the terms' parts is the identity
            slopes[m] = -matrix
            for i in range(m):
                slopes[m] -= psi[i, v] * slopes[i]
            adjusted, information = _adjust(psi[:, v], inverse, slopes, form, d2w, dl, d2l, n)
        else:
            adjusted, information = inverse, covariance[:, :, v].copy()
        for h in range(starts.size - 1):
            own = rows[starts[h] : starts[h + 1]]
            f[h, v], df[h, v] = _test(method, own, beta[:, v].copy(), inverse, adjusted, slopes, information)
            f[h, v] /= sigma2[v]
        for row in range(rows.shape[0]):
            se[row, v] = np.sqrt(sigma2[v] * (rows[row] @ (adjusted @ rows[row])))


@njit(cache=True, nogil=True)
def _test(method, rows, beta, inverse, adjusted, slopes, information):
    """F at σ = 1 and degrees of freedom of one hypothesis."""
    estimate = rows @ beta
    if method == KENWARD_ROGER:
        return _kenward_roger(rows, estimate, inverse, adjusted, slopes, information)
    m = slopes.shape[0] - 1
    values, vectors = np.linalg.eigh(rows @ (inverse @ rows.T))
    turned = vectors.T @ rows
    along = vectors.T @ estimate
    q = rows.shape[0]
    f, df = 0.0, np.empty(q)
    slope = np.empty(m + 1)
    for k in range(q):
        f += along[k] ** 2 / values[k] / q
        reach = inverse @ turned[k]
        for i in range(m):
            slope[i] = -(reach @ (slopes[i] @ reach))
        slope[m] = 2.0 * values[k]
        df[k] = 2.0 * values[k] ** 2 / (slope @ (information @ slope))
    return f, (_pooled(df) if method == SATTERTHWAITE else np.inf)


@njit(cache=True, nogil=True)
def _pooled(df):
    """Degrees of freedom of a mean of squared t, as lmerTest pools them."""
    if df.size == 1:
        return df[0]
    if np.abs(np.diff(df)).max() < 1e-8:
        return df.mean()
    if df.min() <= 2.0:
        return 2.0
    total = (df / (df - 2.0)).sum()
    return 2.0 * total / (total - df.size)


@njit(cache=True, nogil=True)
def _adjust(psi, inverse, slopes, form, d2w, dl, d2l, n):
    """Φ_A and W of Kenward and Roger at σ = 1."""
    m, p = psi.size, inverse.shape[0]
    q = np.empty((m + 1, m + 1, p, p))
    trace = np.empty((m + 1, m + 1))
    for i in range(m):
        for j in range(i + 1):
            weighted_sum(0.5 * d2w[i, j], form, q[i, j])
            q[j, i] = q[i, j]
            trace[i, j] = trace[j, i] = -d2l[i, j]
    # the residual's: each factor I is W(ψ) less the terms' parts
    left = float(n)
    for i in range(m):
        q[m, i] = -slopes[i]
        trace[m, i] = dl[i]
        left -= psi[i] * dl[i]
        for j in range(m):
            q[m, i] -= psi[j] * q[j, i]
            trace[m, i] -= psi[j] * trace[j, i]
        q[i, m] = q[m, i]
        trace[i, m] = trace[m, i]
    q[m, m] = -slopes[m]
    trace[m, m] = left
    for i in range(m):
        q[m, m] -= psi[i] * q[m, i]
        trace[m, m] -= psi[i] * trace[m, i]
    information = np.empty((m + 1, m + 1))
    half = np.empty((m + 1, p, p))
    for i in range(m + 1):
        half[i] = inverse @ slopes[i]
    for i in range(m + 1):
        for j in range(i + 1):
            value = trace[i, j] - 2.0 * (inverse * q[i, j]).sum() + (half[i] * half[j].T).sum()
            information[i, j] = information[j, i] = value
    covariance = _twice_inverse(information)
    total = np.zeros((p, p))
    for i in range(m + 1):
        for j in range(i + 1):
            twice = 1.0 if i == j else 2.0
            total += twice * covariance[i, j] * (q[i, j] - slopes[i] @ half[j])
    total = (total + total.T) / 2.0
    return inverse + 2.0 * (inverse @ (total @ inverse)), covariance


@njit(cache=True, nogil=True)
def _twice_inverse(information):
    """Twice the inverse, directions without information left out; they are judged after scaling to unit diagonal."""
    size = np.sqrt(np.diag(information))
    values, vectors = np.linalg.eigh(information / np.outer(size, size))
    half = np.zeros_like(information)
    for k in range(values.size):
        if values[k] > 1e-10:
            half[:, k] = vectors[:, k] * np.sqrt(2.0 / values[k]) / size
    return half @ half.T


@njit(cache=True, nogil=True)
def _kenward_roger(rows, estimate, inverse, adjusted, slopes, covariance):
    q, m1 = rows.shape[0], slopes.shape[0]
    reach = inverse @ rows.T
    own = np.linalg.inv(rows @ reach)
    parts = np.empty((m1, q, q))
    for i in range(m1):
        parts[i] = own @ (reach.T @ (slopes[i] @ reach))
    a1, a2 = 0.0, 0.0
    for i in range(m1):
        for j in range(m1):
            a1 += covariance[i, j] * np.trace(parts[i]) * np.trace(parts[j])
            a2 += covariance[i, j] * (parts[i] * parts[j].T).sum()
    f = estimate @ (np.linalg.inv(rows @ (adjusted @ rows.T)) @ estimate) / q
    b = (a1 + 6.0 * a2) / (2.0 * q)
    g = ((q + 1) * a1 - (q + 4) * a2) / ((q + 2) * a2)
    share = 3.0 * q + 2.0 * (1.0 - g)
    v0 = 1.0 + g / share * b
    v1 = 1.0 - (q - g) / share * b
    v2 = 1.0 - (q + 2 - g) / share * b
    # pbkrtest's guards against 0/0
    v0 = 0.0 if abs(v0) < 1e-10 else v0
    ratio = 1.0 if abs(1.0 - a2 / q) < 1e-14 and abs(v1) < 1e-14 else (1.0 - a2 / q) / v1
    rho = ratio**2 * v0 / v2 / q
    df = 4.0 + (q + 2) / (q * rho - 1.0)
    scale = 1.0 if abs(df - 2.0) < 0.01 else df * (1.0 - a2 / q) / (df - 2.0)
    return scale * f, df
