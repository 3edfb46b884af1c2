import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cuecircuit.clusters.autocorrelation import Autocorrelation, gaussian_autocorrelation
from cuecircuit.clusters.clustsim import (
    ClusterNull,
    check_alpha,
    cluster_p,
    simulate_cluster_sizes,
    size_thresholds,
)
from cuecircuit.clusters.extent_kernel import largest_clusters
from cuecircuit.clusters.labeling import label_clusters
from cuecircuit.clusters.neighbors import ClusterRule, neighbor_table
from cuecircuit.clusters.null_field import draw_pair, null_field
from cuecircuit.errors import DataError
from validation.clustsim_causes import afni_fields, old_normals, radix_3, rescaled

VOXEL_MM = np.array([0.4, 0.4, 1.0])
ACF = Autocorrelation(a=0.5, b_mm=0.6, c_mm=1.6)
P = (0.01, 0.005, 0.001)


def _ball(shape):
    axes = np.ix_(*(np.linspace(-1, 1, n) for n in shape))
    return sum(axis**2 for axis in axes) <= 1


def _null(maxima, pthr=(0.01,)):
    return ClusterNull(
        maxima=np.atleast_2d(maxima), pthr=pthr, z=stats.norm.isf(pthr), rule=ClusterRule(), acf=ACF, seed=0
    )


def _afni(reference, rule, p):
    """Give the largest cluster of each of 3dClustSim's fields that has one."""
    sided = {"1": "1sid", "2": "2sid", "bi": "bsid"}[rule.sided]
    nn = {6: 1, 18: 2, 26: 3}[rule.connectivity]
    sizes, counts = np.loadtxt(reference / f"clustsim/w1_10k_lots/mt.{sided}.NN{nn}.{p:.5f}.1D", dtype=int).T
    return np.repeat(sizes, counts)


# ---- against exact noise


def test_largest_clusters_are_those_of_noise_from_the_exact_covariance():
    mask = _ball((18, 16, 9))
    rules = [ClusterRule(connectivity=6), ClusterRule(connectivity=26, sided="2")]
    nulls = simulate_cluster_sizes(mask, VOXEL_MM, ACF, rules=rules, pthr=P, iterations=6000, seed=5)

    places = np.argwhere(mask) * VOXEL_MM
    covariance = ACF.at(np.linalg.norm(places[:, None] - places, axis=2))
    fields = np.linalg.cholesky(covariance) @ np.random.default_rng(6).standard_normal((len(places), 6000))

    for null in nulls:
        table = neighbor_table(mask, null.rule.connectivity)
        two = null.rule.sided == "2"
        exact = [largest_clusters(one, table, null.z.copy()[::-1], two, False) for one in fields.T.copy()]
        for simulated, drawn in zip(null.maxima, np.array(exact).T[::-1], strict=True):
            assert stats.ks_2samp(simulated, drawn).pvalue > 0.001


def test_the_share_of_fields_above_a_threshold_is_its_alpha():
    mask = _ball((24, 24, 12))
    null, other = (
        simulate_cluster_sizes(mask, VOXEL_MM, ACF, pthr=(0.005,), iterations=8000, seed=seed)[0] for seed in (1, 2)
    )

    table = size_thresholds(null, (0.05,))
    beyond = np.mean(other.maxima[0] >= np.ceil(table.sizes[0, 0]))

    # 4 binomial standard errors in either simulation; whole sizes take up to one voxel's share more
    one_voxel = np.mean(other.maxima[0] == np.floor(table.sizes[0, 0]))
    assert 0.05 - one_voxel - 4 * np.sqrt(2 * 0.05 * 0.95 / 8000) < beyond < 0.05 + 4 * np.sqrt(2 * 0.05 * 0.95 / 8000)


def test_the_standard_error_is_the_spread_of_repeated_simulations():
    mask = _ball((16, 16, 9))
    tables = [
        size_thresholds(simulate_cluster_sizes(mask, VOXEL_MM, ACF, pthr=(0.01,), iterations=400, seed=seed)[0], (0.1,))
        for seed in range(40)
    ]

    spread = np.std([table.sizes[0, 0] for table in tables], ddof=1)
    stated = np.mean([table.standard_errors[0, 0] for table in tables])

    # a standard deviation of 40 is known to 11 %; the stated errors vary by more than that themselves
    assert spread == pytest.approx(stated, rel=0.4)


