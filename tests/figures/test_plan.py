import numpy as np
from matplotlib.figure import Figure

from cuecircuit.figures.plan import Curve, Panel, curves_figure

ANIMALS = (12, 16, 24)


def curve(name: str, label: str, y: list[float], band: bool = False) -> Curve:
    values = np.array(y, float)
    low, high = (values - 0.1, values + 0.1) if band else (None, None)
    return Curve(name=name, label=label, y=values, low=low, high=high)


def drawn(panels: int = 1, **options: object) -> Figure:
    curves = (
        curve("a", "group", [0.2, 0.5, 0.9], band=True),
        curve("b", "", [0.1, 0.1, 0.2]),
        curve("c", "", [0, 0, 0]),
    )
    panel = Panel(title="Escalation", curves=curves, background="other regions")
    return curves_figure([panel] * panels, ANIMALS, ylabel="Power", **options)  # pyright: ignore


def test_every_curve_is_drawn_and_the_background_has_one_entry_in_the_legend() -> None:
    figure = drawn()
    axes = figure.axes[0]
    behind = [line for line in axes.lines if line.get_gid() == "background"]

    assert len(axes.lines) == 3
    assert len(behind) == 2
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["other regions", "group"]
    front = next(line for line in axes.lines if line.get_gid() != "background")
    np.testing.assert_allclose(front.get_ydata(), [0.2, 0.5, 0.9])
    np.testing.assert_array_equal(front.get_xdata(), ANIMALS)


def test_the_band_is_that_of_the_curve() -> None:
    (band,) = drawn().axes[0].collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == np.float64(0.2) - 0.1
    assert heights.max() == np.float64(0.9) + 0.1


def test_the_wanted_power_is_a_dashed_line_and_the_scale_is_that_of_a_share() -> None:
    axes = drawn(line=0.8).axes[0]
    assert [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "--"] == [0.8]
    assert axes.get_ylim() == (0, 1.02)


def test_widths_start_at_zero_and_reach_as_far_as_they_go() -> None:
    wide = Panel(title="", curves=(curve("a", "group", [9, 7, 5]),))
    axes = curves_figure([wide], ANIMALS, ylabel="Width", unit_range=False).axes[0]
    low, high = axes.get_ylim()
    assert low == 0
    assert high > 9


def test_panels_stand_three_in_a_row_and_no_empty_one_is_left() -> None:
    figure = drawn(panels=5)
    assert len(figure.axes) == 5
    assert [axes.get_title() for axes in figure.axes] == ["Escalation"] * 5
