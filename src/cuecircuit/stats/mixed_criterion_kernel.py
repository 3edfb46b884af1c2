"""REML criterion of one response with its derivatives, as compiled loops.

Vocabulary as in `mixed_blocks`: the covariance of a response is σ²W(ψ), linear in the relative variances and
covariances ψ, and W⁻¹ = Σ_e w_e(ψ) B_e with fixed symmetric matrices B_e. A response enters by c_e = X'B_e y and
s_e = y'B_e y only, the design by A_e = X'B_e X (lower triangles, row by row). With P = Σ w_e A_e, b = Σ w_e c_e and
r² = Σ w_e s_e − b'P⁻¹b the profiled criterion −2 log L is

    f(ψ) = log|W| + log|P| + (N−p) (log(2π r²/(N−p)) + 1).

Derivatives: log|P|_j = tr(P⁻¹P_j); r²_j = Σ w_e,j q_e with q_e = (y−Xβ̂)'B_e(y−Xβ̂); second ones likewise. The
derivatives of log|W| + log|P| of second order, with their sign turned, are the expected information of REML.

Source: Bates, Mächler, Bolker and Walker (2015), sections 3 and 4.
"""

import numpy as np

from cuecircuit.compiled import njit

# sums may be reordered; NaN and infinity keep their meaning
_FAST = {"reassoc", "contract", "nsz"}
# called from other loops only: no way in from Python
_INNER = {"cache": True, "nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


# said here, or numba would take it from whichever kernel is compiled first, and last digits with it
@njit(**_INNER, fastmath=_FAST)
def spd_inverse(matrix, inverse):
    """Inverse and log determinant of a positive definite matrix (its lower triangle is overwritten); NaN if it is not.

    A pivot that loses all but 1e-14 of its diagonal counts as zero.
    """
    n = matrix.shape[0]
    log_det = 0.0
    for i in range(n):
        diagonal = matrix[i, i]
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            if i == j:
                if not total > 1e-14 * diagonal:
                    return np.nan
                log_det += np.log(total)
                matrix[i, i] = np.sqrt(total)
            else:
                matrix[i, j] = total / matrix[j, j]
    for j in range(n):
        matrix[j, j] = 1.0 / matrix[j, j]
        for i in range(j + 1, n):
            total = 0.0
            for k in range(j, i):
                total -= matrix[i, k] * matrix[k, j]
            # rows below j are still those of the factor
            matrix[i, j] = total / matrix[i, i]
    for i in range(n):
        for j in range(i + 1):
            total = 0.0
            for k in range(i, n):
                total += matrix[k, i] * matrix[k, j]
            inverse[i, j] = total
            inverse[j, i] = total
    return log_det


@njit(**_INNER)
def _weigh(psi, blocks, w, dw, d2w, dl, d2l):
    """Fill the weights w_e and the log determinant's derivatives, with first and second derivatives; give log|W|."""
    sizes, counts, starts, generators = blocks
    m = psi.size
    log_det = 0.0
    dl[:] = 0.0
    d2l[:] = 0.0
    w[-1] = 1.0
    dw[:, -1] = 0.0
    d2w[:, :, -1] = 0.0
    e = 0
    for block in range(sizes.size):
        r, at = sizes[block], starts[block]
        if r == 1:
            value = 1.0
            for i in range(m):
                value += psi[i] * generators[at, i]
            if not value > 0.0:
                return np.nan
            log_det += counts[block] * np.log(value)
            w[e] = 1.0 / value
            for i in range(m):
                share = generators[at, i] / value
                dw[i, e] = -share / value
                dl[i] += counts[block] * share
                for j in range(i + 1):
                    both = share * generators[at, j] / value
                    d2w[i, j, e] = 2.0 * both / value
                    d2l[i, j] -= counts[block] * both
            e += 1
            continue
        inverse = np.empty((r, r))
        weights_inverse = _block_inverse(psi, generators, at, inverse)
        if np.isnan(weights_inverse):
            return np.nan
        log_det += counts[block] * weights_inverse
        e = _block_weights(inverse, generators[at : at + r * r], counts[block], e, w, dw, d2w, dl, d2l)
    return log_det


@njit(**_INNER)
def _block_inverse(psi, generators, at, inverse):
    r = inverse.shape[0]
    matrix = np.empty((r, r))
    for a in range(r):
        for b in range(r):
            total = 1.0 if a == b else 0.0
            for i in range(psi.size):
                total += psi[i] * generators[at + a * r + b, i]
            matrix[a, b] = total
    return spd_inverse(matrix, inverse)


@njit(**_INNER)
def _block_weights(inverse, generators, count, e, w, dw, d2w, dl, d2l):
    r, m = inverse.shape[0], generators.shape[1]
    # left_i = S⁻¹G_i, twice_i = S⁻¹G_iS⁻¹
    left, twice = np.zeros((m, r, r)), np.zeros((m, r, r))
    for i in range(m):
        for a in range(r):
            for c in range(r):
                for b in range(r):
                    left[i, a, b] += inverse[a, c] * generators[c * r + b, i]
        for a in range(r):
            for c in range(r):
                for b in range(r):
                    twice[i, a, b] += left[i, a, c] * inverse[c, b]
            dl[i] += count * left[i, a, a]
        for j in range(i + 1):
            for a in range(r):
                for c in range(r):
                    d2l[i, j] -= count * left[i, a, c] * left[j, c, a]
    for a in range(r):
        for b in range(a + 1):
            w[e] = inverse[a, b]
            for i in range(m):
                dw[i, e] = -twice[i, a, b]
                for j in range(i + 1):
                    total = 0.0
                    for c in range(r):
                        total += left[i, a, c] * twice[j, c, b] + left[j, a, c] * twice[i, c, b]
                    d2w[i, j, e] = total
            e += 1
    return e


@njit(**_INNER, fastmath=_FAST)
def _weighted_sum(weights, forms, full):
    """Sum of weights times packed forms, as a full symmetric matrix."""
    p = full.shape[0]
    packed = np.zeros(forms.shape[1])
    for e in range(weights.size):
        weight = weights[e]
        if weight != 0.0:
            for k in range(packed.size):
                packed[k] += weight * forms[e, k]
    k = 0
    for i in range(p):
        for j in range(i + 1):
            full[i, j] = packed[k]
            full[j, i] = packed[k]
            k += 1


@njit(**_INNER, fastmath=_FAST)
def _traces(inverse, beta, forms, c, s, trace, quadratic):
    """For every e: tr(P⁻¹A_e) and (y−Xβ)'B_e(y−Xβ)."""
    p = beta.size
    packed, products = np.empty(forms.shape[1]), np.empty(forms.shape[1])
    k = 0
    for i in range(p):
        for j in range(i + 1):
            twice = 1.0 if i == j else 2.0
            packed[k] = twice * inverse[i, j]
            products[k] = twice * beta[i] * beta[j]
            k += 1
    for e in range(s.size):
        total, form, cross = 0.0, 0.0, 0.0
        for k in range(packed.size):
            total += packed[k] * forms[e, k]
            form += products[k] * forms[e, k]
        for i in range(p):
            cross += beta[i] * c[e, i]
        trace[e] = total
        quadratic[e] = s[e] - 2.0 * cross + form


@njit(**_INNER, fastmath=_FAST)
def criterion(psi, blocks, forms, c, s, n_left, beta, inverse, gradient, hessian, expected):
    """Profiled −2 log L with gradient, Hessian and expected information in ψ; NaN where W or P is not definite.

    Fills β̂ and P⁻¹ as well. Gives (f, σ²).
    """
    m, p, n_e = psi.size, beta.size, s.size
    w, dw, d2w = np.empty(n_e), np.empty((m, n_e)), np.empty((m, m, n_e))
    dl, d2l = np.empty(m), np.empty((m, m))
    log_det = _weigh(psi, blocks, w, dw, d2w, dl, d2l)
    if np.isnan(log_det):
        return np.nan, np.nan
    form = np.empty((p, p))
    _weighted_sum(w, forms, form)
    log_det_p = spd_inverse(form, inverse)
    if np.isnan(log_det_p):
        return np.nan, np.nan
    right = np.zeros(p)
    for e in range(n_e):
        for i in range(p):
            right[i] += w[e] * c[e, i]
    for i in range(p):
        beta[i] = 0.0
        for j in range(p):
            beta[i] += inverse[i, j] * right[j]
    trace, quadratic = np.empty(n_e), np.empty(n_e)
    _traces(inverse, beta, forms, c, s, trace, quadratic)
    r2 = 0.0
    for e in range(n_e):
        r2 += w[e] * quadratic[e]
    if not r2 > 0.0:
        return np.nan, np.nan
    sigma2 = r2 / n_left
    # slope: P⁻¹P_j; pull: Σ w_e,j X'B_e(y−Xβ̂); reach: P⁻¹ of it
    slope, pull, reach = np.empty((m, p, p)), np.zeros((m, p)), np.zeros((m, p))
    for j in range(m):
        _weighted_sum(dw[j], forms, form)
        for i in range(p):
            for e in range(n_e):
                pull[j, i] += dw[j, e] * c[e, i]
            for k in range(p):
                pull[j, i] -= form[i, k] * beta[k]
        for i in range(p):
            for o in range(p):
                slope[j, i, o] = 0.0
            for k in range(p):
                weight = inverse[i, k]
                reach[j, i] += weight * pull[j, k]
                for o in range(p):
                    slope[j, i, o] += weight * form[k, o]
    dr = np.zeros(m)
    for j in range(m):
        for e in range(n_e):
            dl[j] += dw[j, e] * trace[e]
            dr[j] += dw[j, e] * quadratic[e]
        gradient[j] = dl[j] + dr[j] / sigma2
    for i in range(m):
        for j in range(i + 1):
            d2, d2r = d2l[i, j], 0.0
            for e in range(n_e):
                d2 += d2w[i, j, e] * trace[e]
                d2r += d2w[i, j, e] * quadratic[e]
            for k in range(p):
                d2r -= 2.0 * pull[i, k] * reach[j, k]
                for o in range(p):
                    d2 -= slope[i, k, o] * slope[j, o, k]
            hessian[i, j] = hessian[j, i] = d2 + d2r / sigma2 - dr[i] * dr[j] / (sigma2 * sigma2 * n_left)
            expected[i, j] = expected[j, i] = -d2 - dl[i] * dl[j] / n_left
    return log_det + log_det_p + n_left * (np.log(2.0 * np.pi * sigma2) + 1.0), sigma2
