"""Every parameter of the mechanism: name, unit, value, spread between animals, and who says so.

An animal's value is the value of the table times exp(SD · z), z standard normal and its own: a log-normal about that
median. Both access groups have the same medians; what differs between them is what they live through.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.behavior.pharmacokinetics import KINETICS
from cuecircuit.generators.pharmacology import substances


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One number; `sd` is the SD of its logarithm between animals; it must lie in [`lowest`, `highest`].

    `by` says what the number or its role follows. None of the numbers is printed for this experiment: all are assumed.
    """

    name: str
    unit: str
    value: float
    meaning: str
    by: str = ""
    sd: float = 0.0
    lowest: float = 0.0
    highest: float = float("inf")


def _half_life(name: str, minutes: float, meaning: str, by: str) -> Parameter:
    return Parameter(name=name, unit="min", value=minutes, meaning=meaning, by=by, lowest=0.05)


_HEROIN, _NALOXONE = KINETICS["heroin"], KINETICS["naloxone"]
_STAGES = _HEROIN.compounds

PARAMETERS = (
    _half_life("heroin_half_life", _STAGES[0].half_life_min, "heroin to 6-MAM", _STAGES[0].source),
    _half_life("mam_half_life", _STAGES[1].half_life_min, "6-MAM to morphine", _STAGES[1].source),
    _half_life("morphine_half_life", _STAGES[2].half_life_min, "morphine out of the body", _STAGES[2].source),
    _half_life("brain_delay", _HEROIN.brain_half_life_min, "half-time of the way into the brain", _HEROIN.source),
    Parameter(
        name="morphine_share",
        unit="1",
        value=_STAGES[2].share,
        meaning="effect of morphine relative to that of the 6-MAM it was made of",
        by=_STAGES[2].source,
        highest=1.0,
    ),
    _half_life("naloxone_uptake", _NALOXONE.absorption_half_life_min, "naloxone into the brain", _NALOXONE.source),
    _half_life("naloxone_half_life", _NALOXONE.compounds[0].half_life_min, "naloxone out of it", _NALOXONE.source),
    Parameter(
        name="naloxone_half",
        unit="mg/kg",
        value=substances()["naloxone"].half_mg_kg,
        sd=0.8,
        lowest=1e-6,
        meaning="K_B: half block",
    ),
    Parameter(
        name="agonist_half",
        unit="mg/kg",
        value=substances()["heroin"].half_mg_kg,
        lowest=1e-6,
        meaning="K_A: heroin with half its effect",
    ),
    Parameter(
        name="opponent_gain",
        unit="1",
        value=0.85,
        meaning="γ: opponent process at full strength over the effect that it opposes; below 1/(1 + D0)",
        by="form of Solomon & Corbit 1974",
        highest=0.99,
    ),
    Parameter(
        name="opponent_hours",
        unit="h",
        value=18.0,
        lowest=0.1,
        meaning="τ_b: time constant of the opponent process",
        by="12 h with morphine pellets (Pharmacology 11:38, 1974), 18 h here",
    ),
    Parameter(name="innate", unit="1", value=0.1, highest=1.0, meaning="D0: strength of it without any use"),
    Parameter(name="growth_use", unit="1/day", value=0.6, sd=0.4, meaning="growth of its strength by use"),
    Parameter(
        name="growth_withdrawal",
        unit="1/day",
        value=14.0,
        sd=0.4,
        meaning="growth of its strength by withdrawal",
        by="repeated withdrawal sensitizes (Koob & Le Moal 2008)",
    ),
    Parameter(
        name="strength_half_life",
        unit="day",
        value=13.2,
        lowest=0.1,
        meaning="half-life of its strength at rest",
        by="Cox et al. 1975: 13.2 ± .5 days for tolerance in rats",
    ),
    Parameter(name="felt", unit="1", value=1.0, meaning="κ: weight of the opponent process in what is felt"),
    Parameter(name="set_point", unit="1", value=0.15, sd=0.4, lowest=1e-3, meaning="h*: net effect that is sought"),
    Parameter(name="set_point_day", unit="1", value=0.55, meaning="SD of its logarithm from day to day"),
    Parameter(name="set_point_memory", unit="1", value=0.3, highest=0.999, meaning="correlation of it from day to day"),
    Parameter(name="light", unit="1", value=0.4, lowest=1e-3, meaning="set point by day over that by night"),
    Parameter(name="aversion", unit="1", value=3.0, lowest=1.0, meaning="λ: weight of a state below 0 in the drive"),
    Parameter(name="threshold", unit="1", value=0.2, meaning="θ: cost of a press, in drives of a naive animal"),
    Parameter(name="noise", unit="1", value=0.06, lowest=1e-3, meaning="T: noise of choice, in the same unit"),
    Parameter(name="fastest", unit="1/min", value=0.5, sd=0.3, meaning="presses of an animal that wants nothing else"),
    Parameter(
        name="learning",
        unit="1",
        value=0.2,
        highest=1.0,
        meaning="α: rate at which the outcome of the lever is learned",
        by="rate .2 in the code of Keramati et al. 2017",
    ),
    Parameter(name="ill_half", unit="1", value=0.03, lowest=1e-6, meaning="w½: felt state below 0 that is half ill"),
    Parameter(
        name="unlearning", unit="1", value=0.25, highest=1.0, meaning="unlearning of relief relative to learning it"
    ),
    Parameter(name="disruption", unit="1", value=0.2, lowest=1e-3, meaning="withdrawal that disrupts pressing"),
    Parameter(
        name="patience",
        unit="1",
        value=0.95,
        lowest=0.01,
        highest=1.0,
        meaning="β: worth of a delivery that costs one press more, in progressive ratio",
    ),
    Parameter(
        name="pain",
        unit="1/mA",
        value=1.0,
        meaning="cost of an expected shock, in the unit of the threshold; punishment",
    ),
    Parameter(
        name="incubation",
        unit="1",
        value=0.2,
        meaning="A: what the lever brings after days without the drug, times its outcome; peak .7 A after 10 days",
        by="inverted U of Shalev et al. 2001; its time constants and size assumed",
    ),
    Parameter(
        name="awake_share",
        unit="1",
        value=0.4,
        highest=1.0,
        meaning="share of ventilation by the wakefulness drive; the rest by chemoreflexes",
        by="form and exponents of Mann et al. 2022; without the feedback of CO2, which the share stands for",
    ),
    Parameter(
        name="breath_half",
        unit="1",
        value=1.0,
        sd=0.25,
        lowest=1e-3,
        meaning="K for breathing over that for the felt effect",
    ),
    Parameter(
        name="context_tolerance",
        unit="1",
        value=1.0,
        meaning="k_c: tolerance of breathing by what the place has come to predict (1 unit of effect)",
        by="Siegel et al. 1982: a familiar place protects",
    ),
    Parameter(name="inactive", unit="1/h", value=2.0, meaning="presses of the other lever"),
    Parameter(
        name="salience", unit="1", value=0.3, highest=1.0, meaning="α_v of odors", by="form of Rescorla & Wagner 1972"
    ),
    Parameter(name="region_sd", unit="%", value=1.0, meaning="SD of a region's response between animals, both cues"),
    Parameter(
        name="stress_region_sd",
        unit="%",
        value=0.3,
        meaning="the same of the two regions whose response follows intake under naloxone",
        by="the article names amygdala and PVN/VM hypothalamus; the number is assumed",
    ),
    Parameter(name="scan_sd", unit="%", value=0.6, meaning="SD of a region's response between scans of an animal"),
)
"""Pharmacokinetics, receptor, opponent process, drive, learning; see `docs/mechanism.md`."""

