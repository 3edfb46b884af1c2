"""Sizes of what the generators of the two articles plant: defaults in code, others under `simulation.sizes`."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, TypeVar

from cuecircuit.errors import StudyError

# a frozen dataclass of numbers
S = TypeVar("S", bound=Any)


def stated_sizes(defaults: S, stated: Mapping[str, float]) -> S:
    """Return the sizes of a generator with those that a study file states in place of the defaults.

    Raises:
        StudyError: names that the generator does not know, all at once.
    """
    defined = asdict(defaults)
    size_names = ", ".join(f"{name} ({size:g})" for name, size in defined.items())
    if unknown := [name for name in stated if name not in defined]:
        raise StudyError(
            [f"simulation.sizes.{name}: unknown to this generator; expected one of: {size_names}" for name in unknown]
        )
    return replace(defaults, **stated)
