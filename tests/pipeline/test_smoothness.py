import nibabel as nib
import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.pipeline.smoothness import smoothness_table


def test_the_smoothness_of_a_file_is_that_of_3dfwhmx(reference):
    table = smoothness_table(reference / "fwhmx/resid_4d.nii.gz", reference / "clustsim/w1_mask.nii.gz")

    classic, mixed = np.loadtxt(reference / "fwhmx/stdout.txt")
    columns = ["fwhm_x_mm", "fwhm_y_mm", "fwhm_z_mm", "fwhm_classic_mm"]
    np.testing.assert_allclose(table[columns].to_numpy()[0], classic, rtol=2e-6)  # printed to 6 digits
    # c hardly matters where a is at its bound; its FWHM is interpolated between distances (tests of the model)
    np.testing.assert_allclose(table[["a", "b_mm", "c_mm"]].to_numpy()[0], mixed[:3], rtol=0.02)
    assert table["fwhm_mm"][0] == pytest.approx(mixed[3], rel=0.01)
    assert table["volumes"][0] == 84
    assert table["voxels"][0] == 19_992


def test_residuals_on_another_grid_than_the_mask_are_refused(tmp_path):
    for name, shape in (("residuals.nii.gz", (6, 6, 6, 3)), ("mask.nii.gz", (5, 6, 6))):
        nib.save(nib.Nifti1Image(np.ones(shape, np.float32), np.eye(4)), tmp_path / name)

    with pytest.raises(DataError, match="grid"):
        smoothness_table(tmp_path / "residuals.nii.gz", tmp_path / "mask.nii.gz")
