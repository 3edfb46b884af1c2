"""F and denominator degrees of freedom of linear hypotheses Lβ = 0 in a mixed model.

Satterthwaite, as lmerTest: with C = σ²P⁻¹ the covariance of β̂ and V that of the variance parameters τ = (ψ, log σ),
a contrast l has df = 2 (l'Cl)² / (g'Vg), g = ∂(l'Cl)/∂τ. Hypotheses of several rows are turned to the eigenvectors
of LCL' and their df ν_m pooled, E = Σ ν_m/(ν_m−2), df = 2E/(E−q) (Fai and Cornelius 1996). The eigenvectors depend
on how the rows are written, and so, a little, does df.

Kenward and Roger (1997), as pbkrtest: with P_i = X'(∂V⁻¹/∂γ_i)X, Q_ij = X'V⁻¹G_iV⁻¹G_jV⁻¹X, W the inverse expected
information of the variances and covariances γ (residual last, none left out at 0) and Φ = C,
Φ_A = Φ + 2Φ[Σ W_ij (Q_ij − P_iΦP_j)]Φ; F = λ β̂'L'(LΦ_A L')⁻¹Lβ̂/q with λ and df matched to the moments of F.
All is done at σ = 1, so that it does not depend on the unit.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.stats.mixed_blocks import MixedBlocks
from cuecircuit.stats.mixed_likelihood import Likelihood, covariance_weights, weighted_forms


def relative_factor(
    psi: Float[Array, "response parameter"], columns: Int[Array, "term"]
) -> Float[Array, "response parameter"]:
    """lme4's θ: the Cholesky factors of the terms' relative covariances, lower triangles column by column."""
    theta, start = np.zeros_like(psi), 0
    for k in columns.tolist():
        place = _places(k, start)
        for (a, b), at in place.items():
            left = psi[:, at] - sum(theta[:, place[a, c]] * theta[:, place[b, c]] for c in range(b))
            if a == b:
                theta[:, at] = np.sqrt(np.maximum(left, 0.0))
            else:
                pivot = theta[:, place[b, b]]
                np.divide(left, pivot, out=theta[:, at], where=pivot > 0)
        start += len(place)
    return theta


def _places(k: int, start: int) -> dict[tuple[int, int], int]:
    pairs = [(a, b) for b in range(k) for a in range(b, k)]
    return {pair: start + i for i, pair in enumerate(pairs)}


def parameter_covariance(
    theta: Float[Array, "response parameter"], columns: Int[Array, "term"], at: Likelihood
) -> Float[Array, "response varied varied"]:
    """Asymptotic covariance of (ψ, log σ): twice the inverse Hessian of −2 log L, from lmerTest's coordinates.

    Those are (θ, log σ): at a variance of 0 nothing moves with θ, so the term drops out. Directions without
    curvature are left out as well.

    Args:
        theta: from `relative_factor`.
        columns: number of columns of each random term.
        at: derivatives at the minimum.
    """
    v, m = theta.shape
    jacobian, bend = np.zeros((v, m + 1, m + 1)), np.zeros((v, m + 1, m + 1))
    jacobian[:, m, m] = 1.0
    start = 0
    for k in columns.tolist():
        place = _places(k, start)
        for (a, b), row in place.items():
            for c in range(b + 1):
                one, other = place[a, c], place[b, c]
                jacobian[:, row, one] += theta[:, other]
                jacobian[:, row, other] += theta[:, one]
                bend[:, one, other] += at.gradient[:, row]
                bend[:, other, one] += at.gradient[:, row]
        start += len(place)
    hessian = np.swapaxes(jacobian, 1, 2) @ at.curvature @ jacobian + bend
    values, vectors = np.linalg.eigh(hessian)
    # lmerTest's tolerance
    share = np.where(values > 1e-8, 2 / np.where(values > 1e-8, values, 1.0), 0.0)
    turned = jacobian @ vectors
    return (turned * share[:, None, :]) @ np.swapaxes(turned, 1, 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoefficientCovariance:
    """Covariance of β̂ at σ = 1, its slopes −P⁻¹P_iP⁻¹ still as P_i, and the covariance of the parameters.

    `adjusted` is Φ_A for Kenward and Roger (whose parameters have the residual variance last), else P⁻¹ again.
    """

    inverse: Float[Array, "response column column"]
    slopes: Float[Array, "varied response column column"]
    adjusted: Float[Array, "response column column"]
    parameters: Float[Array, "response varied varied"]


def satterthwaite_covariance(
    psi: Float[Array, "response parameter"],
    parameters: Float[Array, "response varied varied"],
    blocks: MixedBlocks,
    forms: Float[Array, "element pair"],
) -> CoefficientCovariance:
    """What Satterthwaite's degrees of freedom need; the last slope is that by log σ."""
    weights = covariance_weights(psi, blocks)
    form = weighted_forms(weights.w, forms)
    inverse = np.linalg.inv(form)
    slopes = [weighted_forms(each, forms) for each in weights.dw]
    return CoefficientCovariance(
        inverse=inverse, slopes=np.stack([*slopes, -2 * form]), adjusted=inverse, parameters=parameters
    )


