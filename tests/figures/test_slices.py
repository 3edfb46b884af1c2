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
        values, significant, brain, grid, anatomy=far(FINE, np.zeros(3)), anatomy_grid=FINE, label="F(1, 18)",
        height=19.0, **options,
    )  # pyright: ignore  # fmt: skip


def labels(figure: Figure) -> list[str]:
    return [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]


def painted_mm(axes: Axes) -> np.ndarray:
    image = axes.images[1]
    left, right, bottom, top = image.get_extent()
    lit = np.asarray(image.get_array())[..., 3] == 1.0
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

    assert figure.axes[-1].get_ylim() == pytest.approx((20 - inside.max(), 20 - inside.min()))
    assert figure.axes[-1].get_title() == "F(1, 18)"


def test_a_map_of_both_signs_is_centered_on_zero() -> None:
    signed = far(RAS, BLOB_MM) - 0.6
    low, high = drawn(RAS, statistic=signed).axes[-1].get_ylim()

    assert low == -high


def test_what_does_not_survive_fades_with_the_square_of_its_size_and_survivors_are_outlined() -> None:
    statistic = np.full(RAS.shape, 9.5)  # half the height
    middle = drawn(RAS, statistic=statistic, positions_mm=[-2.2]).axes[0]
    opacity = np.asarray(middle.images[1].get_array())[..., 3]

    faint = opacity[(opacity > 0) & (opacity < 1)]
    assert (
        faint.max() == pytest.approx(np.median(faint)) == pytest.approx(0.75 / 4)
    )  # less at the edge of the brain alone
    (outline,) = middle.collections[0].get_paths()
    x, z = outline.vertices.T  # pyright: ignore
    np.testing.assert_allclose(np.hypot(x - BLOB_MM[0], z - BLOB_MM[2]), 1.3, atol=0.36)


def test_the_slice_of_every_peak_is_drawn_also_where_slices_are_few() -> None:
    brain = far(RAS, np.array([0.0, -3.0, 0.0])) < 6
    significant = brain & (np.abs(RAS.mm(np.indices(RAS.shape).reshape(3, -1).T.astype(float))[:, 0]) > 1).reshape(
        RAS.shape
    )
    statistic = np.ones(RAS.shape)
    statistic[4, 7, 10], statistic[20, 9, 10] = -193.0, 80.0
    figure = slices_figure(
        statistic,
        significant,
        brain,
        RAS,
        anatomy=np.ones(FINE.shape),
        anatomy_grid=FINE,
        label="z",
        height=3.0,
        most=2,
    )

    assert labels(figure) == ["−0.2", "−2.2"]  # y of voxels 9 and 7


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
        label="F(1, 18)", height=4.0, most=4,
    )  # fmt: skip

    assert "no cluster survives" in figure.get_supxlabel()
    assert len(figure.axes) == 4
    assert not any(len(painted_mm(axes)) for axes in figure.axes)


def test_an_effect_is_drawn_under_the_statistic_on_the_same_slices() -> None:
    statistic = 20.0 - far(RAS, BLOB_MM)
    effect = np.where(far(RAS, BLOB_MM) < 0.8, -2.0, 0.5)
    figure = drawn(RAS, statistic=statistic, effect=effect, effect_label="Effect, %: a - b")

    # three slices of each, and their color bars
    z, sizes, bars = figure.axes[:3], figure.axes[3:6], figure.axes[6:]
    assert labels(figure) == ["−1.2", "−2.2", "−3.2"] * 2
    assert [text.get_text() for text in figure.texts] == ["F(1, 18)", "Effect, %: a - b", figure.get_supxlabel()]
    for above, below in zip(z, sizes, strict=True):
        upper, lower = (np.asarray(axes.images[1].get_array()) for axes in (above, below))
        np.testing.assert_array_equal(upper[..., 3], lower[..., 3])  # fades with the statistic
        assert above.get_position().y0 > below.get_position().y1
        outlines = (axes.collections[0].get_paths()[0].vertices for axes in (above, below))
        np.testing.assert_array_equal(*outlines)
    # colored by its size around 0: cold in the middle of the blob, warm at its edge
    colors = np.asarray(sizes[1].images[1].get_array())
    lit = colors[..., 3] == 1
    assert {"cold", "warm"} == {"cold" if b > r else "warm" for r, _, b in colors[lit][:, :3]}
    assert bars[1].get_ylim() == pytest.approx((-2.0, 2.0))
    assert [bar.get_title() for bar in bars] == ["", ""]
