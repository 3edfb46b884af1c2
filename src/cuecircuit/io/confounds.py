"""Confounds of preprocessed runs: tables with one row per volume, columns named as fMRIPrep names them.

Before 21.0 fMRIPrep called the components of the combined mask, of white matter and of CSF all `a_comp_cor_*`, and only
the JSON beside the table tells them apart (Mask). They are read by their later names: `a_comp_cor_*` of the combined
mask, `w_comp_cor_*` of white matter, `c_comp_cor_*` of CSF, each numbered from 00.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float64
from cuecircuit.errors import DataError
from cuecircuit.io.tables import read_json, read_table

_RABIES = {
    **{f"mov{number}": f"trans_{axis}" for number, axis in enumerate("xyz", start=1)},
    **{f"rot{number}": f"rot_{axis}" for number, axis in enumerate("xyz", start=1)},
}


def read_confounds(path: Path) -> dict[str, Float64[Array, "volume"]]:
    """Read all columns of a confounds table; n/a, which fMRIPrep writes where a volume has no value, is NaN.

    Components of anatomical masks have the names that fMRIPrep 21.0 and later gives them; motion in the CSV that RABIES
    writes has fMRIPrep's names too (`mov1` is `trans_x`).

    Raises:
        DataError: no such file, no row, or a column that holds text.
    """
    table = read_table(path).rename(columns=_RABIES if path.suffix == ".csv" else {})
    if table.empty:
        raise DataError(f"{path}: no rows; expected one for each volume")
    numbers = {str(name): pd.to_numeric(column, errors="coerce") for name, column in table.items()}
    words = table.select_dtypes(exclude="number")
    text = [str(name) for name, column in words.items() if (numbers[str(name)].isna() & column.notna()).any()]
    if text:
        raise DataError(f"{path}: text in columns {', '.join(text)}; a confounds table holds numbers and n/a")
    sidecar = path.with_suffix(".json")
    names = component_names(numbers, read_json(sidecar) if sidecar.is_file() else {})
    return {names.get(name, name): column.to_numpy(np.float64) for name, column in numbers.items()}


def component_names(columns: Iterable[str], notes: Mapping[str, object]) -> dict[str, str]:
    """Return the later name of each component that the sidecar says is of white matter or CSF.

    Args:
        columns: of the table.
        notes: the JSON beside the table: for each component an object with its Mask.
    """
    numbered = [(int(match[1]), match[0]) for name in columns if (match := re.fullmatch(r"a_comp_cor_(\d+)", name))]
    masks = {name: note.get("Mask") for name, note in notes.items() if isinstance(note, Mapping)}
    names = {}
    for mask, start in (("combined", "a"), ("WM", "w"), ("CSF", "c")):
        of_mask = [name for _, name in sorted(numbered) if masks.get(name) == mask]
        names |= {name: f"{start}_comp_cor_{number:02d}" for number, name in enumerate(of_mask)}
    return names
