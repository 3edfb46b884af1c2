"""The grid of results by choices: a mark for each cell, filled where the result holds."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from cuecircuit.figures.alternatives import alternatives_figure
from cuecircuit.figures.saving import rendered
from cuecircuit.figures.style import BLUE, VERMILLION
from cuecircuit.records.choices import ChoiceGrid


@pytest.fixture
def grid():
    return ChoiceGrid(
        kinds=("map", "correlation", "correlation"),
        results=("group:cue", "Insula", "Amygdala"),
        choices=("as planned", "smooth", "no_covariate"),
        value=np.array([[122.0, 0.0, 12.0], [0.8, -0.7, np.nan], [0.6, 0.7, 0.61]]),
        holds=np.array([[True, False, True], [True, True, False], [True, True, True]]),
        signed=np.array([False, True, True]),
        touched=np.ones((3, 3), bool),
    )


def dots(figure):
    return [line for line in figure.axes[0].lines if line.get_marker() == "o"]


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_tested_cell_has_a_dot_that_is_filled_where_the_result_holds(grid):
    drawn = dots(alternatives_figure(grid))
    assert len(drawn) == 8
    assert sum(to_hex(dot.get_markerfacecolor()) == "#ffffff" for dot in drawn) == 1


def test_the_color_of_a_signed_result_is_its_direction(grid):
    edges = [to_hex(dot.get_markeredgecolor()).upper() for dot in dots(alternatives_figure(grid))]
    assert edges.count(BLUE) == 1
    assert edges.count(VERMILLION) == 4


def test_a_row_says_how_often_its_result_holds_and_its_sizes(grid):
    said = texts(alternatives_figure(grid))
    assert {"group × cue", "122", "−.70", "2 of 3", "3 of 3", "–"} <= set(said)
    assert said.count("2 of 3") == 2


def test_rows_that_depend_on_a_choice_are_shaded(grid):
    figure = alternatives_figure(grid)
    bands = [patch.get_y() for patch in figure.axes[0].patches]
    assert bands == [0.5, 2.5]  # below the headings: group:cue, Insula


def test_many_choices_leave_no_room_for_numbers(grid):
    many = 20
    wide = ChoiceGrid(
        kinds=grid.kinds,
        results=grid.results,
        choices=tuple(f"choice_{number}" for number in range(many)),
        value=np.full((3, many), 0.5),
        holds=np.ones((3, many), bool),
        signed=grid.signed,
        touched=np.ones((3, many), bool),
    )
    figure = alternatives_figure(wide)
    assert len(dots(figure)) == 3 * many
    assert ".50" not in texts(figure)


def test_the_same_grid_gives_the_same_bytes(grid):
    first, second = rendered(alternatives_figure(grid)), rendered(alternatives_figure(grid))
    assert first.svg == second.svg
    assert first.png == second.png
