"""A long table (one row per subject and cell) to subjects × conditions; whoever lacks a cell is named and left out.

Levels stand in order of first appearance, subjects by group and name: in which order the table has them does not
matter. Conditions are all combinations of the levels within subjects, the last factor changing fastest. Line numbers in
messages count the header as line 1.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.errors import DataError
from cuecircuit.stats.coding import conditions, factor
from cuecircuit.stats.strata_design import MixedDesign

# words for no value that spreadsheets and R write where BIDS has n/a
_NO_VALUE = ("", "n/a", "NA", "N/A", "NaN", "nan")
# as many places a message lists before it counts
_NAMED = 8
_MOST_NAMES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A subject left out, and why."""

    subject: str
    reason: str

    def __str__(self) -> str:
        """Return one line for the user."""
        return f"{self.subject}: left out, {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellTable:
    """The design of the subjects that are complete, and the row of the table (from 0) that holds each cell."""

    design: MixedDesign
    rows: Int[Array, "subject condition"]
    excluded: tuple[Exclusion, ...]


def complete_cells(
    table: pd.DataFrame,
    *,
    subject: str,
    between: Sequence[str] = (),
    within: Sequence[str] = (),
    covariates: Sequence[str] = (),
    measured: Sequence[str] = (),
    crossed: Sequence[str] = (),
    levels: Mapping[str, Sequence[str]] | None = None,
) -> CellTable:
    """Lay a long table out as subjects × conditions.

    Args:
        table: one row per subject and cell.
        subject: column that names the subject.
        between: columns of factors between subjects.
        within: columns of factors within subjects.
        covariates: columns of numbers, per subject or per cell.
        measured: further columns of numbers that must be there for a cell to count.
        crossed: covariates between subjects whose slope may differ between conditions.
        levels: order of the levels of some factors; the others keep that of first appearance.

    Raises:
        DataError: columns that are not there, labels missing, text where numbers belong, a subject in two groups,
            several rows for one cell, or no subject with every cell. All faults of a kind are listed.
    """
    _check_columns(table, [subject, *between, *within, *covariates, *measured])
    factors = {name: cell_labels(table, name, (levels or {}).get(name, ())) for name in (*between, *within)}
    labels = {subject: cell_labels(table, subject), **factors}
    numbers = {name: numeric(table, name) for name in (*covariates, *measured)}
    _check_groups(labels[subject], {name: labels[name] for name in between})
    ordered = {
        name: factor(name, labels[name], present).levels
        for name, present in (levels or {}).items()
        if name in (*between, *within)
    }
    conditioned = {name: ordered.get(name) or tuple(dict.fromkeys(labels[name])) for name in within}
    cells = conditions(conditioned)
    ids = tuple(dict.fromkeys(labels[subject]))
    at = _rows(labels, subject, within, ids, cells)
    excluded = _exclusions(ids, cells, at, numbers)
    out = {each.subject for each in excluded}
    kept = [place for place, name in enumerate(ids) if name not in out]
    there = {name: {labels[name][row] for row in at[kept].ravel()} for name in between}
    if not kept:
        raise DataError(
            f"no subject has every cell ({len(cells)} cells of {' × '.join(within) or 'one measurement'}); "
            f"for example {excluded[0]}; a mixed model, a formula with (1 | {subject}), takes the cells that there are"
        )
    excluded += _gone(labels, there, subject)
    kept = _in_order(kept, ids, {name: labels[name] for name in between}, ordered, at)
    rows = at[kept]
    design = MixedDesign(
        subjects=[ids[place] for place in kept],
        between={name: [labels[name][row] for row in rows[:, 0]] for name in between},
        within=conditioned,
        covariates={name: numbers[name][rows] for name in covariates},
        crossed=crossed,
        unit=subject,
    )
    return CellTable(design=design, rows=rows, excluded=excluded)


