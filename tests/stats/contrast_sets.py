"""Comparisons of conditions inside each group, and of groups in each condition, of any design."""

import numpy as np

from cuecircuit.stats.coding import conditions
from cuecircuit.stats.comparisons import level_pairs
from cuecircuit.stats.strata_design import Contrast, MixedDesign, groups_of


def conditions_against(
    design: MixedDesign, reference: str | None = None, *, one_family: bool = False
) -> tuple[Contrast, ...]:
    """Compare conditions inside each group: each with `reference`, or all pairs where it is None."""
    groups = tuple(dict.fromkeys(groups_of(design)))
    cells = [":".join(cell) for cell in conditions(design.within)]
    unit = np.eye(len(cells))
    return tuple(
        Contrast(
            name=f"{group}: {pair}" if len(groups) > 1 else pair,
            family="all" if one_family else group,
            group=np.eye(len(groups))[g],
            condition=unit[i] - unit[j],
        )
        for g, group in enumerate(groups)
        for pair, i, j in level_pairs(cells, reference)
    )


def groups_against(design: MixedDesign, reference: str | None = None) -> tuple[Contrast, ...]:
    """Compare groups in each condition: each with the group `reference`, or all pairs where it is None."""
    groups = tuple(dict.fromkeys(groups_of(design)))
    cells = [":".join(cell) or "all" for cell in conditions(design.within)]
    unit = np.eye(len(groups))
    return tuple(
        Contrast(
            name=f"{cell}: {pair}" if len(cells) > 1 else pair,
            family=cell,
            group=unit[i] - unit[j],
            condition=np.eye(len(cells))[c],
        )
        for c, cell in enumerate(cells)
        for pair, i, j in level_pairs(groups, reference)
    )
