"""`cuecircuit anova`: a long table in, one row per tested term out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import CuecircuitError
from cuecircuit.group.table import averaged, complete_cells, numeric
from cuecircuit.io.tables import read_table
from cuecircuit.stats.strata import StrataAnova, TermTest, strata_anova


def anova_table(
    path: Path,
    *,
    dv: str,
    subject: str,
    between: Sequence[str] = (),
    within: Sequence[str] = (),
    covariates: Sequence[str] = (),
    average: bool = False,
) -> pd.DataFrame:
    """Test every term of the design in its own error stratum (type III).

    Args:
        path: TSV (or .csv) with one row per subject and cell.
        dv: column that was measured.
        subject: column that names the subject.
        between: columns of factors between subjects.
        within: columns of factors within subjects.
        covariates: columns of numbers, per subject or per cell.
        average: average several rows of a subject and cell, instead of calling them a fault.

    Returns:
        One row per term: term df1 df2 F p eps_gg p_gg eps_hf p_hf pes ges stratum; NaN where a column does not apply.
        `attrs["excluded"]` has one line for each subject left out, `attrs["mauchly"]` W and p of each stratum.

    Raises:
        DataError: the table is at fault.
        DesignError: the design cannot carry the tests.
    """
    try:
        table = read_table(
            path, text=(subject, *between, *within), separator="," if path.suffix.lower() == ".csv" else "\t"
        )
        if average:
            table = averaged(table, subject=subject, between=between, within=within, values=(dv, *covariates))
        cells = complete_cells(
            table, subject=subject, between=between, within=within, covariates=covariates, measured=(dv,)
        )
        tests = strata_anova(numeric(table, dv)[cells.rows][:, :, None], cells.design)
    except CuecircuitError as error:
        error.add_note(f"in {path}")
        raise
    rows = pd.DataFrame([_row(test, tests) for test in tests.terms])
    rows.attrs["excluded"] = [str(each) for each in cells.excluded]
    rows.attrs["mauchly"] = {
        name: (float(sphere.mauchly_w[0]), float(sphere.mauchly_p[0])) for name, sphere in tests.spheres.items()
    }
    return rows


def _row(test: TermTest, anova: StrataAnova) -> dict[str, object]:
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
        "ges": anova.generalized_eta2(test)[0],
        "stratum": test.stratum,
    }


def _only(values: Float[Array, "1"] | None) -> float:
    return np.nan if values is None else float(values[0])
