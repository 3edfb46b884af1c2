import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.figures.cells import cells_figure, swarm

RESPONSES = np.array([[1.0, -1.0], [1.0, -2.0], [0.0, 2.0], [np.nan, 3.0]])
FIGURE = cells_figure(
    RESPONSES, ["ShA", "ShA", "LgA", "LgA"], ["ShA", "LgA"], cues=["saline", "naloxone"], title="Amygdala"
)


def test_every_value_present_is_one_dot_of_its_cell() -> None:
    lines = [line for line in FIGURE.axes[0].lines if str(line.get_gid()).startswith("cell-")]
    dots = {str(line.get_gid()): line.get_ydata() for line in lines}

    assert {cell: list(map(float, values)) for cell, values in dots.items()} == {  # pyright: ignore
        "cell-ShA-saline": [1, 1],
        "cell-ShA-naloxone": [-1, -2],
        "cell-LgA-saline": [0],
        "cell-LgA-naloxone": [2, 3],
    }


def test_the_dots_of_a_subject_are_joined_and_missing_ones_are_not() -> None:
    joined = [list(map(float, line.get_ydata())) for line in FIGURE.axes[0].lines if line.get_gid() == "subject"]

    assert joined == [[1, -1], [1, -2], [0, 2], [3]]  # pyright: ignore


def test_each_group_names_how_many_subjects_have_a_dot() -> None:
    assert [text.get_text() for text in FIGURE.axes[0].texts] == ["ShA (n = 2)", "LgA (n = 2)"]


def test_names_of_many_groups_take_lines_where_they_have_no_room() -> None:
    levels = ["light female", "light male", "heavy female", "heavy male"]
    figure = cells_figure(np.ones((4, 1)), levels, levels, cues=[""])

    assert [text.get_text() for text in figure.axes[0].texts] == [
        "light\nfemale\n(n = 1)", "light\nmale\n(n = 1)", "heavy\nfemale\n(n = 1)", "heavy\nmale\n(n = 1)",
    ]  # fmt: skip


def test_zero_is_drawn_where_it_is_near_and_left_out_where_data_are_far_from_it() -> None:
    far = cells_figure(np.array([[80.0, 90.0], [85.0, 88.0]]), ["a", "a"], ["a"], cues=["early", "late"])

    assert far.axes[0].get_ylim()[0] > 70
    assert FIGURE.axes[0].get_ylim()[0] < 0 < FIGURE.axes[0].get_ylim()[1]


def test_many_columns_take_a_wider_figure() -> None:
    cells = np.zeros((2, 8))
    wide = cells_figure(cells, ["a", "b"], ["a", "b"], cues=[f"cue {k}" for k in range(8)])

    assert wide.get_figwidth() > 2 * FIGURE.get_figwidth()


def test_axis_names_the_unit_and_panel_names_the_region() -> None:
    axes = FIGURE.axes[0]

    assert axes.get_ylabel() == "BOLD change (%)"
    assert axes.get_title() == "Amygdala"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["saline", "naloxone"] * 2


def test_equal_values_stand_side_by_side() -> None:
    line = next(line for line in FIGURE.axes[0].lines if line.get_gid() == "cell-ShA-saline")
    places = np.asarray(line.get_xdata(), dtype=float)

    assert places[0] != places[1]


@given(st.lists(st.floats(-5, 5), max_size=30))
def test_dots_of_a_swarm_never_cover_one_another_and_stay_in_their_column(values: list[float]) -> None:
    heights = np.array(values)
    offsets = swarm(heights, near=0.3)

    close = np.abs(heights[:, None] - heights) < 0.3
    same = np.abs(offsets[:, None] - offsets) < 1e-9
    assert not np.any(np.triu(close & same, 1))
    assert np.all(np.abs(offsets) <= 0.3 + 1e-12)
