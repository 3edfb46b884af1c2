"""Error-strata AN(C)OVA of many responses at once: type III F tests, effect sizes, sphericity, residuals.

The design is prepared once (`strata_design`); then each block of responses costs a few matrix products. With
ỹ the scores of a stratum, Q an orthonormal basis of its design and Q_T the directions of term T,

    SS_T = ‖Q_T'ỹ‖²,  SS_error = ‖ỹ − QQ'ỹ‖²,  F = (SS_T/df1) / (SS_error/df2).

A covariate with a map per observation changes the design of every voxel, but by one column x only (Frisch and Waugh
1933, Lovell 1963): with x_r, y_r what the design leaves of the scores, b = x_r'y_r / x_r'x_r is its slope; with
a = Q_T'x̃ and l = Q_T'ỹ − b a,

    SS_T = ‖l‖² − (a'l)²/(‖x_r‖² + ‖a‖²),  SS_x = b² ‖x_r‖²,  SS_error = ‖y_r − b x_r‖², one df less.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.sphericity import Sphericity, sphericity
from cuecircuit.stats.strata_covariate import (
    ResponseCovariate,
    covariate_in,
    finite_block,
    least_variation,
    rounding_of,
)
from cuecircuit.stats.strata_design import (
    MixedDesign,
    StrataModel,
    Stratum,
    StratumTerm,
    strata_model,
)
from cuecircuit.stats.strata_lacking import LackingSubjects, fill_in, lacking_term, lost_rows
from cuecircuit.stats.strata_result import StrataAnova, StratumTest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _StratumSums:
    """What the blocks of responses fill in for one stratum; `along` is the length along a term's first direction.

    `df` are left for error. `stretch` and `n` (see `strata_lacking`) are filled in where responses lack subjects.
    `covariate` names the covariate given per response where it varies in the stratum: its row follows those of terms.
    """

    stratum: Stratum
    covariate: str | None
    df: int
    along: Float[Array, "term response"]
    ss: Float[Array, "term response"]
    stretch: Float[Array, "term response"] | None
    n: Float[Array, "term response"] | None
    error: Float[Array, "response"]
    sphere: Sphericity | None


def strata_anova(
    y: Float[Array, "subject condition response"],
    design: MixedDesign | StrataModel,
    *,
    residuals: bool = False,
    epsilons: bool = True,
    covariate: ResponseCovariate | None = None,
    slopes: Mapping[str, str | None] | None = None,
    lacking: LackingSubjects | None = None,
    block: int = 1024,
) -> StrataAnova:
    """Test every term of a mixed design in every response.

    Args:
        y: the measure, any unit, float32 or float64; each block is worked on in float64.
        design: who was measured in which conditions, or the model `strata_model` made of it.
        residuals: give back what the whole model (every stratum) leaves of y.
        epsilons: estimate sphericity for the strata with more than one score.
        covariate: one more covariate, given per response; it has its own slope in every stratum where it varies.
        slopes: the covariate by the strata where it has a slope, as told from more responses than these.
        lacking: the subjects that each response lacks, where y is 0; the others must carry the tests
            (`strata_lacking.carried`), and there is no covariate given per response.
        block: responses worked on at a time; the work space is about 40 bytes × block × rows.

    Raises:
        DesignError: the design cannot carry the tests (see `strata_model`), or y has other axes than the design.
    """
    model = design if isinstance(design, StrataModel) else strata_model(design)
    expected = (model.n_subjects, model.n_conditions)
    _check(y, expected, covariate)
    strata = (*model.strata, *model.contrast_strata)
    slopes = slopes or {each.name: covariate_in(covariate, each, block) for each in strata}
    n_lost = 0 if lacking is None else lacking.missing.shape[1]
    sums = [_empty_sums(each, y.shape[2], epsilons, slopes[each.name], n_lost) for each in model.strata]
    compared = [_empty_sums(each, y.shape[2], False, slopes[each.name], n_lost) for each in model.contrast_strata]
    left = np.empty(y.shape, y.dtype) if residuals else None
    finite, error_free, flat = np.ones(y.shape[2], bool), np.zeros(y.shape[2], bool), np.zeros(y.shape[2], bool)
    for start in range(0, y.shape[2], block):
        part = slice(start, start + block)
        values, finite[part] = finite_block(y[:, :, part])
        x = None
        if covariate is not None:
            x, x_finite = finite_block(covariate.values[:, :, part])
            finite[part] &= x_finite
        rounding = rounding_of(values)
        unexplained = np.zeros_like(values) if left is not None else None
        for each in sums:
            flat[part] |= _fit_stratum(values, x, lacking, rounding, each, part, unexplained)
            error_free[part] |= np.isnan(each.error[part])
        for each in compared:
            _fit_stratum(values, x, lacking, rounding, each, part, None)
        if left is not None and unexplained is not None:
            left[:, :, part] = unexplained
    _blank([*sums, *compared], left, ~finite)
    if left is not None and lacking is not None:
        left[lacking.missing, :, np.arange(y.shape[2])[:, None]] = np.nan
    spheres = {each.stratum.name: each.sphere for each in sums if each.sphere is not None}
    return StrataAnova(
        model=model,
        terms=_in_factorial_order([test for each in sums for test in _tests(each, spheres)], model),
        contrasts=tuple(_tests(each, {})[0] for each in compared),
        spheres=spheres,
        residuals=left,
        n_subjects=np.where(finite, model.n_subjects - n_lost, 0),
        n_not_finite=int((~finite).sum()),
        n_no_error=int((error_free & finite & ~flat).sum()),
        n_flat=int((flat & finite).sum()),
    )


def _check(y: Array, expected: tuple[int, int], covariate: ResponseCovariate | None) -> None:
    if y.shape[:2] != expected:
        raise DesignError(f"y: found {y.shape[:2]} subjects and conditions, expected {expected} as in the design")
    if covariate is not None and covariate.values.shape != y.shape:
        raise DesignError(f"covariate '{covariate.name}': found {covariate.values.shape}, expected {y.shape} as y")


def _empty_sums(stratum: Stratum, n_responses: int, epsilons: bool, covariate: str | None, n_lost: int) -> _StratumSums:
    r = stratum.scores.shape[1]
    shape, df = (len(stratum.terms) + (covariate is not None), n_responses), stratum.df - n_lost * r
    # a common slope leaves the scores in the space that the groups leave them: it does not count here
    slopes = sum(len(term.columns) for term in stratum.terms if term.covariate and not term.factors)
    sphere = Sphericity(
        n_scores=r,
        df=(df + slopes) / r,
        eps_gg=np.empty(n_responses),
        eps_hf=np.empty(n_responses),
        mauchly_w=np.empty(n_responses),
    )
    return _StratumSums(
        stratum=stratum,
        covariate=covariate,
        df=df - (covariate is not None),
        along=np.empty(shape),
        ss=np.empty(shape),
        stretch=np.empty(shape) if n_lost else None,
        n=np.empty(shape) if n_lost else None,
        error=np.empty(n_responses),
        sphere=sphere if epsilons and stratum.within and r > 1 else None,
    )


def _fit_stratum(
    values: Float[Array, "subject condition block"],
    x: Float[Array, "subject condition block"] | None,
    lacking: LackingSubjects | None,
    rounding: Float[Array, "block"],
    sums: _StratumSums,
    part: slice,
    unexplained: Float[Array, "subject condition block"] | None,
) -> Bool[Array, "block"]:
    """Fill in the sums of a block; NaN for the error of responses that have no variance left for it.

    Returns:
        Where the covariate given per response does not vary in this stratum though it has a slope: NaN as well.
    """
    stratum = sums.stratum
    n, _, size = values.shape
    scores = np.matmul(stratum.scores.T, values).reshape(-1, size)
    flat = np.zeros(size, bool)
    lost = None if lacking is None else lost_rows(stratum, lacking.missing[part])
    if lost is not None:
        fill_in(scores, stratum, lost)
    if x is None or sums.covariate is None:
        for row, term in enumerate(stratum.terms):
            lengths = term.basis.T @ scores
            sums.along[row, part] = lengths[0]
            sums.ss[row, part] = np.einsum("kb,kb->b", lengths, lengths)
            if lost is not None and lacking is not None and sums.stretch is not None and sums.n is not None:
                reduced = lacking_term(term, lengths, stratum, lost, lacking.groups)
                sums.ss[row, part], sums.stretch[row, part], sums.n[row, part] = reduced.ss, reduced.stretch, reduced.n
        scores -= stratum.basis @ (stratum.basis.T @ scores)
    else:
        flat = _fit_covariate(scores, x, sums, part)
    error = np.einsum("kb,kb->b", scores, scores)
    error_free = (error <= rounding) | flat
    sums.error[part] = np.where(error_free, np.nan, error)
    by_subject = scores.reshape(n, -1, size)
    if sums.sphere is not None:
        sphere = sphericity(by_subject, sums.sphere.df)
        sums.sphere.eps_gg[part] = np.where(error_free, np.nan, sphere.eps_gg)
        sums.sphere.eps_hf[part] = np.where(error_free, np.nan, sphere.eps_hf)
        sums.sphere.mauchly_w[part] = np.where(error_free, np.nan, sphere.mauchly_w)
    if unexplained is not None:
        unexplained += np.matmul(stratum.scores, by_subject)
    return flat


def _fit_covariate(
    scores: Float[Array, "row block"], x: Float[Array, "subject condition block"], sums: _StratumSums, part: slice
) -> Bool[Array, "block"]:
    """Fill in the tests with the covariate in the design, and take its part and the design's off `scores`.

    Returns:
        Where it does not vary beyond the design.
    """
    stratum = sums.stratum
    x_scores = np.matmul(stratum.scores.T, x).reshape(scores.shape)
    ends = [(term.basis.T @ scores, term.basis.T @ x_scores) for term in stratum.terms]
    scores -= stratum.basis @ (stratum.basis.T @ scores)
    x_scores -= stratum.basis @ (stratum.basis.T @ x_scores)
    square = np.einsum("kb,kb->b", x_scores, x_scores)
    flat = square <= least_variation(x)
    square = np.where(flat, 1.0, square)
    slope = np.einsum("kb,kb->b", x_scores, scores) / square
    scores -= slope * x_scores
    for row, (lengths, slopes) in enumerate(ends):
        lengths = lengths - slope * slopes
        shared = np.einsum("kb,kb->b", lengths, slopes) ** 2 / (square + np.einsum("kb,kb->b", slopes, slopes))
        sums.along[row, part] = lengths[0]
        sums.ss[row, part] = np.maximum(np.einsum("kb,kb->b", lengths, lengths) - shared, 0.0)
    sums.along[-1, part], sums.ss[-1, part] = slope, slope**2 * square
    return flat


def _blank(
    sums: Sequence[_StratumSums], left: Float[Array, "subject condition response"] | None, bad: Bool[Array, "response"]
) -> None:
    for each in sums:
        each.along[:, bad] = each.ss[:, bad] = each.error[bad] = np.nan
        if each.sphere is not None:
            each.sphere.eps_gg[bad] = each.sphere.eps_hf[bad] = each.sphere.mauchly_w[bad] = np.nan
    if left is not None:
        left[:, :, bad] = np.nan


def _tests(sums: _StratumSums, spheres: Mapping[str, Sphericity]) -> list[StratumTest]:
    stratum = sums.stratum
    sphere = spheres.get(stratum.name)
    one = np.where(np.isnan(sums.error), np.nan, 1.0) if stratum.within and stratum.scores.shape[1] == 1 else None
    terms = list(stratum.terms)
    if sums.covariate is not None:
        # its length is its slope already
        terms.append(
            StratumTerm(
                name=sums.covariate,
                factors=(),
                covariate=sums.covariate,
                columns=np.zeros(1, int),
                basis=np.empty((len(stratum.basis), 1)),
                per_length=1.0,
                n=float(len(stratum.basis)),
                is_slope=True,
            )
        )
    return [
        _test(term, sums, row, sphere if term.factors else None, one if term.factors else None)
        for row, term in enumerate(terms)
    ]


def _test(
    term: StratumTerm,
    sums: _StratumSums,
    row: int,
    sphere: Sphericity | None,
    one: Float[Array, "response"] | None,
) -> StratumTest:
    stratum, df1, df2 = sums.stratum, len(term.columns), sums.df
    f = sums.ss[row] / df1 / (sums.error / df2)
    estimate = se = None
    if term.per_length is not None:
        estimate = sums.along[row] * term.per_length
        # a covariate given per response widens the error of every other term by as much as it shrinks F
        se = np.sqrt(sums.error / df2) * term.per_length if sums.covariate is None else _se_from_f(estimate, f)
        if sums.stretch is not None:
            se = se * sums.stretch[row]
    return StratumTest(
        name=term.name,
        variables=term.factors if term.covariate is None else (*term.factors, term.covariate),
        stratum=stratum.name,
        factors=term.factors,
        covariate=term.covariate,
        df1=df1,
        df2=df2,
        ss=sums.ss[row],
        ss_error=sums.error,
        f=f,
        estimate=estimate,
        se=se,
        # what a covariate given per response takes of each effect differs between responses
        n=np.nan if sums.covariate else term.n if sums.n is None else sums.n[row],
        is_slope=term.is_slope,
        eps_gg=sphere.eps_gg if sphere else one,
        eps_hf=sphere.eps_hf if sphere else one,
        mauchly_w=sphere.mauchly_w if sphere else None,
        mauchly_p=sphere.mauchly_p if sphere else None,
    )


def _se_from_f(estimate: Float[Array, "response"], f: Float[Array, "response"]) -> Float[Array, "response"]:
    return np.divide(np.abs(estimate), np.sqrt(f), out=np.full_like(f, np.nan), where=f > 0)


def _in_factorial_order(tests: Sequence[StratumTest], model: StrataModel) -> tuple[StratumTest, ...]:
    names = [*model.design.between, *model.design.within]

    def place(test: StratumTest) -> tuple[bool, int, list[int]]:
        return test.covariate is not None, len(test.factors), [names.index(name) for name in test.factors]

    return tuple(sorted(tests, key=place))
