"""What is measured of permuted maps of t or F: clusters above which height, and z of which tail is enhanced."""

from functools import lru_cache

import numpy as np
from scipy import stats

from cuecircuit.arrays import Array, Float, Float64
from cuecircuit.clusters.maxima import MaximaRule, depth_heights
from cuecircuit.clusters.neighbors import ClusterRule, Connectivity, Sided
from cuecircuit.clusters.tfce import TfceSettings
from cuecircuit.stats.distributions import log_sf_f, z_from_log_p, z_from_t


def maxima_rule(
    df1: int, df2: int, *, voxel_p: float, connectivity: Connectivity, sided: Sided, score: TfceSettings | None
) -> MaximaRule:
    """Return the rule of a term; maps of F (more than one tested column) have one side.

    Args:
        score: None where the threshold-free score is not wanted.
    """
    one = df1 == 1
    sided = sided if one else "1"
    p = voxel_p if sided == "1" else voxel_p / 2
    return MaximaRule(
        rule=ClusterRule(connectivity=connectivity, sided=sided),
        threshold=float(stats.t.isf(p, df2) if one else stats.f.isf(voxel_p, df1, df2)),
        tested=df1,
        df2=df2,
        tfce=score,
        depths=_tail_depths(df1, df2) if score is not None else None,
    )


@lru_cache(maxsize=16)
def _tail_depths(df1: int, df2: int) -> Float64[Array, "height"]:
    return tail_depth(depth_heights(), df1, df2)


def tail_depth(height: Float[Array, "*shape"], df1: int, df2: int) -> Float64[Array, "*shape"]:
    """Return the z that is enhanced: with the tail of t (one tested column, sign kept), or of F, 0 for a lower half."""
    return z_from_t(height, df2) if df1 == 1 else np.maximum(z_from_log_p(log_sf_f(height, df1, df2)), 0)
