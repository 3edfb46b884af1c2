import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cuecircuit.imaging.resampling import coarser, on_grid, target_grid
from cuecircuit.records.grid import Grid

GRID = Grid(shape=(20, 30, 10), affine=np.array([[0.3, 0, 0, -4], [0, -0.3, 0, 5], [0, 0, 0.6, 1], [0, 0, 0, 1.0]]))


def places(grid):
    return grid.mm(np.argwhere(np.ones(grid.shape, bool)).astype(float))


def corner(grid):
    return grid.mm(np.array([[-0.5, -0.5, -0.5]]))[0]


def ramp(grid):
    return (places(grid) @ [1.0, 2.0, -1.0]).reshape(grid.shape)


@given(st.sampled_from([0.2, 0.3, 0.5, 1.0]))
def test_the_grid_of_the_results_has_cubes_and_covers_the_template(voxel_mm):
    found = target_grid(GRID, voxel_mm)

    np.testing.assert_allclose(found.voxel_mm, voxel_mm)
    np.testing.assert_allclose(corner(found), corner(GRID), atol=1e-9)
    edges = np.array(found.shape) * voxel_mm - np.array(GRID.shape) * GRID.voxel_mm
    assert ((edges > -1e-9) & (edges < voxel_mm + 1e-9)).all()


def test_a_ramp_in_space_keeps_its_values_on_another_grid():
    target = target_grid(GRID, 0.5)

    found = on_grid(ramp(GRID), GRID, target, labels=False)

    inner = (slice(1, -1),) * 3
    np.testing.assert_allclose(found[inner], ramp(target)[inner], atol=1e-9)


@given(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.integers(0, 4))
def test_no_voxel_at_the_border_is_lost_to_rounding_on_a_grid_of_whole_voxels_off(first, second, planes):
    turned = np.eye(4)
    turned[:3, :3] = Rotation.from_rotvec([first, second, 0.1]).as_matrix()
    grid = Grid(shape=GRID.shape, affine=turned @ GRID.affine)
    shifted = grid.affine.copy()
    shifted[:3, 3] = grid.mm(np.array([[planes, 0.0, 0.0]]))[0]
    target = Grid(shape=(GRID.shape[0] - planes, *GRID.shape[1:]), affine=shifted)
    values = np.random.default_rng(0).uniform(1, 2, GRID.shape)

    found = on_grid(values, grid, target, labels=False)

    np.testing.assert_allclose(found, values[planes:], rtol=1e-12)


def test_labels_are_never_mixed():
    labels = np.random.default_rng(0).choice([0, 3, 40], GRID.shape).astype(np.int32)

    found = on_grid(labels, GRID, target_grid(GRID, 0.37), labels=True)

    assert found.dtype == labels.dtype
    assert set(np.unique(found)) == {0, 3, 40}


def test_coarser_voxels_average_what_lies_between_them():
    fine = Grid(shape=(60, 60, 60), affine=np.diag([0.1, 0.1, 0.1, 1.0]))
    target = target_grid(fine, 0.5)
    noise = np.random.default_rng(1).normal(size=fine.shape)
    inner = (slice(2, -2),) * 3

    read, averaged = on_grid(noise, fine, target, labels=False), coarser(noise, fine, target)

    # white noise under a Gaussian of FWHM 0.49 mm, sigma 2.08 voxels, keeps (2 sqrt(pi) 2.08)^-1.5 = 0.05 of its SD
    assert averaged[inner].std() < 0.1 < read[inner].std()
    np.testing.assert_allclose(coarser(ramp(fine), fine, target)[inner], ramp(target)[inner], atol=1e-6)


def test_voxels_that_are_no_finer_are_read_as_they_are():
    image = np.random.default_rng(2).normal(size=GRID.shape)

    np.testing.assert_allclose(coarser(image, GRID, GRID), image)
