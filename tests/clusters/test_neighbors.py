import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cuecircuit.clusters.neighbors import ClusterRule, bounding_box, cluster_rule, neighbor_table, offsets
from cuecircuit.errors import DataError

masks = arrays(bool, st.tuples(*[st.integers(1, 5)] * 3), elements=st.booleans()).filter(np.any)
connectivities = st.sampled_from([6, 18, 26])


@pytest.mark.parametrize(("connectivity", "longest"), [(6, 1), (18, 2), (26, 3)])
def test_a_voxel_has_as_many_neighbors_as_the_connectivity_says(connectivity, longest):
    steps = offsets(connectivity)

    assert len(steps) == connectivity
    assert (steps**2).sum(axis=1).max() == longest


@given(mask=masks, connectivity=connectivities)
def test_neighbors_are_the_mask_voxels_one_step_away(mask, connectivity):
    table = neighbor_table(mask, connectivity)

    voxels = np.argwhere(mask)
    steps = {tuple(step) for step in offsets(connectivity)}
    for voxel, row in enumerate(table):
        expected = {k for k, other in enumerate(voxels) if tuple(other - voxels[voxel]) in steps}
        assert set(row[row >= 0].tolist()) == expected


@given(mask=masks, connectivity=connectivities, shift=st.tuples(*[st.integers(0, 3)] * 3))
def test_moving_the_mask_in_its_grid_changes_no_neighbor(mask, connectivity, shift):
    moved = np.pad(mask, [(step, 1) for step in shift])

    np.testing.assert_array_equal(neighbor_table(moved, connectivity), neighbor_table(mask, connectivity))


def test_an_empty_mask_is_refused():
    with pytest.raises(DataError, match="no voxel"):
        bounding_box(np.zeros((3, 3, 3), bool))


def test_a_rule_names_everything_that_is_wrong_with_it():
    with pytest.raises(DataError) as caught:
        cluster_rule(8, "3")

    assert len(caught.value.faults) == 2


def test_a_rule_is_what_was_typed():
    assert cluster_rule(18, "bi") == ClusterRule(connectivity=18, sided="bi")
