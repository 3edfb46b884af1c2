"""Maps of many files and volumes become one array."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.nifti1 import Nifti1Image

from cuecircuit.errors import DataError
from cuecircuit.io.maps import read_maps
from cuecircuit.records.grid import Grid

AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])
MASK = np.ones((4, 3, 2), bool)
GRID = Grid(shape=(4, 3, 2), affine=AFFINE)


@pytest.mark.parametrize("shape", [(4, 3, 2, 5), (4, 3, 2, 1, 5)])
def test_volumes_along_the_fourth_or_the_fifth_axis_are_maps(tmp_path: Path, shape: tuple[int, ...]):
    maps = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    nib.save(Nifti1Image(maps, AFFINE), tmp_path / "maps.nii.gz")  # pyright: ignore[reportPrivateImportUsage]

    y = read_maps(["maps.nii.gz#3", "maps.nii.gz#0"], tmp_path, MASK, GRID)

    np.testing.assert_array_equal(y, [maps[..., 3].ravel(), maps[..., 0].ravel()])
    with pytest.raises(DataError, match="the file has 5 volumes, counted from 0"):
        read_maps(["maps.nii.gz#5"], tmp_path, MASK, GRID)
    with pytest.raises(DataError, match=r"5 volumes; name one as maps.nii.gz#0 to #4"):
        read_maps(["maps.nii.gz"], tmp_path, MASK, GRID)


@pytest.mark.parametrize("more", [(), (1,), (1, 1)])
def test_one_volume_may_have_further_axes_of_one(tmp_path: Path, more: tuple[int, ...]):
    one = np.random.default_rng(1).normal(size=(4, 3, 2)).astype(np.float32)
    nib.save(Nifti1Image(one.reshape(4, 3, 2, *more), AFFINE), tmp_path / "map.nii")  # pyright: ignore[reportPrivateImportUsage]

    np.testing.assert_array_equal(read_maps(["map.nii"], tmp_path, MASK, GRID), [one.ravel()])


@pytest.mark.parametrize("stored", ["f4", "i2", "u1", "f8", "i4"])
def test_values_are_those_stored_in_whatever_precision(tmp_path: Path, stored: str):
    values = (np.random.default_rng(2).normal(size=(4, 3, 2)) * 50 + 100 + (1e6 if stored in "f8 i4" else 0)).astype(
        stored
    )
    image = Nifti1Image(values, AFFINE)
    image.header.set_slope_inter(1, 0)
    nib.save(image, tmp_path / "map.nii.gz")  # pyright: ignore[reportPrivateImportUsage]

    y = read_maps(["map.nii.gz"], tmp_path, MASK, GRID)

    np.testing.assert_array_equal(y[0].astype(stored), values.ravel())
    assert y.dtype == (np.float64 if stored in ("f8", "i4") else np.float32)
