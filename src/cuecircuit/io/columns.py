"""Tables with every digit in one file for the program's own use: a NumPy archive (`.npz`) of columns.

Numbers are arrays as they are; text is the list of its different values and, for each row, its place there (−1 where
there is none). Nothing in the file is executed on reading, and the same table gives the same bytes.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.io.atomic import replacing


def write_columns(path: Path, frame: pd.DataFrame) -> None:
    """Write a table of text and numbers.

    Raises:
        DataError: the place cannot be written.
    """
    arrays = {"names": np.array(list(frame.columns), str)}
    for k, name in enumerate(frame.columns):
        if pd.api.types.is_numeric_dtype(frame[name]):
            arrays[f"{k}"] = frame[name].to_numpy()
        else:
            places, labels = pd.factorize(frame[name])
            arrays |= {f"{k}": places.astype(np.int32), f"{k} labels": np.array(labels, str)}
    with replacing(path) as new, new.open("wb") as file:
        np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType]


def read_columns(path: Path) -> pd.DataFrame:
    """Read a table that `write_columns` wrote; text that is missing is None or NaN, as pandas has it."""
    text = pd.Series(["text"]).dtype  # object before pandas 3
    with np.load(path, allow_pickle=False) as arrays:
        columns = {}
        for k, name in enumerate(arrays["names"]):
            values = arrays[f"{k}"]
            if f"{k} labels" in arrays:
                labels = np.array([*arrays[f"{k} labels"].tolist(), None], dtype=object)
                values = pd.Series(labels[values], dtype=object).astype(text)
            columns[str(name)] = values
    return pd.DataFrame(columns)
