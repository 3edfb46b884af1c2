"""Permutation for groups of unequal variance: subjects are rotated within their groups, groups keep their variances.

Maps of one group with mean 0 and Gaussian noise keep their joint law under any rotation of the group's subjects,
whatever their covariance over voxels, so any statistic and its maximum over voxels can be compared with that of rotated
residuals. Sign flips are 2ⁿ of these rotations. In one error stratum, with y the scores (rows: subject by score), X =
[Z, T] the design, T tested, g(i) the variance group of subject i, s²_g(v) and ρ_g as in `group_variances`:

1. Restricted fit with the voxel's own variances: A = Σ_g Z_g'Z_g/s²_g, θ = A⁻¹ Σ_g Z_g'y_g/s²_g, r_g = y_g − Z_gθ.
2. Leverage is taken off within each group (CR2): Z_g = O_g L_g by a thin SVD, K = L_g A⁻¹L_g'/s²_g,
   e_g = r_g + O_g[(I − K)^(−½) − I]O_g'r_g; directions with eigenvalue 0 of I − K are the group's own nuisance.
3. Q is an orthonormal basis of the columns of X with rows divided by √ρ_g, Q_Z those of Z; so are y and e.
4. A rotation replaces the rows of each group by U_g H_g U_g'Q_g: H_g is a random orthogonal matrix (Haar), U_g spans
   the group's subjects without their own nuisance (an own intercept, an own slope). Scores of a subject stay together.
5. F* = (df2/df1) · ‖Q_T*'e‖² / (‖e‖² − ‖Q_T*'e‖² − ‖Q_Z*'e‖²), compared with the F of y in the weighted model.

Only the product H_g V of a frame V of the rows' span is needed: a uniform random frame, from QR of k columns of
normals.

Exact for Gaussian noise where each group has its own nuisance and ρ is known, else approximate (Behrens and Fisher);
cautious where subjects have heavy tails. Blocks of exchangeability: groups within blocks are groups of their own, and
the blocks' means join the nuisance, since a rotation does not keep the mean of a block.

Sources: Langsrud (2005), Stat Comput 15:53 (rotation tests); Pustejovsky and Tipton (2018), J Bus Econ Stat 36:672
(leverage with a pseudo-inverse); Mezzadri (2007), Notices AMS 54:592 (signs of QR). Their union is ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Float64, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.arrangements import members
from cuecircuit.stats.group_variances import GroupVariances, residual_traces
from cuecircuit.stats.permutation import check_scheme, find_term, term_basis
from cuecircuit.stats.strata_design import StrataModel, Stratum, StratumTerm

Variance = Literal["auto", "equal", "groups"]
# an eigenvalue of I − K below this is 0: the group's own nuisance
_OWN = 1e-7
_LENGTH = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RotatedGroup:
    """A variance group: its rows, the design there, and what is rotated.

    `columns` are those of the nuisance there, orthonormal rows apart: Z_g = `outer` @ `inner`. The rows of the weighted
    basis are `span` @ frame @ `coordinates`, frame being `turned` by `rank`.
    """

    rows: Int[Array, "group_row"]
    trace: float
    outer: Float64[Array, "group_row rank"]
    inner: Float64[Array, "rank nuisance"]
    span: Float64[Array, "group_subject free"]
    coordinates: Float64[Array, "frame score_column"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RotationPlan:
    """How a term is rotated.

    `arrangements` number the rotations, 0 the one found. `basis` is orthonormal with rows divided by the groups' SD
    `sd`, the `tested` columns first, then the nuisance; `unweighted` likewise, without the division.
    """

    stratum: Stratum
    term: StratumTerm
    arrangements: Int[Array, "arrangement 1"]
    sd: Float64[Array, "row"]
    basis: Float64[Array, "row column"]
    unweighted: Float64[Array, "row column"]
    groups: tuple[RotatedGroup, ...]
    one_sided: bool
    seed: int
    kind: Literal["rotations"] = "rotations"
    n_distinct: int = 2**63
    enumerated: bool = False

    @property
    def name(self) -> str:
        """The term's."""
        return self.term.name

    @property
    def tested(self) -> int:
        """Number of tested columns, the numerator degrees of freedom."""
        return len(self.term.columns)

    @property
    def df2(self) -> int:
        """Rows less columns."""
        return self.basis.shape[0] - self.basis.shape[1]

    @property
    def n_permutations(self) -> int:
        """Number of rotations beside the arrangement found."""
        return len(self.arrangements) - 1

    @property
    def smallest_p(self) -> float:
        """The smallest p that any data can reach."""
        return 1 / len(self.arrangements)


def rotates(variance: Variance, variances: GroupVariances) -> bool:
    """Return whether subjects are rotated within groups: where that is asked for, or groups are found to differ."""
    return variance == "groups" or (variance == "auto" and variances.differ)


def variance_labels(groups: Sequence[str], blocks: Sequence[object] | None) -> tuple[str, ...]:
    """Return the groups that may differ in variance: with blocks, groups within blocks."""
    if blocks is None:
        return tuple(groups)
    return tuple(f"{block}:{group}" for block, group in zip(blocks, groups, strict=True))


