import numpy as np
import pytest

from cuecircuit.records.atlas import Atlas
from cuecircuit.records.grid import Grid
from cuecircuit.regions.overlap import OUTSIDE, overlaps


def test_a_cluster_is_named_by_the_regions_it_lies_in_largest_first():
    labels = np.zeros((4, 4, 1), int)
    labels[:2] = 5  # 8 voxels
    labels[2, :2] = 7  # 2 voxels
    atlas = Atlas(labels=labels, names={5: "Insula", 7: "Habenula"}, grid=Grid(shape=(4, 4, 1), affine=np.eye(4)))
    cluster = np.zeros((4, 4, 1), int)
    cluster[1:, :2] = 1  # 2 in Insula, 2 in Habenula, 2 outside
    cluster[0, 0] = 1
    rows = list(overlaps(cluster, np.array([1]), atlas, np.ones((4, 4, 1), bool)))
    assert [row["region"] for row in rows] == ["Insula", OUTSIDE, "Habenula"]
    assert [row["voxels"] for row in rows] == [3, 2, 2]
    assert rows[0]["percent_of_region"] == pytest.approx(100 * 3 / 8)
    assert rows[2]["percent_of_region"] == pytest.approx(100)
    assert sum(row["percent_of_cluster"] for row in rows) == pytest.approx(100)
