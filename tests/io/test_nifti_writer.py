"""What other programs read from a map's header: intent and df, the codes of its space, millimeters."""

import nibabel as nib
import numpy as np
import pytest

from cuecircuit.io.nifti import grid_of, read_mask, write_volume


def mask(tmp_path, *, unit="mm", sform=4, qform=1, edge=2.0):
    image = nib.Nifti1Image(np.ones((4, 5, 6), np.uint8), np.diag([edge, edge, edge, 1]))
    image.header.set_sform(image.affine, code=sform)
    image.header.set_qform(image.affine, code=qform)
    image.header.set_xyzt_units(unit, "sec")
    image.to_filename(tmp_path / "mask.nii.gz")
    return tmp_path / "mask.nii.gz"


@pytest.mark.parametrize(("intent", "code", "parameters"), [
    (("f test", (2.0, 19.0)), 4, (2, 19)), (("t test", (19.0,)), 3, (19,)), (("z score", ()), 5, ()),
])  # fmt: skip
def test_a_statistic_carries_its_name_and_degrees_of_freedom(tmp_path, intent, code, parameters):
    _, grid = read_mask(mask(tmp_path))
    write_volume(tmp_path / "f.nii.gz", np.zeros((4, 5, 6), np.float32), grid, intent=intent)
    header = nib.load(tmp_path / "f.nii.gz").header
    assert int(header["intent_code"]) == code
    assert tuple(float(header[f"intent_p{k + 1}"]) for k in range(len(parameters))) == parameters


@pytest.mark.parametrize(("sform", "qform"), [(4, 4), (2, 0), (1, 1), (3, 1)])
def test_the_space_of_the_mask_is_that_of_the_map(tmp_path, sform, qform):
    _, grid = read_mask(mask(tmp_path, sform=sform, qform=qform))
    write_volume(tmp_path / "f.nii.gz", np.zeros((4, 5, 6), np.float32), grid)
    written = nib.load(tmp_path / "f.nii.gz")
    assert (int(written.header["sform_code"]), int(written.header["qform_code"])) == (sform, qform)
    np.testing.assert_allclose(written.affine, np.diag([2, 2, 2, 1]))


@pytest.mark.parametrize(("unit", "edge"), [("micron", 39.0), ("meter", 39e-6), ("mm", 0.039)])
def test_the_spatial_unit_of_the_header_is_read(tmp_path, unit, edge):
    _, grid = read_mask(mask(tmp_path, unit=unit, edge=edge))
    np.testing.assert_allclose(grid.voxel_mm, 0.039, rtol=1e-5)
    write_volume(tmp_path / "f.nii.gz", np.zeros((4, 5, 6), np.float32), grid)
    written = nib.load(tmp_path / "f.nii.gz")
    assert written.header.get_xyzt_units()[0] == "mm"
    assert grid_of(written).same_as(grid)
