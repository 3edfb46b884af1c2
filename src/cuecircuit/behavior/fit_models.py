"""Rival descriptions of when an animal takes the next infusion, as densities of the intervals between infusions.

Given what was taken before, the next infusion comes at a rate r(t) outside the time-out; an interval that begins to be
live at 0 and ends at t has the density r(t) · exp(−∫₀ᵗ r), one that the end of the session cuts off has exp(−∫₀ᵗ r)
(Daley and Vere-Jones 2003, An Introduction to the Theory of Point Processes, prop. 7.2.III). With A the drug level and
S the threshold:

- poisson: r constant.
- gamma: live times have a gamma density of this shape and mean rate; 1 is poisson, above it they are more regular.
- drift: r changes exponentially over the session.
- satiety: r = fastest / (1 + (A/S)^(1/width)). At each moment the threshold is log-logistic about S with scale `width`
  and the lever is pressed at the fastest rate if it lies above the level. With one compartment of rate k and level A₀
  when the interval begins to be live, ∫₀ᵗ r = fastest · width/k · ln((e^(kt/width) + c)/(1 + c)), c = (A₀/S)^(1/width);
  with narrow width and many presses T = ln(A₀/S)/k, the interval of Tsibulsky and Norman (1999, Brain Res 839:85).
- priming: the same times a + p − a p: pressing is driven by the drug above a share of S, p = 1 / (1 + (share · S/A)^
  (1/width)) (Norman and Tsibulsky 2006, Brain Res 1116:143), or by an arousal a = exp(−u/arousal) that fades with the
  time u from the start of the session.
- homeostatic: r = fastest · logistic(reward/temperature), reward = (|S − A|^(4/3) − |S − A − K|^(4/3)) / S^(4/3), K the
  rise by one infusion (Keramati et al. 2017, Psychol Rev 124:130; without cost, which no interval tells from S).
- bouts and lapses: poisson and satiety, but a share of the intervals goes its own way at a constant rate of its own,
  fast in bursts or slow in pauses: f = (1 − ε) r(t) exp(−∫r) + ε ρ exp(−ρt).

Where there are several sessions every model has a `growth`: the log of its rate (of S, where it has one) rises by so
much from each session to the next. Integrals over the live time are sums over the nodes of `fit_intervals`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from scipy.special import expit, gammaincc, gammaln, logit

from cuecircuit.arrays import Array, Float
from cuecircuit.behavior import fit_kernel as kernel
from cuecircuit.behavior.fit_intervals import AnimalIntervals

ModelName = Literal["poisson", "gamma", "drift", "satiety", "priming", "homeostatic", "bouts", "lapses"]
# no search need go further than e to this power, and no share then rounds to 1
_FAR = 30.0
# minus the log of a density that is none
_DENIED = 1e6
# below this log of the survival gammaincc has lost its digits
_SMALLEST = 1e-280


@dataclass(frozen=True, slots=True, kw_only=True)
class FitParameter:
    """One parameter: estimated as its logarithm, its logit, or itself (`scale`).

    `center` and `sd` are those of the wide normal prior on that scale, which keeps an animal finite whose intervals do
    not tell; a `center` of None is calculated from the data (`typical`). All are assumed.
    """

    name: str
    unit: str
    meaning: str
    center: float | None
    sd: float
    scale: Literal["log", "logit", "identity"] = "log"

    def natural(self, estimate: Float[Array, "*shape"] | float) -> Float[Array, "*shape"]:
        """From the scale it is estimated on to its unit."""
        within = np.clip(estimate, -_FAR, _FAR)
        return np.asarray({"log": np.exp, "logit": expit, "identity": np.asarray}[self.scale](within))

    def estimated(self, natural: float) -> float:
        """From its unit to the scale it is estimated on."""
        return float({"log": np.log, "logit": logit, "identity": np.asarray}[self.scale](natural))


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalModel:
    """A description: its code in the kernel (None: closed form), its parameters, the one that grows over sessions.

    With `lapses` the last two parameters are the share and the rate of intervals that go their own way.
    """

    name: ModelName
    code: int | None
    parameters: tuple[FitParameter, ...]
    grows: str
    lapses: bool = False

    def with_growth(self, several: bool) -> tuple[FitParameter, ...]:
        """Return the parameters, with growth where there are several sessions."""
        growth = FitParameter(
            name="growth",
            unit="1/session",
            meaning=f"rise of the log of {self.grows} from a session to the next",
            center=0.0,
            sd=0.5,
            scale="identity",
        )
        return (*self.parameters, growth) if several else self.parameters

    def natural(self, estimates: Float[Array, "parameter"]) -> tuple[Float[Array, "value"], float]:
        """Values in their units, and the growth: one more estimate than the model has parameters."""
        natural = estimates[: len(self.parameters)]
        values = [parameter.natural(x) for parameter, x in zip(self.parameters, natural, strict=True)]
        return np.array(values, float), float(estimates[-1]) if len(estimates) > len(natural) else 0.0


_RATE = FitParameter(name="rate", unit="1/min", meaning="infusions per live minute", center=None, sd=1.5)
_FASTEST = FitParameter(
    name="fastest", unit="1/min", meaning="infusions of an animal far below its threshold", center=1.0, sd=1.5
)
_THRESHOLD = FitParameter(
    name="threshold", unit="mg/kg", meaning="level at which the rate is half the fastest", center=None, sd=1.5
)
_WIDTH = FitParameter(name="width", unit="1", meaning="scale of the log-logistic threshold", center=0.2, sd=1.0)
_PRIMING = FitParameter(
    name="priming_share", unit="1", meaning="priming over satiety threshold", center=0.25, sd=1.5, scale="logit"
)
_AROUSAL = FitParameter(
    name="arousal", unit="min", meaning="seeking at the start of a session fades", center=15.0, sd=1.0
)
_LAPSES = (
    FitParameter(
        name="lapse_share",
        unit="1",
        meaning="intervals that go their own way",
        center=0.1,
        sd=1.5,
        scale="logit",
    ),
    FitParameter(name="lapse_rate", unit="1/min", meaning="infusions per live minute in them", center=0.1, sd=2.0),
)
_TEMPERATURE = FitParameter(name="temperature", unit="1", meaning="noise of choice", center=0.1, sd=1.0)

MODELS: Mapping[ModelName, IntervalModel] = MappingProxyType(
    {
        model.name: model
        for model in (
            IntervalModel(name="poisson", code=kernel.CONSTANT, parameters=(_RATE,), grows="rate"),
            IntervalModel(
                name="gamma",
                code=None,
                parameters=(
                    _RATE,
                    FitParameter(name="shape", unit="1", meaning="regularity of the intervals", center=1.0, sd=1.0),
                ),
                grows="rate",
            ),
            IntervalModel(
                name="drift",
                code=kernel.DRIFT,
                parameters=(
                    _RATE,
                    FitParameter(
                        name="slope",
                        unit="1/h",
                        meaning="rise of the log of rate over the session",
                        center=0.0,
                        sd=1.0,
                        scale="identity",
                    ),
                ),
                grows="rate",
            ),
            IntervalModel(
                name="satiety", code=kernel.SATIETY, parameters=(_FASTEST, _THRESHOLD, _WIDTH), grows="threshold"
            ),
            IntervalModel(
                name="priming",
                code=kernel.PRIMING,
                parameters=(_FASTEST, _THRESHOLD, _WIDTH, _PRIMING, _AROUSAL),
                grows="threshold",
            ),
            IntervalModel(
                name="homeostatic",
                code=kernel.HOMEOSTATIC,
                parameters=(_FASTEST, _THRESHOLD, _TEMPERATURE),
                grows="threshold",
            ),
            IntervalModel(name="bouts", code=kernel.CONSTANT, parameters=(_RATE, *_LAPSES), grows="rate", lapses=True),
            IntervalModel(
                name="lapses",
                code=kernel.SATIETY,
                parameters=(_FASTEST, _THRESHOLD, _WIDTH, *_LAPSES),
                grows="threshold",
                lapses=True,
            ),
        )
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntervalDensity:
    """Log density of every interval, and the integral of the rate over its live time (unit exponential if true)."""

    log_density: Float[Array, "interval"]
    integral: Float[Array, "interval"]


def interval_density(
    model: IntervalModel, estimates: Float[Array, "parameter"], animal: AnimalIntervals
) -> IntervalDensity:
    """Return how likely each interval is under a model.

    Args:
        model: one of `MODELS`.
        estimates: its parameters on the scale they are estimated on, with or without its growth.
        animal: the intervals.
    """
    values, growth = model.natural(estimates)
    if model.code is None:
        return _gamma_density(values[0], values[1], growth, animal)
    if model.code == kernel.CONSTANT:
        density = _gamma_density(values[0], 1.0, growth, animal)
    else:
        density = _integrated(model.code, values, growth, animal)
    return _with_lapses(density, values[-2], values[-1], animal) if model.lapses else density


def typical(parameter: FitParameter, animals: Sequence[AnimalIntervals]) -> float:
    """Center of the wide prior in natural units: the parameter's own, or the mean rate or median level of all."""
    if parameter.center is not None:
        return parameter.center
    if parameter.unit == "mg/kg":
        levels = np.concatenate([animal.level[animal.weight == 0] for animal in animals])
        return float(np.median(levels[levels > 0]))
    return sum(int(a.observed.sum()) for a in animals) / sum(float(a.live_min.sum()) for a in animals)


