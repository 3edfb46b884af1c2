"""Crossed random intercepts, `(1 | subject) + (1 | stimulus)`: an exact reduction of the design to r coordinates.

The covariance of the observations is σ²W(ψ), W = I + Σ_j ψ_j Z_jZ_j', with no independent blocks where subjects share
stimuli. Let X be orthonormal, K its error contrasts. K'WK is the identity off the r = rank(K'Z) directions that random
effects reach, and there H(ψ) = I + Σ ψ_j G_j, G_j = Γ_jΓ_j'. With y less its least-squares fit, u its coordinates
there and s₀ what is left of y'KK'y,

    −2 log L = g + (N−p)(log(2π q/(N−p)) + 1),    g = log|H|,    q = s₀ + u'H⁻¹u,
    β̂ = X'y − T u,    (X'W⁻¹X)⁻¹ = C = I + Σ ψ_j M_j − T F',    T = F H⁻¹,    F = Σ ψ_j F_j,

F_j = X'Z_jΓ_j', M_j = X'Z_jZ_j'X. So a response enters by u and s₀ alone, the fixed part by C and T.

Source: Bates, Mächler, Bolker and Walker (2015), section 2, for the model; Harville (1977), J Am Stat Assoc 72:320, for
REML by error contrasts.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.stats.mixed_design import MixedColumns, nested
from cuecircuit.stats.mixed_df import FixedCovariance

# eigenvalues of K'ZZ'K below this share of the largest are rounding
_ROUNDING = 1e-9
# numbers of the work space of exact evaluations: responses × r × r
_WORK = 2**22


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossedDesign:
    """The reduced design; arrays over terms come first.

    `turn` takes Z'y of residuals to u. `per_level` are observations per level of each term, `ranks` those of K'Z_j;
    `within[j, i]` whether the levels of term i are nested in those of term j (or i is j).
    """

    z: sparse.csr_array
    turn: Float[Array, "level coordinate"]
    generators: Float[Array, "term coordinate coordinate"]
    fixed: Float[Array, "term column coordinate"]
    fixed_forms: Float[Array, "term column column"]
    per_level: Float[Array, "term"]
    ranks: Float[Array, "term"]
    within: Bool[Array, "term term"]
    n_left: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Criterion:
    """q and g of responses, with first and second derivatives, in ψ or in other coordinates of the variances."""

    q: Float[Array, "response"]
    dq: Float[Array, "response term"]
    d2q: Float[Array, "response term term"]
    g: Float[Array, "response"]
    dg: Float[Array, "response term"]
    d2g: Float[Array, "response term term"]


def crossed_design(design: MixedColumns, x: Float[Array, "observation column"]) -> CrossedDesign:
    """Reduce a design of random intercepts; `x` are orthonormal fixed columns."""
    n, p = x.shape
    levels = [term.levels for term in design.random]
    parts = [sparse.csr_array((np.ones(n), (np.arange(n), codes))) for codes in levels]
    z = sparse.csr_array(sparse.hstack(parts))
    reach = z.T @ x
    values, vectors = np.linalg.eigh((z.T @ z).toarray() - reach @ reach.T)
    kept = values > _ROUNDING * values.max()
    length, vectors = np.sqrt(values[kept]), vectors[:, kept]
    ends = np.cumsum([level_codes.max() + 1 for level_codes in levels])
    gammas = np.split(length[:, None] * vectors.T, ends[:-1], axis=1)
    reaches = np.split(reach, ends[:-1])
    return CrossedDesign(
        z=z,
        turn=vectors / length,
        generators=np.array([gamma @ gamma.T for gamma in gammas]),
        fixed=np.array([spanned.T @ gamma.T for spanned, gamma in zip(reaches, gammas, strict=True)]),
        fixed_forms=np.array([spans.T @ spans for spans in reaches]),
        per_level=np.array([n / (level_codes.max() + 1) for level_codes in levels]),
        ranks=np.array([float(np.linalg.matrix_rank(gamma, tol=1e-7)) for gamma in gammas]),
        within=np.array([[nested(fine, coarse) for fine in levels] for coarse in levels]),
        n_left=n - p,
    )


def crossed_sums(
    residuals: Float[Array, "observation response"], design: CrossedDesign
) -> tuple[Float[Array, "coordinate response"], Float[Array, "response"]]:
    """Coordinates u and what they leave of the squares, of responses less their least-squares fit."""
    u = design.turn.T @ (design.z.T @ residuals)
    left = np.einsum("nv,nv->v", residuals, residuals) - np.einsum("rv,rv->v", u, u)
    return u, np.maximum(left, 0.0)


def response_chunks(n: int, design: CrossedDesign) -> list[slice]:
    """Return the responses of which exact work fits into memory at a time."""
    step = max(1, _WORK // design.turn.shape[1] ** 2)
    return [slice(start, min(start + step, n)) for start in range(0, n, step)] or [slice(0, 0)]


def inverses(psi: Float[Array, "response term"], design: CrossedDesign) -> Float[Array, "response _ _"]:
    """H(ψ)⁻¹."""
    return np.linalg.inv(np.eye(design.turn.shape[1]) + np.tensordot(psi, design.generators, axes=1))


def exact_criterion(
    psi: Float[Array, "response term"],
    u: Float[Array, "coordinate response"],
    s0: Float[Array, "response"],
    design: CrossedDesign,
) -> Criterion:
    """Evaluate q and g at each response's own ψ."""
    inverse = inverses(psi, design)
    dg, d2g = log_det_slopes(inverse, design)
    a = np.einsum("vrs,sv->vr", inverse, u)
    pulls = np.einsum("mrs,vs->vmr", design.generators, a)
    return Criterion(
        q=s0 + np.einsum("rv,vr->v", u, a),
        dq=-np.einsum("vmr,vr->vm", pulls, a),
        d2q=2 * pulls @ inverse @ np.swapaxes(pulls, 1, 2),
        g=-np.linalg.slogdet(inverse)[1],
        dg=dg,
        d2g=d2g,
    )


