"""Residual maps and a mask to one line of smoothness."""

from pathlib import Path

import pandas as pd

from cuecircuit.clusters.smoothness import estimate_smoothness
from cuecircuit.errors import DataError
from cuecircuit.io.maps import read_maps
from cuecircuit.io.nifti import read_grid, read_mask


def smoothness_table(residuals_path: Path, mask_path: Path) -> pd.DataFrame:
    """Estimate the mixed ACF model and the classic FWHM of residual maps; one row.

    Raises:
        DataError: a file is missing, damaged or on another grid, or nothing in the mask varies.
    """
    mask, grid = read_mask(mask_path)
    _, volumes, _ = read_grid(residuals_path)
    names = [f"{residuals_path}#{volume}" for volume in range(volumes)] if volumes > 1 else [str(residuals_path)]
    try:
        estimated = estimate_smoothness(read_maps(names, Path(), mask, grid), mask, grid.voxel_mm)
    except DataError as error:
        error.add_note(f"in {residuals_path}")
        raise
    x, y, z = estimated.fwhm_axes_mm
    row = {
        "a": estimated.acf.a,
        "b_mm": estimated.acf.b_mm,
        "c_mm": estimated.acf.c_mm,
        "fwhm_mm": estimated.acf.fwhm_mm,
        "fwhm_x_mm": x,
        "fwhm_y_mm": y,
        "fwhm_z_mm": z,
        "fwhm_classic_mm": estimated.fwhm_classic_mm,
        "volumes": volumes,
        "voxels": estimated.voxels,
        "voxels_left_out": estimated.left_out,
    }
    return pd.DataFrame([row])
