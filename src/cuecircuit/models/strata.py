"""Error-strata designs behind the front: every effect in its own stratum, means and contrasts with their own error.

A mean or comparison weighs groups by a and conditions by u; the subjects' scores y·u are regressed on the groups and
the covariates' own scores x·u (`stats.strata_design`), so that means are at the covariates' mean. The error is what
that leaves over all groups, df = subjects − groups − covariates: that of the multivariate model, as emmeans takes it
after afex. No sphericity is assumed, and a comparison that lies in several strata needs no mixture of mean squares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.models.family import Fitted, assembled, correlation_name
from cuecircuit.stats.contrasts import cells_of_nobody, strata_contrast, strata_levels, weighted_cells
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_covariate import ResponseCovariate, covariate_in
from cuecircuit.stats.strata_design import Contrast, StrataModel, group_codes, strata_model
from cuecircuit.stats.strata_lacking import LackingSubjects, carried
from cuecircuit.stats.strata_subset import of_subjects

BLOCK = 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StrataFamily:
    """A complete design; rows run over subjects, and within a subject over conditions.

    `covariate` names the covariate that is given per response, `slopes` the strata where it varies.
    """

    model: StrataModel
    covariate: str = ""
    slopes: Mapping[str, str | None] | None = None
    correlated: bool = False
    block: int = BLOCK

    @property
    def units(self) -> Int[Array, "row"]:
        """The subject of each row."""
        return np.repeat(np.arange(self.model.n_subjects), self.model.n_conditions)

    @property
    def tested(self) -> tuple[str, ...]:
        """Names of terms and contrasts."""
        return tuple(term.name for each in (*self.model.strata, *self.model.contrast_strata) for term in each.terms)

    @property
    def levels(self) -> Mapping[str, Sequence[str]]:
        """Levels of every factor."""
        return strata_levels(self.model.design)

    def fit(
        self, y: Float[Array, "row response"], extra: Float[Array, "row response"] | None, *, residuals: bool
    ) -> Fitted:
        """Test every term in its own error stratum, then the contrasts."""
        return self._fit(y, extra, None, residuals=residuals)

    def fit_lacking(
        self, y: Float[Array, "row response"], missing: Int[Array, "response lost"], *, residuals: bool
    ) -> Fitted | None:
        """Test responses that each lack some subjects, side by side; None with a covariate given per response."""
        if self.covariate or self.correlated:
            return None
        usable = np.flatnonzero(carried(self.model, missing))
        values, missing = y[:, usable].reshape(*self._cells, len(usable)), missing[usable]
        values[missing, :, np.arange(len(usable))[:, None]] = 0
        lacking = LackingSubjects(missing=missing, groups=group_codes(self.model.design))
        fitted = self._fit(values.reshape(len(y), -1), None, lacking, residuals=residuals)
        return assembled([fitted], [np.arange(len(y))], [usable], y.shape)

    def _fit(
        self, y: Float[Array, "row response"], extra: Array | None, lacking: LackingSubjects | None, *, residuals: bool
    ) -> Fitted:
        shape = (*self._cells, y.shape[1])
        covariate = None if extra is None else ResponseCovariate(name=self.covariate, values=extra.reshape(shape))
        result = strata_anova(
            y.reshape(shape),
            self.model,
            residuals=residuals,
            covariate=covariate,
            slopes=self.slopes,
            lacking=lacking,
            block=self.block,
        )
        return Fitted(
            tests=(*result.terms, *result.contrasts),
            maps=self._correlations(y.reshape(shape)) if self.correlated else {},
            residuals=None if result.residuals is None else result.residuals.reshape(y.shape),
            noise=None,
            n_units=result.n_subjects,
            n_rows=result.n_subjects * self.model.n_conditions,
            counts={name: getattr(result, name) for name in ("n_not_finite", "n_no_error", "n_flat")},
        )

    @property
    def _cells(self) -> tuple[int, int]:
        return self.model.n_subjects, self.model.n_conditions

    def given(self, extra: Float[Array, "row response"]) -> "StrataFamily":
        """The design of responses with this covariate: it has a slope in every stratum where it varies in some."""
        covariate = ResponseCovariate(name=self.covariate, values=extra.reshape(*self._cells, extra.shape[1]))
        strata = (*self.model.strata, *self.model.contrast_strata)
        return replace(self, slopes={each.name: covariate_in(covariate, each, self.block) for each in strata})

    def of_units(self, kept: Int[Array, "kept"]) -> "StrataFamily | None":
        """Return the design of some subjects; None where these cannot carry the tests."""
        try:
            fewer = of_subjects(self.model, kept)
            if any(
                each.df < 2 and (self.slopes or {}).get(each.name) for each in (*fewer.strata, *fewer.contrast_strata)
            ):
                return None
            return replace(self, model=fewer if self.model.strata else replace(fewer, strata=()))
        except DesignError:
            return None

    def enough(self, kept: Int[Array, "kept"], fewest: int) -> bool:
        """Return whether so many subjects are left of each group, or all of a smaller one."""
        groups = group_codes(self.model.design)
        least = np.minimum(fewest, np.bincount(groups))
        return bool(np.all(np.bincount(groups[kept], minlength=len(least)) >= least))

    def asking(self, hypotheses: Sequence[Contrast], *, correlated: bool = False) -> "StrataFamily":
        """Return the design with these contrasts tested alone."""
        contrasts = strata_model(self.model.design, contrasts=hypotheses)
        return replace(self, model=replace(contrasts, strata=()), correlated=correlated)

    def contrast(self, text: str) -> Contrast:
        """Read the text of a contrast."""
        return strata_contrast(text, self.model.design)

    def cell(self, name: str, weights: Mapping[str, Float[Array, "level"]], at: Mapping[str, float]) -> Contrast | None:
        """Return the mean at weights of levels; None where it needs groups that nobody is in."""
        if at:
            raise DesignError("means of an error-strata design are at the covariates' mean; use a formula for others")
        design = self.model.design
        return None if cells_of_nobody(weights, design) else weighted_cells(name, weights, design)

    def difference(self, name: str, family: str, one: Contrast, other: Contrast) -> Contrast:
        """One cell less another; they differ in groups or in conditions, or the contrast is no product of both."""
        if np.array_equal(one.group, other.group):
            return Contrast(name=name, family=family, group=one.group, condition=one.condition - other.condition)
        if np.array_equal(one.condition, other.condition):
            return Contrast(name=name, family=family, group=one.group - other.group, condition=one.condition)
        raise DesignError(
            f"comparison '{name}': differs in factors between and within subjects at once, which no score of a "
            "subject tells; compare inside one of them (by)"
        )

    def _correlations(self, y: Float[Array, "subject condition response"]) -> dict[str, Float[Array, "response"]]:
        """Correlations of the contrasts' estimates: directions of the groups, times what is left of the scores."""
        lengths, lefts = [], []
        for stratum in self.model.contrast_strata:
            scores = np.einsum("scv,c->sv", y, stratum.scores[:, 0])
            lengths.append(stratum.terms[0].basis[:, 0])
            lefts.append(scores - stratum.basis @ (stratum.basis.T @ scores))
        correlations = {}
        for i, j in combinations(range(len(lefts)), 2):
            shared = np.einsum("sv,sv->v", lefts[i], lefts[j])
            size = np.sqrt(np.einsum("sv,sv->v", lefts[i], lefts[i]) * np.einsum("sv,sv->v", lefts[j], lefts[j]))
            cosine = np.divide(shared, size, out=np.zeros_like(shared), where=size > 0)
            correlations[correlation_name(i, j)] = (lengths[i] @ lengths[j]) * cosine
        return correlations
