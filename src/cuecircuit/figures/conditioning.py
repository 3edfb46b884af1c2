"""Fig. 1B: infusions of each animal under one treatment and the other, joined by a line, with the group's means."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cuecircuit.arrays import Array, Float
from cuecircuit.figures.means import draw_mean
from cuecircuit.figures.style import INK, SINGLE_MM, color_of, marker_of, sheet, style

# room between groups, in units of the distance between treatments
_GAP = 0.7


def conditioning_figure(
    infusions: Float[Array, "subject treatment"],
    groups: Sequence[str],
    levels: Sequence[str],
    *,
    treatments: Sequence[str],
    measure: str = "Infusions per pairing",
    width_mm: float = SINGLE_MM,
) -> Figure:
    """Draw paired dots per animal, one block per group.

    Args:
        infusions: mean count of each treatment's sessions; NaN where missing.
        groups: the group of each subject.
        levels: the groups in order, reference first.
        treatments: names of the columns, reference first.
        measure: label of the y axis.
        width_mm: width of the figure.
    """
    with style():
        figure = sheet(width_mm, width_mm * 0.78)
        axes = figure.subplots()
        ticks: list[float] = []
        for block, level in enumerate(levels):
            rows = infusions[np.asarray(groups) == level]
            x = block * (len(treatments) + _GAP) + np.arange(len(treatments))
            ticks += x.tolist()
            color = color_of(level, levels)
            for animal in rows:
                axes.plot(
                    x,
                    animal,
                    color=color,
                    alpha=0.45,
                    lw=0.6,
                    marker=marker_of(level, levels),
                    ms=3,
                    mew=0,
                    zorder=2,
                    gid="animal",
                )
            for column, place in enumerate(x):
                # beside the dots, outward, so that the mean hides nobody
                outward = -0.24 if column == 0 else 0.24 if column == len(x) - 1 else 0.0
                draw_mean(axes, float(place) + outward, rows[:, column], color=INK, half_width=0.13)
            axes.text(
                float(x.mean()), 1.0, f"{level} (n = {len(rows)})", color=color, fontweight="bold",
                ha="center", va="bottom", transform=axes.get_xaxis_transform(),
            )  # fmt: skip
        axes.set(ylabel=measure, xticks=ticks, xticklabels=list(treatments) * len(levels))
        axes.set_xlim(ticks[0] - 0.6, ticks[-1] + 0.6)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    return figure
