import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.regions.means import region_means


def test_a_region_is_the_mean_of_its_voxels():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(3, 2, 10)).astype(np.float32)
    labels = np.array([1, 1, 1, 2, 2, 0, 0, 3, 3, 3])
    found = region_means(y, labels, np.array([3, 1]))
    # float32 maps summed in float64
    np.testing.assert_allclose(found.values[..., 0], y[..., 7:].mean(axis=2), rtol=1e-6)
    np.testing.assert_allclose(found.values[..., 1], y[..., :3].mean(axis=2), rtol=1e-6)
    assert found.voxels.tolist() == [3, 3]


def test_only_voxels_of_the_cluster_enter_and_a_region_outside_it_has_no_number():
    y = np.arange(8.0).reshape(1, 1, 8)
    labels = np.array([1, 1, 1, 1, 2, 2, 2, 2])
    found = region_means(y, labels, np.array([1, 2]), within=np.array([0, 1, 1, 0, 0, 0, 0, 0], bool))
    assert found.values[0, 0, 0] == 1.5
    assert np.isnan(found.values[0, 0, 1])
    assert found.voxels.tolist() == [2, 0]
    assert found.of.tolist() == [4, 4]


def test_a_voxel_that_is_missing_in_one_map_enters_no_mean():
    y = np.array([[[1.0, 2.0, 3.0]], [[np.nan, 4.0, 5.0]]])
    found = region_means(y, np.array([1, 1, 1]), np.array([1]))
    assert found.values[:, 0, 0].tolist() == [2.5, 4.5]
    assert found.voxels.tolist() == [2]


@given(scale=st.floats(0.1, 10), shift=st.floats(-5, 5))
def test_a_change_of_unit_changes_the_means_alike(scale, shift):
    y = np.random.default_rng(1).normal(size=(2, 2, 6))
    labels, regions = np.array([1, 1, 2, 2, 2, 0]), np.array([1, 2])
    plain, moved = region_means(y, labels, regions), region_means(scale * y + shift, labels, regions)
    assert moved.values == pytest.approx(scale * plain.values + shift, rel=1e-9, abs=1e-9)
