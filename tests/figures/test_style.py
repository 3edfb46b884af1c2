"""The look of figures, and what a study changes of it."""

import matplotlib
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.figures.style import BLUE, MM_PER_INCH, Look, color_of, house_look, sheet, style
from cuecircuit.nodes.figures import look_of
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
