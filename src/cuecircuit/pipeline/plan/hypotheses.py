"""Every planned test of many simulated studies, by the functions that a real study goes through."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.regions.many_studies import correlation_outcomes
from cuecircuit.simulation.plan_draws import StudyDraws
from cuecircuit.stats.coding import conditions
from cuecircuit.stats.many_studies import adjusted, study_outcomes
from cuecircuit.stats.simulated_power import Outcomes
from cuecircuit.stats.strata_design import MixedDesign
from cuecircuit.study.planned import ANY_REGION, PlannedTest, condition_factor, condition_levels
from cuecircuit.study.study import Study


def all_outcomes(
    study: Study, draws: StudyDraws, tests: Sequence[PlannedTest], *, permutations: int, seed: np.random.SeedSequence
) -> dict[str, Outcomes]:
    """Test every study; the name of each test to its outcomes.

    Args:
        study: the plan.
        draws: the studies.
        tests: those wanted, of measures that were drawn.
        permutations: of the within-group correlation.
        seed: of the permutations.

    Raises:
        DesignError: the design cannot carry a test.
    """
    found = {}
    for name, values in draws.measures.items():
        found |= _phase(study, name, values, draws.sizes, tests)
    kinds = {test.kind for test in tests}
    if draws.responses is not None and kinds & {"region", "any region"}:
        found |= _regions(study, draws)
    if draws.behavior is not None and draws.responses is not None and kinds & _CORRELATIONS:
        found |= _correlations(study, draws, permutations, seed)
    return {test.name: found[test.name] for test in tests}


_CORRELATIONS = {"correlation", "within-group correlation"}


def _phase(
    study: Study,
    name: str,
    values: Float[Array, "study subject condition"],
    sizes: Sequence[int],
    tests: Sequence[PlannedTest],
) -> dict[str, Outcomes]:
    phase = study.phase(name)
    terms = [test.term for test in tests if (test.kind, test.part) == ("phase", name)]
    if not terms:
        return {}
    design = _design(study, sizes, "group", {condition_factor(phase): condition_levels(phase)})
    outcomes = study_outcomes(values.transpose(1, 2, 0), design, terms)
    return {f"{name} {term}": outcome for term, outcome in outcomes.items()}


def _regions(study: Study, draws: StudyDraws) -> dict[str, Outcomes]:
    assert draws.responses is not None
    design = _design(study, draws.sizes, study.subjects.group, _cells(study))
    studies, subjects, cells, regions = draws.responses.shape
    y = draws.responses.transpose(1, 2, 0, 3).reshape(subjects, cells, -1)
    covariate = None
    if draws.respiration is not None and study.group.covariates:
        covariate = np.repeat(draws.respiration.transpose(1, 2, 0), regions, axis=2)
    term = study.group.effect
    found = study_outcomes(y, design, [term], covariate=covariate)[term]
    by_region = {
        f"region {region}": Outcomes(
            p=found.p[r::regions], estimate=found.estimate[r::regions], width=found.width[r::regions]
        )
        for r, region in enumerate(draws.regions)
    }
    corrected = adjusted(by_region, "holm")
    p = np.array([each.p for each in corrected.values()])
    best = np.argmin(p, axis=0), np.arange(studies)
    values = {n: np.array([getattr(each, n) for each in corrected.values()])[best] for n in ("p", "estimate", "width")}
    return {ANY_REGION: Outcomes(**values), **corrected}


def _correlations(
    study: Study, draws: StudyDraws, permutations: int, seed: np.random.SeedSequence
) -> dict[str, Outcomes]:
    assert draws.behavior is not None
    assert draws.responses is not None
    cue = study.correlations.cue
    members = [cell[0] == cue for cell in conditions(_cells(study))]
    pooled, within = correlation_outcomes(
        draws.behavior,
        draws.responses[:, :, members].mean(axis=2),
        np.repeat(np.arange(len(draws.sizes)), draws.sizes),
        permutations=permutations,
        seeds=seed.generate_state(len(draws.behavior)).astype(np.int64),
    )
    return {
        f"{kind} {region}": outcome
        for kind, outcomes in (("correlation", pooled), ("within-group correlation", within))
        for region, outcome in zip(draws.regions, outcomes, strict=True)
    }


def _cells(study: Study) -> dict[str, tuple[str, ...]]:
    """Levels of the factors within subjects; a level alone makes no factor."""
    every = {study.cues.factor: study.cues.levels, study.response.block_factor: tuple(study.response.blocks)}
    return {name: levels for name, levels in every.items() if len(levels) > 1}


def _design(study: Study, sizes: Sequence[int], factor: str, within: Mapping[str, Sequence[str]]) -> MixedDesign:
    groups = np.repeat(study.subjects.groups, sizes).tolist()
    return MixedDesign(
        subjects=[str(number) for number in range(sum(sizes))],
        between={factor: groups} if len(sizes) > 1 else {},
        within=dict(within),
    )


def joined(parts: Sequence[Mapping[str, Outcomes]]) -> dict[str, Outcomes]:
    """Put the outcomes of batches of studies after one another."""
    return {
        name: replace(
            parts[0][name],
            **{field: np.concatenate([getattr(part[name], field) for part in parts]) for field in _FIELDS},
        )
        for name in parts[0]
    }


_FIELDS = ("p", "estimate", "width")
