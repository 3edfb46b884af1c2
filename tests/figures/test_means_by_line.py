"""Means of several regions: every mark stands at its mean, what is missing has none."""

import numpy as np

from cuecircuit.figures.means_by_line import means_figure


def test_every_mean_has_a_mark_at_its_place_and_its_sem_as_a_bar():
    mean = np.array([[1.0, -2.0], [np.nan, 3.0]])
    sem = np.array([[0.5, 0.25], [np.nan, 1.0]])
    cells = [("ShA", "saline"), ("ShA", "naloxone")]
    axes = means_figure(mean, sem, ["Insula", "Habenula"], cells, measure="Response (%)").axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["Insula", "Habenula"]
    assert axes.get_xlabel() == "Response (%), mean ± SEM"
    marks, bars = zip(*((each.lines[0], each.lines[2][0]) for each in axes.containers), strict=True)
    np.testing.assert_array_equal([mark.get_xdata() for mark in marks], mean.T)
    first = bars[0].get_segments()[0][:, 0]
    np.testing.assert_allclose(first, [0.5, 1.5])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["ShA saline", "ShA naloxone"]
    assert marks[0].get_markerfacecolor() == "white"
    assert marks[1].get_markerfacecolor() != "white"
