"""What can be tested of maps and corrected as asked, told from the table of a model before any map is read."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from cuecircuit.errors import CuecircuitError, DataError, DesignError
from cuecircuit.group.coverage import repeat_faults
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.group.planned_permutation import plan_of
from cuecircuit.group.variances import Variances, compare_variances
from cuecircuit.models.design import Design
from cuecircuit.models.direction import check_side, has_side
from cuecircuit.models.evidence import EvidenceSettings
from cuecircuit.models.family import Fitted
from cuecircuit.models.fit import fit
from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests.corrections import Comparison
from cuecircuit.pipeline.map_tests.design import Correction
from cuecircuit.pipeline.map_tests.evidence import evidence_faults
from cuecircuit.pipeline.map_tests.permuted import Permutation, permutable
from cuecircuit.stats.strata_result import StratumTest, find_test
from cuecircuit.stats.term_test import TermTest

_VOXELS = 8  # of the drawn maps


def plan_tests(
    frame: pd.DataFrame,
    *,
    model: Model,
    correction: Correction,
    comparison: Comparison | None = None,
    evidence: EvidenceSettings | None = None,
) -> tuple[str, ...]:
    """Fit a model to drawn maps and plan the correction of every test, as `write_tests` would do with those on disk.

    Args:
        frame: a row for each map, columns of the model.
        model: what is fitted.
        correction: of every test the model keeps.
        comparison: corrections of one term to set side by side.
        evidence: also asked for.

    Returns:
        Who is left out and what is not corrected, a line each.

    Raises:
        DataError: the table or the correction is at fault.
        DesignError: the columns do not carry the model, or cannot be corrected as asked; every fault.
    """
    check_request(frame, model, correction, comparison, evidence)
    y = np.random.default_rng(0).standard_normal((len(frame), _VOXELS))
    columns = frame[[name for name in frame if name not in ("map", model.variance)]]
    fitted = fit(columns, y, model, variance=np.ones_like(y) if model.variance else None)
    bound, notes = fitted.design, [*fitted.design.left_out, *fitted.design.notes]
    if not any(np.isfinite(test.f).any() for test in fitted.fitted.tests):
        raise DesignError("the design leaves nothing for error in any test; add subjects, or ask for fewer terms")
    faults: list[str] = []

    def plan() -> Iterator[str]:
        settings = for_method(correction, model)
        sideless = without_side(bound, fitted.fitted, settings)
        yield from (f"not corrected: {name}: one side, and the term of a factor has no side" for name in sideless)
        if isinstance(settings, Permutation):
            tests = tuple(test for test in kept_tests(bound, fitted.fitted) if test.name not in sideless)
            variances = _variances(y[bound.rows], bound, settings.settings)
            yield from (f"not corrected: {line}" for line in permutable(bound.family, tests, settings, variances)[1])

    def compare() -> Iterator[str]:
        if comparison is not None:
            strata_tests = [test for test in fitted.fitted.tests if isinstance(test, StratumTest)]
            test = find_test(strata_tests, comparison.term, comparison.stratum)
            plan_of(bound.family, test, comparison.permutation, {})
        yield from ()

    for part, where in ((plan, ""), (compare, " (correction.compare)")):
        try:
            notes += part()
        except CuecircuitError as error:
            faults += (f"{fault}{where}" for fault in error.faults)
    DesignError.raise_any(faults)
    return tuple(notes)


def _variances(y: np.ndarray, bound: Design, settings: PermutationSettings) -> Variances:
    return {} if settings.variance == "equal" else compare_variances(lambda: iter([y]), bound.family)


def check_request(
    frame: pd.DataFrame,
    model: Model,
    correction: Correction,
    comparison: Comparison | None,
    evidence: EvidenceSettings | None,
) -> None:
    """Refuse a table, a model and corrections that do not go together.

    Raises:
        DataError: every fault.
    """
    keys = [str(name) for name in frame if name not in ("map", model.covariate, model.variance)]
    faults = repeat_faults(frame, keys, several_rows=model.fitted_by == "reml")
    by_permutation = isinstance(correction, Permutation)
    if by_permutation and model.fitted_by not in ("strata", "reml", "ols", "welch"):
        faults.append(
            f"permutation tests least squares (ols, welch), found method {model.fitted_by}; use one of them, or "
            "--inference simulation"
        )
    if model.covariate and (comparison is not None or by_permutation):
        faults.append("permutation cannot adjust for a covariate by voxel; use --inference simulation")
    faults += evidence_faults(model) if evidence is not None else []
    if comparison is not None and model.fitted_by != "strata":
        faults.append("corrections are compared of a term of between and within; leave out the comparison")
    DataError.raise_any(faults)


def kept_tests(bound: Design, fitted: Fitted) -> tuple[TermTest, ...]:
    """Return the tests that the model keeps, which are corrected."""
    asked = bound.model.tests
    return tuple(test for test in fitted.tests if not asked or test.name in asked)


def for_method(correction: Correction, model: Model) -> Correction:
    """Welch's model has a variance for each group, so its subjects are rotated within groups."""
    if isinstance(correction, Permutation) and model.fitted_by == "welch":
        return replace(correction, settings=replace(correction.settings, variance="groups"))
    return correction


def without_side(bound: Design, fitted: Fitted, correction: Correction) -> tuple[str, ...]:
    """Return the terms that a one-sided correction leaves out.

    Raises:
        DesignError: no term has a side.
    """
    settings = correction.settings if isinstance(correction, Permutation) else correction
    if settings is None or settings.sided != "1":
        return ()
    tests = kept_tests(bound, fitted)
    names = tuple(test.name for test in tests if not has_side(test, bound))
    if len(names) == len(tests):
        check_side(tests[0], bound)
    return names
