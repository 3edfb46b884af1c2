"""Fig. 2C and 2F: a region's response against behavior, by group, with least-squares lines.

Pooling groups that differ on both axes makes a correlation by itself. With several groups each has a line of the common
slope within groups, through its own means (analysis of covariance), and the pooled line is thin and dashed. One group
has its line with the 95 % band of the mean: ŷ ± t(.975, n − 2) · s · √(1/n + (x − x̄)²/Sxx) (Draper & Smith 1998, eq.
3.1.4).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats as distributions

from cuecircuit.arrays import Array, Float
from cuecircuit.figures.numbers import fraction, p_equals
from cuecircuit.figures.style import FAINT, INK, PANEL_HEIGHT_MM, PANEL_MM, Mark, marks, sheet, style

# a label of this many letters is as wide, or as high, as the panel
_WIDE, _HIGH = 34, 26
_HANDLE = 4  # letters that a mark of the legend takes


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationNote:
    """The numbers written into the panel, as the correlations table has them; q is NaN where nothing is adjusted."""

    n: int
    r: float
    p: float
    q: float
    r_within: float
    p_within: float


def scatter_figure(
    behavior: Float[Array, "subject"],
    response: Float[Array, "subject"],
    groups: Sequence[str],
    levels: Sequence[str] | Mapping[str, Mark],
    *,
    note: CorrelationNote,
    title: str = "",
    behavior_label: str = "Infusions",
    response_label: str = "BOLD change (%)",
) -> Figure:
    """Draw one dot per subject, the fits, and the correlations within and over groups; one where there is one group.

    Args:
        behavior: the measure on the x axis; NaN where missing.
        response: mean response of the region, percent; NaN where missing.
        groups: the group of each subject.
        levels: the groups in order, reference first, or the mark of each; those without a dot are not named.
        note: the correlations of this region, from the records.
        title: the region.
        behavior_label: label of the x axis, with its unit.
        response_label: label of the y axis, with its unit.
    """
    with style():
        figure = sheet(PANEL_MM, PANEL_HEIGHT_MM)
        axes = figure.subplots()
        present = np.isfinite(behavior) & np.isfinite(response)
        x, y = behavior[present], response[present]
        labels = np.asarray(groups)[present]
        shown = {level: mark for level, mark in marks(levels).items() if (labels == level).any()}
        if len(x) > 2 and np.ptp(x) > 0:
            at = np.linspace(x.min(), x.max(), 100)
            line, half = fit_band(x, y, at)
            if len(shown) > 1:
                axes.plot(at, line, color=FAINT, lw=0.7, ls=(0, (4, 3)), zorder=1, gid="fit")
            else:
                axes.fill_between(at, line - half, line + half, color="#999999", alpha=0.25, lw=0, zorder=1)
                axes.plot(at, line, color=INK, lw=1.0, zorder=2, gid="fit")
        if len(shown) > 1:
            _draw_within(axes, x, y, labels, shown)
        for level, mark in shown.items():
            here = present & (np.asarray(groups) == level)
            axes.plot(
                behavior[here], response[here], ls="", marker=mark.marker, ms=4,
                mfc=mark.color, mec="white", mew=0.5, alpha=0.9, zorder=3, label=level if len(levels) > 1 else None,
            )  # fmt: skip
        axes.set(xlabel=fill(behavior_label, _WIDE), ylabel=fill(response_label, _HIGH))
        axes.set_title(title, pad=4)
        axes.margins(0.08)
        columns = max(min(len(shown), _WIDE // (max(map(len, shown), default=0) + _HANDLE)), 1)
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside lower center", ncols=columns,
            title=_said(note, len(shown)), title_fontsize=6, handletextpad=0.1, columnspacing=1.2, borderaxespad=0.1,
        )  # fmt: skip
    return figure


def _draw_within(
    axes: Axes, x: Float[Array, "subject"], y: Float[Array, "subject"], labels: Array, looks: Mapping[str, Mark]
) -> None:
    """Draw a line of the slope within groups through the means of each group, over the group's own range."""
    dx, dy = (values - pd.Series(values).groupby(labels).transform("mean").to_numpy() for values in (x, y))
    if not np.any(dx):
        return
    slope = float(dx @ dy) / float(dx @ dx)
    for level in dict.fromkeys(labels):
        members = labels == level
        ends = np.array([x[members].min(), x[members].max()])
        line = y[members].mean() + slope * (ends - x[members].mean())
        axes.plot(ends, line, color=looks[level].color, lw=1.2, zorder=2, gid=f"fit-{level}")


def fit_band(
    x: Float[Array, "subject"], y: Float[Array, "subject"], at: Float[Array, "point"]
) -> tuple[Float[Array, "point"], Float[Array, "point"]]:
    """Least-squares line at `at`, and the half-width of the 95 % band of the mean around it."""
    n, centered = len(x), x - x.mean()
    sxx = float(centered @ centered)
    slope = float(centered @ y) / sxx
    residual = y - y.mean() - slope * centered
    s = np.sqrt(float(residual @ residual) / (n - 2))
    half = distributions.t.ppf(0.975, n - 2) * s * np.sqrt(1 / n + (at - x.mean()) ** 2 / sxx)
    return y.mean() + slope * (at - x.mean()), half


def _said(note: CorrelationNote, n_groups: int) -> str:
    adjusted = "" if np.isnan(note.q) else f", {p_equals(note.q, 'q')}"
    pooled = f"r = {fraction(note.r)}, {p_equals(note.p)}{adjusted} (n = {note.n})"
    if n_groups < 2:
        return pooled
    return f"within groups r = {fraction(note.r_within)}, {p_equals(note.p_within)}\npooled (dashed) {pooled}"
