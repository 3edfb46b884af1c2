import numpy as np
import pytest

from cuecircuit.figures.planes import Planes, choose_slices, coronal_step_mm, cut, frame
from cuecircuit.records.grid import Grid

RAS = Grid(shape=(12, 9, 10), affine=np.array([[0.5, 0, 0, -3], [0, 1.0, 0, -7], [0, 0, 0.5, -2], [0, 0, 0, 1]]))
# the same mm box, stored left to right reversed and with y last: i to -x, j to z, k to y
PERMUTED = Grid(shape=(12, 10, 9), affine=np.array([[-0.5, 0, 0, 2.5], [0, 0, 1.0, -7], [0, 0.5, 0, -2], [0, 0, 0, 1]]))


def ramp(grid: Grid) -> np.ndarray:
    mm = grid.mm(np.argwhere(np.ones(grid.shape, bool)).astype(float))
    return (mm @ [1.0, 10.0, 100.0]).reshape(grid.shape)


@pytest.mark.parametrize("grid", [RAS, PERMUTED])
@pytest.mark.parametrize("order", [1, 3])
def test_a_linear_field_is_cut_to_its_own_values_whatever_the_order_of_axes(grid: Grid, order: int) -> None:
    # away from the edge, where the cubic spline's mirror begins to show
    planes = Planes(x=np.array([-0.3, 0.0, 0.2]), y=np.array([-4.0, -3.0]), z=np.array([0.1, 0.5]))
    expected = planes.x + 10 * planes.y[:, None, None] + 100 * planes.z[:, None]

    # a ramp is no fixed point of the mirrored cubic spline; its error decays by .27 a voxel from the edge
    np.testing.assert_allclose(cut(ramp(grid), grid, planes, order=order), expected, atol=1e-9 if order == 1 else 0.5)


@pytest.mark.parametrize("grid", [RAS, PERMUTED])
def test_slices_lie_in_the_voxel_centers_of_the_mask_anterior_first(grid: Grid) -> None:
    mm = grid.mm(np.argwhere(np.ones(grid.shape, bool)).astype(float)).reshape(*grid.shape, 3)
    mask = (mm[..., 1] > -6.5) & (mm[..., 1] < -2.5)

    np.testing.assert_allclose(choose_slices(mask, grid, most=10), [-3, -4, -5, -6])
    assert coronal_step_mm(grid) == 1.0


def test_too_many_slices_are_thinned_evenly_with_both_ends_kept() -> None:
    np.testing.assert_allclose(choose_slices(np.ones(RAS.shape, bool), RAS, most=3), [1, -3, -7])


def test_slices_between_two_clusters_are_left_out() -> None:
    mask = np.zeros(RAS.shape, bool)
    mask[3, [1, 7], 3] = True

    np.testing.assert_allclose(choose_slices(mask, RAS, most=10), [0, -6])


def test_frame_holds_the_mask_and_one_voxel_around_it_in_square_pixels() -> None:
    mask = np.zeros(PERMUTED.shape, bool)
    mask[2:6, 3:5, 4] = True
    planes = frame(mask, PERMUTED, np.array([-3.0]), pixels_across=50)

    # x of the voxels: 1.5 … 0.0; z: -0.5 … 0.0
    np.testing.assert_allclose(planes.extent, [-0.5, 2.0, -1.0, 0.5])
    assert planes.x[1] - planes.x[0] == pytest.approx(planes.z[1] - planes.z[0])


def test_outside_and_undefined_voxels_are_zero() -> None:
    volume = np.full(RAS.shape, np.nan)
    planes = Planes(x=np.array([0.0, 50.0]), y=np.array([-3.0]), z=np.array([0.0, 0.5]))

    np.testing.assert_array_equal(cut(volume, RAS, planes, order=1), 0)


def test_cubic_sampling_stays_within_the_values_of_the_volume() -> None:
    rng = np.random.default_rng(0)
    volume = (rng.random(RAS.shape) > 0.5).astype(float)
    planes = Planes(x=np.linspace(-2, 2, 40), y=np.array([-3.0, -2.5]), z=np.linspace(-1, 2, 40))
    sampled = cut(volume, RAS, planes, order=3)

    assert sampled.min() >= 0
    assert sampled.max() <= 1


@pytest.mark.parametrize("grid", [RAS, PERMUTED])
@pytest.mark.parametrize("order", [0, 1, 3])
def test_a_grid_along_the_axes_is_cut_as_one_that_is_turned_by_next_to_nothing(grid: Grid, order: int) -> None:
    # the second is sampled point by point, by SciPy's spline of three dimensions
    turn = np.eye(4)
    turn[:2, :2] += [[0, -1e-7], [1e-7, 0]]
    turned = Grid(shape=grid.shape, affine=turn @ grid.affine)
    volume = np.random.default_rng(3).standard_normal(grid.shape)
    # no pixel between two voxels or on the outermost ones, where next to nothing decides
    planes = Planes(x=np.arange(-3.41, 3, 0.17), y=np.array([-8.2, -3.3, 0.2]), z=np.arange(-2.43, 3, 0.19))

    found, expected = (cut(volume, each, planes, order=order) for each in (grid, turned))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert not found[0].any()
    assert found[1].any()
