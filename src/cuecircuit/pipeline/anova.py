"""`cuecircuit anova`: a long table in, one row per test out; contrasts, means and comparisons as further tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cuecircuit.behavior.anova import TableAnova, mixed_anova
from cuecircuit.errors import CuecircuitError
from cuecircuit.io.tables import read_table
from cuecircuit.records.cells import averaged
from cuecircuit.stats.comparisons import Comparisons, FamilyAdjustment
from cuecircuit.stats.contrasts import strata_contrast
from cuecircuit.stats.strata_means import compare_contrasts, compare_strata_means, strata_means


@dataclass(frozen=True, slots=True, kw_only=True)
class Followup:
    """What to look at after the tests.

    `contrasts` are texts over levels ("LgA: naloxone - saline"), each a test of its own; `means` factors whose levels'
    means are wanted; `posthoc` factors whose levels are compared, in each combination of those in `by`, adjusted by
    `adjust`, each with `reference` or all pairs; `confidence` the coverage of intervals.
    """

    contrasts: tuple[str, ...] = ()
    means: tuple[str, ...] = ()
    posthoc: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    adjust: FamilyAdjustment = "holm"
    reference: str | None = None
    confidence: float = 0.95


def anova_table(
    path: Path,
    *,
    dv: str,
    subject: str,
    between: Sequence[str] = (),
    within: Sequence[str] = (),
    covariates: Sequence[str] = (),
    average: bool = False,
) -> TableAnova:
    """Test every term of the design in its own error stratum (type III).

    Args:
        path: TSV (or .csv) with one row per subject and cell.
        dv: column that was measured.
        subject: column that names the subject.
        between: columns of factors between subjects.
        within: columns of factors within subjects.
        covariates: columns of numbers, per subject or per cell.
        average: average several rows of a subject and cell, instead of calling them a fault.

    Raises:
        DataError: the table is at fault.
        DesignError: the design cannot carry the tests.
    """
    separator = "," if path.suffix.lower() == ".csv" else "\t"
    table = read_table(path, text=(subject, *between, *within), separator=separator)
    try:
        if average:
            table = averaged(table, subject=subject, between=between, within=within, values=(dv, *covariates))
        return mixed_anova(table, dv=dv, subject=subject, between=between, within=within, covariates=covariates)
    except CuecircuitError as error:
        error.add_note(f"in {path}")
        raise


def followup_tables(anova: TableAnova, wanted: Followup) -> list[pd.DataFrame]:
    """Tables of contrasts, means and comparisons, those that are wanted, in this order.

    Raises:
        DesignError: factors, levels or a reference that the design does not have.
    """
    y, design, tables = anova.cells, anova.design, []
    if wanted.contrasts:
        contrasts = [strata_contrast(text, design) for text in wanted.contrasts]
        found = compare_contrasts(y, design, contrasts, confidence=wanted.confidence)
        tables.append(_comparison_rows(found).drop(columns=["family", "p_adjusted"]))
    if wanted.means:
        means = strata_means(y, design, wanted.means, confidence=wanted.confidence)
        levels = pd.DataFrame(means.levels, columns=pd.Index(means.factors))
        numbers = {name: getattr(means, name) for name in ("mean", "se", "df", "ci_low", "ci_high")}
        tables.append(levels.assign(**numbers))
    if wanted.posthoc:
        found = compare_strata_means(
            y,
            design,
            wanted.posthoc,
            by=wanted.by,
            reference=wanted.reference,
            adjustment=wanted.adjust,
            confidence=wanted.confidence,
        )
        tables.append(_comparison_rows(found))
    return tables


def _comparison_rows(found: Comparisons) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "contrast": found.names,
            "family": found.families,
            "estimate": found.estimate,
            "se": found.se,
            "df": found.df,
            "t": found.t,
            "p": found.p,
            "p_adjusted": found.p_adjusted,
            "ci_low": found.ci_low,
            "ci_high": found.ci_high,
        }
    )
