"""A model between subjects as text: one map per subject, factors and covariates, `group*center(craving) + age`.

Factors are coded sum to zero (levels in order of first appearance), so that tests of terms are type III; a covariate
enters as it is, or less its mean with `center()`. Contrasts of levels and slopes are text as in `contrasts`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from cuecircuit.arrays import Array, Int
from cuecircuit.errors import DesignError
from cuecircuit.stats.contrasts import fixed_contrast, fixed_levels
from cuecircuit.stats.mixed_design import Column, MixedColumns, mixed_columns
from cuecircuit.stats.mixed_formula import MixedFormula, parse_formula
from cuecircuit.stats.mixed_inference import Hypothesis
from cuecircuit.stats.strata_design import MixedDesign, StrataModel, StratumTerm, strata_model, subjects_behind

# every row is its own subject
_ROW = "row_of_table"
# the one error stratum of a model between subjects
ONE_ERROR = "residual"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BetweenModel:
    """Coded columns, one row per subject, and what is tested: every term, then the contrasts asked for."""

    formula: str
    design: MixedColumns
    hypotheses: tuple[Hypothesis, ...]

    @property
    def n_subjects(self) -> int:
        """Rows."""
        return len(self.design.x)

    @property
    def df(self) -> int:
        """Rows less columns."""
        return self.design.x.shape[0] - self.design.x.shape[1]


def between_subject_model(
    formula: str,
    columns: Mapping[str, Column],
    *,
    factors: Sequence[str] | Mapping[str, Sequence[str]] = (),
    contrasts: Sequence[str] = (),
) -> BetweenModel:
    """Code a table with one row per subject.

    Args:
        formula: `1` for one sample, `group` for groups, `craving`, `group*craving`; `center(age)` takes off the mean.
        columns: text makes a factor, numbers a covariate.
        factors: columns of numbers that name levels, with the order of the levels if they map to some.
        contrasts: `iHUD - HC`, or of slopes `iHUD - HC: craving`.

    Raises:
        DesignError: the formula cannot be read, has random parts, or the columns do not carry it.
    """
    n = len(next(iter(columns.values()), ()))
    rows = {_ROW: [f"r{row}" for row in range(n)]}
    with _in_own_words():
        design = mixed_columns(_with_rows(formula), {**columns, **rows}, factors=factors)
    terms = [
        Hypothesis(
            name=term.name,
            rows=np.eye(len(design.labels))[term.columns] if term.estimable is None else term.estimable,
            variables=tuple(variable.column for variable in term.variables),
        )
        for term in design.terms
        if term.estimable is None or len(term.estimable)
    ]
    return BetweenModel(
        formula=formula, design=design, hypotheses=(*terms, *(fixed_contrast(text, design) for text in contrasts))
    )


def columns_of(formula: str) -> tuple[str, ...]:
    """Name the columns of the table that a formula between subjects uses.

    Raises:
        DesignError: the formula cannot be read, or has random parts.
    """
    return tuple(name for name in parse_between(formula).columns if name != _ROW)


def parse_between(formula: str) -> MixedFormula:
    """Read a formula between subjects: every row is its own subject.

    Raises:
        DesignError: the formula cannot be read, or has random parts.
    """
    with _in_own_words():
        return parse_formula(_with_rows(formula))


def _with_rows(formula: str) -> str:
    fixed = formula.split("~", 1)[-1].strip()
    if "|" in formula:
        raise DesignError(
            f"formula '{formula}': found a random part, expected one map per subject; use `cuecircuit group --formula`"
        )
    if not fixed or fixed[-1] in "+-*:/^":
        end = f"ends in '{fixed[-1]}'" if fixed else "is empty"
        raise DesignError(f"formula '{formula}': {end}, expected a column, or 1 for the mean")
    return f"{fixed} + (1 | {_ROW})"


@contextmanager
def _in_own_words() -> Iterator[None]:
    """Take the random part that was added out of the faults."""
    try:
        yield
    except DesignError as error:
        reworded = (fault.replace(f" + (1 | {_ROW})", "").replace(f", {_ROW}", "") for fault in error.faults)
        raise DesignError(reworded) from error


def _factors(model: BetweenModel) -> dict[str, Int[Array, "row"]]:
    return {name: factor.codes for name, factor in model.design.factors.items() if name in fixed_levels(model.design)}


def groups_of_rows(model: BetweenModel) -> Int[Array, "row"]:
    """Count the combination of the factors' levels of each row from 0."""
    rows = np.zeros(model.n_subjects, int)
    return np.unique(np.stack([*_factors(model).values(), rows]), axis=1, return_inverse=True)[1].ravel()


def as_strata(model: BetweenModel) -> StrataModel:
    """Return the model as one error stratum, for permutation (`group.permutation.permute_term`) of what it tests.

    Of a hypothesis Lβ = 0 the columns X(X'X)⁻¹L' are tested, whose products with the data are Lβ̂; all that is at right
    angles to them in the span of X is nuisance (Winkler et al. 2014, NeuroImage 92:381, partition of the model). Signs
    are flipped where they do not add up to 0 over subjects, for then the constant is no nuisance and a mean is tested;
    else subjects change places.
    """
    x = model.design.x
    whole = strata_model(MixedDesign(subjects=[f"row {row + 1}" for row in range(len(x))]))
    basis, triangle = np.linalg.qr(x)
    terms = []
    factors, groups = _factors(model), groups_of_rows(model)
    for each in model.hypotheses:
        columns, lengths = np.linalg.qr(basis @ np.linalg.solve(triangle.T, each.rows.T))
        # sums of columns of length 1 that are 0 but for rounding
        of_a_mean = bool((np.abs(columns.sum(axis=0)) > 1e-9 * len(x)).any())
        levels = len(set(zip(*(factors[name] for name in each.variables if name in factors), strict=True))) or 1
        slope = any(name not in factors for name in each.variables)
        # QR leaves the sign open: along Lβ
        along = columns * np.where(np.diag(lengths) < 0, -1.0, 1.0)
        terms.append(
            StratumTerm(
                name=each.name,
                factors=(),
                covariate=None if of_a_mean else each.name,
                # how many are tested: those of a contrast are no columns of the design
                columns=np.arange(len(each.rows)),
                basis=along,
                per_length=float(abs(lengths[0, 0])) if len(each.rows) == 1 else None,
                n=subjects_behind(along, groups, levels=levels, slope=slope),
                levels=levels,
                is_slope=slope,
            )
        )
    stratum = replace(
        whole.strata[0],
        name=ONE_ERROR,
        design=x,
        labels=model.design.labels,
        terms=tuple(terms),
        basis=basis,
        df=model.df,
    )
    return replace(whole, strata=(stratum,))
