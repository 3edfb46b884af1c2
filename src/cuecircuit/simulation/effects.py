"""Effects of the study file resolved on the rows of a table: which rows, and what is added to each.

Numbers add; counts multiply. A tree of `add` is followed by the levels of `by`; a level it does not have is left as it
is. Levels `first` and `last` of a numbered key are those of the rows of one phase and treatment.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.study.questions import Effect

Tables = Mapping[str, pd.DataFrame]
"""Tables of `add`, by the path that the study file names."""


def as_text(values: pd.Series) -> pd.Series:
    """Write the levels of a column as the study file does: whole numbers without a point."""
    return values.map(lambda value: f"{value:g}" if isinstance(value, int | float | np.number) else str(value))


def chosen(rows: pd.DataFrame, where: Mapping[str, Sequence[str]]) -> Bool[Array, "row"]:
    """Return which rows fit every key of `where`."""
    fits = np.ones(len(rows), bool)
    for key, levels in where.items():
        column = as_text(rows[key])
        here = column.isin(list(levels)).to_numpy()
        if pd.api.types.is_numeric_dtype(rows[key]):
            inside = [name for name in ("phase", "treatment") if name in rows]
            groups = rows.groupby(inside, dropna=False)[key] if inside else None
            for name, how in (("first", "min"), ("last", "max")):
                if name in levels:
                    edge = groups.transform(how) if groups is not None else getattr(rows[key], how)()
                    here = here | (rows[key] == edge).to_numpy()
        fits &= here
    return fits


def planted(rows: pd.DataFrame, effect: Effect, tables: Tables, *, counts: bool) -> Float[Array, "row"]:
    """Return what an effect adds to each row, or multiplies it by; 0 or 1 where it changes nothing."""
    neutral = 1.0 if counts else 0.0
    size = _sizes(rows, effect, tables, neutral)
    return np.where(chosen(rows, effect.where), size, neutral)


def _sizes(rows: pd.DataFrame, effect: Effect, tables: Tables, neutral: float) -> Float[Array, "row"]:
    match effect.add:
        case str():
            return _of_table(rows, tables[effect.add], neutral)
        case dict():
            keys = [as_text(rows[key]).tolist() for key in effect.by]
            paths = zip(*keys, strict=True)
            return np.array([_leaf(effect.add, path, neutral) for path in paths], float)
        case number:
            return np.full(len(rows), float(number))


def _leaf(tree: Any, path: Sequence[str], neutral: float) -> float:
    for level in path:
        if not isinstance(tree, Mapping):
            break
        tree = {str(key): value for key, value in tree.items()}.get(level, neutral)
    return float(tree)


def _of_table(rows: pd.DataFrame, table: pd.DataFrame, neutral: float) -> Float[Array, "row"]:
    keys = [name for name in table if name != "add"]
    text = rows[keys].apply(as_text) if keys else rows[[]]
    joined = text.merge(table.assign(**{key: as_text(table[key]) for key in keys}), on=keys, how="left")
    return joined["add"].fillna(neutral).to_numpy(float)


def leaves(tree: Any, depth: int = 0) -> list[tuple[int, Any]]:
    """Return the leaves of a tree of `add` with their depth."""
    if not isinstance(tree, Mapping):
        return [(depth, tree)]
    return [leaf for branch in tree.values() for leaf in leaves(branch, depth + 1)]
