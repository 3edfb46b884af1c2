"""Designs and coded formulas bound to arrays, as the front binds them to a table."""

from collections.abc import Mapping

import numpy as np

from cuecircuit.models.design import Design
from cuecircuit.models.family import Family
from cuecircuit.models.fit import ArrayResponses, Fit, fit_responses
from cuecircuit.models.formula import FormulaFamily, MixedFitter
from cuecircuit.models.model import Model
from cuecircuit.models.strata import StrataFamily
from cuecircuit.stats.mixed_model import MixedModel, mixed_model
from cuecircuit.stats.strata_design import MixedDesign, StrataModel, strata_model


def fit_family(family: Family, y: np.ndarray, *, model: Model, extra: np.ndarray | None = None) -> Fit:
    """Fit responses, rows in the order of the family."""
    bound = Design(model=model, family=family, rows=np.arange(len(y)), left_out=(), roles={}, levels={})
    return fit_responses(bound, ArrayResponses(values=y, extra=extra, rows=bound.rows), residuals=True)


def strata_fit(
    y: np.ndarray, design: MixedDesign | StrataModel, *, fewest: int | None = None, x: np.ndarray | None = None
) -> Fit:
    """Fit an error-strata design to subject × condition × response (or one response), x a covariate by response."""
    model = design if isinstance(design, StrataModel) else strata_model(design)
    rows = model.n_subjects * model.n_conditions
    return fit_family(
        StrataFamily(model=model, covariate="" if x is None else "x"),
        y.reshape(rows, -1),
        model=Model(subject="subject", fewest=fewest, covariate="" if x is None else "x"),
        extra=None if x is None else x.reshape(rows, -1),
    )


def mixed_fit(
    y: np.ndarray, model: MixedModel | tuple[str, Mapping], *, df="satterthwaite", fewest: int | None = None
) -> Fit:
    """Fit a mixed model to observation × response."""
    coded = model if isinstance(model, MixedModel) else mixed_model(*model)
    text = Model(formula=coded.design.formula.text, df=df, fewest=fewest)
    return fit_family(FormulaFamily(fitter=MixedFitter(model=coded, df=df)), y, model=text)