NAMES = tuple(parameter.name for parameter in PARAMETERS)


def parameter_faults(values: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Yield the name of each value that is unknown or impossible, with what is wrong."""
    parameter_of = {parameter.name: parameter for parameter in PARAMETERS}
    for name, value in values.items():
        if name not in parameter_of:
            yield name, f"no such parameter of the mechanism; expected one of: {', '.join(NAMES)}"
        elif not parameter_of[name].lowest <= value <= parameter_of[name].highest:
            low, high = parameter_of[name].lowest, parameter_of[name].highest
            yield name, f"{value:g} {parameter_of[name].unit} is impossible; expected {low:g} to {high:g}"
    gain, innate = (values.get(name, parameter_of[name].value) for name in ("opponent_gain", "innate"))
    if gain * (1 + innate) >= 1:
        what = "it must stay below 1, or the opponent process outgrows its drug and no agonist relieves for good"
        name = "opponent_gain" if "opponent_gain" in values else "innate"
        yield name, f"opponent_gain {gain:g} × (1 + innate {innate:g}) is {gain * (1 + innate):.3g}; {what}"


def draw_parameters(
    animals: int, values: Mapping[str, float], rng: np.random.Generator
) -> dict[str, Float[Array, "subject"]]:
    """Draw each animal's parameters.

    Args:
        animals: how many.
        values: medians that differ from the table.
        rng: source of the differences between animals.
    """
    drawn = {}
    for parameter in PARAMETERS:
        # drawn for all, so that a parameter without spread leaves the others as they were
        z = rng.standard_normal(animals)
        one_value = values.get(parameter.name, parameter.value) * np.exp(parameter.sd * z)
        drawn[parameter.name] = np.minimum(one_value, parameter.highest)
    return drawn
