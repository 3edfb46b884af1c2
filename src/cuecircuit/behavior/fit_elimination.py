"""Can intervals tell how fast the drug goes? Fits under kinetics that are faster or slower by one factor.

A threshold and a half-life trade: T = (t½/ln 2) · ln(1 + D/S) is one number, and only loading, pauses and the spread of
the intervals tell more. So the half-life is no parameter beside the others; the likelihood of each animal is found anew
with every half-life of the kinetics multiplied by each factor, all else free, and its course says what the data say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.behavior.fit_intervals import FitSession, animal_intervals, response_of
from cuecircuit.behavior.fit_models import IntervalModel
from cuecircuit.behavior.fit_population import log_likelihoods, starts_of, wide_prior
from cuecircuit.behavior.pharmacokinetics import Kinetics
from cuecircuit.stats.hierarchy import subject_modes

FACTORS = tuple(2.0 ** np.arange(-2, 2.5, 0.5))
# half the 95 % point of chi square with one degree of freedom
SUPPORT = 1.92


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EliminationProfile:
    """Log likelihood and threshold (mg/kg) of each animal under each factor of the half-lives."""

    subjects: tuple[str, ...]
    factors: Float[Array, "factor"]
    log_likelihood: Float[Array, "subject factor"]
    threshold: Float[Array, "subject factor"]


def scaled(kinetics: Kinetics, factor: float) -> Kinetics:
    """Return the same drug with all its half-lives longer by a factor."""
    compounds = tuple(replace(each, half_life_min=factor * each.half_life_min) for each in kinetics.compounds)
    return replace(
        kinetics,
        compounds=compounds,
        absorption_half_life_min=factor * kinetics.absorption_half_life_min,
        brain_half_life_min=factor * kinetics.brain_half_life_min,
    )


def elimination_profile(
    model: IntervalModel,
    sessions: Sequence[Sequence[FitSession]],
    *,
    doses_mg_kg: Sequence[float],
    kinetics: Kinetics,
    seconds: int,
    factors: Sequence[float] = FACTORS,
) -> EliminationProfile:
    """Fit every animal on its own under each factor.

    Args:
        model: with a threshold.
        sessions: of each animal, in order of time.
        doses_mg_kg: of an infusion, for each animal.
        kinetics: what the factors multiply.
        seconds: length of the longest session.
        factors: above 0.

    Raises:
        DataError: as `animal_intervals`.
    """
    several = any(len(days) > 1 for days in sessions)
    parameters = model.with_growth(several)
    at = [parameter.name for parameter in parameters].index("threshold")
    likelihood, threshold = [], []
    for factor in factors:
        response = response_of(scaled(kinetics, factor), seconds)
        animals = [
            animal_intervals(of_animal, dose_mg_kg=dose, response=response)
            for of_animal, dose in zip(sessions, doses_mg_kg, strict=True)
        ]
        mean, sd = wide_prior(parameters, animals)
        starts = np.repeat(starts_of(parameters, mean)[None], len(animals), axis=0)
        modes = subject_modes(log_likelihoods(model, animals), starts, mean=mean, sd=sd)
        likelihood.append(modes.log_likelihood)
        threshold.append(np.exp(modes.mode[:, at]))
    return EliminationProfile(
        subjects=tuple(of_animal[0].subject for of_animal in sessions),
        factors=np.array(factors, float),
        log_likelihood=np.array(likelihood).T,
        threshold=np.array(threshold).T,
    )
