"""How many infusions a rat takes: overdispersed counts that escalate under long access and rise under naloxone.

Infusions in part p of session t of rat s are Poisson with mean m[s, t, p] · exp(b[s] + u[s] w[t] + v[s, t]) · G[s, t]:
b the rat's level, u its own course over escalation (w runs from −½ to ½), v a slow wander (AR(1) over sessions), and
G a gamma variable of mean 1, so that counts are negative binomial. The parts are minutes 0-30 (loading), 30-60 (where
injections and pairings fall) and the hours after. Levels at 60 µg/kg are in no open source; every number is assumed
and set so that the tests of the article come out near its F values: access × session 4.25, treatment 35.5, access 4.2
(Carmack et al. 2019).
"""

from dataclasses import dataclass, replace

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import StudyError
from cuecircuit.generators.rat_design import RatDesign, RatPhase

PARTS_MIN = (0.0, 30.0, 60.0)
"""Starts of the parts of a session, minutes; the last one ends with access."""

# a time-out of 20 s lets 90 into half an hour; fewer leave room for every press
_MOST_PER_HALF_HOUR = 60

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeModel:
    """Means and spreads (SD of logarithms) of the counts; pairs are short and long access; all assumed."""

    # infusions in the first hour at the start of escalation, and in each later hour
    first_hour: Pair = (8.0, 7.0)
    per_later_hour: float = 2.7
    # last over first session of escalation
    escalation: Pair = (1.0, 2.1)
    # share of the first hour's count that falls into its first half
    loading: float = 0.6
    # infusions in the half hour of a pairing after saline, and the ratio of naloxone to saline
    paired_saline: Pair = (3.4, 4.6)
    naloxone_ratio: Pair = (1.8, 1.95)
    # naloxone odor over saline odor in the cue test, and presses per hour in extinction and reinstatement
    odor_ratio: Pair = (1.0, 1.6)
    extinction: Pair = (22.0, 30.0)
    extinction_last: float = 0.35
    reinstatement: Pair = (12.0, 13.0)
    reinstatement_odor_ratio: Pair = (1.1, 2.0)
    level_sd: float = 0.33
    course_sd: float = 0.3
    wander_sd: float = 0.2
    wander_r: float = 0.5
    shape: float = 10.0
    # presses during the time-out after an infusion; presses of the other lever per hour
    timeout_presses: float = 0.5
    inactive_per_hour: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhaseCounts:
    """Infusions (or, where the drug is withheld, presses) of one phase under one of its treatments."""

    phase: RatPhase
    treatment: str
    experiment: str
    rewarded: bool
    counts: Int[Array, "subject session part=3"]


def intake_model(hypothesis: str) -> IntakeModel:
    """Return the parameters under a hypothesis."""
    alike: Pair = (1.0, 1.0)
    match hypothesis:
        case "null":
            # the hours after the first add nothing: neither the session nor its first hour differs by access
            return IntakeModel(
                first_hour=(8.0, 8.0),
                per_later_hour=0.0,
                escalation=alike,
                paired_saline=(4.0, 4.0),
                naloxone_ratio=alike,
                odor_ratio=alike,
                extinction=(26.0, 26.0),
                reinstatement=(12.0, 12.0),
                reinstatement_odor_ratio=alike,
            )
        case "antagonism":
            return replace(
                IntakeModel(),
                paired_saline=(4.0, 4.0),
                naloxone_ratio=(1.8, 1.8),
                odor_ratio=alike,
                reinstatement_odor_ratio=alike,
            )
        case _:
            return IntakeModel()


