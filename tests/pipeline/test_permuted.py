import numpy as np
import pytest

from cuecircuit.clusters.labeling import label_clusters
from cuecircuit.clusters.neighbors import ClusterRule, border_note
from cuecircuit.group.correction import CorrectedTerm
from cuecircuit.pipeline.map_tests.permuted import verdict


def corrected(sizes, p, *, voxel_p=1.0, alpha=0.05, needed=20.0):
    """Clusters in lines of their own, their p, and a p of every voxel outside."""
    statistic, mask = np.zeros((40, 2 * max(len(sizes), 1), 1)), np.ones((40, 2 * max(len(sizes), 1), 1), bool)
    for line, size in enumerate(sizes):
        statistic[:size, 2 * line] = 5.0 - line / 10
    clusters = label_clusters(statistic, mask, 3.0, rule=ClusterRule())
    p_map = np.append(voxel_p, p)[clusters.labels]
    return CorrectedTerm(
        clusters=clusters,
        p=np.array(p),
        p_map=p_map,
        significant=p_map <= alpha,
        alpha=alpha,
        size_threshold=needed,
        size_threshold_se=float("nan"),
    )


@pytest.mark.parametrize(
    ("sizes", "p", "options", "words"),
    [
        ([12], [0.17], {}, "nothing survives at corrected p 0.05; largest cluster 12 voxels (p = 0.17, 20 needed)"),
        ([2], [0.06], {"needed": 2.11}, "largest cluster 2 voxels (p = 0.06, 3 needed)"),
        ([12, 1], [0.3, 0.08], {"needed": np.nan}, "largest cluster 12 voxels (p = 0.3); smallest p 0.08 (1 voxel)"),
        ([], [], {}, "no voxel reaches the cluster-forming threshold"),
        ([], [], {"voxel_p": 0.4}, "no voxel reaches the cluster-forming threshold; best voxel p = 0.4"),
        ([5], [0.2], {"voxel_p": 0.6, "needed": np.nan}, "largest cluster 5 voxels (p = 0.2); best voxel p = 0.2"),
    ],
    ids=["one cluster", "between two sizes", "a heavier smaller one", "no cluster", "voxels without cluster", "voxels"],
)
def test_a_map_without_survivors_says_how_far_it_was(sizes, p, options, words):
    line = verdict("cue", corrected(sizes, p, **options))
    assert line is not None
    assert line.startswith("group: cue: nothing survives")
    assert line.endswith(words)


def test_a_map_with_survivors_needs_no_word():
    assert verdict("cue", corrected([30], [0.01])) is None


def test_a_mask_without_margin_is_told_with_the_axes_and_the_remedy():
    mask = np.zeros((6, 6, 6), bool)
    mask[2:4, 2:4, 2:4] = True
    assert border_note(mask) is None
    mask[2, 0, 2] = mask[2, 3, 5] = True
    note = border_note(mask)
    assert note is not None
    assert "(y, z)" in note
    assert "larger grid" in note


def test_a_mask_of_one_slice_has_no_border_across_it():
    mask = np.zeros((6, 6, 1), bool)
    mask[2:4, 2:4] = True
    assert border_note(mask) is None
