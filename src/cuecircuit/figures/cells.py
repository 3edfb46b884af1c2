"""Fig. 2B and 2E: a region's response in each animal, one column of dots per group and cue, with mean ± SEM."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from cuecircuit.arrays import Array, Float
from cuecircuit.figures.means import draw_mean
from cuecircuit.figures.style import INK, PANEL_HEIGHT_MM, PANEL_MM, color_of, marker_of, sheet, style

_GAP = 0.5
# widest a swarm may become, in units of the distance between columns, and how far neighbors stand apart
_HALF_SWARM, _STEP = 0.3, 0.13
_LETTERS_ABREAST = 36  # of tick labels; more would run into one another


def cells_figure(
    responses: Float[Array, "subject cue"],
    groups: Sequence[str],
    levels: Sequence[str],
    *,
    cues: Sequence[str],
    title: str = "",
    measure: str = "BOLD change (%)",
    width_mm: float = PANEL_MM,
) -> Figure:
    """Draw every animal in every cell; dots of equal height stand side by side.

    Args:
        responses: mean response of the region, percent; NaN where missing.
        groups: the group of each subject.
        levels: the groups in order, reference first.
        cues: names of the columns, reference first.
        title: the region.
        measure: label of the y axis.
        width_mm: width of the figure.
    """
    with style():
        figure = sheet(width_mm, PANEL_HEIGHT_MM)
        axes = figure.subplots()
        axes.axhline(0, color="#bbbbbb", lw=0.6, zorder=0)
        near = float(np.nanmax(responses) - np.nanmin(responses)) * 0.045 if np.isfinite(responses).any() else 1.0
        ticks: list[float] = []
        for block, level in enumerate(levels):
            rows, color = responses[np.asarray(groups) == level], color_of(level, levels)
            first = block * (len(cues) + _GAP)
            for column in range(len(cues)):
                x, values = first + column, rows[:, column][np.isfinite(rows[:, column])]
                # of two cells the first, the reference, is hollow
                face = "white" if column == 0 and len(cues) == 2 else color
                axes.plot(
                    x + swarm(values, near=near), values, ls="", marker=marker_of(level, levels), ms=3.4,
                    mfc=face, mec=color, mew=0.8, alpha=0.9, zorder=2, gid=f"cell-{level}-{cues[column]}",
                )  # fmt: skip
                draw_mean(axes, x, values, color=INK, half_width=0.3)
                ticks.append(x)
            axes.text(
                first + (len(cues) - 1) / 2, 1.0, level, color=color, fontweight="bold", ha="center",
                va="bottom", transform=axes.get_xaxis_transform(),
            )  # fmt: skip
        axes.set(ylabel=measure, xticks=ticks, xticklabels=list(cues) * len(levels))
        if sum(map(len, cues)) * len(levels) > _LETTERS_ABREAST:
            axes.tick_params(axis="x", labelrotation=35)
            for tick in axes.get_xticklabels():
                tick.set(ha="right", rotation_mode="anchor")
        axes.set_title(title, pad=11)
        axes.set_xlim(ticks[0] - 0.55, ticks[-1] + 0.55)
    return figure


def swarm(values: Float[Array, "dot"], *, near: float) -> Float[Array, "dot"]:
    """Move dots sideways until none within `near` (unit of `values`) of another shares its place.

    The same values always give the same places; the middle is taken first, then right and left in turn.
    """
    offsets = np.zeros(len(values))
    order = np.argsort(values, kind="stable")
    for rank, dot in enumerate(order):
        taken = {round(float(offsets[other]) / _STEP) for other in order[:rank] if values[dot] - values[other] < near}
        steps = (sign * size for size in range(len(values) + 1) for sign in (1, -1))
        offsets[dot] = _STEP * next(step for step in steps if step not in taken)
    widest = float(np.abs(offsets).max(initial=0.0))
    return offsets * min(1.0, _HALF_SWARM / widest) if widest else offsets
