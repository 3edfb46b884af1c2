import numpy as np
import pytest
from matplotlib.figure import Figure

from cuecircuit.figures.escalation import escalation_figure

GROUPS = ["ShA"] * 3 + ["LgA"] * 2
LEVELS = ["ShA", "LgA"]
INFUSIONS = np.array([[1.0, 2, 3], [2, 3, 4], [3, 4, np.nan], [5, 10, 20], [7, 14, 40]])


def drawn(**options: object) -> Figure:
    return escalation_figure(INFUSIONS, GROUPS, LEVELS, **options)  # pyright: ignore


def stars_of(figure: Figure) -> dict[str, tuple[float, str]]:
    return {
        text.get_gid(): (text.xy[0], text.get_text())  # pyright: ignore
        for text in figure.axes[0].texts
        if text.get_text()
    }


def test_every_animal_is_drawn_once_behind_the_means() -> None:
    lines = drawn().axes[0].lines
    animals = [line for line in lines if line.get_gid() == "animal"]

    assert len(animals) == len(GROUPS)
    np.testing.assert_array_equal([line.get_ydata() for line in animals], INFUSIONS)
    means = [line for line in lines if line.get_gid() != "animal"]
    assert max(a.get_zorder() for a in animals) < min(m.get_zorder() for m in means)


def test_line_and_whiskers_are_mean_and_standard_error() -> None:
    containers = drawn().axes[0].containers
    line, _, (whiskers,) = containers[1].lines  # pyright: ignore

    np.testing.assert_allclose(line.get_ydata(), [6, 12, 30])
    # two animals: SEM = |a - b| / 2
    np.testing.assert_allclose([np.ptp(s[:, 1]) / 2 for s in whiskers.get_segments()], [1, 2, 10])


def test_a_missing_session_leaves_the_mean_of_the_others() -> None:
    line, *_ = drawn().axes[0].containers[0].lines  # pyright: ignore

    assert line.get_ydata()[2] == pytest.approx(3.5)


def test_stars_stand_over_the_sessions_with_small_p_and_nowhere_else() -> None:
    p = np.array([[np.nan, 0.05, 0.049], [np.nan, 0.0099, 0.0009]])

    assert stars_of(drawn(adjusted_p=p)) == {
        "stars-ShA-3": (3, "*"),
        "stars-LgA-2": (2, "**"),
        "stars-LgA-3": (3, "***"),
    }


def test_the_rule_of_the_stars_stands_in_the_figure_only_where_something_was_tested() -> None:
    tested = drawn(adjusted_p=np.full((2, 3), 0.5))

    assert tested.get_supxlabel() == "* p < .05, ** p < .01, *** p < .001 against session 1 (Bonferroni)"
    assert not stars_of(tested)
    assert drawn().get_supxlabel() == ""


def test_axes_say_what_they_show_and_start_at_zero() -> None:
    figure = drawn(measure="Infusions in the first hour")
    axes = figure.axes[0]

    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Session", "Infusions in the first hour")
    assert axes.get_ylim()[0] == 0
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["ShA (n = 3)", "LgA (n = 2)"]


def test_width_is_that_of_a_journal_column() -> None:
    assert drawn().get_figwidth() * 25.4 == pytest.approx(86)
