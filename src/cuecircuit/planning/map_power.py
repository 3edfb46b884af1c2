"""Power to find a planted effect in maps, by simulated studies whose noise has the smoothness of the design's own maps.

Subjects' maps are Gaussian fields of SD 1 with a given autocorrelation, to which d is added in a region. They are drawn
one after another and summed, so that a smaller study is the first subjects of a larger one and no stack of maps is
held. Each study is thresholded and its clusters corrected as those of real maps, by the null of the same smoothness.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.clusters.autocorrelation import Autocorrelation
from cuecircuit.clusters.null_field import NullField, draw_pair, null_field
from cuecircuit.clusters.smoothness import stated_smoothness
from cuecircuit.errors import DesignError
from cuecircuit.group.correction import CorrectionSettings, correct, simulate_nulls
from cuecircuit.records.grid import Grid
from cuecircuit.stats.simulated_power import shares
from cuecircuit.stats.term_test import TermTest


def simulated_map_power(
    mask: Bool[Array, "x y z"],
    grid: Grid,
    acf: Autocorrelation,
    region: Bool[Array, "x y z"],
    *,
    d: float,
    sizes: Sequence[int],
    groups: int,
    settings: CorrectionSettings,
    studies: int,
) -> pd.DataFrame:
    """Return for each size how often a surviving cluster reaches into the region, and how often one lies elsewhere.

    Args:
        mask: voxels tested.
        grid: of the mask.
        acf: of what the model leaves of a subject's map.
        region: where the effect is.
        d: in standard deviations of subjects: the mean over them (d_z), or of two groups the difference.
        sizes: subjects of each group.
        groups: 1 (mean against 0, or a difference within subjects) or 2.
        settings: voxel p, α and null of the clusters, two-sided.
        studies: simulated.

    Raises:
        DesignError: a region outside the mask, or fewer than three subjects.
    """
    inside, sizes = region[mask], sorted(set(sizes))
    if not inside.any() or sizes[0] < 3 or groups not in (1, 2):
        raise DesignError(
            f"found {int(inside.sum())} voxels of the region in the mask, {sizes[0]} subjects, {groups} groups; "
            "expected one voxel or more, three subjects or more, 1 or 2 groups"
        )
    nulls = simulate_nulls(stated_smoothness(acf, np.nan), mask, grid, settings)
    field, detected = null_field(mask, grid.voxel_mm, acf), np.zeros((len(sizes), studies, 3))
    for study in range(studies):
        # a stream beside those of the null, whose keys have one number
        rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(settings.seed, spawn_key=(study, 1))))
        for place, (t, df) in enumerate(_t_maps(field, d * inside, sizes, groups, rng)):
            test = TermTest(name="effect", variables=(), df1=1, df2=df, f=t**2, estimate=t, se=None)
            corrected = correct(test, mask, nulls)
            survives, labels = corrected.significant[mask], corrected.clusters.labels[mask]
            elsewhere = survives & ~np.isin(labels, np.unique(labels[survives & inside]))
            detected[place, study] = (survives & inside).any(), survives[inside].mean(), elsewhere.any()
    counts = detected.sum(axis=1)
    power = shares(counts[:, 0].astype(int), studies)
    return pd.DataFrame(
        {
            "n": np.array(sizes) * groups,
            "power": power.share,
            "ci_low": power.ci_low,
            "ci_high": power.ci_high,
            "share_of_region": counts[:, 1] / studies,
            "found_elsewhere": counts[:, 2] / studies,
        }
    )


def _t_maps(
    field: NullField, effect: Float[Array, "voxel"], sizes: Sequence[int], groups: int, rng: np.random.Generator
) -> Iterator[tuple[Float[Array, "voxel"], int]]:
    """Yield t and its degrees of freedom as subjects join, one of each group at a time; groups differ by the effect."""
    total, squares, pair = np.zeros((2, len(effect))), np.zeros(len(effect)), ()
    for n in range(1, sizes[-1] + 1):
        for group in range(groups):
            pair = pair or draw_pair(field, rng)
            y, pair = pair[0].astype(float) + effect * (group == 0), pair[1:]
            total[group] += y
            squares += y**2
        if n in sizes:
            df = groups * (n - 1)
            variance = (squares - (total**2).sum(axis=0) / n) / df
            yield (total[0] - total[1]) / n / np.sqrt(groups * variance / n), df
