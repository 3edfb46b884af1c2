"""Tables `derived.NAME`: numbers and labels made of other tables, each with a row for what is left of their keys."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.behavior.course import course
from cuecircuit.behavior.severity import z_scores
from cuecircuit.errors import DataError
from cuecircuit.io.tables import ColumnNote
from cuecircuit.study.accounting import response_words, split_reference
from cuecircuit.study.questions import Composite, Reduce, Rows, Split, Stack
from cuecircuit.tables.rows import VALUE, Tables
from cuecircuit.tables.table import Table


def derived_table(tables: Tables, name: str) -> Table:
    """Make one derived table.

    Raises:
        DataError: rows or columns that are missing, or too few numbers.
    """
    derived = tables.files.study.derived[name]
    match derived:
        case Reduce():
            return _reduced(tables, name, derived)
        case Composite():
            return _composite(tables, name, derived)
        case Split():
            return _split(tables, name, derived)
        case Stack():
            return _stacked(tables, name, derived)


def _reduced(tables: Tables, name: str, derived: Reduce) -> Table:
    keys = tables.files.books.tables[f"derived.{name}"].keys
    rows = _over(tables, derived, derived, keys)
    if derived.less is not None:
        shared = [key for key in keys if key in _kept(tables, derived.less, derived.over)]
        other = _over(tables, derived.less, derived, shared).rename(columns={VALUE: "less"})
        rows = rows.merge(other, on=shared, how="left", sort=False)
        rows[VALUE] = _relative(rows[VALUE].to_numpy(float), rows["less"].to_numpy(float), derived.relative)
    notes: dict[str, ColumnNote] = {
        **dict.fromkeys(keys, "key"),
        VALUE: {"Description": f"{derived.how} of {derived.of} over {derived.over}", **_unit(tables, derived)},
        "less": f"the same of {derived.less.of if derived.less else ''}, subtracted",
    }
    return Table(name=f"derived.{name}", keys=keys, rows=rows, notes=notes)


def _unit(tables: Tables, derived: Reduce) -> dict[str, str]:
    """Return the unit of a reduced number; of counts it is what is counted, and a ratio has none."""
    if derived.how == "index" or derived.relative != "difference":
        return {}
    table, response = split_reference(derived.of)
    note = tables.made[table].notes.get(response or VALUE)
    named = note.get("Units") if isinstance(note, Mapping) else None
    unit = named or response_words(tables.files.study, derived)
    if not unit:
        return {}
    return {"Units": f"{unit} per {derived.over}" if derived.how == "slope" else unit}


def _kept(tables: Tables, rows: Rows, over: str) -> tuple[str, ...]:
    """Return the keys that rows keep, beside those fixed, averaged or reduced."""
    plan = tables.files.books.tables[split_reference(rows.of)[0]]
    left = tables.files.books.unaccounted(rows, over)
    return tuple(key for key in plan.keys if key == "subject" or key in left)


def _over(tables: Tables, rows: Rows, derived: Reduce, keys: tuple[str, ...] | list[str]) -> pd.DataFrame:
    """Reduce rows over a key: one value for each combination of `keys`."""
    table = split_reference(rows.of)[0]
    over = derived.over
    has_over = over in tables.made[table].keys and not _fixed(rows, over)
    chosen = tables.choose(rows, [*(k for k in keys if k != "subject"), *([over] if has_over else [])]).rows
    levels = tables.levels(table, rows, over) if has_over else ()
    places = {level: place for place, level in enumerate(levels)}
    reduced = []
    for labels, part in chosen.groupby(list(keys), sort=False):
        if not has_over:
            values = part[VALUE].to_numpy(float)
        else:
            place = part[over].astype(str).map(places).to_numpy(int) if levels else np.arange(len(part))
            values = np.full(len(levels) or len(part), np.nan)
            values[place] = part[VALUE].to_numpy(float)
        labels = labels if isinstance(labels, tuple) else (labels,)
        reduced.append((*labels, _one_number(values, derived)))
    return pd.DataFrame(reduced, columns=[*keys, VALUE]).astype({VALUE: float})


def _fixed(rows: Rows, key: str) -> bool:
    return len(rows.where.get(key, ())) == 1


def _one_number(values: Float[Array, "level"], derived: Reduce) -> float:
    there = values[np.isfinite(values)]
    if not there.size or (derived.complete and there.size < values.size):
        return float("nan")
    match derived.how:
        case "mean" | "breakpoint":
            return float(there.mean())
        case "sum":
            return float(there.sum())
        case "first":
            return float(there[0])
        case "last":
            return float(there[-1])
        case "slope" | "index" as how:
            number: Any = getattr(course(values), how)
            return float("nan") if number is None else float(number)


def _relative(x: Float[Array, "row"], y: Float[Array, "row"], how: str) -> Float[Array, "row"]:
    with np.errstate(divide="ignore", invalid="ignore"):
        if how == "share":
            return np.where(x + y > 0, x / (x + y), np.nan)
        if how == "log_ratio":
            return np.where((x > 0) & (y > 0), np.log(x / y), np.nan)
    return x - y


def _composite(tables: Tables, name: str, derived: Composite) -> Table:
    subjects = tables.made["subjects"].rows
    strata = None
    if derived.inside:
        strata = subjects[list(derived.inside)].astype(str).agg(" ".join, axis=1).tolist()
    parts: dict[str, Any] = {}
    for part in derived.sum_of_z:
        values = tables.made[f"derived.{part}"].rows.set_index("subject")[VALUE].reindex(subjects["subject"])
        parts[f"z_{part}"] = z_scores(values.to_numpy(float), strata)
    z = pd.DataFrame(parts)
    total = z.mean(axis=1) if derived.mean else z.sum(axis=1, min_count=1)
    rows = pd.concat([subjects[["subject"]], z], axis=1).assign(**{VALUE: total})
    how = "mean" if derived.mean else "sum"
    notes: Mapping[str, ColumnNote] = {
        "subject": "participant label",
        **{column: f"standardized {column[2:]}" for column in z},
        VALUE: {"Description": f"{how} of the standardized numbers that are there", "Units": f"{how} of z"},
    }
    return Table(name=f"derived.{name}", keys=("subject",), rows=rows, notes=notes)


def _split(tables: Tables, name: str, derived: Split) -> Table:
    subjects = tables.made["subjects"].rows
    if f"derived.{derived.split}" in tables.made:
        split_of = tables.made[f"derived.{derived.split}"].rows.set_index("subject")[VALUE]
        number = subjects["subject"].map(split_of).to_numpy(float)
    elif derived.split in subjects:
        number = pd.to_numeric(subjects[derived.split], errors="coerce").to_numpy(float)
    else:
        raise DataError(f"derived.{name}: nothing has a number '{derived.split}'")
    among = np.ones(len(subjects), bool)
    for factor, levels in derived.among.items():
        among &= subjects[factor].isin(levels).to_numpy()
    labels: list[str | None] = [None] * len(subjects)
    for factor in derived.among:
        labels = [old if old is not None else level for old, level in zip(labels, subjects[factor], strict=True)]
    inside = among & np.isfinite(number)
    if not inside.any():
        raise DataError(f"derived.{name}: nobody has a number '{derived.split}'")
    bounds = _bounds(number[inside], derived.at)
    for place in np.flatnonzero(among):
        part = int(np.searchsorted(bounds, number[place], side="left"))
        labels[place] = derived.labels[part] if inside[place] else None
    rows = subjects[["subject"]].assign(**{VALUE: labels, "number": number})
    notes: Mapping[str, ColumnNote] = {
        "subject": "participant label",
        VALUE: f"part by {derived.split} at {derived.at}",
        "number": derived.split,
    }
    return Table(name=f"derived.{name}", keys=("subject",), rows=rows, notes=notes)


def _bounds(number: Float[Array, "subject"], at: str | float) -> Float[Array, "bound"]:
    if at == "median":
        return np.quantile(number, [0.5])
    if at == "tertiles":
        return np.quantile(number, [1 / 3, 2 / 3])
    return np.array([float(at)])


def _stacked(tables: Tables, name: str, derived: Stack) -> Table:
    source = tables.made[derived.of]
    absent = [column for column in derived.stack.values() if column not in source.rows]
    if absent:
        there = ", ".join(map(str, source.rows))
        raise DataError(f"derived.{name}: table {derived.of} has no column {', '.join(absent)}; it has {there}")
    wide = source.rows[[*source.keys, *derived.stack.values()]]
    parts = [
        wide[list(source.keys)].assign(**{derived.key: level, VALUE: pd.to_numeric(wide[column]).astype(float)})
        for level, column in derived.stack.items()
    ]
    keys = (*source.keys, derived.key)
    notes: Mapping[str, ColumnNote] = {**source.notes, derived.key: "which column", VALUE: "its value"}
    return Table(
        name=f"derived.{name}", keys=keys, rows=pd.concat(parts, ignore_index=True)[[*keys, VALUE]], notes=notes
    )
