"""Responses grouped by which observations they have, so that each group is fitted at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pattern:
    """Positions of the rows that are there, and of the responses that have just these."""

    rows: Int[Array, "present"]
    responses: Int[Array, "alike"]


def missing_patterns(
    present: Callable[[slice], Bool[Array, "row block"]], n_rows: int, n_responses: int, *, block: int = 4096
) -> tuple[Pattern, ...]:
    """Find the distinct patterns of rows that are there, but for the one that has all; most rows first.

    Args:
        present: tells for a block of responses which rows are there.
        n_rows: number of rows.
        n_responses: number of responses.
        block: responses asked for at a time.
    """
    parts = [slice(start, min(start + block, n_responses)) for start in range(0, n_responses, block)]
    # one bit per observation: an eighth of the smallest array of flags
    packed = [np.packbits(present(part), axis=0) for part in parts]
    bits = np.hstack([np.empty((-(-n_rows // 8), 0), np.uint8), *packed])
    whole = np.packbits(np.ones((n_rows, 1), bool), axis=0)
    lacking = np.flatnonzero((bits != whole).any(axis=0))
    distinct, which = np.unique(bits[:, lacking], axis=1, return_inverse=True)
    rows = np.unpackbits(distinct, axis=0, count=n_rows).astype(bool)
    order = np.argsort(-rows.sum(axis=0), kind="stable")
    by_pattern = np.argsort(which.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(which.ravel(), minlength=rows.shape[1]))
    alike = np.split(lacking[by_pattern], ends[:-1]) if len(ends) else []
    return tuple(Pattern(rows=np.flatnonzero(rows[:, each]), responses=alike[each]) for each in order)
