"""Rearrangements of subjects: their orders within blocks, or their signs; all distinct ones where that is few.

Subjects of one class (equal rows in the design) are not told apart, and where the test is two-sided flipping all signs
changes nothing: such arrangements do not count as distinct. Row 0 is always the arrangement found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import factorial, prod
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from cuecircuit.arrays import Array, Int
from cuecircuit.errors import DesignError

Exchange = Literal["permutations", "sign flips"]
Rearrangement = Literal[Exchange, "rotations"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrangements:
    """Rows of arrangements: for permutations whose row of the design a subject gets, for flips the subject's sign.

    `n_distinct` counts those that can give different maps; `enumerated`: each of them was taken once.
    """

    kind: Exchange
    rows: Int[Array, "arrangement subject"]
    n_distinct: int
    enumerated: bool


@runtime_checkable
class Plan(Protocol):
    """What is permuted: a term of an error-strata model or a hypothesis of a mixed model."""

    @property
    def name(self) -> str:
        """The term's or hypothesis's."""
        ...

    @property
    def kind(self) -> Rearrangement:
        """What is exchanged."""
        ...

    @property
    def arrangements(self) -> Int[Array, "arrangement _"]:
        """The arrangement found first."""
        ...

    @property
    def n_distinct(self) -> int:
        """Arrangements that can give different maps."""
        ...

    @property
    def enumerated(self) -> bool:
        """Each of them was taken once."""
        ...

    @property
    def smallest_p(self) -> float:
        """The smallest p that any data can reach."""
        ...

    @property
    def tested(self) -> int:
        """Numerator degrees of freedom."""
        ...

    @property
    def df2(self) -> int:
        """Denominator degrees of freedom."""
        ...

    @property
    def n_permutations(self) -> int:
        """Arrangements beside the one found."""
        ...

    @property
    def one_sided(self) -> bool:
        """Only t of the sign found counts."""
        ...


def check_resolution(plan: Plan, alpha: float) -> None:
    """Refuse a plan under which nothing can be significant.

    Raises:
        DesignError: the smallest p is above α.
    """
    if plan.smallest_p <= alpha:
        return
    n = plan.arrangements.shape[1]
    if plan.enumerated:
        raise DesignError(
            f"term {plan.name}: {n} subjects allow {plan.n_distinct} distinct {plan.kind}, so the smallest p is "
            f"{plan.smallest_p:.3g}, above α = {alpha:g}: nothing could be significant; add subjects or correct by "
            "simulated null fields"
        )
    raise DesignError(
        f"term {plan.name}: {plan.n_permutations} permutations cannot give a p below {plan.smallest_p:.3g}, "
        f"and α = {alpha:g}; run {np.ceil(10 / alpha):.15g} or more"
    )


def sign_flips(n: int, n_permutations: int, rng: np.random.Generator, *, one_sided: bool = False) -> Arrangements:
    """Flip the signs of n subjects, in all ways if that is no more than asked for."""
    n_distinct = 2**n if one_sided else 2 ** (n - 1)
    enumerated = n_distinct <= n_permutations + 1
    if enumerated:
        free = n if one_sided else n - 1
        # product counts from (1, …, 1), the arrangement found
        rows = np.array([(1,) * (n - free) + signs for signs in product((1, -1), repeat=free)])
    else:
        rows = np.vstack([np.ones((1, n), int), 1 - 2 * rng.integers(0, 2, (n_permutations, n))])
    return Arrangements(kind="sign flips", rows=rows, n_distinct=n_distinct, enumerated=enumerated)


def orders(
    classes: Int[Array, "subject"],
    blocks: Sequence[Int[Array, "_"]],
    n_permutations: int,
    rng: np.random.Generator,
) -> Arrangements:
    """Let subjects change places within blocks, in all distinct ways if that is no more than asked for.

    Args:
        classes: for each subject the first subject with the same rows in the design.
        blocks: the subjects of each block.
    """
    n_distinct = prod(_n_distinct(classes[each]) for each in blocks)
    enumerated = n_distinct <= n_permutations + 1
    rows = _all_orders(classes, blocks) if enumerated else _random_orders(blocks, n_permutations, rng)
    return Arrangements(kind="permutations", rows=rows, n_distinct=n_distinct, enumerated=enumerated)


def members(n: int, blocks: Sequence[object] | None) -> list[Int[Array, "_"]]:
    """Return the subjects of each block, all in one where there are no labels."""
    if blocks is None:
        return [np.arange(n)]
    labels = [str(label) for label in blocks]
    return [np.array([k for k in range(n) if labels[k] == label]) for label in dict.fromkeys(labels)]


def _n_distinct(classes: Int[Array, "_"]) -> int:
    counts = np.unique(classes, return_counts=True)[1]
    return factorial(len(classes)) // prod(factorial(int(count)) for count in counts)


def _all_orders(classes: Int[Array, "subject"], blocks: Sequence[Int[Array, "_"]]) -> Array:
    ways = [list(_distinct_orders(sorted(classes[each].tolist()))) for each in blocks]
    rows = np.empty((prod(map(len, ways)), len(classes)), int)
    for row, chosen in enumerate(product(*ways)):
        for each, order in zip(blocks, chosen, strict=True):
            rows[row, each] = order
    same = (rows == classes).all(axis=1)
    return np.vstack([rows[same], rows[~same]])


def _distinct_orders(ordered: list[int]) -> Iterator[tuple[int, ...]]:
    """List the distinct orders of sorted items, each the next in the dictionary (Knuth 2011, 7.2.1.2 L)."""
    items = list(ordered)
    while True:
        yield tuple(items)
        rise = next((k for k in range(len(items) - 2, -1, -1) if items[k] < items[k + 1]), None)
        if rise is None:
            return
        larger = next(k for k in range(len(items) - 1, rise, -1) if items[k] > items[rise])
        items[rise], items[larger] = items[larger], items[rise]
        items[rise + 1 :] = reversed(items[rise + 1 :])


def _random_orders(blocks: Sequence[Int[Array, "_"]], n_permutations: int, rng: np.random.Generator) -> Array:
    n = sum(map(len, blocks))
    rows = np.tile(np.arange(n), (n_permutations + 1, 1))
    for each in blocks:
        rows[1:, each] = rng.permuted(rows[1:, each], axis=1)
    return rows
