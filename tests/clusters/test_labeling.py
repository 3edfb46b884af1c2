import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from cuecircuit.clusters.labeling import label_clusters
from cuecircuit.clusters.neighbors import ClusterRule
from cuecircuit.errors import DataError

CONNECTIVITY = {"NN1": 6, "NN2": 18, "NN3": 26}
SIDED = {"1sided": "1", "2sided": "2", "bisided": "bi"}
FILES = [f"t_{sided}_2.093_{nn}" for sided in ("2sided", "bisided") for nn in CONNECTIVITY]
FILES += [f"F_1sided_4.381_{nn}" for nn in CONNECTIVITY] + ["F_1sided_p01_NN1"]
FILES += [f"t_bisided_p01_{nn}" for nn in CONNECTIVITY]

maps = arrays(np.float64, (4, 4, 3), elements=st.floats(-4, 4, width=16))
rules = st.builds(ClusterRule, connectivity=st.sampled_from([6, 18, 26]), sided=st.sampled_from(["1", "2", "bi"]))


def _volume(path):
    return np.asarray(nib.load(path).dataobj, dtype=np.float64)


def _case(reference, name):
    statistic, sided, threshold, nn = name.split("_")
    folder = reference / "clusterize"
    file = "w1_groupxcue_F1_19.nii.gz" if statistic == "F" else "w1_groupxcue_t19.nii.gz"
    at_p = {"F": stats.f.isf(0.01, 1, 19), "t": stats.t.isf(0.005, 19)}[statistic]
    found = label_clusters(
        _volume(folder / file),
        _volume(folder / "w1_mask.nii.gz") != 0,
        float(at_p) if threshold == "p01" else float(threshold),
        rule=ClusterRule(connectivity=CONNECTIVITY[nn], sided=SIDED[sided]),
    )
    smallest = 3 if threshold == "p01" else 5
    return found, int(np.count_nonzero(found.sizes >= smallest))


@pytest.mark.parametrize("name", FILES)
def test_clusters_are_those_of_3dclusterize(reference, name):
    found, kept = _case(reference, name)

    theirs = _volume(reference / f"clusterize/{name}_map.nii.gz").astype(int)
    ours = np.where(found.labels <= kept, found.labels, 0)
    # equal sizes may be numbered in another order: compare the partitions
    pairs = {(int(a), int(b)) for a, b in zip(ours.ravel(), theirs.ravel(), strict=True)}
    assert len(pairs) == kept + 1
    assert {a for a, _ in pairs} == {b for _, b in pairs} == set(range(kept + 1))
    assert (0, 0) in pairs


@pytest.mark.parametrize("name", FILES)
def test_the_table_is_that_of_3dclusterize(reference, name):
    found, kept = _case(reference, name)

    table = np.loadtxt(reference / f"clusterize/{name}_table.1D", ndmin=2)
    affine = nib.load(reference / "clusterize/w1_mask.nii.gz").affine
    assert len(table) == kept
    centers = (found.center_voxels @ affine[:3, :3].T + affine[:3, 3]) * (-1, -1, 1)  # RAI: right and front negative
    peaks = (found.peak_voxels @ affine[:3, :3].T + affine[:3, 3]) * (-1, -1, 1)
    ours = np.column_stack((found.sizes, centers, found.peak_values, peaks))[:kept]
    theirs = table[:, [0, 1, 2, 3, 12, 13, 14, 15]]
    # rows of equal size may come in another order; coordinates are printed to 0.1 mm, values to 5 digits
    for row in theirs:
        assert (np.abs(ours - row) <= (0, 0.051, 0.051, 0.051, 1e-3, 0.051, 0.051, 0.051)).all(axis=1).sum() == 1


def test_the_largest_mass_is_that_of_nilearn(reference):
    folder = reference / "clusterize"
    statistic, mask = _volume(folder / "w1_groupxcue_t19.nii.gz"), _volume(folder / "w1_mask.nii.gz") != 0
    table = np.genfromtxt(
        reference / "tfce/nilearn_cluster_measures.csv", delimiter=",", names=True, dtype=None, encoding="utf-8"
    )

    for row in table[table["two_sided"]]:
        rule = ClusterRule(connectivity=CONNECTIVITY[f"NN{row['NN']}"], sided="bi")
        found = label_clusters(statistic, mask, float(row["thr"]), rule=rule)
        assert found.sizes[0] == row["max_size"]
        assert found.masses.max() == pytest.approx(row["max_mass_excess"], rel=1e-6)  # the map is float32


