"""A long table to a mixed ANOVA: the design is read from its columns, the statistics are those of `stats.strata`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.records.cells import Exclusion, complete_cells, numeric
from cuecircuit.stats.strata import StrataAnova, strata_anova
from cuecircuit.stats.strata_design import MixedDesign
from cuecircuit.stats.strata_result import StratumTest, generalized_eta2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableAnova:
    """`table` has one row per test; `result` is what it was printed from; `cells` the measure, subject × condition.

    Columns of `table`: term df1 df2 F p eps_gg p_gg eps_hf p_hf pes ges stratum. A covariate within subjects has a row
    in each stratum; it counts as observed in the generalized η².
    """

    table: pd.DataFrame
    result: StrataAnova
    design: MixedDesign
    cells: Float[Array, "subject condition"]
    excluded: tuple[Exclusion, ...]


def mixed_anova(
    table: pd.DataFrame,
    *,
    dv: str,
    subject: str = "subject",
    between: Sequence[str] = (),
    within: Sequence[str] = (),
    covariates: Sequence[str] = (),
) -> TableAnova:
    """Test every term of the design that the columns of a long table make.

    Args:
        table: one row per subject and cell; subjects who lack a cell are left out and named in the result.
        dv: column of the measure.
        subject: column of the subject.
        between: columns of factors between subjects.
        within: columns of factors within subjects.
        covariates: columns of numbers, per subject or per cell.

    Raises:
        DataError: the table is at fault (see `records.cells`).
        DesignError: the design cannot carry the tests (see `stats.strata_design`).
    """
    cells = complete_cells(
        table, subject=subject, between=between, within=within, covariates=covariates, measured=(dv,)
    )
    values = numeric(table, dv)[cells.rows]
    result = strata_anova(values[:, :, None], cells.design)
    return TableAnova(
        table=strata_rows(result.terms, covariates),
        result=result,
        design=cells.design,
        cells=values,
        excluded=cells.excluded,
    )


def strata_rows(tests: Sequence[StratumTest], covariates: Sequence[str]) -> pd.DataFrame:
    """One response's tests in their strata, a row each but for the grand mean."""
    rows = [_row(test, tests, covariates) for test in tests if test.name != "(Intercept)"]
    return pd.DataFrame(rows)


def _row(test: StratumTest, tests: Sequence[StratumTest], covariates: Sequence[str]) -> dict[str, object]:
    return {
        "term": test.name,
        "df1": test.df1,
        "df2": test.df2,
        "F": test.f[0],
        "p": test.p[0],
        "eps_gg": _only(test.eps_gg),
        "p_gg": np.exp(_only(test.log_p_gg)),
        "eps_hf": _only(test.eps_hf),
        "p_hf": np.exp(_only(test.log_p_hf)),
        "pes": test.partial_eta2[0],
        "ges": generalized_eta2(tests, test, observed=covariates)[0],
        "stratum": test.stratum,
    }


def _only(values: Float[Array, "1"] | None) -> float:
    return np.nan if values is None else float(values[0])
