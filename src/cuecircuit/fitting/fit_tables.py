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
from cuecircuit.io.tables import ColumnNote

_Z = float(ndtri(0.975))
_WIDE = "alone: under a wide prior (docs/fit.md), no other animal counted"
PARAMETER_COLUMNS: Mapping[str, ColumnNote] = {
    "subject": "participant label",
    "group": "group",
    "model": "description of how infusions are taken",
    "parameter": "parameter of the model",
    "unit": "unit of estimate, low, high and the shrunk ones",
    "scale": "scale on which se and information are reckoned",
    "estimate": f"most likely value of the animal {_WIDE}",
    "se": "standard error of the estimate, on the scale",
    "low": "lower end of its 95 % interval",
    "high": "upper end of its 95 % interval",
    "information": "1 − se²/(SD of the wide prior)²: 0 where the animal's intervals tell nothing, 1 where all",
    "shrunk": "most likely value of the animal as a member of the population",
    "shrunk_se": "its standard error, on the scale",
    "shrunk_low": "lower end of its 95 % interval",
    "shrunk_high": "upper end of its 95 % interval",
}
POPULATION_COLUMNS: Mapping[str, ColumnNote] = {
    "model": "description of how infusions are taken",
    "parameter": "parameter of the model",
    "unit": "unit of median, low and high",
    "median": "of the population",
    "low": "lower end of its 95 % interval (t with animals − 1 degrees of freedom)",
    "high": "upper end of it",
    "scale": "scale on which se and sd are reckoned",
    "se": "standard error of the median, on the scale",
    "sd": "standard deviation between animals, on the scale (maximum likelihood)",
    "animals": "animals fitted",
}
COMPARISON_COLUMNS: Mapping[str, ColumnNote] = {
    "model": "description of how infusions are taken",
    "parameters": "parameters of an animal",
    "animals": "animals fitted",
    "intervals": "intervals held out",
    "log_score": {"Description": "mean log density of an interval held out", "Units": "nat (density per minute)"},
    "difference": "log_score less that of the first row, the best",
    "low": "lower end of the 95 % interval of the difference, animals drawn again",
    "high": "upper end of it",
    "animals_above": "share of animals whose held-out intervals the model predicts better than the best does",
    "day_sd": "SD of the log of rate or threshold between sessions, beyond the trend; enters log_score of new sessions",
    "log_marginal": "log likelihood of all intervals with animals integrated out (Laplace)",
    "ks_distance": "largest distance of the rescaled intervals of all animals from the unit exponential",
    "ks_p": "p of that distance, too large because parameters were fitted to the same intervals",
    "converged": "whether the population stood still",
}
THRESHOLD_COLUMNS: Mapping[str, ColumnNote] = {
    "subject": "participant label",
    "model": "description with a threshold that predicts best",
    "session": "number of the session, from 1",
    "start": {"Description": "start of the session, local time", "Units": "ISO 8601"},
    "threshold": {"Description": "threshold of the session, all else as fitted", "Units": "mg/kg"},
    "low": "lower end of its 95 % interval",
    "high": "upper end of it",
    "trend": {"Description": "threshold of the session by the animal's growth", "Units": "mg/kg"},
}
ELIMINATION_COLUMNS: Mapping[str, ColumnNote] = {
    "subject": "participant label; all: the sum over animals",
    "factor": "every half-life of the kinetics was multiplied by it",
    "log_likelihood": "of the animal's intervals, less the highest of its row of factors",
    "supported": "whether the factor is within 1.92 of the highest (95 % interval)",
    "threshold": {"Description": "threshold that goes with the factor", "Units": "mg/kg"},
}


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
            own, se = float(alone.mode[at, k]), float(alone.se[at, k])
            mode, mode_se = float(shrunk.mode[at, k]), float(fit.found.shrunk_se[at, k])
            wide, narrow = _Z * se, _Z * mode_se
            natural = [own, own - wide, own + wide, mode, mode - narrow, mode + narrow]
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
    found, n = fit.found, len(fit.subjects)
    half = float(student.ppf(0.975, n - 1)) * found.mean_se
    for k, parameter in enumerate(fit.parameters):
        ends = np.array([found.mean[k], found.mean[k] - half[k], found.mean[k] + half[k]])
        median, low, high = parameter.natural(ends).tolist()
        yield {
            "model": fit.model.name,
            "parameter": parameter.name,
            "unit": parameter.unit,
            "median": median,
            "low": low,
            "high": high,
            "scale": parameter.scale,
            "se": float(found.mean_se[k]),
            "sd": float(found.sd[k]),
            "animals": n,
        }


def threshold_rows(
    model: str, scales: Sequence[SessionScales], starts: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each animal and session."""
    for own in scales:
        low, high = own.estimate - _Z * own.se, own.estimate + _Z * own.se
        for number, values in enumerate(np.exp(np.column_stack([own.estimate, low, high, own.trend])).tolist()):
            yield {
                "subject": own.subject,
                "model": model,
                "session": number + 1,
                "start": starts[own.subject][number],
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
