"""One look for all figures: sizes in millimetres, colors safe for the color-blind, type that can be read in print.

Colors are those of Okabe & Ito (2008, "Color Universal Design"). Column widths are the 86 and 178 mm that most
two-column journals share; `house_look` changes them, the font and the colors of groups for what is drawn inside it.
Nothing here outlasts its `with`: matplotlib's own settings come back afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import rc_params_from_file
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SINGLE_MM, DOUBLE_MM = 86.0, 178.0
# three panels of Fig. 2 side by side in a double column
PANEL_MM, PANEL_HEIGHT_MM = 59.0, 62.0
MM_PER_INCH = 25.4
LETTERS_PER_MM = 0.6  # of labels; more run into one another or over the edge
INK, FAINT = "#222222", "#8a8a8a"
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
_GROUP_COLORS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
# one more than colors, so that color and marker together repeat after 42 groups
_GROUP_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHES = ("-", "--", ":", "-.")

# DejaVu Sans comes with matplotlib, so that the same text has the same width everywhere; Verdana has its widths
_INKED = ("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color")
_SHEET = rc_params_from_file(Path(__file__).with_name("look.mplstyle"), use_default_template=False)
_LOOK: dict[Any, Any] = dict(_SHEET) | dict.fromkeys(_INKED, INK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a study changes: a font, its size in points, the width of two columns, colors of levels by name."""

    font: str | None = None
    font_pt: float = _LOOK["font.size"]
    double_mm: float = DOUBLE_MM
    colors: Mapping[str, str] = field(default_factory=dict)


_look: ContextVar[Look] = ContextVar("look", default=Look())  # noqa: B039 - frozen


@contextmanager
def house_look(look: Look) -> Iterator[None]:
    """Draw everything inside with this look."""
    token = _look.set(look)
    try:
        yield
    finally:
        _look.reset(token)


@contextmanager
def style() -> Iterator[None]:
    """Lend matplotlib the look of these figures, whatever the user's own settings are, and give those back."""
    look = _look.get()
    larger = look.font_pt / _LOOK["font.size"]
    sizes = {name: size * larger for name, size in _LOOK.items() if name.endswith(("labelsize", "fontsize", ".size"))}
    sizes = {name: size for name, size in sizes.items() if "major" not in name}
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_LOOK | sizes)
        if look.font:
            matplotlib.rcParams["font.sans-serif"] = [look.font, *_LOOK["font.sans-serif"]]
        yield


def sheet(width_mm: float, height_mm: float) -> Figure:
    """Make an empty white figure of this size whose parts make room for one another; a house's columns scale it."""
    scale = _look.get().double_mm / DOUBLE_MM
    width_mm, height_mm = width_mm * scale, height_mm * scale
    figure = Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH), layout="constrained", facecolor="white")
    margin = 1.0 / MM_PER_INCH
    figure.get_layout_engine().set(w_pad=margin, h_pad=margin, wspace=0.0, hspace=0.0)  # pyright: ignore
    return figure


def color_of(group: str, levels: Sequence[str]) -> str:
    """Return a group's color; groups beyond the sixth share colors and differ by marker."""
    return _look.get().colors.get(group) or _GROUP_COLORS[levels.index(group) % len(_GROUP_COLORS)]


def marker_of(group: str, levels: Sequence[str]) -> str:
    """Return a group's marker, so that nobody has to tell groups by color alone."""
    return _GROUP_MARKERS[levels.index(group) % len(_GROUP_MARKERS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How a group is drawn."""

    color: str
    marker: str
    dash: str = "-"


def marks(levels: Sequence[str] | Mapping[str, Mark]) -> dict[str, Mark]:
    """Return the mark of each group: the one that is given, or the next color and marker."""
    if isinstance(levels, Mapping):
        return dict(levels)
    return {level: cell_mark([level], [levels]) for level in levels}


def cell_mark(cell: Sequence[str], factors: Sequence[Sequence[str]]) -> Mark:
    """Return the mark of a combination of levels: color by the first factor, marker and dash by the others.

    Args:
        cell: a level of each factor.
        factors: all levels of each in order, also those that a figure leaves out, so that figures agree.
    """
    first, *others = factors
    color = color_of(cell[0], first)
    if not others:
        return Mark(color=color, marker=marker_of(cell[0], first))
    place = list(product(*others)).index(tuple(cell[1:]))
    return Mark(color=color, marker=_GROUP_MARKERS[place % len(_GROUP_MARKERS)], dash=_DASHES[place % len(_DASHES)])


def rule_below(axes: Axes, text: str) -> None:
    """Write a small gray line under the x label, such as what the stars mean."""
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    figure.supxlabel(text, fontsize=5.5, color="#555555")
