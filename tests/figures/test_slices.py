import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from scipy.spatial import cKDTree

from cuecircuit.figures.slices import color_scale, slices_figure
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


BRAIN = far(RAS, np.array([0.0, -3.0, 0.0])) < 4.6


def drawn(grid: Grid, statistic: np.ndarray | None = None, **options: object) -> Figure:
    distance = far(grid, BLOB_MM)
    brain = far(grid, np.array([0.0, -3.0, 0.0])) < 4.6
    significant = (distance < 1.3) & brain
    values = 20.0 - distance if statistic is None else statistic
    return slices_figure(
        values, significant, brain, grid, anatomy=far(FINE, np.zeros(3)), anatomy_grid=FINE, label="F(1, 18)",
        height=19.0, width_mm=60.0, **options,
    )  # pyright: ignore  # fmt: skip


def panels(figure: Figure) -> list[Axes]:
    """The axes of each quantity; all slices are one picture."""
    return [axes for axes in figure.axes if axes.images]


def captions(axes: Axes) -> list[Annotation]:
    return [text for text in axes.texts if isinstance(text, Annotation)]


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for axes in panels(figure) for text in captions(axes)]


def pixels(axes: Axes) -> np.ndarray:
    """Colors of each pixel, from below, between 0 and 1."""
    return np.asarray(axes.images[0].get_array()) / 255


