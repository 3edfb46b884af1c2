"""Which voxels and clusters of a term survive permutation: the largest of the whole map under every rearrangement.

The subjects are rearranged as `stats.permutation` says; of each rearranged map the strongest voxel, the largest and the
heaviest cluster and the highest threshold-free score are kept (`clusters.maxima`). A voxel or cluster has the corrected
p (k + 1)/(n + 1), k of n maps having as large a maximum anywhere: family-wise error is controlled over the mask
(Nichols and Holmes 2002, Hum Brain Mapp 15:1; size and mass: Bullmore et al. 1999, IEEE Trans Med Imaging 18:32; TFCE:
Smith and Nichols 2009, NeuroImage 44:83). It holds for any smoothness and any cluster-forming p.

The map is t for a term of one column and F for others. With `sided` "2" the clusters of t are those of F = t², signs
mixed, as in `correction`; with "bi" a cluster has one sign; with "1" only positive t count. Maps of F have one side.

Where groups differ in variance, subjects are not exchanged but rotated within their groups (`stats.rotation`): with
`variance` "groups" always, with "auto" where the data say so (`stats.group_variances`), with "equal" never. The map is
then the t or F weighted by the groups' variances.

A hypothesis of a mixed model is permuted by its subjects' scores (`stats.mixed_permutation`); its map is then the t or
F of those scores, which is close to that of the fitted model but not the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
from scipy import stats

from cuecircuit.arrays import Array, Bool, Float, Float64
from cuecircuit.clusters.labeling import Clusters, label_clusters
from cuecircuit.clusters.maxima import (
    MAP_STATISTICS,
    MapStatistic,
    MaximaRule,
    maxima_by_name,
    voxel_places,
)
from cuecircuit.clusters.neighbors import Connectivity, Sided, neighbor_table
from cuecircuit.clusters.tfce import TfceSettings, tfce
from cuecircuit.errors import DataError, DesignError
from cuecircuit.group.correction import on_grid
from cuecircuit.group.maxima_rule import maxima_rule, tail_depth
from cuecircuit.group.permuted_maxima import (
    PreparedBlock,
    TermPlan,
    arranged_maxima,
    found_heights,
    is_hopeless,
    prepare_term,
    prepared_hypothesis,
)
from cuecircuit.stats.arrangements import Exchange, Plan, check_resolution
from cuecircuit.stats.group_variances import GroupVariances, stratum_variances
from cuecircuit.stats.mixed_exchange import ScorePlan, plan_scores
from cuecircuit.stats.mixed_inference import Hypothesis
from cuecircuit.stats.mixed_model import MixedModel, NestedModel
from cuecircuit.stats.permutation import PermutationPlan, find_term, least_equal, permutation_p, plan_permutations
from cuecircuit.stats.rotation import RotationPlan, Variance, plan_rotations, rotates, variance_labels
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign, StrataModel, groups_of, strata_model
from cuecircuit.stats.term_test import TermTest


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
    variance: Variance = "equal"
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

    `statistic` is t or F at each voxel of the mask, NaN where not fitted; `score` the threshold-free enhancement of its
    z (None where not asked for); `p_uncorrected` the share of arrangements as strong in the voxel itself. `p_maps` has
    one map for each statistic asked for: 1 outside the mask (and, for size and mass, outside clusters), NaN where not
    fitted. `p_clusters` has the p of each cluster by "size" and "mass". `maxima` has the largest of each arrangement's
    map, the one found first. `plan` says what was exchanged, whether all distinct arrangements were taken, and the
    smallest p that could be reached; `stopped` that not all of its were done.
    """

    test: TermTest
    statistic: Float64[Array, "voxel"]
    score: Float64[Array, "voxel"] | None
    p_uncorrected: Float64[Array, "voxel"]
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
    variances: GroupVariances | None = None,
    progress: Callable[[int], None] | None = None,
) -> PermutedTerm:
    """Test one term by permutation.

    Args:
        y: the maps at the mask's voxels (C order), any unit.
        term: name of the term, as in `strata_anova`.
        stratum: needed where a covariate is tested in several.
        statistics: maxima to correct by; the score costs most of the time.
        blocks: a label per subject: only subjects of one block change places.
        variances: of the groups in the term's stratum; those of the cells of the factors between subjects if not given.
        progress: called with the number of permutations done since the last call.

    Raises:
        DesignError: the design cannot carry its tests, there is no such term, or so few subjects that no
            arrangement of them could be significant.
        DataError: an empty mask, maps on another mask, no voxel that can be tested, no or unknown statistics.
    """
    model = design if isinstance(design, StrataModel) else strata_model(design)
    _check_voxels(y, mask)
    if variances is None and settings.variance != "equal":
        labels = variance_labels(groups_of(model.design), blocks)
        variances = stratum_variances([y], find_term(model, term, stratum)[0], labels)
    plan = plan_term(model, term, stratum=stratum, settings=settings, blocks=blocks, variances=variances)
    test = strata_anova(y, model, epsilons=False).term(term, stratum)
    prepared, fitted = prepare_term(y, plan, test.f)
    return permute_prepared(
        [lambda: prepared], fitted, plan, test, mask, statistics=statistics, settings=settings, progress=progress
    )


