"""Every parameter of the mechanism: name, unit, value, spread between animals, and who says so.

An animal's value is the value of the table times exp(SD · z), z standard normal and its own: a log-normal about that
median. Both access groups have the same medians; what differs between them is what they live through.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.behavior.pharmacokinetics import KINETICS


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
_KERAMATI = "form of Keramati et al. 2017; the number is assumed"

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
        name="naloxone_half", unit="mg/kg", value=0.08, sd=0.1, lowest=1e-6, meaning="K_B: blocks half the receptors"
    ),
    Parameter(
        name="occupancy_half", unit="mg/kg", value=0.12, lowest=1e-6, meaning="K_A: agonist with half its effect"
    ),
    Parameter(
        name="growth",
        unit="1/h",
        value=0.06,
        sd=0.3,
        meaning="growth of dependence at full effect",
        by=_KERAMATI,
        highest=100.0,
    ),
    Parameter(
        name="recovery", unit="1/h", value=0.004, meaning="recovery from dependence", by=_KERAMATI, highest=100.0
    ),
    Parameter(
        name="threshold",
        unit="mg/kg",
        value=0.06,
        sd=0.3,
        lowest=1e-6,
        meaning="agonist at which an animal without dependence is sated",
        by="form of Tsibulsky & Norman 1999; no fit for heroin is published",
    ),
    Parameter(name="threshold_day", unit="1", value=0.2, meaning="SD of the threshold's logarithm from day to day"),
    Parameter(name="threshold_memory", unit="1", value=0.5, highest=0.999, meaning="correlation of it from day to day"),
    Parameter(
        name="priming_share",
        unit="1",
        value=0.25,
        lowest=1e-6,
        highest=1.0,
        meaning="priming over satiety threshold: below it the drug does not drive pressing",
        by="form of Norman & Tsibulsky 2006",
    ),
    Parameter(name="width", unit="1", value=0.08, lowest=1e-3, meaning="softness of a threshold relative to it"),
    Parameter(name="dependence_gain", unit="1", value=1.2, sd=0.2, meaning="rise of the set point by dependence"),
    Parameter(name="withdrawal_gain", unit="1", value=1.0, sd=0.2, meaning="rise of the set point by withdrawal"),
    Parameter(name="cue_gain", unit="1", value=14.0, sd=0.2, meaning="rise of the set point by conditioned withdrawal"),
    Parameter(name="relief_gain", unit="1", value=3.0, meaning="seeking at a cue by its value of relief"),
    Parameter(name="fastest", unit="1/min", value=1.2, sd=0.1, meaning="presses of an animal that wants nothing else"),
    Parameter(name="arousal", unit="min", value=15.0, lowest=0.1, meaning="seeking at the start of a session fades"),
    Parameter(name="lever_rate", unit="1", value=0.1, highest=1.0, meaning="learning of the lever's efficacy"),
    Parameter(name="timeout_share", unit="1", value=0.5, highest=1.0, meaning="pressing in the time-out"),
    Parameter(name="inactive", unit="1/h", value=2.0, meaning="presses of the other lever"),
    Parameter(name="cost", unit="1", value=0.02, meaning="effort of a press (homeostatic policy)", by=_KERAMATI),
    Parameter(name="temperature", unit="1", value=0.03, lowest=1e-3, meaning="noise of choice (homeostatic policy)"),
    Parameter(
        name="salience",
        unit="1",
        value=0.3,
        sd=0.1,
        highest=1.0,
        meaning="αβ of odors: four pairings of .1 to .5 reach 34 to 94 % of the asymptote",
    ),
    Parameter(name="context_salience", unit="1", value=0.1, highest=1.0, meaning="αβ of the injection itself"),
    Parameter(
        name="associability_memory", unit="1", value=0.5, highest=1.0, meaning="γ of Pearce & Hall: share of the error"
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
"""Pharmacokinetics, receptor, dependence, seeking, policies, learning; see `docs/mechanism.md`."""

NAMES = tuple(parameter.name for parameter in PARAMETERS)


def parameter_faults(values: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Yield the name of each value that is unknown or impossible, with what is wrong."""
    known = {parameter.name: parameter for parameter in PARAMETERS}
    for name, value in values.items():
        if name not in known:
            yield name, f"no such parameter of the mechanism; expected one of: {', '.join(NAMES)}"
        elif not known[name].lowest <= value <= known[name].highest:
            low, high = known[name].lowest, known[name].highest
            yield name, f"{value:g} {known[name].unit} is impossible; expected {low:g} to {high:g}"


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
        own = values.get(parameter.name, parameter.value) * np.exp(parameter.sd * z)
        drawn[parameter.name] = np.minimum(own, parameter.highest)
    return drawn
