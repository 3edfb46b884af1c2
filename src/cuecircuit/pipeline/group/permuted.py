"""Terms and contrasts of both models under permutation, and what came of it in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cuecircuit.arrays import Array, Float64
from cuecircuit.clusters.maxima import MapStatistic
from cuecircuit.errors import DesignError
from cuecircuit.group.correction import CorrectedTerm, voxels_needed
from cuecircuit.group.permutation import (
    PermutationSettings,
    PermutedTerm,
    permute_prepared,
    plan_hypothesis,
    plan_term,
)
from cuecircuit.group.permuted_correction import corrected_term
from cuecircuit.group.permuted_maxima import TermPlan
from cuecircuit.io.atomic import scratch_beside
from cuecircuit.models.fit import stratum_of
from cuecircuit.pipeline.group.blocks import GroupMaps, prepared_blocks
from cuecircuit.pipeline.group.files import Space
from cuecircuit.pipeline.progress import say, steps
from cuecircuit.stats.arrangements import Exchange
from cuecircuit.stats.between_model import ONE_ERROR
from cuecircuit.stats.group_variances import GroupVariances
from cuecircuit.stats.mixed_inference import Hypothesis
from cuecircuit.stats.mixed_model import MixedModel
from cuecircuit.stats.permutation import PermutationPlan, of_stratum
from cuecircuit.stats.strata_design import StrataModel
from cuecircuit.stats.term_test import TermTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Permutation:
    """Correction by permutation: which maximum decides, and what subjects of a mixed model exchange."""

    statistic: MapStatistic
    settings: PermutationSettings
    exchange: Literal["auto", Exchange] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PermutedMap:
    """A test's corrected map, further maps to write by their names in files, and how it was done."""

    corrected: CorrectedTerm
    maps: Mapping[str, Float64[Array, "voxel"]]
    facts: Mapping[str, Any]


def permute_strata_test(
    maps: GroupMaps,
    model: StrataModel,
    test: TermTest,
    space: Space,
    settings: PermutationSettings,
    statistics: Sequence[MapStatistic],
    *,
    variances: Mapping[str, GroupVariances],
    progress: Callable[[int], None] | None = None,
) -> PermutedTerm:
    """Permute one term or contrast of an error-strata model; `variances` of groups by stratum.

    A test that names no stratum is of a model between subjects, which has one.

    Raises:
        DesignError: too few subjects for a permutation at this α.
    """
    stratum = stratum_of(test) or ONE_ERROR
    own = of_stratum(model, stratum)
    plan = plan_term(own, test.name, stratum=stratum, settings=settings, variances=variances.get(stratum))
    return _permuted(maps, plan, test, space, settings, statistics, progress)


def permute_strata(
    maps: GroupMaps,
    model: StrataModel,
    tests: Sequence[TermTest],
    space: Space,
    correction: object,
    variances: Mapping[str, GroupVariances],
) -> dict[tuple[str, str | None], PermutedMap]:
    """Permute every term and contrast of an error-strata model, where that is the correction; by name and stratum.

    Raises:
        DesignError: too few subjects for a permutation at this α.
    """
    if not isinstance(correction, Permutation):
        return {}
    found = {}
    for test in tests:
        with steps(f"permutations of {test.name}", correction.settings.n_permutations) as advance:
            permuted = permute_strata_test(
                maps,
                model,
                test,
                space,
                correction.settings,
                (correction.statistic,),
                variances=variances,
                progress=advance,
            )
        found[test.name, stratum_of(test)] = permuted_map(permuted, correction.statistic)
    return found


def permute_mixed(
    maps: GroupMaps,
    model: MixedModel,
    tests: Sequence[TermTest],
    hypotheses: Sequence[Hypothesis],
    space: Space,
    correction: object,
) -> dict[str, PermutedMap]:
    """Permute every term and contrast, where that is the correction; one that cannot be permuted is reported.

    Args:
        tests: of terms and contrasts.
        hypotheses: that they test.

    Raises:
        DesignError: a contrast cannot be permuted, or none of the terms.
    """
    if not isinstance(correction, Permutation):
        return {}
    found, refused = {}, []
    terms = {hypothesis.name for hypothesis in model.hypotheses}
    settings: PermutationSettings = correction.settings
    statistics: tuple[MapStatistic, ...] = (correction.statistic,)
    for hypothesis, test in zip(hypotheses, tests, strict=True):
        try:
            plan = plan_hypothesis(model, hypothesis, settings=settings, exchange=correction.exchange)
        except DesignError as error:
            if hypothesis.name not in terms:
                raise
            refused.append(str(error))
            continue
        with steps(f"permutations of {test.name}", settings.n_permutations) as advance:
            permuted = _permuted(maps, plan, test, space, settings, statistics, advance)
        found[test.name] = permuted_map(permuted, correction.statistic)
    if not found:
        raise DesignError(refused)
    for line in refused:
        say(f"group: not corrected: {line}")
    return found