def plan_term(
    model: StrataModel,
    term: str,
    *,
    stratum: str | None = None,
    settings: PermutationSettings,
    blocks: Sequence[object] | None = None,
    variances: GroupVariances | None = None,
) -> PermutationPlan | RotationPlan:
    """Plan the permutation of a term as settings say; arguments and faults as of `permute_term`.

    Args:
        variances: of the groups in the term's stratum; None: one group, or equal variances.
    """
    plan_of = plan_permutations
    if variances is not None and rotates(settings.variance, variances):
        plan_of = partial(plan_rotations, variances=variances)
    plan = plan_of(
        model,
        term,
        stratum=stratum,
        n_permutations=settings.n_permutations,
        blocks=blocks,
        one_sided=settings.sided == "1",
        seed=settings.seed,
    )
    check_resolution(plan, settings.alpha)
    return plan


def permute_hypothesis(
    y: Float[Array, "observation voxel"],
    model: MixedModel,
    hypothesis: Hypothesis,
    test: TermTest,
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
    _check_voxels(y, mask)
    plan = plan_hypothesis(model, hypothesis, settings=settings, exchange=exchange)
    scores, fitted = prepared_hypothesis(y, plan, n_jobs=settings.n_jobs)
    return permute_prepared(
        [lambda: scores], fitted, plan, test, mask, statistics=statistics, settings=settings, progress=progress
    )


def plan_hypothesis(
    model: MixedModel,
    hypothesis: Hypothesis,
    *,
    settings: PermutationSettings,
    exchange: Literal["auto", Exchange] = "auto",
) -> ScorePlan:
    """Plan the permutation of a hypothesis as settings say; arguments and faults as of `permute_hypothesis`."""
    if settings.variance == "groups":
        raise DesignError(
            f"{hypothesis.name}: a mixed model's scores cannot be rotated within groups of unequal variance; use the "
            "error-strata model (--between, --within), or --inference simulation"
        )
    if not isinstance(model, NestedModel):
        raise DesignError(
            f"{hypothesis.name}: subjects and stimuli are crossed, so no subject may change places or sign without the "
            "others; use --inference simulation"
        )
    plan = plan_scores(
        model,
        hypothesis,
        n_permutations=settings.n_permutations,
        exchange=exchange,
        one_sided=settings.sided == "1",
        seed=settings.seed,
    )
    check_resolution(plan, settings.alpha)
    return plan


def permute_prepared(
    blocks: Sequence[PreparedBlock],
    fitted: Bool[Array, "voxel"],
    plan: TermPlan,
    test: TermTest,
    mask: Bool[Array, "x y z"],
    *,
    statistics: Sequence[MapStatistic] = MAP_STATISTICS,
    settings: PermutationSettings = PermutationSettings(),
    progress: Callable[[int], None] | None = None,
) -> PermutedTerm:
    """Permute what was prepared block by block (`permuted_maxima`): maps that memory cannot hold at once.

    Args:
        blocks: give what arrangements work on, voxels of the mask in C order.
        fitted: where there is something to permute.
        plan: of `plan_term` or `plan_hypothesis`.
        test: what is permuted in the fitted model, kept in the result.

    Raises:
        DataError: no voxel that can be tested, no or unknown statistics.
    """
    _check_statistics(statistics)
    if not fitted.any():
        raise DataError(
            f"{plan.name}: none of {fitted.size} voxels can be tested (constant, not finite, or the model does not "
            "fit); check the maps"
        )
    if isinstance(plan, ScorePlan):
        observed, n_rows = found_heights(blocks, plan), len(plan.rows)
    elif isinstance(plan, RotationPlan):
        observed, n_rows = found_heights(blocks, plan), len(plan.basis)
    else:
        observed, n_rows = test.f if test.t is None else test.t, len(plan.basis)
    where = voxel_places(mask, settings.connectivity)
    rule = maxima_rule(
        plan.tested,
        plan.df2,
        voxel_p=settings.voxel_p,
        connectivity=settings.connectivity,
        sided=settings.sided,
        score=settings.tfce if "tfce" in statistics else None,
    )
    statistic = np.where(fitted, observed.astype(np.float64), np.nan)
    maxima: dict[MapStatistic, Array] = {}
    share = np.ones(fitted.size)
    stop = None if plan.enumerated else settings.stop_error
    strength = least_equal(statistic if rule.rule.sided == "1" else np.abs(statistic))
    options = {"n_rows": n_rows, "n_jobs": settings.n_jobs, "progress": progress}
    for done, arranged in arranged_maxima(blocks, plan, where, rule, strength, **options):
        maxima, share = maxima_by_name(done, statistics), arranged
        if stop is not None and is_hopeless(maxima, plan, settings.alpha, stop):
            break
    share = np.where(fitted, share, np.nan)
    return _compared(test, statistic, share, mask, rule, maxima, plan, settings)


def _check_voxels(y: Array, mask: Bool[Array, "x y z"]) -> None:
    voxels = int(np.count_nonzero(mask))
    if voxels == 0:
        raise DataError("the mask holds no voxel: expected at least one non-zero voxel; check that it is not blank")
    if y.shape[-1] != voxels:
        raise DataError(
            f"the maps have {y.shape[-1]} voxels and the mask {voxels}: expected the mask's voxels in C order"
        )


def _check_statistics(statistics: Sequence[str]) -> None:
    unknown = [name for name in statistics if name not in MAP_STATISTICS]
    if unknown or not statistics:
        raise DataError(f"statistics: found {unknown or 'none'}, expected some of {', '.join(MAP_STATISTICS)}")


def _compared(
    test: TermTest,
    statistic: Float64[Array, "voxel"],
    p_uncorrected: Float64[Array, "voxel"],
    mask: Bool[Array, "x y z"],
    rule: MaximaRule,
    maxima: dict[MapStatistic, Float64[Array, "arrangement"]],
    plan: Plan,
    settings: PermutationSettings,
) -> PermutedTerm:
    score = None
    if rule.tfce is not None:
        neighbors = neighbor_table(mask, settings.connectivity)
        depth = tail_depth(statistic, plan.tested, plan.df2)
        score = tfce(depth, neighbors, sided=rule.rule.sided, settings=rule.tfce)
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
        p_uncorrected=p_uncorrected,
        clusters=clusters,
        p_clusters=p_clusters,
        p_maps=p_maps,
        maxima=maxima,
        plan=plan,
        stopped=any(len(null) < len(plan.arrangements) for null in maxima.values()),
        settings=settings,
    )


def _strength(values: Float64[Array, "voxel"], rule: MaximaRule) -> Float64[Array, "voxel"]:
    """Return what is compared with the maxima: no voxel is below 0, which every map reaches."""
    return np.maximum(values, 0) if rule.rule.sided == "1" else np.abs(values)


def _p_map(p: Float64[Array, "voxel"], mask: Bool[Array, "x y z"]) -> Float64[Array, "x y z"]:
    return np.where(mask, on_grid(p, mask), 1.0)
