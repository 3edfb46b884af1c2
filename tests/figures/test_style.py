"""The look of figures, and what a study changes of it."""

from itertools import product

import matplotlib
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.figures.style import BLUE, MM_PER_INCH, Look, cell_mark, color_of, house_look, marks, sheet, style
from cuecircuit.pages.figures import look_of
from cuecircuit.study.questions import Style


def test_a_house_changes_color_font_letters_and_width_of_what_is_drawn_inside_it() -> None:
    levels = ["ShA", "LgA"]
    with house_look(Look(font="Liberation Serif", font_pt=9.75, double_mm=267.0, colors={"LgA": "#112233"})), style():
        assert (color_of("ShA", levels), color_of("LgA", levels)) == (BLUE, "#112233")
        assert matplotlib.rcParams["font.sans-serif"][0] == "Liberation Serif"
        assert matplotlib.rcParams["font.size"] == 9.75
        assert matplotlib.rcParams["axes.labelsize"] == pytest.approx(10.5)
        assert matplotlib.rcParams["xtick.major.size"] == 2.5  # a tick is no letter
        assert sheet(178.0, 60.0).get_size_inches() * MM_PER_INCH == pytest.approx([267, 90])


def test_outside_of_it_nothing_has_changed() -> None:
    before = dict(matplotlib.rcParams)
    with house_look(Look(font_pt=12.0)), style():
        pass
    assert dict(matplotlib.rcParams) == before
    with style():
        assert matplotlib.rcParams["font.size"] == 6.5
    assert color_of("LgA", ["ShA", "LgA"]) != "#112233"


def test_a_font_that_is_not_there_is_named_before_anything_is_done() -> None:
    with pytest.raises(StudyError, match=r"style.font: no font 'No Such Sans' on this machine; install it"):
        look_of(Style(font="No Such Sans"))


def test_a_level_has_one_color_in_every_figure_and_a_second_factor_changes_marker_and_dash() -> None:
    groups, cues = ["ShA", "LgA", "IntA"], ["saline", "naloxone"]
    alone = marks(groups)
    crossed = {cell: cell_mark(cell, [groups, cues]) for cell in product(["LgA", "IntA"], cues)}
    for (group, _), mark in crossed.items():
        assert mark.color == alone[group].color
    assert len({(mark.color, mark.marker, mark.dash) for mark in crossed.values()}) == 4
    for cue in cues:
        assert crossed["LgA", cue].marker == crossed["IntA", cue].marker
        assert crossed["LgA", cue].dash == crossed["IntA", cue].dash


def test_colors_of_the_study_hold_for_levels_crossed_with_others() -> None:
    with house_look(Look(colors={"LgA": "#112233"})):
        assert cell_mark(["LgA", "saline"], [["ShA", "LgA"], ["saline", "naloxone"]]).color == "#112233"
