"""Permutation of any term of an error-strata model, after Freedman and Lane (1983, J Bus Econ Stat 1:292).

In the term's stratum the scores ỹ are freed of all other columns Z (e = ỹ − H_Z ỹ), the subjects of e are rearranged
and the full model is fitted again. With Q_T and Q_Z orthonormal bases of the term (after removal of Z) and of Z,

    F* = (df2/df1) · ‖Q_T'Pe‖² / (‖e‖² − ‖Q_T'Pe‖² − ‖Q_Z'Pe‖²),

so rearranging e is rearranging the rows of the bases, and all voxels share one matrix product. The arrangement found is
one of them; F* is then the F of the analysis of variance.

What may be exchanged (Winkler et al. 2014, NeuroImage 92:381) are whole subjects: a subject's scores stay together.
- A term that differs between subjects (groups, their interactions with conditions, slopes of covariates): subjects
  change places, within their block where blocks are given. Assumes subjects are alike but for the design.
- A term that is the same in all subjects (grand mean, effects of conditions): each subject's scores change sign or do
  not. Assumes that errors are as likely as their negatives; subjects may differ in variance, blocks play no part.

If there are no more distinct arrangements than asked for, each is taken once (`enumerated`). Subjects of equal rows in
the design are not told apart, and flipping all signs changes nothing, so neither counts as distinct. The test is exact
where rearranging leaves the nuisance as it is: permutations beside the mean alone (one factor between subjects, no
covariate), sign flips beside nothing. Otherwise it is exact in large samples and close in small ones (Anderson and
Robinson 2001, Aust N Z J Stat 43:75).

p = (k + 1)/(n + 1) counts the arrangement found and is never 0 (Phipson and Smyth 2010, Stat Appl Genet Mol Biol 9:39).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Float64, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.arrangements import Exchange, members, orders, sign_flips
from cuecircuit.stats.strata_design import StrataModel, Stratum, StratumTerm

# arrangements equal but for rounding (single precision) count as equal: as large as the one found
_MARGIN = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PermutationPlan:
    """How a term is permuted.

    Row 0 of `arrangements` is the arrangement found. For permutations it says whose row of the design a subject gets,
    for sign flips the subject's sign. `basis` is orthonormal, the term's `tested` columns first, then the nuisance.
    `n_distinct` counts the arrangements that can give different maps, `enumerated` says that each of them was taken
    once. `smallest_p` is the smallest p that any data can reach: 1/(n + 1), more where other arrangements always give
    the F of the one found (exchanged groups of equal size; not where `one_sided`, which asks for t of that sign).
    """

    stratum: Stratum
    term: StratumTerm
    kind: Exchange
    arrangements: Int[Array, "arrangement subject"]
    n_distinct: int
    enumerated: bool
    smallest_p: float
    basis: Float64[Array, "row column"]
    one_sided: bool

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
        """Denominator degrees of freedom."""
        return self.stratum.df

    @property
    def n_permutations(self) -> int:
        """Number of arrangements beside the one found."""
        return len(self.arrangements) - 1


def plan_permutations(
    model: StrataModel,
    name: str,
    *,
    stratum: str | None = None,
    n_permutations: int = 10_000,
    blocks: Sequence[object] | None = None,
    one_sided: bool = False,
    seed: int = 0,
) -> PermutationPlan:
    """Choose the scheme of a term and draw its arrangements, all distinct ones if there are no more than asked for.

    Args:
        name: the term, as in `strata_anova`.
        stratum: needed where a covariate is tested in several.
        n_permutations: arrangements beside the one found.
        blocks: a label per subject (site, batch, pattern of missing cells): only subjects of one block change places.
        one_sided: count only t of the observed sign; without effect on a term with several columns.

    Raises:
        DesignError: no such term, labels that do not match the subjects, or no other arrangement of the subjects.
    """
    where, term = find_term(model, name, stratum)
    n = model.n_subjects
    check_scheme(model, n_permutations, blocks)
    rng, one_sided = np.random.default_rng(seed), one_sided and len(term.columns) == 1
    if set(term.factors) <= set(where.within) and term.covariate is None:
        drawn = sign_flips(n, n_permutations, rng, one_sided=one_sided)
    else:
        drawn = orders(_classes(where, n), members(n, blocks), n_permutations, rng)
    if drawn.n_distinct == 1:
        raise DesignError(
            f"term {term.name}: the {n} {model.design.unit}s cannot be rearranged"
            f"{' within their blocks' if blocks is not None else ''}, so there is nothing to compare with; "
            "add subjects, or let a block hold several groups"
        )
    plan = PermutationPlan(
        stratum=where,
        term=term,
        kind=drawn.kind,
        arrangements=drawn.rows,
        n_distinct=drawn.n_distinct,
        enumerated=drawn.enumerated,
        smallest_p=1 / len(drawn.rows),
        basis=term_basis(where, term),
        one_sided=one_sided,
    )
    return _with_ties(plan) if plan.enumerated else plan


def unit_residuals(
    y: Float[Array, "subject condition response"],
    plan: PermutationPlan,
    *,
    testable: Bool[Array, "response"] | None = None,
    block: int = 4096,
) -> Float[Array, "row response"]:
    """Free the stratum's scores of the nuisance columns and scale each response to unit length.

    Single precision where arrangements are drawn, double where all are enumerated (equal ones must come out equal).

    Args:
        testable: responses to test; the others are 0 throughout.
        block: responses worked on at a time, in double precision.
    """
    nuisance = plan.basis[:, plan.tested :]
    n_rows, n_responses = len(plan.basis), y.shape[2]
    residuals = np.zeros((n_rows, n_responses), np.float64 if plan.enumerated else np.float32)
    for start in range(0, n_responses, block):
        part = slice(start, start + block)
        kept = np.isfinite(y[:, :, part]).all(axis=(0, 1))
        if testable is not None:
            kept &= testable[part]
        values = np.where(kept, y[:, :, part], 0).astype(np.float64)
        scores = np.matmul(plan.stratum.scores.T, values).reshape(n_rows, -1)
        scores -= nuisance @ (nuisance.T @ scores)
        length = np.linalg.norm(scores, axis=0)
        residuals[:, part] = scores / np.where(length > 0, length, 1)
    return residuals


def arranged_bases(plan: PermutationPlan, part: slice) -> Float64[Array, "arrangement column row"]:
    """Return the basis under some of the arrangements."""
    chosen = plan.arrangements[part]
    blocks = plan.basis.reshape(chosen.shape[1], -1, plan.basis.shape[1])
    arranged = blocks[chosen] if plan.kind == "permutations" else blocks * chosen[:, :, None, None]
    return np.moveaxis(arranged, 3, 1).reshape(len(chosen), plan.basis.shape[1], -1)


def least_equal(observed: Float[Array, "*shape"] | Int[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return the smallest value that counts as large as the observed."""
    return observed - _MARGIN * np.abs(observed)


