from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage, stats

from cuecircuit.clusters.labeling import label_clusters
from cuecircuit.clusters.neighbors import ClusterRule, neighbor_table
from cuecircuit.clusters.tfce import tfce
from cuecircuit.errors import DataError, DesignError
from cuecircuit.group.correction import CorrectionSettings, correct, on_grid, simulate_nulls, smoothness_of
from cuecircuit.group.maxima_rule import tail_depth
from cuecircuit.group.permutation import PermutationSettings, permute_term
from cuecircuit.group.permuted_correction import corrected_term
from cuecircuit.group.side_by_side import side_by_side
from cuecircuit.records.grid import Grid
from cuecircuit.stats.permutation import arranged_bases, permutation_p, unit_residuals
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign, strata_model
from tests.models.bound import strata_fit
from tests.stats.permuted import permuted_f

SHAPE = (12, 12, 8)
GRID = Grid(shape=SHAPE, affine=np.eye(4))
MASK = np.ones(SHAPE, bool)  # it touches every border of its grid
MASK[:2, :3] = False
WITHIN = {"cue": ("x", "y", "z")}
SETTINGS = PermutationSettings(voxel_p=0.01, n_permutations=199)
PLANTED = np.zeros(SHAPE, bool)
PLANTED[5:9, 5:9, 2:6] = True


def design(sizes=(8, 9), within=WITHIN):
    groups = [name for name, size in zip("ab", sizes, strict=True) for _ in range(size)]
    return MixedDesign(subjects=[f"s{k}" for k in range(sum(sizes))], between={"group": groups}, within=within)


def noise(seed, n=17, conditions=3):
    fields = np.random.default_rng(seed).normal(size=(n, conditions, *SHAPE))
    return ndimage.gaussian_filter(fields, (0, 0, 1, 1, 1))[:, :, MASK] * 5


def on_volume(values):
    volume = np.full(SHAPE, np.nan)
    volume[MASK] = values
    return volume


@pytest.mark.parametrize(
    ("term", "within", "sided"),
    [("group", WITHIN, "2"), ("group", WITHIN, "bi"), ("cue", WITHIN, "2"), ("group:cue", WITHIN, "2")],
)
def test_every_arrangement_has_the_maxima_of_its_own_map(term, within, sided):
    model = strata_model(design((4, 3), within))
    y = noise(0, 7)
    settings = replace(SETTINGS, sided=sided, alpha=0.1)
    result = permute_term(y, model, term, MASK, settings=settings)

    one = result.test.df1 == 1
    threshold = stats.f.isf(0.01, result.test.df1, result.test.df2)
    rule = ClusterRule(connectivity=6, sided=sided if one else "1")
    table = neighbor_table(MASK, 6)
    signs = np.sign(np.einsum("akr,rv->av", *_first_products(y, result))) if one else None
    for row, f in enumerate(permuted_f(y, result.plan)):
        statistic = signs[row] * np.sqrt(f) if signs is not None else f
        clusters = label_clusters(on_volume(statistic), MASK, np.sqrt(threshold) if one else threshold, rule=rule)
        df1, df2 = result.test.df1, result.test.df2
        z = np.copysign(stats.norm.isf(stats.t.sf(np.abs(statistic), df2)), statistic) if one else None
        z = np.maximum(stats.norm.isf(stats.f.sf(f, df1, df2)), 0) if z is None else z
        enhanced = tfce(z, table, sided=rule.sided)
        found = {name: maxima[row] for name, maxima in result.maxima.items()}
        # heights are kept in single precision
        assert found["voxel"] == pytest.approx(np.abs(statistic).max(), rel=1e-5)
        assert found["size"] == clusters.sizes.max(initial=0)
        assert found["mass"] == pytest.approx(clusters.masses.max(initial=0), rel=1e-4, abs=1e-4)
        assert found["tfce"] == pytest.approx(np.abs(enhanced).max(), rel=1e-5)


def _first_products(y, result):
    return arranged_bases(result.plan, slice(None))[:, :1], unit_residuals(y, result.plan)


def test_small_groups_are_enumerated_and_p_counts_every_arrangement():
    model = strata_model(design((4, 4)))
    result = permute_term(noise(0, 8), model, "group", MASK, settings=SETTINGS)

    assert result.plan.enumerated
    assert result.plan.n_distinct == len(result.maxima["tfce"]) == 70
    largest = result.maxima["size"][0]
    assert result.p_clusters["size"][0] == np.mean(result.maxima["size"] >= largest)
    highest = np.nanmax(np.abs(result.statistic))
    assert np.nanmin(result.p_maps["voxel"]) == pytest.approx(
        np.mean(result.maxima["voxel"] >= highest * (1 - 1e-5))  # the margin of equal arrangements
    )


