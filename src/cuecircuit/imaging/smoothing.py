"""Gaussian smoothing in mm that stays inside a mask.

Normalized convolution (Knutsson & Westin 1993): smooth(x · mask) / smooth(mask). Voxels outside neither give nor
receive, so that the edge of the brain is not pulled toward the zeros around it. The Gaussian is cut at 4 σ.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from cuecircuit.arrays import Array, Bool, Float

_VOLUMES = 8  # whole boxes in memory at a time
FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))


def smooth_in_mask(
    values: Float[Array, "row voxel"],
    mask: Bool[Array, "x y z"],
    *,
    fwhm_mm: float,
    voxel_mm: Float[Array, "3"],
) -> Float[Array, "row voxel"]:
    """Smooth each row of values, given in the order of `volume[mask]`.

    Args:
        values: one row per volume, in-mask voxels only.
        mask: where the voxels lie.
        fwhm_mm: full width at half maximum of the Gaussian; 0 changes nothing.
        voxel_mm: edge lengths along the axes of the array.
    """
    if fwhm_mm == 0 or not mask.any():
        return values
    box = tuple(slice(hit.min(), hit.max() + 1) for hit in np.nonzero(mask))
    inside = mask[box]
    sigma = tuple(fwhm_mm / FWHM_PER_SIGMA / voxel_mm)
    weight = gaussian_filter(inside.astype(values.dtype), sigma, mode="constant")[inside]
    smooth = np.empty(values.shape[::-1], dtype=values.dtype).T  # voxel by voxel in memory, as scans are
    for start in range(0, len(values), _VOLUMES):
        rows = slice(start, start + _VOLUMES)
        volumes = np.zeros((len(values[rows]), *inside.shape), dtype=values.dtype)
        volumes[:, inside] = values[rows]
        smooth[rows] = gaussian_filter(volumes, (0.0, *sigma), mode="constant")[:, inside] / weight
    return smooth