@given(statistic=maps, rule=rules, threshold=st.floats(0.1, 3))
def test_every_voxel_at_or_above_the_threshold_is_in_one_cluster_of_its_size(statistic, rule, threshold):
    found = label_clusters(statistic, np.ones(statistic.shape, bool), threshold, rule=rule)

    np.testing.assert_array_equal(found.labels > 0, rule.strength(statistic) >= threshold)
    np.testing.assert_array_equal(np.bincount(found.labels.ravel(), minlength=1)[1:], found.sizes)
    assert (np.diff(found.sizes) <= 0).all()
    for label, voxel in enumerate(found.peak_voxels, start=1):
        inside = np.abs(statistic[found.labels == label])
        assert np.abs(statistic[tuple(voxel)]) == inside.max()
        assert found.masses[label - 1] == pytest.approx((inside - threshold).sum(), abs=1e-9)


@given(statistic=maps, sided=st.sampled_from(["1", "2", "bi"]), threshold=st.floats(0.1, 3))
def test_more_neighbors_only_join_clusters(statistic, sided, threshold):
    mask = np.ones(statistic.shape, bool)
    few, more = (
        label_clusters(statistic, mask, threshold, rule=ClusterRule(connectivity=c, sided=sided)).labels
        for c in (6, 26)
    )

    for label in range(1, few.max() + 1):
        assert np.unique(more[few == label]).size == 1


@given(statistic=maps, connectivity=st.sampled_from([6, 18, 26]), threshold=st.floats(0.5, 3))
def test_an_f_of_one_degree_of_freedom_has_the_two_sided_clusters_of_t(statistic, connectivity, threshold):
    mask = np.ones(statistic.shape, bool)
    rule = ClusterRule(connectivity=connectivity, sided="2")
    of_t = label_clusters(statistic, mask, threshold, rule=rule)

    # float16 values and their squares are exact; √ of the threshold's square may round: compare just below it
    of_f = label_clusters(
        statistic**2, mask, np.nextafter(threshold**2, 0), rule=ClusterRule(connectivity=connectivity)
    )

    np.testing.assert_array_equal(of_f.labels, of_t.labels)


@given(statistic=maps, rule=rules, threshold=st.floats(0.1, 3))
def test_bi_sided_clusters_are_those_of_the_map_and_of_its_negative(statistic, rule, threshold):
    mask = np.ones(statistic.shape, bool)
    one = ClusterRule(connectivity=rule.connectivity)
    both = label_clusters(statistic, mask, threshold, rule=ClusterRule(connectivity=rule.connectivity, sided="bi"))

    apart = [label_clusters(sign * statistic, mask, threshold, rule=one).sizes for sign in (1, -1)]

    np.testing.assert_array_equal(both.sizes, np.sort(np.concatenate(apart))[::-1])


def test_voxels_without_a_fit_are_in_no_cluster_and_are_counted():
    statistic = np.full((3, 3, 3), 5.0)
    statistic[1] = np.nan

    found = label_clusters(statistic, np.ones((3, 3, 3), bool), 2.0, rule=ClusterRule())

    assert found.unfitted == 9
    np.testing.assert_array_equal(found.sizes, [9, 9])
    np.testing.assert_array_equal(found.peak_voxels, [[0, 0, 0], [2, 0, 0]])


def test_a_map_without_clusters_says_how_far_it_was():
    found = label_clusters(np.ones((2, 2, 2)), np.ones((2, 2, 2), bool), 3.0, rule=ClusterRule())

    assert found.sizes.size == 0
    assert found.strongest == 1.0


@pytest.mark.parametrize("threshold", [0.001, 0.0, -2.0, float("nan")])
def test_a_threshold_that_is_no_value_of_the_statistic_is_refused(threshold):
    with pytest.raises(DataError, match="threshold"):
        label_clusters(np.ones((2, 2, 2)), np.ones((2, 2, 2), bool), threshold, rule=ClusterRule())


def test_an_infinite_statistic_is_refused():
    with pytest.raises(DataError, match="infinite in 8"):
        label_clusters(np.full((2, 2, 2), np.inf), np.ones((2, 2, 2), bool), 2.0, rule=ClusterRule())