@pytest.mark.parametrize("term", ["group", "cue", "group:cue"])
def test_a_planted_effect_is_found_where_it_was_planted_by_every_statistic(term):
    y = noise(1)
    places = {"group": (slice(0, 8), slice(None)), "cue": (slice(None), 0), "group:cue": (slice(0, 8), 0)}
    subjects, conditions = places[term]
    y[subjects, conditions] += 4.0 * PLANTED[MASK]
    result = permute_term(y, design(), term, MASK, settings=SETTINGS)

    for name in ("voxel", "size", "mass", "tfce"):
        significant = result.significant(name)
        dice = 2 * (significant & PLANTED).sum() / (significant.sum() + PLANTED.sum())
        assert dice > 0.7, name
        assert np.nanmin(result.p_maps[name]) == 1 / 200
    assert result.p_clusters["size"][0] == result.p_clusters["mass"][0] == 1 / 200


def test_the_same_bytes_for_one_and_two_workers():
    one, two = (
        permute_term(
            noise(2), design(), "group:cue", MASK, settings=replace(SETTINGS, n_permutations=2000, n_jobs=jobs)
        )
        for jobs in (1, 2)
    )
    for name, maxima in one.maxima.items():
        assert maxima.tobytes() == two.maxima[name].tobytes()
        assert one.p_maps[name].tobytes() == two.p_maps[name].tobytes()


def test_unit_sign_and_shift_change_no_p():
    y = noise(3)
    one, other = (permute_term(values, design(), "cue", MASK, settings=SETTINGS) for values in (y, 7.0 - 3.0 * y))
    for name, p_map in one.p_maps.items():
        # rounding may move one arrangement across a voxel's value
        np.testing.assert_allclose(p_map, other.p_maps[name], atol=1 / 200 + 1e-9)


# 200 null studies: at most 1 in 1000 samples of a 5 % event exceeds this count, or falls below the other
FEWEST, MOST = stats.binom.ppf([0.001, 0.999], 200, 0.05)


def test_null_studies_hold_something_significant_at_the_rate_alpha():
    false = dict.fromkeys(("voxel", "size", "mass", "tfce"), 0)
    model = strata_model(design((8, 9), {"cue": ("x", "y")}))
    for study in range(200):
        term = ("group", "cue", "group:cue")[study % 3]
        y = noise(1000 + study, conditions=2)
        result = permute_term(y, model, term, MASK, settings=replace(SETTINGS, n_permutations=99, seed=study))
        for name in false:
            false[name] += bool(result.significant(name).any())
    for name, count in false.items():
        assert FEWEST <= count <= MOST, name


def test_voxels_that_cannot_be_fitted_have_no_p_and_change_nothing_elsewhere():
    y = noise(4)
    y[0, 0, 5] = np.nan
    y[:, :, 6] = 3.0
    result = permute_term(y, design(), "group:cue", MASK, settings=SETTINGS)

    for p_map in result.p_maps.values():
        assert np.isnan(p_map[MASK][[5, 6]]).all()
        assert np.isfinite(np.delete(p_map[MASK], [5, 6])).all()
        assert (p_map[~MASK] == 1).all()


def test_only_what_is_asked_for_is_given():
    result = permute_term(noise(5), design(), "cue", MASK, statistics=("size",), settings=SETTINGS)
    assert result.p_maps.keys() == result.p_clusters.keys() == result.maxima.keys() == {"size"}
    assert result.score is None


@pytest.mark.parametrize("alpha", [0.05, 0.07, 0.29])
def test_the_size_a_cluster_must_reach_is_the_smallest_with_a_p_of_at_most_alpha(alpha):
    settings = replace(SETTINGS, n_permutations=99, alpha=alpha)
    result = permute_term(noise(8), design(), "cue", MASK, statistics=("size",), settings=settings)
    needed = corrected_term(result, "size").size_threshold
    p, p_of_less = permutation_p(result.maxima["size"], np.array([needed, needed - 1]))
    assert p <= alpha < p_of_less


def test_permutations_stop_early_where_nothing_can_be_significant_and_only_there():
    y = noise(5)
    settings = replace(SETTINGS, n_permutations=5000, stop_error=1e-3)
    whole = permute_term(y, design(), "group", MASK, settings=replace(settings, stop_error=None))
    stopped = permute_term(y, design(), "group", MASK, settings=settings)

    assert all(np.nanmin(p_map) > 0.05 for p_map in whole.p_maps.values())
    assert stopped.stopped
    assert not whole.stopped
    n = len(stopped.maxima["size"])
    assert n < 5001
    np.testing.assert_array_equal(stopped.maxima["size"], whole.maxima["size"][:n])
    assert all(np.nanmin(p_map) > 0.05 for p_map in stopped.p_maps.values())

    y[:8] += 4.0 * PLANTED[MASK]
    assert not permute_term(y, design(), "group", MASK, settings=settings).stopped


