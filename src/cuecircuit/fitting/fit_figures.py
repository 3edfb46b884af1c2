"""Figures of `cuecircuit fit`, and a caption for each."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cuecircuit.arrays import Array, Float
from cuecircuit.behavior.fit_intervals import FitSession
from cuecircuit.behavior.fit_population import ModelFit
from cuecircuit.figures.fit_curves import (
    AnimalCurve,
    elimination_figure,
    intervals_figure,
    scores_figure,
    thresholds_figure,
)
from cuecircuit.figures.saving import save
from cuecircuit.fitting.fit_tables import Fits
from cuecircuit.generators.fit_sessions import simulate_sessions
from cuecircuit.io.tables import write_json

# each animal's sessions are simulated this many times, so that the curve is smooth
_ROUNDS = 20
# models drawn over the observed intervals: the best
_SHOWN = 3
_CAPTIONS = {
    "intervals": "Share of intervals between infusions longer than x, for each animal: observed, and simulated from "
    "the shrunk parameters of the models that predict best.",
    "comparison": "Log score of held-out intervals less that of the best model, with a 95 % interval (animals drawn "
    "again).",
    "thresholds": "Threshold of each session with its 95 % interval, all other parameters as fitted; line: the "
    "growth fitted to all sessions.",
    "elimination": "Left: log likelihood where all half-lives are multiplied by a factor. Right: "
    "the threshold that goes with it (all: geometric mean).",
}


def draw_fits(
    out: Path,
    fits: Fits,
    sessions: Mapping[str, Sequence[FitSession]],
    doses: Mapping[str, float],
    tables: Mapping[str, pd.DataFrame],
    *,
    response: Float[Array, "second"],
    seed: int,
) -> None:
    """Write the figures as SVG and PNG, and figures.json.

    Args:
        out: where to.
        fits: of the models.
        sessions: what they were fitted to.
        doses: mg/kg of an infusion, by subject.
        tables: what was written, by name.
        response: level that a dose of 1 leaves after each second.
        seed: of the intervals simulated.
    """
    shown = tables["comparison"]["model"].tolist()[:_SHOWN]
    observed = {subject: _gaps(of_subject) for subject, of_subject in sessions.items()}
    predicted = {
        name: dict(_predicted(fits.fits[name], sessions, doses, response, np.random.default_rng(seed)))
        for name in shown
    }
    drawn = {"intervals": intervals_figure(observed, predicted)}
    if fits.scores:
        drawn["comparison"] = _scores(fits, tables["comparison"])
    if "thresholds" in tables and any(len(of_animal) > 1 for of_animal in sessions.values()):
        thresholds = tables["thresholds"].groupby("subject", sort=False)
        drawn["thresholds"] = thresholds_figure([_threshold(str(name), curve) for name, curve in thresholds])
    if "elimination" in tables:
        profiles = [(str(name), factors) for name, factors in tables["elimination"].groupby("subject", sort=False)]
        curves = {
            column: [
                AnimalCurve(label=name, x=factors["factor"].to_numpy(float), y=factors[column].to_numpy(float))
                for name, factors in profiles
            ]
            for column in ("log_likelihood", "threshold")
        }
        drawn["elimination"] = elimination_figure(curves["log_likelihood"], curves["threshold"])
    for name, figure in drawn.items():
        save(figure, out / name)
    write_json(out / "figures.json", {name: _CAPTIONS[name] for name in drawn})


def _gaps(sessions: Sequence[FitSession]) -> Float[Array, "interval"]:
    return np.concatenate([np.diff(session.infusions_s) for session in sessions]) / 60


def _predicted(
    fit: ModelFit,
    sessions: Mapping[str, Sequence[FitSession]],
    doses: Mapping[str, float],
    response: Float[Array, "second"],
    rng: np.random.Generator,
) -> Iterator[tuple[str, Float[Array, "interval"]]]:
    """Intervals of each animal in as many sessions as it had, several times over, as long as its longest."""
    for (subject, of_subject), estimates in zip(sessions.items(), fit.found.shrunk.mode, strict=True):
        lasted = max(s.duration_s or float(s.infusions_s.max(initial=0.0)) for s in of_subject)
        rounds = [
            simulate_sessions(
                fit.model,
                estimates,
                subject=subject,
                sessions=len(of_subject),
                duration_s=int(lasted),
                timeout_s=round(of_subject[0].timeout_s),
                dose_mg_kg=doses[subject],
                response=response,
                rng=rng,
            )
            for _ in range(_ROUNDS)
        ]
        yield subject, np.concatenate([_gaps(drawn) for drawn in rounds])


def _scores(fits: Fits, comparison: pd.DataFrame) -> Figure:
    models = comparison["model"].tolist()
    per_animal = np.array([fits.scores[name].log_density / fits.scores[name].intervals for name in models])
    return scores_figure(
        models,
        comparison["difference"].to_numpy(float),
        comparison["low"].to_numpy(float),
        comparison["high"].to_numpy(float),
        per_animal - per_animal[0],
    )


def _threshold(label: str, own: pd.DataFrame) -> AnimalCurve:
    columns = {name: own[name].to_numpy(float) for name in ("session", "threshold", "low", "high", "trend")}
    return AnimalCurve(
        label=label,
        x=columns["session"],
        y=columns["threshold"],
        low=columns["low"],
        high=columns["high"],
        trend=columns["trend"],
    )
