"""Results of a study under several choices of its analysis: which hold everywhere, and which depend on a choice.

The first choice is the study's own. A result holds where its p (or q) is at most the level that choice works with. It
is untested where a choice has no number for it, such as a region without a voxel in the cluster.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Bool, Float

Verdict = Literal["everywhere", "depends", "nowhere", "untested"]
Kind = Literal["map", "correlation", "contrast", "test"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChoiceGrid:
    """Results by choices.

    `value` is what tells how large a result is: significant voxels of a map, r of a correlation, t of a contrast, F of
    a test; it is NaN where the result is untested. `signed` says of each result whether the sign of `value` is its
    direction.
    """

    kinds: tuple[Kind, ...]
    results: tuple[str, ...]
    choices: tuple[str, ...]
    value: Float[Array, "result choice"]
    holds: Bool[Array, "result choice"]
    signed: Bool[Array, "result"]

    @property
    def tested(self) -> Bool[Array, "result choice"]:
        """Where there is a number."""
        return ~np.isnan(self.value)

    def held(self, result: int) -> int:
        """In how many choices a result holds."""
        return int(self.holds[result].sum())

    def turns(self, result: int) -> bool:
        """Whether a signed result holds in both directions, each under some choice."""
        signs = np.sign(self.value[result, self.holds[result]])
        return bool(self.signed[result]) and {-1.0, 1.0} <= set(signs)

    def verdict(self, result: int) -> Verdict:
        """Say of a result where it holds; holding in two directions is not holding everywhere."""
        if not self.tested[result].any():
            return "untested"
        if not self.holds[result].any():
            return "nowhere"
        return "everywhere" if self.holds[result].all() and not self.turns(result) else "depends"

    def somewhere(self) -> "ChoiceGrid":
        """Keep the results that hold under some choice; all where none does."""
        kept = np.flatnonzero(self.holds.any(axis=1) if self.holds.any() else np.ones(len(self.results), bool))
        return replace(
            self,
            kinds=tuple(self.kinds[index] for index in kept),
            results=tuple(self.results[index] for index in kept),
            value=self.value[kept],
            holds=self.holds[kept],
            signed=self.signed[kept],
        )

    def verdicts(self) -> Counter[Verdict]:
        """Count the results by verdict."""
        return Counter(self.verdict(index) for index in range(len(self.results)))

    def deviant(self, result: int) -> tuple[str, ...]:
        """Name the choices under which a result is not what it is in the study: held or not, or its direction."""
        own, sign = self.holds[result, 0], np.sign(self.value[result, 0])
        return tuple(
            choice
            for index, choice in enumerate(self.choices)
            if self.holds[result, index] != own
            or (own and self.signed[result] and np.sign(self.value[result, index]) != sign)
        )