def test_progress_counts_every_permutation():
    done = []
    permute_term(noise(5), design(), "cue", MASK, statistics=("size",), settings=SETTINGS, progress=done.append)
    assert sum(done) == SETTINGS.n_permutations


def test_corrections_stand_side_by_side_on_the_same_clusters():
    y = noise(6)
    y[:8, 0] += 4.0 * PLANTED[MASK]
    result = permute_term(y, design(), "group:cue", MASK, settings=SETTINGS)
    anova = strata_anova(y, design(), residuals=True)
    correction = CorrectionSettings(voxel_p=0.01, alpha=0.05, iterations=500)
    nulls = simulate_nulls(smoothness_of(anova.residuals.reshape(51, -1), MASK, GRID), MASK, GRID, correction)
    simulated = correct(anova.term("group:cue"), MASK, nulls)

    table = {each.method: each for each in side_by_side(result, MASK, simulated=simulated)}

    assert list(table) == [
        "simulation size",
        "permutation voxel",
        "permutation size",
        "permutation mass",
        "permutation tfce",
        "fdr",
    ]
    np.testing.assert_array_equal(table["permutation mass"].voxels, result.significant("mass"))
    np.testing.assert_array_equal(table["simulation size"].p_clusters, simulated.p)
    np.testing.assert_array_equal(table["permutation size"].clusters, result.p_clusters["size"] <= 0.05)
    np.testing.assert_array_equal(table["fdr"].p_map[MASK], stats.false_discovery_control(anova.term("group:cue").p))
    assert [each.family_wise for each in table.values()] == [True] * 5 + [False]
    planted = result.clusters.labels[PLANTED].max()
    assert all(each.clusters[planted - 1] for each in table.values())


def test_simulation_at_another_voxel_p_is_refused():
    y = noise(6)
    result = permute_term(y, design(), "cue", MASK, settings=SETTINGS)
    anova = strata_anova(y, design(), residuals=True)
    correction = CorrectionSettings(voxel_p=0.05, alpha=0.05, iterations=500)
    nulls = simulate_nulls(smoothness_of(anova.residuals.reshape(51, -1), MASK, GRID), MASK, GRID, correction)
    with pytest.raises(DataError, match="same voxel p"):
        side_by_side(result, MASK, simulated=correct(anova.term("cue"), MASK, nulls))


def test_too_few_subjects_are_an_error_that_names_the_smallest_p():
    with pytest.raises(DesignError, match=r"smallest p is 0\.1, above α = 0\.05"):
        permute_term(noise(0, 6), design((3, 3)), "group", MASK, settings=SETTINGS)


def test_maps_that_carry_nothing_are_an_error():
    with pytest.raises(DataError, match="none of 1104 voxels can be tested"):
        permute_term(np.ones((17, 3, MASK.sum())), design(), "cue", MASK, settings=SETTINGS)
    with pytest.raises(DataError, match="the maps have 10 voxels and the mask 1104"):
        permute_term(noise(0)[:, :, :10], design(), "cue", MASK, settings=SETTINGS)
    with pytest.raises(DataError, match="the mask holds no voxel"):
        permute_term(noise(0)[:, :, :0], design(), "cue", np.zeros(SHAPE, bool), settings=SETTINGS)
    with pytest.raises(DataError, match="statistics: found none"):
        permute_term(noise(0), design(), "cue", MASK, statistics=(), settings=SETTINGS)


def test_a_z_where_p_is_meant_is_an_error():
    with pytest.raises(DataError, match=r"voxel-wise p = 3\.1 looks like a z"):
        PermutationSettings(voxel_p=3.1)
    with pytest.raises(DataError, match="α = 5"):
        PermutationSettings(alpha=5.0)
    with pytest.raises(DataError, match="stop_error = 0"):
        PermutationSettings(stop_error=0.0)


