"""Network-based statistic: which connected sets of strong edges survive (Zalesky et al. 2010, NeuroImage 53:1197).

Edges whose t or F exceeds a height form a graph; its connected components are the networks. A network is measured by
its extent (edges) and its intensity (sum of what its edges exceed the height by). Subjects are rearranged as for maps
(`planned_permutation`), and of each arrangement the largest extent and intensity anywhere are kept: p = (k + 1)/(n +
1), k of n arrangements having as large a maximum, controls the family-wise error over networks. Nothing is said of a
single edge of a network.

As in `clusters.neighbors`, `sided` "1" takes positive t, "2" both signs together, "bi" each sign by itself; maps of F
have one side.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cuecircuit.arrays import Array, Float, Float64, Int
from cuecircuit.clusters.neighbors import Sided
from cuecircuit.errors import DataError, DesignError
from cuecircuit.group.maxima_rule import maxima_rule
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.group.permuted_maxima import arranged_heights
from cuecircuit.group.planned_permutation import Permutable, prepare_test
from cuecircuit.models.fit import Fit
from cuecircuit.stats.permutation import permutation_p
from cuecircuit.stats.term_test import TermTest

_BATCH = 128  # arrangements whose statistics are held at once


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Networks:
    """The networks of one test, the largest first.

    `label`: network of each edge from 1, 0 for none; `statistic`: t (one tested column) or F of each edge, NaN where
    nothing could be permuted; `height` is what it must exceed. `max_extent` and `max_intensity` are the largest of each
    arrangement, the one found first. `exchanged` says what changed
    places and how often.
    """

    label: Int[Array, "edge"]
    statistic: Float64[Array, "edge"]
    height: float
    extent: Int[Array, "network"]
    intensity: Float64[Array, "network"]
    p_extent: Float64[Array, "network"]
    p_intensity: Float64[Array, "network"]
    max_extent: Float64[Array, "arrangement"]
    max_intensity: Float64[Array, "arrangement"]
    exchanged: str
    note: str | None


def network_test(
    fit: Fit, test: TermTest, pairs: Int[Array, "edge 2"], settings: PermutationSettings, *, height: float | None = None
) -> Networks:
    """Find the networks of a test and their corrected p.

    Args:
        fit: of every edge as a response.
        test: one of its tests.
        pairs: the two regions of each edge, numbers from 0.
        settings: `voxel_p` is that of an edge; it sets the height where none is given.
        height: of t or F.

    Raises:
        DesignError: the test cannot be permuted.
        DataError: edges that are none, or no edge that can be tested.
    """
    _check_pairs(pairs, len(test.f))
    ready = prepare_test(fit, test, settings)
    if not ready.fitted.any():
        raise DataError(f"{test.name}: no edge can be tested; each needs a value of every subject, and some spread")
    plan = ready.plan
    rule = maxima_rule(
        plan.tested, plan.df2, voxel_p=settings.voxel_p, connectivity=6, sided=settings.sided, score=None
    )
    height, sided = rule.threshold if height is None else height, rule.rule.sided
    if not height > 0:
        raise DataError(f"height {height:g}: expected a t or F above 0")
    n = len(plan.arrangements)
    extents, intensities = np.zeros((2, n))
    for start in range(0, n, _BATCH):
        part = slice(start, start + _BATCH)
        extents[part], intensities[part] = largest_networks(_heights(ready, part), pairs, height, sided)
    heights = _heights(ready, slice(1))[0]
    label, extent, intensity = find_networks(heights, pairs, height, sided)
    return Networks(
        label=label,
        statistic=np.where(ready.fitted, heights.astype(float), np.nan),
        height=height,
        extent=extent,
        intensity=intensity,
        p_extent=permutation_p(extents, extent),
        p_intensity=permutation_p(intensities, intensity),
        max_extent=extents,
        max_intensity=intensities,
        exchanged=f"{n - 1} {plan.kind}{' (all distinct)' if plan.enumerated else ''}",
        note=ready.note,
    )


def find_networks(
    statistic: Float[Array, "edge"], pairs: Int[Array, "edge 2"], height: float, sided: Sided
) -> tuple[Int[Array, "edge"], Int[Array, "network"], Float64[Array, "network"]]:
    """Label the networks above a height; return labels, extents and intensities, the largest first."""
    _, edges, network, excess = _strong_edges(statistic[None], pairs, height, sided)
    extent, intensity = np.bincount(network), np.bincount(network, weights=excess).astype(float)
    order = np.lexsort([-intensity, -extent])
    label = np.zeros(len(statistic), int)
    label[edges] = np.argsort(order)[network] + 1
    return label, extent[order], intensity[order]


def largest_networks(
    statistics: Float[Array, "arrangement edge"], pairs: Int[Array, "edge 2"], height: float, sided: Sided
) -> tuple[Float64[Array, "arrangement"], Float64[Array, "arrangement"]]:
    """Return the largest extent and the largest intensity of each arrangement, 0 where no edge is strong."""
    places, _, network, excess = _strong_edges(statistics, pairs, height, sided)
    largest = np.zeros((2, len(statistics)))
    for largest_of, weights in zip(largest, (None, excess), strict=True):
        np.maximum.at(largest_of, places, np.bincount(network, weights=weights)[network])
    return largest[0], largest[1]


def _strong_edges(
    statistics: Float[Array, "arrangement edge"], pairs: Int[Array, "edge 2"], height: float, sided: Sided
) -> tuple[Array, Array, Array, Array]:
    """Return every edge above the height: its arrangement, its number, its network (of all) and its excess."""
    signs = {"1": [statistics], "2": [np.abs(statistics)], "bi": [statistics, -statistics]}[sided]
    stacked = np.concatenate(signs)  # each arrangement of each sign is a graph of its own
    graphs, edges = np.nonzero(stacked > height)
    nodes, ends = np.unique(graphs[:, None] * (pairs.max() + 1) + pairs[edges], return_inverse=True)
    one, other = ends.reshape(-1, 2).T
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(nodes), len(nodes)))
    network = connected_components(graph, directed=False)[1][one] if len(one) else one
    return graphs % len(statistics), edges, network, stacked[graphs, edges].astype(float) - height


def _heights(ready: Permutable, part: slice) -> Float[Array, "arrangement edge"]:
    plan = replace(ready.plan, arrangements=ready.plan.arrangements[part])
    return np.where(ready.fitted, arranged_heights([lambda: ready.prepared], plan), 0.0)


def _check_pairs(pairs: Int[Array, "edge 2"], n: int) -> None:
    faults = []
    if len(pairs) != n:
        faults.append(f"edges: found {len(pairs)} pairs of regions, expected one for each of {n} edges")
    if (pairs[:, 0] == pairs[:, 1]).any():
        faults.append("edges: found an edge of a region with itself; leave it out")
    if len(np.unique(np.sort(pairs, axis=1), axis=0)) < len(pairs):
        faults.append(
            "edges: found a pair of regions twice; an edge has no direction, keep one of the two or their mean"
        )
    if faults:
        raise DesignError(faults)