def _integrated(code: int, values: Float[Array, "value"], growth: float, animal: AnimalIntervals) -> IntervalDensity:
    log_rate, total = np.zeros((2, animal.live_min.size))
    kernel.interval_terms(
        code, values, growth, animal.level, animal.minute, animal.weight, animal.interval, animal.session, animal.unit,
        log_rate, total,
    )  # fmt: skip
    return IntervalDensity(log_density=log_rate - total, integral=total)


def _with_lapses(own: IntervalDensity, share: float, rate: float, animal: AnimalIntervals) -> IntervalDensity:
    kept, lost = np.log1p(-share), np.log(share)
    own_density, own_integral = np.maximum(own.log_density, -_DENIED), np.minimum(own.integral, _DENIED)
    density = np.where(animal.observed, np.log(rate), 0.0) - rate * animal.live_min
    return IntervalDensity(
        log_density=np.logaddexp(kept + own_density, lost + density),
        integral=-np.logaddexp(kept - own_integral, lost - rate * animal.live_min),
    )


def _gamma_density(rate: float, shape: float, growth: float, animal: AnimalIntervals) -> IntervalDensity:
    # mean interval 1/rate: x · shape · rate has the standard gamma density
    scale = shape * rate * np.exp(growth * animal.session)
    x = animal.live_min * scale
    survival = gammaincc(shape, x)
    # far out Γ(a, x) is x^(a−1) e^(−x) (Abramowitz and Stegun 6.5.32)
    far = (shape - 1) * np.log(x) - x - gammaln(shape)
    log_survival = np.where(survival > _SMALLEST, np.log(np.maximum(survival, _SMALLEST)), far)
    log_density = far + np.log(scale)
    return IntervalDensity(log_density=np.where(animal.observed, log_density, log_survival), integral=-log_survival)
