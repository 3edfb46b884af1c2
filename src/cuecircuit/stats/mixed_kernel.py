"""The loops of the mixed model: REML criterion and derivatives, Newton's method per response, degrees of freedom.

Vocabulary as in `mixed_blocks`: the covariance of a response is σ²W(ψ), linear in the relative variances and
covariances ψ, and W⁻¹ = Σ_e w_e(ψ) B_e with fixed symmetric matrices B_e. A response enters by c_e = X'B_e y and
s_e = y'B_e y only, the design by A_e = X'B_e X (lower triangles, row by row). With P = Σ w_e A_e, b = Σ w_e c_e and
r² = Σ w_e s_e − b'P⁻¹b the profiled criterion −2 log L is

    f(ψ) = log|W| + log|P| + (N−p) (log(2π r²/(N−p)) + 1).

Derivatives: log|P|_j = tr(P⁻¹P_j); r²_j = Σ w_e,j q_e with q_e = (y−Xβ̂)'B_e(y−Xβ̂); second ones likewise. The
derivatives of log|W| + log|P| of second order, with their sign turned, are the expected information of REML.

Parameters φ that are iterated: ψ ≥ 0 itself for terms of one column, entries of the Cholesky factor (free in sign)
for terms of several correlated columns.

Sources: Bates, Mächler, Bolker and Walker (2015), sections 3-4; Kenward and Roger (1997); Fai and Cornelius (1996).
"""

import numpy as np
from numba import njit

# sums may be reordered; NaN and infinity keep their meaning
_FAST = {"reassoc", "contract", "nsz"}

CONVERGED, NOT_CONVERGED, NO_ERROR_VARIANCE = 0, 1, 2
# what −2 log L may still fall by when iteration ends, and where rounding hides whether a step lowers it
_DECREMENT, _ROUNDING = 1e-16, 1e-7
_MAX_STEPS = 200
# curvature that counts as none: rank-deficient Cholesky factors may turn without changing f
_FLAT = 1e-8


