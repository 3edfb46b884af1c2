"""Permutation of contrasts and terms of a mixed model: subjects' scores of the contrast, rearranged.

Let Lβ = 0 be tested in y = Xβ + Zb + e with covariance σ²W. The model is fitted without what is tested, once for each
response, which gives W and the whitened residual z = W⁻¹(y − Xβ̃). With k = (X'W⁻¹X)⁻¹L' subject i scores

    u_i = k'X_i'z_i,    and    T = Σ_i u_i = Lβ̂ (by W): what subjects add to the estimate.

An arrangement exchanges subjects and keeps W: signs give T* = Σ s_i u_i; where subject i gets the rows of the design
of subject π(i), u_i* = k'X_π(i)'z_i. The statistic is T* by its own spread over subjects,

    H² = T*'(Σ u_i* u_i*')⁻¹T*,    F = (df2/r) H²/(n − H²),    t = ±√F for one row,

n subjects with scores, r rows, df2 = n − r less the directions in which the scores depend on the fitted nuisance: of a
balanced contrast of two conditions the t of subjects' differences, of two groups of one size the t of two samples. The
spread is that of the arranged scores, so nothing hangs on W: it only weighs. Where flipped scores lean on the nuisance,
T* varies less than T, by the share d'd, d = Σ s_i m_i, m_i = N_i'W_i⁻¹X_i k scaled; F is divided by 1 − d'd.

What may be exchanged: see `mixed_exchange`.

Exact for signs where no nuisance bears on the scores and W is known up to σ² or the cells are complete; otherwise exact
in large samples, whatever the true covariance (a wrong random part costs power only).

Sources: Freedman and Lane (1983), J Bus Econ Stat 1:292; Winkler et al. (2014), NeuroImage 92:381 (exchangeability);
Hemerik, Goeman and Finos (2020), J R Stat Soc B 82:841 (sign flips of score contributions); De Santis et al. (2025),
J Am Stat Assoc (their standardization; divided into F here rather than T², assumed); Chung and Romano (2013), Ann
Stat 41:484 (studentized permutation under unequal variances).
"""

from dataclasses import dataclass, replace

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Float32, Int
from cuecircuit.stats.mixed_design import FixedTerm
from cuecircuit.stats.mixed_exchange import NUMBERS, ScorePlan, leaning_scores, subject_forms
from cuecircuit.stats.mixed_fit import fit_mixed
from cuecircuit.stats.mixed_inference import Hypothesis
from cuecircuit.stats.mixed_likelihood import covariance_weights, weighted_forms
from cuecircuit.stats.mixed_model import NestedModel
from cuecircuit.stats.mixed_sums import design_forms

# flipped sums that are nearly all nuisance are not blown up beyond this
_FLOOR = 0.2
_BLOCK = 4096  # responses worked on at a time


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """What arrangements work on, for every response.

    Of sign flips: `own`, the scores turned to unit spread, and `leaning`, the m_i. Of permutations: `whitened`, z, and
    `weights`, Xk, both by rows of the table in the plan's order. `fitted` tells responses that have scores.
    """

    own: Float32[Array, "subject row response"] | None
    leaning: Float32[Array, "subject direction response"] | None
    whitened: Float32[Array, "observation response"] | None
    weights: Float32[Array, "row observation response"] | None
    fitted: Bool[Array, "response"]


def _by_weights(
    plan: ScorePlan, psi: Float[Array, "response parameter"]
) -> tuple[Float[Array, "response element"], Float[Array, "response column row"]]:
    """Return the weights of W⁻¹ and k of every response."""
    stacked = plan.hypothesis.rows @ plan.model.to_coded
    weights = covariance_weights(psi, plan.model.blocks).w
    form = weighted_forms(weights, plan.model.forms)
    return weights, np.linalg.solve(form, np.broadcast_to(stacked.T, (len(psi), *stacked.T.shape)))


