"""A long table to a mixed ANOVA: the design is read from its columns, the statistics are those of `stats.strata`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.coding import conditions
from cuecircuit.stats.strata import StrataAnova, TermTest, strata_anova
from cuecircuit.stats.strata_design import MixedDesign


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableAnova:
    """`table` has one row per term; `result` is what it was printed from; `cells` is subject × condition."""

    table: pd.DataFrame
    result: StrataAnova
    cells: Float[Array, "subject condition"]
    subjects: tuple[str, ...]


def mixed_anova(
    table: pd.DataFrame,
    *,
    dv: str,
    subject: str = "subject",
    between: Sequence[str] = (),
    within: Sequence[str] = (),
    covariates: Sequence[str] = (),
) -> TableAnova:
    """Test every term of the design that the columns of a long table make.

    Args:
        table: one row per subject and cell.
        dv: column of the measure.
        subject: column of the subject.
        between: columns of factors that are constant within a subject.
        within: columns of factors that every subject has all levels of.
        covariates: columns of numbers, constant within a subject or not.

    Returns:
        a table with the columns term df1 df2 F p eps_gg p_gg eps_hf p_hf pes ges (ges: covariates count as observed).

    Raises:
        DesignError: a missing column, value or cell, a cell that stands twice, a between factor that varies within a
            subject, or a fault of `strata_model`.
    """
    columns = _columns(table, [dv, subject, *between, *within, *covariates], numbers=[dv, *covariates])
    subjects = tuple(dict.fromkeys(columns[subject]))
    levels = {name: tuple(dict.fromkeys(columns[name])) for name in within}
    at = _rows_of_cells(columns, subject=subject, levels=levels)
    values = {name: np.array(columns[name], dtype=np.float64)[at] for name in (dv, *covariates)}
    design = MixedDesign(
        subjects=subjects,
        between={name: _level_of_each(columns, name, subject=subject) for name in between},
        within=levels,
        covariates={name: _without_repeats(values[name]) for name in covariates},
    )
    result = strata_anova(values[dv][:, :, None], design)
    tests = [term for term in result.terms if term.name != "(Intercept)"]
    names = [term.name for term in tests]
    rows = [_row(term, result, covariates, unique=names.count(term.name) == 1) for term in tests]
    return TableAnova(table=pd.DataFrame(rows), result=result, cells=values[dv], subjects=subjects)


def _row(term: TermTest, result: StrataAnova, covariates: Sequence[str], *, unique: bool) -> dict[str, object]:
    return {
        "term": term.name if unique else f"{term.name} [{term.stratum}]",
        "df1": term.df1,
        "df2": term.df2,
        "F": float(term.f[0]),
        "p": float(term.p[0]),
        "eps_gg": _first(term.eps_gg),
        "p_gg": _first(None if term.log_p_gg is None else np.exp(term.log_p_gg)),
        "eps_hf": _first(term.eps_hf),
        "p_hf": _first(None if term.log_p_hf is None else np.exp(term.log_p_hf)),
        "pes": float(term.partial_eta2[0]),
        "ges": float(result.generalized_eta2(term, observed=tuple(covariates))[0]),
    }


def _first(values: Float[Array, "response"] | None) -> float:
    return np.nan if values is None else float(values[0])


def _columns(table: pd.DataFrame, names: Sequence[str], *, numbers: Sequence[str]) -> dict[str, list[str]]:
    """The columns as text; refuse what is missing, empty, or no number where one is needed."""
    faults = [
        f"column {name!r} is not in the table; it has {', '.join(map(str, table.columns))}"
        for name in names
        if name not in table.columns
    ]
    if table.empty:
        faults.append("the table has no rows")
    if faults:
        raise DesignError(faults)
    for name in names:
        empty = int(np.sum(pd.isna(table[name].to_numpy())))
        if empty:
            faults.append(f"column {name!r}: {empty} of {len(table)} rows have no value; complete or leave them out")
        elif name in numbers and not pd.api.types.is_numeric_dtype(table[name].dtype):
            faults.append(f"column {name!r} holds text ({table[name].iloc[0]!r}); expected numbers")
    if faults:
        raise DesignError(faults)
    # text of a float64 is exact: it is read back as the same number
    return {name: [str(value) for value in table[name].tolist()] for name in names}


def _rows_of_cells(
    columns: Mapping[str, Sequence[str]], *, subject: str, levels: Mapping[str, tuple[str, ...]]
) -> Int[Array, "subject condition"]:
    """The row of the table that holds each subject's cell."""
    rows: dict[tuple[str, ...], list[int]] = {}
    for k, key in enumerate(zip(*(columns[name] for name in (subject, *levels)), strict=True)):
        rows.setdefault(key, []).append(k)
    subjects, cells = dict.fromkeys(columns[subject]), conditions(levels)
    faults: list[str] = []
    for who in subjects:
        for cell in cells:
            found = len(rows.get((who, *cell), []))
            if found != 1:
                where = " ".join(f"{name}={level}" for name, level in zip(levels, cell, strict=True))
                faults.append(
                    f"subject {who}: {found} rows{' for ' + where if where else ''}, expected 1; "
                    "average repetitions, and leave out subjects with a missing cell"
                )
    if faults:
        raise DesignError(faults)
    return np.array([[rows[(who, *cell)][0] for cell in cells] for who in subjects])


def _level_of_each(columns: Mapping[str, Sequence[str]], name: str, *, subject: str) -> tuple[str, ...]:
    """The level of a between factor for each subject."""
    levels: dict[str, list[str]] = {}
    for who, level in dict.fromkeys(zip(columns[subject], columns[name], strict=True)):
        levels.setdefault(who, []).append(level)
    faults = [
        f"subject {who}: {name} is {' and '.join(found)}; a factor between subjects has one level for each"
        for who, found in levels.items()
        if len(found) > 1
    ]
    if faults:
        raise DesignError(faults)
    return tuple(found[0] for found in levels.values())


def _without_repeats(values: Float[Array, "subject condition"]) -> Float[Array, "subject *condition"]:
    """A covariate that is constant within every subject, once per subject."""
    return values[:, 0] if bool((values == values[:, :1]).all()) else values
