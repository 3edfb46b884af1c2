"""One simulated experiment before it is written: rats, intake, planted responses, brain, and each scan on demand.

Every random part has its own stream, named by numbers under the seed, so that a scan is the same whoever draws it when.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.generators.bold import Scan, block_onsets, simulate_scan
from cuecircuit.generators.brain import Brain, draw_brain
from cuecircuit.generators.breathing import Breathing, draw_breathing, draw_level, rate_changes
from cuecircuit.generators.circuit import circuit_of
from cuecircuit.generators.intake import IntakeModel, PhaseCounts, draw_counts, intake_model, pairing_means
from cuecircuit.generators.mechanism import Lived, counts_of, days_of, draw_responses, live_study
from cuecircuit.generators.native import draw_head, lying
from cuecircuit.generators.operant import Day, lay_out_days
from cuecircuit.generators.planted import Responses, check_hypothesis, plant_responses
from cuecircuit.generators.rat_design import BLOCK_S, RatDesign
from cuecircuit.generators.rats import Rat, draw_rats, draw_weights, levels_of
from cuecircuit.records.grid import Grid

_RATS, _INTAKE, _RESPONSES, _PRESSES, _WEIGHTS, _LEVELS, _BREATHING, _SCANS, _ANIMALS, _LIVES, _HEADS = range(11)

Model = Literal["planted", "mechanism"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Experiment:
    """What is known before a file is written; `intake` is planted counts' model, `lived` the mechanism's animals.

    `rates` is the mean change of breathing by each cue, per minute. `native`: every head has its own head position.
    """

    design: RatDesign
    model: Model
    hypothesis: str
    scale: str
    seed: int
    rats: tuple[Rat, ...]
    intake: IntakeModel | None
    lived: Lived | None
    counts: tuple[PhaseCounts, ...]
    days: tuple[Day, ...]
    weights: Float[Array, "subject day"]
    responses: Responses
    rates: Float[Array, "subject cue=2"]
    brain: Brain
    native: bool = False

    @property
    def length_s(self) -> float:
        """Length of a scan."""
        return self.design.scans.tr_s * self.design.volumes

    @property
    def onsets_s(self) -> Float[Array, "block"]:
        """Starts of the cue blocks."""
        return block_onsets(self.design.blocks, self.length_s)

    def head_of(self, subject: int) -> Float[Array, "6"]:
        """Draw how one rat lies in the scanner: shifts (mm) and turns (rad); zeros where all lie alike."""
        return draw_head(stream(self.seed, _HEADS, subject)) if self.native else np.zeros(6)

    def grid_of(self, subject: int) -> Grid:
        """Return the grid of one rat's scans."""
        return lying(self.brain.grid, self.head_of(subject)) if self.native else self.brain.grid

    def breathing_of(self, subject: int, cue: int) -> Breathing:
        """Draw the breathing of one rat during one cue's scan."""
        change = self.rates[subject, cue]
        level = draw_level(stream(self.seed, _LEVELS, subject))
        rng = stream(self.seed, _BREATHING, subject, cue)
        return draw_breathing(level, float(change), self.onsets_s, BLOCK_S, self.length_s, rng)

    def scan_of(self, subject: int, cue: int, breathing: Breathing) -> Scan:
        """Draw one rat's scan with one cue."""
        return simulate_scan(
            self.brain,
            self.responses.subjects[subject, :, cue],
            breathing,
            self.onsets_s,
            BLOCK_S,
            self.design.scans.tr_s * np.arange(self.design.volumes),
            stream(self.seed, _SCANS, subject, cue),
        )


def plan_experiment(
    design: RatDesign,
    *,
    hypothesis: str,
    scale: str,
    seed: int,
    model: Model = "planted",
    native: bool = False,
) -> Experiment:
    """Draw everything but the scans.

    Args:
        design: the protocol; one for `mechanism` must have passed `protocol.check_protocol`.
        hypothesis: what is true.
        scale: of the scans.
        seed: of every random stream.
        model: whether effects are planted as statistics or arise from animals that live through the study.
        native: every rat has its own head position in the scanner.

    Raises:
        StudyError: unknown hypothesis or scale.
    """
    check_hypothesis(hypothesis)
    brain = draw_brain(scale)
    rats = draw_rats(design, stream(seed, _RATS))
    group = levels_of(rats)
    intake, lived = None, None
    if model == "mechanism":
        lived = live_study(
            design,
            rats,
            hypothesis=hypothesis,
            rng=stream(seed, _ANIMALS),
            streams=lambda number: stream(seed, _LIVES, number),
        )
        counts = counts_of(lived, design)
        days = days_of(lived, design, rats, stream(seed, _PRESSES))
    else:
        intake = intake_model(hypothesis)
        counts = draw_counts(design, intake, group, stream(seed, _INTAKE))
        days = lay_out_days(counts, rats, intake, stream(seed, _PRESSES))
    behavior = pairing_means(counts, design.first("conditioning").name, design.paired)
    noise = stream(seed, _RESPONSES)
    return Experiment(
        design=design,
        model=model,
        hypothesis=hypothesis,
        scale=scale,
        seed=seed,
        rats=rats,
        intake=intake,
        lived=lived,
        counts=tuple(counts),
        days=tuple(days),
        weights=draw_weights(rats, [day.number for day in days], stream(seed, _WEIGHTS), alike=hypothesis == "null"),
        responses=draw_responses(lived, circuit_of(hypothesis), group, behavior, noise)
        if lived
        else plant_responses(hypothesis, group, behavior, noise, spread=design.spread),
        rates=lived.rates if lived else rate_changes(hypothesis)[group],
        brain=brain,
        native=native,
    )


def stream(seed: int, *name: int) -> np.random.Generator:
    """Return the random stream of one part."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=name))
