"""Power of maps to find a cluster, before there are any."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from cuecircuit.api.arguments import Count, Listed, NotNegative, Number, Positive, Seed, Share, Threads, Triple, checked
from cuecircuit.api.images import mask_of, voxels_of
from cuecircuit.clusters.autocorrelation import Autocorrelation, gaussian_autocorrelation
from cuecircuit.errors import DataError
from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.planning.map_power import simulated_map_power


@checked
def map_power(
    mask: Any,
    n: Count | Annotated[Sequence[Count], Listed, Field(min_length=1)],
    d: Number,
    *,
    region: Any = None,
    label: int = 1,
    center_mm: Triple | None = None,
    radius_mm: NotNegative = 5.0,
    fwhm_mm: Positive | None = None,
    acf: Triple | None = None,
    groups: Literal[1, 2] = 1,
    voxel_p: Share = 0.001,
    alpha: Share = 0.05,
    studies: Count = 200,
    iterations: Count = 2000,
    seed: Seed = 0,
    n_jobs: Threads = 1,
) -> pd.DataFrame:
    """Simulate how often a study of maps finds an effect of size d in a place, corrected by cluster size.

    Args:
        mask: path or image of the voxels tested.
        n: subjects of each group, one or several numbers.
        d: standardized effect in the place: d_z of a difference within subjects, d of two groups. Of one that was
            found, take one held out (`held_out_g` of `clusters.tsv`), not that of a peak.
        region: path or image of labels, such as an atlas, whose `label` is the place.
        label: of the region.
        center_mm: center of a sphere, in place of a region.
        radius_mm: of the sphere.
        fwhm_mm: smoothness of the noise of subjects' maps, Gaussian; or
        acf: a, b, c of its autocorrelation, as in `smoothness.tsv` of an earlier study.
        groups: 1 or 2.
        voxel_p: height that forms clusters, two-sided.
        alpha: family-wise.
        studies: simulated.
        iterations: null fields of the correction.
        seed: of all that is drawn.
        n_jobs: threads for the null.

    Returns:
        A row for each size: n (all groups), power with its exact 95 % Monte Carlo interval, the mean share of the
        place that survives, and how often something survives elsewhere.

    Raises:
        DataError: no place or no smoothness is given, or two; files at fault.
        DesignError: a place outside the mask, or fewer than three subjects.

    Examples:
        >>> import cuecircuit as cc, nibabel as nib, numpy as np
        >>> mask = nib.Nifti1Image(np.ones((10, 10, 8), np.uint8), np.diag([2, 2, 2, 1]))
        >>> power = cc.map_power(
        ...     mask, [8, 24], 1.0, center_mm=(10, 10, 8), fwhm_mm=4, voxel_p=0.005, studies=20, iterations=200
        ... )
        >>> power["n"].tolist(), bool(power["power"].is_monotonic_increasing)
        ([8, 24], True)
    """
    if (region is None) == (center_mm is None) or (fwhm_mm is None) == (acf is None):
        raise DataError(
            "map_power: expected one place (region= or center_mm=) and one smoothness (fwhm_mm= or acf=); give one of "
            "each"
        )
    inside, grid = mask_of(mask)
    if region is not None:
        labels = voxels_of([region], np.ones(inside.shape, bool), grid)[0].reshape(inside.shape)
        place = np.rint(np.nan_to_num(labels)) == label
    else:
        voxels = np.argwhere(np.ones(inside.shape, bool)).astype(float)
        away = grid.mm(voxels) - np.asarray(center_mm, float)
        place = (np.linalg.norm(away, axis=1) <= radius_mm).reshape(inside.shape)
    if acf is not None:
        autocorrelation = Autocorrelation(a=float(acf[0]), b_mm=float(acf[1]), c_mm=float(acf[2]))
    else:
        autocorrelation = gaussian_autocorrelation(float(fwhm_mm or 0.0))
    settings = CorrectionSettings(voxel_p=voxel_p, alpha=alpha, iterations=iterations, seed=seed, n_jobs=n_jobs)
    sizes = [n] if isinstance(n, int) else list(n)
    return simulated_map_power(
        inside, grid, autocorrelation, place, d=float(d), sizes=sizes, groups=groups, settings=settings, studies=studies
    )
