"""Voxels of the head in a scan that nobody has a mask for: those brighter than the gap between air and tissue.

The threshold lies in the widest gap of the sorted values of the mean image (nilearn's compute_epi_mask, after
T. Nichols); the largest connected part is kept. A head that is not stripped of skull and muscle is taken whole.
"""

import warnings

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError


def bright_voxels(mean: Float[Array, "x y z"]) -> Bool[Array, "x y z"]:
    """Return the voxels of the head.

    Args:
        mean: over the volumes of a scan.

    Raises:
        DataError: no voxel is brighter than the others.
    """
    import nibabel as nib
    from nilearn.exceptions import MaskWarning
    from nilearn.masking import compute_epi_mask

    image = nib.Nifti1Image(np.nan_to_num(mean).astype(np.float32), np.eye(4))
    with warnings.catch_warnings():
        warnings.simplefilter("error", MaskWarning)
        try:
            # no opening: it would wear away scans of few slices
            found = compute_epi_mask(image, opening=False, ensure_finite=False)
        except (MaskWarning, ValueError, TypeError) as error:
            raise DataError(f"no voxel of the mean image is brighter than the others ({error})") from error
    mask = np.asarray(found.dataobj) > 0
    if not mask.any():
        raise DataError("no voxel of the mean image is brighter than the others; name a mask (space.mask)")
    return mask
