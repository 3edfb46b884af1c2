"""A term under permutation in the form that simulation gives it: clusters, the p of each, and the map of p."""

import numpy as np

from cuecircuit.arrays import Array, Bool, Float64
from cuecircuit.clusters.maxima import MapStatistic
from cuecircuit.group.correction import CorrectedTerm
from cuecircuit.group.permutation import PermutationSettings, PermutedTerm, permute_prepared
from cuecircuit.group.planned_permutation import prepare_test
from cuecircuit.models.fit import Fit
from cuecircuit.stats.permutation import permutation_p
from cuecircuit.stats.term_test import TermTest


def permuted_test(
    fit: Fit, test: TermTest, mask: Bool[Array, "x y z"], statistic: MapStatistic, settings: PermutationSettings
) -> tuple[CorrectedTerm, tuple[str, ...]]:
    """Permute a test of maps in memory; with the corrected map what is to be said of the variances of groups.

    Raises:
        DesignError: as `prepare_test`.
        DataError: no voxel that can be tested.
    """
    ready = prepare_test(fit, test, settings)
    done = permute_prepared(
        [lambda: ready.prepared], ready.fitted, ready.plan, test, mask, statistics=(statistic,), settings=settings
    )
    return corrected_term(done, statistic), () if ready.note is None else (ready.note,)


def _fewest_voxels(maxima: Float64[Array, "arrangement"], alpha: float) -> float:
    """Return the smallest cluster with a p of at most α; one larger than any where too few arrangements were done."""
    sizes = np.arange(1.0, maxima.max() + 2)
    enough = permutation_p(maxima, sizes) <= alpha
    return float(sizes[enough][0] if enough.any() else sizes[-1])


def corrected_term(permuted: PermutedTerm, statistic: MapStatistic) -> CorrectedTerm:
    """Return what one statistic says of a term in the form that simulation gives it.

    The p of a cluster is its own (size, mass), or that of its best voxel (voxel, tfce). The size a cluster must reach
    is known for "size" alone.
    """
    alpha, p_map = permuted.settings.alpha, permuted.p_maps[statistic]
    labels = permuted.clusters.labels
    if statistic in permuted.p_clusters:
        p = permuted.p_clusters[statistic]
    else:
        p = np.array([np.nanmin(p_map[labels == label]) for label in range(1, len(permuted.clusters.sizes) + 1)])
    size = _fewest_voxels(permuted.maxima["size"], alpha) if statistic == "size" else float("nan")
    return CorrectedTerm(
        clusters=permuted.clusters,
        p=p,
        p_map=p_map,
        significant=permuted.significant(statistic),
        alpha=alpha,
        size_threshold=size,
        size_threshold_se=float("nan"),
    )
