"""Linear mixed models of many responses at once, fitted by REML, with type III tests of every fixed term.

Each response is reduced to the sums of `mixed_sums`; only its variance parameters are iterated (`mixed_kernel`). Where
groupings are crossed, to those of `crossed_design`, iterated in `crossed_fit`.
Variances at 0 stay there, as in lme4: such fits are singular, valid and counted. Where iteration did not converge,
or nothing is left for error, all statistics are NaN and counted.

Tests are of a term's columns against 0 in sum-to-zero coding (type III), with Satterthwaite's or Kenward and Roger's
denominator degrees of freedom, or none.

Sources: Bates, Mächler, Bolker and Walker (2015), J Stat Softw 67(1); Kuznetsova, Brockhoff and Christensen (2017),
J Stat Softw 82(13); Halekoh and Højsgaard (2014), J Stat Softw 59(9).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.crossed_design import crossed_residuals, crossed_sums
from cuecircuit.stats.crossed_fit import CrossedFit, fit_crossed
from cuecircuit.stats.crossed_lacking import crossed_lacking, fit_crossed_lacking, lacking_covariance
from cuecircuit.stats.crossed_lacking import lacking_residuals as crossed_lacking_residuals
from cuecircuit.stats.mixed_df import FixedCovariance, parameter_covariance, relative_factor
from cuecircuit.stats.mixed_inference import DegreesOfFreedomRule, Estimates, Hypothesis, tested
from cuecircuit.stats.mixed_kernel import CONVERGED, NO_ERROR_VARIANCE, NOT_CONVERGED, fit_responses
from cuecircuit.stats.mixed_lacking import informed, lacking, lacking_residuals, subjects_left
from cuecircuit.stats.mixed_likelihood import likelihood
from cuecircuit.stats.mixed_model import CrossedModel, MixedModel, NestedModel, fixed_covariance_of, starting_point
from cuecircuit.stats.mixed_result import MixedFit, VarianceComponent
from cuecircuit.stats.mixed_sums import (
    ResponseSums,
    ScaledResiduals,
    conditional_residuals,
    response_sums,
    scaled_residuals,
)
from cuecircuit.stats.responses import place_tests
from cuecircuit.stats.term_test import TermTest

# lme4's isSingular: an entry of the diagonal of the relative Cholesky factor below this counts as 0
_SINGULAR = 1e-4


def fit_mixed(
    y: Float[Array, "observation response"],
    model: MixedModel,
    *,
    df: DegreesOfFreedomRule = "satterthwaite",
    residuals: bool = False,
    block: int = 512,
    n_jobs: int = 1,
) -> MixedFit:
    """Fit a mixed model to every response and test its terms.

    Args:
        y: the measure, any unit, float32 or float64; rows as in the table of the model.
        model: from `mixed_model`.
        df: rule for the denominator's degrees of freedom.
        residuals: give back what the model leaves of y.
        block: responses worked on at a time; the work space is about 8 bytes × block × (3 rows + elements × columns).
        n_jobs: threads; results do not depend on it.

    Raises:
        DesignError: y has other rows than the model.
    """
    if len(y) != model.n_observations:
        raise DesignError(f"y: found {len(y)} rows, expected {model.n_observations} as in the model's table")
    out = _empty(model, y, residuals)
    parts = _parts(y.shape[1], block)
    if n_jobs == 1:
        for part in parts:
            _fit_block(y, model, out, part)
    else:
        with ThreadPoolExecutor(n_jobs) as pool:
            list(pool.map(lambda part: _fit_block(y, model, out, part), parts))
    tests = _test_parts(model, out.estimates, model.hypotheses, df, parts, n_jobs)
    return _mixed_fit(model, df, tests, out, n_rows=model.n_observations, n_subjects=model.n_subjects)


def _mixed_fit(
    model: MixedModel,
    df: DegreesOfFreedomRule,
    tests: tuple[TermTest, ...],
    out: "_Out",
    *,
    n_rows: int,
    n_subjects: int | Int[Array, "response"],
) -> MixedFit:
    fitted = out.status == CONVERGED
    return MixedFit(
        model=model,
        df=df,
        terms=tests,
        coefficients=model.to_coded @ out.estimates.beta.T,
        components=_components(model, out.estimates),
        criterion=out.criterion,
        singular=fitted & _singular(model, out.estimates.psi),
        converged=fitted,
        residuals=out.residuals,
        estimates=out.estimates,
        n_observations=np.where(out.status == _NOT_FINITE, 0, n_rows),
        n_subjects=np.where(out.status == _NOT_FINITE, 0, n_subjects),
        n_not_finite=int((out.status == _NOT_FINITE).sum()),
        n_no_error=int((out.status == NO_ERROR_VARIANCE).sum()),
    )


def hypothesis_tests(
    fit: MixedFit, hypotheses: Sequence[Hypothesis], *, df: DegreesOfFreedomRule | None = None, n_jobs: int = 1
) -> tuple[TermTest, ...]:
    """Test further hypotheses (contrasts, see `contrasts`) of a fit.

    Args:
        fit: of any number of responses.
        hypotheses: in the coding of the model.
        df: another rule than the fit's.
        n_jobs: threads.

    Raises:
        DesignError: the hypotheses do not belong to the model.
    """
    if not hypotheses:
        return ()
    rule = df or fit.df
    return _test_parts(fit.model, fit.estimates, hypotheses, rule, _parts(fit.converged.size, 4096), n_jobs)


def fit_lacking(
    y: Float[Array, "observation response"],
    missing: Int[Array, "response lost"],
    model: MixedModel,
    hypotheses: Sequence[Hypothesis],
    *,
    df: DegreesOfFreedomRule = "satterthwaite",
    residuals: bool = False,
    block: int = 512,
) -> MixedFit:
    """Fit responses that lack the same number of rows, each its own; see `mixed_lacking`.

    Args:
        y: the measure; what it has in missing rows is not looked at.
        missing: the rows that each response lacks.
        model: of all rows.
        hypotheses: in the coding of the model.
        df: rule for the denominator's degrees of freedom.
        residuals: give back what the model leaves of y, NaN in missing rows.
        block: responses worked on at a time.

    Returns:
        As of `fit_mixed`, its terms those of `hypotheses`; responses whose rows do not carry the model count as not
        finite.
    """
    out, parts, tests = _empty(model, y, residuals), _parts(len(missing), block), []
    fit_part = _lacking_crossed if isinstance(model, CrossedModel) else _lacking_nested
    n_left = model.n_left - missing.shape[1]
    for part in parts:
        fit, scaled, covariance = fit_part(y[:, part], missing[part], model, residuals=residuals)
        _keep(fit, scaled, model, n_left, out, part)
        part_estimates = _estimates_of(out.estimates, part)
        fitted = np.flatnonzero(np.isfinite(part_estimates.sigma2))

        def at(
            psi: Float[Array, "part parameter"], of: Covariance = covariance, fitted: Array = fitted
        ) -> FixedCovariance:
            return of(psi, fitted)

        tests.append(tested(hypotheses, part_estimates, model.to_coded, at, n_left, df=df))
    return _mixed_fit(
        model,
        df,
        place_tests(tests, parts, len(missing)),
        out,
        n_rows=model.n_observations - missing.shape[1],
        n_subjects=subjects_left(missing, model),
    )


def _parts(n: int, block: int) -> list[slice]:
    return [slice(start, min(start + block, n)) for start in range(0, n, block)] or [slice(0, 0)]


# beside the states that the loops give
_NOT_FINITE = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Out:
    """What the blocks fill in."""

    estimates: Estimates
    criterion: Float[Array, "response"]
    status: Int[Array, "response"]
    residuals: Float[Array, "observation response"] | None


def _empty(model: MixedModel, y: Float[Array, "observation response"], residuals: bool) -> _Out:
    n = y.shape[1]
    return _Out(
        estimates=_empty_estimates(model, n, model.basis.shape[1]),
        criterion=np.empty(n),
        status=np.empty(n, np.int64),
        residuals=np.empty_like(y) if residuals else None,
    )


def _empty_estimates(model: MixedModel, n: int, p: int) -> Estimates:
    m = len(starting_point(model.columns))
    return Estimates(
        psi=np.zeros((n, m)), sigma2=np.zeros(n), beta=np.zeros((n, p)), covariance=np.zeros((n, m + 1, m + 1))
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _BlockFit:
    """Fits of a block of scaled residuals; β̂ is what comes to their least-squares coefficients."""

    own: Estimates
    minimum: Float[Array, "block"]
    status: Int[Array, "block"]
    residuals: Float[Array, "observation block"] | None


def _fit_block(y: Float[Array, "observation response"], model: MixedModel, out: _Out, part: slice) -> None:
    scaled = scaled_residuals(y[:, part], model.basis)
    fit_scaled = _fit_crossed if isinstance(model, CrossedModel) else _fit_nested
    fit = fit_scaled(scaled, model, residuals=out.residuals is not None)
    _keep(fit, scaled, model, model.n_left, out, part)


def _keep(fit: _BlockFit, scaled: ScaledResiduals, model: MixedModel, n_left: int, out: _Out, part: slice) -> None:
    estimates, status, size = fit.own, fit.status, scaled.size
    status[~scaled.usable] = NO_ERROR_VARIANCE
    status[~scaled.finite] = _NOT_FINITE
    good = status == CONVERGED
    if out.residuals is not None and fit.residuals is not None:
        out.residuals[:, part] = np.where(good, fit.residuals * size, np.nan)
    out.status[part] = status
    # to the units of y and the coding of X
    out.criterion[part] = fit.minimum + 2 * n_left * np.log(size) - 2 * np.linalg.slogdet(model.to_coded)[1]
    out.estimates.beta[part] = estimates.beta * size[:, None] + scaled.ols.T
    out.estimates.sigma2[part] = estimates.sigma2 * size**2
    out.estimates.psi[part] = estimates.psi
    out.estimates.covariance[part] = estimates.covariance
    for values in (out.criterion, *(getattr(out.estimates, each.name) for each in fields(Estimates))):
        values[part][~good] = np.nan


def _fit_nested(scaled: ScaledResiduals, model: MixedModel, *, residuals: bool) -> _BlockFit:
    assert isinstance(model, NestedModel)
    sums = response_sums(scaled, model.blocks)
    fit = _fit_sums(scaled, sums, model.forms[None], model, model.n_left)
    left = conditional_residuals(sums, model.blocks, fit.own.beta.T, fit.own.psi) if residuals else None
    return replace(fit, residuals=left)


Covariance = Callable[[Float[Array, "part parameter"], Int[Array, "part"]], FixedCovariance]


def _lacking_nested(
    y: Float[Array, "observation block"], missing: Int[Array, "block lost"], model: MixedModel, *, residuals: bool
) -> tuple[_BlockFit, ScaledResiduals, Covariance]:
    assert isinstance(model, NestedModel)
    prepared = lacking(y, missing, model)
    scaled = replace(prepared.residuals, finite=prepared.testable)
    fit = _fit_sums(scaled, prepared.sums, prepared.forms, model, prepared.n_left)
    left = prepared.left_by(fit.own.beta, fit.own.psi) if residuals else None
    estimates = replace(fit.own, beta=fit.own.beta[:, : model.basis.shape[1]])
    return replace(fit, own=estimates, residuals=left), scaled, prepared.covariance


def _lacking_crossed(
    y: Float[Array, "observation block"], missing: Int[Array, "block lost"], model: MixedModel, *, residuals: bool
) -> tuple[_BlockFit, ScaledResiduals, Covariance]:
    assert isinstance(model, CrossedModel)
    scaled, usable = lacking_residuals(y, missing, model)
    prepared = crossed_lacking(scaled, missing, model.reduced, model.basis)

    def covariance(psi: Float[Array, "part parameter"], part: Int[Array, "part"]) -> FixedCovariance:
        return lacking_covariance(psi, part, prepared)

    scaled = replace(scaled, finite=informed(covariance, prepared.n_left, usable, missing, model))
    part = np.flatnonzero(scaled.usable & scaled.finite)
    fit = fit_crossed_lacking(prepared, part)
    block = _crossed_block(fit, part, len(missing), model, prepared.n_left)
    left = None
    if residuals:
        left = np.zeros_like(scaled.values)
        left[:, part] = crossed_lacking_residuals(fit.psi, part, prepared)
    return replace(block, residuals=left), scaled, covariance


def _fit_sums(
    scaled: ScaledResiduals,
    sums: ResponseSums,
    forms: Float[Array, "each element pair"],
    model: NestedModel,
    n_left: int,
) -> _BlockFit:
    """Fit scaled residuals by their sums; `forms` are those of each response or one for all."""
    blocks, estimates = model.blocks, _empty_estimates(model, len(sums.s), sums.c.shape[2])
    minimum, status, phi = np.empty(len(sums.s)), np.empty(len(sums.s), np.int64), np.empty_like(estimates.psi)
    fit_responses(
        starting_point(blocks.columns),
        blocks.columns,
        blocks.kernel,
        forms,
        sums.c,
        sums.s,
        n_left,
        phi,
        estimates.psi,
        estimates.beta,
        estimates.sigma2,
        minimum,
        status,
    )
    good = (status == CONVERGED) & scaled.usable
    own_forms = forms[good] if len(forms) > 1 else forms[0]
    at = likelihood(estimates.psi[good], blocks, own_forms, sums.c[good], sums.s[good])
    theta = relative_factor(estimates.psi[good], blocks.columns)
    estimates.covariance[good] = parameter_covariance(theta, blocks.columns, at.gradient, at.curvature)
    return _BlockFit(own=estimates, minimum=minimum, status=status, residuals=None)


def _fit_crossed(scaled: ScaledResiduals, model: MixedModel, *, residuals: bool) -> _BlockFit:
    assert isinstance(model, CrossedModel)
    usable = np.flatnonzero(scaled.usable)
    u, s0 = crossed_sums(scaled.values[:, usable], model.reduced)
    fit = fit_crossed(u, s0, model.reduced)
    left = None
    if residuals:
        left = scaled.values.copy()
        left[:, usable] = crossed_residuals(left[:, usable], model.basis, u, fit.psi, model.reduced)
    return replace(_crossed_block(fit, usable, len(scaled.size), model, model.n_left), residuals=left)


def _crossed_block(fit: CrossedFit, part: Int[Array, "part"], n: int, model: MixedModel, n_left: int) -> _BlockFit:
    """Put the fits of some of n responses in their places."""
    estimates, status, minimum = (
        _empty_estimates(model, n, model.basis.shape[1]),
        np.full(n, NOT_CONVERGED),
        np.full(n, np.nan),
    )
    at, sigma2, m = fit.at, fit.at.q / n_left, len(model.columns)
    pull = at.dq / sigma2[:, None]
    curvature = np.empty((len(sigma2), m + 1, m + 1))
    curvature[:, :m, :m] = at.d2g + at.d2q / sigma2[:, None, None]
    curvature[:, m, :m] = curvature[:, :m, m] = -2 * pull
    curvature[:, m, m] = 4 * n_left
    estimates.psi[part], estimates.sigma2[part], estimates.beta[part] = fit.psi, sigma2, fit.shift
    estimates.covariance[part] = parameter_covariance(np.sqrt(fit.psi), model.columns, at.dg + pull, curvature)
    minimum[part] = at.g + n_left * (np.log(2 * np.pi * sigma2) + 1)
    status[part[fit.converged]] = CONVERGED
    return _BlockFit(own=estimates, minimum=minimum, status=status, residuals=None)


def _test_parts(
    model: MixedModel,
    estimates: Estimates,
    hypotheses: Sequence[Hypothesis],
    df: DegreesOfFreedomRule,
    parts: Sequence[slice],
    n_jobs: int,
) -> tuple[TermTest, ...]:
    def test(part: slice) -> tuple[TermTest, ...]:
        part_estimates = _estimates_of(estimates, part)
        return tested(
            hypotheses, part_estimates, model.to_coded, lambda psi: fixed_covariance_of(model, psi), model.n_left, df=df
        )

    if n_jobs == 1:
        done = [test(part) for part in parts]
    else:
        with ThreadPoolExecutor(n_jobs) as pool:
            done = list(pool.map(test, parts))
    return place_tests(done, parts, len(estimates.sigma2))


def _estimates_of(estimates: Estimates, part: slice) -> Estimates:
    return Estimates(**{each.name: getattr(estimates, each.name)[part] for each in fields(Estimates)})


def _components(model: MixedModel, estimates: Estimates) -> tuple[VarianceComponent, ...]:
    components, row = [], 0
    for term, scale in zip(model.design.random, model.scale, strict=True):
        for b in range(len(scale)):
            for a in range(b, len(scale)):
                value = estimates.psi[:, row] * estimates.sigma2 / (scale[a] * scale[b])
                labels = (term.labels[a],) if a == b else (term.labels[b], term.labels[a])
                components.append(VarianceComponent(term=term.label, labels=labels, value=value))
                row += 1
    return (*components, VarianceComponent(term="residual", labels=("1",), value=estimates.sigma2.copy()))


def _singular(model: MixedModel, psi: Float[Array, "response parameter"]) -> Bool[Array, "response"]:
    """Return whether an entry of the diagonal of some term's relative Cholesky factor is 0."""
    theta, at = relative_factor(psi, model.columns), 0
    singular = np.zeros(len(psi), bool)
    for scale in model.scale:
        for b, size in enumerate(scale):
            singular |= theta[:, at] < _SINGULAR * size
            at += len(scale) - b
    return singular
