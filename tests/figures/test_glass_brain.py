import numpy as np
import pytest

from cuecircuit.figures.glass_brain import glass_brain_figure, surface, viewer
from cuecircuit.records.grid import Grid

AFFINES = {
    "RAS": np.array([[0.5, 0, 0, -10], [0, 0.8, 0, -16], [0, 0, 0.5, -10], [0, 0, 0, 1]]),
    "mirrored": np.array([[-0.5, 0, 0, 10], [0, 0.8, 0, -16], [0, 0, 0.5, -10], [0, 0, 0, 1]]),
    "permuted": np.array([[0, 0, 0.5, -10], [0, 0.8, 0, -16], [0.5, 0, 0, -10], [0, 0, 0, 1]]),
}
SHAPE = (41, 41, 41)


def ball(grid: Grid, center: list[float], radius: float) -> np.ndarray:
    mm = grid.mm(np.argwhere(np.ones(grid.shape, bool)).astype(float))
    return (np.linalg.norm(mm - center, axis=1) < radius).reshape(grid.shape)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=list(AFFINES))
def test_surface_of_a_ball_lies_at_its_radius_in_mm_with_normals_outward(affine: np.ndarray) -> None:
    grid = Grid(shape=SHAPE, affine=affine)
    center = np.array([2.0, -3.0, 1.0])
    wrapped = surface(ball(grid, center.tolist(), 6.0), grid, step_mm=0.4)

    out = wrapped.corners.reshape(-1, 3) - center
    # the mask itself is known only to half a voxel
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 6.0, atol=0.4)
    middle = wrapped.corners.mean(axis=1) - center
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", middle, wrapped.normals).min() > 0.8


def test_a_single_voxel_still_has_a_surface() -> None:
    grid = Grid(shape=SHAPE, affine=AFFINES["RAS"])
    mask = np.zeros(SHAPE, bool)
    mask[20, 20, 20] = True

    center = surface(mask, grid, step_mm=0.3).corners.mean(axis=(0, 1))
    np.testing.assert_allclose(center, grid.mm(np.array([[20.0, 20, 20]]))[0], atol=0.05)


def test_viewer_stands_where_the_angles_say() -> None:
    right, toward, up = viewer(90.0, 0.0)

    # in front of the animal: it faces the viewer, so its right is on the viewer's left
    np.testing.assert_allclose(toward, [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(right, [-1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(up, [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(viewer(130.0, 25.0) @ viewer(130.0, 25.0).T, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=list(AFFINES))
def test_a_region_on_the_right_is_painted_on_the_right_when_seen_from_behind(affine: np.ndarray) -> None:
    grid = Grid(shape=SHAPE, affine=affine)
    figure = glass_brain_figure(
        ball(grid, [4.0, 0, 0], 2.5), ball(grid, [0, 0, 0], 8.5), grid, title="Amygdala", color="#D55E00",
        azimuth=-90.0, elevation=0.0,
    )  # fmt: skip

    image = figure.axes[0].images[0]
    picture, (left, right, _, _) = np.asarray(image.get_array()), image.get_extent()
    orange = picture[..., 0] - picture[..., 2] > 0.3
    columns = np.nonzero(orange)[1]
    x = left + (columns + 0.5) / picture.shape[1] * (right - left)
    assert x.mean() == pytest.approx(4.0, abs=0.2)
    assert np.ptp(x) == pytest.approx(5.0, abs=0.6)
    assert figure.axes[0].get_title() == "Amygdala"


def test_scale_bar_has_the_length_it_names() -> None:
    grid = Grid(shape=SHAPE, affine=AFFINES["RAS"])
    figure = glass_brain_figure(ball(grid, [0, 0, 0], 3), ball(grid, [0, 0, 0], 8.5), grid)

    bar = next(line for line in figure.axes[0].lines if line.get_gid() == "scale")
    length = float(np.ptp(np.asarray(bar.get_xdata(), dtype=float)))
    assert f"{length:g} mm" in {text.get_text() for text in figure.axes[0].texts}
    assert {"R", "A", "S"} <= {text.get_text() for text in figure.axes[0].texts}