def permutation_p(
    null: Float[Array, "arrangement"], observed: Float[Array, "*shape"] | Int[Array, "*shape"]
) -> Float64[Array, "*shape"]:
    """Return (k + 1)/(n + 1): the share of arrangements as large as the observed, the one found counted.

    Args:
        null: largest value of each arrangement, the one found first.
    """
    others = np.sort(null[1:])
    larger = others.size - np.searchsorted(others, least_equal(observed))
    return (larger + 1) / (others.size + 1)


def check_scheme(model: StrataModel, n_permutations: int, blocks: Sequence[object] | None) -> None:
    """Refuse labels of blocks that do not match the subjects, and no permutation at all."""
    n = model.n_subjects
    if blocks is not None and len(blocks) != n:
        raise DesignError(f"blocks: found {len(blocks)} labels, expected one for each of {n} {model.design.unit}s")
    if n_permutations < 1:
        raise DesignError(f"n_permutations = {n_permutations}: expected 1 or more, better 10000")


def of_stratum(model: StrataModel, name: str) -> StrataModel:
    """Keep one error stratum, that of terms or that of a contrast."""
    kept = tuple(each for each in (*model.strata, *model.contrast_strata) if each.name == name)
    return replace(model, strata=kept, contrasts=(), contrast_strata=())


def find_term(model: StrataModel, name: str, stratum: str | None) -> tuple[Stratum, StratumTerm]:
    """Return a test's stratum and term.

    Raises:
        DesignError: no such term, or several.
    """
    every_term = [(each, term) for each in model.strata for term in each.terms]
    matching = [(each, term) for each, term in every_term if term.name == name and stratum in (None, each.name)]
    if len(matching) != 1:
        names = ", ".join(f"{term.name} ({each.name})" for each, term in every_term)
        raise DesignError(f"term '{name}': found {len(matching)} tests of that name, expected one of {names}")
    return matching[0]


def term_basis(stratum: Stratum, term: StratumTerm) -> Float64[Array, "row column"]:
    """Return orthonormal columns with the span of the design: the term's after removal of all others, then those."""
    others = stratum.basis - term.basis @ (term.basis.T @ stratum.basis)
    n_others = stratum.basis.shape[1] - term.basis.shape[1]
    return np.hstack([term.basis, np.linalg.svd(others, full_matrices=False)[0][:, :n_others]])


def _classes(stratum: Stratum, n: int) -> Int[Array, "subject"]:
    """Return for each subject the first one with the same rows in the design."""
    _, first, which = np.unique(stratum.design.reshape(n, -1), axis=0, return_index=True, return_inverse=True)
    return first[which.ravel()]


def _with_ties(plan: PermutationPlan) -> PermutationPlan:
    """Count the arrangements that span the same columns as the one found: they give its F whatever the data."""
    tested, n_columns = plan.tested, plan.basis.shape[1]
    arranged = arranged_bases(plan, slice(None)) @ plan.basis
    kept = (arranged[:, :tested, :tested] ** 2).sum(axis=(1, 2))
    kept_nuisance = (arranged[:, tested:, tested:] ** 2).sum(axis=(1, 2))
    # the squared cosines add up to the number of columns if the spaces agree, to rounding
    same = (kept > tested - 1e-9) & (kept_nuisance > n_columns - tested - 1e-9)
    if plan.one_sided:
        same &= arranged[:, 0, 0] > 0
    return replace(plan, smallest_p=float(same.mean()))
