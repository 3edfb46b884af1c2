"""Studies dealt from a pool of animals that lived through the study's own protocol (`simulation.mechanism`).

A life takes hundredths of a second, those of a thousand studies take hours: each study draws its animals from the pool
of their group, with replacement. What differs between the pool and all animals that could be is in no Monte Carlo
interval; a second seed tells it. Differences between regions, scans and blocks are drawn anew for every study.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.simulation.animals import Learning, Policy
from cuecircuit.simulation.circuit import circuit_of
from cuecircuit.simulation.mechanism import Lived, counts_of, draw_responses, live_study
from cuecircuit.simulation.plan_draws import StudyDraws, dealt, measure, measures_of, severity_of
from cuecircuit.simulation.rats import draw_rats
from cuecircuit.study.study import Study


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Animals of both groups, those of the first first, as many of each; `lived` without their lives."""

    hypothesis: str
    measures: Mapping[str, Float[Array, "animal condition"]]
    lived: Lived


def live_pool(
    study: Study,
    animals: int,
    seed: np.random.SeedSequence,
    *,
    hypothesis: str,
    policy: Policy = "satiety",
    learning: Learning = "rescorla-wagner",
) -> Pool:
    """Let animals live through a study.

    Args:
        study: the protocol, checked by `protocol.check_protocol`.
        animals: of each group.
        seed: of their differences and lives.
        hypothesis: what is true.
        policy: how they decide to press.
        learning: how they learn about odors.
    """
    own = study.simulation.model_copy(update={"animals": dict.fromkeys(study.subjects.groups, animals)})
    who, what, *lives = seed.spawn(2 + animals * len(study.subjects.groups))
    lived = live_study(
        study,
        draw_rats(study.model_copy(update={"simulation": own}), np.random.default_rng(who)),
        hypothesis=hypothesis,
        rng=np.random.default_rng(what),
        streams=lambda number: np.random.default_rng(lives[number]),
        policy=policy,
        learning=learning,
    )
    return Pool(hypothesis=hypothesis, measures=measures_of(study, counts_of(lived)), lived=replace(lived, lives=()))


def joined(pools: Sequence[Pool]) -> Pool:
    """Make one pool of several, the first group's animals first."""
    first = pools[0]

    def together(parts: Sequence[Array]) -> Array:
        halves = [np.split(part, 2) for part in parts]
        return np.concatenate([half[group] for group in (0, 1) for half in halves])

    lived = replace(
        first.lived,
        parameters={name: together([p.lived.parameters[name] for p in pools]) for name in first.lived.parameters},
        inputs=together([pool.lived.inputs for pool in pools]),
        rates=together([pool.lived.rates for pool in pools]),
    )
    return replace(first, measures={n: together([p.measures[n] for p in pools]) for n in first.measures}, lived=lived)


def draw_from_pool(
    study: Study,
    sizes: Sequence[int],
    studies: int,
    rng: np.random.Generator,
    *,
    pool: Pool,
) -> StudyDraws:
    """Draw studies whose animals come from a pool.

    Args:
        study: the plan.
        sizes: animals of each group.
        studies: how many.
        rng: who takes part, and what differs between regions, scans and blocks.
        pool: animals that lived through the plan.
    """
    half = len(pool.lived.rates) // 2
    level = np.repeat([0, 1], sizes)
    chosen = (half * level + rng.integers(half, size=(studies, len(level)))).ravel()
    lived = replace(
        pool.lived,
        parameters={name: values[chosen] for name, values in pool.lived.parameters.items()},
        inputs=pool.lived.inputs[chosen],
        rates=pool.lived.rates[chosen],
    )
    measures = {name: values[chosen] for name, values in pool.measures.items()}
    group, severity = np.tile(level, studies), severity_of(study, measures)
    answered = draw_responses(lived, circuit_of(pool.hypothesis), group, severity, rng)
    responses, respiration = measure(answered.subjects, lived.rates, rng)
    return dealt(study, sizes, studies, measures, responses, respiration)
