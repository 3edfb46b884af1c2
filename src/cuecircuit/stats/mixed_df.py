"""F and denominator degrees of freedom of linear hypotheses Lβ = 0 in a mixed model.

Satterthwaite, as lmerTest: with C = σ²P⁻¹ the covariance of β̂ and V that of the variance parameters τ = (ψ, log σ),
a contrast l has df = 2 (l'Cl)² / (g'Vg), g = ∂(l'Cl)/∂τ. Hypotheses of several rows are turned to the eigenvectors
of LCL' and their df ν_m pooled, E = Σ ν_m/(ν_m−2), df = 2E/(E−q) (Fai and Cornelius 1996). The eigenvectors depend
on how the rows are written, and so, a little, does df.

Kenward and Roger (1997), as pbkrtest: with P_i = X'(∂V⁻¹/∂γ_i)X, Q_ij = X'V⁻¹G_iV⁻¹G_jV⁻¹X, W the inverse expected
information of the variances and covariances γ (residual last, none left out at 0) and Φ = C,
Φ_A = Φ + 2Φ[Σ W_ij (Q_ij − P_iΦP_j)]Φ = Φ − Σ W_ij ∂²Φ/∂γ_i∂γ_j; F = λ β̂'L'(LΦ_A L')⁻¹Lβ̂/q with λ and df matched
to the moments of F. All is done at σ = 1, so that it does not depend on the unit.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.stats.mixed_blocks import MixedBlocks
from cuecircuit.stats.mixed_likelihood import covariance_weights, weighted_forms


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
    theta: Float[Array, "response parameter"],
    columns: Int[Array, "term"],
    gradient: Float[Array, "response parameter"],
    curvature: Float[Array, "response varied varied"],
) -> Float[Array, "response varied varied"]:
    """Asymptotic covariance of (ψ, log σ): twice the inverse Hessian of −2 log L, from lmerTest's coordinates.

    Those are (θ, log σ): at a variance of 0 nothing moves with θ, so the term drops out. Directions without
    curvature are left out as well.

    Args:
        theta: from `relative_factor`.
        columns: number of columns of each random term.
        gradient: of −2 log L in ψ at the minimum, as `likelihood` has it.
        curvature: second derivatives in (ψ, log σ).
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
                bend[:, one, other] += gradient[:, row]
                bend[:, other, one] += gradient[:, row]
        start += len(place)
    hessian = np.swapaxes(jacobian, 1, 2) @ curvature @ jacobian + bend
    values, vectors = np.linalg.eigh(hessian)
    # lmerTest's tolerance
    share = np.where(values > 1e-8, 2 / np.where(values > 1e-8, values, 1.0), 0.0)
    turned = jacobian @ vectors
    return (turned * share[:, None, :]) @ np.swapaxes(turned, 1, 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FixedCovariance:
    """C = P⁻¹, the covariance of β̂ at σ = 1, and g = log|W| + log|P|, with first and second derivatives in ψ."""

    c: Float[Array, "response column column"]
    dc: Float[Array, "response parameter column column"]
    d2c: Float[Array, "response parameter parameter column column"]
    dg: Float[Array, "response parameter"]
    d2g: Float[Array, "response parameter parameter"]


def fixed_covariance(
    psi: Float[Array, "response parameter"], blocks: MixedBlocks, forms: Float[Array, "*each element pair"]
) -> FixedCovariance:
    """Evaluate C of independent subjects at each response's ψ; the forms are those of all responses or of each."""
    m, weights = psi.shape[1], covariance_weights(psi, blocks)
    c = np.linalg.inv(weighted_forms(weights.w, forms))
    half = [c @ weighted_forms(each, forms) for each in weights.dw]
    shape = (len(psi), m, m)
    d2c, d2g = np.empty((*shape, *c.shape[1:])), np.empty(shape)
    for i in range(m):
        for j in range(i + 1):
            bent, product = c @ weighted_forms(weights.d2w[i, j], forms), half[i] @ half[j]
            d2c[:, i, j] = d2c[:, j, i] = (product + half[j] @ half[i] - bent) @ c
            second = weights.d2_log_det[i, j] + np.trace(bent - product, axis1=1, axis2=2)
            d2g[:, i, j] = d2g[:, j, i] = second
    traces = np.stack([np.trace(each, axis1=1, axis2=2) for each in half], axis=1)
    dc = np.stack([-each @ c for each in half], axis=1)
    return FixedCovariance(c=c, dc=dc, d2c=d2c, dg=weights.d_log_det.T + traces, d2g=d2g)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoefficientCovariance:
    """Covariance of β̂ at σ = 1, its slopes by the variance parameters, and the covariance of those.

    `adjusted` is Φ_A for Kenward and Roger (whose parameters have the residual variance last), else C again.
    """

    inverse: Float[Array, "response column column"]
    slopes: Float[Array, "response varied column column"]
    adjusted: Float[Array, "response column column"]
    parameters: Float[Array, "response varied varied"]


def satterthwaite_covariance(
    fixed: FixedCovariance, parameters: Float[Array, "response varied varied"]
) -> CoefficientCovariance:
    """Return what Satterthwaite's degrees of freedom need; the last slope is that by log σ."""
    slopes = np.concatenate([fixed.dc, 2 * fixed.c[:, None]], axis=1)
    return CoefficientCovariance(inverse=fixed.c, slopes=slopes, adjusted=fixed.c, parameters=parameters)


def kenward_roger_covariance(
    fixed: FixedCovariance, psi: Float[Array, "response parameter"], n_left: int
) -> CoefficientCovariance:
    """Φ_A and W of Kenward and Roger at σ = 1, from derivatives of C and g alone.

    C and g are of degree one and N − p in the variances γ, the residual's among them, which gives derivatives by it.
    """
    v, m = psi.shape
    information, d2c = np.empty((v, m + 1, m + 1)), np.empty((v, m + 1, m + 1, *fixed.c.shape[1:]))
    information[:, :m, :m], d2c[:, :m, :m] = -fixed.d2g, fixed.d2c
    cross = fixed.dg + np.einsum("vij,vj->vi", fixed.d2g, psi)
    information[:, m, :m] = information[:, :m, m] = cross
    information[:, m, m] = n_left - np.einsum("vi,vi->v", psi, fixed.dg + cross)
    bend = -np.einsum("vijkl,vj->vikl", fixed.d2c, psi)
    d2c[:, m, :m] = d2c[:, :m, m] = bend
    d2c[:, m, m] = -np.einsum("vikl,vi->vkl", bend, psi)
    parameters = _twice_inverse(information)
    residual = fixed.c - np.einsum("vikl,vi->vkl", fixed.dc, psi)
    return CoefficientCovariance(
        inverse=fixed.c,
        slopes=np.concatenate([fixed.dc, residual[:, None]], axis=1),
        adjusted=fixed.c - np.einsum("vij,vijkl->vkl", parameters, d2c),
        parameters=parameters,
    )


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
    # products by hand: the search for the order of an einsum takes longer than those of one response
    slopes = np.einsum("vqi,vmiq->vqm", turned, covariance.slopes @ turned.swapaxes(1, 2)[:, None])
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
    parts = np.linalg.inv(rows @ covariance.inverse @ rows.T)[:, None] @ (rows @ covariance.slopes @ rows.T)
    traces = np.trace(parts, axis1=2, axis2=3)
    a1 = np.einsum("vmn,vm,vn->v", covariance.parameters, traces, traces, optimize=True)
    a2 = np.einsum("vmn,vmab,vnba->v", covariance.parameters, parts, parts, optimize=True)
    estimate = beta @ rows.T
    solved = np.linalg.solve(rows @ covariance.adjusted @ rows.T, estimate[:, :, None])[:, :, 0]
    f = np.einsum("vq,vq->v", estimate, solved) / q
    b = (a1 + 6 * a2) / (2 * q)
    g = ((q + 1) * a1 - (q + 4) * a2) / ((q + 2) * a2)
    share = 3 * q + 2 * (1 - g)
    v0, v1, v2 = 1 + g / share * b, 1 - (q - g) / share * b, 1 - (q + 2 - g) / share * b
    # pbkrtest's guards against 0/0
    v0 = np.where(np.abs(v0) < 1e-10, 0.0, v0)
    is_regular = (np.abs(1 - a2 / q) >= 1e-14) | (np.abs(v1) >= 1e-14)
    ratio = np.where(is_regular, (1 - a2 / q) / np.where(is_regular, v1, 1.0), 1.0)
    df = 4 + (q + 2) / (ratio**2 * v0 / v2 - 1)
    near_two = np.abs(df - 2) < 0.01
    scale = np.where(near_two, 1.0, df * (1 - a2 / q) / np.where(near_two, 1.0, df - 2))
    return scale * f, df
