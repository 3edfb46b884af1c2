"""Drug level over a session, from the times of its infusions, and the level at which an animal takes the next one.

Levels are amounts per kg of body weight, in the molar equivalent of the infused drug (mg/kg); an infusion is a bolus.
A bolus of D passes through stages of first-order rates k_1 ... k_n (k = ln 2 / t½). What has arrived in the last one
after a time t is the chain of Bateman (1910):

    A(t) = D · Π_{i<n} k_i · Σ_i e^(−k_i t) / Π_{j≠i} (k_j − k_i).

The sum is (−t)^(n−1) times a divided difference of the exponential; it stays accurate where rates are close or equal
(McCurdy, Ng and Parlett 1984, Math Comput 43:501). A brain lags its blood by a stage of its own (an effect
compartment: Sheiner et al. 1979, Clin Pharmacol Ther 25:358). Doses add up.

Satiety threshold (Tsibulsky and Norman 1999, Brain Res 839:85): an infusion is taken when the level has fallen to S,
so infusions follow one another in T = (t½/ln 2) · ln(1 + D/S).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import StudyError

SECONDS_PER_MINUTE = 60.0
# terms of the Taylor series; it serves |x| ≤ 1, where the 20th is below 1e-18
_TERMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Compound:
    """A drug or metabolite at one stage of the chain.

    `half_life_min` of its elimination; `share` of it that the next stage or the measured space receives; `potency` its
    weight in the effect (0 where it has none); `assumed` says that nobody printed the half-life.
    """

    name: str
    half_life_min: float
    source: str
    share: float = 1.0
    potency: float = 1.0
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinetics:
    """How a drug is made and lost: its compounds in order; half-lives of absorption and of the brain's lag (or 0)."""

    drug: str
    compounds: tuple[Compound, ...]
    absorption_half_life_min: float = 0.0
    brain_half_life_min: float = 0.0
    source: str = ""
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrugLevel:
    """Level of each compound and their effect, all in mg/kg equivalents of the infused drug."""

    compounds: tuple[str, ...]
    levels: Float[Array, "compound time"]
    effect: Float[Array, "time"]


_GOTTAS = "Gottas et al. 2013, Br J Pharmacol 170:546"

KINETICS: Mapping[str, Kinetics] = MappingProxyType(
    {
        "heroin": Kinetics(
            drug="heroin",
            compounds=(
                Compound(
                    name="heroin",
                    half_life_min=1.0,
                    potency=0.0,
                    source=f"a prodrug, gone from blood within 18 min ({_GOTTAS}); 1 to 3 min",
                    assumed=True,
                ),
                Compound(
                    name="6-MAM",
                    half_life_min=12.0,
                    source=f"predominant for the first 30 min ({_GOTTAS}); 10 to 15 min",
                    assumed=True,
                ),
                Compound(
                    name="morphine",
                    half_life_min=50.0,
                    share=0.2,
                    source=f"peak a sixth of 6-MAM's ({_GOTTAS}); 40 to 60 min",
                    assumed=True,
                ),
            ),
            brain_half_life_min=1.5,
            source=f"brain 2 to 4 min behind blood ({_GOTTAS})",
            assumed=True,
        ),
        "cocaine": Kinetics(
            drug="cocaine",
            compounds=(
                Compound(name="cocaine", half_life_min=8.2, source="Tsibulsky and Norman 1999, Brain Res 839:85"),
            ),
            source="one compartment, as in the satiety-threshold model",
        ),
        "morphine": Kinetics(
            drug="morphine",
            compounds=(Compound(name="morphine", half_life_min=50.0, source="40 to 60 min", assumed=True),),
            source="one compartment",
            assumed=True,
        ),
        "oxycodone": Kinetics(
            drug="oxycodone",
            compounds=(Compound(name="oxycodone", half_life_min=40.0, source="not looked up in print", assumed=True),),
            source="one compartment",
            assumed=True,
        ),
        "naloxone": Kinetics(
            drug="naloxone",
            compounds=(Compound(name="naloxone", half_life_min=40.0, source="serum, rat, about 40 min", assumed=True),),
            absorption_half_life_min=4.0,
            source="s.c.: brain peak within 15 min, half gone within 1 h",
            assumed=True,
        ),
    }
)


def kinetics_of(drug: str, *, half_life_min: float | None = None) -> Kinetics:
    """Find a drug's kinetics; `half_life_min` makes it a single compartment of that half-life.

    Raises:
        StudyError: nothing is known of the drug and no half-life is given, or it is not positive.
    """
    if half_life_min is not None:
        if not half_life_min > 0:
            raise StudyError(f"drug '{drug}': half-life {half_life_min:g} min; expected a number above 0")
        compound = Compound(name=drug, half_life_min=half_life_min, source="study file")
        return Kinetics(drug=drug, compounds=(compound,), source="one compartment")
    kinetics = KINETICS.get(drug.lower())
    if kinetics is None:
        raise StudyError(f"drug '{drug}': kinetics are known of {', '.join(KINETICS)}; give drug.half_life_min")
    return kinetics