def draw_counts(
    design: RatDesign, model: IntakeModel, group: Int[Array, "subject"], rng: np.random.Generator
) -> list[PhaseCounts]:
    """Draw every session of every rat, phase by phase and treatment by treatment.

    Args:
        design: phases, treatments and hours of access.
        model: parameters.
        group: 0 for short, 1 for long access.
        rng: source of the counts.

    Raises:
        StudyError: a phase that the model does not know.
    """
    level = model.level_sd * rng.standard_normal(len(group))
    course = model.course_sd * rng.standard_normal(len(group))
    drawn = []
    for phase in design.phases:
        own_course = course if phase.kind == "self_administration" else np.zeros_like(course)
        named = [(item.name, item.experiment) for item in phase.treatments] or [("", phase.experiment)]
        for number, (treatment, experiment) in enumerate(named):
            mean = _mean_counts(design, model, phase, group, second=number == 1)
            drawn.append(
                PhaseCounts(
                    phase=phase,
                    treatment=treatment,
                    experiment=experiment,
                    rewarded=phase.rewarded,
                    counts=_draw(mean, level, own_course, model, rng),
                )
            )
    return drawn


def pairing_means(drawn: list[PhaseCounts], phase: str, treatment: str) -> Float[Array, "subject"]:
    """Return each rat's mean infusions in the half hour of a treatment's pairings."""
    mine = next(item for item in drawn if (item.phase.name, item.treatment) == (phase, treatment))
    return mine.counts[:, :, 1].mean(axis=1)


def _mean_counts(
    design: RatDesign, model: IntakeModel, phase: RatPhase, group: Int[Array, "subject"], *, second: bool
) -> Float[Array, "subject session part=3"]:
    """Return the mean of each part; `second` is the second treatment of the phase (naloxone, or its odor)."""
    session = np.linspace(0, 1, phase.days) if phase.days > 1 else np.zeros(1)
    hours = np.array([phase.access_h[name] for name in design.groups])[group]
    grown = np.array(model.escalation)[group]
    first, paired = np.array(model.first_hour)[group], np.array(model.paired_saline)[group]
    halves = first[:, None] * [model.loading, 1 - model.loading]
    growth = np.broadcast_to(grown[:, None], (len(group), phase.days))
    match phase.kind:
        case "self_administration":
            growth = grown[:, None] ** session
        case "conditioning":
            ratio = np.array(model.naloxone_ratio)[group] if second else 1.0
            halves = np.stack([halves[:, 0], paired * ratio / grown], axis=1)
        case "cue_test":
            halves *= np.array(model.odor_ratio)[group][:, None] if second else 1.0
        case "extinction":
            halves = np.array(model.extinction)[group][:, None] * [model.loading, 1 - model.loading]
            growth = np.ones(len(group))[:, None] * model.extinction_last**session
        case "reinstatement":
            ratio = np.array(model.reinstatement_odor_ratio)[group] if second else 1.0
            presses = np.array(model.reinstatement)[group] * ratio
            halves, growth = presses[:, None] * [model.loading, 1 - model.loading], np.ones((len(group), 1))
        case _:
            raise StudyError(
                f"operant.phases.{phase.name}: no counts are planted for the kind {phase.kind}; leave it out, or leave "
                "`simulation.generator` out to simulate from base and effects"
            )
    parts = np.column_stack([halves, model.per_later_hour * (hours - 1)])
    return growth[:, :, None] * parts[:, None, :]


def _draw(
    mean: Float[Array, "subject session part=3"],
    level: Float[Array, "subject"],
    course: Float[Array, "subject"],
    model: IntakeModel,
    rng: np.random.Generator,
) -> Int[Array, "subject session part=3"]:
    subjects, sessions, _ = mean.shape
    wander = np.empty((subjects, sessions))
    state = rng.standard_normal(subjects)
    for session in range(sessions):
        wander[:, session] = state
        state = model.wander_r * state + np.sqrt(1 - model.wander_r**2) * rng.standard_normal(subjects)
    along = np.linspace(-0.5, 0.5, sessions) if sessions > 1 else np.zeros(1)
    logs = level[:, None] + course[:, None] * along + model.wander_sd * wander
    # the SDs must not move the means: E exp(x) = exp(σ²/2)
    logs -= (model.level_sd**2 + (course.any() * model.course_sd * along) ** 2 + model.wander_sd**2) / 2
    factor = np.exp(logs) * rng.gamma(model.shape, 1 / model.shape, size=(subjects, sessions))
    counts = rng.poisson(mean * factor[:, :, None])
    counts[:, :, :2] = np.minimum(counts[:, :, :2], _MOST_PER_HALF_HOUR)
    return counts
