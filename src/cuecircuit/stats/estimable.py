"""Type III hypotheses of a design in which some combinations of levels were never observed.

With a column for every combination of levels (`Indicators`), rows l of the row space of X are estimable functions lβ.
The type III hypotheses of a term F are those that concern F and terms that contain it alone, at right angles to those
that concern the latter alone. With every cell observed these are the tests of sum-to-zero coding. A term contains F if
it has all of F's factors and more, and the same covariates.

The rows of a term are, where they span this space, those of lmerTest 3, because Satterthwaite's degrees of freedom of
several rows depend on the rows: estimable functions of treatment-coded coefficients, residualized on those of the terms
that contain F.

Sources: Goodnight (1976), The general linear models procedure, SAS; SAS/STAT user's guide, "The four types of
estimable functions"; Kuznetsova, Brockhoff and Christensen (2017), J Stat Softw 82(13).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.stats.coding import BetweenTerm, Factor, term_name

# a column with less than this share of its length left after the others is aliased (the tolerance of R's lm)
ALIAS_TOLERANCE = 1e-7
# weights of hypotheses are of size 1, sums of tens of them
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Indicators:
    """A term with a column for every combination of levels, times its covariates.

    `contrasts` are the factors coded sum to zero; treatment coding leaves out the combinations that have the first
    level of one of these (`reference`). Covariates of any unit are divided by `scale`, against rounding.
    """

    factors: tuple[str, ...]
    covariates: tuple[str, ...]
    columns: Float[Array, "row combination"]
    scale: float
    reference: Bool[Array, "combination"]
    contrasts: bool

    def contains(self, other: "Indicators") -> bool:
        """Return whether this is a term of more factors that has all those of the other."""
        return set(self.factors) > set(other.factors) and set(self.covariates) == set(other.covariates)


def indicators(
    factors: Sequence[Factor],
    covariates: Mapping[str, Float[Array, "row"]],
    n: int,
    *,
    contrasts: Sequence[bool],
) -> Indicators:
    """Write a term with a column for every combination of levels.

    Args:
        factors: of the term.
        covariates: of the term, as they enter the design.
        n: rows.
        contrasts: for each factor, whether it is coded sum to zero (its margin is in the model).
    """
    columns, reference = np.ones((n, 1)), np.zeros(1, bool)
    for each, coded in zip(factors, contrasts, strict=True):
        indicator = np.eye(len(each.levels))[each.codes]
        columns = (columns[:, :, None] * indicator[:, None, :]).reshape(n, -1)
        first = (np.arange(len(each.levels)) == 0) & coded
        reference = (reference[:, None] | first).ravel()
    product_of_all = np.prod([np.ones(n), *covariates.values()], axis=0)
    scale = float(np.abs(product_of_all).max())
    return Indicators(
        factors=tuple(each.name for each in factors),
        covariates=tuple(covariates),
        columns=columns * (product_of_all / scale)[:, None],
        scale=scale,
        reference=reference,
        contrasts=all(contrasts),
    )


def independent_columns(x: Float[Array, "row column"]) -> Int[Array, "kept"]:
    """Positions of the columns that are no combination of those before them."""
    kept: list[int] = []
    basis = np.empty((len(x), 0))
    for place, column in enumerate(x.T):
        left = column - basis @ (basis.T @ column)
        # twice: rounding of the first pass is as large as a small remainder
        left -= basis @ (basis.T @ left)
        length = np.linalg.norm(left)
        if length > ALIAS_TOLERANCE * np.linalg.norm(column):
            kept.append(place)
            basis = np.column_stack([basis, left / length])
    return np.array(kept, int)


def in_kept(x: Float[Array, "row column"], kept: Int[Array, "kept"]) -> Float[Array, "kept column"]:
    """Write every column as a combination of those kept."""
    if len(kept) == x.shape[1]:
        return np.eye(len(kept))
    length = np.linalg.norm(x, axis=0)
    length[length == 0] = 1.0
    unit = x / length
    return np.linalg.lstsq(unit[:, kept], unit)[0] / length[kept, None] * length


def type_three(terms: Sequence[Indicators], x: Float[Array, "row column"]) -> list[Float[Array, "_ column"]]:
    """Return the estimable type III hypotheses of each term, as rows on the coefficients of x; none for some terms.

    Args:
        terms: of the model.
        x: independent columns with the span of the terms.
    """
    every = np.hstack([term.columns for term in terms])
    ends = np.cumsum([term.columns.shape[1] for term in terms])
    places = [np.arange(end - term.columns.shape[1], end) for term, end in zip(terms, ends, strict=True)]
    # an estimable function of the indicators' coefficients, on those of x
    to_x = np.linalg.pinv(every, rcond=ALIAS_TOLERANCE) @ x
    treatment = np.flatnonzero(~np.concatenate([term.reference for term in terms]))
    treatment = treatment[independent_columns(every[:, treatment])]
    functions = np.linalg.pinv(every[:, treatment]) @ every
    row_space = _row_space(every)
    rows: list[Float[Array, "_ column"]] = []
    for term, place in zip(terms, places, strict=True):
        above = [columns_above for other, columns_above in zip(terms, places, strict=True) if other.contains(term)]
        above = np.concatenate(above) if above else np.zeros(0, int)
        higher = _concerning(row_space, above)
        functions_of_term = _concerning(row_space, np.concatenate([place, above]))
        space = _row_space(functions_of_term - functions_of_term @ higher.T @ higher)
        tested_functions = functions[np.isin(treatment, place)]
        tested_functions = tested_functions - tested_functions @ higher.T @ higher
        tested_functions = tested_functions[np.linalg.norm(tested_functions, axis=1) > _ROUNDING]
        # in designs with many holes treatment coding leaves out functions by the order of levels; the space has none
        alike = len(tested_functions) == len(space) == len(_row_space(tested_functions)) and np.allclose(
            tested_functions @ space.T @ space, tested_functions, atol=1e-7
        )
        rows.append(_in_coded_units(tested_functions if alike else space, place, term) @ to_x / term.scale)
    return rows


def _row_space(rows: Float[Array, "row column"]) -> Float[Array, "basis column"]:
    _, lengths, basis = np.linalg.svd(rows, full_matrices=False)
    return basis[lengths > ALIAS_TOLERANCE * max(1.0, lengths.max(initial=0.0))]


def _concerning(row_space: Float[Array, "basis column"], columns: Int[Array, "own"]) -> Float[Array, "found column"]:
    """Return the functions of a row space that are 0 in all other columns, as orthonormal rows."""
    others = np.delete(row_space, columns, axis=1)
    turned, lengths, _ = np.linalg.svd(others, full_matrices=True)
    free = np.ones(len(row_space), bool)
    free[: len(lengths)] = lengths < ALIAS_TOLERANCE
    return turned[:, free].T @ row_space


def _in_coded_units(
    rows: Float[Array, "hypothesis indicator"], place: Int[Array, "combination"], term: Indicators
) -> Float[Array, "hypothesis indicator"]:
    """Scale the one row of a term of two-level factors to the coefficient of sum-to-zero coding, first levels 1."""
    if len(rows) != 1 or not term.contrasts or len(place) != 2 ** len(term.factors):
        return rows
    return rows * (1 / len(place) / rows[0, place[0]])


def span_of_hypotheses(
    x: Float[Array, "row column"], rows: Sequence[Float[Array, "_ column"]]
) -> tuple[list[Float[Array, "row _"]], Float[Array, "row rest"]]:
    """Write the span of x in columns whose coefficients are the hypotheses; the rest is tested by none.

    Returns:
        The columns of each hypothesis, and those that complete the span.
    """
    stacked = np.vstack(rows)
    rest = np.linalg.svd(stacked)[2][len(stacked) :]
    columns = x @ np.linalg.inv(np.vstack([stacked, rest]))
    *spanned, left = np.split(columns, np.cumsum([len(each) for each in rows]), axis=1)
    return spanned, left


def note_of_missing(unit: str, cells: Sequence[str], tested: Mapping[str, tuple[int, int]]) -> str:
    """State in one line which cells nobody has and what is tested all the same.

    Args:
        unit: what a cell lacks, "row" or "subject".
        cells: factors and combinations of their levels.
        tested: degrees of freedom that are tested, and those of the complete design, of terms that lose some.
    """
    parts = [f"{name} with {df} of {full} df" if df else f"{name} not at all" for name, (df, full) in tested.items()]
    return (
        f"no {unit} has {'; '.join(cells)}; what can be estimated without is tested (type III as in lmerTest): "
        f"{', '.join(parts)}"
    )


def missing_cells(factors: Sequence[Factor]) -> list[str]:
    """Name the combinations of levels that no row has, such as "LgA:F"."""
    observed = set(zip(*(each.codes.tolist() for each in factors), strict=True))
    every = product(*(range(len(each.levels)) for each in factors)) if factors else ()
    return [
        ":".join(each.levels[code] for each, code in zip(factors, cell, strict=True))
        for cell in every
        if cell not in observed
    ]


def estimable_between(
    terms: Sequence[BetweenTerm], factors: Sequence[Factor], unit: str
) -> tuple[Sequence[BetweenTerm], str]:
    """Recode terms so that their coefficients are what can be estimated where nobody has some combination of levels.

    Returns:
        The terms, with a nameless one for what none of them tests, and a line on what is missing.
    """
    x = np.hstack([term.columns for term in terms])
    kept = independent_columns(x)
    mains = np.hstack([term.columns for term in terms if len(term.factors) < 2])
    # factors that say the same are a fault, and no lack of subjects
    if len(kept) == x.shape[1] or len(independent_columns(mains)) < mains.shape[1]:
        return terms, ""
    by_name = {each.name: each for each in factors}
    full = [
        indicators([by_name[name] for name in term.factors], {}, len(x), contrasts=[True] * len(term.factors))
        for term in terms
    ]
    columns, rest = span_of_hypotheses(x[:, kept], type_three(full, x[:, kept]))
    recoded = [
        replace(term, columns=term_columns, labels=term.labels[: term_columns.shape[1]])
        for term, term_columns in zip(terms, columns, strict=True)
        if term_columns.shape[1]
    ]
    if rest.shape[1]:
        recoded.append(BetweenTerm(factors=("",), columns=rest, labels=("not tested",) * rest.shape[1]))
    short = {
        term_name(term.factors): (part.shape[1], term.columns.shape[1])
        for term, part in zip(terms, columns, strict=True)
        if part.shape[1] < term.columns.shape[1]
    }
    cells = f"{':'.join(by_name)} {', '.join(missing_cells(factors))}"
    return recoded, note_of_missing(unit, [cells], short)
