"""Rows of a question as a matrix: a row for each unit and modeled key, a column for each level of `each`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.questions import Rows
from cuecircuit.tables.rows import VALUE, Chosen, Tables


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wide:
    """`rows` has the keys and columns of each row, `labels` the levels of `each` of each column; NaN where none is."""

    rows: pd.DataFrame
    values: Float[Array, "row response"]
    labels: pd.DataFrame


def widen(chosen: Chosen, each: Sequence[str], tables: Tables, rows: Rows) -> Wide:
    """Lay chosen rows out by `each`, its levels in their order, the first key slowest.

    Raises:
        DataError: several rows of a subject, which no key tells apart.
    """
    frame = chosen.rows
    if not each:
        kept = frame.drop(columns=VALUE).reset_index(drop=True)
        return Wide(rows=kept, values=frame[[VALUE]].to_numpy(float), labels=pd.DataFrame(index=[0]))
    keys = [key for key in chosen.keys if key not in each]
    others = [name for name in frame if name not in (*chosen.keys, VALUE)]
    labels = _labels(frame, each, tables, rows)
    lines = frame.drop_duplicates(keys)[[*keys, *others]].reset_index(drop=True)
    at_row = pd.Series(np.arange(len(lines)), index=pd.MultiIndex.from_frame(lines[keys]))
    at_column = pd.Series(np.arange(len(labels)), index=pd.MultiIndex.from_frame(labels))
    values = np.full((len(lines), len(labels)), np.nan)
    place = at_row[pd.MultiIndex.from_frame(frame[keys])].to_numpy()
    column = at_column[pd.MultiIndex.from_frame(frame[list(each)])].to_numpy()
    if (twice := pd.MultiIndex.from_arrays([place, column]).duplicated()).any():
        first = frame[twice].iloc[0]
        raise DataError(
            f"{rows.of}: several rows of {first['subject']} for {', '.join(f'{key} {first[key]}' for key in each)}; "
            "name what tells them apart in `within`, `repeats` or as a term of the formula, or average over it"
        )
    values[place, column] = frame[VALUE].to_numpy(float)
    return Wide(rows=lines, values=values, labels=labels)


def _labels(frame: pd.DataFrame, each: Sequence[str], tables: Tables, rows: Rows) -> pd.DataFrame:
    labels = frame[list(each)].drop_duplicates().reset_index(drop=True)
    table = split_reference(rows.of)[0]
    ranks = {}
    for key in each:
        levels = tables.levels(table, rows, key) or tuple(dict.fromkeys(labels[key]))
        ranks[f"_{key}"] = labels[key].map({level: place for place, level in enumerate(levels)})
    order = labels.assign(**ranks).sort_values(list(ranks), kind="stable").index
    return labels.loc[order].reset_index(drop=True)
