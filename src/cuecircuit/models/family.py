"""What every kind of model does for the front: fit responses that are complete, and do without some of its units.

Units are what a response may lack: subjects with all their cells in an error-strata design, rows elsewhere. A response
that lacks some is fitted on the others; responses that lack the same ones are fitted at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.stats.missing import Pattern, missing_patterns
from cuecircuit.stats.responses import Place, place_maps, place_tests, place_values
from cuecircuit.stats.term_test import TermTest

# responses that lack as few rows as this are fitted side by side where so few share a pattern: cheaper than one by one
_RARE = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """Tests of every term and contrast in some responses; NaN where a response could not be fitted.

    `maps` are further results (variance components, τ²); `residuals` what the model leaves, `noise` the same with one
    variance in all rows (the residuals themselves where it is None). `n_units` and `n_rows` entered the fit (0: none).
    `counts` are responses that could not be tested, by the name of the reason.
    """

    tests: tuple[TermTest, ...]
    maps: Mapping[str, Float[Array, "response"]]
    residuals: Float[Array, "row response"] | None
    noise: Float[Array, "row response"] | None
    n_units: Int[Array, "response"]
    n_rows: Int[Array, "response"]
    counts: Mapping[str, int]


@runtime_checkable
class Family(Protocol):
    """A model bound to the rows of a table; `Hypothesis` is its own way to write what is tested."""

    @property
    def units(self) -> Int[Array, "row"]:
        """The unit of each row, counted from 0."""
        ...

    @property
    def block(self) -> int:
        """Responses worked on at a time."""
        ...

    @property
    def tested(self) -> tuple[str, ...]:
        """Names of terms and contrasts."""
        ...

    @property
    def levels(self) -> Mapping[str, Sequence[str]]:
        """Levels of the factors that means run over."""
        ...

    def fit(
        self, y: Float[Array, "row response"], extra: Float[Array, "row response"] | None, *, residuals: bool
    ) -> Fitted:
        """Fit responses without a missing value."""
        ...

    def fit_lacking(
        self, y: Float[Array, "row response"], missing: Int[Array, "response lost"], *, residuals: bool
    ) -> Fitted | None:
        """Fit responses that each lack some units, the same number of all; None where there is no way to.

        Those that it cannot fit have no units, and are fitted by their pattern.
        """
        ...

    def given(self, extra: Float[Array, "row response"]) -> "Family":
        """Return the model of responses with this covariate or variance."""
        ...

    def of_units(self, kept: Int[Array, "kept"]) -> "Family | None":
        """Return the model of some units; None where they cannot carry its tests."""
        ...

    def enough(self, kept: Int[Array, "kept"], fewest: int) -> bool:
        """Return whether so many units are left of each group (or all of a smaller one)."""
        ...

    def asking(self, hypotheses: Sequence[Any], *, correlated: bool = False) -> "Family":
        """The model with these hypotheses tested alone, and the correlations of their estimates among the maps."""
        ...

    def contrast(self, text: str) -> Any:
        """Read the text of a contrast."""
        ...

    def cell(self, name: str, weights: Mapping[str, Float[Array, "level"]], at: Mapping[str, float]) -> Any:
        """The mean at weights of levels, covariates at their mean or `at`; None where it needs a cell nobody has."""
        ...

    def difference(self, name: str, family: str, one: Any, other: Any) -> Any:
        """Return one cell less another."""
        ...


def correlation_name(i: int, j: int) -> str:
    """Name the map of the correlation of two estimates."""
    return f"correlation {min(i, j)} {max(i, j)}"


def fit_block(
    family: Family,
    y: Float[Array, "row response"],
    extra: Float[Array, "row response"] | None = None,
    *,
    fewest: int | None,
    residuals: bool = False,
    positive: bool = False,
) -> Fitted:
    """Fit some responses, those that lack values on the units they have.

    Args:
        family: the model.
        y: responses, NaN or infinite where there is no value.
        extra: a covariate or a variance for every value.
        fewest: see `Model`; None leaves out responses that lack values.
        residuals: keep what the model leaves.
        positive: values of `extra` that are not above 0 count as missing.
    """
    if extra is not None:
        family = family.given(extra)
    n_units = int(family.units.max()) + 1
    present = _present(y, extra, family.units, n_units, positive=positive)
    n = y.shape[1]
    complete = present.all(axis=0)
    if complete.all():
        return family.fit(y, extra, residuals=residuals)
    rows, places = [np.arange(len(y))], [np.flatnonzero(complete)]
    parts = [family.fit(y[:, complete], _columns(extra, rows[0], places[0]), residuals=residuals)]
    patterns = () if fewest is None else missing_patterns(lambda part: present[:, part], n_units, n)
    patterns = [pattern for pattern in patterns if family.enough(pattern.rows, fewest or 0)]
    rare: dict[int, list[Pattern]] = {}
    for pattern in patterns:
        lost = n_units - len(pattern.rows)
        if max(lost, len(pattern.responses)) <= _RARE:
            rare.setdefault(lost, []).append(pattern)
    for alike in rare.values():
        at = np.concatenate([pattern.responses for pattern in alike])
        missing = [np.setdiff1d(np.arange(n_units), pattern.rows) for pattern in alike]
        lacking = np.repeat(missing, [len(pattern.responses) for pattern in alike], axis=0)
        fitted = family.fit_lacking(y[:, at], lacking, residuals=residuals)
        if fitted is None:
            break
        parts.append(fitted)
        rows.append(np.arange(len(y)))
        places.append(at)
        lengths = np.cumsum([len(pattern.responses) for pattern in alike])
        done = {id(pattern) for pattern, end in zip(alike, lengths, strict=True) if fitted.n_units[end - 1]}
        patterns = [pattern for pattern in patterns if id(pattern) not in done]
    for pattern in patterns:
        fewer = family.of_units(pattern.rows)
        if fewer is None:
            continue
        kept = np.flatnonzero(np.isin(family.units, pattern.rows))
        extra_columns = _columns(extra, kept, pattern.responses)
        parts.append(fewer.fit(y[np.ix_(kept, pattern.responses)], extra_columns, residuals=residuals))
        rows.append(kept)
        places.append(pattern.responses)
    return assembled(parts, rows, places, y.shape)


def join_blocks(parts: Sequence[Fitted], places: Sequence[Place], n: int) -> Fitted:
    """Join blocks of responses."""
    rows = 0 if parts[0].residuals is None else len(parts[0].residuals)
    return assembled(parts, [np.arange(rows)] * len(parts), places, (rows, n))


def _present(
    y: Array, extra: Array | None, units: Int[Array, "row"], n_units: int, *, positive: bool
) -> Bool[Array, "unit response"]:
    there = np.isfinite(y)
    if extra is not None:
        there &= np.isfinite(extra) & ((extra > 0) if positive else True)
    if n_units == len(units):
        return there
    return np.stack([there[units == unit].all(axis=0) for unit in range(n_units)])


def _columns(extra: Array | None, rows: Int[Array, "kept"], responses: Int[Array, "part"]) -> Array | None:
    return None if extra is None else extra[np.ix_(rows, responses)]


def assembled(
    parts: Sequence[Fitted], rows: Sequence[Int[Array, "_"]], places: Sequence[Place], shape: tuple[int, int]
) -> Fitted:
    """Put parts fitted on some rows and responses in their places among all.

    Args:
        parts: the fits.
        rows: of each.
        places: its responses.
        shape: number of rows and responses.
    """
    n = shape[1]

    def residuals(name: str) -> Array | None:
        values = [getattr(part, name) for part in parts]
        if values[0] is None:
            return None
        placed = np.full(shape, np.nan, values[0].dtype)
        for residual, kept, place in zip(values, rows, places, strict=True):
            at = np.arange(n)[place]
            placed[np.ix_(kept, at)] = residual
        return placed

    n_units = place_values([part.n_units for part in parts], places, n)
    counts = {name: sum(part.counts[name] for part in parts) for name in parts[0].counts}
    return Fitted(
        tests=place_tests([part.tests for part in parts], places, n),
        maps=place_maps([part.maps for part in parts], places, n),
        residuals=residuals("residuals"),
        noise=residuals("noise"),
        n_units=n_units,
        n_rows=place_values([part.n_rows for part in parts], places, n),
        counts={**counts, "n_not_finite": int((n_units == 0).sum())},
    )
