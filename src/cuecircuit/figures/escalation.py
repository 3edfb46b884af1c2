"""Fig. 1A: infusions over the sessions, mean ± SEM of each group, each animal faint behind, stars against session 1."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.figures.means import mean_sem
from cuecircuit.figures.numbers import STAR_RULE, stars
from cuecircuit.figures.style import SINGLE_MM, Mark, marks, rule_below, sheet, style

# points between one group's row of stars and the next, above the data
_ROW = 8.0
_TWO_COLUMNS = 22  # letters of a group that leave room for another beside it


def escalation_figure(
    infusions: Float[Array, "subject session"],
    groups: Sequence[str],
    levels: Sequence[str] | Mapping[str, Mark],
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
        levels: the groups in order, reference first, or the mark of each.
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
        for level, mark in marks(levels).items():
            rows = infusions[np.asarray(groups) == level]
            name = f"{level} (n = {len(rows)})" if len(levels) > 1 else f"n = {len(rows)}"
            _draw_group(axes, sessions, rows, name, mark)
        axes.set(xlabel=step, ylabel=measure, xticks=sessions, xlim=(0.5, sessions[-1] + 0.5))
        if np.nanmin(infusions) >= 0:
            axes.set_ylim(bottom=0)
        columns = 2 if max(map(len, levels)) <= _TWO_COLUMNS else 1
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=columns, handlelength=2.2)
        if adjusted_p is not None:
            _draw_stars(axes, sessions, adjusted_p, marks(levels))
            rule_below(axes, f"{STAR_RULE} against {step.lower()} 1 ({adjustment})")
    return figure


def _draw_group(
    axes: Axes, sessions: Int[Array, "session"], rows: Float[Array, "s session"], name: str, mark: Mark
) -> None:
    color, cell = mark.color, mean_sem(rows)
    for animal in rows:
        axes.plot(sessions, animal, color=color, alpha=0.22, lw=0.5, zorder=1, gid="animal")
    axes.errorbar(
        sessions,
        cell.mean,
        yerr=np.nan_to_num(cell.sem),
        color=color,
        marker=mark.marker,
        ls=mark.dash,
        ms=3.5,
        mec="white",
        mew=0.5,
        lw=1.3,
        elinewidth=0.9,
        capsize=1.8,
        capthick=0.9,
        zorder=3,
        label=name,
    )


def _draw_stars(
    axes: Axes, sessions: Int[Array, "session"], p: Float[Array, "group session"], looks: Mapping[str, Mark]
) -> None:
    # rows above the frame: no star can then be taken for another group's or hide a point
    starred = [(level, row) for level, row in zip(looks, p, strict=True) if any(map(stars, row))]
    for height, (level, row) in enumerate(starred):
        for session, value in zip(sessions, row, strict=True):
            axes.annotate(
                stars(value),
                (session, 1.0),
                xycoords=axes.get_xaxis_transform(),
                xytext=(0, 1 + _ROW * height),
                textcoords="offset points",
                ha="center",
                va="bottom",
                color=looks[level].color,
                fontweight="bold",
                gid=f"stars-{level}-{session}",
            )
