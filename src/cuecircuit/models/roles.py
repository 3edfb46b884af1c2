"""What the columns of a table are to a formula: numbers or labels, told by what is in them and what is declared.

A column is a number where every value is one. Text in a column of numbers is a slip (a "." or "22,0" would make age a
factor of twenty levels), so it is refused with its row; an empty cell, n/a or NA leaves its row out. Labels that differ
in case or spaces alone are one level written in two ways. Whole numbers from 0 or 1 upward that do not vary within
subjects look like codes of groups, and are asked about, as is text that reads as numbers throughout. Dates are neither.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool
from cuecircuit.errors import DataError
from cuecircuit.records.cells import lacks_value, row_numbers

# codes of groups: so many in a row (two in an interaction as well), each of so many rows at least
_CODES, _ROWS_OF_A_CODE = range(3, 7), 4
_NAMED = 8
_TIMES = ("datetime", "datetime64", "date", "time", "timedelta", "timedelta64", "period", "interval")  # pandas's words


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Columns as the model takes them, the rows that have a value in all, and who is left out.

    `values` has an array of numbers or of labels for each column, every row of the table; `roles` says which. `levels`
    are those of columns of labels, in order.
    """

    values: Mapping[str, Array]
    complete: Bool[Array, "row"]
    left_out: tuple[str, ...]
    roles: Mapping[str, str]
    levels: Mapping[str, tuple[str, ...]]


def read_columns(
    table: pd.DataFrame,
    names: Sequence[str],
    *,
    groupings: Sequence[str] = (),
    centered: Sequence[str] = (),
    crossed: Sequence[str] = (),
    subject: str = "",
    factors: Mapping[str, Sequence[str]] | None = None,
    numbers: Sequence[str] = (),
) -> Columns:
    """Distinguish numbers from labels in the columns that a formula names.

    Args:
        table: one row per observation.
        names: columns of the fixed and random terms.
        groupings: columns that group rows, which are labels whatever they hold.
        centered: columns less their mean, which are numbers whatever they look like.
        crossed: columns of interactions, in which two codes are not the same as two levels.
        subject: column that names whom a row belongs to.
        factors: columns declared as labels, with their levels if these are given.
        numbers: columns declared as numbers.

    Raises:
        DataError: columns that are not there, text in a column of numbers, labels written in two ways, codes that may
            be labels. All faults are listed.
    """
    factors = {} if factors is None else factors
    needed: list[str] = list(dict.fromkeys((*names, *groupings, *([subject] if subject else []))))
    absent = [name for name in needed if name not in table.columns]
    absent += [name for name in (*factors, *numbers) if name not in table.columns]
    if absent:
        columns = ", ".join(map(str, table.columns))
        raise DataError(f"no column '{name}', expected one of {columns}" for name in dict.fromkeys(absent))
    declared = {*factors, *(name for name in groupings if name not in names), subject}
    faults: list[str] = []
    values: dict[str, Array] = {}
    missing: dict[str, Array] = {}
    for name in needed:
        column = table[name]
        is_number, column_faults = _number_or_label(column, name, name in declared, name in (*numbers, *centered))
        faults += column_faults
        names_of = name == subject or (name in groupings and name not in names)
        missing[name] = lacks_value(column, None if names_of else factors.get(name, ()))
        if is_number:
            values[name] = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
            asked = name not in (*numbers, *centered)
            faults += _code_faults(values[name], name, table, subject, name in crossed) if asked else []
        else:
            values[name] = _labels(column)
            faults += same_level_faults(name, values[name][~missing[name]])
    DataError.raise_any(faults)
    complete = ~np.any([np.zeros(len(table), bool), *missing.values()], axis=0)
    whom = values.get(subject)
    numbered = row_numbers(table.index)
    left_out = tuple(
        f"{whom[row] if whom is not None else f'row {numbered[row]}'}: left out, no "
        + ", ".join(name for name in needed if missing[name][row])
        for row in np.flatnonzero(~complete)
    )
    labels = {name: each[complete] for name, each in values.items() if each.dtype.kind != "f"}
    levels = {name: tuple(factors.get(name) or levels_of(table[name], each)) for name, each in labels.items()}
    roles = {name: _role(labels[name], levels[name]) if name in labels else "number" for name in needed}
    by_column = {str(name): values[name] for name in table.columns if name in values}
    return Columns(values=by_column, complete=complete, left_out=left_out, roles=roles, levels=levels)


