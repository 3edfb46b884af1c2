"""Estimates with their intervals, one line each, such as a correlation or a ratio per region or comparison."""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.figures.style import BLUE, FAINT, LETTERS_PER_MM, SINGLE_MM, sheet, style

_LINE_MM, _MARGIN_MM = 4.6, 14.0
_SHORTEST = 16  # letters of a line of the label


def forest_figure(
    names: Sequence[str],
    estimate: Float[Array, "line"],
    low: Float[Array, "line"],
    high: Float[Array, "line"],
    *,
    measure: str,
    none: float = 0.0,
    holds: Bool[Array, "line"] | None = None,
    log: bool = False,
    width_mm: float = SINGLE_MM,
) -> Figure:
    """Draw a point and an interval per line, the first line on top.

    Args:
        names: of the lines.
        estimate: in units of the measure; NaN where there is none.
        low: lower end of the interval.
        high: upper end of the interval.
        measure: label of the x axis.
        none: the value of no effect, marked by a line.
        holds: whose point is filled; those whose interval excludes the value of no effect where it is not given.
        log: draw the measure on a logarithmic axis.
        width_mm: width of the figure.
    """
    with style():
        room = max(int(LETTERS_PER_MM * width_mm) - max(map(len, names), default=0), _SHORTEST)
        label = fill(measure, room)
        figure = sheet(width_mm, _MARGIN_MM + _LINE_MM * (len(names) + label.count("\n")))
        axes = figure.subplots()
        y = -np.arange(len(names), dtype=float)
        axes.axvline(none, color=FAINT, lw=0.6, zorder=0)
        filled = (low > none) | (high < none) if holds is None else holds
        for place in np.flatnonzero(np.isfinite(estimate)):
            axes.plot([low[place], high[place]], [y[place]] * 2, color=BLUE, lw=1.1, zorder=2)
            face = BLUE if filled[place] else "white"
            axes.plot(estimate[place], y[place], "o", ms=4, mfc=face, mec=BLUE, mew=0.9, zorder=3, gid=f"line-{place}")
        if log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
            axes.xaxis.set_minor_locator(NullLocator())
        axes.set(xlabel=label, yticks=y, yticklabels=list(names), ylim=(y[-1] - 0.7, 0.7))
        axes.tick_params(axis="y", length=0)
    return figure
