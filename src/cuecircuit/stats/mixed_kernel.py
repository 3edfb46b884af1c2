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
_FAST = frozenset({"reassoc", "contract", "nsz"})

CONVERGED, NOT_CONVERGED, NO_ERROR_VARIANCE = 0, 1, 2
# what −2 log L may still fall by when iteration ends, and where rounding hides whether a step lowers it
_DECREMENT, _ROUNDING = 1e-16, 1e-7
_MAX_STEPS = 100
# curvature that counts as none: rank-deficient Cholesky factors may turn without changing f
_FLAT = 1e-8


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def weigh(psi, blocks, w, dw, d2w, dl, d2l):
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True, fastmath=_FAST)
def weighted_sum(weights, forms, full):
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


@njit(cache=True, nogil=True, fastmath=_FAST)
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


@njit(cache=True, nogil=True, fastmath=_FAST)
def _criterion(psi, blocks, forms, c, s, n_left, beta, inverse, gradient, hessian, expected, curvature):
    """Profiled −2 log L with gradient, Hessian and expected information in ψ; NaN where W or P is not definite.

    Fills β̂ and P⁻¹ as well; `curvature` gets second derivatives of log|W| + log|P| + r²/σ² at σ² fixed, its last
    row those with log σ. Gives (f, σ²).
    """
    m, p, n_e = psi.size, beta.size, s.size
    w, dw, d2w = np.empty(n_e), np.empty((m, n_e)), np.empty((m, m, n_e))
    dl, d2l = np.empty(m), np.empty((m, m))
    log_det = weigh(psi, blocks, w, dw, d2w, dl, d2l)
    if np.isnan(log_det):
        return np.nan, np.nan
    form = np.empty((p, p))
    weighted_sum(w, forms, form)
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
        weighted_sum(dw[j], forms, form)
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
            curvature[i, j] = curvature[j, i] = d2 + d2r / sigma2
            hessian[i, j] = hessian[j, i] = d2 + d2r / sigma2 - dr[i] * dr[j] / (sigma2 * sigma2 * n_left)
            expected[i, j] = expected[j, i] = -d2 - dl[i] * dl[j] / n_left
        curvature[m, i] = curvature[i, m] = -2.0 * dr[i] / sigma2
    curvature[m, m] = 4.0 * n_left
    return log_det + log_det_p + n_left * (np.log(2.0 * np.pi * sigma2) + 1.0), sigma2


@njit(cache=True, nogil=True)
def response_forms(forms, v):
    """The packed A_e of a response, where all may share one design."""
    return forms[v if forms.shape[0] > 1 else 0]


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _place(a, b, k):
    """Place of entry (a, b), a ≥ b, in the lower triangle of k columns, column by column (lme4's order)."""
    return b * k - b * (b - 1) // 2 + a - b


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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
    if np.isnan(spd_inverse(part, inverse)):
        return np.nan
    decrement = 0.0
    for i in range(n):
        for j in range(n):
            step[index[i]] -= inverse[i, j] * gradient[index[j]]
        decrement -= step[index[i]] * gradient[index[i]]
    return decrement


@njit(cache=True, nogil=True)
def _minimize(phi, psi, columns, bounded, blocks, forms, c, s, n_left, beta, inverse, curvature):
    """Newton's method with bounds from φ on; gives (status, f, σ²). Expected information where f is not convex."""
    m = phi.size
    slope, hessian, expected = np.empty(m), np.empty((m, m)), np.empty((m, m))
    gradient, matrix, step, trial = np.empty(m), np.empty((m, m)), np.empty(m), np.empty(m)
    jacobian, free = np.empty((m, m)), np.empty(m, np.bool_)
    _to_psi(phi, columns, psi, jacobian)
    f, sigma2 = _criterion(psi, blocks, forms, c, s, n_left, beta, inverse, slope, hessian, expected, curvature)
    if np.isnan(f):
        return NO_ERROR_VARIANCE, f, sigma2
    for _ in range(_MAX_STEPS):
        for i in range(m):
            gradient[i] = 0.0
            for j in range(m):
                gradient[i] += jacobian[j, i] * slope[j]
            free[i] = not (bounded[i] and phi[i] <= 0.0 and gradient[i] >= 0.0)
        _pull_back(hessian, jacobian, matrix)
        _add_bend(slope, columns, matrix)
        decrement = _direction(gradient, matrix, free, step)
        if decrement <= _DECREMENT:
            return CONVERGED, f, sigma2
        convex = not np.isnan(decrement)
        if not convex:
            for i in range(m):
                matrix[i, i] += _FLAT * (1.0 + abs(matrix[i, i]))
            flat = _direction(gradient, matrix, free, step)
            _pull_back(expected, jacobian, matrix)
            for i in range(m):
                # a Cholesky entry at 0 has no information of first order
                matrix[i, i] += _FLAT * (1.0 + matrix[i, i])
            decrement = _direction(gradient, matrix, free, step)
            if np.isnan(decrement):
                return NOT_CONVERGED, f, sigma2
            if flat <= _DECREMENT:
                return CONVERGED, f, sigma2
        length = 1.0
        while True:
            gain = 0.0
            for i in range(m):
                trial[i] = phi[i] + length * step[i]
                if bounded[i]:
                    trial[i] = max(trial[i], 0.0)
                gain += gradient[i] * (trial[i] - phi[i])
            _to_psi(trial, columns, psi, jacobian)
            f_new, sigma2_new = _criterion(
                psi, blocks, forms, c, s, n_left, beta, inverse, slope, hessian, expected, curvature
            )
            if f_new <= f + 1e-4 * gain or (convex and decrement < _ROUNDING and f_new <= f + _ROUNDING):
                break
            length *= 0.5
            if length < 1e-10:
                _to_psi(phi, columns, psi, jacobian)
                _criterion(psi, blocks, forms, c, s, n_left, beta, inverse, slope, hessian, expected, curvature)
                return NOT_CONVERGED, f, sigma2
        phi[:] = trial
        f, sigma2 = f_new, sigma2_new
    return NOT_CONVERGED, f, sigma2