def kenward_roger_covariance(
    psi: Float[Array, "response parameter"], blocks: MixedBlocks, forms: Float[Array, "element pair"]
) -> CoefficientCovariance:
    """Φ_A and W of Kenward and Roger at σ = 1."""
    m = psi.shape[1]
    weights = covariance_weights(psi, blocks)
    form = weighted_forms(weights.w, forms)
    inverse = np.linalg.inv(form)
    p = [weighted_forms(each, forms) for each in weights.dw]
    q = {(i, j): weighted_forms(weights.d2w[i, j] / 2, forms) for i in range(m) for j in range(i + 1)}
    trace = {pair: -weights.d2_log_det[pair] for pair in q}
    # the residual's: each factor I is W(ψ) less the terms' parts
    each = [value[:, None, None] for value in psi.T]
    p.append(-form - sum(each[i] * p[i] for i in range(m)))
    ones = list(weights.d_log_det)
    for i in range(m):
        q[m, i] = -p[i] - sum(each[j] * q[max(i, j), min(i, j)] for j in range(m))
        trace[m, i] = ones[i] - sum(psi[:, j] * trace[max(i, j), min(i, j)] for j in range(m))
    q[m, m] = -p[m] - sum(each[i] * q[m, i] for i in range(m))
    left = blocks.rotation.shape[0] - sum(psi[:, i] * ones[i] for i in range(m))
    trace[m, m] = left - sum(psi[:, i] * trace[m, i] for i in range(m))
    half = [inverse @ one for one in p]
    information = np.empty((len(psi), m + 1, m + 1))
    for i, j in q:
        value = trace[i, j] - 2 * np.einsum("vkl,vkl->v", inverse, q[i, j]) + np.einsum("vkl,vlk->v", half[i], half[j])
        information[:, i, j] = information[:, j, i] = value
    parameters = _twice_inverse(information)
    total = np.zeros_like(inverse)
    for i, j in q:
        part = q[i, j] - p[i] @ half[j]
        weight = parameters[:, i, j, None, None] * (0.5 if i == j else 1.0)
        total += weight * (part + np.swapaxes(part, 1, 2))
    adjusted = inverse + 2 * inverse @ total @ inverse
    return CoefficientCovariance(inverse=inverse, slopes=np.stack(p), adjusted=adjusted, parameters=parameters)