def subject_scores(y: Float[Array, "observation response"], plan: ScorePlan, *, n_jobs: int = 1) -> Scores:
    """Fit the model without what is tested and give what arrangements work on.

    Args:
        y: the measure, any unit, rows as in the table of the model.
        plan: of `plan_scores`.
        n_jobs: threads of the fit.
    """
    null = _without(plan.model, plan.hypothesis)
    fit = fit_mixed(y, null, df="none", residuals=True, n_jobs=n_jobs)
    assert fit.residuals is not None
    fitted, r = fit.converged.copy(), plan.tested
    flips = plan.kind == "sign flips"
    (n_rows, v), n = y.shape, plan.model.n_subjects
    by_subject = np.zeros((n, r, v), np.float32)
    weights = np.zeros((r, n_rows, v), np.float32)
    leaning = []
    forms = subject_forms(plan.model) if flips else None
    stacked, design = plan.hypothesis.rows @ plan.model.to_coded, plan.model.basis[plan.rows]
    step = min(_BLOCK, max(1, NUMBERS // n_rows))
    for start in range(0, v, step):
        part = slice(start, start + step)
        good = fitted[part]
        w, k = _by_weights(plan, np.where(good[:, None], fit.estimates.psi[part], 1.0))
        z = np.where(good, fit.residuals[plan.rows, part], 0.0)
        each = np.einsum("op,vpr->rov", design, k, optimize=True)
        scores = np.add.reduceat(each * z, plan.starts, axis=1) * plan.scored[:, None]
        spread = np.einsum("riv,qiv->vrq", scores, scores)
        good &= np.linalg.det(spread) > 0
        fitted[part] = good
        if flips:
            turned = np.linalg.inv(np.linalg.cholesky(np.where(good[:, None, None], spread, np.eye(r))))
            by_subject[:, :, part] = np.where(good, np.einsum("vqr,riv->iqv", turned, scores), 0.0)
            leaning.append((w, k))
        else:
            size = np.where(good, np.sqrt(np.einsum("vrr->v", spread)), 1.0)
            weights[:, :, part] = each / size
    first = None
    if forms is not None:
        w, k = (np.concatenate(each) for each in zip(*leaning, strict=True))
        first = (leaning_scores(stacked, forms, w, k) * plan.scored[:, None, None]).astype(np.float32)
    return Scores(
        own=by_subject if flips else None,
        leaning=first,
        whitened=None if flips else np.where(fitted, fit.residuals[plan.rows], 0.0).astype(np.float32),
        weights=None if flips else weights,
        fitted=fitted,
    )


def _without(model: NestedModel, hypothesis: Hypothesis) -> NestedModel:
    """Return the model of what is left where the hypothesis holds."""
    stacked = hypothesis.rows @ model.to_coded
    free = np.linalg.svd(stacked)[2][len(stacked) :].T
    x = model.basis @ free
    blocks = replace(model.blocks, x=model.blocks.x @ free)
    labels = tuple(f"free {column}" for column in range(x.shape[1]))
    # a term to test, which a fit must have; its test is not used
    term = FixedTerm(name=labels[0], variables=(), contrasts=(), columns=np.array([0]))
    all_columns = {"kept": np.arange(x.shape[1]), "from_kept": np.eye(x.shape[1])}
    design = replace(model.design, x=x, labels=labels, terms=(term,), **all_columns)
    return NestedModel(design=design, basis=x, to_coded=np.eye(x.shape[1]), blocks=blocks, forms=design_forms(blocks))


def arranged_statistics(scores: Scores, plan: ScorePlan, part: slice) -> Float32[Array, "arrangement response"]:
    """Return t (one row) or F (more) of some of the arrangements in every response, 0 where there is no fit."""
    chosen = plan.arrangements[part]
    statistics = np.zeros((len(chosen), scores.fitted.size), np.float32)
    for start in range(0, scores.fitted.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        if scores.own is not None:
            sums, share = _flipped(scores, chosen.astype(np.float32), block)
        else:
            sums, share = _exchanged(scores, plan, chosen, block)
        n = int(plan.scored.sum())
        f = plan.df2 / plan.tested * share / np.maximum(n - share, 1e-6 * n)
        if scores.leaning is not None:
            f /= np.maximum(1 - _leaned(scores.leaning[:, :, block], chosen.astype(np.float32)), _FLOOR)
        statistics[:, block] = np.copysign(np.sqrt(f), sums) if plan.tested == 1 else f
    return np.where(scores.fitted, statistics, np.float32(0))


def _flipped(scores: Scores, signs: Float32[Array, "arrangement subject"], block: slice) -> tuple[Array, Array]:
    """Return the first summed score and H² of flipped scores."""
    assert scores.own is not None
    sums = [signs @ scores.own[:, row, block] for row in range(scores.own.shape[1])]
    return sums[0], np.sum(np.square(sums), axis=0)


def _leaned(leaning: Float32[Array, "subject direction response"], signs: Array) -> Array:
    total = np.zeros((len(signs), leaning.shape[2]), np.float32)
    for direction in range(leaning.shape[1]):
        total += (signs @ leaning[:, direction]) ** 2
    return total


def _exchanged(
    scores: Scores, plan: ScorePlan, orders_: Int[Array, "arrangement subject"], block: slice
) -> tuple[Array, Array]:
    """Return the first summed score and H² where subjects get others' rows of the design."""
    assert scores.whitened is not None
    assert scores.weights is not None
    whitened, weights, r = scores.whitened[:, block], scores.weights[:, :, block], plan.tested
    sums = np.zeros((r, len(orders_), whitened.shape[1]), np.float32)
    spread = np.zeros((r, r, len(orders_), whitened.shape[1]), np.float32)
    ends = np.append(plan.starts, len(plan.rows))
    for members in plan.blocks:
        length = int(ends[members[0] + 1] - ends[members[0]])
        member_rows = whitened[plan.starts[members][:, None] + np.arange(length)]
        given = plan.classes[orders_[:, members]]
        for donor in np.unique(plan.classes[members]):
            there = weights[:, ends[donor] : ends[donor] + length]
            pairs = np.einsum("rov,iov->riv", there, member_rows)
            takes = (given == donor).astype(np.float32)
            for a in range(r):
                sums[a] += takes @ pairs[a]
                for b in range(a + 1):
                    spread[a, b] += takes @ (pairs[a] * pairs[b])
    return sums[0], _squared_length(sums, spread)


def _squared_length(sums: Float32[Array, "row arrangement response"], spread: Array) -> Array:
    """T'S⁻¹T by Cholesky's factor, entry by entry for all arrangements and responses at once; `spread` is lost."""
    r, total = len(sums), 0.0
    left = sums.copy()
    tiny = np.finfo(np.float32).tiny
    for a in range(r):
        pivot = np.sqrt(np.maximum(spread[a, a], tiny))
        left[a] /= pivot
        total = total + left[a] ** 2
        for b in range(a + 1, r):
            spread[b, a] /= pivot
            left[b] -= spread[b, a] * left[a]
        for b in range(a + 1, r):
            for c in range(a + 1, b + 1):
                spread[b, c] -= spread[b, a] * spread[c, a]
    return np.where(sums.any(axis=0), total, np.float32(0))
