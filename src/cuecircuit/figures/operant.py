"""Single sessions: cumulative records, event rasters, and the estimated drug level above its events."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cuecircuit.arrays import Array, Float
from cuecircuit.figures.style import (
    DOUBLE_MM,
    FAINT,
    INK,
    SINGLE_MM,
    color_of,
    sheet,
    style,
)

_HOUR_S = 3600.0
# a row of a raster, and what surrounds the rows (mm)
_ROW_MM, _AROUND_MM = 2.6, 16.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionEvents:
    """One session to draw: who, of which group, when what happened (s from the start), and how long it lasted (s)."""

    label: str
    group: str
    active_s: Float[Array, "active"]
    inactive_s: Float[Array, "inactive"]
    infusions_s: Float[Array, "infusion"]
    duration_s: float


def cumulative_figure(sessions: Sequence[SessionEvents], levels: Sequence[str]) -> Figure:
    """Draw cumulative records: active presses step up, a slanted pip marks each infusion, inactive presses are thin.

    Args:
        sessions: one line each.
        levels: the groups in order, reference first.
    """
    with style():
        figure = sheet(SINGLE_MM, SINGLE_MM * 0.78)
        axes = figure.subplots()
        longest = max((each.duration_s for each in sessions), default=_HOUR_S)
        # lines of one group differ by dash, so that nobody has to tell them apart by their ends
        seen: dict[str, int] = {}
        for each in sessions:
            number = seen[each.group] = seen.get(each.group, -1) + 1
            dash = ("-", "--", ":", "-.")[number % 4]
            color = color_of(each.group, levels)
            x, y = _steps(each.active_s, each.duration_s)
            axes.step(x, y, where="post", color=color, lw=1.1, ls=dash, label=f"{each.label} ({each.group})")
            x, y = _steps(each.inactive_s, each.duration_s)
            axes.step(x, y, where="post", color=color, lw=0.5, ls=dash, alpha=0.6)
            height = np.searchsorted(np.sort(each.active_s), each.infusions_s, side="right")
            axes.plot(
                each.infusions_s / _HOUR_S, height, ls="", marker=(2, 0, -35), ms=5, mec=INK, mew=0.6,
                gid=f"infusions-{each.label}",
            )  # fmt: skip
        axes.set(xlabel="Time in session (h)", ylabel="Cumulative presses", xlim=(0, longest / _HOUR_S))
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left", handlelength=1.8, borderaxespad=0.2)
    return figure


def raster_figure(sessions: Sequence[SessionEvents], levels: Sequence[str]) -> Figure:
    """Draw one row per session: infusions above its line in the group's color, active and inactive presses below.

    Args:
        sessions: rows from above.
        levels: the groups in order, reference first.
    """
    with style():
        figure = sheet(DOUBLE_MM, _AROUND_MM + _ROW_MM * len(sessions))
        axes = figure.subplots()
        longest = max((each.duration_s for each in sessions), default=_HOUR_S)
        for row, each in enumerate(sessions):
            axes.plot([0, each.duration_s / _HOUR_S], [row, row], color="#dddddd", lw=0.4, zorder=0)
            # the y axis points down: infusions stand above the line, presses hang below it
            color = color_of(each.group, levels)
            _ticks(axes, each.infusions_s, float(row), low=-0.46, high=0.0, color=color, width=0.8)
            _ticks(axes, each.active_s, float(row), low=0.04, high=0.24, color=INK, width=0.4)
            _ticks(axes, each.inactive_s, float(row), low=0.28, high=0.42, color=FAINT, width=0.4)
        axes.set(xlabel="Time in session (h)", xlim=(0, longest / _HOUR_S), ylim=(len(sessions) - 0.4, -0.6))
        axes.set_yticks(range(len(sessions)), [each.label for each in sessions])
        for text, each in zip(axes.get_yticklabels(), sessions, strict=True):
            text.set_color(color_of(each.group, levels))
        axes.tick_params(axis="y", length=0, labelsize=5.5)
        axes.spines["left"].set_visible(False)
    return figure


def drug_level_figure(
    sessions: Sequence[SessionEvents],
    levels: Sequence[str],
    times_s: Sequence[Float[Array, "_"]],
    drug_mg_kg: Sequence[Float[Array, "_"]],
    *,
    thresholds_mg_kg: Sequence[float],
    drug: str,
) -> Figure:
    """Draw the estimated level of each session above ticks of its infusions and active presses.

    Args:
        sessions: one panel each, from above.
        levels: the groups in order, reference first.
        times_s: when the level of each session was estimated.
        drug_mg_kg: its level.
        thresholds_mg_kg: satiety threshold of each session, drawn as a line; NaN for none.
        drug: its name.
    """
    with style():
        figure = sheet(DOUBLE_MM, 10.0 + 34.0 * len(sessions))
        longest = max((each.duration_s for each in sessions), default=_HOUR_S)
        panels = np.atleast_1d(np.asarray(figure.subplots(len(sessions), 1, sharex=True)))
        for axes, each, when, level, threshold in zip(
            panels, sessions, times_s, drug_mg_kg, thresholds_mg_kg, strict=True
        ):
            color, top = color_of(each.group, levels), float(max(level.max(initial=0.0), 1e-9))
            axes.fill_between(when / _HOUR_S, level, color=color, alpha=0.18, lw=0)
            axes.plot(when / _HOUR_S, level, color=color, lw=1.0)
            if np.isfinite(threshold):
                axes.plot([0, each.duration_s / _HOUR_S], [threshold] * 2, color=INK, lw=0.7, ls="--", gid="threshold")
            _ticks(axes, each.infusions_s, -0.10 * top, low=-0.05 * top, high=0.05 * top, color=color, width=0.8)
            _ticks(axes, each.active_s, -0.24 * top, low=-0.04 * top, high=0.04 * top, color=INK, width=0.4)
            axes.set(xlim=(0, longest / _HOUR_S), ylim=(-0.32 * top, 1.08 * top))
            axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= 1.08 * top])
            axes.set_title(f"{each.label} ({each.group})", color=color, loc="left", pad=2)
            axes.set_ylabel(f"{drug} (mg/kg)")
        panels[-1].set_xlabel("Time in session (h)")
    return figure


def _steps(times_s: Float[Array, "event"], duration_s: float) -> tuple[Float[Array, "step"], Float[Array, "step"]]:
    x = np.concatenate([[0.0], np.sort(times_s), [duration_s]]) / _HOUR_S
    return x, np.append(np.arange(len(times_s) + 1, dtype=float), float(len(times_s)))


def _ticks(
    axes: Axes, times_s: Float[Array, "event"], at: float, *, low: float, high: float, color: str, width: float
) -> None:
    # one line with gaps: in the SVG a fifth of what a line each would take
    x = np.repeat(times_s / _HOUR_S, 3)
    y = np.tile([at + low, at + high, np.nan], times_s.size)
    axes.plot(x, y, color=color, lw=width, solid_capstyle="butt", gid="ticks")
