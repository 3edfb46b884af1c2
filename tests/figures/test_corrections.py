import numpy as np
import pytest

from cuecircuit.figures.corrections import corrections_figure
from cuecircuit.figures.saving import rendered
from cuecircuit.records.grid import Grid

SHAPE = (16, 12, 10)
GRID = Grid(shape=SHAPE, affine=np.diag([0.5, 1.0, 0.5, 1.0]))
BRAIN = np.zeros(SHAPE, bool)
BRAIN[2:14, 1:11, 2:8] = True
F = np.where(BRAIN, np.arange(np.prod(SHAPE)).reshape(SHAPE) / 100.0, 0.0)
MANY = BRAIN & (F > 10)
FEW = BRAIN & (F > 14)


def drawn(survivors: dict[str, np.ndarray]):
    return corrections_figure(F, survivors, BRAIN, GRID, anatomy=F + 1, anatomy_grid=GRID, label="F(1, 18)")


def painted(axes) -> int:
    """Pixels of the statistic, the second picture of a slice."""
    return int((~np.ma.getmaskarray(axes.images[1].get_array())).sum())


def test_each_method_has_a_row_of_the_same_slices_with_its_name_and_count() -> None:
    figure = drawn({"Many": MANY, "Few": FEW, "None": np.zeros(SHAPE, bool)})
    slices = [axes for axes in figure.axes if axes.images]
    said = [text.get_text() for axes in slices for text in axes.texts]

    assert said == ["Many", f"{MANY.sum()} voxels", "Few", f"{FEW.sum()} voxels", "None", "0 voxels"]
    per_row = len(slices) // 3
    rows = [slices[start : start + per_row] for start in range(0, len(slices), per_row)]
    for column in zip(*rows, strict=True):
        many, few, none = map(painted, column)
        assert many >= few >= none == 0
    assert sum(painted(axes) for axes in rows[0]) > sum(painted(axes) for axes in rows[1]) > 0


def test_all_rows_share_one_scale_of_color_and_of_gray() -> None:
    slices = [axes for axes in drawn({"Many": MANY, "Few": FEW}).axes if axes.images]
    for picture in (0, 1):
        assert len({(axes.images[picture].norm.vmin, axes.images[picture].norm.vmax) for axes in slices}) == 1
    assert slices[0].images[1].norm.vmin == pytest.approx(F[MANY].min())


def test_nothing_survives_anywhere_and_it_is_still_drawn_without_a_bar() -> None:
    figure = drawn({"One": np.zeros(SHAPE, bool)})
    assert all(axes.images for axes in figure.axes)


def test_the_same_map_gives_the_same_bytes() -> None:
    assert rendered(drawn({"Few": FEW})) == rendered(drawn({"Few": FEW}))
