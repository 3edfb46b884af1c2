"""Results of a study under several choices of its analysis: which hold everywhere, and which depend on a choice.

The first choice is the study's own. A result holds where its p (or q) is at most the level that choice works with. It
is untested where a choice has no number for it, such as a region without a voxel in the cluster, and untouched by a
choice that changes nothing it rests on: there it could not come out otherwise, so that choice is not counted.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Bool, Float

Verdict = Literal["everywhere", "depends", "nowhere", "untouched", "untested"]
Kind = Literal["map", "correlation", "contrast", "test"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChoiceGrid:
    """Results by choices.

    `value` is what tells how large a result is: significant voxels of a map, r of a correlation, t of a contrast, F of
    a test; it is NaN where the result is untested. `signed` says of each result whether the sign of `value` is its
    direction. `touched` is where a choice changes what the result rests on, and everywhere under the first choice.
    """

    kinds: tuple[Kind, ...]
    results: tuple[str, ...]
    choices: tuple[str, ...]
    value: Float[Array, "result choice"]
    holds: Bool[Array, "result choice"]
    signed: Bool[Array, "result"]
    touched: Bool[Array, "result choice"]

    @property
    def tested(self) -> Bool[Array, "result choice"]:
        """Where there is a number."""
        return ~np.isnan(self.value)

    def held(self, result: int) -> int:
        """In how many choices that touch it a result holds, the study's own among them."""
        return int(self.holds[result, self.touched[result]].sum())

    def choices_of(self, result: int) -> int:
        """Return how many choices touch a result, the study's own among them."""
        return int(self.touched[result].sum())

    def turns(self, result: int) -> bool:
        """Return whether a signed result holds in both directions, each under some choice."""
        signs = np.sign(self.value[result, self.holds[result]])
        return bool(self.signed[result]) and {-1.0, 1.0} <= set(signs)

    def verdict(self, result: int) -> Verdict:
        """State of a result where it holds; holding in two directions is not holding everywhere."""
        if not self.tested[result].any():
            return "untested"
        if self.choices_of(result) == 1 < len(self.choices):
            return "untouched"
        if not self.holds[result].any():
            return "nowhere"
        return "everywhere" if self.holds[result].all() and not self.turns(result) else "depends"

    def somewhere(self) -> "ChoiceGrid":
        """Keep the touched results that hold under some choice; all where there is none."""
        some = self.holds.any(axis=1) & (self.touched[:, 1:].any(axis=1) | (len(self.choices) == 1))
        kept = np.flatnonzero(some if some.any() else np.ones(len(self.results), bool))
        return replace(
            self,
            kinds=tuple(self.kinds[index] for index in kept),
            results=tuple(self.results[index] for index in kept),
            value=self.value[kept],
            holds=self.holds[kept],
            signed=self.signed[kept],
            touched=self.touched[kept],
        )

    def verdicts(self) -> Counter[Verdict]:
        """Count the results by verdict."""
        return Counter(self.verdict(index) for index in range(len(self.results)))

    def deviant(self, result: int) -> tuple[str, ...]:
        """Name the choices under which a result is not what it is in the study: held or not, or its direction."""
        held, sign = self.holds[result, 0], np.sign(self.value[result, 0])
        return tuple(
            choice
            for index, choice in enumerate(self.choices)
            if self.holds[result, index] != held
            or (held and self.signed[result] and np.sign(self.value[result, index]) != sign)
        )
