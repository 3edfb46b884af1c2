"""Newton's method for the variance parameters of every response, as compiled loops over responses.

Parameters φ that are iterated: ψ ≥ 0 itself for terms of one column, entries of the Cholesky factor (free in sign,
columns reordered where that is better) for terms of several correlated columns. Numba's cache on disk does not see
changes of `mixed_criterion_kernel`: who changes that file touches this one.

Source: Bates, Mächler, Bolker and Walker (2015), sections 3 and 4; Nocedal and Wright (2006), section 3.4.
"""

import numpy as np

from cuecircuit.compiled import njit
from cuecircuit.stats.mixed_criterion_kernel import criterion, spd_inverse

# called from other loops only: no way in from Python
_INNER = {"cache": True, "nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

CONVERGED, NOT_CONVERGED, NO_ERROR_VARIANCE = 0, 1, 2
# what −2 log L may still fall by when iteration ends, and where rounding hides whether a step lowers it
_DECREMENT, _ROUNDING = 1e-16, 1e-7
_MAX_STEPS = 200
# curvature that counts as none: rank-deficient Cholesky factors may turn without changing f
_FLAT = 1e-8
# what a safe step may lower f by at least to be taken before Newton's is turned
_NEAR = 1e-3


@njit(**_INNER)
def _to_psi(phi, columns, order, psi, jacobian):
    """Relative variances and covariances of parameters φ, with ∂ψ/∂φ; terms of k columns take k(k+1)/2 places."""
    jacobian[:] = 0.0
    at, first = 0, 0
    for k in columns:
        if k == 1:
            psi[at] = phi[at]
            jacobian[at, at] = 1.0
        else:
            for b in range(k):
                for a in range(b, k):
                    row = at + _place(order[first + a], order[first + b], k)
                    psi[row] = 0.0
                    for c in range(b + 1):
                        one, other = at + _place(a, c, k), at + _place(b, c, k)
                        psi[row] += phi[one] * phi[other]
                        jacobian[row, one] += phi[other]
                        jacobian[row, other] += phi[one]
        at += k * (k + 1) // 2
        first += k


@njit(**_INNER)
def _place(a, b, k):
    """Place of entry (a, b) in the lower triangle of k columns, column by column (lme4's order)."""
    low, high = min(a, b), max(a, b)
    return low * k - low * (low - 1) // 2 + high - low


@njit(**_INNER)
def _reorder(psi, columns, order, phi):
    """Factor anew, largest variance first, where the order of columns has become a bad one.

    A Cholesky factor whose first variance vanishes before the others is a bad coordinate: small moves in it turn
    the rest around.
    """
    at, first = 0, 0
    for k in columns:
        for step in range(k - 1):
            # variances that the columns before `step` leave
            best, largest, pivot = step, 0.0, 0.0
            for a in range(step, k):
                left = 0.0
                for c in range(step, a + 1):
                    left += phi[at + _place(a, c, k)] ** 2
                if a == step:
                    pivot = left
                if left > largest:
                    best, largest = a, left
            if largest > 4.0 * pivot:
                order[first + step], order[first + best] = order[first + best], order[first + step]
                _factor(psi, k, order[first : first + k], phi, at)
        at += k * (k + 1) // 2
        first += k


@njit(**_INNER)
def _factor(psi, k, order, phi, at):
    for b in range(k):
        for a in range(b, k):
            left = psi[at + _place(order[a], order[b], k)]
            for c in range(b):
                left -= phi[at + _place(a, c, k)] * phi[at + _place(b, c, k)]
            if a == b:
                phi[at + _place(a, b, k)] = np.sqrt(max(left, 0.0))
            else:
                pivot = phi[at + _place(b, b, k)]
                phi[at + _place(a, b, k)] = left / pivot if pivot > 0.0 else 0.0


@njit(**_INNER)
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


@njit(**_INNER)
def _add_bend(gradient, columns, order, out):
    """Add Σ_m ∂f/∂ψ_m ∂²ψ_m/∂φ∂φ for the terms in Cholesky form."""
    at, first = 0, 0
    for k in columns:
        if k > 1:
            for c in range(k):
                for x in range(c, k):
                    for z in range(c, k):
                        slope = gradient[at + _place(order[first + x], order[first + z], k)]
                        out[at + _place(x, c, k), at + _place(z, c, k)] += 2.0 * slope if x == z else slope
        at += k * (k + 1) // 2
        first += k


@njit(**_INNER)
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


@njit(**_INNER)
def _step(gradient, matrix, slope, expected, columns, order, jacobian, free, step):
    """Newton's step, or where f is not convex a safe one; gives (decrement, whether convex).

    Far off the safe step has the expected information of ψ and more than the size of the Cholesky factor's own
    curvature; near a saddle it turns Newton's step around in the directions of negative curvature. At a minimum whose
    Cholesky factor has not full rank, f is flat in some directions: convex all the same.
    """
    decrement = _direction(gradient, matrix, free, step)
    if decrement == decrement:
        return decrement, True
    m = gradient.size
    bend, safe = np.zeros((m, m)), np.empty((m, m))
    _pull_back(expected, jacobian, safe)
    _add_bend(slope, columns, order, bend)
    for i in range(m):
        # a Cholesky entry at 0 has no information of first order
        safe[i, i] += _FLAT * (1.0 + safe[i, i])
        for j in range(m):
            safe[i, i] += abs(bend[i, j])
            if i != j and not (free[i] and free[j]):
                matrix[i, j] = 0.0
    decrement = _direction(gradient, safe, free, step)
    if decrement > _NEAR:
        return decrement, False
    lowest = _turned_direction(gradient, matrix, free, step)
    decrement = 0.0
    for i in range(m):
        decrement -= step[i] * gradient[i]
    return decrement, lowest > -_FLAT


@njit(**_INNER)
def _turned_direction(gradient, matrix, free, step):
    """Newton's step with the curvatures' absolute values (Jacobi's rotations); gives the lowest relative curvature."""
    m = gradient.size
    vectors = np.eye(m)
    for _ in range(30):
        off = 0.0
        for i in range(m):
            for j in range(i):
                if abs(matrix[i, j]) <= 1e-15 * (abs(matrix[i, i]) + abs(matrix[j, j])):
                    continue
                off = 1.0
                ratio = (matrix[j, j] - matrix[i, i]) / (2.0 * matrix[i, j])
                tangent = (1.0 if ratio >= 0.0 else -1.0) / (abs(ratio) + np.sqrt(ratio * ratio + 1.0))
                cosine = 1.0 / np.sqrt(tangent * tangent + 1.0)
                sine = tangent * cosine
                for k in range(m):
                    one, other = matrix[k, i], matrix[k, j]
                    matrix[k, i], matrix[k, j] = cosine * one - sine * other, sine * one + cosine * other
                    one, other = vectors[k, i], vectors[k, j]
                    vectors[k, i], vectors[k, j] = cosine * one - sine * other, sine * one + cosine * other
                for k in range(m):
                    one, other = matrix[i, k], matrix[j, k]
                    matrix[i, k], matrix[j, k] = cosine * one - sine * other, sine * one + cosine * other
        if off == 0.0:
            break
    largest, lowest = 1.0, 0.0
    for k in range(m):
        largest = max(largest, abs(matrix[k, k]))
    step[:] = 0.0
    for k in range(m):
        along, mine = 0.0, False
        for i in range(m):
            if free[i]:
                along += vectors[i, k] * gradient[i]
                mine = mine or abs(vectors[i, k]) > 0.5 / m
        if not mine:
            continue
        lowest = min(lowest, matrix[k, k] / largest)
        for i in range(m):
            if free[i]:
                step[i] -= vectors[i, k] * along / max(abs(matrix[k, k]), _FLAT * largest)
    return lowest


@njit(cache=True, nogil=True, error_model="numpy")
def fit_responses(start, columns, blocks, forms, c, s, n_left, phi, psi, beta, sigma2, minimum, status):
    """Fit every response by Newton's method; fills the arrays from `phi` on, first axis responses.

    Args:
        start: φ to begin with.
        columns: number of columns of each random term.
        blocks: sizes, counts, starts, generators of `mixed_blocks`.
        forms: A_e packed, e × pair, of each response or one for all.
        c: response × e × column.
        s: response × e.
        n_left: N − p.
    """
    m, p = start.size, c.shape[2]
    bounded, free = np.zeros(m, np.bool_), np.empty(m, np.bool_)
    at = 0
    for k in columns:
        bounded[at] = k == 1
        at += k * (k + 1) // 2
    inverse, order = np.empty((p, p)), np.empty(columns.sum(), np.int64)
    slope, hessian, expected = np.empty(m), np.empty((m, m)), np.empty((m, m))
    gradient, matrix, step, trial = np.empty(m), np.empty((m, m)), np.empty(m), np.empty(m)
    jacobian = np.empty((m, m))
    for v in range(s.shape[0]):
        form = forms[v if len(forms) > 1 else 0]
        at = 0
        for k in columns:
            for a in range(k):
                order[at + a] = a
            at += k
        trial[:] = start
        minimum[v], length, gain, decrement, convex = np.inf, 1.0, 0.0, 0.0, False
        status[v] = NOT_CONVERGED
        for _ in range(_MAX_STEPS):
            _to_psi(trial, columns, order, psi[v], jacobian)
            f, scale = criterion(psi[v], blocks, form, c[v], s[v], n_left, beta[v], inverse, slope, hessian, expected)
            near = convex and decrement < _ROUNDING and f <= minimum[v] + _ROUNDING
            if f <= minimum[v] + 1e-4 * gain or near:
                phi[v] = trial
                minimum[v], sigma2[v], length = f, scale, 1.0
                _reorder(psi[v], columns, order, phi[v])
                _to_psi(phi[v], columns, order, psi[v], jacobian)
                for i in range(m):
                    gradient[i] = 0.0
                    for j in range(m):
                        gradient[i] += jacobian[j, i] * slope[j]
                    free[i] = not (bounded[i] and phi[v, i] <= 0.0 and gradient[i] >= 0.0)
                _pull_back(hessian, jacobian, matrix)
                _add_bend(slope, columns, order, matrix)
                decrement, convex = _step(gradient, matrix, slope, expected, columns, order, jacobian, free, step)
                if decrement <= _DECREMENT:
                    status[v] = CONVERGED if convex else NOT_CONVERGED
                    break
            else:
                length *= 0.5
                if minimum[v] == np.inf or length < 1e-10:
                    status[v] = NO_ERROR_VARIANCE if minimum[v] == np.inf else NOT_CONVERGED
                    break
            gain = 0.0
            for i in range(m):
                trial[i] = phi[v, i] + length * step[i]
                if bounded[i]:
                    trial[i] = max(trial[i], 0.0)
                gain += gradient[i] * (trial[i] - phi[v, i])
