"""Many studies at once, dealt from independent animals: intake of every phase, responses of every region, breathing.

A region's number of one cue and half of the blocks is

    y = a[s, r, c] + g Δ[s, c] + σ_shared e[s, c, h] + σ_own e'[s, r, c, h]

with a and the change of breathing Δ as a simulated study plants them (`planted`, `breathing`), and the rest as the way
through scanner, nuisance regression and block response leaves it: measured in simulated scans of the article's grid
(`validation/plan_measurement.py`), whose own noise is assumed. All studies of a batch come from one call, each with its
own animals; what is standardized within groups is standardized within the batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import StudyError
from cuecircuit.simulation.breathing import rate_changes
from cuecircuit.simulation.intake import PARTS_MIN, PhaseCounts, draw_counts, intake_model
from cuecircuit.simulation.planted import TABLE_1, plant_responses
from cuecircuit.simulation.protocol import check_protocol
from cuecircuit.study.file import KeyPath, line_of
from cuecircuit.study.study import Phase, Study

# those whose counts `intake` draws
PHASES = ("escalation", "conditioning", "cue_test", "extinction", "reinstatement")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """From a rat to a region's number; SDs in % BOLD and breaths per minute.

    Measured in one simulated null study and one of the respiration hypothesis, 21 rats each: gain 1.02 (1 is used), SD
    shared by all regions .16, a region's own .43 (.25 to .59, larger regions less), halves independent (r −.15, −.08);
    breathing as the recorded rate shows it.
    """

    shared_sd: float = 0.16
    region_sd: float = 0.43
    percent_per_breath: float = -0.039
    rate_level: float = 80.0
    rate_level_sd: float = 8.4
    rate_half_sd: float = 1.4
    # of a cue's change: what a block's mean rate shows, and the SD from scan to scan
    rate_shown: float = 0.84
    change_sd: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudyDraws:
    """Studies of one design; subjects stand group by group, `sizes[g]` of group g.

    `measures` holds infusions (presses where the drug is withheld) by phase: of each session, or the mean of each
    treatment's sessions. `behavior` is what regions are correlated with. Cells of `responses` (% BOLD) and
    `respiration` (per minute) are cues × halves, halves changing fastest; either is None where nothing is known of it.
    """

    sizes: tuple[int, ...]
    measures: Mapping[str, Float[Array, "study subject condition"]]
    behavior: Float[Array, "study subject"] | None
    regions: tuple[str, ...]
    responses: Float[Array, "study subject cell region"] | None
    respiration: Float[Array, "study subject cell"] | None

    def first(self, sizes: Sequence[int]) -> "StudyDraws":
        """Keep the first animals of each group: the same studies, had they been smaller."""
        starts = np.cumsum([0, *self.sizes[:-1]])
        kept = np.concatenate([start + np.arange(size) for start, size in zip(starts, sizes, strict=True)])
        return replace(
            self,
            sizes=tuple(sizes),
            measures={name: values[:, kept] for name, values in self.measures.items()},
            behavior=None if self.behavior is None else self.behavior[:, kept],
            responses=None if self.responses is None else self.responses[:, kept],
            respiration=None if self.respiration is None else self.respiration[:, kept],
        )


def check_planted(study: Study, lines: Mapping[KeyPath, int], name: str) -> None:
    """Refuse a study that the planted statistics say nothing about, with the lines of its file.

    Raises:
        StudyError: other than two groups, cues, treatments or halves of blocks; phases or windows the counts lack;
            what `protocol.check_protocol` refuses.
    """
    check_protocol(study, lines, name)
    faults = [f"{name}:{line_of(lines, path)}: {'.'.join(map(str, path))}: {what}" for path, what in _faults(study)]
    if faults:
        raise StudyError(faults)


def _faults(study: Study) -> Iterator[tuple[KeyPath, str]]:
    for path, found in (
        (("subjects", "groups"), study.subjects.groups),
        (("cues", "levels"), study.cues.levels),
        (("response", "blocks"), tuple(study.response.blocks)),
    ):
        if len(found) != 2:
            yield path, f"found {len(found)} ({', '.join(found)}); what is planted knows two, give --effects a table"
    part = [PARTS_MIN[1], PARTS_MIN[2]]
    for index, phase in enumerate(study.phases):
        path: KeyPath = ("phases", index)
        if phase.name not in PHASES:
            yield path, f"nothing is planted for phase {phase.name}; known are {', '.join(PHASES)}, or give --effects"
        if phase.treatments and len(phase.treatments) != 2:
            yield (*path, "treatments"), f"found {len(phase.treatments)}; what is planted knows two"
        if phase.window_min is not None and list(phase.window_min) != part:
            yield (*path, "window_min"), f"what is planted counts minutes {part}; found {list(phase.window_min)}"


def draw_planted(
    study: Study,
    sizes: Sequence[int],
    studies: int,
    rng: np.random.Generator,
    *,
    hypothesis: str,
) -> StudyDraws:
    """Draw studies whose animals have the article's statistics.

    Args:
        study: the plan; must have passed `check_planted`.
        sizes: animals of each group.
        studies: how many.
        rng: source of everything.
        hypothesis: what is true, a key of `planted.HYPOTHESES`.
    """
    group = np.tile(np.repeat(np.arange(len(sizes)), sizes), studies)
    counts = draw_counts(study, intake_model(hypothesis), group, rng)
    measures = measures_of(study, counts)
    behavior = severity_of(study, measures)
    planted = plant_responses(hypothesis, group, behavior, rng)
    changes = rate_changes(hypothesis)[group]
    responses, respiration = measure(planted.subjects, changes, rng)
    return dealt(study, sizes, studies, measures, responses, respiration)


def dealt(
    study: Study,
    sizes: Sequence[int],
    studies: int,
    measures: Mapping[str, Float[Array, "animal condition"]],
    responses: Float[Array, "animal cell region"],
    respiration: Float[Array, "animal cell"],
) -> StudyDraws:
    """Give every study its animals: the first to the first study, and so on."""
    return StudyDraws(
        sizes=tuple(sizes),
        measures={name: _split(values, studies) for name, values in measures.items()},
        behavior=_split(severity_of(study, measures), studies),
        regions=tuple(TABLE_1),
        responses=_split(responses, studies),
        respiration=_split(respiration, studies),
    )


def measure(
    responses: Float[Array, "animal region cue=2"],
    changes: Float[Array, "animal cue=2"],
    rng: np.random.Generator,
    *,
    by: Measurement = Measurement(),
) -> tuple[Float[Array, "animal cell=4 region"], Float[Array, "animal cell=4"]]:
    """Add what scans and breathing add: numbers of the regions, % BOLD, and the rate during the blocks, per minute."""
    animals, regions, cues = responses.shape
    # a cue that leaves breathing alone does so in every scan
    own = changes + by.change_sd * rng.standard_normal(changes.shape) * (changes != 0)
    level = by.rate_level + by.rate_level_sd * rng.standard_normal((animals, 1, 1))
    rates = level + by.rate_shown * own[:, :, None] + by.rate_half_sd * rng.standard_normal((animals, cues, 2))
    y = responses.transpose(0, 2, 1)[:, :, None] + by.percent_per_breath * own[:, :, None, None]
    y = y + by.shared_sd * rng.standard_normal((animals, cues, 2, 1))
    y = y + by.region_sd * rng.standard_normal((animals, cues, 2, regions))
    return y.reshape(animals, -1, regions), rates.reshape(animals, -1)


def _split(values: Float[Array, "animal *rest"], studies: int) -> Float[Array, "study subject *rest"]:
    return values.reshape(studies, -1, *values.shape[1:])


def measures_of(study: Study, counts: Sequence[PhaseCounts]) -> dict[str, Float[Array, "animal condition"]]:
    """Give what the tests of each phase are made of, in each of its conditions."""
    return {phase.name: _measure(study, phase, counts) for phase in study.phases}


def severity_of(study: Study, measures: Mapping[str, Float[Array, "animal condition"]]) -> Float[Array, "animal"]:
    """Give what regions are correlated with: mean infusions in the pairings of a treatment."""
    phase = study.phase(study.behavior.conditioning)
    names = [treatment.name for treatment in phase.treatments]
    return measures[phase.name][:, names.index(study.correlations.treatment)]


def _measure(study: Study, phase: Phase, counts: Sequence[PhaseCounts]) -> Float[Array, "animal condition"]:
    mine = [_counted(study, phase, item.counts) for item in counts if item.phase.name == phase.name]
    return np.stack([each.mean(axis=1) for each in mine], axis=1) if phase.treatments else mine[0]


def _counted(study: Study, phase: Phase, counts: Int[Array, "animal session part=3"]) -> Float[Array, "animal session"]:
    if phase.window_min is not None:
        return counts[:, :, 1].astype(float)
    hour = phase.name == study.behavior.escalation and study.behavior.count == "first_hour"
    return (counts[:, :, :2] if hour else counts).sum(axis=2).astype(float)
