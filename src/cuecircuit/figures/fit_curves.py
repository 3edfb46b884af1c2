"""Fits of self-administration: intervals as observed and as predicted, scores of models, thresholds, elimination."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from cuecircuit.arrays import Array, Float
from cuecircuit.figures.style import BLUE, DOUBLE_MM, FAINT, GREEN, INK, SINGLE_MM, VERMILLION, rule_below, sheet, style

_LINEAR = 0.1  # nat per interval: scores that differ by more than ten times it are drawn on a logarithmic axis
_COLUMNS, _PANEL_MM = 4, 38.0
_DASHES = ("-", "--", ":", "-.")
_COLORS = (VERMILLION, BLUE, GREEN)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnimalCurve:
    """Something of one animal over sessions or factors: where, how much, and the ends of its interval."""

    label: str
    x: Float[Array, "point"]
    y: Float[Array, "point"]
    low: Float[Array, "point"] | None = None
    high: Float[Array, "point"] | None = None
    trend: Float[Array, "point"] | None = None


def intervals_figure(
    observed_min: Mapping[str, Float[Array, "_"]],
    predicted_min: Mapping[str, Mapping[str, Float[Array, "_"]]],
) -> Figure:
    """Draw for each animal the share of intervals longer than x: observed in black, simulated from models in color.

    Args:
        observed_min: intervals of each animal.
        predicted_min: for each model those of each animal.
    """
    with style():
        rows = -(-len(observed_min) // _COLUMNS)
        figure = sheet(DOUBLE_MM, 12.0 + _PANEL_MM * rows)
        panels = np.ravel(figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False))
        for axes, (subject, intervals) in zip(panels, observed_min.items(), strict=False):
            for number, (model, drawn) in enumerate(predicted_min.items()):
                x, y = _survival(drawn[subject])
                dash, color = _DASHES[number % 4], _COLORS[number % 3]
                axes.step(x, y, where="post", color=color, lw=0.9, ls=dash, label=model, gid=f"{model}-{subject}")
            x, y = _survival(intervals)
            axes.step(x, y, where="post", color=INK, lw=1.1, label="observed", gid=f"observed-{subject}")
            axes.set_xscale("log")
            _label_plainly(axes.xaxis)
            axes.set_title(f"{subject} (n = {intervals.size})", loc="left", pad=2)
        for axes in panels[len(observed_min) :]:
            axes.set_axis_off()
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
        figure.supxlabel("Interval between infusions (min)", fontsize=7)
        figure.supylabel("Share of longer intervals", fontsize=7)
    return figure


def scores_figure(
    models: Sequence[str],
    differences: Float[Array, "model"],
    low: Float[Array, "model"],
    high: Float[Array, "model"],
    animals: Float[Array, "model subject"],
) -> Figure:
    """Draw each model's score of held-out intervals less that of the best; dots are animals.

    Args:
        models: rows from above.
        differences: nat per interval.
        low: lower ends of their intervals.
        high: upper ends.
        animals: the difference of each animal.
    """
    with style():
        figure = sheet(SINGLE_MM, 14.0 + 9.0 * len(models))
        axes = figure.subplots()
        rows = np.arange(len(models))
        # a fixed spread, so that animals of one value can be told apart
        jitter = np.linspace(-0.25, 0.25, animals.shape[1])
        axes.plot(animals, rows[:, None] + jitter, ".", color=FAINT, ms=3)
        axes.hlines(rows, low, high, color=INK, lw=1.4)
        axes.plot(differences, rows, "D", color=VERMILLION, ms=4)
        axes.axvline(0, color=INK, lw=0.5)
        if np.nanmax(np.abs(np.concatenate((animals.ravel(), low, high)))) > 10 * _LINEAR:
            axes.set_xscale("symlog", linthresh=_LINEAR)
            axes.xaxis.set_major_formatter("{x:g}")
        axes.set_yticks(rows, models)
        axes.set_ylim(len(models) - 0.5, -0.5)
        axes.set_xlabel(f"Log score less that of {models[0]} (nat per interval held out)")
        rule_below(axes, "diamond and bar: all animals with 95 % interval; dots: single animals")
    return figure


def thresholds_figure(curves: Sequence[AnimalCurve]) -> Figure:
    """Draw the threshold of every session of each animal with its interval, and the trend fitted to all of them.

    Args:
        curves: one panel each: sessions, thresholds (mg/kg), intervals and trend.
    """
    with style():
        rows = -(-len(curves) // _COLUMNS)
        figure = sheet(DOUBLE_MM, 8.0 + _PANEL_MM * rows)
        panels = np.ravel(figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False))
        for axes, curve in zip(panels, curves, strict=False):
            assert curve.low is not None
            assert curve.high is not None
            axes.vlines(curve.x, curve.low, curve.high, color=FAINT, lw=0.8)
            axes.plot(curve.x, curve.y, "o", color=INK, ms=2.5, gid=f"threshold-{curve.label}")
            if curve.trend is not None:
                axes.plot(curve.x, curve.trend, color=VERMILLION, lw=1.0, gid=f"trend-{curve.label}")
            axes.set_yscale("log")
            _label_plainly(axes.yaxis)
            axes.set_title(curve.label, loc="left", pad=2)
        for axes in panels[len(curves) :]:
            axes.set_axis_off()
        figure.supxlabel("Session", fontsize=7)
        figure.supylabel("Threshold (mg/kg)", fontsize=7)
    return figure


def elimination_figure(likelihoods: Sequence[AnimalCurve], thresholds: Sequence[AnimalCurve]) -> Figure:
    """Draw what intervals say about the half-life: log likelihood by factor, and the threshold that goes with it.

    Args:
        likelihoods: of each animal, less its highest; the last is that of all together.
        thresholds: of the same.
    """
    with style():
        figure = sheet(DOUBLE_MM, 62.0)
        left, right = figure.subplots(1, 2)
        for axes, curves in ((left, likelihoods), (right, thresholds)):
            for curve in curves[:-1]:
                axes.plot(curve.x, curve.y, color=FAINT, lw=0.6)
            axes.plot(curves[-1].x, curves[-1].y, color=VERMILLION, lw=1.4, label=curves[-1].label)
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter("{x:g}")
            axes.set_xlabel("Half-lives multiplied by")
        left.axhline(-1.92, color=INK, lw=0.5, ls="--")
        left.set_ylim(-12, 0.5)
        left.set_ylabel("Log likelihood less its highest")
        right.set_yscale("log")
        _label_plainly(right.yaxis)
        right.set_ylabel("Threshold (mg/kg)")
        left.legend(loc="lower right")
        rule_below(left, "dashed: 95 % interval of one animal; thin: animals")
    return figure


class _Plain(LogFormatter):
    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the number without powers, where matplotlib labels it at all."""
        return super().__call__(x, pos) and f"{x:g}"


def _label_plainly(axis: Axis) -> None:
    axis.set_major_formatter(_Plain())
    axis.set_minor_formatter(_Plain())


def _survival(intervals: Float[Array, "interval"]) -> tuple[Float[Array, "step"], Float[Array, "step"]]:
    x = np.sort(intervals)
    return x, 1 - np.arange(1, x.size + 1) / max(x.size, 1)
