"""Between-subject variance of a meta-regression by REML or ML, one response after another, as compiled loops.

y = Xβ + u + e with Var(u) = τ²I and known Var(e) = diag(v); W = diag(1/(v + τ²)), A = X'WX, r = y − Xβ̂. Up to constants

    −2 log L(τ²) = Σ log(v + τ²) + r'Wr (+ log|A| by REML),

with the score tr(P) − Σ w²r² by REML (Σ w − Σ w²r² by ML), where tr(P) = Σ w − tr(A⁻¹X'W²X), and the expected
information tr(PP) = Σ w² − 2 tr(A⁻¹X'W³X) + tr((A⁻¹X'W²X)²) (Σ w² by ML). Fisher scoring with halved steps; τ² = 0 is
kept where the likelihood falls from there, or where it is higher there than at the point found.

Source: Viechtbauer (2005), J Educ Behav Stat 30:261, equations for REML and ML.
"""

import numpy as np

from cuecircuit.compiled import njit
from cuecircuit.stats.least_squares_kernel import residuals, solve_weighted
from cuecircuit.stats.mixed_criterion_kernel import spd_inverse

CONVERGED, NOT_CONVERGED = 0, 1
_STEPS = 200
# τ² is found to this share of the responses' own variance (τ² + mean v)
_TOLERANCE = 1e-8
# a step must lower the criterion by this share of what its slope says (Armijo), or it is halved
_DESCENT = 0.25


@njit(cache=True, nogil=True, error_model="numpy")
def fit_variances(x, y, v, restricted, tau2, beta, inverse, status):
    """Fill τ², β̂, A⁻¹ and the state of each response; `y` and `v` are (response, subject)."""
    n, p = x.shape
    w, r = np.empty(n), np.empty(n)
    a, a2, a3, product = np.empty((p, p)), np.empty((p, p)), np.empty((p, p)), np.empty((p, p))
    for k in range(len(y)):
        mean_v = v[k].mean()
        for i in range(n):
            w[i] = 1.0
        _moments(x, w, a, a2, a3)
        spd_inverse(a, inverse[k])
        solve_weighted(x, y[k], w, inverse[k], beta[k])
        residuals(x, y[k], beta[k], r)
        spread = (r**2).sum() / (n - p)
        between = max(spread - mean_v, 0.0)
        value = _criterion(x, y[k], v[k], between, restricted, w, r, a, a2, a3, beta[k], inverse[k])
        status[k] = NOT_CONVERGED
        for _ in range(_STEPS):
            score, information = _slope(w, r, a2, a3, inverse[k], product, restricted)
            if between == 0.0 and score >= 0.0:
                status[k] = CONVERGED
                break
            step = -score / information
            change, lower, trial = 0.0, value, between
            for _ in range(40):
                trial = max(between + step, 0.0)
                lower = _criterion(x, y[k], v[k], trial, restricted, w, r, a, a2, a3, beta[k], inverse[k])
                change = abs(trial - between)
                if lower <= value + _DESCENT * score * (trial - between) or change <= _TOLERANCE * (between + mean_v):
                    break
                step /= 2.0
            between, value = trial, lower
            if change <= _TOLERANCE * (between + mean_v):
                status[k] = CONVERGED
                break
        at_zero = _criterion(x, y[k], v[k], 0.0, restricted, w, r, a, a2, a3, beta[k], inverse[k])
        tau2[k] = 0.0 if at_zero <= value else between
        _criterion(x, y[k], v[k], tau2[k], restricted, w, r, a, a2, a3, beta[k], inverse[k])


@njit(cache=True, nogil=True, error_model="numpy")
def _criterion(x, y, v, tau2, restricted, w, r, a, a2, a3, beta, inverse):
    for i in range(len(y)):
        w[i] = 1.0 / (v[i] + tau2)
    _moments(x, w, a, a2, a3)
    log_det = spd_inverse(a, inverse)
    solve_weighted(x, y, w, inverse, beta)
    residuals(x, y, beta, r)
    total = log_det if restricted else 0.0
    for i in range(len(y)):
        total += w[i] * r[i] ** 2 - np.log(w[i])
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _moments(x, w, a, a2, a3):
    n, p = x.shape
    for j in range(p):
        for k in range(j + 1):
            one, two, three = 0.0, 0.0, 0.0
            for i in range(n):
                term = w[i] * x[i, j] * x[i, k]
                one += term
                two += w[i] * term
                three += w[i] * w[i] * term
            a[j, k] = a[k, j] = one
            a2[j, k] = a2[k, j] = two
            a3[j, k] = a3[k, j] = three


@njit(cache=True, nogil=True, error_model="numpy")
def _slope(w, r, a2, a3, inverse, product, restricted):
    score, information = 0.0, 0.0
    for i in range(len(w)):
        score += w[i] - (w[i] * r[i]) ** 2
        information += w[i] ** 2
    if restricted:
        p = len(a2)
        for j in range(p):
            for k in range(p):
                product[j, k] = 0.0
                for h in range(p):
                    product[j, k] += inverse[j, h] * a2[h, k]
                information -= 2.0 * inverse[j, k] * a3[j, k]
        for j in range(p):
            score -= product[j, j]
            for k in range(p):
                information += product[j, k] * product[k, j]
    return score, information
