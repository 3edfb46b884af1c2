"""aCompCor: principal components of the series of white matter and ventricles (Behzadi et al. 2007, NeuroImage 37:90).

Where no neurons answer the cue, what many voxels share is pulse, breath, motion and scanner. Each voxel's series loses
its mean and the drift that is removed anyway, and is scaled to unit variance; the first left singular vectors over
the volumes that count are the regressors. Their sign is chosen so that the largest value is positive.
"""

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Float64
from cuecircuit.errors import DataError


def principal_components(
    data: Float[Array, "volume voxel"],
    n_components: int,
    *,
    drift: Float64[Array, "volume column"] | None = None,
    keep: Bool[Array, "volume"] | None = None,
) -> Float64[Array, "volume component"]:
    """Return the first components of a tissue; of volumes that do not count they follow from the weights of the others.

    Args:
        data: series of the tissue's voxels.
        n_components: how many.
        drift: columns removed first.
        keep: volumes that count (False: censored).

    Raises:
        DataError: fewer components exist than are asked for.
    """
    keep = np.ones(len(data), dtype=bool) if keep is None else keep
    columns = [np.ones((len(data), 1)), *([] if drift is None else [drift])]
    nuisance = np.hstack(columns)
    series = data.astype(np.float64)
    series -= nuisance @ np.linalg.lstsq(nuisance[keep], series[keep], rcond=None)[0]
    scale = series[keep].std(axis=0)
    series = series[:, scale > 0] / scale[scale > 0]
    values, vectors = np.linalg.eigh(series[keep] @ series[keep].T)
    # squares below rounding of the largest one span nothing
    rank = int((values > 1e-10 * values.max(initial=0.0)).sum())
    if rank < n_components:
        raise DataError(
            f"{n_components} components are asked for (nuisance.acompcor), the tissue's {series.shape[1]} voxels "
            f"with signal span {rank}; ask for fewer or give a larger tissue mask"
        )
    leading = np.arange(len(values) - 1, len(values) - 1 - n_components, -1)
    components = series @ (series[keep].T @ vectors[:, leading]) / values[leading]
    counted = components[keep]
    return components * np.sign(counted[np.abs(counted).argmax(axis=0), np.arange(n_components)])