def _gone(labels: Mapping[str, Sequence[str]], there: Mapping[str, set[str]], subject: str) -> tuple[Exclusion, ...]:
    """Name the levels between subjects of which nobody is complete; refuse a factor that is left with one."""
    gone = {
        name: [level for level in dict.fromkeys(labels[name]) if level not in present]
        for name, present in there.items()
    }
    faults = [
        f"factor '{name}': no subject of {' or '.join(levels)} has every cell, and one level is left; leave the factor "
        f"or the cell out, or use a mixed model, a formula with (1 | {subject}), which takes the cells that there are"
        for name, levels in gone.items()
        if levels and len(there[name]) < 2
    ]
    DataError.raise_any(faults)
    return tuple(
        Exclusion(subject=f"{name} {level}", reason="none of its subjects has every cell")
        for name, levels in gone.items()
        for level in levels
    )


def _in_order(
    kept: Sequence[int],
    ids: Sequence[str],
    between: Mapping[str, Sequence[str]],
    levels: Mapping[str, Sequence[str]],
    at: Int[Array, "subject condition"],
) -> list[int]:
    groups = [{place: labels[at[place, 0]] for place in kept} for labels in between.values()]
    codes = [
        {label: code for code, label in enumerate(levels.get(name) or dict.fromkeys(group_labels.values()))}
        for name, group_labels in zip(between, groups, strict=True)
    ]

    def key(place: int) -> tuple[object, ...]:
        return (*(code[labels[place]] for labels, code in zip(groups, codes, strict=True)), ids[place])

    return sorted(kept, key=key)