def _permuted(
    maps: GroupMaps,
    plan: TermPlan,
    test: TermTest,
    space: Space,
    settings: PermutationSettings,
    statistics: Sequence[MapStatistic],
    progress: Callable[[int], None] | None,
) -> PermutedTerm:
    with scratch_beside(maps.scratch / "permuted") as folder:
        blocks, fitted = prepared_blocks(maps, plan, test.f, folder)
        return permute_prepared(
            blocks, fitted, plan, test, space.mask, statistics=statistics, settings=settings, progress=progress
        )


def permuted_map(permuted: PermutedTerm, statistic: MapStatistic) -> PermutedMap:
    """Keep what files are made of, and say how the term was permuted where that is out of the common."""
    facts = permutation_facts(permuted, statistic)
    if facts["all_distinct_taken"]:
        done = facts["arrangements_done"]
        say(f"group: {facts['term']}: exact, all {done} distinct {facts['exchanged']} were taken")
    if facts["stopped_early"]:
        say(f"group: {facts['term']}: stopped after {facts['arrangements_done']} arrangements: nothing can survive")
    if facts["voxels_not_permuted"]:
        say(f"group: {facts['term']}: {facts['voxels_not_permuted']} voxels lack maps or a fit and were not permuted")
    return PermutedMap(corrected=corrected_term(permuted, statistic), maps=permuted_maps(permuted), facts=facts)


def permuted_maps(permuted: PermutedTerm) -> dict[str, Float64[Array, "voxel"]]:
    """Return uncorrected p, the threshold-free score, and the map that was permuted where the test has another."""
    maps = {"puncorrected": permuted.p_uncorrected}
    if permuted.score is not None:
        maps["tfce"] = permuted.score
    if not isinstance(permuted.plan, PermutationPlan):
        maps["permutedF" if permuted.plan.tested > 1 else "permutedT"] = permuted.statistic
    return maps


def permutation_facts(permuted: PermutedTerm, statistic: MapStatistic) -> dict[str, Any]:
    """Describe what was done, for a file of settings: what was exchanged, how often, and the smallest p possible."""
    plan, fitted = permuted.plan, np.isfinite(permuted.statistic)
    return {
        "term": plan.name,
        "exchanged": plan.kind,
        "distinct_arrangements": min(plan.n_distinct, 2**63),  # orders of many subjects pass any integer of JSON
        "all_distinct_taken": plan.enumerated,
        "arrangements_done": len(permuted.maxima[statistic]),
        "stopped_early": permuted.stopped,
        "smallest_p": 1 / len(permuted.maxima[statistic]) if permuted.stopped else plan.smallest_p,
        "one_sided": plan.one_sided,
        "voxels": int(fitted.sum()),
        "voxels_not_permuted": int((~fitted).sum()),
    }


def verdict(name: str, corrected: CorrectedTerm) -> str | None:
    """Say, where nothing survives, how far it was; None where something does."""
    if corrected.significant.any():
        return None
    start = f"group: {name}: nothing survives at corrected p {corrected.alpha:g}"
    sizes = corrected.clusters.sizes
    # voxels are corrected one by one where some are not 1 outside the clusters
    voxels = bool((corrected.p_map[corrected.clusters.labels == 0] < 1).any())
    if not len(sizes):
        best = f"; best voxel p = {np.nanmin(corrected.p_map):.3g}" if voxels else ""
        return f"{start}; no voxel reaches the cluster-forming threshold{best}"
    largest = int(np.argmax(sizes))
    best = int(np.nanargmin(corrected.p))
    threshold = corrected.size_threshold
    needed = f", {voxels_needed(threshold)} needed" if np.isfinite(threshold) else ""
    line = f"{start}; largest cluster {_voxels(int(sizes[largest]))} (p = {corrected.p[largest]:.3g}{needed})"
    if voxels:
        return f"{line}; best voxel p = {np.nanmin(corrected.p_map):.3g}"
    return line if best == largest else f"{line}; smallest p {corrected.p[best]:.3g} ({_voxels(int(sizes[best]))})"


def _voxels(n: int) -> str:
    return "1 voxel" if n == 1 else f"{n} voxels"