def drug_level(
    times_s: Float[Array, "time"],
    doses_s: Float[Array, "dose"],
    *,
    dose_mg_kg: float | Float[Array, "dose"],
    kinetics: Kinetics,
    before: bool = False,
) -> DrugLevel:
    """Sum what every dose has left at each time.

    Args:
        times_s: when to look, any order.
        doses_s: when doses were given; one of the very time looked at counts, unless `before`.
        dose_mg_kg: of every dose, or of each.
        kinetics: of the drug.
        before: look just before each time, as at the press that earns an infusion.
    """
    since = (times_s[:, None] - doses_s[None, :]) / SECONDS_PER_MINUTE
    given = since > 0 if before else since >= 0
    amounts = np.broadcast_to(np.asarray(dose_mg_kg, float), since.shape)[given]
    at = np.nonzero(given)[0]
    responses = _responses(kinetics, since[given])
    # of no dose at all the sums are whole numbers
    levels = np.array([np.bincount(at, amounts * left, minlength=len(times_s)) for left in responses], dtype=float)
    potency = np.array([compound.potency for compound in kinetics.compounds])
    return DrugLevel(
        compounds=tuple(compound.name for compound in kinetics.compounds), levels=levels, effect=potency @ levels
    )


def chain_level(times_min: Float[Array, "*shape"], half_lives_min: Sequence[float]) -> Float[Array, "*shape"]:
    """Amount in the last stage of a chain after a bolus of 1 into the first, at times of 0 or more."""
    return _chain_level(times_min, half_lives_min, {})


def satiety_threshold(
    infusions_s: Float[Array, "infusion"],
    *,
    dose_mg_kg: float,
    kinetics: Kinetics,
    loading: int = 1,
) -> float:
    """Estimate the satiety threshold: the median effect just before each infusion after the loading (mg/kg).

    The lever is pressed when the level has come down to S, so the level at the press is S where access is free, and
    less where the animal was away; NaN where fewer than two infusions follow the loading.

    Args:
        infusions_s: times of the infusions, rising.
        dose_mg_kg: of one infusion.
        kinetics: of the drug.
        loading: infusions at the start that raise the level to S (at least the first, which meets no drug).
    """
    later = infusions_s[max(loading, 1) :]
    if later.size < 2:
        return float("nan")
    level = drug_level(later, infusions_s, dose_mg_kg=dose_mg_kg, kinetics=kinetics, before=True)
    return float(np.median(level.effect))


def _responses(kinetics: Kinetics, minutes: Float[Array, "lag"]) -> list[Float[Array, "lag"]]:
    """Return what one unit of drug leaves of each compound."""
    first = [kinetics.absorption_half_life_min] if kinetics.absorption_half_life_min else []
    lag = [kinetics.brain_half_life_min] if kinetics.brain_half_life_min else []
    responses, share = [], 1.0
    exponentials: dict[tuple[float, ...], Array] = {}
    for number, compound in enumerate(kinetics.compounds, 1):
        chain = [*first, *(each.half_life_min for each in kinetics.compounds[:number])]
        share *= compound.share
        # the compound is lost at its own rate while the brain follows at the rate of the lag: e' = k_e (c − e)
        gain = chain[-1] / lag[0] if lag else 1.0
        responses.append(share * gain * _chain_level(minutes, [*chain, *lag], exponentials))
    return responses


def _chain_level(
    t: Float[Array, "*shape"], half_lives: Sequence[float], known: dict[tuple[float, ...], Array]
) -> Float[Array, "*shape"]:
    rates = np.log(2.0) / np.asarray(half_lives, float)
    return np.prod(rates[:-1]) * _divided_exponential(t, tuple(sorted(rates.tolist())), known)


def _divided_exponential(
    t: Float[Array, "*shape"], rates: tuple[float, ...], known: dict[tuple[float, ...], Array]
) -> Float[Array, "*shape"]:
    """Σ_i e^(−k_i t) / Π_{j≠i} (k_j − k_i) for rates that rise; equal ones are their limit.

    Sums are kept in `known` by their rates: chains that share stages share them.
    """
    if rates not in known:
        if len(rates) == 1:
            known[rates] = np.exp(-rates[0] * t)
        else:
            spread = rates[-1] - rates[0]
            upper, lower = (_divided_exponential(t, part, known) for part in (rates[:-1], rates[1:]))
            close = spread * t <= 1.0
            known[rates] = (upper - lower) / (spread or 1.0)
            known[rates][close] = _divided_series(t[close], rates)
    return known[rates]


def _divided_series(t: Float[Array, "*shape"], rates: tuple[float, ...]) -> Float[Array, "*shape"]:
    """The same by Taylor's series about the mean rate: Σ_m (−t)^m/(n−1+m)! h_m, h_m complete symmetric polynomials."""
    total = np.zeros_like(t)
    for coefficient in reversed(_series(rates)):
        total = coefficient - t * total
    return t ** (len(rates) - 1) * np.exp(-np.mean(rates) * t) * total


@cache
def _series(rates: tuple[float, ...]) -> tuple[float, ...]:
    """Return h_m/(n−1+m)! for m from 0 on, of the rates less their mean."""
    symmetric = np.zeros(_TERMS)
    symmetric[0] = 1.0
    for shift in np.array(rates) - np.mean(rates):
        for m in range(1, _TERMS):
            symmetric[m] += shift * symmetric[m - 1]
    factorials = np.cumprod([1.0, *range(1, len(rates) + _TERMS)])
    return tuple(symmetric / factorials[len(rates) - 1 : len(rates) - 1 + _TERMS])