def _twice_inverse(information: Float[Array, "response varied varied"]) -> Float[Array, "response varied varied"]:
    """Twice the inverse, directions without information left out; they are judged after scaling to unit diagonal."""
    size = np.sqrt(np.diagonal(information, axis1=1, axis2=2))
    values, vectors = np.linalg.eigh(information / (size[:, :, None] * size[:, None, :]))
    # pbkrtest's tolerance
    share = np.where(values > 1e-10, 2 / np.where(values > 1e-10, values, 1.0), 0.0)
    turned = vectors / size[:, :, None]
    return (turned * share[:, None, :]) @ np.swapaxes(turned, 1, 2)


def satterthwaite_test(
    rows: Float[Array, "row column"], beta: Float[Array, "response column"], covariance: CoefficientCovariance
) -> tuple[Float[Array, "response"], Float[Array, "response"]]:
    """F at σ = 1 and degrees of freedom."""
    values, vectors = np.linalg.eigh(rows @ covariance.inverse @ rows.T)
    turned = np.swapaxes(vectors, 1, 2) @ rows
    along = np.einsum("vqi,vi->vq", turned, beta)
    reach = turned @ covariance.inverse
    # products by hand: the search for the order of an einsum takes longer than those of one response
    slopes = -np.einsum("vqi,mviq->vqm", reach, covariance.slopes @ reach.swapaxes(1, 2))
    spread = (slopes @ covariance.parameters * slopes).sum(axis=2)
    return np.mean(along**2 / values, axis=1), _pooled(2 * values**2 / spread)


def _pooled(df: Float[Array, "response row"]) -> Float[Array, "response"]:
    """Degrees of freedom of a mean of squared t, as lmerTest pools them."""
    q = df.shape[1]
    if q == 1:
        return df[:, 0]
    low, alike = df.min(axis=1) <= 2, np.abs(np.diff(df, axis=1)).max(axis=1) < 1e-8
    safe = np.where((low | alike)[:, None], 3.0 + np.arange(q), df)
    total = np.sum(safe / (safe - 2), axis=1)
    return np.where(alike, df.mean(axis=1), np.where(low, 2.0, 2 * total / (total - q)))


def kenward_roger_test(
    rows: Float[Array, "row column"], beta: Float[Array, "response column"], covariance: CoefficientCovariance
) -> tuple[Float[Array, "response"], Float[Array, "response"]]:
    """F at σ = 1, scaled, and degrees of freedom."""
    q = len(rows)
    reach = rows @ covariance.inverse
    own = np.linalg.inv(reach @ rows.T)
    parts = own @ (reach @ covariance.slopes @ np.swapaxes(reach, 1, 2))
    traces = np.trace(parts, axis1=2, axis2=3)
    a1 = np.einsum("vmn,mv,nv->v", covariance.parameters, traces, traces, optimize=True)
    a2 = np.einsum("vmn,mvab,nvba->v", covariance.parameters, parts, parts, optimize=True)
    estimate = beta @ rows.T
    solved = np.linalg.solve(rows @ covariance.adjusted @ rows.T, estimate[:, :, None])[:, :, 0]
    f = np.einsum("vq,vq->v", estimate, solved) / q
    b = (a1 + 6 * a2) / (2 * q)
    g = ((q + 1) * a1 - (q + 4) * a2) / ((q + 2) * a2)
    share = 3 * q + 2 * (1 - g)
    v0, v1, v2 = 1 + g / share * b, 1 - (q - g) / share * b, 1 - (q + 2 - g) / share * b
    # pbkrtest's guards against 0/0
    v0 = np.where(np.abs(v0) < 1e-10, 0.0, v0)
    known = (np.abs(1 - a2 / q) >= 1e-14) | (np.abs(v1) >= 1e-14)
    ratio = np.where(known, (1 - a2 / q) / np.where(known, v1, 1.0), 1.0)
    df = 4 + (q + 2) / (ratio**2 * v0 / v2 - 1)
    near_two = np.abs(df - 2) < 0.01
    scale = np.where(near_two, 1.0, df * (1 - a2 / q) / np.where(near_two, 1.0, df - 2))
    return scale * f, df
