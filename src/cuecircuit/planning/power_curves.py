"""Curves of power over the number of subjects or the size of the effects; what is planted in front."""

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cuecircuit.figures.numbers import effect_text
from cuecircuit.figures.plan import Curve, Panel, curves_figure
from cuecircuit.io.tables import column_notes
from cuecircuit.planning.outcomes import CLUSTER, EQUIVALENCE, NETWORK

CURVE_NOTES = column_notes("power_curves")
Over = Literal["subjects", "multiple"]
_LABELS = {"subjects": "Subjects, all groups", "multiple": "True effects, times those stated"}
# as many colors as there are; more lines are gray
_IN_FRONT = 6
_MIDDLE = 0.5
# letters of a label that a figure has room for
_LONGEST = 90


def power_figure(power: pd.DataFrame, title: str, wanted: float, *, over: Over) -> tuple[Figure, pd.DataFrame]:
    """Draw the power of the tests of a question, and return the numbers that are drawn.

    Args:
        power: rows of `power.power_table` of one hypothesis and question.
        title: of the panel.
        wanted: power asked for, dashed.
        over: what is along x; the other is the same in all rows.
    """
    named = power.assign(test=[_name(row) for row in power.to_dict("records")])
    places = sorted(named[over].unique().tolist())
    front = _in_front(named)
    curves = []
    for name, rows in named.groupby("test", sort=False):
        rows = rows.set_index(over).reindex(places)
        y, low, high = (rows[column].to_numpy(float) for column in ("power", "low", "high"))
        label = _shortened(effect_text(str(name))) if name in front else ""
        curves.append(Curve(name=str(name), label=label, y=y, low=low, high=high))
    behind = "other tests" if any(not curve.label for curve in curves) else ""
    panel = Panel(title=title, curves=tuple(curves), background=behind)
    figure = curves_figure([panel], places, ylabel="Power", xlabel=_LABELS[over], line=wanted, long_labels=True)
    drawn = named.rename(columns={"question": "panel"}).assign(panel=title)
    return figure, drawn[list(CURVE_NOTES)].reset_index(drop=True)


def _name(row: dict[str, str]) -> str:
    more = {EQUIVALENCE: " negligible", NETWORK: " (network)"}
    term = row["term"] + more.get(row["kind"], "")
    return ", ".join(part for part in (row["level"], term) if part)


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def _in_front(own: pd.DataFrame) -> list[str]:
    """Choose the tests that are drawn in color: planted ones first, those whose power says most about size."""
    rows = own.assign(
        order=own["kind"].map({"term": 1, CLUSTER: 1, "comparison": 2, EQUIVALENCE: 2}).fillna(0),
        hidden=own["planted"] != "yes",
        distance=(own["power"] - _MIDDLE).abs(),
    )
    ranked = rows.groupby("test", sort=False)[["hidden", "order", "distance"]].mean()
    ranked = ranked.assign(place=np.arange(len(ranked)))
    return ranked.sort_values(["hidden", "order", "distance", "place"], kind="stable").index[:_IN_FRONT].tolist()
