"""Terms and contrasts of both models under permutation, and what came of it in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuecircuit.arrays import Array, Float64
from cuecircuit.clusters.maxima import MapStatistic
from cuecircuit.errors import DesignError
from cuecircuit.group.correction import CorrectedTerm, voxels_needed
from cuecircuit.group.permutation import PermutationSettings, PermutedTerm, permute_prepared
from cuecircuit.group.permuted_correction import corrected_term
from cuecircuit.group.permuted_maxima import TermPlan
from cuecircuit.group.planned_permutation import Exchanged, plan_of
from cuecircuit.group.variances import Variances
from cuecircuit.io.atomic import scratch_beside
from cuecircuit.models.family import Family
from cuecircuit.models.fit import stratum_of
from cuecircuit.models.formula import FormulaFamily, MixedFitter
from cuecircuit.pipeline.map_tests.blocks import GroupMaps, prepared_blocks
from cuecircuit.pipeline.map_tests.files import Space
from cuecircuit.pipeline.progress import say, steps
from cuecircuit.stats.permutation import PermutationPlan
from cuecircuit.stats.term_test import TermTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Permutation:
    """Correction by permutation: which maximum decides, and what subjects of a mixed model exchange."""

    statistic: MapStatistic
    settings: PermutationSettings
    exchange: Exchanged = "auto"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PermutedMap:
    """A test's corrected map, further maps to write by their names in files, and how it was done."""

    corrected: CorrectedTerm
    maps: Mapping[str, Float64[Array, "voxel"]]
    facts: Mapping[str, Any]


def permutable(
    family: Family, tests: Sequence[TermTest], correction: Permutation, variances: Variances
) -> tuple[tuple[TermTest, ...], tuple[str, ...]]:
    """Plan the permutation of every test; return those that can be permuted, and why others cannot.

    Terms of a mixed model that cannot be permuted are left out; any other test must be.

    Raises:
        DesignError: every test that cannot be permuted, where one is a contrast or of error strata, or all are.
    """
    mixed = isinstance(family, FormulaFamily) and isinstance(family.fitter, MixedFitter)
    terms = {each.name for each in family.fitter.model.hypotheses} if mixed else set()  # pyright: ignore
    kept, refused, needed = [], [], False
    for test in tests:
        try:
            plan_of(family, test, correction.settings, variances, correction.exchange)
            kept.append(test)
        except DesignError as error:
            refused += error.faults
            needed |= test.name not in terms
    if needed or (tests and not kept):
        raise DesignError(refused)
    return tuple(kept), tuple(refused)


def permute_tests(
    maps: GroupMaps,
    family: Family,
    tests: Sequence[TermTest],
    space: Space,
    correction: Permutation,
    variances: Variances,
) -> dict[tuple[str, str | None], PermutedMap]:
    """Permute every term and contrast; one of a mixed model that cannot be permuted is reported.

    Args:
        maps: of the model.
        family: the model.
        tests: of terms and contrasts.
        space: of the maps.
        correction: how they are permuted.
        variances: of groups by stratum.

    Returns:
        Permuted maps by name and stratum.

    Raises:
        DesignError: as `permutable`.
    """
    kept, refused = permutable(family, tests, correction, variances)

    def permuted(test: TermTest) -> PermutedMap:  # a plan is as large as the square of the maps: one at a time
        plan = plan_of(family, test, correction.settings, variances, correction.exchange)
        with steps(f"permutations of {test.name}", correction.settings.n_permutations) as advance:
            term = permute_map(maps, plan, test, space, correction.settings, (correction.statistic,), advance)
        return permuted_map(term, correction.statistic)

    permuted_of = {(test.name, stratum_of(test)): permuted(test) for test in kept}
    for line in refused:
        say(f"group: not corrected: {line}")
    return permuted_of


def permute_map(
    maps: GroupMaps,
    plan: TermPlan,
    test: TermTest,
    space: Space,
    settings: PermutationSettings,
    statistics: Sequence[MapStatistic],
    progress: Callable[[int], None] | None,
) -> PermutedTerm:
    """Permute the map of one test as planned, block by block from the disk."""
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
    """Describe, where nothing survives, how far it was; None where something does."""
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
