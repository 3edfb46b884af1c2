"""Fig. 2B and 2E: a region's response in each subject, one column of dots per group and cue, with mean ± SEM.

Dots of one subject are joined from cue to cue: what is tested within subjects are these lines, not the columns.
"""

from collections.abc import Collection, Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cuecircuit.arrays import Array, Float
from cuecircuit.figures.means import draw_mean
from cuecircuit.figures.style import (
    DOUBLE_MM,
    INK,
    LETTERS_PER_MM,
    PANEL_HEIGHT_MM,
    PANEL_MM,
    SINGLE_MM,
    Mark,
    marks,
    sheet,
    style,
)

_GAP = 0.5
# widest a swarm may become, in units of the distance between columns, and how far neighbors stand apart
_HALF_SWARM, _STEP = 0.3, 0.13
_SMALLEST = 0.6  # names of groups in letters of the figure; longer ones run into one another
_AXIS_MM = 15.0  # left of the first column
_COLUMN_MM = 9.0  # least width of a column of dots with room for its lines


def cells_figure(
    responses: Float[Array, "subject cue"],
    groups: Sequence[str],
    levels: Sequence[str] | Mapping[str, Mark],
    *,
    cues: Sequence[str],
    title: str = "",
    measure: str = "BOLD change (%)",
    width_mm: float | None = None,
) -> Figure:
    """Draw every subject in every cell and join its dots; dots of equal height are side by side.

    Args:
        responses: mean response of the region, percent; NaN where missing.
        groups: the group of each subject.
        levels: the groups in order, reference first, or the mark of each.
        cues: names of the columns, reference first.
        title: the region.
        measure: label of the y axis.
        width_mm: width of the figure; the narrowest of a journal's widths that holds all columns where none is named.
    """
    if width_mm is None:
        needed_mm = _AXIS_MM + _COLUMN_MM * len(cues) * len(levels)
        width_mm = next((width for width in (PANEL_MM, SINGLE_MM, DOUBLE_MM) if width >= needed_mm), DOUBLE_MM)
    with style():
        figure = sheet(width_mm, PANEL_HEIGHT_MM)
        axes = figure.subplots()
        finite = responses[np.isfinite(responses)]
        span = float(np.ptp(finite)) if finite.size else 1.0
        near = span * 0.045
        if not finite.size or finite.min() - span < 0 < finite.max() + span:  # of rates far from 0 the line is left out
            axes.axhline(0, color="#bbbbbb", lw=0.6, zorder=0)
        firsts = [block * (len(cues) + _GAP) for block in range(len(levels))]
        letters = _letters_per_group(levels, width_mm)
        longest = max(len(word) for level in levels for word in level.split())
        size = rcParams["font.size"] * max(min(letters / longest, 1.0), _SMALLEST)
        for first, (level, mark) in zip(firsts, marks(levels).items(), strict=True):
            rows = responses[np.asarray(groups) == level]
            _draw_group(axes, rows, first, level, mark, cues, near)
            axes.text(
                first + (len(cues) - 1) / 2, 1.0, _named(level, levels, rows, letters), ha="center", va="bottom",
                color=mark.color, fontweight="bold", fontsize=size, transform=axes.get_xaxis_transform(),
            )  # fmt: skip
        ticks = [first + column for first in firsts for column in range(len(cues))]
        letters = max(int(LETTERS_PER_MM * width_mm / len(ticks)), 1)
        names = [fill(cue, letters, break_long_words=False) for cue in cues]
        axes.set(ylabel=measure, xticks=ticks, xticklabels=names * len(levels))
        if max(len(line) for name in names for line in name.split("\n")) > letters:
            axes.set_xticks(ticks, list(cues) * len(levels), rotation=35, ha="right", rotation_mode="anchor")
        axes.set_title(title, pad=2 + 9 * max(text.get_text().count("\n") + 1 for text in axes.texts))
        axes.set_xlim(ticks[0] - 0.55, ticks[-1] + 0.55)
    return figure


def _draw_group(
    axes: Axes,
    rows: Float[Array, "subject cue"],
    first: float,
    level: str,
    mark: Mark,
    cues: Sequence[str],
    near: float,
) -> None:
    color, present = mark.color, np.isfinite(rows)
    places = np.full(rows.shape, np.nan)
    for column, cue in enumerate(cues):
        here = present[:, column]
        places[here, column] = first + column + swarm(rows[here, column], near=near)
        # of two cells the first, the reference, is hollow
        face = "white" if column == 0 and len(cues) == 2 else color
        axes.plot(
            places[here, column], rows[here, column], ls="", marker=mark.marker, ms=3.4,
            mfc=face, mec=color, mew=0.8, alpha=0.9, zorder=2, gid=f"cell-{level}-{cue}",
        )  # fmt: skip
        draw_mean(axes, first + column, rows[here, column], color=INK, half_width=0.3)
    for place, values, there in zip(places, rows, present, strict=True):
        axes.plot(place[there], values[there], color=color, lw=0.5, alpha=0.35, zorder=1, gid="subject")


def _letters_per_group(levels: Collection[str], width_mm: float) -> int:
    return max(int(LETTERS_PER_MM * (width_mm - _AXIS_MM) / len(levels)), 1)


def _named(level: str, levels: Collection[str], rows: Float[Array, "subject cue"], letters: int) -> str:
    """Return a group with the number of its subjects who have a dot, in lines that leave room for the next group.

    The number has a line of its own in all groups where it needs one in any.
    """
    n = f"n = {np.isfinite(rows).any(axis=1).sum()}"
    if len(levels) == 1:
        return n
    apart = "\n" if any(len(f"{one} ({n})") > letters for one in levels) else " "
    return f"{fill(level, letters, break_long_words=False)}{apart}({n})"


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
