"""Matrix and connectogram: what is drawn is what was given."""

import numpy as np
import pytest

from cuecircuit.figures.edges import connectogram_figure, matrix_figure
from cuecircuit.records.grid import Grid

PAIRS = np.array([[0, 1], [0, 2], [1, 2]])
NAMES = ["NAc", "PVN", "BLA"]
VALUES = np.array([1.5, -3.0, np.nan])


def test_every_edge_is_in_both_of_its_places_and_survivors_are_marked():
    figure = matrix_figure(VALUES, PAIRS, NAMES, measure="t", outlined=np.array([True, False, False]))
    axes = figure.axes[0]
    shown = np.ma.filled(axes.images[0].get_array().astype(float), np.nan)
    expected = np.array([[np.nan, 1.5, -3], [1.5, np.nan, np.nan], [-3, np.nan, np.nan]])
    np.testing.assert_array_equal(shown, expected)
    assert axes.images[0].get_clim() == (-3.0, 3.0)
    marks = next(line for line in axes.lines if line.get_gid() == "survivors").get_xydata()
    assert {tuple(place) for place in marks.tolist()} == {(0.0, 1.0), (1.0, 0.0)}
    assert [label.get_text() for label in axes.get_yticklabels()] == NAMES


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1)])
@pytest.mark.parametrize("turned", [1.0, -1.0])
def test_edges_join_their_regions_inside_the_outline(turned, order):
    mask = np.zeros((9, 7, 8), bool)
    mask[1:8, 1:6, 2:7] = True
    affine = np.eye(4)
    affine[:3, :3] = np.diag([turned, 1.0, 1.0])[:, order]
    grid = Grid(shape=mask.shape, affine=affine)
    places = grid.mm(np.array([[2.0, 3, 3], [4, 3, 5], [6, 3, 3]]))
    figure = connectogram_figure(VALUES[:2], PAIRS[:2], NAMES, places_mm=places, brain=(mask, grid))
    axes = figure.axes[0]
    lines = {line.get_gid(): line for line in axes.lines}
    np.testing.assert_allclose(lines["edge-0-1"].get_xydata(), places[[0, 1]][:, [0, 2]])
    assert lines["edge-0-1"].get_color() != lines["edge-0-2"].get_color()
    assert lines["edge-0-1"].get_linewidth() < lines["edge-0-2"].get_linewidth()
    outline = np.concatenate([path.vertices for path in axes.collections[0].get_paths()])
    x, z = grid.mm(np.argwhere(mask).astype(float))[:, [0, 2]].T
    assert outline[:, 0].min() == pytest.approx(x.min() - 0.5)
    assert outline[:, 1].max() == pytest.approx(z.max() + 0.5)
    low, high = axes.get_xlim()
    assert low < outline[:, 0].min()
    assert outline[:, 0].max() < high


def test_without_places_regions_are_on_a_ring():
    axes = connectogram_figure(VALUES[:1], PAIRS[:1], NAMES).axes[0]
    dots = np.array([line.get_xydata()[0] for line in axes.lines if line.get_marker() == "o"])
    np.testing.assert_allclose(np.linalg.norm(dots, axis=1), 1)
    assert [text.get_text() for text in axes.texts] == ["NAc", "PVN"]