def averaged(
    table: pd.DataFrame,
    *,
    subject: str,
    between: Sequence[str],
    within: Sequence[str],
    values: Sequence[str],
    levels: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Average the rows of each subject and cell; values that are missing do not count. `levels` are declared ones.

    Raises:
        DataError: as `complete_cells`, for columns, labels and numbers.
    """
    _check_columns(table, [subject, *between, *within, *values])
    keys = [subject, *between, *within]
    declared = {subject: None, **{name: (levels or {}).get(name, ()) for name in keys[1:]}}
    labels = pd.DataFrame({name: cell_labels(table, name, declared[name]) for name in keys})
    numbers = pd.DataFrame({name: numeric(table, name) for name in values})
    means = pd.concat([labels, numbers], axis=1).groupby(keys, sort=False)[list(values)].mean()
    return pd.DataFrame(means).reset_index()


def numeric(table: pd.DataFrame, name: str) -> Float[Array, "row"]:
    """Return the numbers of a column, 1 and 0 of true and false; NaN where there is no value.

    Raises:
        DataError: text that is neither a finite number nor a word for no value, with its lines.
    """
    column = _column(table, name)
    if pd.api.types.is_bool_dtype(column):
        column = column.astype("Float64")  # as in R, 1 where true
    text = column.map(lambda value: "" if pd.isna(value) else str(value).strip())
    numbers = np.asarray(pd.to_numeric(text, errors="coerce"), np.float64)
    wrong = np.flatnonzero(~np.isfinite(numbers) & ~lacks_value(text))
    if wrong.size:
        lines = row_numbers(table.index) + 1
        raise DataError(
            f"line {lines[row]}: column '{name}' has '{text.iloc[row]}', expected a number or n/a" for row in wrong[:10]
        )
    return numbers


def lacks_value(column: pd.Series, levels: Collection[str] | None = ()) -> Bool[Array, "row"]:
    """Return where a column has no value, or a word for none.

    Args:
        column: of numbers, labels or names.
        levels: declared labels, of which one may be such a word (NA, noradrenaline); None: names, of which any may be.
    """
    none = {*_NO_VALUE[: 2 if levels is None else None]} - {*(levels or ())}
    words = column.astype("object").map(lambda value: isinstance(value, str) and value.strip() in none)
    return np.asarray(column.isna() | words.astype(bool), bool)


def row_numbers(index: pd.Index) -> Int[Array, "row"]:
    """Number rows from 1 as in the file they come from: an index of whole numbers has gaps where rows were left out."""
    return (index.to_numpy(int) if pd.api.types.is_integer_dtype(index) else np.arange(len(index))) + 1


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    column = table[name]
    if not isinstance(column, pd.Series):
        raise DataError(f"column '{name}' stands more than once in the table; rename one")
    return column


def absent_column(name: str, columns: Iterable[object]) -> str:
    """Describe that a table has no such column, and which it has."""
    names = list(map(str, columns))
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"column '{name}' is not in the table; it has {', '.join(names[:_MOST_NAMES])}{more}"


def _check_columns(table: pd.DataFrame, wanted: Sequence[str]) -> None:
    faults = [absent_column(name, table.columns) for name in dict.fromkeys(wanted) if name not in table.columns]
    faults += [f"column '{name}' is given two roles" for name in dict.fromkeys(wanted) if wanted.count(name) > 1]
    if faults or table.empty:
        raise DataError(faults or "the table has no row; expected one for each observation")


def cell_labels(table: pd.DataFrame, name: str, levels: Collection[str] | None = None) -> list[str]:
    """Return the labels of a column as text, whole numbers without a point.

    Args:
        table: rows.
        name: of the column.
        levels: of a factor, as declared, or none; None for names, as `lacks_value`.

    Raises:
        DataError: rows without a label, with their lines.
    """
    column = _column(table, name)
    missing = np.flatnonzero(lacks_value(column, levels))
    if missing.size:
        lines = ", ".join(str(row + 1) for row in row_numbers(table.index)[missing[:10]])
        raise DataError(f"column '{name}' has no label in {missing.size} rows (line {lines}); name the level")
    if pd.api.types.is_float_dtype(column) and (column % 1 == 0).all():
        column = column.astype(int)
    return [str(value).strip() for value in column]


def _check_groups(ids: Sequence[str], between: dict[str, list[str]]) -> None:
    faults = []
    for name, labels in between.items():
        seen: dict[str, dict[str, None]] = {}
        for subject, label in zip(ids, labels, strict=True):
            seen.setdefault(subject, {})[label] = None
        faults += [
            f"{subject}: is in {' and '.join(groups)} of '{name}', expected one; is it a factor within subjects?"
            for subject, groups in seen.items()
            if len(groups) > 1
        ]
    DataError.raise_any(faults)


def _rows(
    labels: dict[str, list[str]],
    subject: str,
    within: Sequence[str],
    ids: tuple[str, ...],
    cells: tuple[tuple[str, ...], ...],
) -> Int[Array, "subject condition"]:
    """Row of each subject's cell; -1 where there is none."""
    places = {name: place for place, name in enumerate(ids)}
    columns = {cell: place for place, cell in enumerate(cells)}
    at = np.full((len(ids), len(cells)), -1)
    repeated: dict[str, int] = {}
    found_cells = zip(*(labels[name] for name in within), strict=True) if within else [()] * len(labels[subject])
    for row, (name, cell) in enumerate(zip(labels[subject], found_cells, strict=True)):
        place = places[name], columns[cell]
        if at[place] >= 0:
            where = " ".join((name, *cell))
            repeated[where] = repeated.get(where, 1) + 1
        at[place] = row
    if repeated:
        named = [f"{where} ({times} rows)" for where, times in repeated.items()]
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        raise DataError(
            f"found several rows in {', '.join(named[:_NAMED])}{more}, expected one per subject and cell; ask for "
            "their average or name the factor that tells them apart"
        )
    return at


def _exclusions(
    ids: tuple[str, ...],
    cells: tuple[tuple[str, ...], ...],
    at: Int[Array, "subject condition"],
    numbers: dict[str, Float[Array, "row"]],
) -> tuple[Exclusion, ...]:
    excluded = []
    for name, rows in zip(ids, at, strict=True):
        reasons = [f"no row for {' '.join(cell)}" for cell, row in zip(cells, rows, strict=True) if row < 0]
        reasons += [
            " ".join((f"no {column}", *(("in", *cell) if cell else ())))
            for column, values in numbers.items()
            for cell, row in zip(cells, rows, strict=True)
            if row >= 0 and not np.isfinite(values[row])
        ]
        if reasons:
            excluded.append(Exclusion(subject=name, reason=", ".join(reasons)))
    return tuple(excluded)
