"""Results against choices of the analysis: a filled dot where a result holds, a hollow one where it does not.

The idea is that of the specification curve (Simonsohn, Simmons and Nelson 2020, Nat Hum Behav 4:1208); here each
choice is a column of its own and each result a row, with its size as a number beside the dot.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.path import Path

from cuecircuit.figures.numbers import effect_text, fraction, short
from cuecircuit.figures.style import BLUE, DOUBLE_MM, FAINT, INK, VERMILLION, sheet, style
from cuecircuit.records.choices import ChoiceGrid, Kind

TITLES: Mapping[Kind, str] = {
    "map": "Maps: significant voxels",
    "correlation": "Correlations: r",
    "contrast": "Contrasts: t",
    "test": "Tests on numbers: F",
}
# gray text keeps a contrast of 4.5 to the band
_BAND, _GRAY = "#f6ecd6", "#696969"
_ROW_MM, _RIGHT_MM, _LEGEND_MM, _DOT = 4.6, 14.0, 7.0, 3.4
_EQUAL = Path(np.array([(-1, 0.4), (1, 0.4), (-1, -0.4), (1, -0.4)]), [Path.MOVETO, Path.LINETO] * 2)
# a letter of the labels is about so wide (mm); column labels stand at an angle of 40 degrees
_LETTER_MM, _ANGLE = 1.42, 40.0
# narrower columns have no room for a number beside the dot
_NUMBER_MM = 8.5


def alternatives_figure(grid: ChoiceGrid) -> Figure:
    """Draw which results hold under which choice; the study's own choice is the first column.

    Args:
        grid: results by choices, results of a kind beside one another.
    """
    rows = _rows(grid)
    letters = max(len(name) for name in grid.choices) * _LETTER_MM
    left = max(len(text) for text, _ in rows) * _LETTER_MM + 2
    top = letters * np.sin(np.deg2rad(_ANGLE)) + 3
    # the last label leans over the right edge of its column
    right = max(_RIGHT_MM, letters * np.cos(np.deg2rad(_ANGLE)) - 2)
    height = top + len(rows) * _ROW_MM + _LEGEND_MM
    with style():
        figure = sheet(DOUBLE_MM, height)
        figure.set_layout_engine("none")
        place = (left / DOUBLE_MM, _LEGEND_MM / height, 1 - (left + right) / DOUBLE_MM, len(rows) * _ROW_MM / height)
        axes = figure.add_axes(place)
        axes.set(xlim=(-0.5, len(grid.choices) - 0.5), ylim=(len(rows) - 0.5, -0.5), yticks=[])
        axes.spines[:].set_visible(False)
        numbers = (DOUBLE_MM - left - right) / len(grid.choices) >= _NUMBER_MM
        for height_of_row, (text, result) in enumerate(rows):
            _draw_row(axes, grid, height_of_row, text, result, numbers=numbers)
        axes.axvline(0.5, color=FAINT, linewidth=0.5)
        axes.xaxis.tick_top()
        axes.set_xticks(range(len(grid.choices)), grid.choices, rotation=_ANGLE, ha="left", rotation_mode="anchor")
        axes.tick_params(length=0)
        axes.get_xticklabels()[0].set_fontweight("bold")
        figure.legend(handles=_legend(), loc="lower center", ncols=7, handletextpad=0.3, columnspacing=1.2)
    return figure


def _rows(grid: ChoiceGrid) -> list[tuple[str, int | None]]:
    """Return the lines of the figure: a heading before each kind, then its results."""
    rows: list[tuple[str, int | None]] = []
    for index, (kind, result) in enumerate(zip(grid.kinds, grid.results, strict=True)):
        if not index or grid.kinds[index - 1] != kind:
            rows.append((TITLES[kind], None))
        rows.append((effect_text(result), index))
    return rows


def _draw_row(axes: Axes, grid: ChoiceGrid, row: int, text: str, result: int | None, *, numbers: bool) -> None:
    label = {"transform": axes.get_yaxis_transform(), "va": "center"}
    if result is None:
        axes.text(-0.01, row, text, ha="right", fontweight="bold", **label)
        return
    axes.text(-0.01, row, text, ha="right", **label)
    if grid.verdict(result) == "depends":
        axes.axhspan(row - 0.5, row + 0.5, color=_BAND, linewidth=0, zorder=0)
    axes.text(1.01, row, f"{grid.held(result)} of {grid.choices_of(result)}", ha="left", **label)
    dot = -0.22 if numbers else 0.0
    for choice, value in enumerate(grid.value[result]):
        if np.isnan(value) or not grid.touched[result, choice]:
            axes.text(
                choice + dot, row, "–" if grid.touched[result, choice] else "=", ha="center", va="center", color=FAINT
            )
            continue
        color = (VERMILLION if value > 0 else BLUE) if grid.signed[result] else INK
        holds = grid.holds[result, choice]
        face = color if holds else "white"
        axes.plot(choice + dot, row, "o", markersize=_DOT, markerfacecolor=face, markeredgecolor=color, mew=0.7)
        if numbers:
            text = fraction(value) if grid.kinds[result] == "correlation" else short(float(f"{value:.3g}"))
            axes.text(choice - 0.06, row, text, ha="left", va="center", fontsize=5.5, color=INK if holds else _GRAY)


def _legend() -> list[Line2D | Patch]:
    marks = {"holds": (INK, INK), "does not hold": ("white", INK)}
    dots = [
        Line2D(
            [], [], marker="o", linestyle="", markersize=_DOT, markerfacecolor=face, markeredgecolor=edge, label=name
        )
        for name, (face, edge) in marks.items()
    ]
    absent = Line2D([], [], marker="_", linestyle="", markersize=_DOT, color=FAINT, label="not tested")
    same = Line2D([], [], marker=_EQUAL, linestyle="", markersize=_DOT, color=FAINT, label="cannot touch it")
    signs = [
        Line2D([], [], marker="o", linestyle="", markersize=_DOT, color=color, label=name)
        for name, color in (("positive", VERMILLION), ("negative", BLUE))
    ]
    return [*dots, absent, same, *signs, Patch(facecolor=_BAND, label="depends on a choice")]
