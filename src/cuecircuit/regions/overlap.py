"""Which atlas regions a cluster lies in: voxels, share of the cluster, share of the region."""

from collections.abc import Iterator

import numpy as np

from cuecircuit.arrays import Array, Bool, Int
from cuecircuit.records.atlas import Atlas

OUTSIDE = "outside the atlas"


def overlaps(
    labels: Int[Array, "x y z"], clusters: Int[Array, "cluster"], atlas: Atlas, mask: Bool[Array, "x y z"]
) -> Iterator[dict[str, object]]:
    """Yield one row per cluster and region that meet, the largest overlap of a cluster first.

    Args:
        labels: cluster label of each voxel.
        clusters: the labels to look at.
        atlas: on the same grid.
        mask: voxels that were tested; a region's size is counted inside it.
    """
    names = {0: OUTSIDE, **atlas.names}
    sizes = np.bincount(atlas.labels[mask], minlength=max(atlas.names, default=0) + 1)
    for cluster in clusters:
        regions, counts = np.unique(atlas.labels[labels == cluster], return_counts=True)
        for region, count in sorted(zip(regions, counts, strict=True), key=lambda found: -found[1]):
            yield {
                "cluster": int(cluster),
                "region": names[int(region)],
                "voxels": int(count),
                "percent_of_cluster": 100 * count / counts.sum(),
                "percent_of_region": 100 * count / sizes[region] if region else np.nan,
            }
