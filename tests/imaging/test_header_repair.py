import numpy as np

from cuecircuit.imaging.header_repair import repair_grid
from cuecircuit.records.grid import Grid


def test_a_header_ten_times_too_large_is_scaled_back_and_said():
    grid = Grid(
        shape=(70, 70, 24), affine=np.array([[5.0, 0, 0, -177.5], [0, -5, 0, 191.5], [0, 0, 5, 6.7], [0, 0, 0, 1]])
    )

    found = repair_grid(grid, voxel_scale=0.1)

    np.testing.assert_allclose(found.grid.voxel_mm, 0.5)
    np.testing.assert_allclose(found.grid.affine[:3, 3], [-17.75, 19.15, 0.67])
    assert found.log == ("lengths × 0.1: voxels of 5 × 5 × 5 mm became 0.5 × 0.5 × 0.5 mm",)


def test_a_missing_origin_becomes_the_middle_of_the_volume():
    found = repair_grid(Grid(shape=(64, 64, 20), affine=np.diag([0.5, 0.5, 1.0, 1.0])), origin="center")

    np.testing.assert_allclose(found.grid.mm(np.array([[31.5, 31.5, 9.5]])), 0)
    assert "became (-15.75, -15.75, -9.5) mm" in found.log[0]


def test_nothing_is_mended_unasked():
    grid = Grid(shape=(4, 4, 4), affine=np.diag([5.0, 5.0, 5.0, 1.0]))

    found = repair_grid(grid)

    assert found.log == ()
    assert found.grid.same_as(grid)
