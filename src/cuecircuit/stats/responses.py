"""Results of some responses put in their place among all: blocks of responses, responses that lack the same values.

Arrays of results run over responses along their last axis. Where no part has a result, numbers are NaN, counts 0 and
flags False. Degrees of freedom stay one number where all parts agree on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TypeVar

import numpy as np

from cuecircuit.arrays import Array, Bool, Int
from cuecircuit.stats.term_test import TermTest

# positions of a part's responses
Place = slice | Int[Array, "_"]
AnyTest = TypeVar("AnyTest", bound=TermTest)


def place_values(parts: Sequence[Array], places: Sequence[Place], n: int) -> Array:
    """Put arrays of some responses in their places among `n`."""
    first = parts[0]
    missing = np.nan if first.dtype.kind == "f" else 0
    placed = np.full((*first.shape[:-1], n), missing, first.dtype)
    for values, place in zip(parts, places, strict=True):
        placed[..., place] = values
    return placed


def place_tests(parts: Sequence[Sequence[AnyTest]], places: Sequence[Place], n: int) -> tuple[AnyTest, ...]:
    """Put tests of some responses in their places among `n`; every part has the same tests."""
    return tuple(_place_test(same, places, n) for same in zip(*parts, strict=True))


def place_maps(parts: Sequence[Mapping[str, Array]], places: Sequence[Place], n: int) -> dict[str, Array]:
    """Put named arrays of some responses in their places among `n`."""
    return {name: place_values([part[name] for part in parts], places, n) for name in parts[0]}


def of_responses(test: AnyTest, chosen: Bool[Array, "response"] | Int[Array, "kept"]) -> AnyTest:
    """Keep some responses of a test."""
    values = {field.name: getattr(test, field.name) for field in fields(test)}
    return replace(test, **{name: value[chosen] for name, value in values.items() if isinstance(value, np.ndarray)})


def _place_test(tests: Sequence[AnyTest], places: Sequence[Place], n: int) -> AnyTest:
    placed = {}
    for name in (field.name for field in fields(tests[0])):
        values = [getattr(test, name) for test in tests]
        if name in ("df2", "n") and not _all_equal(values):
            values = [
                np.broadcast_to(np.float64(value), test.f.shape) for value, test in zip(values, tests, strict=True)
            ]
        if isinstance(values[0], np.ndarray):
            placed[name] = place_values(values, places, n)
    return replace(tests[0], **placed)


def _all_equal(values: Sequence[int | float | Array]) -> bool:
    return all(not isinstance(value, np.ndarray) and value == values[0] for value in values)
