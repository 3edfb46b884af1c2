"""What the permutation of a test of any fitted model works on: the plan, and the responses freed of the nuisance."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Bool
from cuecircuit.errors import DesignError
from cuecircuit.group.permutation import PermutationSettings, plan_hypothesis, plan_term
from cuecircuit.group.permuted_maxima import Prepared, TermPlan, prepare_term, prepared_hypothesis
from cuecircuit.group.variances import Variances, compare_in_stratum, variance_note
from cuecircuit.models.family import Family
from cuecircuit.models.fit import Fit, stratum_of
from cuecircuit.models.formula import BetweenFitter, FormulaFamily, MixedFitter
from cuecircuit.models.strata import StrataFamily
from cuecircuit.stats.arrangements import Exchange
from cuecircuit.stats.between_model import ONE_ERROR, as_strata
from cuecircuit.stats.group_variances import formula_variances
from cuecircuit.stats.mixed_exchange import ScorePlan
from cuecircuit.stats.permutation import of_stratum
from cuecircuit.stats.strata_design import StrataModel
from cuecircuit.stats.term_test import TermTest

Exchanged = Literal["auto", Exchange]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Permutable:
    """A test that can be permuted: its plan, what arrangements work on, which responses have something to permute.

    `note` says whether groups that change places differ in variance.
    """

    plan: TermPlan
    prepared: Prepared
    fitted: Bool[Array, "response"]
    note: str | None


def prepare_test(fit: Fit, test: TermTest, settings: PermutationSettings) -> Permutable:
    """Prepare the permutation of a test of a fit in memory.

    Raises:
        DesignError: the model is fitted otherwise than by least squares or REML, too few subjects for a permutation at
            this α, or nothing that can be exchanged.
    """
    family = fit.design.family
    y = np.concatenate([fit.responses.read(block)[0] for block in fit.responses.blocks], axis=1)
    stratum, strata = stratum_of(test) or ONE_ERROR, _strata_model(family)
    if isinstance(family, FormulaFamily):
        variances = formula_variances([y], family.fitter.design)
    else:
        assert strata is not None
        in_stratum = of_stratum(strata, stratum)
        variances = compare_in_stratum([y], in_stratum, in_stratum.strata[0])
    compared = {} if variances is None else {stratum: variances}
    plan = plan_of(family, test, settings, compared)
    if isinstance(plan, ScorePlan):
        prepared, fitted = prepared_hypothesis(y, plan, n_jobs=settings.n_jobs)
    else:
        prepared, fitted = prepare_term(y.reshape(-1, len(plan.stratum.scores), y.shape[1]), plan, test.f)
    return Permutable(
        plan=plan, prepared=prepared, fitted=fitted, note=variance_note(compared, settings.variance, family)
    )


def plan_of(
    family: Family, test: TermTest, permutation: PermutationSettings, variances: Variances, exchange: Exchanged = "auto"
) -> TermPlan:
    """Plan the permutation of a term or contrast of any model that has one.

    Args:
        family: the model.
        test: of the model; one that names no stratum is of a model between subjects, which has one.
        permutation: how it is permuted.
        variances: of groups by stratum.
        exchange: what subjects of a mixed model exchange.

    Raises:
        DesignError: too few subjects for a permutation at this α, or nothing that can be exchanged.
    """
    if (model := _strata_model(family)) is not None:
        stratum = stratum_of(test) or ONE_ERROR
        in_stratum = of_stratum(model, stratum)
        return plan_term(in_stratum, test.name, stratum=stratum, settings=permutation, variances=variances.get(stratum))
    assert isinstance(family, FormulaFamily)
    assert isinstance(family.fitter, MixedFitter)
    hypothesis = next(each for each in family.fitter.hypotheses if each.name == test.name)
    return plan_hypothesis(family.fitter.model, hypothesis, settings=permutation, exchange=exchange)


def _strata_model(family: Family) -> StrataModel | None:
    """Return the model whose subjects are permuted; None for a mixed model, whose subjects' scores are.

    Raises:
        DesignError: the model is fitted otherwise than by least squares.
    """
    if isinstance(family, StrataFamily):
        return family.model
    assert isinstance(family, FormulaFamily)
    if isinstance(family.fitter, MixedFitter):
        return None
    assert isinstance(family.fitter, BetweenFitter)
    if family.fitter.method not in ("ols", "welch"):
        raise DesignError(
            f"permutation tests least squares (ols, welch), found {family.fitter.method}; use one of them, or "
            "simulation"
        )
    return as_strata(family.fitter.model)
