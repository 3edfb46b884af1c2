"""Fit a model to a table and any number of responses: one entry for every method, a column of numbers or maps alike.

`fit` takes arrays; `fit_responses` takes anything that reads blocks of responses, so that maps may lie on disk.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError, DesignError
from cuecircuit.models.design import Design, design
from cuecircuit.models.direction import in_differences
from cuecircuit.models.family import Family, Fitted, fit_block, join_blocks
from cuecircuit.models.model import Model
from cuecircuit.records.cells import absent_column, numeric
from cuecircuit.stats.term_test import TermTest

# numbers in a block of responses, in double precision 8 MB; responses that lack the same rows are found inside a block
_BLOCK_NUMBERS = 2**20


@runtime_checkable
class Responses(Protocol):
    """Responses in the order of a design's rows, read block by block."""

    @property
    def blocks(self) -> Sequence[slice]:
        """Blocks of responses."""
        ...

    def read(self, block: slice) -> tuple[Float[Array, "row response"], Float[Array, "row response"] | None]:
        """Return a block, and the covariate or variance that goes with it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrayResponses:
    """Responses in memory, rows as in the table; a block is copied in the order of the design."""

    values: Float[Array, "table_row response"]
    extra: Float[Array, "table_row response"] | None
    rows: Array
    whole: bool = False

    @property
    def blocks(self) -> Sequence[slice]:
        """Blocks of responses; one of all where a covariate may vary in some responses and not in others."""
        n = self.values.shape[1]
        step = max(1, n if self.whole else _BLOCK_NUMBERS // max(len(self.rows), 1))
        return [slice(start, min(start + step, n)) for start in range(0, n, step)]

    def read(self, block: slice) -> tuple[Float[Array, "row response"], Float[Array, "row response"] | None]:
        """Return a block, and the covariate or variance that goes with it."""
        return self.values[self.rows, block], None if self.extra is None else self.extra[self.rows, block]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """Tests of every term and contrast, and the responses they come from, for means and contrasts asked later.

    `fitted` has the counts and further maps; see `models.family.Fitted`.
    """

    design: Design
    fitted: Fitted
    responses: Responses = field(repr=False)

    @property
    def tests(self) -> tuple[TermTest, ...]:
        """Those the model keeps: terms, then contrasts."""
        asked = self.design.model.tests
        return tuple(test for test in self.fitted.tests if not asked or test.name in asked)

    def test(self, name: str, stratum: str | None = None) -> TermTest:
        """Find a test by its name; a covariate within subjects needs its stratum as well.

        Raises:
            DesignError: there is no such test, or more than one.
        """
        return find_test(self.fitted.tests, name, stratum)

    def frame(self, response: int = 0, *, confidence: float = 0.95) -> pd.DataFrame:
        """Return one response's tests, a row each: term, stratum, df1, df2, F, p, z, estimate, se, low, high, pes."""
        return pd.DataFrame([tidy_row(test, response, confidence) for test in self.tests])


def fit(
    table: pd.DataFrame,
    responses: Float[Array, "table_row *response"],
    model: Model,
    *,
    covariate: Float[Array, "table_row *response"] | None = None,
    variance: Float[Array, "table_row *response"] | None = None,
    residuals: bool = False,
) -> Fit:
    """Fit a model to every response.

    Args:
        table: keys, factors and covariates; one row per value of a response.
        responses: rows as in the table, any unit; NaN where there is no value.
        model: what is fitted.
        covariate: with a value for every value, where the model names one.
        variance: of every value, for "mixed-effects".
        residuals: keep what the model leaves, rows in the order of the design.

    Raises:
        DataError: the table is at fault, or the responses have other rows.
        DesignError: the columns do not carry the model.
    """
    extra = covariate if variance is None else variance
    for name, values in (("responses", responses), ("covariate", covariate), ("variance", variance)):
        if values is not None and len(values) != len(table):
            raise DesignError(f"{name}: found {len(values)} rows, expected {len(table)} as in the table")
    if (extra is None) == bool(model.covariate or model.variance):
        raise DesignError("a model with a covariate or variance by response needs its values, and no other model")
    bound = design(table, model)
    source = ArrayResponses(
        values=responses.reshape(len(table), -1),
        extra=None if extra is None else extra.reshape(len(table), -1),
        rows=bound.rows,
        whole=covariate is not None,
    )
    return fit_responses(bound, source, residuals=residuals)


