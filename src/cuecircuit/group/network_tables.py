"""The networks of a test as two tables: one row for each network, one for each edge."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.group.networks import network_test
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.models.fit import Fit
from cuecircuit.stats.multiple_testing import adjust_p
from cuecircuit.stats.term_test import TermTest

EDGE_KEYS = ("region", "region2")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkTables:
    """The networks of one test.

    `networks`: network, edges (extent), intensity, p_extent, p_intensity, regions; the largest first. `edges`: region,
    region2, statistic (t, or F of several degrees of freedom), p, q (false discovery rate) and network, 0 for none.
    `height` is what a statistic must exceed, `exchanged` what changed places and how often.
    """

    networks: pd.DataFrame
    edges: pd.DataFrame
    height: float
    exchanged: str
    notes: tuple[str, ...] = ()


def network_tables(
    fit: Fit, test: TermTest, labels: pd.DataFrame, settings: PermutationSettings, *, height: float | None = None
) -> NetworkTables:
    """Find the networks of a test.

    Args:
        fit: of every edge as a response.
        test: one of its tests.
        labels: region and region2 of each response.
        settings: of the permutation; `voxel_p` is that of an edge.
        height: of t or F, in place of that p.

    Raises:
        DesignError: the test cannot be permuted.
        DataError: edges that are none, or no edge that can be tested.
    """
    if absent := [name for name in EDGE_KEYS if name not in labels]:
        raise DataError(f"networks: no column {', '.join(absent)}; an edge is named by {' and '.join(EDGE_KEYS)}")
    ends = labels[list(EDGE_KEYS)].astype(str).to_numpy()
    pairs = np.unique(ends, return_inverse=True)[1].reshape(ends.shape)
    tested = network_test(fit, test, pairs, settings, height=height)
    p = np.exp(test.log_p)
    edges = labels[list(EDGE_KEYS)].reset_index(drop=True)
    edges = edges.assign(statistic=tested.statistic, p=p, q=adjust_p(p, "fdr"), network=tested.label)
    members = [list(dict.fromkeys(ends[tested.label == number].ravel())) for number in range(1, len(tested.extent) + 1)]
    networks = pd.DataFrame(
        {
            "network": np.arange(1, len(members) + 1),
            "edges": tested.extent,
            "intensity": tested.intensity,
            "p_extent": tested.p_extent,
            "p_intensity": tested.p_intensity,
            "regions": [", ".join(member) for member in members],
        }
    )
    untested = int(np.isnan(tested.statistic).sum())
    notes = [f"{untested} of {len(p)} edges lack a value of somebody, or any spread; they join no network"]
    return NetworkTables(
        networks=networks,
        edges=edges,
        height=tested.height,
        exchanged=tested.exchanged,
        notes=(*(notes if untested else ()), *filter(None, (tested.note,))),
    )
