"""Whether groups of subjects differ in variance: the ratio pooled over voxels, and its permutation p.

Permutation of subjects between groups holds its level where the groups' variances agree, and loses it where they do
not, most of all where the groups differ in size. From the residuals E = Ry of a design, R = I − QQ', group g (rows g)
has in voxel v the variance

    s²_g(v) = ‖E_g‖² / t_g,    t_g = tr R_gg,    ν_g = t_g² / tr(R_gg²),

and over voxels log ρ_g = mean_v log s²_g − ψ(ν_g/2) + log(ν_g/2), which is unbiased for Gaussian noise with χ²_ν/ν
variances. The SD of a group relative to the others is √ρ_g.

The test: D_g = mean_v log of the mean square of group g over that of the other subjects, where a subject's square is
the sum of its e²/(1 − h). Subjects are permuted; any set S of subjects has its own bias by ν_S, from the correlations
of their e/√(1 − h), which is taken off. p is that of the largest |D_g − median| / SD over groups, median and SD being
those of the permutations. With two groups D_1 = −D_2, one log ratio.

Sources: ν_g as Welch (1947, Biometrika 34:28) and Satterthwaite; log variances as Bartlett and Kendall (1946, Suppl J R
Stat Soc 8:128).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import digamma

from cuecircuit.arrays import Array, Bool, Float, Float64, Int
from cuecircuit.stats.mixed_design import MixedColumns, subject_groups
from cuecircuit.stats.strata_design import Stratum

DIFFER_P = 0.2
"""Variances are taken to differ at this p: at .05, ratios go unseen that lead to error rates of up to .085."""

_PERMUTATIONS = 999
# a row that its own design column fits exactly leaves nothing to judge its variance by
_NO_RESIDUAL = 1e-9
_LEAST_SHARE = 1e-12  # of a sum of squares, so that its logarithm exists
_BLOCK = 2048  # voxels worked on at a time
_ARRANGEMENTS = 100  # worked on at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupVariances:
    """Groups with their number of subjects and SD (geometric mean 1), and the permutation p of their difference.

    `labels` give each subject's group; one whose variance cannot be told is not among the `groups`.
    """

    labels: tuple[str, ...]
    groups: tuple[str, ...]
    n: tuple[int, ...]
    sd: tuple[float, ...]
    p: float

    @property
    def sd_ratio(self) -> float:
        """Largest SD over the smallest."""
        return max(self.sd) / min(self.sd)

    @property
    def differ(self) -> bool:
        """Whether variances are taken to differ."""
        return self.p <= DIFFER_P


def residual_traces(
    basis: Float[Array, "row column"], groups: Sequence[Int[Array, "_"]]
) -> tuple[Float64[Array, "group"], Float64[Array, "group"]]:
    """Return t_g and ν_g of groups of rows.

    Args:
        basis: orthonormal columns of the design.
        groups: rows of each group.
    """
    traces = []
    for rows in groups:
        residual_maker = np.eye(len(rows)) - basis[rows] @ basis[rows].T
        traces.append((np.trace(residual_maker), np.sum(residual_maker**2)))
    t, squares = np.array(traces).T
    return t, t**2 / np.where(squares > 0, squares, 1)


def log_bias(df: Float[Array, "*shape"]) -> Float64[Array, "*shape"]:
    """Return the mean of log(χ²_ν/ν)."""
    return digamma(df / 2) - np.log(df / 2)


def group_variances(
    residual_blocks: Iterable[Float[Array, "row _"]],
    basis: Float[Array, "row column"],
    subjects: Int[Array, "row"],
    labels: Sequence[str],
    *,
    n_permutations: int = _PERMUTATIONS,
    seed: int = 0,
) -> GroupVariances | None:
    """Compare the variances of groups of subjects over all voxels.

    A voxel with a group that is constant or not finite is left out, and so is a group whose subjects the design fits
    exactly (one subject with a mean of its own).

    Args:
        residual_blocks: residuals of the design in some voxels after the others.
        basis: orthonormal columns of the design.
        subjects: the subject of each row.
        labels: each subject's group.

    Returns:
        None where there are no two groups, or no voxel, to compare.
    """
    names = tuple(dict.fromkeys(labels))
    codes = np.array([names.index(label) for label in labels])
    free = np.maximum(1 - (basis**2).sum(axis=1), 0)
    scale = np.where(free > _NO_RESIDUAL, 1 / np.sqrt(np.maximum(free, _NO_RESIDUAL)), 0.0)
    judged = np.bincount(subjects, scale, minlength=len(codes)) > 0
    kept = [g for g in range(len(names)) if judged[codes == g].any()]
    if len(kept) < 2:
        return None
    rows = [np.flatnonzero(codes[subjects] == g) for g in kept]
    t, df = residual_traces(basis, rows)
    # of two groups one log ratio is the other's negative
    compared = np.array([codes[judged] == g for g in (kept[:1] if len(kept) == 2 else kept)])
    rng = np.random.default_rng(seed)
    orders = (rng.permutation(int(judged.sum())) for _ in range(n_permutations))
    arranged = np.stack([compared, *(compared[:, order] for order in orders)])
    total, ratios, n_voxels = np.zeros(len(kept)), np.zeros(arranged.shape[:2]), 0
    for block in residual_blocks:
        squares = np.square(block, dtype=np.float64)
        variances = np.stack([squares[each].sum(axis=0) for each in rows]) / t[:, None]
        good = np.isfinite(variances).all(axis=0) & (variances > 0).all(axis=0)
        total += np.log(variances[:, good]).sum(axis=1)
        ratios += _log_ratios(_by_subject(squares[:, good] * scale[:, None] ** 2, subjects)[judged], arranged)
        n_voxels += int(good.sum())
    if not n_voxels:
        return None
    log_sd = (total / n_voxels - log_bias(df)) / 2
    bias = _ratio_bias(basis * scale[:, None], scale > 0, subjects, judged, arranged)
    return GroupVariances(
        labels=tuple(labels),
        groups=tuple(names[g] for g in kept),
        n=tuple(int((codes == g).sum()) for g in kept),
        sd=tuple(np.exp(log_sd - log_sd.mean()).tolist()),
        p=_two_sided_p(ratios / n_voxels - bias),
    )


def formula_variances(y_blocks: Iterable[Float[Array, "row _"]], design: MixedColumns) -> GroupVariances | None:
    """Compare the variances of groups under the fixed part of a formula; random effects are in them.

    Args:
        y_blocks: the measure in some voxels after the others.
        design: whose factors between subjects make the groups.
    """
    basis = np.linalg.qr(design.x)[0]
    residuals = (y - basis @ (basis.T @ y) for y in y_blocks)
    return group_variances(residuals, basis, design.subjects, subject_groups(design))


def stratum_variances(
    y_blocks: Iterable[Float[Array, "subject condition _"]],
    stratum: Stratum,
    labels: Sequence[str],
    *,
    n_permutations: int = _PERMUTATIONS,
) -> GroupVariances | None:
    """Compare the variances of groups in an error stratum; arguments and result as of `group_variances`."""
    if len(set(labels)) < 2:
        return None
    basis = stratum.basis

    def residuals() -> Iterator[Float64[Array, "row _"]]:
        for y in y_blocks:
            scores = np.matmul(stratum.scores.T, y.astype(np.float64)).reshape(len(basis), -1)
            yield scores - basis @ (basis.T @ scores)

    subjects = np.repeat(np.arange(len(labels)), stratum.scores.shape[1])
    return group_variances(residuals(), basis, subjects, labels, n_permutations=n_permutations)


def _by_subject(values: Float[Array, "row column"], subjects: Int[Array, "row"]) -> Float64[Array, "subject column"]:
    order = np.argsort(subjects, kind="stable")
    starts = np.searchsorted(subjects[order], np.arange(subjects.max() + 1))
    if len(starts) == len(values):
        return values[order]
    return np.add.reduceat(values[order], starts, axis=0)


def _log_ratios(
    squares: Float[Array, "subject voxel"], arranged: Bool[Array, "arrangement group subject"]
) -> Float64[Array, "arrangement group"]:
    """Return the log mean square of each arranged group over that of the others, summed over voxels."""
    ratios = np.zeros(arranged.shape[:2])
    n = arranged.sum(axis=2)
    for start in range(0, squares.shape[1], _BLOCK):
        part = squares[:, start : start + _BLOCK]
        for group in range(arranged.shape[1]):
            share = arranged[:, group].astype(np.float64) @ (part / part.sum(axis=0))
            share = np.clip(share, _LEAST_SHARE, 1 - _LEAST_SHARE)
            ratios[:, group] += np.log(share / (1 - share)).sum(axis=1)
    return ratios + squares.shape[1] * np.log((arranged.shape[2] - n) / n)


def _ratio_bias(
    scaled_basis: Float[Array, "row column"],
    used: Bool[Array, "row"],
    subjects: Int[Array, "row"],
    judged: Bool[Array, "subject"],
    arranged: Bool[Array, "arrangement group judged_subject"],
) -> Float64[Array, "arrangement group"]:
    """Return the mean of each log ratio where all variances are equal: ν_S = (tr C_SS)² / tr(C_SS²)."""
    squares = scaled_basis @ scaled_basis.T  # the correlations, but for their sign; one matrix of rows x rows at a time
    np.fill_diagonal(squares, used)
    squares = _by_subject(np.square(squares, out=squares), subjects).T
    squares = _by_subject(squares, subjects)[np.ix_(judged, judged)]
    counts = np.bincount(subjects, used)[judged]

    def bias(members: Float[Array, "arrangement group judged_subject"]) -> Float64[Array, "arrangement group"]:
        return log_bias((members @ counts) ** 2 / ((members @ squares) * members).sum(axis=2))

    parts = (arranged[start : start + _ARRANGEMENTS] for start in range(0, len(arranged), _ARRANGEMENTS))
    return np.concatenate([bias(inside.astype(np.float64)) - bias((~inside).astype(np.float64)) for inside in parts])


def _two_sided_p(ratios: Float[Array, "arrangement group"]) -> float:
    spread = ratios.std(axis=0)
    scaled = np.abs(ratios - np.median(ratios, axis=0)) / np.where(spread > 0, spread, 1)
    strongest = scaled.max(axis=1)
    return float((strongest >= strongest[0] * (1 - 1e-9)).mean())
