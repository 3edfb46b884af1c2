"""One simulated experiment before it is written: rats, intake, planted responses, brain, and each scan on demand.

Every random part has its own stream, named by numbers under the seed, so that a scan is the same whoever draws it when.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.simulation.bold import Scan, block_onsets, simulate_scan
from cuecircuit.simulation.brain import Brain, draw_brain
from cuecircuit.simulation.breathing import Breathing, draw_breathing, draw_level, rate_changes
from cuecircuit.simulation.intake import IntakeModel, PhaseCounts, draw_counts, intake_model, pairing_means
from cuecircuit.simulation.operant import Day, lay_out_days
from cuecircuit.simulation.planted import Responses, check_hypothesis, plant_responses
from cuecircuit.simulation.rats import Rat, draw_rats, draw_weights, levels_of
from cuecircuit.study.study import Study

_RATS, _INTAKE, _RESPONSES, _PRESSES, _WEIGHTS, _LEVELS, _BREATHING, _SCANS = range(8)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Experiment:
    """What is known before a file is written."""

    study: Study
    hypothesis: str
    scale: str
    seed: int
    rats: tuple[Rat, ...]
    intake: IntakeModel
    counts: tuple[PhaseCounts, ...]
    days: tuple[Day, ...]
    weights: Float[Array, "subject day"]
    responses: Responses
    brain: Brain

    @property
    def length_s(self) -> float:
        """Length of a scan."""
        return self.study.acquisition.tr_s * self.study.acquisition.volumes

    @property
    def onsets_s(self) -> Float[Array, "block"]:
        """Starts of the cue blocks."""
        return block_onsets(self.study.acquisition.blocks, self.length_s)

    def breathing_of(self, subject: int, cue: int) -> Breathing:
        """Draw the breathing of one rat during one cue's scan."""
        change = rate_changes(self.hypothesis)[self.rats[subject].level, cue]
        level = draw_level(stream(self.seed, _LEVELS, subject))
        rng = stream(self.seed, _BREATHING, subject, cue)
        return draw_breathing(level, float(change), self.onsets_s, self.study.acquisition.block_s, self.length_s, rng)

    def scan_of(self, subject: int, cue: int, breathing: Breathing) -> Scan:
        """Draw one rat's scan with one cue."""
        acquisition = self.study.acquisition
        return simulate_scan(
            self.brain,
            self.responses.subjects[subject, :, cue],
            breathing,
            self.onsets_s,
            acquisition.block_s,
            acquisition.tr_s * np.arange(acquisition.volumes),
            stream(self.seed, _SCANS, subject, cue),
        )


def plan_experiment(study: Study, *, hypothesis: str, scale: str, seed: int) -> Experiment:
    """Draw everything but the scans.

    Raises:
        StudyError: unknown hypothesis or scale, or a design with other than two groups, cues and odors.
    """
    check_hypothesis(hypothesis)
    brain = draw_brain(scale)
    rats = draw_rats(study, stream(seed, _RATS))
    group = levels_of(rats)
    intake = intake_model(hypothesis)
    counts = draw_counts(study, intake, group, stream(seed, _INTAKE))
    behavior = pairing_means(counts, study.behavior.conditioning, study.correlations.treatment)
    days = lay_out_days(counts, rats, intake, stream(seed, _PRESSES))
    weights = draw_weights(rats, [day.number for day in days], stream(seed, _WEIGHTS), alike=hypothesis == "null")
    return Experiment(
        study=study,
        hypothesis=hypothesis,
        scale=scale,
        seed=seed,
        rats=rats,
        intake=intake,
        counts=tuple(counts),
        days=tuple(days),
        weights=weights,
        responses=plant_responses(hypothesis, group, behavior, stream(seed, _RESPONSES)),
        brain=brain,
    )


def stream(seed: int, *name: int) -> np.random.Generator:
    """Give the random stream of one part."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=name))
