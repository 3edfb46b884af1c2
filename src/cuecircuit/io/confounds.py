"""Confounds of preprocessed runs: tables with one row per volume, columns named as fMRIPrep names them."""

from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float64
from cuecircuit.errors import DataError
from cuecircuit.io.tables import read_table


def read_confounds(path: Path) -> dict[str, Float64[Array, "volume"]]:
    """Read all columns of a confounds table; n/a, which fMRIPrep writes where a volume has no value, is NaN.

    Raises:
        DataError: no such file, no row, or a column that holds text.
    """
    table = read_table(path)
    if table.empty:
        raise DataError(f"{path}: no rows; expected one for each volume")
    numbers = {str(name): pd.to_numeric(table[name], errors="coerce") for name in table}
    text = [name for name, column in numbers.items() if (column.isna() & table[name].notna()).any()]
    if text:
        raise DataError(f"{path}: text in columns {', '.join(text)}; a confounds table holds numbers and n/a")
    return {name: column.to_numpy(np.float64) for name, column in numbers.items()}
