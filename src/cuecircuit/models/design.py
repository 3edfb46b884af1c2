"""A model bound to a table: which rows enter in which order, what each column is, and the family that fits them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Int
from cuecircuit.errors import DataError, DesignError
from cuecircuit.models.family import Family
from cuecircuit.models.formula import BETWEEN_BLOCK, MIXED_BLOCK, BetweenFitter, FormulaFamily, MixedFitter
from cuecircuit.models.model import Model
from cuecircuit.models.roles import Columns, levels_of, read_columns, same_level_faults
from cuecircuit.models.strata import BLOCK, StrataFamily
from cuecircuit.records.cells import cell_labels, complete_cells, row_numbers
from cuecircuit.stats.between_model import between_subject_model, parse_between
from cuecircuit.stats.contrasts import fixed_contrast, strata_contrast
from cuecircuit.stats.mixed_formula import parse_formula
from cuecircuit.stats.mixed_model import MixedModel, mixed_model
from cuecircuit.stats.strata_design import strata_model

_SUBJECTS = ("participant_id", "subject")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """What is fitted to whom.

    `rows` are the positions in the table of the rows that enter, in the order of the responses; `left_out` names who
    does not and why; `roles` says of each column whether it is a number or a factor, with its levels; `levels` has
    those of factors in order. `notes` are lines worth reading: cells that nobody has, and what is not tested for that.
    """

    model: Model
    family: Family
    rows: Int[Array, "row"]
    left_out: tuple[str, ...]
    roles: Mapping[str, str]
    levels: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()


def design(table: pd.DataFrame, model: Model, *, measured: Sequence[str] = ()) -> Design:
    """Bind a model to a table.

    Args:
        table: keys, factors and covariates, one row per value of the response.
        model: what is fitted.
        measured: columns of numbers that hold the response; a row without a value is left out.

    Raises:
        DataError: the table is at fault.
        DesignError: the columns do not carry the model.
    """
    twice = table.columns[table.columns.duplicated()].unique()
    faults = [f"column '{name}' is there twice; rename one or leave it out" for name in twice]
    if faults or not len(table):
        raise DataError(faults or "the table has no row; expected one for each observation")
    if model.formula is None:
        return _strata_design(table, model, measured)
    return _formula_design(table, model, measured)


def _strata_design(table: pd.DataFrame, model: Model, measured: Sequence[str]) -> Design:
    _check_measured(measured, (model.subject, *model.between, *model.within, *model.covariates))
    factors = [name for name in (*model.between, *model.within) if name in table]
    order = {name: model.factors.get(name) or levels_of(table[name], cell_labels(table, name, ())) for name in factors}
    cells = complete_cells(
        table,
        subject=model.subject,
        between=model.between,
        within=model.within,
        covariates=model.covariates,
        crossed=model.crossed,
        measured=measured,
        levels=order,
    )
    named = {**cells.design.between, **cells.design.within}
    faults = [fault for name, labels in named.items() for fault in same_level_faults(name, np.array(labels, object))]
    DataError.raise_any(faults)
    contrasts = [strata_contrast(text, cells.design) for text in model.contrasts]
    bound = strata_model(cells.design, contrasts=contrasts)
    levels = {name: tuple(level for level in order[name] if level in set(used)) for name, used in named.items()}
    return Design(
        model=model,
        family=StrataFamily(
            model=bound,
            covariate=model.covariate,
            block=model.block or BLOCK,
        ),
        rows=cells.rows.ravel(),
        left_out=tuple(str(line) for line in cells.excluded),
        roles={
            **{name: f"factor {', '.join(used)}" for name, used in levels.items()},
            **dict.fromkeys(model.covariates, "number"),
        },
        levels=levels,
        notes=tuple(filter(None, [bound.note])),
    )


def _formula_design(table: pd.DataFrame, model: Model, measured: Sequence[str]) -> Design:
    assert model.formula is not None
    mixed = model.fitted_by == "reml"
    parsed = parse_formula(model.formula) if mixed else parse_between(model.formula)
    _check_measured(measured, parsed.columns)
    columns = read_columns(
        table,
        [variable.column for variable in parsed.variables],
        groupings=[name for bar in parsed.random for name in bar.grouping] if mixed else (),
        centered=[variable.column for variable in parsed.variables if variable.centered],
        crossed=[variable.column for term in parsed.fixed if len(term) > 1 for variable in term],
        subject=model.subject,
        factors=model.factors,
        numbers=model.numbers,
    )
    response = np.ones(len(table), bool)
    for name in measured:
        response &= pd.to_numeric(table[name], errors="coerce").notna().to_numpy()
    rows = np.flatnonzero(columns.complete & response)
    if not rows.size:
        raise DataError(f"no row has a value in every column of '{model.formula}'; for example {columns.left_out[0]}")
    if model.subject and not mixed:
        _check_one_row_each(table[model.subject].iloc[rows], model.subject)
    lacking = [f"row {row}: left out, no {' or '.join(measured)}" for row in row_numbers(table.index)[~response]]
    family, rows = _mixed(model, columns, rows) if mixed else (_between(model, columns, rows), rows)
    return Design(
        model=model,
        family=family,
        rows=rows,
        left_out=(*columns.left_out, *lacking),
        roles=columns.roles,
        levels=columns.levels,
        notes=tuple(filter(None, [family.fitter.design.note, _level_note(model, *family.fitter.design.x.shape)])),
    )


def zero_notes(design: Design) -> Iterator[str]:
    """Yield which tests of a formula are those at 0 of a number that is not centered and in an interaction."""
    if design.model.formula is None:
        return
    parse = parse_formula if design.model.fitted_by == "reml" else parse_between
    terms = parse(design.model.formula).fixed
    for name in {one.column: None for term in terms for one in term if not one.centered}:
        with_name = [[one.column for one in term] for term in terms if any(one.column == name for one in term)]
        if name not in design.levels and len(with_name) > 1:
            effects = [":".join(one for one in columns if one != name) or "the mean" for columns in with_name]
            yield f"{name} is not centered: tests of {', '.join(effects)} are those at {name} 0; write center({name})"


def _level_note(model: Model, n: int, p: int) -> str:
    """Return where bisquare rejects more often than its p says, as it does up to some 8 + 8 subjects."""
    if model.fitted_by != "bisquare" or (n >= 6 * p and n - p >= 14):
        return ""
    return (
        f"bisquare: {n} subjects for {p} columns are few, and p is too small: in null studies with 3 + 3 subjects .09 "
        "were below .05 and .012 below .001, with 6 + 6 .003 below .001; take huber, which keeps both"
    )


def _check_measured(measured: Sequence[str], columns: Sequence[str]) -> None:
    """Refuse a model that explains a response by itself."""
    both = [name for name in measured if name in columns]
    if both:
        raise DesignError(
            f"column '{name}' is the response and part of the model; leave it out of one" for name in both
        )


def _mixed(model: Model, columns: Columns, rows: Int[Array, "row"]) -> tuple[FormulaFamily, Int[Array, "row"]]:
    # faults are named by the rows of the user's table
    rows = rows[_in_order(_coded_mixed(model, columns, rows), columns, rows)]
    coded = _coded_mixed(model, columns, rows)
    contrasts = tuple(fixed_contrast(text, coded.design) for text in model.contrasts)
    fitter = MixedFitter(model=coded, contrasts=contrasts, df=model.df, block=model.block or MIXED_BLOCK)
    return FormulaFamily(fitter=fitter), rows


def _coded_mixed(model: Model, columns: Columns, rows: Int[Array, "row"]) -> MixedModel:
    assert model.formula is not None
    return mixed_model(model.formula, _values(columns, rows), factors=_factors(model, columns))


def _between(model: Model, columns: Columns, rows: Int[Array, "row"]) -> FormulaFamily:
    assert model.formula is not None
    coded = between_subject_model(
        model.formula, _values(columns, rows), factors=_factors(model, columns), contrasts=model.contrasts
    )
    method = model.fitted_by
    if method in ("strata", "reml"):
        raise DesignError(f"method '{method}': expected a method for one row per subject")
    fitter = BetweenFitter(
        model=coded,
        method=method,
        criterion=model.criterion,
        test=model.variance_test,
        block=model.block or BETWEEN_BLOCK,
    )
    return FormulaFamily(fitter=fitter)


def _factors(model: Model, columns: Columns) -> dict[str, Sequence[str]]:
    return {**model.factors, **columns.levels}


def _values(columns: Columns, rows: Int[Array, "row"]) -> dict[str, Array]:
    return {name: values[rows] for name, values in columns.values.items()} or {"row": np.arange(len(rows))}


def _in_order(coded: MixedModel, columns: Columns, rows: Int[Array, "row"]) -> Int[Array, "row"]:
    """Return rows by their levels and then by what is in them, so that their order in the table does not matter."""
    fixed = {variable.column for term in coded.design.formula.fixed for variable in term}
    codes = {name: item.codes for name, item in coded.design.factors.items() if name in fixed}
    rest = {name: values[rows] for name, values in columns.values.items() if name not in codes}
    keys = pd.DataFrame({**codes, **rest})
    return np.asarray(keys.sort_values(list(keys)).index)


def check_subjects(table: pd.DataFrame, model: Model) -> None:
    """Refuse several rows of a subject where rows count as independent and nothing is said of the subject.

    Raises:
        DataError: a column with a name of BIDS has a subject more than once.
    """
    unit = next((name for name in _SUBJECTS if name in table), None)
    if unit and not model.subject and model.fitted_by not in ("reml", "strata"):
        _check_one_row_each(table[unit], unit)


def _check_one_row_each(subjects: pd.Series, column: str) -> None:
    names, counts = np.unique(subjects.dropna().astype(str).str.strip().to_numpy(str), return_counts=True)
    if np.any(counts > 1):
        repeated = names[counts > 1]
        more = f" and {len(repeated) - 1} more have" if len(repeated) > 1 else " has"
        raise DataError(
            f"{column} {repeated[0]}{more} several rows, expected one each; average them, or use a formula with "
            f"(1 | {column})"
        )
