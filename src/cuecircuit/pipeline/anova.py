"""`cuecircuit anova`: a long table in, one row per test out."""

from collections.abc import Sequence
from pathlib import Path

from cuecircuit.behavior.anova import TableAnova, mixed_anova
from cuecircuit.errors import CuecircuitError
from cuecircuit.io.tables import read_table
from cuecircuit.records.cells import averaged


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
