"""Descriptions of self-administration fitted to animals and their population, and compared by how well they predict.

Models are those of `fit_models`, the hierarchy that of `stats.hierarchy`. Parameters found in some intervals predict
others: the score of a model is the log density of intervals that were held out, at each animal's shrunk parameters, per
interval. A session that nobody has seen has a day of its own: what grows (rate or threshold) differs from the animal's
trend by a normal deviate on the log scale, over which the density of the session's intervals is integrated
(Gauss-Hermite); its SD comes from the sessions fitted, as the variance of their own estimates about the trend less
their squared standard errors. Whether models differ is asked of animals: differences of scores are drawn again with
animals (percentile bootstrap, Efron and Tibshirani 1993). `rescaled` is an absolute check: under the true model the
integral of the rate over each interval is unit exponential (Brown et al. 2002, Neural Comput 14:325).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from scipy.special import logsumexp
from scipy.stats import kstest

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.behavior.fit_intervals import AnimalIntervals
from cuecircuit.behavior.fit_models import FitParameter, IntervalModel, interval_density, typical
from cuecircuit.errors import DesignError
from cuecircuit.stats.hierarchy import Hierarchy, LogLikelihood, fit_hierarchy, subject_modes

# nodes and weights for integrals over a normal day
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
# searches begin with every combination of these: where there are several hills the highest is found
_STARTS = {"width": (0.1, 0.5), "temperature": (0.1, 0.5), "lapse_rate": (0.02, 1.0)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelFit:
    """A model fitted to some animals; parameters of `found` stand on the scale they are estimated on."""

    model: IntervalModel
    subjects: tuple[str, ...]
    parameters: tuple[FitParameter, ...]
    prior_sd: Float[Array, "parameter"]
    found: Hierarchy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """Sum of the log density of each animal's intervals held out, and how many they are."""

    log_density: Float[Array, "subject"]
    intervals: Float[Array, "subject"]

    @property
    def per_interval(self) -> float:
        """Mean log density of an interval."""
        return float(self.log_density.sum() / self.intervals.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Score of one model less that of another per interval, its 95 % interval, and the share of animals above 0."""

    estimate: float
    low: float
    high: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescaled:
    """Largest distance of rescaled intervals from the unit exponential and its p; p is too large for fitted models."""

    distance: float
    p: float


def fit_model(model: IntervalModel, animals: Sequence[AnimalIntervals]) -> ModelFit:
    """Fit a model to animals and their population.

    Args:
        model: one of `fit_models.MODELS`.
        animals: two or more.

    Raises:
        DesignError: fewer than two animals.
    """
    if len(animals) < 2:
        raise DesignError(f"fit: {len(animals)} animal; a population needs two or more")
    parameters = model.with_growth(any(int(animal.session[-1]) > 0 for animal in animals))
    mean, sd = wide_prior(parameters, animals)
    starts = np.repeat(starts_of(parameters, mean)[None], len(animals), axis=0)
    return ModelFit(
        model=model,
        subjects=tuple(animal.subject for animal in animals),
        parameters=parameters,
        prior_sd=sd,
        found=fit_hierarchy(log_likelihoods(model, animals), starts, mean=mean, sd=sd),
    )


def log_likelihoods(model: IntervalModel, animals: Sequence[AnimalIntervals]) -> list[LogLikelihood]:
    """Return the log likelihood of each animal's parameters."""
    return [partial(_log_likelihood, model, animal) for animal in animals]


def wide_prior(
    parameters: Sequence[FitParameter], animals: Sequence[AnimalIntervals]
) -> tuple[Float[Array, "parameter"], Float[Array, "parameter"]]:
    """Return the mean and SD of the wide prior, on the scale of estimation."""
    mean = [parameter.estimated(typical(parameter, animals)) for parameter in parameters]
    return np.array(mean), np.array([parameter.sd for parameter in parameters])


def held_out(fit: ModelFit, animals: Sequence[AnimalIntervals], *, day_sd: float = 0.0) -> HeldOut:
    """Score intervals that the fit has not seen, by the shrunk parameters of their animals.

    Args:
        fit: made of other intervals.
        animals: the same, in the same order.
        day_sd: SD of the log of what grows between sessions, for sessions that are new; 0 for parts of those fitted.
    """
    sums = [_predicted(fit, mode, animal, day_sd) for mode, animal in zip(fit.found.shrunk.mode, animals, strict=True)]
    return HeldOut(log_density=np.array(sums), intervals=np.array([a.live_min.size for a in animals], float))


def _predicted(fit: ModelFit, own: Float[Array, "parameter"], animal: AnimalIntervals, day_sd: float) -> float:
    days = day_sd * _NODES if day_sd else np.zeros(1)
    weights = _WEIGHTS if day_sd else np.ones(1)
    by_day = []
    for day in days:
        density = interval_density(fit.model, own + day * _grown(fit), animal).log_density
        by_day.append(np.bincount(animal.session, weights=density)[np.unique(animal.session)])
    return float(logsumexp(np.array(by_day), axis=0, b=weights[:, None] / weights.sum()).sum())


def _grown(fit: ModelFit) -> Float[Array, "parameter"]:
    """1 for the parameter that differs between sessions, 0 for the others."""
    return np.array([parameter.name == fit.model.grows for parameter in fit.parameters], float)


def difference(one: HeldOut, other: HeldOut, *, rng: np.random.Generator, draws: int = 10_000) -> Difference:
    """Compare the scores of two models for the same intervals, with animals drawn again."""
    gain, weight = one.log_density - other.log_density, one.intervals
    drawn = rng.integers(gain.size, size=(draws, gain.size))
    low, high = np.quantile(gain[drawn].sum(axis=1) / weight[drawn].sum(axis=1), [0.025, 0.975])
    return Difference(
        estimate=float(gain.sum() / weight.sum()), low=float(low), high=float(high), share=float((gain > 0).mean())
    )


def rescaled(fit: ModelFit, animals: Sequence[AnimalIntervals]) -> Rescaled:
    """Hold the rescaled intervals of all animals against the unit exponential; cut-off ones are left out."""
    integrals = [
        interval_density(fit.model, mode, animal).integral[animal.observed]
        for mode, animal in zip(fit.found.shrunk.mode, animals, strict=True)
    ]
    test = kstest(np.concatenate(integrals), "expon")
    return Rescaled(distance=float(test.statistic), p=float(test.pvalue))


def last_sessions(animal: AnimalIntervals, count: int) -> Bool[Array, "interval"]:
    """Return the intervals of an animal's last sessions."""
    return animal.session > animal.session[-1] - count


def every_nth(animal: AnimalIntervals, step: int) -> Bool[Array, "interval"]:
    """Return every so-many-th interval of an animal, from the one in the middle of the first so many."""
    return np.arange(animal.session.size) % step == step // 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionScales:
    """Log of what grows (rate or threshold) in every session of one animal, its standard error, and its trend."""

    subject: str
    estimate: Float[Array, "session"]
    se: Float[Array, "session"]
    trend: Float[Array, "session"]


def session_scales(fit: ModelFit, animals: Sequence[AnimalIntervals]) -> list[SessionScales]:
    """Estimate what grows in each session anew, all else as fitted: does it grow as the trend says?

    The prior of a session is as wide as that of an animal, about the animal's trend.

    Args:
        fit: of a model.
        animals: those it was made of.
    """
    at = int(np.argmax(_grown(fit)))
    scales = []
    for estimates, animal in zip(fit.found.shrunk.mode, animals, strict=True):
        modes = [
            subject_modes(
                [partial(_of_day, fit, estimates, animal.chosen(animal.session == number))],
                np.zeros((1, 1, 1)),
                mean=np.zeros(1),
                sd=fit.prior_sd[at : at + 1],
            )
            for number in np.unique(animal.session)
        ]
        growth = estimates[-1] if len(estimates) > len(fit.model.parameters) else 0.0
        trend = estimates[at] + growth * np.unique(animal.session)
        scales.append(
            SessionScales(
                subject=animal.subject,
                estimate=trend + np.array([mode.mode[0, 0] for mode in modes]),
                se=np.array([mode.se[0, 0] for mode in modes]),
                trend=trend,
            )
        )
    return scales


def day_sd(scales: Sequence[SessionScales]) -> float:
    """SD of sessions about the trends of their animals beyond what chance in the estimates makes."""
    away = np.concatenate([(scale.estimate - scale.trend) ** 2 - scale.se**2 for scale in scales])
    return float(np.sqrt(max(away.mean(), 0.0)))


def _of_day(fit: ModelFit, own: Float[Array, "parameter"], session: AnimalIntervals, day: np.ndarray) -> float:
    return _log_likelihood(fit.model, session, own + day[0] * _grown(fit))


def _log_likelihood(model: IntervalModel, animal: AnimalIntervals, estimates: Float[Array, "parameter"]) -> float:
    return float(interval_density(model, estimates, animal).log_density.sum())


def starts_of(parameters: Sequence[FitParameter], mean: Float[Array, "parameter"]) -> Float[Array, "start parameter"]:
    """Return where searches begin: the center of the wide prior, with several values of what makes hills."""
    tried = [
        [parameter.estimated(value) for value in _STARTS[parameter.name]] if parameter.name in _STARTS else [start]
        for parameter, start in zip(parameters, mean.tolist(), strict=True)
    ]
    return np.array(list(product(*tried)))
