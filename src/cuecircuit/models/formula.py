"""Formulas behind the front: linear mixed models by REML, and models between subjects by every other method.

What is tested, means and comparisons are rows of the coded columns either way; only the fit differs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Protocol, runtime_checkable

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.models.family import Fitted, assembled, correlation_name
from cuecircuit.models.intraclass import intraclass_maps
from cuecircuit.stats.between_fit import BetweenFit, Method, fit_between
from cuecircuit.stats.between_model import BetweenModel, as_strata
from cuecircuit.stats.contrasts import fixed_contrast, fixed_levels, grid_row
from cuecircuit.stats.mixed_design import MixedColumns, of_rows
from cuecircuit.stats.mixed_fit import fit_lacking, fit_mixed, hypothesis_tests
from cuecircuit.stats.mixed_inference import DegreesOfFreedomRule, Hypothesis
from cuecircuit.stats.mixed_model import MixedModel, prepared_model
from cuecircuit.stats.mixed_result import MixedFit
from cuecircuit.stats.random_effects import Criterion, RandomEffectsTest
from cuecircuit.stats.strata_lacking import carried
from cuecircuit.stats.term_test import TermTest

MIXED_BLOCK, BETWEEN_BLOCK = 512, 1024


@runtime_checkable
class Fitter(Protocol):
    """A way to fit coded columns and to test hypotheses of them."""

    @property
    def design(self) -> MixedColumns:
        """The coded columns."""
        ...

    @property
    def block(self) -> int:
        """Responses worked on at a time."""
        ...

    def fit(
        self, y: Float[Array, "row response"], extra: Float[Array, "row response"] | None, *, residuals: bool
    ) -> Fitted:
        """Fit responses without a missing value."""
        ...

    def fit_lacking(
        self, y: Float[Array, "row response"], missing: Int[Array, "response lost"], *, residuals: bool
    ) -> Fitted | None:
        """Fit responses that each lack some rows, the same number of all; None where there is no way to."""
        ...

    @property
    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """Everything that is tested."""
        ...

    def of_design(self, design: MixedColumns) -> "Fitter":
        """Return the same with other rows."""
        ...

    def asking(self, hypotheses: Sequence[Hypothesis]) -> "Fitter":
        """Return the same with these hypotheses tested alone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedFitter:
    """REML; tests the terms (where `terms`) and `contrasts`."""

    model: MixedModel
    contrasts: tuple[Hypothesis, ...] = ()
    df: DegreesOfFreedomRule = "satterthwaite"
    terms: bool = True
    block: int = MIXED_BLOCK

    @property
    def design(self) -> MixedColumns:
        """The coded columns."""
        return self.model.design

    def fit(
        self, y: Float[Array, "row response"], extra: Float[Array, "row response"] | None, *, residuals: bool
    ) -> Fitted:
        """Fit, and keep variance components and ICC beside the tests."""
        fit = fit_mixed(y, self.model, df=self.df, residuals=residuals, block=self.block)
        return self._fitted(fit, (*(fit.terms if self.terms else ()), *hypothesis_tests(fit, self.contrasts)))

    def fit_lacking(
        self, y: Float[Array, "row response"], missing: Int[Array, "response lost"], *, residuals: bool
    ) -> Fitted:
        """Fit responses that each lack some rows, the same number of all."""
        fit = fit_lacking(y, missing, self.model, self.hypotheses, df=self.df, residuals=residuals, block=self.block)
        return self._fitted(fit, fit.terms)

    def _fitted(self, fit: MixedFit, tests: tuple[TermTest, ...]) -> Fitted:
        components = {f"variance {part.term}": part.value for part in fit.components if len(part.labels) == 1}
        names = ("n_singular", "n_not_converged", "n_not_finite", "n_no_error")
        return Fitted(
            tests=tests,
            maps={**components, **intraclass_maps(fit), "criterion": fit.criterion} if self.terms else {},
            residuals=fit.residuals,
            noise=None,
            n_units=fit.n_subjects,
            n_rows=fit.n_observations,
            counts={name: getattr(fit, name) for name in names},
        )

    @property
    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """Everything that is tested."""
        return (*(self.model.hypotheses if self.terms else ()), *self.contrasts)

    def of_design(self, design: MixedColumns) -> "MixedFitter":
        """Return the same with other rows."""
        return replace(self, model=prepared_model(design))

    def asking(self, hypotheses: Sequence[Hypothesis]) -> "MixedFitter":
        """Return the same with these hypotheses tested alone."""
        return replace(self, contrasts=tuple(hypotheses), terms=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BetweenFitter:
    """One row per subject, fitted by `method`."""

    model: BetweenModel
    method: Method
    criterion: Criterion = "reml"
    test: RandomEffectsTest = "knapp-hartung"
    block: int = BETWEEN_BLOCK

    @property
    def design(self) -> MixedColumns:
        """The coded columns."""
        return self.model.design

    def fit(
        self, y: Float[Array, "row response"], extra: Float[Array, "row response"] | None, *, residuals: bool
    ) -> Fitted:
        """Fit, and keep the variance between subjects beside the tests where there is one."""
        fit = fit_between(
            y,
            self.model,
            method=self.method,
            variance=extra,
            criterion=self.criterion,
            test=self.test,
            block=self.block,
        )
        return self._fitted(fit, self.model.n_subjects, residuals=residuals)

    def fit_lacking(
        self, y: Float[Array, "row response"], missing: Int[Array, "response lost"], *, residuals: bool
    ) -> Fitted | None:
        """Fit responses that each lack some rows by least squares; None of other methods."""
        if self.method != "ols":
            return None
        usable = np.flatnonzero(carried(as_strata(self.model), missing))
        fit = fit_between(y[:, usable], self.model, missing=missing[usable], block=self.block)
        fitted = self._fitted(fit, self.model.n_subjects - missing.shape[1], residuals=residuals)
        return assembled([fitted], [np.arange(len(y))], [usable], y.shape)

    def _fitted(self, fit: BetweenFit, n_subjects: int, *, residuals: bool) -> Fitted:
        counts = {name: getattr(fit, name) for name in ("n_not_finite", "n_no_error", "n_not_converged")}
        if fit.tau2 is not None:
            counts["n_no_variance_between"] = int((fit.tau2 == 0).sum())
        unequal = self.method in ("mixed-effects", "welch")
        entered = np.where(fit.finite, n_subjects, 0)
        return Fitted(
            tests=fit.tests,
            maps={} if fit.tau2 is None else {"tau2": fit.tau2},
            residuals=fit.residuals if residuals else None,
            noise=fit.noise if residuals and unequal else None,
            n_units=entered,
            n_rows=entered,
            counts=counts,
        )

    @property
    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """Everything that is tested."""
        return self.model.hypotheses

    def of_design(self, design: MixedColumns) -> "BetweenFitter":
        """Return the same with other rows."""
        return replace(self, model=replace(self.model, design=design))

    def asking(self, hypotheses: Sequence[Hypothesis]) -> "BetweenFitter":
        """Return the same with these hypotheses tested alone."""
        return replace(self, model=replace(self.model, hypotheses=tuple(hypotheses)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FormulaFamily:
    """Coded columns and how they are fitted; units are rows.

    The first `correlated` tests are correlated with one another through the tests of their sums, which follow them.
    """

    fitter: Fitter
    correlated: int = 0

    @property
    def units(self) -> Int[Array, "row"]:
        """Every row by itself."""
        return np.arange(len(self.fitter.design.x))

    @property
    def block(self) -> int:
        """Responses worked on at a time."""
        return self.fitter.block

    @property
    def tested(self) -> tuple[str, ...]:
        """Names of terms and contrasts."""
        return tuple(each.name for each in self.fitter.hypotheses)

    @property
    def levels(self) -> Mapping[str, Sequence[str]]:
        """Levels of the factors in the fixed part."""
        return fixed_levels(self.fitter.design)

    def fit(
        self, y: Float[Array, "row response"], extra: Float[Array, "row response"] | None, *, residuals: bool
    ) -> Fitted:
        """Fit responses without a missing value."""
        return self._correlated(self.fitter.fit(y, extra, residuals=residuals))

    def fit_lacking(
        self, y: Float[Array, "row response"], missing: Int[Array, "response lost"], *, residuals: bool
    ) -> Fitted | None:
        """Fit responses that each lack some rows, side by side; None where the model has no way to."""
        fitted = self.fitter.fit_lacking(y, missing, residuals=residuals)
        return None if fitted is None else self._correlated(fitted)

    def _correlated(self, fitted: Fitted) -> Fitted:
        n = self.correlated
        if not n:
            return fitted
        errors = [np.asarray(test.se) for test in fitted.tests]
        # var(a + b) = var a + var b + 2 cov
        groups = {
            correlation_name(i, j): (both**2 - errors[i] ** 2 - errors[j] ** 2) / (2 * errors[i] * errors[j])
            for (i, j), both in zip(combinations(range(n), 2), errors[n:], strict=True)
        }
        return replace(fitted, tests=fitted.tests[:n], maps=groups)

    def given(self, extra: Float[Array, "row response"]) -> "FormulaFamily":
        """Return the model of responses with these variances: the same."""
        return self

    def of_units(self, kept: Int[Array, "kept"]) -> "FormulaFamily | None":
        """Return the model of some rows, coded as all; None where they cannot carry it."""
        try:
            return replace(self, fitter=self.fitter.of_design(of_rows(self.fitter.design, kept)))
        except DesignError:
            return None

    def enough(self, kept: Int[Array, "kept"], fewest: int) -> bool:
        """Return whether each level of each fixed factor keeps so many subjects, or all of fewer."""
        design = self.fitter.design
        n = int(design.subjects.max()) + 1
        for codes in [design.factors[name].codes for name in self.levels] or [np.zeros(len(design.x), int)]:
            pairs, n_pairs = codes * n + design.subjects, (int(codes.max()) + 1) * n
            everyone, left = (np.bincount(rows, minlength=n_pairs) > 0 for rows in (pairs, pairs[kept]))
            least = np.minimum(fewest, everyone.reshape(-1, n).sum(axis=1))
            if np.any(left.reshape(-1, n).sum(axis=1) < least):
                return False
        return True

    def asking(self, hypotheses: Sequence[Hypothesis], *, correlated: bool = False) -> "FormulaFamily":
        """Return the model with these hypotheses tested alone."""
        pairs = combinations(hypotheses, 2) if correlated else ()
        sums = [Hypothesis(name="sum", rows=one.rows + other.rows) for one, other in pairs]
        fitter = self.fitter.asking([*hypotheses, *sums])
        return replace(self, fitter=fitter, correlated=len(hypotheses) if correlated else 0)

    def contrast(self, text: str) -> Hypothesis:
        """Read the text of a contrast."""
        return fixed_contrast(text, self.fitter.design)

    def cell(
        self, name: str, weights: Mapping[str, Float[Array, "level"]], at: Mapping[str, float]
    ) -> Hypothesis | None:
        """Return the predicted mean at weights of levels, covariates at their mean over the rows or `at`.

        Returns:
            None where it needs a cell that no row has.

        Raises:
            DesignError: the model has no such covariate.
        """
        design = self.fitter.design
        unknown = [covariate for covariate in at if covariate not in design.covariates]
        if unknown:
            raise DesignError(f"covariate '{covariate}': not in the model" for covariate in unknown)
        row = grid_row(design, weights, at=at)
        return None if row is None else Hypothesis(name=name, rows=row[None])

    def difference(self, name: str, family: str, one: Hypothesis, other: Hypothesis) -> Hypothesis:
        """Return one cell less another."""
        return Hypothesis(name=name, rows=one.rows - other.rows)