def test_a_cluster_planted_in_noise_is_found_and_noise_alone_is_not():
    mask = _ball((24, 24, 12))
    null = simulate_cluster_sizes(mask, VOXEL_MM, ACF, pthr=(0.005,), iterations=2000, seed=3)[0]
    noise = np.zeros(mask.shape)
    noise[mask] = draw_pair(null_field(mask, VOXEL_MM, ACF), np.random.default_rng(8))[0]
    planted = noise.copy()
    planted[9:15, 9:15, 4:8] += 5

    alone, found = (label_clusters(one, mask, float(null.z[0]), rule=null.rule) for one in (noise, planted))

    assert (cluster_p(null, 0.005, alone.sizes) > 0.05).all()
    assert cluster_p(null, 0.005, found.sizes)[0] <= 0.01
    assert found.labels[12, 12, 6] == 1


# ---- against 3dClustSim


def test_the_radix_3_transform_with_its_own_twiddles_is_the_fourier_transform():
    twiddles = np.exp(2j * np.pi * np.arange(64) / 96)

    np.testing.assert_allclose(radix_3(96, twiddles), np.fft.fft(np.eye(96)), atol=1e-5)


def test_with_the_fields_of_3dclustsim_its_null_distributions_result(reference):
    mask = np.asarray(nib.load(reference / "clustsim/w1_mask.nii.gz").dataobj) != 0
    rules = [ClusterRule(connectivity=c, sided=s) for c in (6, 18, 26) for s in ("1", "2", "bi")]
    tables = {c: neighbor_table(mask, c) for c in (6, 18, 26)}
    rising = np.array(P)[::-1]

    found = []
    for fields in afni_fields(160, 2, old_normals, ("table shared",)):
        values = rescaled(fields["table shared"])[mask].astype(np.float32)
        found.append(
            [
                largest_clusters(
                    values,
                    tables[rule.connectivity],
                    stats.norm.isf(rising / (1 if rule.sided == "1" else 2)),
                    rule.sided != "1",
                    rule.sided == "bi",
                )
                for rule in rules
            ]
        )

    for k, rule in enumerate(rules):
        for j, p in enumerate(rising):
            assert stats.ks_2samp(np.array(found)[:, k, j], _afni(reference, rule, p)).pvalue > 0.001


def test_tables_are_read_from_null_distributions_as_3dclustsim_reads_its_own(reference):
    # the table and the distributions come from two runs of it: both have Monte Carlo error
    sides = {"1": "1sided", "2": "2sided", "bi": "bisided"}
    for rule in (ClusterRule(connectivity=c, sided=s) for c in (6, 18, 26) for s in sides):
        nn = {6: 1, 18: 2, 26: 3}[rule.connectivity]
        theirs = np.loadtxt(reference / f"clustsim/w1_10k.NN{nn}_{sides[rule.sided]}.1D")[:, 1:]
        maxima = np.zeros((3, 10_000), dtype=int)
        for row, p in zip(maxima, P, strict=True):
            sizes = _afni(reference, rule, p)
            row[: sizes.size] = sizes

        ours = size_thresholds(_null(maxima, P), (0.05, 0.01))

        assert (np.abs(ours.sizes - theirs) < 3.5 * np.sqrt(2) * ours.standard_errors + 0.05).all()


# ---- laws


@given(maxima=st.lists(st.integers(0, 30), min_size=200, max_size=400), seed=st.integers(0, 9))
def test_sizes_are_at_least_one_and_grow_with_looser_p_and_smaller_alpha(maxima, seed):
    rows = np.array([maxima, 3 + np.random.default_rng(seed).permutation(maxima)])
    table = size_thresholds(_null(rows, (0.001, 0.01)), (0.2, 0.1, 0.3))

    assert (table.sizes >= 1).all()
    assert (table.sizes[1] >= table.sizes[0]).all()
    assert (np.diff(table.sizes[:, [1, 0, 2]], axis=1) <= 0).all()
    assert (table.standard_errors >= 0).all()


def test_a_size_is_interpolated_where_the_distribution_is_known():
    # largest clusters with P(size ≥ c) = 1 − exp(−exp(2 − c)): log(−log(1−α)) is linear in c, so reading is exact
    sizes = np.arange(1, 30)
    reached = -np.expm1(-np.exp(2.0 - sizes))
    counts = np.rint(-np.diff(np.concatenate(([1], reached, [0]))) * 1e6).astype(int)
    null = _null(np.repeat(np.append(0, sizes), counts))

    table = size_thresholds(null, (0.05, 0.01))

    np.testing.assert_allclose(table.sizes[0], 2 - np.log(-np.log1p([-0.05, -0.01])), atol=0.01)