@njit(cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _spd_inverse(matrix, inverse):
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


@njit(cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
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
        own = _block_inverse(psi, generators, at, inverse)
        if np.isnan(own):
            return np.nan
        log_det += counts[block] * own
        e = _block_weights(inverse, generators[at : at + r * r], counts[block], e, w, dw, d2w, dl, d2l)
    return log_det


@njit(cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _block_inverse(psi, generators, at, inverse):
    r = inverse.shape[0]
    matrix = np.empty((r, r))
    for a in range(r):
        for b in range(r):
            total = 1.0 if a == b else 0.0
            for i in range(psi.size):
                total += psi[i] * generators[at + a * r + b, i]
            matrix[a, b] = total
    return _spd_inverse(matrix, inverse)


@njit(cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST, no_cpython_wrapper=True, no_cfunc_wrapper=True)
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST, no_cpython_wrapper=True, no_cfunc_wrapper=True)
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _criterion(psi, blocks, forms, c, s, n_left, beta, inverse, gradient, hessian, expected):
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
    log_det_p = _spd_inverse(form, inverse)
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
            for l in range(p):
                slope[j, i, l] = 0.0
            for k in range(p):
                weight = inverse[i, k]
                reach[j, i] += weight * pull[j, k]
                for l in range(p):
                    slope[j, i, l] += weight * form[k, l]
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
                for l in range(p):
                    d2 -= slope[i, k, l] * slope[j, l, k]
            hessian[i, j] = hessian[j, i] = d2 + d2r / sigma2 - dr[i] * dr[j] / (sigma2 * sigma2 * n_left)
            expected[i, j] = expected[j, i] = -d2 - dl[i] * dl[j] / n_left
    return log_det + log_det_p + n_left * (np.log(2.0 * np.pi * sigma2) + 1.0), sigma2


@njit(cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _to_psi(phi, columns, psi, jacobian):
    """Relative variances and covariances of parameters φ, with ∂ψ/∂φ; terms of k columns take k(k+1)/2 places."""
    jacobian[:] = 0.0
    at = 0
    for k in columns:
        if k == 1:
            psi[at] = phi[at]
            jacobian[at, at] = 1.0
        else:
            for b in range(k):
                for a in range(b, k):
                    row = at + _place(a, b, k)
                    psi[row] = 0.0
                    for c in range(b + 1):
                        one, other = at + _place(a, c, k), at + _place(b, c, k)
                        psi[row] += phi[one] * phi[other]
                        jacobian[row, one] += phi[other]
                        jacobian[row, other] += phi[one]
        at += k * (k + 1) // 2


@njit(cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _place(a, b, k):
    """Place of entry (a, b), a ≥ b, in the lower triangle of k columns, column by column (lme4's order)."""
    return b * k - b * (b - 1) // 2 + a - b


@njit(cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _pull_back(matrix, jacobian, out):
    n = jacobian.shape[0]
    for i in range(n):
        for j in range(i + 1):
            total = 0.0
            for a in range(n):
                if jacobian[a, i] != 0.0:
                    for b in range(n):
                        total += jacobian[a, i] * matrix[a, b] * jacobian[b, j]
            out[i, j] = total
            out[j, i] = total


@njit(cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _add_bend(gradient, columns, out):
    """Add Σ_m ∂f/∂ψ_m ∂²ψ_m/∂φ∂φ for the terms in Cholesky form."""
    at = 0
    for k in columns:
        if k > 1:
            for c in range(k):
                for x in range(c, k):
                    for z in range(c, k):
                        slope = gradient[at + _place(max(x, z), min(x, z), k)]
                        out[at + _place(x, c, k), at + _place(z, c, k)] += 2.0 * slope if x == z else slope
        at += k * (k + 1) // 2


@njit(cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _direction(gradient, matrix, free, step):
    """Newton's step among the free parameters; what it would lower f by, twice, or NaN if not positive definite."""
    n = 0
    index = np.empty(gradient.size, np.int64)
    for i in range(gradient.size):
        step[i] = 0.0
        if free[i]:
            index[n] = i
            n += 1
    part, inverse = np.empty((n, n)), np.empty((n, n))
    for i in range(n):
        for j in range(n):
            part[i, j] = matrix[index[i], index[j]]
    if np.isnan(_spd_inverse(part, inverse)):
        return np.nan
    decrement = 0.0
    for i in range(n):
        for j in range(n):
            step[index[i]] -= inverse[i, j] * gradient[index[j]]
        decrement -= step[index[i]] * gradient[index[i]]
    return decrement


@njit(cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _step(gradient, matrix, hessian, expected, jacobian, free, step):
    """Newton's step, or where f is not convex that of the expected information; (decrement, whether convex).

    At a minimum whose Cholesky factor has not full rank, f is flat in some directions: convex all the same.
    """
    decrement = _direction(gradient, matrix, free, step)
    if decrement == decrement:
        return decrement, True
    for i in range(gradient.size):
        matrix[i, i] += _FLAT * (1.0 + abs(matrix[i, i]))
    decrement = _direction(gradient, matrix, free, step)
    if decrement <= _DECREMENT:
        return decrement, True
    _pull_back(expected, jacobian, matrix)
    for i in range(gradient.size):
        # a Cholesky entry at 0 has no information of first order
        matrix[i, i] += _FLAT * (1.0 + matrix[i, i])
    return _direction(gradient, matrix, free, step), False


@njit(cache=True, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _minimize(phi, psi, columns, bounded, blocks, forms, c, s, n_left, beta, inverse):
    """Newton's method with bounds from φ on; gives (status, f, σ²). Expected information where f is not convex."""
    m = phi.size
    slope, hessian, expected = np.empty(m), np.empty((m, m)), np.empty((m, m))
    gradient, matrix, step, trial = np.empty(m), np.empty((m, m)), np.empty(m), np.empty(m)
    jacobian, free = np.empty((m, m)), np.empty(m, np.bool_)
    trial[:] = phi
    f, sigma2, length, gain, decrement, convex = np.inf, np.nan, 1.0, 0.0, 0.0, False
    for _ in range(_MAX_STEPS):
        _to_psi(trial, columns, psi, jacobian)
        f_new, sigma2_new = _criterion(psi, blocks, forms, c, s, n_left, beta, inverse, slope, hessian, expected)
        lower = f_new <= f + 1e-4 * gain or (convex and decrement < _ROUNDING and f_new <= f + _ROUNDING)
        if not lower:
            if f == np.inf:
                return NO_ERROR_VARIANCE, f_new, sigma2_new
            length *= 0.5
            if length < 1e-10:
                return NOT_CONVERGED, f, sigma2
        else:
            phi[:] = trial
            f, sigma2, length = f_new, sigma2_new, 1.0
            for i in range(m):
                gradient[i] = 0.0
                for j in range(m):
                    gradient[i] += jacobian[j, i] * slope[j]
                free[i] = not (bounded[i] and phi[i] <= 0.0 and gradient[i] >= 0.0)
            _pull_back(hessian, jacobian, matrix)
            _add_bend(slope, columns, matrix)
            decrement, convex = _step(gradient, matrix, hessian, expected, jacobian, free, step)
            if decrement <= _DECREMENT:
                return CONVERGED if convex else NOT_CONVERGED, f, sigma2
        gain = 0.0
        for i in range(m):
            trial[i] = phi[i] + length * step[i]
            if bounded[i]:
                trial[i] = max(trial[i], 0.0)
            gain += gradient[i] * (trial[i] - phi[i])
    return NOT_CONVERGED, f, sigma2


@njit(cache=True, nogil=True, error_model="numpy")
def fit_responses(start, columns, blocks, forms, c, s, n_left, phi, psi, beta, sigma2, criterion, status):
    """Fit every response; fills the arrays from `phi` on, first axis responses.

    Args:
        start: φ to begin with.
        columns: number of columns of each random term.
        blocks: sizes, counts, starts, generators of `mixed_blocks`.
        forms: A_e packed, (1 or response) × e × pair; one for all responses where they share their design.
        c: response × e × column.
        s: response × e.
        n_left: N − p.
    """
    m, p = start.size, c.shape[2]
    bounded = np.zeros(m, np.bool_)
    at = 0
    for k in columns:
        if k == 1:
            bounded[at] = True
        at += k * (k + 1) // 2
    inverse = np.empty((p, p))
    for v in range(s.shape[0]):
        phi[v] = start
        form = forms[v if forms.shape[0] > 1 else 0]
        status[v], criterion[v], sigma2[v] = _minimize(
            phi[v], psi[v], columns, bounded, blocks, form, c[v], s[v], n_left, beta[v], inverse
        )
