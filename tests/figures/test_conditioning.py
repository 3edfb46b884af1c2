import numpy as np

from cuecircuit.figures.conditioning import conditioning_figure

INFUSIONS = np.array([[1.0, 4], [3, 6], [10, 20], [12, 24], [14, np.nan]])
FIGURE = conditioning_figure(
    INFUSIONS, ["ShA", "ShA", "LgA", "LgA", "LgA"], ["ShA", "LgA"], treatments=["saline", "naloxone"]
)


def test_each_animal_is_one_line_from_treatment_to_treatment() -> None:
    animals = [line for line in FIGURE.axes[0].lines if line.get_gid() == "animal"]

    np.testing.assert_array_equal([line.get_ydata() for line in animals], INFUSIONS)
    assert all(line.get_marker() not in ("", "None") for line in animals)


def test_treatments_stand_under_each_group_and_groups_do_not_overlap() -> None:
    axes = FIGURE.axes[0]
    ticks = axes.get_xticks()

    assert [label.get_text() for label in axes.get_xticklabels()] == ["saline", "naloxone"] * 2
    assert np.all(np.diff(ticks) > 0)
    assert ticks[2] - ticks[1] > ticks[1] - ticks[0]
    assert [text.get_text() for text in axes.texts] == ["ShA (n = 2)", "LgA (n = 3)"]


def test_bars_stand_at_the_means_of_those_present() -> None:
    bars = [line for line in FIGURE.axes[0].lines if line.get_linewidth() == 1.4]

    np.testing.assert_allclose([np.asarray(bar.get_ydata())[0] for bar in bars], [2, 5, 12, 22])
