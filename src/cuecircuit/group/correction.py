"""Which clusters of an F map are larger than noise makes them: one simulated null for each error stratum.

Every error stratum has noise of its own: that of subjects' means carries stable differences between brains, that of
their contrasts does not. The smoothness of a stratum's residuals gives its noise an autocorrelation; fields of such
noise give the null distribution of the largest cluster (`clusters.clustsim`) for the terms of that stratum.
An F map with one numerator degree of freedom is a two-sided test of t: its clusters are compared with two-sided
clusters of a Gaussian field at the same voxel p. With more numerator degrees of freedom they are compared with
one-sided ones, which is an approximation.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.clusters.autocorrelation import gaussian_autocorrelation
from cuecircuit.clusters.clustsim import ClusterNull, check_alpha, cluster_p, simulate_cluster_sizes, size_thresholds
from cuecircuit.clusters.labeling import Clusters, label_clusters
from cuecircuit.clusters.neighbors import ClusterRule, Connectivity, Sided
from cuecircuit.clusters.smoothness import Smoothness, estimate_smoothness
from cuecircuit.records.grid import Grid
from cuecircuit.stats.strata_design import Stratum
from cuecircuit.stats.term_test import TermTest


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionSettings:
    """Cluster-forming voxel p, corrected α, neighbors, and how the null is simulated."""

    voxel_p: float
    alpha: float
    connectivity: Connectivity = 6
    sided: Sided = "2"
    iterations: int = 10_000
    acf: bool = True
    seed: int = 0
    n_jobs: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterNulls:
    """Smoothness of a stratum's residuals and the null distributions: one-sided; two- or bi-sided, as settings say."""

    settings: CorrectionSettings
    smoothness: Smoothness
    one_sided: ClusterNull
    two_sided: ClusterNull

    def of(self, term: TermTest) -> ClusterNull:
        """Return the null distribution that a term's map is compared with."""
        return self.two_sided if term.df1 == 1 and self.settings.sided != "1" else self.one_sided

    def size_threshold(self, term: TermTest) -> tuple[float, float]:
        """Return the cluster size (voxels) at α, and its Monte Carlo standard error."""
        table = size_thresholds(self.of(term), (self.settings.alpha,))
        return float(table.sizes[0, 0]), float(table.standard_errors[0, 0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorrectedTerm:
    """The clusters of one term, the corrected p of each, and the map of it (1 outside, NaN not fitted)."""

    clusters: Clusters
    p: Float[Array, "cluster"]
    p_map: Float[Array, "x y z"]
    significant: Bool[Array, "x y z"]
    alpha: float
    size_threshold: float
    size_threshold_se: float


def voxels_needed(size_threshold: float) -> int:
    """Return the fewest voxels that reach a cluster size; what interpolation adds to a whole number is no voxel."""
    return math.ceil(round(size_threshold, 6))


def smoothness_of(residuals: Float[Array, "observation voxel"], mask: Bool[Array, "x y z"], grid: Grid) -> Smoothness:
    """Estimate the smoothness of a stratum's residuals.

    Raises:
        DataError: the residuals carry no smoothness.
    """
    return estimate_smoothness(residuals, mask, grid.voxel_mm)


def simulate_nulls(
    smoothness: Smoothness,
    mask: Bool[Array, "x y z"],
    grid: Grid,
    settings: CorrectionSettings,
    *,
    progress: Callable[[int], None] | None = None,
) -> ClusterNulls:
    """Simulate the largest cluster of noise of this smoothness.

    Raises:
        DataError: the settings cannot be resolved by that many fields.
    """
    return simulate_nulls_at((settings.voxel_p,), smoothness, mask, grid, settings, progress=progress)[0]


def simulate_nulls_at(
    heights: Sequence[float],
    smoothness: Smoothness,
    mask: Bool[Array, "x y z"],
    grid: Grid,
    settings: CorrectionSettings,
    *,
    progress: Callable[[int], None] | None = None,
) -> tuple[ClusterNulls, ...]:
    """Simulate nulls at several cluster-forming p, all from the same fields; `settings.voxel_p` is not looked at.

    Raises:
        DataError: the settings cannot be resolved by that many fields.
    """
    check_alpha((settings.alpha,), settings.iterations)
    both: Sided = "bi" if settings.sided == "bi" else "2"
    one, two = (
        ClusterRule(connectivity=settings.connectivity),
        ClusterRule(connectivity=settings.connectivity, sided=both),
    )
    acf = smoothness.acf if settings.acf else gaussian_autocorrelation(smoothness.fwhm_classic_mm)
    nulls = simulate_cluster_sizes(
        mask,
        grid.voxel_mm,
        acf,
        rules=(one, two),
        pthr=heights,
        iterations=settings.iterations,
        seed=settings.seed,
        n_jobs=settings.n_jobs,
        progress=progress,
    )
    return tuple(
        ClusterNulls(
            settings=replace(settings, voxel_p=height),
            smoothness=smoothness,
            one_sided=_at(nulls[0], row),
            two_sided=_at(nulls[1], row),
        )
        for row, height in enumerate(heights)
    )


def _at(null: ClusterNull, row: int) -> ClusterNull:
    return replace(null, maxima=null.maxima[[row]], pthr=(null.pthr[row],), z=null.z[[row]])


def residual_scores(
    residuals: Float[Array, "subject condition voxel"], stratum: Stratum
) -> Float[Array, "score voxel"]:
    """Turn what the model leaves into the residual scores of an error stratum (or contrast)."""
    scores = np.einsum("scv,ck->skv", residuals, stratum.scores.astype(residuals.dtype))
    return scores.reshape(-1, residuals.shape[2])


def correct(term: TermTest, mask: Bool[Array, "x y z"], nulls: ClusterNulls) -> CorrectedTerm:
    """Find the clusters of a term's map at the cluster-forming p and compare their sizes with the null."""
    settings = nulls.settings
    statistic, threshold = _at_one_threshold(term, settings)
    apart = settings.sided == "bi" and term.t is not None
    rule = ClusterRule(connectivity=settings.connectivity, sided="bi" if apart else "1")
    clusters = label_clusters(on_grid(statistic, mask), mask, threshold, rule=rule)
    p = cluster_p(nulls.of(term), settings.voxel_p, clusters.sizes)
    p_map = np.ones(mask.shape)
    p_map[mask] = np.where(np.isfinite(term.f), np.append(1.0, p)[clusters.labels[mask]], np.nan)
    size, error = nulls.size_threshold(term)
    return CorrectedTerm(
        clusters=clusters,
        p=p,
        p_map=p_map,
        significant=mask & (p_map <= settings.alpha),
        alpha=settings.alpha,
        size_threshold=size,
        size_threshold_se=error,
    )


def _at_one_threshold(term: TermTest, settings: CorrectionSettings) -> tuple[Float[Array, "voxel"], float]:
    """Return the map to threshold (F, or t where one- or bi-sided) and its threshold at the cluster-forming p.

    Where the degrees of freedom differ between voxels (mixed models) so does the threshold: the map is scaled to the
    threshold of the median voxel.
    """
    if settings.sided != "2" and term.t is not None:
        values, critical = term.t, stats.t.isf(settings.voxel_p / (1 if settings.sided == "1" else 2), term.df2)
    else:
        wald = np.isinf(term.df2)
        by_f = stats.f.isf(settings.voxel_p, term.df1, np.where(wald, 1.0, term.df2))
        values = term.f
        critical = np.where(wald, stats.chi2.isf(settings.voxel_p, term.df1) / term.df1, by_f)
    threshold = float(np.nanmedian(critical))
    return values * (threshold / critical), threshold


def on_grid(values: Float[Array, "voxel"], mask: Bool[Array, "x y z"]) -> Float[Array, "x y z"]:
    """Lay the voxels of a mask (C order) back on the grid, NaN outside."""
    whole = np.full(mask.shape, np.nan)
    whole[mask] = values
    return whole