def fit_table(table: pd.DataFrame, column: str, model: Model) -> Fit:
    """Fit a model to a column of the table itself; who lacks a value is left out and named.

    Raises:
        DataError: the table is at fault, or rows stand in it twice.
        DesignError: the columns do not carry the model.
    """
    if column not in table.columns:
        raise DataError(absent_column(column, table.columns))
    response = (model.formula or "").rpartition("~")[0].strip().strip("`")
    if response not in ("", column):
        raise DesignError(
            f"formula '{model.formula}': found the response {response}, but {column} is tested; name the same "
            "column in both, and put transformations into the table"
        )
    values = numeric(table, column)
    if model.formula is not None:
        _check_repeated(table, values)
    bound = design(table, model, measured=(column,))
    return fit_responses(bound, ArrayResponses(values=values[:, None], extra=None, rows=bound.rows))


def _check_repeated(table: pd.DataFrame, values: Float[Array, "table_row"]) -> None:
    """Refuse rows that are the same in every column; counts and ratings may well agree."""
    first = table.duplicated(keep="first").to_numpy() & (values % 1 != 0) & np.isfinite(values)
    if first.any():
        rows = np.flatnonzero(first)
        named = ", ".join(str(row + 1) for row in rows[:8])
        raise DataError(
            f"{len(rows)} rows repeat another row in every column (row {named}, …); was the table joined or copied "
            "twice? Leave the copies out, or add the column that tells them apart"
        )


def fit_responses(
    bound: Design, responses: Responses, *, residuals: bool = False, progress: Callable[[int], None] | None = None
) -> Fit:
    """Fit a model that is bound to its table to responses in its order."""
    parts = []
    for block in responses.blocks:
        parts.append(fit_design_block(bound, *responses.read(block), residuals=residuals))
        if progress is not None:
            progress(block.stop - block.start)
    return Fit(design=bound, fitted=_joined(parts, responses), responses=responses)


def fit_design_block(
    bound: Design,
    y: Float[Array, "row response"],
    extra: Float[Array, "row response"] | None = None,
    *,
    residuals: bool = False,
    family: Family | None = None,
) -> Fitted:
    """Fit one block of responses, by the design's family or another made of it that asks for contrasts alone."""
    model = bound.model
    fitted = fit_block(
        family or bound.family,
        y,
        extra,
        fewest=model.fewest,
        residuals=residuals,
        positive=bool(model.variance),
    )
    return fitted if family else replace(fitted, tests=in_differences(fitted.tests, bound))


def retest(fit: Fit, family: Family) -> Fitted:
    """Test what another family asks of the same responses."""
    parts = [fit_design_block(fit.design, *fit.responses.read(block), family=family) for block in fit.responses.blocks]
    return _joined(parts, fit.responses)


def stratum_of(test: TermTest) -> str | None:
    """Return the error stratum of a test, None where the model has none."""
    return getattr(test, "stratum", None)


def find_test(tests: Iterable[TermTest], name: str, stratum: str | None = None) -> TermTest:
    """Find a test by its name; a covariate within subjects needs its stratum as well.

    Raises:
        DesignError: there is no such test, or more than one.
    """
    tests = tuple(tests)
    matching = [test for test in tests if test.name == name and stratum in (None, stratum_of(test))]
    if len(matching) != 1:
        names = ", ".join(" in ".join(filter(None, (test.name, stratum_of(test)))) for test in tests)
        raise DesignError(f"term '{name}': found {len(matching)} tests of that name, expected one of {names}")
    return matching[0]


def tidy_row(test: TermTest, response: int, confidence: float = 0.95) -> dict[str, object]:
    """Return one response's test as a row of a table."""
    low, high = test.interval(confidence)
    numbers = {
        "df2": np.broadcast_to(test.df2, test.f.shape),
        "F": test.f,
        "p": test.p,
        "z": test.z,
        "estimate": test.estimate,
        "se": test.se,
        "low": low,
        "high": high,
        "pes": test.partial_eta2,
    }
    row: dict[str, object] = {"term": test.name, "stratum": stratum_of(test), "df1": test.df1}
    for name, values in numbers.items():
        row[name] = np.nan if values is None else float(values[response])
    return row


def _joined(parts: Sequence[Fitted], responses: Responses) -> Fitted:
    return join_blocks(parts, responses.blocks, responses.blocks[-1].stop)
