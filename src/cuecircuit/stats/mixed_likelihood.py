"""REML criterion of many responses at given variance parameters, with derivatives: the loops' twin in array products.

Vocabulary and formulas as in `mixed_kernel`; what stands here is used where every response is visited once: the
information of a design, the covariance of the variance parameters, degrees of freedom.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.stats.mixed_blocks import MixedBlocks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """Weights w_e of W⁻¹ = Σ w_e B_e and log|W|, with first (`d`) and second (`d2`) derivatives in ψ."""

    w: Float[Array, "response element"]
    dw: Float[Array, "parameter response element"]
    d2w: Float[Array, "parameter parameter response element"]
    log_det: Float[Array, "response"]
    d_log_det: Float[Array, "parameter response"]
    d2_log_det: Float[Array, "parameter parameter response"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Likelihood:
    """Profiled −2 log L with its derivatives in ψ.

    `curvature` are second derivatives in (ψ, log σ) before σ is profiled out.
    """

    criterion: Float[Array, "response"]
    sigma2: Float[Array, "response"]
    beta: Float[Array, "response column"]
    gradient: Float[Array, "response parameter"]
    hessian: Float[Array, "response parameter parameter"]
    expected: Float[Array, "response parameter parameter"]
    curvature: Float[Array, "response varied varied"]


def covariance_weights(psi: Float[Array, "response parameter"], blocks: MixedBlocks) -> Weights:
    """Return the weights of every element of the covariance's inverse."""
    (v, m), n_e = psi.shape, blocks.n_elements
    out = Weights(
        w=np.ones((v, n_e)),
        dw=np.zeros((m, v, n_e)),
        d2w=np.zeros((m, m, v, n_e)),
        log_det=np.zeros(v),
        d_log_det=np.zeros((m, v)),
        d2_log_det=np.zeros((m, m, v)),
    )
    at = 0
    for r, count, start in zip(blocks.sizes, blocks.counts, blocks.starts, strict=True):
        generators = blocks.generators[start : start + r * r].T.reshape(m, r, r)
        inverse = np.linalg.inv(np.eye(r) + np.tensordot(psi, generators, axes=1))
        at_term = slice(at, at + r * (r + 1) // 2)
        a, b = np.tril_indices(r)
        left = inverse @ generators[:, None]
        twice = left @ inverse
        out.w[:, at_term] = inverse[:, a, b]
        out.dw[:, :, at_term] = -twice[:, :, a, b]
        out.log_det[:] -= count * np.linalg.slogdet(inverse)[1]
        out.d_log_det[:] += count * np.trace(left, axis1=2, axis2=3)
        for i in range(m):
            for j in range(m):
                product = left[i] @ twice[j]
                out.d2w[i, j][:, at_term] = (product + np.swapaxes(product, 1, 2))[:, a, b]
                out.d2_log_det[i, j] -= count * np.einsum("vab,vba->v", left[i], left[j])
        at = at_term.stop
    return out


def weighted_forms(
    weights: Float[Array, "response element"], forms: Float[Array, "*each element pair"]
) -> Float[Array, "response column column"]:
    """Σ_e w_e A_e as full matrices; the forms are those of all responses or of each."""
    return full_forms(weights @ forms if forms.ndim == 2 else (weights[:, None] @ forms)[:, 0])


def full_forms(packed: Float[Array, "*some pair"]) -> Float[Array, "*some column column"]:
    """Symmetric matrices from their lower triangles, row by row."""
    n_pairs = packed.shape[-1]
    p = int(np.sqrt(2 * n_pairs))
    index = np.zeros((p, p), int)
    index[np.tril_indices(p)] = np.arange(n_pairs)
    return packed[..., np.maximum(index, index.T)]


def likelihood(
    psi: Float[Array, "response parameter"],
    blocks: MixedBlocks,
    forms: Float[Array, "*each element pair"],
    c: Float[Array, "response element column"],
    s: Float[Array, "response element"],
) -> Likelihood:
    """Evaluate the criterion of every response at its own ψ.

    Args:
        psi: relative variances and covariances.
        blocks: of the design.
        forms: A_e of the design, or of each response.
        c: X'B_e y.
        s: y'B_e y.
    """
    m, n_left = psi.shape[1], blocks.rotation.shape[0] - c.shape[2]
    weights = covariance_weights(psi, blocks)
    form = weighted_forms(weights.w, forms)
    inverse = np.linalg.inv(form)
    beta = np.einsum("vij,vj->vi", inverse, np.einsum("ve,vej->vj", weights.w, c))
    full, axes = full_forms(forms), "eij" if forms.ndim == 2 else "veij"
    # X'B_e(y − Xβ̂) and (y − Xβ̂)'B_e(y − Xβ̂)
    pulls = c - np.einsum(f"vj,{axes}->vei", beta, full, optimize=True)
    quadratic = s - np.einsum("vi,vei->ve", beta, c + pulls)
    traces = np.einsum(f"vij,{axes}->ve", inverse, full, optimize=True)
    sigma2 = np.einsum("ve,ve->v", weights.w, quadratic) / n_left
    slopes = np.stack([inverse @ weighted_forms(weights.dw[j], forms) for j in range(m)])
    pull = np.einsum("mve,vei->mvi", weights.dw, pulls)
    reach = np.einsum("vij,mvj->mvi", inverse, pull)
    dl = weights.d_log_det + np.einsum("mve,ve->mv", weights.dw, traces)
    dr = np.einsum("mve,ve->mv", weights.dw, quadratic) / sigma2
    d2l = weights.d2_log_det + np.einsum("mnve,ve->mnv", weights.d2w, traces)
    d2l -= np.einsum("mvkl,nvlk->mnv", slopes, slopes)
    d2r = np.einsum("mnve,ve->mnv", weights.d2w, quadratic) - 2 * np.einsum("mvi,nvi->mnv", pull, reach)
    both = d2l + d2r / sigma2
    curvature = np.empty((len(psi), m + 1, m + 1))
    curvature[:, :m, :m] = np.moveaxis(both, 2, 0)
    curvature[:, m, :m] = curvature[:, :m, m] = -2 * dr.T
    curvature[:, m, m] = 4 * n_left
    return Likelihood(
        criterion=weights.log_det + np.linalg.slogdet(form)[1] + n_left * (np.log(2 * np.pi * sigma2) + 1),
        sigma2=sigma2,
        beta=beta,
        gradient=(dl + dr).T,
        hessian=np.moveaxis(both - dr[:, None] * dr / n_left, 2, 0),
        expected=np.moveaxis(-d2l - dl[:, None] * dl / n_left, 2, 0),
        curvature=curvature,
    )