def test_maps_and_p_agree_with_palm(reference):
    # PALM: 21 subjects' mean maps, second minus first group, 1000 permutations, t, and TFCE of t turned into z
    def voxels(path):
        return np.asarray(nib.load(reference / path).dataobj)[mask]

    mask = np.asarray(nib.load(reference / "clustsim/w1_mask.nii.gz").dataobj) != 0
    y = -voxels("tfce/w1_submean_4d.nii.gz").T[:, None]
    settings = PermutationSettings(n_permutations=499, sided="1", connectivity=6)
    result = permute_term(y, design((11, 10), {}), "group", mask, statistics=("voxel", "tfce"), settings=settings)
    np.testing.assert_allclose(result.statistic, voxels("tfce/palm_t1000_vox_tstat.nii.gz"), rtol=1e-3, atol=1e-4)

    # at PALM's step, the maximum of z over 100, the score is PALM's; without steps it is ours
    theirs = voxels("tfce/palm_t1000_tfce_tstat.nii.gz")
    z = tail_depth(result.statistic, 1, 19)
    table, step = neighbor_table(mask, 6), np.maximum(z, 0).max() / 100
    in_steps = np.zeros(z.size)
    for height in step * np.arange(1, 101):
        labels = ndimage.label(on_grid(z, mask) >= height)[0][mask]
        in_steps += step * height**2 * np.sqrt(np.append(0, np.bincount(labels)[1:])[labels])
    # a voxel within rounding of a step is in or out by the last digit of the statistic
    assert (np.abs(in_steps - theirs) <= 2e-3 * theirs.max()).mean() > 0.999
    assert np.median(np.abs(in_steps - theirs)) <= 1e-5
    assert result.score is not None
    np.testing.assert_allclose(result.score, tfce(z, table), rtol=1e-12)

    # samples of 1000 and 500 permutations; 3.5 standard errors of their difference
    found = {
        "vox_tstat_fwep": result.p_maps["voxel"][mask],
        "tfce_tstat_fwep": result.p_maps["tfce"][mask],
        "vox_tstat_uncp": result.p_uncorrected,
    }
    for name, ours in found.items():
        palm = voxels(f"tfce/palm_t1000_{name}.nii.gz")
        tested = palm < 1
        error = np.sqrt(palm * (1 - palm) * (1 / 1000 + 1 / 500))[tested]
        assert (np.abs(ours[tested] - palm[tested]) <= 3.5 * error + 0.002).mean() > 0.99


@pytest.mark.parametrize("sided", ["1", "2"])
def test_uncorrected_p_counts_the_arrangements_in_each_voxel(sided):
    model = strata_model(design((4, 4)))
    y = noise(3, 8)
    settings = replace(SETTINGS, sided=sided, alpha=0.1)
    result = permute_term(y, model, "group", MASK, statistics=("size",), settings=settings)

    f = permuted_f(y, result.plan)
    sign = np.sign(np.einsum("akr,rv->av", *_first_products(y, result)))
    strength = sign * np.sqrt(f) if sided == "1" else np.sqrt(f)
    np.testing.assert_allclose(
        result.p_uncorrected, (strength >= strength[0] - 1e-5 * np.abs(strength[0])).mean(axis=0)
    )


def test_the_z_of_f_with_two_columns_has_its_tail_and_that_of_one_column_is_the_z_of_t():
    f = np.array([0.2, 1.0, 3.0, 400.0])
    np.testing.assert_allclose(stats.norm.sf(tail_depth(f, 2, 9))[1:], stats.f.sf(f, 2, 9)[1:], rtol=1e-9)
    assert tail_depth(f, 2, 9)[0] == 0  # below its median
    np.testing.assert_allclose(stats.norm.sf(tail_depth(-f, 1, 9)), stats.t.sf(-f, 9), rtol=1e-9)


def test_clusters_of_voxels_that_some_subjects_lack_are_judged_where_permutation_can_test():
    model = strata_model(design())
    y = noise(5)
    y[:, 0][:, PLANTED[MASK]] += 3.0
    # a scan that does not reach a rim of the planted cube, and a corner far from it
    lost = np.zeros(SHAPE, bool)
    lost[8, 5:9, 2:6], lost[11, 11] = True, True
    y[3][:, lost[MASK]] = np.nan
    settings = replace(SETTINGS, alpha=0.05)
    result = permute_term(y, model, "cue", MASK, statistics=("size",), settings=settings)
    anova = strata_fit(y, model, fewest=5)
    scores = anova.fitted.residuals.reshape(y.shape)[:, 0][:, ~lost[MASK]]
    nulls = simulate_nulls(
        smoothness_of(scores, MASK & ~lost, GRID),
        MASK,
        GRID,
        CorrectionSettings(voxel_p=0.01, alpha=0.05, iterations=200),
    )
    simulated = correct(anova.test("cue"), MASK, nulls)

    size, permuted, fdr = side_by_side(result, MASK, simulated=simulated, clusters=simulated.clusters)

    assert (simulated.clusters.labels[lost & PLANTED] > 0).any()
    assert np.isnan(permuted.p_map[lost]).all()
    for each in (size, permuted, fdr):
        assert each.p_clusters.shape == simulated.clusters.sizes.shape
        assert each.clusters[0]  # the planted cube