@given(maxima=st.lists(st.integers(0, 30), min_size=1, max_size=50), size=st.integers(1, 40))
def test_a_corrected_p_counts_the_cluster_itself_and_is_never_zero(maxima, size):
    p = cluster_p(_null(np.array(maxima)), 0.01, np.array([size]))[0]

    assert p == (1 + sum(one >= size for one in maxima)) / (1 + len(maxima))


def test_corrected_p_of_null_clusters_is_uniform():
    mask = _ball((18, 16, 9))
    null, other = (
        simulate_cluster_sizes(mask, VOXEL_MM, ACF, pthr=(0.05,), iterations=n, seed=n)[0] for n in (4000, 2000)
    )

    p = cluster_p(null, 0.05, other.maxima[0])

    # sizes are whole numbers, so p is uniform only where it falls: P(p ≤ α) ≤ α, and close to it
    for alpha in (0.05, 0.2, 0.5):
        share = np.mean(p <= alpha)
        assert alpha - 0.06 < share < alpha + 4 * np.sqrt(alpha * (1 - alpha) * (1 / 2000 + 1 / 4000))


def test_the_number_of_workers_changes_nothing_and_more_fields_go_on_from_the_same():
    mask = _ball((12, 12, 8))
    one, two, more = (
        simulate_cluster_sizes(mask, VOXEL_MM, ACF, iterations=n, seed=4, n_jobs=jobs)[0].maxima
        for n, jobs in ((101, 1), (101, 2), (150, 2))
    )

    assert one.tobytes() == two.tobytes()
    np.testing.assert_array_equal(more[:, :101], one)


def test_every_rule_sees_the_same_fields():
    mask = _ball((12, 12, 8))
    rules = [ClusterRule(connectivity=c, sided=s) for c in (6, 18, 26) for s in ("1", "2", "bi")]

    together = simulate_cluster_sizes(mask, VOXEL_MM, ACF, rules=rules, pthr=(0.05, 0.01), iterations=60)

    for rule, null in zip(rules, together, strict=True):
        alone = simulate_cluster_sizes(mask, VOXEL_MM, ACF, rules=[rule], pthr=(0.01, 0.05), iterations=60)[0]
        np.testing.assert_array_equal(null.maxima, alone.maxima[::-1])
        assert null.rule == rule
    sizes = {(null.rule.connectivity, null.rule.sided): null.maxima for null in together}
    for sided in ("1", "2", "bi"):
        assert (sizes[6, sided] <= sizes[18, sided]).all()
        assert (sizes[18, sided] <= sizes[26, sided]).all()
    for connectivity in (6, 18, 26):
        assert (sizes[connectivity, "bi"] <= sizes[connectivity, "2"]).all()


def test_smoother_noise_makes_larger_clusters():
    mask = _ball((20, 20, 20))
    narrow, wide = (
        simulate_cluster_sizes(mask, np.ones(3), gaussian_autocorrelation(width), iterations=200)[0].maxima.mean(axis=1)
        for width in (2.0, 4.0)
    )

    assert (wide > 1.5 * narrow).all()


def test_progress_adds_up_to_the_number_of_fields():
    done = []

    simulate_cluster_sizes(_ball((8, 8, 6)), VOXEL_MM, ACF, iterations=51, progress=done.append)

    assert sum(done) == 51


# ---- bad input


def test_an_empty_mask_is_refused():
    with pytest.raises(DataError, match="no voxel"):
        simulate_cluster_sizes(np.zeros((4, 4, 4), bool), VOXEL_MM, ACF, iterations=10)


@pytest.mark.parametrize(("p", "message"), [(2.3, "looks like a z"), (0.0, "above 0"), (0.7, "at most 0.5")])
def test_a_p_that_is_none_is_refused_with_the_remedy(p, message):
    with pytest.raises(DataError, match=message):
        simulate_cluster_sizes(_ball((4, 4, 4)), VOXEL_MM, ACF, pthr=(0.01, p), iterations=10)


@pytest.mark.parametrize(
    ("alpha", "message"), [(0.001, "run 10000 or more"), (0.0, "between 0 and 1"), (5.0, "between")]
)
def test_an_alpha_that_cannot_be_resolved_is_refused_with_the_remedy(alpha, message):
    with pytest.raises(DataError, match=message):
        check_alpha((0.05, alpha), 1000)


def test_a_p_that_was_not_simulated_is_refused():
    with pytest.raises(DataError, match=r"simulated were 0\.01"):
        cluster_p(_null(np.array([3, 4])), 0.001, np.array([5]))
