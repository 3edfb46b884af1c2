"""Specification curves: every choice at its estimate, in order, filled where the result holds."""

import numpy as np

from cuecircuit.figures.specification import Curve, specification_figure


def curve(result: str = "cue test, group") -> Curve:
    return Curve(
        result=result, measure="Effect", choices=("as planned", "smooth", "no_covariate", "without"),
        estimate=np.array([2.0, 3.0, 1.0, np.nan]), low=np.array([1.0, 1.5, -0.5, np.nan]),
        high=np.array([3.0, 4.5, 2.5, np.nan]), holds=np.array([True, True, False, False]),
    )  # fmt: skip


def test_choices_are_sorted_by_their_estimate_and_one_without_an_estimate_is_left_out():
    (axes,) = specification_figure([curve()]).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["no_covariate", "as planned", "smooth"]
    points = {line.get_gid(): line for line in axes.lines if line.get_gid()}
    assert [points[f"choice-{n}"].get_ydata()[0] for n in (0, 1, 2)] == [2, 3, 1]
    assert [points[f"choice-{n}"].get_markerfacecolor() == "white" for n in (0, 1, 2)] == [False, False, True]


def test_intervals_are_those_of_the_choices():
    (axes,) = specification_figure([curve()]).axes
    spans = [tuple(line.get_ydata()) for line in axes.lines if len(line.get_ydata()) == 2 and line.get_linewidth() > 1]
    assert spans == [(-0.5, 2.5), (1.0, 3.0), (1.5, 4.5)]


def test_each_result_has_a_panel_of_its_own():
    figure = specification_figure([curve("a"), curve("b"), curve("c")])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a", "b", "c"]
