"""Is noise as smooth in one place as in another? Told from how neighbors correlate over maps.

Fisher's z of the correlation of two neighbors over maps with ν degrees of freedom scatters with variance 1 / (ν − 2)
by chance (n − 3 for n maps about their mean; Fisher 1921, Metron 1:3). Where smoothness differs between places z
scatters more: `unevenness` is the SD of z over all neighbors beyond chance, 0 for noise of one smoothness, whatever the
number of maps. Simulated null fields assume that (Hayasaka et al. 2004, NeuroImage 22:676): large clusters of noise
arise where it is smoothest, and a threshold for all places is too low there.
"""

import math
from collections.abc import Mapping

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int

UNEVEN = 0.15
"""More is no chance: 640 sets of 9 to 53 fields of one smoothness gave at most .12 (`validation/unevenness.py`)."""
FEWEST_DF = 8
_MOST = 1 - 1e-9  # correlation of neighbors that are not the same numbers twice
# of validation/pipeline_rates.py; docs/error_rates.md
_MEASURED = (
    "null studies of rats with .26 to .53 had a cluster at .05 in 10 % of tests by simulation, 5 % by permutation"
)


def neighbors_along(inside: Bool[Array, "x y z"], axis: int) -> tuple[Int[Array, "pair"], Int[Array, "pair"]]:
    """Return both voxels of every pair of neighbors along an axis, counted within the mask in C order."""
    place = np.full(inside.shape, -1)
    place[inside] = np.arange(np.count_nonzero(inside))
    here, there = np.moveaxis(place, axis, 0)[:-1], np.moveaxis(place, axis, 0)[1:]
    both = (here >= 0) & (there >= 0)
    return here[both], there[both]


def neighbor_sums(volumes: Float[Array, "volume inside"], inside: Bool[Array, "x y z"]) -> Float[Array, "4 inside"]:
    """Sum squares of each voxel over volumes, then products with its next along each axis (0 where there is none).

    Args:
        volumes: maps of noise about 0.
        inside: where their voxels lie.
    """
    sums = np.zeros((4, volumes.shape[1]))
    sums[0] = np.einsum("vi,vi->i", volumes, volumes)
    for axis in range(3):
        here, there = neighbors_along(inside, axis)
        sums[axis + 1, here] = np.einsum("vi,vi->i", volumes[:, here], volumes[:, there])
    return sums


def neighbor_variance(sums: Float[Array, "4 inside"], inside: Bool[Array, "x y z"]) -> float:
    """Return the variance over neighbors of Fisher's z of their correlation, averaged over axes; NaN without any."""
    variances = []
    for axis in range(3):
        here, there = neighbors_along(inside, axis)
        size = np.sqrt(sums[0, here] * sums[0, there])
        r = np.divide(sums[axis + 1, here], size, out=np.ones_like(size), where=size > 0)
        z = np.arctanh(r[np.abs(r) < _MOST])
        variances += [np.var(z)] if len(z) > 1 else []
    return float(np.mean(variances)) if variances else float("nan")


def unevenness(neighbor_variance: float, df: float) -> float:
    """Return how much the smoothness of noise differs between places: SD of z beyond chance; NaN where df are too few.

    Args:
        neighbor_variance: as `neighbor_variance` gives it.
        df: of the maps: of their mean, or of the error that a model leaves.
    """
    return math.sqrt(max(neighbor_variance - 1 / (df - 2), 0.0)) if df >= FEWEST_DF else math.nan


def uneven_note(found: Mapping[str, float]) -> str | None:
    """State in one line in which strata noise is not of one smoothness, and what that does to simulated thresholds.

    Args:
        found: unevenness of each stratum.
    """
    uneven = {name: value for name, value in found.items() if value > UNEVEN}
    if not uneven:
        return None
    named = ", ".join(f"{name} ({value:.2f})" for name, value in uneven.items())
    return (
        "warning: noise is smoother in some places than in others, which simulated thresholds do not allow for: "
        f"{named}; 0 is noise of one smoothness ({_MEASURED}). --inference permutation (correction.method in a study "
        "file) does not assume one smoothness"
    )
