"""`cuecircuit anova`: a long table in, one row per test out; contrasts, means and comparisons as further tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.behavior.anova import strata_rows
from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.io.tables import read_table
from cuecircuit.models.design import check_subjects
from cuecircuit.models.evidence import EvidenceSettings, evidence_frame
from cuecircuit.models.fit import Fit, fit_table, tidy_row
from cuecircuit.models.means import compare, contrasts, means
from cuecircuit.models.model import Model
from cuecircuit.records.cells import averaged
from cuecircuit.stats.comparisons import Comparisons, FamilyAdjustment
from cuecircuit.stats.strata_result import StratumTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Followup:
    """What to look at after the tests.

    `contrasts` are texts over levels ("LgA: naloxone - saline"), each a test of its own; `means` factors whose levels'
    means are wanted; `posthoc` factors whose levels are compared, in each combination of those in `by`, adjusted by
    `adjust`, each with `reference` or all pairs; `confidence` the coverage of intervals;
    `evidence` how it is weighed, if at all.
    """

    contrasts: tuple[str, ...] = ()
    means: tuple[str, ...] = ()
    posthoc: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    adjust: FamilyAdjustment = "holm"
    reference: str | None = None
    confidence: float = 0.95
    evidence: EvidenceSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableFit:
    """Tests of a table's column: a row each in `table`; `notes` name who is left out and what is worth knowing."""

    table: pd.DataFrame
    fit: Fit
    notes: tuple[str, ...]


def anova_table(path: Path, *, dv: str, model: Model, average: bool = False) -> TableFit:
    """Test every term of a model of one column of a table.

    Args:
        path: TSV (or .csv) with one row per subject and cell.
        dv: column that was measured.
        model: error strata of columns, or a formula.
        average: average several rows of a subject and cell, instead of calling them a fault.

    Raises:
        DataError: the table is at fault.
        DesignError: the design cannot carry the tests.
    """
    text = (model.subject, *model.between, *model.within)
    table = read_table(path, text=tuple(filter(None, text)))
    try:
        return analyze_table(table, dv=dv, model=model, average=average)
    except CuecircuitError as error:
        error.add_note(f"in {path}")
        raise


def analyze_table(table: pd.DataFrame, *, dv: str, model: Model, average: bool = False) -> TableFit:
    """Test every term of a model of one column; see `anova_table`."""
    if average:
        if model.formula is not None:
            raise DataError("average: for --between and --within; a formula takes every row")
        keys = {"subject": model.subject, "between": model.between, "within": model.within}
        table = averaged(table, **keys, values=(dv, *model.covariates), levels=model.factors)
    check_subjects(table, model)
    fitted = fit_table(table, dv, model)
    _check_varies(fitted, dv)
    tests = fitted.tests
    if model.formula is None:
        measured = (*model.covariates, *model.observed)
        rows = strata_rows([test for test in tests if isinstance(test, StratumTest)], measured)
    else:
        rows = pd.DataFrame([tidy_row(test, 0, 0.95) for test in tests]).drop(columns="stratum")
    return TableFit(table=rows, fit=fitted, notes=(*fitted.design.left_out, *fitted.design.notes, *_hints(fitted)))


def _check_varies(fitted: Fit, dv: str) -> None:
    """Refuse a response of which no F exists."""
    y, _ = fitted.responses.read(fitted.responses.blocks[0])
    if np.ptp(y) == 0:
        raise DataError(f"column '{dv}' is {y.flat[0]:g} in all {len(y)} rows of the model; there is nothing to test")
    if not any(np.isfinite(test.f).any() for test in fitted.tests):
        raise DataError(
            f"column '{dv}': no test has an F; the model leaves no error, or the unit makes numbers too large or small"
        )


def _hints(fitted: Fit) -> list[str]:
    if fitted.design.model.fitted_by != "reml" or fitted.design.model.df != "satterthwaite":
        return []
    zero = [name for name, values in fitted.fitted.maps.items() if name.startswith("variance (") and values[0] == 0]
    return [
        f"{name} is 0: Satterthwaite's degrees of freedom are then those of rows without groups; compare with "
        "--df kenward-roger"
        for name in zero
    ]


def components_table(fitted: Fit) -> pd.DataFrame | None:
    """Variance components and intraclass correlations of a mixed model, with intervals; None for other models."""
    maps = {name: float(values[0]) for name, values in fitted.fitted.maps.items()}
    if not maps:
        return None
    rows = [{"component": name, "value": value} for name, value in maps.items() if not _is_limit(name)]
    for row in rows:
        kind, _, grouping = str(row["component"]).partition(" ")
        if kind == "icc":
            row |= {side: maps[f"icc {side} {grouping}"] for side in ("low", "high")}
    return pd.DataFrame(rows, columns=["component", "value", "low", "high"])


def _is_limit(name: str) -> bool:
    return name.startswith(("icc low ", "icc high "))


def followup_tables(fitted: Fit, wanted: Followup) -> list[pd.DataFrame]:
    """Tables of contrasts, means and comparisons, those that are wanted, in this order.

    Raises:
        DesignError: factors, levels or a reference that the design does not have.
    """
    tables = []
    if wanted.contrasts:
        tables.append(contrast_rows(fitted, wanted.contrasts, wanted.confidence))
    if wanted.means:
        tables.append(mean_rows(fitted, wanted.means, wanted.confidence))
    if wanted.posthoc:
        comparisons = compare(
            fitted,
            wanted.posthoc,
            by=wanted.by,
            reference=wanted.reference,
            adjustment=wanted.adjust,
            confidence=wanted.confidence,
        )
        tables.append(comparison_rows(comparisons))
    if wanted.evidence is not None:
        compared = contrasts(fitted, wanted.contrasts) if wanted.contrasts else ()
        tables.append(evidence_frame((*fitted.tests, *compared), wanted.evidence))
    return tables


def contrast_rows(fitted: Fit, texts: Sequence[str], confidence: float = 0.95) -> pd.DataFrame:
    """Contrasts of one response: estimate, its error, interval and test."""
    rows = []
    for test in contrasts(fitted, texts):
        row = tidy_row(test, 0, confidence)
        # a contrast that is the same in every subject has no error of its own, and no test
        t = np.nan if test.t is None else float(test.t[0])
        limits = {"ci_low": row["low"], "ci_high": row["high"]}
        rows.append(
            {"contrast": test.name, **{name: row[name] for name in ("estimate", "se")}, "df": row["df2"], "t": t}
            | {"p": row["p"], **limits}
        )
    return pd.DataFrame(rows)


def mean_rows(fitted: Fit, factors: Sequence[str], confidence: float = 0.95) -> pd.DataFrame:
    """Marginal means of one response: levels, mean, its error and interval."""
    estimated = means(fitted, factors, confidence=confidence)
    levels = pd.DataFrame(estimated.levels, columns=pd.Index(estimated.factors))
    return levels.assign(**{name: getattr(estimated, name)[:, 0] for name in ("mean", "se", "df", "ci_low", "ci_high")})


def comparison_rows(found: Comparisons) -> pd.DataFrame:
    """Comparisons of one response: estimate, its error, interval, test and adjusted p."""
    numbers = ("estimate", "se", "df", "t", "p", "p_adjusted", "ci_low", "ci_high")
    named = {"contrast": found.names, "family": found.families}
    return pd.DataFrame({**named, **{name: getattr(found, name)[:, 0] for name in numbers}})