def plan_rotations(
    model: StrataModel,
    name: str,
    variances: GroupVariances,
    *,
    stratum: str | None = None,
    n_permutations: int = 10_000,
    blocks: Sequence[object] | None = None,
    one_sided: bool = False,
    seed: int = 0,
) -> RotationPlan:
    """Prepare the rotation of a term within groups of subjects.

    Args:
        name: the term, as in `strata_anova`.
        variances: of the groups in the term's stratum (with blocks: of groups within blocks).
        stratum: needed where a covariate is tested in several.
        n_permutations: rotations beside the arrangement found.
        blocks: a label per subject: subjects are rotated within blocks, whose means join the nuisance.
        one_sided: count only t of the observed sign; without effect on a term with several columns.

    Raises:
        DesignError: no such term, labels that do not match the subjects, a group whose variance cannot be told, blocks
            that leave nothing of the term.
    """
    where, term = find_term(model, name, stratum)
    n = model.n_subjects
    check_scheme(model, n_permutations, blocks)
    labels, c = variances.labels, where.scores.shape[1]
    sd_of = dict(zip(variances.groups, variances.sd, strict=True))
    if missing := [label for label in dict.fromkeys(labels) if label not in sd_of]:
        raise DesignError(
            f"term {name}: group {', '.join(missing)}: found one {model.design.unit} or residuals of 0, which have no "
            "variance of their own; merge groups, leave the group out, or assume equal variances (--variance equal)"
        )
    sd = np.repeat([sd_of[label] for label in labels], c)
    tested, nuisance = _columns(where, term, None if blocks is None else members(n, blocks), c)
    unweighted = np.hstack([tested, nuisance])
    basis = _orthonormal(nuisance / sd[:, None], tested / sd[:, None])
    groups = tuple(_rotated_group(each, c, nuisance, unweighted, basis, sd) for each in members(n, labels))
    return RotationPlan(
        stratum=where,
        term=term,
        arrangements=np.arange(n_permutations + 1)[:, None],
        sd=sd,
        basis=basis,
        unweighted=unweighted,
        groups=groups,
        one_sided=one_sided and len(term.columns) == 1,
        seed=seed,
    )


def _columns(
    stratum: Stratum, term: StratumTerm, blocks: Sequence[Int[Array, "_"]] | None, c: int
) -> tuple[Float64[Array, "row tested"], Float64[Array, "row nuisance"]]:
    """Return orthonormal columns of the term, and of the nuisance with the means of the blocks."""
    whole = term_basis(stratum, term)
    tested, nuisance = np.split(whole, [len(term.columns)], axis=1)
    if blocks is None:
        return tested, nuisance
    n = sum(map(len, blocks))
    means = np.zeros((n, len(blocks)))
    for column, each in enumerate(blocks):
        means[each, column] = 1.0
    u, length, _ = np.linalg.svd(np.hstack([nuisance, np.kron(means, np.eye(c))]), full_matrices=False)
    nuisance = u[:, length > _LENGTH * length.max()]
    left = tested - nuisance @ (nuisance.T @ tested)
    tested, lengths = np.linalg.qr(left)
    if np.abs(np.diag(lengths)).min() < _LENGTH:
        raise DesignError(
            f"term {term.name}: it does not vary within blocks, so nothing is left to test; let a block hold several "
            "groups, or leave out the blocks"
        )
    return tested * np.where(np.diag(lengths) < 0, -1.0, 1.0), nuisance


def _orthonormal(
    nuisance: Float64[Array, "row nuisance"], tested: Float64[Array, "row tested"]
) -> Float64[Array, "row column"]:
    """Return a basis, tested columns first after removal of the nuisance, each along its own column."""
    basis, triangle = np.linalg.qr(np.hstack([nuisance, tested]))
    basis = basis * np.where(np.diag(triangle) < 0, -1.0, 1.0)
    return np.hstack([basis[:, nuisance.shape[1] :], basis[:, : nuisance.shape[1]]])


def _rotated_group(
    subjects: Int[Array, "group_subject"],
    c: int,
    nuisance: Float64[Array, "row nuisance"],
    unweighted: Float64[Array, "row column"],
    basis: Float64[Array, "row column"],
    sd: Float64[Array, "row"],
) -> RotatedGroup:
    rows = (subjects[:, None] * c + np.arange(c)).ravel()
    u, length, v = np.linalg.svd(nuisance[rows], full_matrices=False)
    kept = length > _LENGTH
    outer, inner = u[:, kept], length[kept, None] * v[kept]
    inverse = np.linalg.inv((nuisance / sd[:, None]).T @ (nuisance / sd[:, None]))
    left, directions = np.linalg.eigh(np.eye(len(inner)) - inner @ inverse @ inner.T / sd[rows[0]] ** 2)
    group_directions = outer @ directions[:, left < _OWN]
    # subjects' directions all of whose scores are the group's own nuisance
    spent = np.einsum("akbk->ab", (group_directions @ group_directions.T).reshape(len(subjects), c, len(subjects), c))
    free, vectors = np.linalg.eigh(c * np.eye(len(subjects)) - spent)
    span = vectors[:, free > _OWN]
    columns = basis[rows].reshape(len(subjects), -1)
    _, size, coordinates = np.linalg.svd(span.T @ columns, full_matrices=False)
    used = size > _LENGTH
    return RotatedGroup(
        rows=rows,
        trace=float(residual_traces(unweighted, [rows])[0][0]),
        outer=outer,
        inner=inner,
        span=span,
        coordinates=size[used, None] * coordinates[used],
    )