def log_det_slopes(
    inverse: Float[Array, "response _ _"], design: CrossedDesign
) -> tuple[Float[Array, "response term"], Float[Array, "response term term"]]:
    """Return first and second derivatives of log|H| in ψ."""
    left = inverse[:, None] @ design.generators
    shape = (*left.shape[:2], left.shape[2] ** 2)
    flat, turned = left.reshape(shape), np.swapaxes(left, 2, 3).reshape(shape)
    return np.trace(left, axis1=2, axis2=3), -flat @ np.swapaxes(turned, 1, 2)


def exact_fixed(psi: Float[Array, "response term"], design: CrossedDesign) -> FixedCovariance:
    """Evaluate C at each response's own ψ."""
    inverse = inverses(psi, design)
    f = np.tensordot(psi, design.fixed, axes=1)
    t = f @ inverse
    c = np.eye(f.shape[1]) + np.tensordot(psi, design.fixed_forms, axes=1) - t @ np.swapaxes(f, 1, 2)
    # F_j − T G_j
    pulls = [fixed - t @ generator for fixed, generator in zip(design.fixed, design.generators, strict=True)]
    crosses = [pull @ np.swapaxes(t, 1, 2) for pull in pulls]
    dc = [
        form - cross - t @ at_fixed.T
        for form, cross, at_fixed in zip(design.fixed_forms, crosses, design.fixed, strict=True)
    ]
    bends = [[one @ inverse @ np.swapaxes(other, 1, 2) for other in pulls] for one in pulls]
    bend = np.array(bends)
    d2c = np.moveaxis(-bend - np.swapaxes(bend, 3, 4), 2, 0)
    dg, d2g = log_det_slopes(inverse, design)
    return FixedCovariance(c=c, dc=np.stack(dc, axis=1), d2c=d2c, dg=dg, d2g=d2g)


def exact_shift(
    psi: Float[Array, "response term"], u: Float[Array, "coordinate response"], design: CrossedDesign
) -> Float[Array, "response column"]:
    """β̂ less the least-squares coefficients, −T u."""
    return -np.einsum("vm,mps,vst,tv->vp", psi, design.fixed, inverses(psi, design), u, optimize=True)


def crossed_residuals(
    residuals: Float[Array, "observation response"],
    x: Float[Array, "observation column"],
    u: Float[Array, "coordinate response"],
    psi: Float[Array, "response term"],
    design: CrossedDesign,
) -> Float[Array, "observation response"]:
    """Return what fixed and random effects leave, W⁻¹(y − Xβ̂).

    Args:
        residuals: responses less their least-squares fit.
        x: orthonormal fixed columns.
        u: coordinates of `crossed_sums`.
        psi: relative variances.
        design: reduced design.
    """
    explained = np.empty_like(u)
    for part in response_chunks(len(psi), design):
        explained[:, part] = u[:, part] - np.einsum("vrs,sv->rv", inverses(psi[part], design), u[:, part])
    effects = design.z @ (design.turn @ explained)
    return residuals - effects + x @ (x.T @ effects)
