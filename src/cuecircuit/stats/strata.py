"""Error-strata AN(C)OVA of many responses at once: type III F tests, effect sizes, sphericity, residuals.

The design is prepared once (`strata_design`); then each block of responses costs a few matrix products. With
ỹ the scores of a stratum, Q an orthonormal basis of its design and Q_T the directions of term T,

    SS_T = ‖Q_T'ỹ‖²,  SS_error = ‖ỹ − QQ'ỹ‖²,  F = (SS_T/df1) / (SS_error/df2).

Effect sizes: partial η² = SS_T/(SS_T + SS_error); generalized η² after Olejnik and Algina (2003).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DesignError
from cuecircuit.stats.distributions import log_sf_f, z_from_log_p, z_from_t
from cuecircuit.stats.sphericity import Sphericity, sphericity
from cuecircuit.stats.strata_design import MixedDesign, StrataModel, Stratum, StratumTerm, strata_model


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TermTest:
    """The test of one term in one stratum; NaN where a response could not be fitted.

    `covariate` names the covariate of a slope, `factors` those the slope differs by. `estimate` and `t` belong to
    terms of one column: the coefficient in sum-to-zero coding (half the difference of two levels, positive where
    the first is larger) or a covariate's slope. `eps_gg` and `eps_hf` belong to effects of factors within subjects
    (1 where there is one score; `eps_hf` may exceed 1).
    """

    name: str
    stratum: str
    factors: tuple[str, ...]
    covariate: str | None
    df1: int
    df2: int
    ss: Float[Array, "response"]
    ss_error: Float[Array, "response"]
    f: Float[Array, "response"]
    estimate: Float[Array, "response"] | None
    t: Float[Array, "response"] | None
    eps_gg: Float[Array, "response"] | None
    eps_hf: Float[Array, "response"] | None

    @property
    def log_p(self) -> Float[Array, "response"]:
        """Natural log of p, sphericity assumed."""
        return log_sf_f(self.f, self.df1, self.df2)

    @property
    def p(self) -> Float[Array, "response"]:
        """Probability of a larger F, sphericity assumed."""
        return np.exp(self.log_p)

    @property
    def log_p_gg(self) -> Float[Array, "response"] | None:
        """Natural log of p with Greenhouse and Geisser's ε."""
        return None if self.eps_gg is None else log_sf_f(self.f, self.df1 * self.eps_gg, self.df2 * self.eps_gg)

    @property
    def log_p_hf(self) -> Float[Array, "response"] | None:
        """Natural log of p with Huynh and Feldt's ε, at most 1."""
        if self.eps_hf is None:
            return None
        eps = np.minimum(self.eps_hf, 1.0)
        return log_sf_f(self.f, self.df1 * eps, self.df2 * eps)

    @property
    def z(self) -> Float[Array, "response"]:
        """Normal deviate with the same tail: signed, from t, for terms of one column; else one-sided from F."""
        return z_from_log_p(self.log_p) if self.t is None else z_from_t(self.t, self.df2)

    @property
    def partial_eta2(self) -> Float[Array, "response"]:
        """Share of the term in the term and its error."""
        return self.ss / (self.ss + self.ss_error)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StrataAnova:
    """Every test of the design: factors in factorial order, then covariates; `residuals` in the type of y.

    `spheres` has the strata within subjects with more than one score. `n_not_finite` responses held a NaN or an
    infinity; `n_no_error` had no variance left for error in some stratum (constant voxels). Both are NaN in the
    tests concerned.
    """

    model: StrataModel
    terms: tuple[TermTest, ...]
    spheres: Mapping[str, Sphericity]
    residuals: Float[Array, "subject condition response"] | None
    n_not_finite: int
    n_no_error: int

    def term(self, name: str, stratum: str | None = None) -> TermTest:
        """Find a test by its name; a covariate within subjects needs its stratum as well.

        Raises:
            DesignError: there is no such test, or more than one.
        """
        found = [term for term in self.terms if term.name == name and stratum in (None, term.stratum)]
        if len(found) != 1:
            known = ", ".join(f"{term.name} ({term.stratum})" for term in self.terms)
            raise DesignError(f"term '{name}': found {len(found)} tests of that name, expected one of {known}")
        return found[0]

    def generalized_eta2(self, term: TermTest, *, observed: Sequence[str] = ()) -> Float[Array, "response"]:
        """Generalized η², comparable across designs.

        Args:
            term: one of `terms`.
            observed: factors and covariates that were measured, not manipulated.
        """
        measured = [each for each in self.terms if {*each.factors, each.covariate} & set(observed)]
        counted = {id(each): each.ss for each in (*measured, term)}
        error = {each.stratum: each.ss_error for each in self.terms}
        return term.ss / sum((*counted.values(), *error.values()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _StratumSums:
    """What the blocks of responses fill in for one stratum; `along` is the length along a term's first direction."""

    stratum: Stratum
    along: Float[Array, "term response"]
    ss: Float[Array, "term response"]
    error: Float[Array, "response"]
    sphere: Sphericity | None


def strata_anova(
    y: Float[Array, "subject condition response"],
    design: MixedDesign | StrataModel,
    *,
    residuals: bool = False,
    epsilons: bool = True,
    block: int = 1024,
) -> StrataAnova:
    """Test every term of a mixed design in every response.

    Args:
        y: the measure, any unit, float32 or float64; each block is worked on in float64.
        design: who was measured in which conditions, or the model `strata_model` made of it.
        residuals: give back what the whole model (every stratum) leaves of y.
        epsilons: estimate sphericity for the strata with more than one score.
        block: responses worked on at a time; the work space is about 40 bytes × block × rows.

    Raises:
        DesignError: the design cannot carry the tests (see `strata_model`), or y has other axes than the design.
    """
    model = design if isinstance(design, StrataModel) else strata_model(design)
    expected = (model.n_subjects, model.n_conditions)
    if y.shape[:2] != expected:
        raise DesignError(f"y: found {y.shape[:2]} subjects and conditions, expected {expected} as in the design")
    sums = [_empty_sums(stratum, y.shape[2], epsilons) for stratum in model.strata]
    left = np.empty(y.shape, y.dtype) if residuals else None
    finite, error_free = np.ones(y.shape[2], bool), np.zeros(y.shape[2], bool)
    for start in range(0, y.shape[2], block):
        part = slice(start, start + block)
        values, finite[part] = _finite_block(y[:, :, part])
        # rounding leaves about ‖y‖ × machine epsilon of a response without error variance
        rounding = np.einsum("ncb,ncb->b", values, values) * (y.shape[0] * y.shape[1] * np.finfo(float).eps) ** 2
        unexplained = np.zeros_like(values) if left is not None else None
        for each in sums:
            _fit_stratum(values, rounding, each, part, unexplained)
            error_free[part] |= np.isnan(each.error[part])
        if left is not None and unexplained is not None:
            left[:, :, part] = unexplained
    _blank(sums, left, ~finite)
    spheres = {each.stratum.name: each.sphere for each in sums if each.sphere is not None}
    return StrataAnova(
        model=model,
        terms=_in_factorial_order([test for each in sums for test in _tests(each, spheres)], model),
        spheres=spheres,
        residuals=left,
        n_not_finite=int((~finite).sum()),
        n_no_error=int((error_free & finite).sum()),
    )


def _empty_sums(stratum: Stratum, n_responses: int, epsilons: bool) -> _StratumSums:
    n_terms, r = len(stratum.terms), stratum.scores.shape[1]
    # a common slope leaves the scores in the space that the groups leave them: it does not count here
    slopes = sum(len(term.columns) for term in stratum.terms if term.covariate and not term.factors)
    sphere = Sphericity(
        n_scores=r,
        df=(stratum.df + slopes) / r,
        eps_gg=np.empty(n_responses),
        eps_hf=np.empty(n_responses),
        mauchly_w=np.empty(n_responses),
    )
    return _StratumSums(
        stratum=stratum,
        along=np.empty((n_terms, n_responses)),
        ss=np.empty((n_terms, n_responses)),
        error=np.empty(n_responses),
        sphere=sphere if epsilons and stratum.within and r > 1 else None,
    )


def _finite_block(
    y: Float[Array, "subject condition block"],
) -> tuple[Float[Array, "subject condition block"], Bool[Array, "block"]]:
    values = y.astype(np.float64)
    finite = np.asarray(np.isfinite(values).all(axis=(0, 1)))
    values[:, :, ~finite] = 0.0
    return values, finite


def _fit_stratum(
    values: Float[Array, "subject condition block"],
    rounding: Float[Array, "block"],
    sums: _StratumSums,
    part: slice,
    unexplained: Float[Array, "subject condition block"] | None,
) -> None:
    """Fill in the sums of a block; NaN for the error of responses that have no variance left for it."""
    stratum = sums.stratum
    n, _, size = values.shape
    scores = np.matmul(stratum.scores.T, values).reshape(-1, size)
    for row, term in enumerate(stratum.terms):
        lengths = term.basis.T @ scores
        sums.along[row, part] = lengths[0]
        sums.ss[row, part] = np.einsum("kb,kb->b", lengths, lengths)
    scores -= stratum.basis @ (stratum.basis.T @ scores)
    error = np.einsum("kb,kb->b", scores, scores)
    error_free = error <= rounding
    sums.error[part] = np.where(error_free, np.nan, error)
    by_subject = scores.reshape(n, -1, size)
    if sums.sphere is not None:
        sphere = sphericity(by_subject, sums.sphere.df)
        sums.sphere.eps_gg[part] = np.where(error_free, np.nan, sphere.eps_gg)
        sums.sphere.eps_hf[part] = np.where(error_free, np.nan, sphere.eps_hf)
        sums.sphere.mauchly_w[part] = np.where(error_free, np.nan, sphere.mauchly_w)
    if unexplained is not None:
        unexplained += np.matmul(stratum.scores, by_subject)


def _blank(
    sums: Sequence[_StratumSums], left: Float[Array, "subject condition response"] | None, bad: Bool[Array, "response"]
) -> None:
    for each in sums:
        each.along[:, bad] = each.ss[:, bad] = each.error[bad] = np.nan
        if each.sphere is not None:
            each.sphere.eps_gg[bad] = each.sphere.eps_hf[bad] = each.sphere.mauchly_w[bad] = np.nan
    if left is not None:
        left[:, :, bad] = np.nan


def _tests(sums: _StratumSums, spheres: Mapping[str, Sphericity]) -> list[TermTest]:
    stratum = sums.stratum
    sphere = spheres.get(stratum.name)
    one = np.where(np.isnan(sums.error), np.nan, 1.0) if stratum.within and stratum.scores.shape[1] == 1 else None
    return [
        _test(
            term,
            sums,
            row,
            (sphere.eps_gg if sphere else one) if term.factors else None,
            (sphere.eps_hf if sphere else one) if term.factors else None,
        )
        for row, term in enumerate(stratum.terms)
    ]


def _test(
    term: StratumTerm,
    sums: _StratumSums,
    row: int,
    eps_gg: Float[Array, "response"] | None,
    eps_hf: Float[Array, "response"] | None,
) -> TermTest:
    stratum, df1 = sums.stratum, len(term.columns)
    mean_square = sums.error / stratum.df
    single = term.per_length is not None
    return TermTest(
        name=term.name,
        stratum=stratum.name,
        factors=term.factors,
        covariate=term.covariate,
        df1=df1,
        df2=stratum.df,
        ss=sums.ss[row],
        ss_error=sums.error,
        f=sums.ss[row] / df1 / mean_square,
        estimate=sums.along[row] * term.per_length if single else None,
        t=sums.along[row] / np.sqrt(mean_square) if single else None,
        eps_gg=eps_gg,
        eps_hf=eps_hf,
    )


def _in_factorial_order(tests: Sequence[TermTest], model: StrataModel) -> tuple[TermTest, ...]:
    names = [*model.design.between, *model.design.within]

    def place(test: TermTest) -> tuple[bool, int, list[int]]:
        return test.covariate is not None, len(test.factors), [names.index(name) for name in test.factors]

    return tuple(sorted(tests, key=place))
