"""The animals: who they are, which odor means what to them, and which cue their first scan shows.

Adult male Long-Evans, 11 with short and 10 with long access (Carmack et al. 2019). Odor and order of scans are
counterbalanced within each group. Ages and weights are assumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.generators.rat_design import ODORS, RatDesign
from cuecircuit.io.derivatives import subject_prefixes

STRAIN = "Long-Evans"
GAIN_G_PER_DAY = (2.0, 1.3)
_WEIGHING_SD_G = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rat:
    """One animal; `level` is 0 for short, 1 for long access; `order` is the cue and treatment that comes first."""

    name: str
    group: str
    level: int
    age_weeks: float
    weight_g: float
    odors: tuple[str, ...]
    order: int

    @property
    def participant(self) -> str:
        """The BIDS name."""
        return f"sub-{self.name}"

    def run_of(self, cue: int) -> int:
        """Return the run, from 1, that shows cue 0 or 1."""
        return 1 + (cue != self.order)


def draw_rats(design: RatDesign, rng: np.random.Generator) -> tuple[Rat, ...]:
    """Draw the animals of both groups."""
    rats, prefixes = [], subject_prefixes(design.groups)
    for level, (group, size) in enumerate(zip(design.groups, design.sizes, strict=True)):
        age = rng.uniform(12, 15, size).round(1)
        weight = (365 + 12 * (age - 13.5) + 15 * rng.standard_normal(size)).round()
        for number in range(size):
            rats.append(
                Rat(
                    name=f"{prefixes[group]}{number + 1:02d}",
                    group=group,
                    level=level,
                    age_weeks=float(age[number]),
                    weight_g=float(weight[number]),
                    odors=ODORS if number % 2 == 0 else ODORS[::-1],
                    order=number // 2 % 2,
                )
            )
    return tuple(rats)


def levels_of(rats: Sequence[Rat]) -> Int[Array, "subject"]:
    """Return the group of each rat as 0 and 1."""
    return np.array([rat.level for rat in rats])


def draw_weights(
    rats: Sequence[Rat], days: Sequence[int], rng: np.random.Generator, *, alike: bool
) -> Float[Array, "subject day"]:
    """Draw body weights, g; long access slows growth unless the groups are `alike`."""
    gain = np.array([GAIN_G_PER_DAY[0 if alike else rat.level] for rat in rats])
    start = np.array([rat.weight_g for rat in rats])
    noise = _WEIGHING_SD_G * rng.standard_normal((len(rats), len(days)))
    return (start[:, None] + np.outer(gain, np.array(days) - 1) + noise).round()
