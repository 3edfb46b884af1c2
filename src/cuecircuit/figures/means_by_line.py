"""Means of several regions or contrasts, a line each: a mark with its SEM for every cell."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from cuecircuit.arrays import Array, Float
from cuecircuit.figures.style import DOUBLE_MM, FAINT, Mark, marks, sheet, style

_LINE_MM, _MARGIN_MM = 5.6, 20.0


def means_figure(
    mean: Float[Array, "line cell"],
    sem: Float[Array, "line cell"],
    names: Sequence[str],
    cells: Sequence[tuple[str, str]],
    *,
    measure: str,
    levels: Sequence[str] | Mapping[str, Mark] = (),
) -> Figure:
    """Draw a mark and a bar of its SEM for every cell of every line, the first line on top.

    Args:
        mean: in units of the measure; NaN where there is none.
        sem: of each mean.
        names: of the lines.
        cells: group and condition of each mark; groups differ in color and marker, the last condition is filled.
        measure: label of the x axis.
        levels: all groups in order, or the mark of each, where the cells do not show it.
    """
    looks = marks(levels or list(dict.fromkeys(group for group, _ in cells)))
    conditions = list(dict.fromkeys(condition for _, condition in cells))
    with style():
        figure = sheet(DOUBLE_MM, _MARGIN_MM + _LINE_MM * len(names))
        axes = figure.subplots()
        axes.axvline(0.0, color=FAINT, lw=0.6, zorder=0)
        lines = -np.arange(len(names), dtype=float)
        shifts = np.linspace(0.28, -0.28, len(cells)) if len(cells) > 1 else np.zeros(1)
        for place, (group, condition) in enumerate(cells):
            color = looks[group].color
            # the more filled, the later the condition; two conditions are hollow and filled
            share = conditions.index(condition) / max(len(conditions) - 1, 1)
            axes.errorbar(
                mean[:, place],
                lines + shifts[place],
                xerr=sem[:, place],
                fmt=looks[group].marker,
                ms=4,
                color=color,
                mfc=(color, share) if share else "white",
                mew=0.9,
                elinewidth=0.9,
                label=" ".join(filter(None, (group, condition))),
            )
        for line in lines[::2]:
            axes.axhspan(line - 0.5, line + 0.5, color="#f6f5f2", lw=0, zorder=-1)
        axes.set(xlabel=f"{measure}, mean ± SEM", yticks=lines, yticklabels=list(names))
        axes.set_ylim(lines[-1] - 0.6, 0.6)
        axes.tick_params(axis="y", length=0)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(len(cells), 4), frameon=False)
    return figure