def rotated_bases(plan: RotationPlan, part: slice) -> Float64[Array, "arrangement column row"]:
    """Return the basis under some of the rotations; of number 0 the basis itself."""
    numbers = plan.arrangements[part, 0]
    bases = np.empty((len(numbers), *plan.basis.shape))
    draws = [np.random.default_rng([plan.seed, int(number)]) for number in numbers]
    for group in plan.groups:
        shape = (group.span.shape[1], len(group.coordinates))
        frames, triangles = np.linalg.qr(np.stack([rng.standard_normal(shape) for rng in draws]))
        frames *= np.where(np.einsum("bii->bi", triangles) < 0, -1.0, 1.0)[:, None]
        bases[:, group.rows] = (group.span @ frames @ group.coordinates).reshape(len(numbers), len(group.rows), -1)
    bases[numbers == 0] = plan.basis
    return np.moveaxis(bases, 2, 1)


def rotation_residuals(
    y: Float[Array, "subject condition response"],
    plan: RotationPlan,
    *,
    testable: Bool[Array, "response"] | None = None,
    block: int = 1024,
) -> tuple[Float[Array, "row response"], Float[Array, "row response"], Bool[Array, "response"]]:
    """Return what is rotated, what the weighted nuisance leaves of y, each of unit length, and where there is both.

    Args:
        testable: responses to test; the others are 0 throughout.
        block: responses worked on at a time, in double precision.
    """
    shape = (len(plan.basis), y.shape[2])
    rotated, observed = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    fitted = np.ones(shape[1], bool) if testable is None else testable.copy()
    fitted &= np.isfinite(y).all(axis=(0, 1))
    for start in range(0, shape[1], block):
        part = np.flatnonzero(fitted[start : start + block]) + start
        values = y[:, :, part].astype(np.float64)
        scores = np.matmul(plan.stratum.scores.T, values).reshape(shape[0], -1)
        variances = _own_variances(scores, plan)
        good = (variances > 0).all(axis=0)
        fitted[part[~good]] = False
        part, scores = part[good], scores[:, good]
        rotated[:, part] = _unit(_freed_of_leverage(scores, variances[:, good], plan) / plan.sd[:, None])
        nuisance = plan.basis[:, plan.tested :]
        weighted = scores / plan.sd[:, None]
        observed[:, part] = _unit(weighted - nuisance @ (nuisance.T @ weighted))
    return rotated, observed, fitted


def _own_variances(scores: Float64[Array, "row response"], plan: RotationPlan) -> Float64[Array, "group response"]:
    left = scores - plan.unweighted @ (plan.unweighted.T @ scores)
    size = np.square(scores).sum(axis=0)
    variances = np.stack([np.square(left[group.rows]).sum(axis=0) / group.trace for group in plan.groups])
    # what rounding leaves of a constant is no variance
    return np.where(variances > 1e-20 * size, variances, 0.0)


def _freed_of_leverage(
    scores: Float64[Array, "row response"], own: Float64[Array, "group response"], plan: RotationPlan
) -> Float64[Array, "row response"]:
    """Return the residuals of the restricted model, weighted in each response by its own group variances."""
    nuisance = plan.unweighted[:, plan.tested :]
    grams = np.stack([group.inner.T @ group.inner for group in plan.groups])
    inverse = np.linalg.inv(np.einsum("gpq,gv->vpq", grams, 1 / own))
    products = sum(
        (nuisance[group.rows].T @ scores[group.rows]) / s2 for group, s2 in zip(plan.groups, own, strict=True)
    )
    left = scores - nuisance @ np.einsum("vpq,qv->pv", inverse, products)
    for group, s2 in zip(plan.groups, own, strict=True):
        inner, outer = group.inner, group.outer
        k = inner @ inverse @ inner.T / s2[:, None, None]
        values, vectors = np.linalg.eigh(np.eye(len(inner)) - k)
        scale = np.where(values > _OWN, 1 / np.sqrt(np.maximum(values, _OWN)), 0.0)
        along = (outer.T @ left[group.rows]).T[:, :, None]
        turned = vectors @ (scale[:, :, None] * (np.swapaxes(vectors, 1, 2) @ along))
        left[group.rows] += outer @ (turned - along)[:, :, 0].T
    return left


def _unit(values: Float64[Array, "row response"]) -> Float64[Array, "row response"]:
    length = np.linalg.norm(values, axis=0)
    return values / np.where(length > 0, length, 1)
