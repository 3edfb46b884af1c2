import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cuecircuit.figures.slices import slices_figure
from cuecircuit.records.grid import Grid

RAS = Grid(shape=(25, 14, 20), affine=np.array([[0.5, 0, 0, -6], [0, 1.0, 0, -9.2], [0, 0, 0.5, -5], [0, 0, 0, 1]]))
PERMUTED = Grid(
    shape=(25, 20, 14), affine=np.array([[-0.5, 0, 0, 6], [0, 0, 1.0, -9.2], [0, 0.5, 0, -5], [0, 0, 0, 1]])
)
FINE = Grid(shape=(52, 62, 42), affine=np.array([[0, 0.2, 0, -6], [0.3, 0, 0, -10], [0, 0, 0.25, -5], [0, 0, 0, 1.0]]))
# left, 2.2 mm behind the origin, above the middle
BLOB_MM = np.array([-2.5, -2.2, 1.0])


def far(grid: Grid, center: np.ndarray) -> np.ndarray:
    mm = grid.mm(np.argwhere(np.ones(grid.shape, bool)).astype(float))
    return np.linalg.norm(mm - center, axis=1).reshape(grid.shape)


def drawn(grid: Grid, statistic: np.ndarray | None = None, **options: object) -> Figure:
    distance = far(grid, BLOB_MM)
    brain = far(grid, np.array([0.0, -3.0, 0.0])) < 4.6
    significant = (distance < 1.3) & brain
    values = 20.0 - distance if statistic is None else statistic
    return slices_figure(
        values, significant, brain, grid, anatomy=far(FINE, np.zeros(3)), anatomy_grid=FINE, label="F(1, 18)", **options
    )  # pyright: ignore


def labels(figure: Figure) -> list[str]:
    return [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]


def painted_mm(axes: Axes) -> np.ndarray:
    image = axes.images[1]
    left, right, bottom, top = image.get_extent()
    lit = ~np.ma.getmaskarray(image.get_array())
    rows, columns = np.nonzero(lit)
    x = left + (columns + 0.5) / lit.shape[1] * (right - left)
    z = bottom + (rows + 0.5) / lit.shape[0] * (top - bottom)
    return np.column_stack([x, z])


@pytest.mark.parametrize("grid", [RAS, PERMUTED])
def test_a_planted_blob_appears_on_its_slice_and_its_side(grid: Grid) -> None:
    figure = drawn(grid)

    assert labels(figure) == ["−1.2", "−2.2", "−3.2"]
    for axes in figure.axes[:3]:
        center = painted_mm(axes).mean(axis=0)
        # half a voxel
        np.testing.assert_allclose(center, BLOB_MM[[0, 2]], atol=0.25)
        assert axes.images[1].origin == "lower"
        assert not axes.xaxis_inverted()


@pytest.mark.parametrize("grid", [RAS, PERMUTED])
def test_nothing_is_painted_off_the_significant_voxels(grid: Grid) -> None:
    figure = drawn(grid, positions_mm=[-2.2, 1.8])

    middle, elsewhere = figure.axes[:2]
    reach = np.linalg.norm(painted_mm(middle) - BLOB_MM[[0, 2]], axis=1).max()
    # the edge of a voxel whose center is within 1.3 mm
    assert reach < 1.3 + 0.36
    assert not len(painted_mm(elsewhere))
    assert labels(figure) == ["−2.2", "+1.8"]


def test_colors_run_from_the_least_to_the_largest_significant_value() -> None:
    figure = drawn(RAS)
    inside = far(RAS, BLOB_MM)[far(RAS, BLOB_MM) < 1.3]

    scale = figure.axes[0].images[1].norm
    assert (scale.vmin, scale.vmax) == pytest.approx((20 - inside.max(), 20 - inside.min()))
    assert figure.axes[-1].get_title() == "F(1, 18)"


def test_a_map_of_both_signs_is_centered_on_zero() -> None:
    signed = far(RAS, BLOB_MM) - 0.6
    scale = drawn(RAS, statistic=signed).axes[0].images[1].norm

    assert scale.vmin == -scale.vmax  # pyright: ignore


def test_undefined_voxels_outside_the_brain_do_no_harm() -> None:
    statistic = np.where(far(RAS, np.array([0.0, -3.0, 0.0])) < 4.6, 20 - far(RAS, BLOB_MM), np.nan)

    assert len(painted_mm(drawn(RAS, statistic=statistic).axes[1]))


def test_sides_are_marked_and_the_origin_is_named() -> None:
    figure = drawn(RAS, reference="the anterior commissure")

    marks = {text.get_text(): text.get_position()[0] for text in figure.axes[0].texts}
    assert marks["L"] < marks["R"]
    assert figure.get_supxlabel() == "mm from the anterior commissure"


def test_without_a_cluster_the_brain_is_drawn_and_the_figure_says_so() -> None:
    brain = far(RAS, np.array([0.0, -3.0, 0.0])) < 4.6
    figure = slices_figure(
        np.zeros(RAS.shape), np.zeros(RAS.shape, bool), brain, RAS, anatomy=np.ones(FINE.shape), anatomy_grid=FINE,
        label="F(1, 18)", most=4,
    )  # fmt: skip

    assert "no cluster survives" in figure.get_supxlabel()
    assert len(figure.axes) == 4
    assert not any(len(painted_mm(axes)) for axes in figure.axes)