@njit(cache=True, nogil=True)
def fit_responses(start, columns, blocks, forms, c, s, n_left, psi, beta, sigma2, covariance, criterion, status):
    """Fit every response; fills the arrays from `psi` on, the last axis of each running over responses.

    Args:
        start: φ to begin with.
        columns: number of columns of each random term.
        blocks: sizes, counts, starts, generators of `mixed_blocks`.
        forms: A_e packed, (1 or response) × e × pair; one for all responses where they share their design.
        c: response × e × column.
        s: response × e.
        n_left: N − p.
        covariance: of (ψ, log σ), asymptotic, for Satterthwaite's degrees of freedom.
    """
    m, p = start.size, c.shape[2]
    bounded = np.zeros(m, np.bool_)
    at = 0
    for k in columns:
        if k == 1:
            bounded[at] = True
        at += k * (k + 1) // 2
    phi, own_psi, own_beta = np.empty(m), np.empty(m), np.empty(p)
    inverse, curvature = np.empty((p, p)), np.empty((m + 1, m + 1))
    slope, unused = np.empty(m), np.empty((m, m))
    for v in range(s.shape[0]):
        phi[:] = start
        form = response_forms(forms, v)
        status[v], criterion[v], sigma2[v] = _minimize(
            phi, own_psi, columns, bounded, blocks, form, c[v], s[v], n_left, own_beta, inverse, curvature
        )
        psi[:, v] = own_psi
        beta[:, v] = own_beta
        if status[v] != NO_ERROR_VARIANCE:
            _criterion(
                own_psi, blocks, form, c[v], s[v], n_left, own_beta, inverse, slope, unused, unused, curvature
            )
            covariance[:, :, v] = _parameter_covariance(phi, own_psi, columns, slope, curvature)


@njit(cache=True, nogil=True)
def _parameter_covariance(phi, psi, columns, slope, curvature):
    """Twice the inverse Hessian of −2 log L in (θ, log σ), θ the Cholesky factor also where a term has one column.

    At a variance of 0 nothing moves with θ, so the term drops out, as in lmerTest; directions without curvature are
    left out as there.
    """
    m = phi.size
    theta, jacobian = phi.copy(), np.zeros((m + 1, m + 1))
    _to_psi(phi, columns, psi, jacobian[:m, :m])
    at = 0
    for k in columns:
        if k == 1:
            theta[at] = np.sqrt(phi[at])
            jacobian[at, at] = 2.0 * theta[at]
        at += k * (k + 1) // 2
    jacobian[m, m] = 1.0
    hessian = np.empty((m + 1, m + 1))
    _pull_back(curvature, jacobian, hessian)
    _add_bend(slope, columns, hessian)
    at = 0
    for k in columns:
        if k == 1:
            hessian[at, at] += 2.0 * slope[at]
        at += k * (k + 1) // 2
    values, vectors = np.linalg.eigh(hessian)
    half = np.zeros((m + 1, m + 1))
    for k in range(m + 1):
        if values[k] > 1e-8:
            for i in range(m + 1):
                for j in range(m + 1):
                    half[i, k] += jacobian[i, j] * vectors[j, k] * np.sqrt(2.0 / values[k])
    return half @ half.T
