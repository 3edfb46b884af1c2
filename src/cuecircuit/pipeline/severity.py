"""`cuecircuit severity`: measures of every animal in, addiction index and severity score out."""

from pathlib import Path

import pandas as pd

from cuecircuit.behavior.severity import INDEX_MEMBERS, SEVERITY_MEMBERS, severity_table
from cuecircuit.errors import DataError, one_of_each_kind
from cuecircuit.io.tables import read_table


def severity_of(table: Path, *, strata: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return the indices of every animal, standardized inside each combination of the strata.

    Args:
        table: TSV with subject, group, and one column per member measured.
        strata: columns such as sex or cohort.

    Raises:
        DataError: a column is missing, or a member is not a number.
        DesignError: no member of an index is there.
    """
    frame = read_table(table, text=("subject", "group", *strata))
    absent = [name for name in ("subject", "group", *strata) if name not in frame]
    members = [name for name in dict.fromkeys((*INDEX_MEMBERS, *SEVERITY_MEMBERS)) if name in frame]
    faults = [f"{table}:1: column {name!r} is missing; found: {', '.join(frame)}" for name in absent]
    for name in members:
        wrong = pd.to_numeric(frame[name], errors="coerce").isna() & frame[name].notna()
        faults += [
            f"{table}:{row + 2}: column {name!r} is {frame[name][row]!r}; expected a number, n/a where there is none"
            for row in wrong.to_numpy().nonzero()[0]
        ]
    DataError.raise_any(one_of_each_kind(faults))
    labels = frame[list(strata)].fillna("n/a").agg(" ".join, axis=1).tolist() if strata else None
    return severity_table(frame, strata=labels)
