"""Fixed terms of a formula as coded columns, and what can be tested of them where no row has some cell.

Factors are coded sum to zero, by indicators where the term without them is not in the model (R's rule).

Source: Chambers and Hastie (1992), Statistical Models in S, section 2.4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.coding import Factor, sum_to_zero
from cuecircuit.stats.estimable import independent_columns, indicators, missing_cells, note_of_missing, type_three
from cuecircuit.stats.mixed_formula import Term, Variable

# cells of a term that a note lists
_NAMED = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FixedTerm:
    """A term of the fixed part and its columns in X; the variables are factors and covariates as in the formula.

    `contrasts` tells for each variable whether it is coded sum to zero (a factor otherwise by indicators). `estimable`
    are the type III hypotheses where columns were left out because no row has some combination of levels.
    """

    name: str
    variables: Term
    contrasts: tuple[bool, ...]
    columns: Int[Array, "term_column"]
    estimable: Float[Array, "hypothesis column"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CodedTable:
    """Levels and covariates of rows, the covariates as they enter (centered or not)."""

    factors: Mapping[str, Factor]
    covariates: Mapping[str, Float[Array, "observation"]]
    n: int


def coded_term(term: Term, among: Sequence[Term], table: CodedTable) -> tuple[Float[Array, "row column"], list[str]]:
    """Return the columns of a term; `among` are the terms of the same part, which decide on the coding."""
    columns, labels = np.ones((table.n, 1)), [""]
    for variable in term:
        if variable.column not in table.factors:
            part = table.covariates[variable.column][:, None]
            names = [variable.label]
        else:
            item = table.factors[variable.column]
            n = len(item.levels)
            part = (sum_to_zero(n) if in_contrasts(variable, term, among) else np.eye(n))[item.codes]
            names = [f"{item.name}[{level}]" for level in item.levels[: part.shape[1]]]
        columns = (columns[:, :, None] * part[:, None, :]).reshape(table.n, -1)
        labels = [f"{before}:{name}" if before else name for before in labels for name in names]
    return columns, [label or "(Intercept)" for label in labels]


def in_contrasts(variable: Variable, term: Term, among: Sequence[Term]) -> bool:
    """Return whether the term without the variable is in the model as well."""
    margin = frozenset(term) - {variable}
    return any(frozenset(other) == margin for other in among)


def check_aliases(x: Float[Array, "row column"], labels: Sequence[str], terms: Sequence[FixedTerm]) -> None:
    """Refuse columns of some terms that are combinations of those before them.

    Raises:
        DesignError: there are such columns, each named with its term.
    """
    owners = {column: term.name for term in terms for column in term.columns.tolist()}
    aliased = np.setdiff1d(np.array(list(owners), int), independent_columns(x))
    if aliased.size:
        raise DesignError(
            f"column {labels[column]} of term {owners[column]} is aliased: it is a combination of the columns before "
            "it, because a combination of levels was never observed, two columns say the same, or a:b is there without "
            "a and b (write a*b); leave out the term or merge levels"
            for column in aliased.tolist()
        )


def check_rows(n: int, p: int) -> None:
    """Refuse a table with as many columns as rows, which leaves nothing for error.

    Raises:
        DesignError: n rows are not more than p columns.
    """
    if n <= p:
        raise DesignError(f"fixed part: found {p} columns for {n} observations, expected fewer; leave out terms")


def estimable_terms(
    terms: Sequence[FixedTerm], x: Float[Array, "row coded"], kept: Int[Array, "column"], table: CodedTable
) -> tuple[FixedTerm, ...]:
    """Place the terms among the columns kept, with the hypotheses that can be tested of each; none of some terms."""
    full = [
        indicators(
            _factors(term, table),
            {each.column: table.covariates[each.column] for each in term.variables if each.column in table.covariates},
            table.n,
            contrasts=[
                coded
                for each, coded in zip(term.variables, term.contrasts, strict=True)
                if each.column in table.factors
            ],
        )
        for term in terms
    ]
    return tuple(
        replace(term, columns=np.flatnonzero(np.isin(kept, term.columns)), estimable=rows)
        for term, rows in zip(terms, type_three(full, x[:, kept]), strict=True)
    )


def unexcused_terms(terms: Sequence[FixedTerm], table: CodedTable) -> list[FixedTerm]:
    """Return terms whose columns no lack of cells explains, if they are aliased: those of fewer than two factors."""
    crossed = [term for term in terms if len(_factors(term, table)) > 1]
    every = {each.name: each for term in crossed for each in _factors(term, table)}
    excused = crossed if missing_cells(list(every.values())) else []
    return [term for term in terms if term not in excused]


def estimable_note(coded: Sequence[FixedTerm], estimable: Sequence[FixedTerm], table: CodedTable) -> str:
    """Name the cells that no row has and what they take from the tests, in one line."""
    short = {
        one.name: (len(other.estimable), len(one.columns))
        for one, other in zip(coded, estimable, strict=True)
        if other.estimable is not None and len(other.estimable) < len(one.columns)
    }
    cells: dict[frozenset[str], str] = {}
    for term in sorted(coded, key=lambda term: len(term.variables)):
        names = frozenset(each.name for each in _factors(term, table))
        # those of a term of more factors follow from it
        if not any(inner <= names for inner in cells) and (gaps := missing_cells(_factors(term, table))):
            more = f" and {len(gaps) - _NAMED} more" if len(gaps) > _NAMED else ""
            cells[names] = f"{':'.join(each.name for each in _factors(term, table))} {', '.join(gaps[:_NAMED])}{more}"
    return note_of_missing("row", list(cells.values()), short)


def _factors(term: FixedTerm, table: CodedTable) -> list[Factor]:
    return [table.factors[each.column] for each in term.variables if each.column in table.factors]
