"""Specification curves: an effect with its interval under every choice of the analysis, the choices sorted by it.

After Simonsohn, Simmons and Nelson 2020, Nat Hum Behav 4:1208-1214, doi:10.1038/s41562-020-0912-z; here every choice
stands under its estimate by name, since few are listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.figures.numbers import effect_text
from cuecircuit.figures.style import BLUE, DOUBLE_MM, FAINT, INK, SINGLE_MM, sheet, style

_PLOT_MM, _TITLE_MM, _LETTER_MM, _ANGLE = 24.0, 7.0, 1.42, 40.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """One result: its estimate and 95 % interval under each choice, the study's own first; NaN where there is none."""

    result: str
    measure: str
    choices: tuple[str, ...]
    estimate: Float[Array, "choice"]
    low: Float[Array, "choice"]
    high: Float[Array, "choice"]
    holds: Bool[Array, "choice"]
    none: float = 0.0


def specification_figure(curves: Sequence[Curve]) -> Figure:
    """Draw a panel for each result, two in a row: choices from the smallest estimate to the largest.

    Args:
        curves: of the results; filled points hold, those of the study's own choice are dark.
    """
    letters = max(len(choice) for curve in curves for choice in curve.choices) * _LETTER_MM
    below = letters * np.sin(np.deg2rad(_ANGLE)) + 2
    rows = -(-len(curves) // 2)
    width = DOUBLE_MM if len(curves) > 1 else SINGLE_MM
    with style():
        figure = sheet(width, rows * (_PLOT_MM + _TITLE_MM + below))
        panels = figure.subplots(rows, 2 if len(curves) > 1 else 1, squeeze=False).ravel()
        for axes, curve in zip(panels, curves, strict=False):
            _draw(axes, curve)
        for axes in panels[len(curves) :]:
            axes.remove()
    return figure


def _draw(axes: Axes, curve: Curve) -> None:
    order = np.argsort(curve.estimate, kind="stable")  # NaN last
    order = order[np.isfinite(curve.estimate[order])]
    axes.axhline(curve.none, color=FAINT, lw=0.6, zorder=0)
    for place, choice in enumerate(order):
        color = INK if choice == 0 else BLUE
        axes.plot([place] * 2, [curve.low[choice], curve.high[choice]], color=color, lw=1.1)
        face = color if curve.holds[choice] else "white"
        axes.plot(place, curve.estimate[choice], "o", ms=4, mfc=face, mec=color, mew=0.9, gid=f"choice-{choice}")
    axes.set_xticks(
        range(len(order)), [curve.choices[i] for i in order], rotation=_ANGLE, ha="right", rotation_mode="anchor"
    )
    axes.tick_params(axis="x", length=0)
    for label, choice in zip(axes.get_xticklabels(), order, strict=True):
        label.set_fontweight("bold" if choice == 0 else "normal")
    axes.set(ylabel=curve.measure, xlim=(-0.6, len(order) - 0.4))
    axes.set_title(effect_text(curve.result), fontsize="medium", loc="left")
