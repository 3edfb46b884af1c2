import numpy as np
import pytest
from scipy import stats

from cuecircuit.figures.scatter import CorrelationNote, fit_band, scatter_figure

NOTE = CorrelationNote(n=21, r=0.672, p=0.0009, q=0.011, r_within=-0.31, p_within=0.19)
X = np.array([1.0, 2, 4, 7, 9, np.nan])
Y = np.array([0.2, 0.1, 0.9, 1.0, 1.9, 0.5])
FIGURE = scatter_figure(
    X, Y, ["ShA"] * 3 + ["LgA"] * 3, ["ShA", "LgA"], note=NOTE, behavior_label="Infusions", title="Amygdala"
)


def test_band_covers_the_true_line_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    x = np.linspace(0, 3, 12)
    truth = 1.0 + 0.5 * x
    at = np.array([0.3])

    def covers() -> bool:
        line, half = fit_band(x, truth + rng.normal(size=12), at)
        return bool(abs(line[0] - 1.15) < half[0])

    hits = sum(covers() for _ in range(2000))

    # binomial(2000, .95) stays in this range but once in 10 000 samples
    low, high = stats.binom.ppf([0.00005, 0.99995], 2000, 0.95)
    assert low <= hits <= high


def test_line_is_the_least_squares_line_of_the_animals_present() -> None:
    fit = next(line for line in FIGURE.axes[0].lines if line.get_gid() == "fit")
    expected = stats.linregress(X[:5], Y[:5])

    at, line = (np.asarray(values, dtype=float) for values in (fit.get_xdata(), fit.get_ydata()))
    np.testing.assert_allclose(line, expected.intercept + expected.slope * at)
    assert (at[0], at[-1]) == (1, 9)


def test_groups_have_lines_of_the_slope_within_them_whatever_the_pooled_line_does() -> None:
    x, y = np.array([1.0, 2, 3, 7, 8, 9]), np.array([3.0, 2, 1.5, 9, 8.5, 7])
    labels = ["ShA"] * 3 + ["LgA"] * 3
    lines = {line.get_gid(): line for line in scatter_figure(x, y, labels, ["ShA", "LgA"], note=NOTE).axes[0].lines}
    design = np.column_stack([x, [1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
    slope, *intercepts = np.linalg.lstsq(design, y, rcond=None)[0]  # analysis of covariance

    assert slope < 0 < np.diff(np.asarray(lines["fit"].get_ydata(), dtype=float)).min()
    for level, intercept in zip(("ShA", "LgA"), intercepts, strict=True):
        at, line = (np.asarray(values, dtype=float) for values in lines[f"fit-{level}"].get_data())
        np.testing.assert_allclose(line, intercept + slope * at)


def test_both_correlations_of_the_records_are_written_as_they_are() -> None:
    title = FIGURE.legends[0].get_title().get_text()

    assert title == "within groups r = −.31, p = .190\npooled (dashed) r = .67, p < .001, q = .011 (n = 21)"


def test_a_dot_for_each_animal_with_both_values() -> None:
    dots = [line for line in FIGURE.axes[0].lines if line.get_linestyle() == "None"]

    assert [len(np.asarray(line.get_xdata())) for line in dots] == [3, 2]
    assert [line.get_label() for line in dots] == ["ShA", "LgA"]


def test_a_group_keeps_its_color_where_it_is_alone() -> None:
    alone = scatter_figure(X[3:], Y[3:], ["LgA"] * 3, ["ShA", "LgA"], note=NOTE)

    of_both, own = (
        {line.get_label(): line.get_markerfacecolor() for line in each.axes[0].lines} for each in (FIGURE, alone)
    )
    assert own["LgA"] == of_both["LgA"] != of_both["ShA"]
    assert [text.get_text() for text in alone.legends[0].get_texts()] == ["LgA"]


@pytest.mark.parametrize("x", [[1.0, 1.0, 1.0], [1.0, np.nan, np.nan]])
def test_no_line_is_drawn_where_none_can_be_fitted(x: list[float]) -> None:
    figure = scatter_figure(np.array(x), np.array([0.0, 1, 2]), ["a"] * 3, ["a"], note=NOTE)

    assert not [line for line in figure.axes[0].lines if line.get_gid() == "fit"]


def test_a_group_that_is_alone_has_one_correlation() -> None:
    alone = scatter_figure(X[3:], Y[3:], ["LgA"] * 3, ["ShA", "LgA"], note=NOTE)

    assert alone.legends[0].get_title().get_text() == "r = .67, p < .001, q = .011 (n = 21)"
