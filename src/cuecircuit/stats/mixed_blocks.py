"""One rotation of the observations for all responses, after which their covariance is (block) diagonal.

The covariance of the observations is σ²W(ψ), W = I + Σ_m ψ_m G_m, with one block per subject. Subjects whose random
effects have the same Z'Z share one pattern: with Z = Q R, Q orthonormal, W of such a subject is I + R Ψ R' in the
coordinates Q and the identity off them. Where the G_m of a pattern commute (terms of one column, complete cells),
their common eigenvectors are the error strata: W is diagonal there, λ_k = 1 + Σ_m ψ_m d_mk. Else the pattern has one
full block. Either way W⁻¹ = Σ_e w_e(ψ) B_e, e running over strata, over entries of full blocks, and last the rest
(w = 1): responses need only c_e = X'B_e y and s_e = y'B_e y, designs A_e = X'B_e X, whatever the number of subjects.

ψ are relative variances and covariances of each term, lower triangle column by column, for columns of Z scaled to
unit root mean square (slopes of any unit then start alike).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.stats.mixed_design import MixedColumns, RandomTerm

# relative size below which a number is rounding
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedBlocks:
    """The rotation and the blocks of W in the rotated coordinates, called scores.

    Scores stand block by block, in a block first all subjects' first coordinate, then the second, and so on; the rest
    comes last. `sizes` are the blocks' coordinates, `counts` how many subjects (or strata's scores) share a block;
    `generators` the G_m of the blocks below one another, row by row, from `starts` on. `columns` are the number of
    columns of each random term, `scale` what their columns were divided by.
    """

    rotation: sparse.csr_array
    x: Float[Array, "score column"]
    sizes: Int[Array, "block"]
    counts: Int[Array, "block"]
    starts: Int[Array, "block"]
    generators: Float[Array, "entry parameter"]
    columns: Int[Array, "term"]
    scale: tuple[Float[Array, "_"], ...]

    @property
    def n_elements(self) -> int:
        """Number of matrices B_e, the rest included."""
        return int((self.sizes * (self.sizes + 1) // 2).sum()) + 1

    @property
    def kernel(self) -> tuple[Array, Array, Array, Array]:
        """What the loops want to know."""
        return self.sizes, self.counts, self.starts, self.generators


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scores:
    """Rows of the rotation: each score's weights of a subject's observations, and which observations these are."""

    weights: Float[Array, "member score own"]
    rows: Int[Array, "member own"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """One block: the scores of all who share it, coordinate by coordinate, and its generators."""

    scores: tuple[_Scores, ...]
    generators: Float[Array, "coordinate coordinate parameter"]


def mixed_blocks(design: MixedColumns, x: Float[Array, "observation column"]) -> MixedBlocks:
    """Find the rotation of a design; `x` are the fixed columns in any basis."""
    scale = tuple(np.sqrt(np.mean(term.z**2, axis=0)) for term in design.random)
    scaled = [term.z / size for term, size in zip(design.random, scale, strict=True)]
    patterns: dict[tuple, list[tuple[Array, Array]]] = {}
    order = np.argsort(design.subjects, kind="stable")
    for rows in np.split(order, np.cumsum(np.bincount(design.subjects))[:-1]):
        z, key = _subject_z(rows, design.random, scaled)
        patterns.setdefault(key, []).append((rows, z))
    columns = np.array([z.shape[1] for z in scaled])
    blocks: list[_Block] = []
    rest = []
    for key, members in patterns.items():
        pattern_blocks, others = _pattern_blocks(members, key[0], columns)
        blocks += pattern_blocks
        rest.append(others)
    rotation = _rotation([*(scores for block in blocks for scores in block.scores), *rest], len(x))
    sizes = np.array([len(block.scores) for block in blocks], np.int64)
    return MixedBlocks(
        rotation=rotation,
        x=rotation @ x,
        sizes=sizes,
        counts=np.array([np.prod(block.scores[0].weights.shape[:2]) for block in blocks], np.int64),
        starts=np.cumsum([0, *sizes[:-1] ** 2]),
        generators=np.concatenate([block.generators.reshape(len(block.scores) ** 2, -1) for block in blocks]),
        columns=columns,
        scale=scale,
    )


def _rotation(parts: Sequence[_Scores], n: int) -> sparse.csr_array:
    columns = [np.broadcast_to(part.rows[:, None], part.weights.shape).ravel() for part in parts]
    lengths = [np.full(np.prod(part.weights.shape[:2]), part.weights.shape[2]) for part in parts]
    ends = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    weights = np.concatenate([part.weights.ravel() for part in parts])
    return sparse.csr_array((weights, np.concatenate(columns), ends), shape=(len(ends) - 1, n))


def _subject_z(
    rows: Int[Array, "own"], random: Sequence[RandomTerm], scaled: Sequence[Float[Array, "observation column"]]
) -> tuple[Float[Array, "own effect"], tuple]:
    """Random columns of one subject, term by term and level by level, and what makes subjects alike."""
    parts, n_levels = [], []
    for term, z in zip(random, scaled, strict=True):
        levels = np.unique(term.levels[rows])
        n_levels.append(len(levels))
        parts += [z[rows] * (term.levels[rows] == level)[:, None] for level in levels]
    joined = np.hstack(parts)
    # rounding to 1e-9 joins subjects whose slopes differ by nothing but rounding
    alike = np.round(joined.T @ joined, 9) + 0.0
    return joined, (tuple(n_levels), len(rows), alike.tobytes())


def _pattern_blocks(
    members: list[tuple[Int[Array, "own"], Float[Array, "own effect"]]],
    n_levels: tuple[int, ...],
    columns: Int[Array, "term"],
) -> tuple[list[_Block], _Scores]:
    _, lengths, turned = np.linalg.svd(members[0][1], full_matrices=False)
    rank = int((lengths > _ROUNDING * max(lengths.max(initial=0.0), 1.0)).sum())
    lengths, turned = lengths[:rank], turned[:rank]
    generators = _generators(lengths[:, None] * turned, n_levels, columns)
    strata = _common_strata(generators)
    rows = np.stack([member_rows for member_rows, _ in members])
    basis = np.stack([z for _, z in members]) @ turned.T / lengths
    complete = np.linalg.qr(basis, mode="complete")[0]
    rest = _Scores(weights=complete[:, :, rank:].swapaxes(1, 2), rows=rows)
    basis = basis.swapaxes(1, 2)
    if strata is None:
        coordinates = tuple(_Scores(weights=basis[:, a : a + 1], rows=rows) for a in range(rank))
        return [_Block(scores=coordinates, generators=generators)], rest
    blocks = [
        _Block(scores=(_Scores(weights=vectors.T @ basis, rows=rows),), generators=shares.reshape(1, 1, -1))
        for vectors, shares in strata
    ]
    return blocks, rest


def _generators(
    factor: Float[Array, "coordinate effect"], n_levels: tuple[int, ...], columns: Int[Array, "term"]
) -> Float[Array, "coordinate coordinate parameter"]:
    generators, at = [], 0
    for levels, k in zip(n_levels, columns, strict=True):
        part = factor[:, at : at + levels * k].reshape(len(factor), levels, k)
        at += levels * k
        for b in range(k):
            for a in range(b, k):
                product = part[:, :, a] @ part[:, :, b].T
                generators.append(product if a == b else product + product.T)
    return np.stack(generators, axis=2)


def _common_strata(
    generators: Float[Array, "coordinate coordinate parameter"],
) -> list[tuple[Float[Array, "coordinate score"], Float[Array, "parameter"]]] | None:
    """Common eigenvectors of all G_m, joined where all eigenvalues agree; None where there are none."""
    matrices = np.moveaxis(generators, 2, 0)
    size = max(np.abs(matrices).max(initial=0.0), 1.0)
    for one in matrices:
        for other in matrices:
            if np.abs(one @ other - other @ one).max(initial=0.0) > _ROUNDING * size**2:
                return None
    # a generic sum has an eigenvalue apart for every set of eigenvalues
    weights = np.sqrt(np.arange(len(matrices)) + 2.0)
    _, vectors = np.linalg.eigh(np.tensordot(weights, matrices, axes=1))
    shares = np.einsum("ak,mab,bk->km", vectors, matrices, vectors)
    # generic weights may still meet by chance: then the vectors are not yet eigenvectors of each
    if np.abs(matrices @ vectors - vectors * shares.T[:, None, :]).max(initial=0.0) > 1e-6 * size:
        return None
    kinds = np.round(shares / size, 8) + 0.0
    return [
        (vectors[:, same], shares[same].mean(axis=0))
        for kind in np.unique(kinds, axis=0)
        for same in [np.all(kinds == kind, axis=1)]
    ]
