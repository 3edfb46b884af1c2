"""Curves over the size of a study, and the table of pairs of hypotheses that a design tells apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cuecircuit.arrays import Array, Float
from cuecircuit.figures.style import DOUBLE_MM, FAINT, color_of, marker_of, sheet, style

_COLUMNS, _PANEL_MM = 3, 56.0
# of a line of the legend
_LINE_MM = 3.2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """One number over the sizes, with its band where there is one; `label` is empty for a curve in the background."""

    name: str
    label: str
    y: Float[Array, "size"]
    low: Float[Array, "size"] | None = None
    high: Float[Array, "size"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Curves that belong together; those of the background share the words `background` in the legend."""

    title: str
    curves: tuple[Curve, ...]
    background: str = ""


def curves_figure(
    panels: Sequence[Panel],
    animals: Sequence[int] | Sequence[float],
    *,
    ylabel: str,
    xlabel: str = "Animals, all groups",
    line: float | None = None,
    unit_range: bool = True,
    long_labels: bool = False,
) -> Figure:
    """Draw small panels of curves.

    Args:
        panels: from the upper left, row by row.
        animals: of each size, all groups, or another number along x.
        ylabel: label of the y axes.
        xlabel: label of the x axes.
        line: a level to compare with, dashed.
        unit_range: y from 0 to 1; otherwise from 0 up.
        long_labels: one panel with a line of the legend for each curve.
    """
    columns = 1 if long_labels else min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    lines = sum(bool(curve.label) for panel in panels for curve in panel.curves) + 1 if long_labels else 0
    width_mm = DOUBLE_MM * 2 / _COLUMNS if long_labels else DOUBLE_MM * columns / _COLUMNS
    with style():
        figure = sheet(width_mm if columns > 1 or long_labels else DOUBLE_MM / 2, _PANEL_MM * rows + _LINE_MM * lines)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, panel in zip(grid, panels, strict=False):
            _draw_panel(axes, panel, animals)
            names = axes.get_legend_handles_labels()
            look = {"ncols": 1 if long_labels else 2, "handlelength": 1.6, "borderaxespad": 0, "fontsize": 5.5}
            if len(panels) == 1:
                figure.legend(*names, loc="outside lower center", **look)
            else:  # below the axes: bands leave no room inside
                axes.legend(*names, loc="upper center", bbox_to_anchor=(0.5, -0.32), **look)
            axes.set(title=panel.title, xlabel=xlabel, ylabel=ylabel)
            if unit_range:
                axes.set_ylim(0, 1.02)
            else:
                axes.set_ylim(bottom=0)
            if line is not None:
                axes.axhline(line, color=FAINT, lw=0.6, ls=(0, (4, 3)), zorder=1)
        for axes in grid[len(panels) :]:
            axes.remove()
    return figure


def _draw_panel(axes: Axes, panel: Panel, animals: Sequence[int] | Sequence[float]) -> None:
    shown = [curve.label for curve in panel.curves if curve.label]
    behind = [curve for curve in panel.curves if not curve.label]
    for number, curve in enumerate(behind):
        label = panel.background if number == 0 else None
        axes.plot(animals, curve.y, color=FAINT, lw=0.5, alpha=0.7, zorder=2, label=label, gid="background")
    for curve in panel.curves:
        if curve.label:
            color = color_of(curve.label, shown)
            if curve.low is not None and curve.high is not None:
                axes.fill_between(animals, curve.low, curve.high, color=color, alpha=0.2, lw=0, zorder=2)
            marker = marker_of(curve.label, shown)
            axes.plot(animals, curve.y, color=color, marker=marker, ms=2.8, lw=1.1, zorder=3, label=curve.label)
    axes.set_xticks(animals)
    axes.tick_params(axis="x", labelrotation=45 if len(animals) > 8 else 0)