def levels_of(column: pd.Series, labels: Iterable[object]) -> tuple[str, ...]:
    """Return the order of levels that nobody has declared; the order of the rows says nothing.

    Args:
        column: as it stands in the table; a categorical one brings its own order.
        labels: of the rows that count.

    Returns:
        The levels, by value where all are numbers, else by letters.
    """
    present = set(map(str, labels))
    if isinstance(column.dtype, pd.CategoricalDtype):
        return tuple(level for level in map(str, column.cat.categories) if level in present)
    try:
        return tuple(sorted(present, key=lambda label: (float(label), label)))
    except ValueError:
        return tuple(sorted(present))


def same_level_faults(name: str, labels: Array) -> list[str]:
    """Name levels that differ in case or spaces alone."""
    spellings: dict[str, dict[str, None]] = {}
    for label in dict.fromkeys(map(str, labels)):
        spellings.setdefault(" ".join(label.split()).casefold(), {})[label] = None
    return [
        f"column '{name}': found the levels {' and '.join(map(repr, alike))}, which differ in case or spaces alone; "
        "write one of them everywhere"
        for alike in spellings.values()
        if len(alike) > 1
    ]


def _number_or_label(column: pd.Series, name: str, is_label: bool, is_number: bool) -> tuple[bool, list[str]]:
    if is_label or (isinstance(column.dtype, pd.CategoricalDtype) and not is_number):
        return False, []
    if pd.api.types.is_bool_dtype(column):
        return is_number, []
    if pd.api.types.is_numeric_dtype(column):
        return True, []
    if (kind := pd.api.types.infer_dtype(column, skipna=True)) in _TIMES:
        return True, [
            f"column '{name}': found a {kind}, expected a number or labels; put a number into the table, such as days "
            "since the first, or name the column among the factors"
        ]
    there = ~lacks_value(column)
    parsed = pd.to_numeric(column.where(there), errors="coerce")
    n_numbers = int(parsed.notna().sum())
    # numbers with a slip among them; fewer than half are labels such as "10" beside "low"
    if not is_number and 2 * n_numbers < int(there.sum()):
        return False, []
    wrong, numbered = np.flatnonzero(there & parsed.isna().to_numpy()), row_numbers(column.index)
    faults = [
        f"row {numbered[row]} (line {numbered[row] + 1}): column '{name}' has '{column.iloc[row]}', expected a number; "
        f"correct it, write n/a to leave the row out, or declare '{name}' as a factor if its values are labels"
        for row in wrong[:_NAMED]
    ]
    if len(wrong) > _NAMED:
        faults.append(f"column '{name}': {len(wrong) - _NAMED} more values are no numbers")
    return True, faults


def _labels(column: pd.Series) -> Array:
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        return column.map(lambda value: "" if pd.isna(value) else str(int(value))).to_numpy(object)
    return column.map(lambda value: "" if pd.isna(value) else str(value).strip()).to_numpy(object)


def _code_faults(values: Array, name: str, table: pd.DataFrame, subject: str, crossed: bool) -> list[str]:
    codes, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    few = crossed and len(codes) == 2
    text = pd.api.types.infer_dtype(table[name], skipna=True) == "string"
    # a column of a file is text only where a cell is no number, such as NA
    if text and (few or len(codes) > 2) and np.isfinite(values).sum() == table[name].notna().sum():
        return [_asked(name, f"is the text '{codes[0]:g}' a label of groups")]
    in_a_row = (few or len(codes) in _CODES) and codes[0] in (0, 1) and np.all(np.diff(codes) == 1)
    if not in_a_row or counts.min() < _ROWS_OF_A_CODE:
        return []
    if not few and subject and (table.groupby(subject)[name].nunique() > 1).any():
        return []
    listed = ", ".join(f"{code:g}" for code in codes)
    why = f" With a slope, the effects it interacts with are tested where {name} is 0." if few else ""
    return [_asked(name, f"are {listed} labels of groups") + why]


def _asked(name: str, what: str) -> str:
    return f"column '{name}': {what} or a number with one slope? Name it among the factors or among the numbers."


def _role(values: Array, levels: Sequence[str]) -> str:
    labels = dict.fromkeys(map(str, values))
    ordered = [level for level in levels if level in labels] or list(labels)
    shown = ordered if len(ordered) <= _NAMED else [*ordered[:3], f"… ({len(ordered)} levels)"]
    return f"factor {', '.join(shown)}"
