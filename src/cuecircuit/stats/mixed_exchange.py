"""What a hypothesis of a mixed model lets subjects exchange: places among equals, or the signs of their scores.

Vocabulary, statistic and sources as in `mixed_permutation`.

Subjects are equal who have the same cells (levels of the factors that vary within subjects, in the order of the table
where a cell was measured repeatedly) and the same random design. They change places where the hypothesis says that
every cell has one expectation in all subjects (groups, slopes of covariates, their interactions); else, for effects of
conditions in all or in one group, each subject's scores keep or change their sign.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.arrangements import Arrangements, Exchange, orders, sign_flips
from cuecircuit.stats.mixed_inference import Hypothesis, check_hypotheses
from cuecircuit.stats.mixed_likelihood import covariance_weights, full_forms, weighted_forms
from cuecircuit.stats.mixed_model import NestedModel, starting_point
from cuecircuit.stats.mixed_sums import elements

_ROUNDING = 1e-9
# a subject whose share of the largest subject's information is below this has no score of its own
_NO_SHARE = 1e-6
# a nuisance direction that takes less of the variance of flipped sums than this is left out
_LITTLE = 1e-3
NUMBERS = 2**22
"""Numbers of a working array, 32 MB: responses are worked on some at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScorePlan:
    """How a hypothesis of a mixed model is permuted.

    `arrangements`, `n_distinct`, `enumerated` and `smallest_p` as in `permutation.PermutationPlan`. `rows` are those
    of the table, subject by subject and cell by cell; `starts` where each subject's begin; `blocks` hold subjects of
    one pattern, `classes` give each subject the first of its block with the same rows in the design. `scored` are
    subjects that the contrast has anything from. `df2` is that of F.
    """

    model: NestedModel
    hypothesis: Hypothesis
    kind: Exchange
    arrangements: Int[Array, "arrangement subject"]
    n_distinct: int
    enumerated: bool
    smallest_p: float
    one_sided: bool
    rows: Int[Array, "observation"]
    starts: Int[Array, "subject"]
    blocks: tuple[Int[Array, "_"], ...]
    classes: Int[Array, "subject"]
    scored: Bool[Array, "subject"]
    df2: int

    @property
    def name(self) -> str:
        """The hypothesis's."""
        return self.hypothesis.name

    @property
    def tested(self) -> int:
        """Number of rows, the numerator degrees of freedom."""
        return len(self.hypothesis.rows)

    @property
    def n_permutations(self) -> int:
        """Number of arrangements beside the one found."""
        return len(self.arrangements) - 1


def plan_scores(
    model: NestedModel,
    hypothesis: Hypothesis,
    *,
    n_permutations: int = 10_000,
    exchange: Literal["auto", Exchange] = "auto",
    one_sided: bool = False,
    seed: int = 0,
) -> ScorePlan:
    """Choose how a hypothesis is permuted and draw the arrangements, all distinct ones if that is no more than asked.

    Args:
        n_permutations: arrangements beside the one found.
        exchange: signs may be flipped for any hypothesis, if errors are as likely as their negatives.
        one_sided: count only t of the observed sign; without effect on several rows.

    Raises:
        DesignError: nothing can be exchanged, or not in the way asked for; nothing is left to fit as nuisance.
    """
    if n_permutations < 1:
        raise DesignError(f"n_permutations = {n_permutations}: expected 1 or more, better 10000")
    stacked = _tested_rows(model, hypothesis)
    rows, starts, cells, blocks = _patterns(model)
    design = model.basis[rows]
    kind = _exchange_of(hypothesis.name, exchange, between=_is_between(model, design, cells, stacked))
    one_sided = one_sided and len(stacked) == 1
    ends = np.append(starts, len(rows))
    classes = _classes(design, ends, blocks)
    shares, leaning = _start_shares(model, stacked)
    scored = shares > _NO_SHARE * shares.max()
    rng = np.random.default_rng(seed)
    flips = kind == "sign flips"
    drawn = _flips_of(scored, n_permutations, rng, one_sided) if flips else orders(classes, blocks, n_permutations, rng)
    smallest = 1 / len(drawn.rows)
    if not flips and drawn.enumerated and drawn.n_distinct > 1:
        smallest = _ties(model, stacked, drawn, rows, ends, one_sided)
    n = int(scored.sum())
    # a nuisance that differs between subjects takes one n-th of the variance of flipped sums for each of its columns
    df2 = n - len(stacked) - round(n * leaning)
    if drawn.n_distinct < 2 or df2 < 1:
        raise DesignError(_nothing_to_exchange(hypothesis.name, kind, model, blocks, n, df2))
    return ScorePlan(
        model=model,
        hypothesis=hypothesis,
        kind=kind,
        arrangements=drawn.rows,
        n_distinct=drawn.n_distinct,
        enumerated=drawn.enumerated,
        smallest_p=smallest,
        one_sided=one_sided,
        rows=rows,
        starts=starts,
        blocks=tuple(blocks),
        classes=classes,
        scored=scored,
        df2=df2,
    )


