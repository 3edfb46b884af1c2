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

    values = np.nan_to_num(mean).astype(np.float32)
    fault = "no voxel of the mean image is brighter than the others; name a mask (space.mask)"
    if values.max() == values.min():
        raise DataError(fault)
    with warnings.catch_warnings():
        warnings.simplefilter("error", MaskWarning)
        try:
            # no opening: it would wear away scans of few slices
            mask_image = compute_epi_mask(nib.Nifti1Image(values, np.eye(4)), opening=False)
        except (MaskWarning, ValueError) as error:
            raise DataError(fault) from error
    return np.asarray(mask_image.dataobj) > 0
