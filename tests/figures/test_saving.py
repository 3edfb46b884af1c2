import xml.etree.ElementTree as ET
from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cuecircuit.figures.escalation import escalation_figure
from cuecircuit.figures.saving import rendered, save
from cuecircuit.figures.style import style


def figure() -> Figure:
    counts = np.arange(12, dtype=float).reshape(4, 3)
    return escalation_figure(counts, ["a", "a", "b", "b"], ["a", "b"], adjusted_p=np.full((2, 3), 0.01))


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert rendered(figure()) == rendered(figure())


def test_the_users_own_settings_change_nothing_and_come_back() -> None:
    plain = rendered(figure())
    with matplotlib.rc_context({"font.size": 20, "svg.fonttype": "path", "axes.grid": True}):
        assert rendered(figure()) == plain
        assert matplotlib.rcParams["font.size"] == 20


def test_svg_keeps_text_as_text_and_names_no_date_or_program() -> None:
    svg = rendered(figure()).svg
    words = {"".join(node.itertext()).strip() for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}

    assert {"Session", "Infusions per session", "a (n = 2)"} <= words
    assert b"Matplotlib v" not in svg
    assert b"dc:date" not in svg


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("name", ["$\\foo$", "US$ 5 or US$ 10", "a\x01b\uffff", "</text><script>", "\u202eevil"])
def test_a_group_of_any_name_is_drawn_under_that_name(name) -> None:
    counts = np.arange(12, dtype=float).reshape(4, 3)
    svg = rendered(escalation_figure(counts, ["a", "a", name, name], ["a", name])).svg
    words = {"".join(node.itertext()).strip() for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert f"{name} (n = 2)".replace("\x01", "\ufffd").replace("\uffff", "\ufffd") in words


def test_png_has_300_dots_per_inch_and_the_width_of_the_column() -> None:
    with Image.open(BytesIO(rendered(figure()).png)) as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
        assert image.width / 300 * 25.4 == pytest.approx(86, abs=0.1)
        assert set(image.info) == {"dpi"}


def test_both_files_are_written_beside_one_another(tmp_path: Path) -> None:
    files = save(figure(), tmp_path / "figures" / "fig1a")

    assert (tmp_path / "figures" / "fig1a.svg").read_bytes() == files.svg
    assert (tmp_path / "figures" / "fig1a.png").read_bytes() == files.png
    assert len(list((tmp_path / "figures").iterdir())) == 2


def test_colors_of_groups_stay_apart_in_gray_and_for_the_color_blind() -> None:
    from cuecircuit.figures.style import color_of, marker_of

    levels = ["a", "b", "c", "d"]
    assert len({color_of(level, levels) for level in levels}) == 4
    assert len({marker_of(level, levels) for level in levels}) == 4
    many = [f"dose {k}" for k in range(40)]
    assert len({(marker_of(level, many), color_of(level, many)) for level in many}) == 40


def test_style_leaves_the_global_settings_alone() -> None:
    before = dict(matplotlib.rcParams)
    with style():
        pass
    assert dict(matplotlib.rcParams) == before
