"""Fig. 1A: infusions over the sessions, mean ± SEM of each group, each animal faint behind, stars against session 1."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.figures.means import mean_sem
from cuecircuit.figures.numbers import STAR_RULE, stars
from cuecircuit.figures.style import SINGLE_MM, color_of, marker_of, rule_below, sheet, style

# points between one group's row of stars and the next, above the data
_ROW = 8.0
_INSIDE = 2  # lines that a legend inside the frame names without hiding others


def escalation_figure(
    infusions: Float[Array, "subject session"],
    groups: Sequence[str],
    levels: Sequence[str],
    *,
    adjusted_p: Float[Array, "group session"] | None = None,
    adjustment: str = "Bonferroni",
    measure: str = "Infusions per session",
    step: str = "Session",
    width_mm: float = SINGLE_MM,
) -> Figure:
    """Draw the course of a measure over numbered steps, such as the escalation of intake over sessions.

    Args:
        infusions: counts; NaN where a session is missing.
        groups: the group of each subject.
        levels: the groups in order, reference first.
        adjusted_p: adjusted p of each group's session against its first; NaN where nothing was tested.
        adjustment: name of the adjustment, for the rule under the axis.
        measure: label of the y axis.
        step: what is numbered on the x axis.
        width_mm: width of the figure.
    """
    with style():
        figure = sheet(width_mm, width_mm * 0.78)
        axes = figure.subplots()
        sessions = np.arange(1, infusions.shape[1] + 1)
        for level in levels:
            rows = infusions[np.asarray(groups) == level]
            _draw_group(axes, sessions, rows, level, levels)
        axes.set(xlabel=step, ylabel=measure, xticks=sessions, xlim=(0.5, sessions[-1] + 0.5))
        if np.nanmin(infusions) >= 0:
            axes.set_ylim(bottom=0)
        if len(levels) > _INSIDE:
            figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2, handlelength=1.8)
        else:
            axes.legend(loc="upper left", handlelength=1.8, borderaxespad=0.2)
        if adjusted_p is not None:
            _draw_stars(axes, sessions, adjusted_p, levels)
            rule_below(axes, f"{STAR_RULE} against {step.lower()} 1 ({adjustment})")
    return figure


def _draw_group(
    axes: Axes, sessions: Int[Array, "session"], rows: Float[Array, "s session"], level: str, levels: Sequence[str]
) -> None:
    color, cell = color_of(level, levels), mean_sem(rows)
    for animal in rows:
        axes.plot(sessions, animal, color=color, alpha=0.22, lw=0.5, zorder=1, gid="animal")
    axes.errorbar(
        sessions,
        cell.mean,
        yerr=np.nan_to_num(cell.sem),
        color=color,
        marker=marker_of(level, levels),
        ms=3.5,
        mec="white",
        mew=0.5,
        lw=1.3,
        elinewidth=0.9,
        capsize=1.8,
        capthick=0.9,
        zorder=3,
        label=f"{level} (n = {len(rows)})" if len(levels) > 1 else f"n = {len(rows)}",
    )


def _draw_stars(
    axes: Axes, sessions: Int[Array, "session"], p: Float[Array, "group session"], levels: Sequence[str]
) -> None:
    # rows above the frame: no star can then be taken for another group's or hide a point
    starred = [level for row, level in enumerate(levels) if any(map(stars, p[row]))]
    for height, level in enumerate(starred):
        for session, value in zip(sessions, p[levels.index(level)], strict=True):
            axes.annotate(
                stars(value),
                (session, 1.0),
                xycoords=axes.get_xaxis_transform(),
                xytext=(0, 1 + _ROW * height),
                textcoords="offset points",
                ha="center",
                va="bottom",
                color=color_of(level, levels),
                fontweight="bold",
                gid=f"stars-{level}-{session}",
            )
