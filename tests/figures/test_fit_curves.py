"""Figures of fits show every animal and every number where it is."""

import numpy as np

from cuecircuit.figures.fit_curves import (
    AnimalCurve,
    elimination_figure,
    intervals_figure,
    scores_figure,
    thresholds_figure,
)


def test_each_animal_has_a_panel_with_its_own_survival():
    observed = {name: np.array([1.0, 2.0, 4.0, 8.0]) * (k + 1) for k, name in enumerate("abcde")}

    figure = intervals_figure(observed, {"satiety": observed})

    lines = {line.get_gid(): line for axes in figure.axes for line in axes.lines}
    assert len(lines) == 10
    np.testing.assert_allclose(np.asarray(lines["observed-b"].get_xdata()), [2, 4, 8, 16])
    np.testing.assert_allclose(np.asarray(lines["satiety-b"].get_ydata()), [0.75, 0.5, 0.25, 0])


def test_scores_stand_in_rows_with_their_intervals_and_animals():
    axes = scores_figure(
        ["best", "other"], np.array([0.0, -1.0]), np.array([0.0, -2.0]), np.array([0.0, -0.5]), np.ones((2, 3))
    ).axes[0]

    assert [label.get_text() for label in axes.get_yticklabels()] == ["best", "other"]
    diamonds = next(line for line in axes.lines if line.get_marker() == "D")
    assert np.asarray(diamonds.get_xdata()).tolist() == [0, -1]


def test_thresholds_have_a_panel_per_animal_with_the_trend():
    x = np.arange(1.0, 4.0)
    figure = thresholds_figure([AnimalCurve(label="a", x=x, y=x, low=x - 0.5, high=x + 0.5, trend=2 * x)])

    figure.draw_without_rendering()
    assert {label.get_text() for label in figure.axes[0].get_yticklabels()} >= {"1", "10"}
    lines = {line.get_gid(): line for line in figure.axes[0].lines}
    np.testing.assert_array_equal(np.asarray(lines["trend-a"].get_ydata()), 2 * x)
    np.testing.assert_array_equal(np.asarray(lines["threshold-a"].get_ydata()), x)
    assert figure.axes[0].get_title(loc="left") == "a"


def test_the_last_elimination_curve_is_the_one_of_all():
    factors, names = np.array([0.5, 1, 2]), ("a", "all")
    likelihoods = [AnimalCurve(label=name, x=factors, y=np.array([-3.0, 0, -3])) for name in names]
    thresholds = [AnimalCurve(label=name, x=factors, y=factors) for name in names]

    left, right = elimination_figure(likelihoods, thresholds).axes[:2]

    assert [text.get_text() for text in left.get_legend().get_texts()] == ["all"]
    assert len(right.lines) == 2
