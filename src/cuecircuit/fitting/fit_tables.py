"""Columns of what `cuecircuit fit` writes, and the rows of a fit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import t as student

from cuecircuit.behavior.fit_elimination import SUPPORT, EliminationProfile
from cuecircuit.behavior.fit_intervals import AnimalIntervals
from cuecircuit.behavior.fit_population import HeldOut, ModelFit, SessionScales
from cuecircuit.io.tables import ColumnNote, column_notes

_Z = float(ndtri(0.975))
PARAMETER_COLUMNS = column_notes("fit_parameters")
POPULATION_COLUMNS = column_notes("fit_population")
COMPARISON_COLUMNS = column_notes("fit_comparison")
THRESHOLD_COLUMNS = column_notes("fit_thresholds")
ELIMINATION_COLUMNS = column_notes("fit_elimination")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fits:
    """Models of the same animals; where sessions were held out, what the others predicted, and the SD of days."""

    animals: tuple[AnimalIntervals, ...]
    fits: Mapping[str, ModelFit]
    scores: Mapping[str, HeldOut]
    day_sd: Mapping[str, float]


def parameter_rows(fit: ModelFit, groups: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield a row for each animal and parameter."""
    alone, shrunk = fit.found.alone, fit.found.shrunk
    for at, subject in enumerate(fit.subjects):
        for k, parameter in enumerate(fit.parameters):
            alone_mode, se = float(alone.mode[at, k]), float(alone.se[at, k])
            mode, mode_se = float(shrunk.mode[at, k]), float(fit.found.shrunk_se[at, k])
            wide, narrow = _Z * se, _Z * mode_se
            natural = [alone_mode, alone_mode - wide, alone_mode + wide, mode, mode - narrow, mode + narrow]
            estimate, low, high, middle, shrunk_low, shrunk_high = parameter.natural(np.array(natural)).tolist()
            yield {
                "subject": subject,
                "group": groups.get(subject) or None,
                "model": fit.model.name,
                "parameter": parameter.name,
                "unit": parameter.unit,
                "scale": parameter.scale,
                "estimate": estimate,
                "se": se,
                "low": low,
                "high": high,
                "information": 1 - (se / float(fit.prior_sd[k])) ** 2,
                "shrunk": middle,
                "shrunk_se": mode_se,
                "shrunk_low": shrunk_low,
                "shrunk_high": shrunk_high,
            }


def population_rows(fit: ModelFit) -> Iterator[dict[str, Any]]:
    """Yield a row for each parameter."""
    population, n = fit.found, len(fit.subjects)
    half = float(student.ppf(0.975, n - 1)) * population.mean_se
    for k, parameter in enumerate(fit.parameters):
        ends = np.array([population.mean[k], population.mean[k] - half[k], population.mean[k] + half[k]])
        median, low, high = parameter.natural(ends).tolist()
        yield {
            "model": fit.model.name,
            "parameter": parameter.name,
            "unit": parameter.unit,
            "median": median,
            "low": low,
            "high": high,
            "scale": parameter.scale,
            "se": float(population.mean_se[k]),
            "sd": float(population.sd[k]),
            "animals": n,
        }


def threshold_rows(
    model: str, scales: Sequence[SessionScales], starts: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each animal and session."""
    for scale in scales:
        low, high = scale.estimate - _Z * scale.se, scale.estimate + _Z * scale.se
        for number, values in enumerate(np.exp(np.column_stack([scale.estimate, low, high, scale.trend])).tolist()):
            yield {
                "subject": scale.subject,
                "model": model,
                "session": number + 1,
                "start": starts[scale.subject][number],
                **dict(zip(("threshold", "low", "high", "trend"), values, strict=True)),
            }


def elimination_rows(profile: EliminationProfile) -> Iterator[dict[str, Any]]:
    """Yield a row for each animal and factor; the sum of all animals last, its threshold the geometric mean."""
    likelihoods = [*profile.log_likelihood, profile.log_likelihood.sum(axis=0)]
    thresholds = [*profile.threshold, np.exp(np.log(profile.threshold).mean(axis=0))]
    for subject, likelihood, threshold in zip((*profile.subjects, "all"), likelihoods, thresholds, strict=True):
        below = likelihood - likelihood.max()
        for factor, value, level in zip(profile.factors.tolist(), below.tolist(), threshold.tolist(), strict=True):
            yield {
                "subject": subject,
                "factor": factor,
                "log_likelihood": value,
                "supported": value >= -SUPPORT,
                "threshold": level,
            }


def frame(rows: Iterator[dict[str, Any]] | Sequence[dict[str, Any]], columns: Mapping[str, ColumnNote]) -> pd.DataFrame:
    """Return rows as a table."""
    return pd.DataFrame(list(rows), columns=list(columns))