def _tested_rows(model: NestedModel, hypothesis: Hypothesis) -> Float[Array, "row column"]:
    """Return rows of the hypothesis in the columns of the model's orthonormal design."""
    stacked = check_hypotheses([hypothesis], len(model.to_coded)) @ model.to_coded
    if len(stacked) == stacked.shape[1]:
        raise DesignError(
            f"{hypothesis.name}: it is all of the fixed part, so that nothing is left to fit without it; "
            "use the error-strata model (--within), or --inference simulation"
        )
    return stacked


def _exchange_of(name: str, asked: Literal["auto", Exchange], *, between: bool) -> Exchange:
    if asked == "auto":
        return "permutations" if between else "sign flips"
    if asked == "permutations" and not between:
        raise DesignError(
            f"{name}: its effect is one within subjects, which changing places does not touch; flip signs"
        )
    return asked


def _nothing_to_exchange(
    name: str, kind: Exchange, model: NestedModel, blocks: Sequence[Array], n: int, df2: int
) -> str:
    if df2 < 1:
        return f"{name}: {n} subjects have scores, which leaves {df2} degrees of freedom; add subjects"
    if kind == "sign flips":
        return f"{name}: only {n} subject has scores, so no sign can be flipped; add subjects"
    return (
        f"{name}: subjects may change places only with those that have the same cells and random design, and among "
        f"{model.n_subjects} subjects with {len(blocks)} patterns no exchange changes the test; flip signs instead "
        "(--exchange flip: errors as likely as their negatives), complete the cells, or use --inference simulation"
    )


def _patterns(model: NestedModel) -> tuple[Array, Array, list[tuple], list[Array]]:
    """Return rows by subject and cell, where subjects start, the cell of each row, and the subjects of each pattern."""
    design = model.design
    within = [item.codes for item in design.factors.values() if _varies_within(item.codes, design.subjects)]
    # stable: repeated measures of a cell stay in the order of the table
    rows = np.lexsort([*within[::-1], design.subjects])
    n = model.n_subjects
    starts = np.searchsorted(design.subjects[rows], np.arange(n))
    cells: list[tuple] = []
    patterns: dict[tuple, list[int]] = {}
    for subject, at in enumerate(np.split(rows, starts[1:])):
        keys = [tuple(int(codes[row]) for codes in within) for row in at]
        seen: dict[tuple, int] = {}
        for key in keys:
            seen[key] = seen.get(key, -1) + 1
            cells.append((*key, seen[key]))
        covariance = b"".join(
            (np.round((term.z[at, a, None] * term.z[at, b]) * (term.levels[at, None] == term.levels[at]), 9) + 0.0)
            .tobytes()
            for term in design.random
            for a in range(term.z.shape[1])
            for b in range(a + 1)
        )  # fmt: skip
        patterns.setdefault((tuple(keys), covariance), []).append(subject)
    return rows, starts, cells, [np.array(each) for each in patterns.values()]


def _varies_within(codes: Int[Array, "observation"], subjects: Int[Array, "observation"]) -> bool:
    first = np.zeros(subjects.max() + 1, int)
    first[subjects[::-1]] = codes[::-1]
    return bool((codes != first[subjects]).any())


def _is_between(
    model: NestedModel, design: Float[Array, "observation column"], cells: Sequence[tuple], stacked: Array
) -> bool:
    """Return whether the hypothesis holds wherever each cell has one expectation in all subjects.

    A covariate that all subjects share but for missing or jittered times is one within subjects all the same: its part
    in the contrast is alike in all of them.
    """
    first: dict[tuple, int] = {}
    like = np.array([first.setdefault(cell, row) for row, cell in enumerate(cells)])
    # of the triangle: directions of rows are not needed, and there may be many
    _, sizes, turned = np.linalg.svd(np.linalg.qr(design - design[like], mode="r"))
    alike = turned[int((sizes > _ROUNDING * max(sizes.max(initial=0.0), 1.0)).sum()) :]
    if np.abs(stacked @ alike.T).max(initial=0.0) > 1e-7 * np.abs(stacked).max():
        return False
    part = design @ _start_k(model, stacked)
    counts = np.bincount(like, minlength=len(like))
    sums = np.zeros_like(part)
    np.add.at(sums, like, part)
    common = (sums**2 / np.maximum(counts, 1)[:, None]).sum()
    return bool(common < 0.5 * (part**2).sum())


def _start_k(model: NestedModel, stacked: Array) -> Float[Array, "column row"]:
    """Return the k at relative variances 1."""
    weights = covariance_weights(starting_point(model.blocks.columns)[None], model.blocks).w
    return np.linalg.solve(weighted_forms(weights, model.forms)[0], stacked.T)