def of_slices(axes: Axes, grid: Grid, brain: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The x and z of the pixels inside the brain on each slice, mm, and their colors."""
    mm = grid.mm(np.argwhere(brain).astype(float))
    low = mm.min(axis=0)[[0, 2]] - 0.5  # a voxel around
    wide = np.ptp(mm[:, 0]) + 1
    colors = pixels(axes)
    places = (np.argwhere(colors[..., 3] == 1)[:, ::-1] + 0.5) * axes.images[0].get_extent()[1] / colors.shape[1]
    inside = colors[colors[..., 3] == 1]
    slices = []
    for caption in captions(axes):
        middle, below = caption.xy
        shifted = places - (middle - wide / 2, below)
        here = (shifted >= 0).all(axis=1) & (shifted[:, 0] < wide) & (shifted[:, 1] < np.ptp(mm[:, 2]) + 1)
        slices.append((shifted[here] + low, inside[here]))
    return slices


def painted_mm(axes: Axes, grid: Grid) -> list[np.ndarray]:
    """Where each slice has a color of the scale itself, without gray of the anatomy in it."""
    warm = cKDTree(matplotlib.colormaps["inferno"](np.linspace(0.45, 0.97, 1024))[:, :3])
    return [
        mm[warm.query(colors[:, :3])[0] < 0.01]
        for mm, colors in of_slices(axes, grid, far(grid, np.array([0.0, -3.0, 0.0])) < 4.6)
    ]


@pytest.mark.parametrize("grid", [RAS, PERMUTED])
def test_a_planted_blob_appears_on_its_slice_and_its_side(grid: Grid) -> None:
    figure = drawn(grid)

    assert labels(figure) == ["−1.2", "−2.2", "−3.2"]
    for mm in painted_mm(panels(figure)[0], grid):
        # half a voxel
        np.testing.assert_allclose(mm.mean(axis=0), BLOB_MM[[0, 2]], atol=0.25)
    assert not panels(figure)[0].xaxis_inverted()


@pytest.mark.parametrize("grid", [RAS, PERMUTED])
def test_nothing_is_painted_off_the_significant_voxels(grid: Grid) -> None:
    figure = drawn(grid, positions_mm=[-2.2, 1.8])

    middle, elsewhere = painted_mm(panels(figure)[0], grid)
    reach = np.linalg.norm(middle - BLOB_MM[[0, 2]], axis=1).max()
    # the edge of a voxel whose center is within 1.3 mm
    assert reach < 1.3 + 0.36
    assert not len(elsewhere)
    assert labels(figure) == ["−2.2", "+1.8"]


def test_slices_that_begin_a_new_row_are_where_their_captions_are() -> None:
    axes = panels(drawn(RAS, positions_mm=[1.8, -2.2], columns=1))[0]

    first, second = (text.xy for text in captions(axes))
    assert first[0] == second[0]
    assert first[1] > second[1]
    assert [len(mm) > 0 for mm in painted_mm(axes, RAS)] == [False, True]
    (outline,) = axes.collections[0].get_paths()
    assert second[1] < outline.vertices[:, 1].min() < outline.vertices[:, 1].max() < first[1]  # pyright: ignore


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
    axes = panels(drawn(RAS, statistic=statistic, positions_mm=[-2.2]))[0]
    ((mm, colors),) = of_slices(axes, RAS, BRAIN)
    chroma = np.ptp(colors[:, :3], axis=1)
    opacity = chroma / chroma.max()  # anatomy is gray

    inside = np.linalg.norm(mm - BLOB_MM[[0, 2]], axis=1) < 1
    np.testing.assert_allclose(opacity[inside], 1)
    faint = opacity[(opacity > 0.02) & (opacity < 0.9)]
    # less at the edge of the brain alone
    assert faint.max() == pytest.approx(0.75 / 4, abs=0.01)
    assert np.median(faint) == pytest.approx(0.75 / 4, abs=0.01)
    (outline,) = axes.collections[0].get_paths()
    middle, below = captions(axes)[0].xy
    x, z = outline.vertices.T  # pyright: ignore
    z = z - below + RAS.mm(np.argwhere(BRAIN).astype(float))[:, 2].min() - 0.5
    np.testing.assert_allclose(np.hypot(x - middle - BLOB_MM[0], z - BLOB_MM[2]), 1.3, atol=0.36)


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

    assert len(painted_mm(panels(drawn(RAS, statistic=statistic))[0], RAS)[1])


def test_sides_are_marked_and_the_origin_is_named() -> None:
    figure = drawn(RAS, reference="the anterior commissure")

    marks = {text.get_text(): text.get_position()[0] for text in panels(figure)[0].texts}
    assert marks["L"] < marks["R"]
    assert figure.get_supxlabel() == "mm from the anterior commissure"


def test_without_a_cluster_the_brain_is_drawn_and_the_figure_says_so() -> None:
    brain = far(RAS, np.array([0.0, -3.0, 0.0])) < 4.6
    figure = slices_figure(
        np.zeros(RAS.shape), np.zeros(RAS.shape, bool), brain, RAS, anatomy=np.ones(FINE.shape), anatomy_grid=FINE,
        label="F(1, 18)", height=4.0, most=4,
    )  # fmt: skip

    assert "no cluster survives" in figure.get_supxlabel()
    assert len(figure.axes) == 1
    assert len(labels(figure)) == 4
    assert not any(len(mm) for mm in painted_mm(figure.axes[0], RAS))
    assert not figure.axes[0].collections


def test_an_effect_is_drawn_under_the_statistic_on_the_same_slices() -> None:
    statistic = 20.0 - far(RAS, BLOB_MM)
    effect = np.where(far(RAS, BLOB_MM) < 0.8, -2.0, 0.5)
    figure = drawn(RAS, statistic=statistic, effect=effect, effect_label="Effect, %: a - b")

    # one picture of three slices each, and their color bars
    above, below, *bars = figure.axes
    assert labels(figure) == ["−1.2", "−2.2", "−3.2"] * 2
    assert [text.get_text() for text in figure.texts] == ["F(1, 18)", "Effect, %: a - b", figure.get_supxlabel()]
    assert above.get_position().y0 > below.get_position().y1
    outlines = (axes.collections[0].get_paths()[0].vertices for axes in (above, below))
    np.testing.assert_array_equal(*outlines)
    mm, colors = of_slices(below, RAS, BRAIN)[1]
    distance = np.linalg.norm(mm - BLOB_MM[[0, 2]], axis=1)
    # fades with the statistic: there the effect is one value, and anatomy is gray
    chroma = np.ptp(colors[:, :3], axis=1)
    scale, norm = color_scale(np.array([-2.0, 0.5]))
    full = np.ptp(scale(norm(0.5))[:3])
    far_off = (distance > 2) & (np.linalg.norm(mm, axis=1) < 3)
    np.testing.assert_allclose(
        chroma[far_off] / full, 0.75 * np.minimum((20 - distance[far_off]) / 19, 1) ** 2, atol=0.03
    )
    # colored by its size around 0: cold in the middle of the blob, warm at its edge
    red, _, blue, _ = colors.T
    assert (blue > red)[distance < 0.4].all()
    assert (red > blue)[(distance > 1.2) & (distance < 1.3)].all()
    assert bars[1].get_ylim() == pytest.approx((-2.0, 2.0))
    assert [bar.get_title() for bar in bars] == ["", ""]
