"""Which voxels and clusters of a term survive permutation: the largest of the whole map under every rearrangement.

The subjects are rearranged as `stats.permutation` says; of each rearranged map the strongest voxel, the largest and the
heaviest cluster and the highest threshold-free score are kept (`clusters.maxima`). A voxel or cluster has the corrected
p (k + 1)/(n + 1), k of n maps having as large a maximum anywhere: family-wise error is controlled over the mask
(Nichols and Holmes 2002, Hum Brain Mapp 15:1; size and mass: Bullmore et al. 1999, IEEE Trans Med Imaging 18:32; TFCE:
Smith and Nichols 2009, NeuroImage 44:83). It holds for any smoothness and any cluster-forming p.

The map is t for a term of one column and F for others. With `sided` "2" the clusters of t are those of F = t², signs
mixed, as in `correction`; with "bi" a cluster has one sign; with "1" only positive t count. Maps of F have one side.

A hypothesis of a mixed model is permuted by its subjects' scores (`stats.mixed_permutation`); its map is then the t or
F of those scores, which is close to that of the fitted model but not the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
from joblib import Parallel, delayed
from scipy import stats
from threadpoolctl import threadpool_limits

from cuecircuit.arrays import Array, Bool, Float, Float32, Float64
from cuecircuit.clusters.labeling import Clusters, label_clusters
from cuecircuit.clusters.maxima import (
    MAP_STATISTICS,
    MapStatistic,
    MaximaRule,
    VoxelPlaces,
    map_extremes,
    maxima_by_name,
    permuted_heights,
    voxel_places,
)
from cuecircuit.clusters.neighbors import ClusterRule, Connectivity, Sided, neighbor_table
from cuecircuit.clusters.tfce import TfceSettings, tfce
from cuecircuit.errors import DataError
from cuecircuit.group.correction import CorrectedTerm, on_grid
from cuecircuit.stats.arrangements import Exchange, Plan, check_resolution
from cuecircuit.stats.mixed_exchange import plan_scores
from cuecircuit.stats.mixed_inference import Hypothesis, MixedTest
from cuecircuit.stats.mixed_model import MixedModel
from cuecircuit.stats.mixed_permutation import arranged_statistics, subject_scores
from cuecircuit.stats.permutation import (
    PermutationPlan,
    arranged_bases,
    permutation_p,
    plan_permutations,
    unit_residuals,
)
from cuecircuit.stats.strata import TermTest, strata_anova
from cuecircuit.stats.strata_design import MixedDesign, StrataModel, strata_model

# numbers in the maps of one batch: 4 MB, so that they stay in a cache that cores share
_BATCH_NUMBERS = 1_000_000
_FEWEST_IN_BATCH = 8  # the residuals are read once for each batch

# heights of the maps of a slice of arrangements; it travels to workers, so it is made of functions of modules
Heights = Callable[[slice], Float32[Array, "map voxel"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PermutationSettings:
    """How a term is permuted; the same seed gives the same numbers for any `n_jobs` (threads, -1 for all cores).

    `voxel_p` forms the clusters (0.001: Eklund et al. 2016, PNAS 113:7900; permutation holds at any); `alpha` is the
    corrected level, which the number of subjects must be able to reach. With `stop_error`, random permutations end as
    soon as nothing in the map can be significant any more, wrongly with at most that probability (for each statistic;
    a binomial test at α after each batch, the error shared out over as many looks as permutations); p is then of those
    done.

    Raises:
        DataError: a p, α or error that is none.
    """

    voxel_p: float = 0.001
    alpha: float = 0.05
    n_permutations: int = 10_000
    connectivity: Connectivity = 6
    sided: Sided = "2"
    tfce: TfceSettings = field(default_factory=TfceSettings)
    stop_error: float | None = None
    seed: int = 0
    n_jobs: int = 1

    def __post_init__(self) -> None:
        """Refuse a z where a p is meant."""
        faults = []
        if self.voxel_p >= 1:
            z = self.voxel_p
            faults.append(
                f"voxel-wise p = {z:g} looks like a z: expected a p; a z of {z:g} is p = {stats.norm.sf(z):.3g}"
            )
        elif not 0 < self.voxel_p <= 0.5:
            faults.append(f"voxel-wise p = {self.voxel_p:g}: expected a p above 0 and at most 0.5, such as 0.001")
        if not 0 < self.alpha < 1:
            faults.append(f"α = {self.alpha:g}: expected a probability between 0 and 1, such as 0.05")
        if self.stop_error is not None and not 0 < self.stop_error < 1:
            faults.append(f"stop_error = {self.stop_error:g}: expected a small probability, such as 0.001, or None")
        if faults:
            raise DataError(faults)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PermutedTerm:
    """A term's map, its clusters, and the corrected p by each statistic.

    `statistic` is t or F at each voxel of the mask, NaN where not fitted; `score` its threshold-free enhancement (None
    where not asked for). `p_maps` has one map for each statistic asked for: 1 outside the mask (and, for size and mass,
    outside clusters), NaN where not fitted. `p_clusters` has the p of each cluster by "size" and "mass". `maxima` has
    the largest of each arrangement's map, the one found first. `plan` says what was exchanged, whether all distinct
    arrangements were taken, and the smallest p that could be reached; `stopped` that not all of its were done.
    """

    test: TermTest | MixedTest
    statistic: Float64[Array, "voxel"]
    score: Float64[Array, "voxel"] | None
    clusters: Clusters
    p_clusters: Mapping[MapStatistic, Float64[Array, "cluster"]]
    p_maps: Mapping[MapStatistic, Float64[Array, "x y z"]]
    maxima: Mapping[MapStatistic, Float64[Array, "arrangement"]]
    plan: Plan
    stopped: bool
    settings: PermutationSettings

    def significant(self, statistic: MapStatistic) -> Bool[Array, "x y z"]:
        """Mark the voxels with corrected p at most α."""
        return self.p_maps[statistic] <= self.settings.alpha


def permute_term(
    y: Float[Array, "subject condition voxel"],
    design: MixedDesign | StrataModel,
    term: str,
    mask: Bool[Array, "x y z"],
    *,
    stratum: str | None = None,
    statistics: Sequence[MapStatistic] = MAP_STATISTICS,
    settings: PermutationSettings = PermutationSettings(),
    blocks: Sequence[object] | None = None,
    progress: Callable[[int], None] | None = None,
) -> PermutedTerm:
    """Test one term by permutation.

    Args:
        y: the maps at the mask's voxels (C order), any unit.
        term: name of the term, as in `strata_anova`.
        stratum: needed where a covariate is tested in several.
        statistics: maxima to correct by; the score costs most of the time.
        blocks: a label per subject: only subjects of one block change places.
        progress: called with the number of permutations done since the last call.

    Raises:
        DesignError: the design cannot carry its tests, there is no such term, or so few subjects that no
            arrangement of them could be significant.
        DataError: an empty mask, maps on another mask, no voxel that can be tested, no or unknown statistics.
    """
    model = design if isinstance(design, StrataModel) else strata_model(design)
    _check(y, mask, statistics)
    plan = plan_permutations(
        model,
        term,
        stratum=stratum,
        n_permutations=settings.n_permutations,
        blocks=blocks,
        one_sided=settings.sided == "1",
        seed=settings.seed,
    )
    check_resolution(plan, settings.alpha)
    test = strata_anova(y, model, epsilons=False).term(term, stratum)
    # a voxel that lacks maps has fewer subjects to exchange than the others
    fitted = np.isfinite(test.f) & np.isfinite(y).all(axis=(0, 1))
    if not fitted.any():
        raise DataError(
            f"term {term}: none of {fitted.size} voxels can be tested (constant or not finite); check the maps"
        )
    residuals = unit_residuals(y, plan, testable=fitted)
    heights = partial(_strata_heights, residuals, plan)
    statistic = np.where(fitted, test.f if test.t is None else test.t, np.nan)
    return _permute(test, statistic, plan.stratum.df, heights, plan, mask, statistics, settings, progress)


def permute_hypothesis(
    y: Float[Array, "observation voxel"],
    model: MixedModel,
    hypothesis: Hypothesis,
    test: MixedTest,
    mask: Bool[Array, "x y z"],
    *,
    statistics: Sequence[MapStatistic] = MAP_STATISTICS,
    settings: PermutationSettings = PermutationSettings(),
    exchange: Literal["auto", Exchange] = "auto",
    progress: Callable[[int], None] | None = None,
) -> PermutedTerm:
    """Test a term or contrast of a mixed model by permuting subjects' scores.

    Args:
        y: the maps at the mask's voxels (C order), rows as in the model's table, any unit.
        test: the hypothesis in the fitted model, kept in the result.
        statistics: maxima to correct by.
        exchange: what subjects exchange, "auto" as the hypothesis allows.
        progress: called with the number of permutations done since the last call.

    Raises:
        DesignError: nothing can be exchanged, or so little that nothing could be significant.
        DataError: an empty mask, maps on another mask, no voxel that can be tested, no or unknown statistics.
    """
    _check(y, mask, statistics)
    plan = plan_scores(
        model,
        hypothesis,
        n_permutations=settings.n_permutations,
        exchange=exchange,
        one_sided=settings.sided == "1",
        seed=settings.seed,
    )
    check_resolution(plan, settings.alpha)
    scores = subject_scores(y, plan, n_jobs=settings.n_jobs)
    if not scores.fitted.any():
        raise DataError(
            f"{hypothesis.name}: none of {scores.fitted.size} voxels can be tested (constant, not finite, or the "
            "model does not fit); check the maps"
        )
    heights = partial(arranged_statistics, scores, plan)
    found = heights(slice(0, 1))[0].astype(np.float64)
    statistic = np.where(scores.fitted, found, np.nan)
    return _permute(test, statistic, plan.df2, heights, plan, mask, statistics, settings, progress)


def _strata_heights(
    residuals: Float[Array, "row voxel"], plan: PermutationPlan, part: slice
) -> Float32[Array, "map voxel"]:
    bases = arranged_bases(plan, part).astype(residuals.dtype)
    return permuted_heights(residuals, bases, tested=plan.tested, df2=plan.stratum.df)


def _permute(
    test: TermTest | MixedTest,
    statistic: Float64[Array, "voxel"],
    df2: int,
    heights: Heights,
    plan: Plan,
    mask: Bool[Array, "x y z"],
    statistics: Sequence[MapStatistic],
    settings: PermutationSettings,
    progress: Callable[[int], None] | None,
) -> PermutedTerm:
    where = voxel_places(mask, settings.connectivity)
    rule = _maxima_rule(plan.tested, df2, statistics, settings)
    maxima: dict[MapStatistic, Array] = {}
    for done in _arranged(heights, plan, where, rule, settings.n_jobs, progress):
        maxima = maxima_by_name(done, statistics)
        if settings.stop_error is not None and not plan.enumerated and _is_hopeless(maxima, plan, settings):
            break
    return _compared(test, statistic, mask, rule, maxima, plan, settings)


def _check(y: Array, mask: Bool[Array, "x y z"], statistics: Sequence[str]) -> None:
    voxels = int(np.count_nonzero(mask))
    faults = []
    if y.shape[-1] != voxels:
        faults.append(
            f"the maps have {y.shape[-1]} voxels and the mask {voxels}: expected the mask's voxels in C order"
        )
    if voxels == 0:
        faults.append("the mask holds no voxel: expected at least one non-zero voxel; check that it is not blank")
    unknown = [name for name in statistics if name not in MAP_STATISTICS]
    if unknown or not statistics:
        faults.append(f"statistics: found {unknown or 'none'}, expected some of {', '.join(MAP_STATISTICS)}")
    if faults:
        raise DataError(faults)


def _maxima_rule(df1: int, df2: int, statistics: Sequence[MapStatistic], settings: PermutationSettings) -> MaximaRule:
    one = df1 == 1
    p, sided = settings.voxel_p, settings.sided if one else "1"
    threshold = stats.t.isf(p if sided == "1" else p / 2, df2) if one else stats.f.isf(p, df1, df2)
    return MaximaRule(
        rule=ClusterRule(connectivity=settings.connectivity, sided=sided),
        threshold=float(threshold),
        tested=df1,
        df2=df2,
        tfce=settings.tfce if "tfce" in statistics else None,
    )


def _arranged(
    heights: Heights,
    plan: Plan,
    where: VoxelPlaces,
    rule: MaximaRule,
    n_jobs: int,
    progress: Callable[[int], None] | None,
) -> Iterator[Float64[Array, "map 4"]]:
    """Give the maxima of all arrangements done so far, after each batch."""
    n = len(plan.arrangements)
    size = min(256, max(_FEWEST_IN_BATCH, _BATCH_NUMBERS // where.places.size))
    batches = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    maxima = np.empty((n, len(MAP_STATISTICS)))
    workers: Any = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
    # batches are spread over cores; the products' sums must not depend on how many
    with threadpool_limits(limits=1, user_api="blas"):
        for part, found in zip(
            batches, workers(delayed(_largest)(heights, part, where, rule) for part in batches), strict=True
        ):
            maxima[part] = found
            if progress is not None:
                progress(len(found))
            yield maxima[: part.stop]


def _largest(heights: Heights, part: slice, where: VoxelPlaces, rule: MaximaRule) -> Float64[Array, "map 4"]:
    return map_extremes(heights(part), where, rule)


def _is_hopeless(
    maxima: dict[MapStatistic, Float64[Array, "arrangement"]], plan: Plan, settings: PermutationSettings
) -> bool:
    """Tell whether the strongest of every statistic is surely not significant after the arrangements done."""
    assert settings.stop_error is not None
    looks = len(plan.arrangements)  # no more looks than arrangements
    for null in maxima.values():
        larger = round(permutation_p(null, null[:1])[0] * len(null)) - 1
        if stats.binom.sf(larger - 1, len(null) - 1, settings.alpha) >= settings.stop_error / looks:
            return False
    return True


def _compared(
    test: TermTest | MixedTest,
    statistic: Float64[Array, "voxel"],
    mask: Bool[Array, "x y z"],
    rule: MaximaRule,
    maxima: dict[MapStatistic, Float64[Array, "arrangement"]],
    plan: Plan,
    settings: PermutationSettings,
) -> PermutedTerm:
    height = np.sqrt(statistic) if plan.tested > 1 else statistic
    neighbors = neighbor_table(mask, settings.connectivity)
    score = tfce(height, neighbors, sided=rule.rule.sided, settings=rule.tfce) if rule.tfce else None
    clusters = label_clusters(on_grid(statistic, mask), mask, rule.threshold, rule=rule.rule)
    measured: dict[MapStatistic, Array] = {"size": clusters.sizes, "mass": clusters.masses}
    p_clusters: dict[MapStatistic, Array] = {
        name: permutation_p(maxima[name], values) for name, values in measured.items() if name in maxima
    }
    owner = clusters.labels[mask]
    p_voxels: dict[MapStatistic, Array] = {name: np.append(1.0, p)[owner] for name, p in p_clusters.items()}
    if "voxel" in maxima:
        p_voxels["voxel"] = permutation_p(maxima["voxel"], _strength(statistic, rule))
    if score is not None:
        p_voxels["tfce"] = permutation_p(maxima["tfce"], _strength(score, rule))
    fitted = np.isfinite(statistic)
    p_maps: dict[MapStatistic, Array] = {
        name: _p_map(np.where(fitted, p_voxels[name], np.nan), mask) for name in maxima
    }
    return PermutedTerm(
        test=test,
        statistic=statistic,
        score=score,
        clusters=clusters,
        p_clusters=p_clusters,
        p_maps=p_maps,
        maxima=maxima,
        plan=plan,
        stopped=any(len(null) < len(plan.arrangements) for null in maxima.values()),
        settings=settings,
    )


def _strength(values: Float64[Array, "voxel"], rule: MaximaRule) -> Float64[Array, "voxel"]:
    """What is compared with the maxima: no voxel is below 0, which every map reaches."""
    return np.maximum(values, 0) if rule.rule.sided == "1" else np.abs(values)


def _p_map(p: Float64[Array, "voxel"], mask: Bool[Array, "x y z"]) -> Float64[Array, "x y z"]:
    return np.where(mask, on_grid(p, mask), 1.0)


def corrected_term(permuted: PermutedTerm, statistic: MapStatistic) -> CorrectedTerm:
    """Give what one statistic says of a term in the form that simulation gives it.

    The p of a cluster is its own (size, mass), or that of its best voxel (voxel, tfce). The size a cluster must reach
    is known for "size" alone.
    """
    alpha, p_map = permuted.settings.alpha, permuted.p_maps[statistic]
    labels = permuted.clusters.labels
    if statistic in permuted.p_clusters:
        p = permuted.p_clusters[statistic]
    else:
        p = np.array([np.nanmin(p_map[labels == label]) for label in range(1, len(permuted.clusters.sizes) + 1)])
    size = float(np.quantile(permuted.maxima["size"], 1 - alpha)) + 1 if statistic == "size" else float("nan")
    return CorrectedTerm(
        clusters=permuted.clusters,
        p=p,
        p_map=p_map,
        significant=permuted.significant(statistic),
        alpha=alpha,
        size_threshold=size,
        size_threshold_se=float("nan"),
    )