def _classes(design: Array, ends: Array, blocks: Sequence[Array]) -> Int[Array, "subject"]:
    classes = np.arange(len(ends) - 1)
    for members in blocks:
        seen: dict[bytes, int] = {}
        for subject in members.tolist():
            pattern = np.round(design[ends[subject] : ends[subject + 1]], 9) + 0.0
            classes[subject] = seen.setdefault(pattern.tobytes(), subject)
    return classes


def _start_shares(model: NestedModel, stacked: Array) -> tuple[Array, float]:
    """Each subject's part of the information at relative variances 1, and what flipped sums lean on the nuisance."""
    forms = subject_forms(model)
    weights = covariance_weights(starting_point(model.blocks.columns)[None], model.blocks).w
    k = _start_k(model, stacked)
    shares = np.einsum("qr,sqt,tr->s", k, full_forms(weights[0] @ forms), k)
    return shares, float((leaning_scores(stacked, forms, weights, k[None]) ** 2).sum())


def _flips_of(
    scored: Bool[Array, "subject"], n_permutations: int, rng: np.random.Generator, one_sided: bool
) -> Arrangements:
    flips = sign_flips(int(scored.sum()), n_permutations, rng, one_sided=one_sided)
    rows = np.ones((len(flips.rows), len(scored)), int)
    rows[:, scored] = flips.rows
    return replace(flips, rows=rows)


def _ties(model: NestedModel, stacked: Array, found: Arrangements, rows: Array, ends: Array, one_sided: bool) -> float:
    """Share of the arrangements that give the statistic of the one found whatever the data: exchanged equal groups."""
    basis = np.linalg.qr((model.basis @ _start_k(model, stacked))[rows])[0]
    bases = [basis[start:end] for start, end in pairwise(ends)]
    same = 0
    for order in found.rows:
        # subjects of one block have as many rows, in the same order
        product = basis.T @ np.concatenate([bases[j] for j in order])
        kept = np.sum(product**2) > len(stacked) - 1e-9
        same += bool(kept and (not one_sided or product[0, 0] > 0))
    return same / len(found.rows)


def subject_forms(model: NestedModel) -> Float[Array, "subject element pair"]:
    """Sums of squares of each subject's rows of the basis, in every element of the covariance."""
    rotation, x = model.blocks.rotation, model.blocks.x
    # each score belongs to one subject
    owner = model.design.subjects[rotation.indices[rotation.indptr[:-1]]]
    a, b = np.tril_indices(x.shape[1])
    pairs = list(elements(model.blocks))
    forms = np.zeros((model.n_subjects, len(pairs), len(a)))
    for element, (one, other) in enumerate(pairs):
        products = x[one][:, a] * x[other][:, b]
        if one != other:
            products += x[other][:, a] * x[one][:, b]
        np.add.at(forms[:, element], owner[one], products)
    return forms


def leaning_scores(
    stacked: Float[Array, "row column"],
    forms: Float[Array, "subject element pair"],
    weights: Float[Array, "response element"],
    k: Float[Array, "response column row"],
) -> Float[Array, "subject direction response"]:
    """Return how each subject's score leans on the nuisance: d'd = 1 where a flipped sum is all nuisance.

    Directions that matter in no response are left out. For several rows d'd is the mean share over the rows.
    """
    r, p = stacked.shape
    n, v = len(forms), len(weights)
    nuisance = np.linalg.svd(stacked)[2][r:].T
    form = weighted_forms(weights, forms.sum(axis=0))
    half = np.swapaxes(np.linalg.cholesky(np.linalg.inv(nuisance.T @ form @ nuisance)), 1, 2) @ nuisance.T
    scaled = k @ np.linalg.cholesky(np.linalg.inv(np.swapaxes(k, 1, 2) @ form @ k)) / np.sqrt(r)
    full = full_forms(forms).transpose(1, 3, 2, 0).reshape(-1, p * n)

    def leaning(part: slice) -> Float[Array, "response row direction subject"]:
        # Σ_e w_e A_e k for every subject and response as one product of matrices
        each = np.einsum("ve,vqr->vreq", weights[part], scaled[part])
        along = each.reshape(-1, len(full)) @ full
        return half[part, None] @ along.reshape(len(each), r, p, n)

    step = max(1, NUMBERS // (r * p * n))
    parts = [slice(start, start + step) for start in range(0, v, step)]
    # a common turn of the nuisance directions, so that few of them matter
    products = sum(
        np.tensordot(leaning_part, leaning_part, ((0, 1, 3), (0, 1, 3))) for leaning_part in map(leaning, parts)
    )
    values, vectors = np.linalg.eigh(products / v)
    turn = vectors[:, values > _LITTLE].T
    leanings = np.empty((n, len(turn) * r, v))
    for part in parts:
        turned = turn @ leaning(part)
        leanings[:, :, part] = turned.transpose(3, 2, 1, 0).reshape(n, -1, len(turned))
    return leanings
