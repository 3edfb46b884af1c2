"""Tests of a model between subjects in every response: ordinary, robust, mixed-effects, or with unequal variances.

- "ols": least squares, t with n − p degrees of freedom.
- "huber", "bisquare": `robust`, t with the degrees of freedom that its variance has.
- "mixed-effects": `random_effects`; needs the variance of each subject's estimate; n − p degrees of freedom.
- "welch": `welch`; groups only, degrees of freedom after Satterthwaite.

F of a hypothesis Lβ = 0 with q rows is (Lβ̂)'(L V L')⁻¹(Lβ̂)/q with the method's own covariance V of β̂.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.between_model import BetweenModel, as_strata, groups_of_rows
from cuecircuit.stats.mixed_inference import Hypothesis
from cuecircuit.stats.random_effects import Criterion, RandomEffectsTest, random_effects
from cuecircuit.stats.responses import Place, of_responses, place_tests, place_values
from cuecircuit.stats.robust import Loss, robust_regression
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_covariate import rounding_of
from cuecircuit.stats.strata_lacking import LackingSubjects
from cuecircuit.stats.term_test import TermTest
from cuecircuit.stats.welch import welch_tests

Method = Literal["ols", "huber", "bisquare", "mixed-effects", "welch"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BetweenFit:
    """Tests of every term and contrast; NaN where a response could not be fitted.

    `coefficients` are in the model's coding (for "welch" the groups' means in it). `residuals`, in units of y, are
    what the model leaves; `noise` are the same with equal variance in all subjects, for smoothness. `tau2` is the
    variance between subjects (mixed-effects), `weights` what each subject counted (robust: 1 to 0; mixed-effects:
    mean 1). Responses are not fitted where y or its variance is not finite, or the variance is not above 0
    (`n_not_finite`; the others are `finite`), where nothing is left for error (`n_no_error`), or iteration did not end
    (`n_not_converged`).
    """

    model: BetweenModel
    method: Method
    tests: tuple[TermTest, ...]
    coefficients: Float[Array, "column response"]
    residuals: Float[Array, "subject response"]
    noise: Float[Array, "subject response"]
    tau2: Float[Array, "response"] | None
    weights: Float[Array, "subject response"] | None
    finite: Bool[Array, "response"]
    n_not_finite: int
    n_no_error: int
    n_not_converged: int

    def test(self, name: str) -> TermTest:
        """Find a test by the name of its term or contrast.

        Raises:
            DesignError: there is none of that name.
        """
        matching = [test for test in self.tests if test.name == name]
        if not matching:
            raise DesignError(f"test '{name}': expected one of {', '.join(test.name for test in self.tests)}")
        return matching[0]


def fit_between(
    y: Float[Array, "subject response"],
    model: BetweenModel,
    *,
    method: Method = "ols",
    variance: Float[Array, "subject response"] | None = None,
    criterion: Criterion = "reml",
    test: RandomEffectsTest = "knapp-hartung",
    missing: Int[Array, "response lost"] | None = None,
    block: int = 4096,
) -> BetweenFit:
    """Fit every response and test the model's terms and contrasts.

    Args:
        y: one estimate per subject, any unit.
        variance: of each estimate (squared units of y), for "mixed-effects".
        criterion: likelihood of the variance between subjects.
        test: how "mixed-effects" tests (see `random_effects`).
        missing: rows that each response lacks, by "ols" only; the others carry the model (`strata_lacking.carried`).
        block: responses worked on at a time.

    Raises:
        DesignError: y has other rows than the model, a variance is missing or not used, or the method does not fit
            the model.
    """
    _check(y, model, method, variance)
    starts = range(0, max(y.shape[1], 1), block)
    parts = [slice(start, start + block) for start in starts]
    done = [
        _fit(
            y[:, part],
            model,
            method,
            None if variance is None else variance[:, part],
            criterion,
            test,
            None if missing is None else missing[part],
        )
        for part in parts
    ]
    return _joined(done, parts, y.shape[1])


def _check(y: Array, model: BetweenModel, method: Method, variance: Array | None) -> None:
    faults = []
    if len(y) != model.n_subjects:
        faults.append(f"y: found {len(y)} rows, expected {model.n_subjects} as in the model's table")
    if method == "mixed-effects" and variance is None:
        faults.append("mixed-effects: found no first-level variance, expected one per map; give it, or use ols")
    if method != "mixed-effects" and variance is not None:
        faults.append(f"{method}: found first-level variances, which only mixed-effects uses; leave them out")
    if variance is not None and variance.shape != y.shape:
        faults.append(f"variance: found shape {variance.shape}, expected {y.shape} as the maps")
    if faults:
        raise DesignError(faults)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Estimates:
    """What a method gives for responses that are finite."""

    tests: tuple[TermTest, ...]
    beta: Float[Array, "column response"]
    left: Float[Array, "subject response"]
    noise: Float[Array, "subject response"]
    no_error: Bool[Array, "response"]
    failed: Bool[Array, "response"]
    tau2: Float[Array, "response"] | None = None
    weights: Float[Array, "subject response"] | None = None


def _fit(
    y: Float[Array, "subject response"],
    model: BetweenModel,
    method: Method,
    variance: Float[Array, "subject response"] | None,
    criterion: Criterion,
    test: RandomEffectsTest,
    missing: Int[Array, "response lost"] | None,
) -> BetweenFit:
    if missing is not None:
        y = y.copy()
        y[missing, np.arange(y.shape[1])[:, None]] = 0
    usable = np.asarray(np.isfinite(y).all(axis=0))
    if variance is not None:
        usable = usable & (np.isfinite(variance) & (variance > 0)).all(axis=0)
    complete = y[:, usable].astype(np.float64)
    if variance is not None:
        fitted = _mixed_effects(complete, model, variance[:, usable].astype(np.float64), criterion, test)
    elif method == "welch":
        fitted = _welch(complete, model)
    elif method == "huber" or method == "bisquare":
        fitted = _robust(complete, model, method)
    else:
        fitted = _least_squares(complete, model, None if missing is None else missing[usable])
    failed = fitted.failed & ~fitted.no_error
    bad = failed | fitted.no_error

    # NaN where there is no fit
    places, good = [np.flatnonzero(usable)[~bad]], ~bad

    def spread(values: Array) -> Array:
        return place_values([values[..., good]], places, len(usable))

    residuals = spread(fitted.left.astype(y.dtype, copy=False))
    return BetweenFit(
        model=model,
        method=method,
        tests=place_tests([[of_responses(test, good) for test in fitted.tests]], places, len(usable)),
        coefficients=spread(fitted.beta),
        residuals=residuals,
        noise=residuals if fitted.noise is fitted.left else spread(fitted.noise.astype(y.dtype, copy=False)),
        tau2=None if fitted.tau2 is None else spread(fitted.tau2),
        weights=None if fitted.weights is None else spread(fitted.weights),
        finite=usable,
        n_not_finite=int((~usable).sum()),
        n_no_error=int(fitted.no_error.sum()),
        n_not_converged=int(failed.sum()),
    )


def _least_squares(
    y: Float[Array, "subject response"], model: BetweenModel, missing: Int[Array, "response lost"] | None
) -> _Estimates:
    x = model.design.x
    lacking = None if missing is None else LackingSubjects(missing=missing, groups=groups_of_rows(model))
    result = strata_anova(y[:, None, :], as_strata(model), residuals=True, lacking=lacking, block=max(y.shape[1], 1))
    assert result.residuals is not None
    tests = {test.name: test for test in result.terms}
    left = result.residuals[:, 0]
    return _Estimates(
        tests=tuple(replace(tests[each.name], variables=each.variables) for each in model.hypotheses),
        beta=np.linalg.lstsq(x, y)[0],
        left=left,
        noise=left,
        no_error=np.isnan(result.terms[0].ss_error),
        failed=np.zeros(y.shape[1], bool),
    )


def _robust(y: Float[Array, "subject response"], model: BetweenModel, loss: Loss) -> _Estimates:
    fit = robust_regression(y, model.design.x, loss=loss)
    left = y - model.design.x @ fit.coefficients
    return _Estimates(
        tests=wald_tests(model.hypotheses, fit.coefficients, fit.covariance, fit.df),
        beta=fit.coefficients,
        left=left,
        noise=left,
        no_error=fit.no_scale,
        failed=~fit.converged,
        weights=fit.weights,
    )


def _mixed_effects(
    y: Float[Array, "subject response"],
    model: BetweenModel,
    variance: Float[Array, "subject response"],
    criterion: Criterion,
    test: RandomEffectsTest,
) -> _Estimates:
    fit = random_effects(y, model.design.x, variance, criterion=criterion, test=test)
    basis = np.linalg.qr(model.design.x)[0]
    left = y - model.design.x @ fit.coefficients
    return _Estimates(
        tests=wald_tests(model.hypotheses, fit.coefficients, fit.covariance, fit.df),
        beta=fit.coefficients,
        left=left,
        noise=left * np.sqrt(fit.weights),
        no_error=np.square(y - basis @ (basis.T @ y)).sum(axis=0) <= rounding_of(y[:, None]),
        failed=~fit.converged,
        tau2=fit.tau2,
        weights=fit.weights,
    )


def _welch(y: Float[Array, "subject response"], model: BetweenModel) -> _Estimates:
    fit = welch_tests(y, model)
    return _Estimates(
        tests=fit.tests,
        beta=fit.coefficients,
        left=fit.residuals,
        noise=fit.noise,
        no_error=fit.no_error,
        failed=np.zeros(y.shape[1], bool),
    )


def wald_tests(
    hypotheses: tuple[Hypothesis, ...],
    beta: Float[Array, "column response"],
    covariance: Float[Array, "response column column"],
    df: float | Float[Array, "response"],
) -> tuple[TermTest, ...]:
    """Test hypotheses from coefficients and their covariance; the df are infinite where the test is a z test."""
    n, tests = beta.shape[1], []
    for each in hypotheses:
        estimate = each.rows @ beta
        spread = each.rows @ covariance @ each.rows.T
        solved = np.linalg.solve(_invertible(spread), estimate.T[:, :, None])[:, :, 0]
        one = len(each.rows) == 1
        tests.append(
            TermTest(
                name=each.name,
                variables=each.variables,
                df1=len(each.rows),
                df2=np.broadcast_to(np.float64(df), (n,)).copy(),
                f=np.einsum("qr,rq->r", estimate, solved) / len(each.rows),
                estimate=estimate[0] if one else None,
                se=np.sqrt(spread[:, 0, 0]) if one else None,
            )
        )
    return tuple(tests)


def _invertible(spread: Float[Array, "response row row"]) -> Float[Array, "response row row"]:
    """Replace what cannot be inverted (responses that are NaN in the end) by the identity."""
    n_rows = spread.shape[1]
    usable = np.isfinite(spread).all(axis=(1, 2)) & (np.trace(spread, axis1=1, axis2=2) > 0)
    return np.where(usable[:, None, None], spread, np.eye(n_rows))


def _joined(parts: Sequence[BetweenFit], places: Sequence[Place], n: int) -> BetweenFit:
    def whole(name: str) -> Array | None:
        values = [getattr(part, name) for part in parts]
        return None if values[0] is None else place_values(values, places, n)

    if len(parts) == 1:
        return parts[0]
    arrays = {name: whole(name) for name in ("coefficients", "residuals", "noise", "tau2", "weights", "finite")}
    counts = {name: sum(getattr(part, name) for part in parts) for name in _COUNTS}
    return BetweenFit(
        model=parts[0].model,
        method=parts[0].method,
        tests=place_tests([part.tests for part in parts], places, n),
        **arrays,  # pyright: ignore[reportArgumentType]
        **counts,
    )


_COUNTS = ("n_not_finite", "n_no_error", "n_not_converged")
