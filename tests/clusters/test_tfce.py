import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage, stats

from cuecircuit.clusters.labeling import label_clusters
from cuecircuit.clusters.neighbors import ClusterRule, neighbor_table, structure
from cuecircuit.clusters.tfce import TfceSettings, tfce
from cuecircuit.clusters.tree_kernel import cluster_maxima, component_tree
from cuecircuit.errors import DataError

maps = arrays(np.float64, (4, 4, 3), elements=st.floats(-4, 4, width=16))
masks = arrays(bool, (4, 4, 3), elements=st.booleans()).filter(np.any)
connectivities = st.sampled_from([6, 18, 26])


def _volume(path):
    return np.asarray(nib.load(path).dataobj, dtype=np.float64)


def _in_steps(statistic, mask, connectivity, step):
    """Sum extent^½ · h² at h = step, 2·step, …: what programs that take steps do, without the factor step."""
    score = np.zeros(statistic.shape)
    for k in range(1, int(np.floor(statistic[mask].max() / step + 1e-9)) + 1):
        labels, _ = ndimage.label(mask & (statistic >= k * step), structure=structure(connectivity))
        extent = np.bincount(labels.ravel()).astype(np.float64)
        extent[0] = 0
        score += np.sqrt(extent[labels]) * (k * step) ** 2
    return score


def _between_values(statistic, mask, connectivity):
    """Integrate by definition: the extent is constant between two heights that follow one another in the map."""
    score = np.zeros(statistic.shape)
    below = 0.0
    for height in np.unique(statistic[mask & (statistic > 0)]):
        labels, _ = ndimage.label(mask & (statistic >= height), structure=structure(connectivity))
        extent = np.bincount(labels.ravel()).astype(np.float64)
        extent[0] = 0
        score += np.sqrt(extent[labels]) * (height**3 - below**3) / 3
        below = height
    return score


@settings(deadline=None)
@given(statistic=maps, mask=masks, connectivity=connectivities)
def test_the_integral_is_exact(statistic, mask, connectivity):
    score = tfce(statistic[mask], neighbor_table(mask, connectivity))

    np.testing.assert_allclose(score, _between_values(statistic, mask, connectivity)[mask], rtol=1e-9, atol=1e-12)


@settings(deadline=None)
@given(statistic=maps, mask=masks, connectivity=connectivities)
def test_two_sided_scores_mix_signs_and_bi_sided_scores_do_not(statistic, mask, connectivity):
    table = neighbor_table(mask, connectivity)
    values = statistic[mask]
    up, down, of_size = (tfce(one, table) for one in (values, -values, np.abs(values)))

    np.testing.assert_array_equal(tfce(values, table, sided="bi"), up - down)
    np.testing.assert_array_equal(tfce(values, table, sided="2"), np.where(values < 0, -of_size, of_size))


@settings(deadline=None)
@given(statistic=maps, mask=masks, gain=st.floats(0.25, 4))
def test_the_score_grows_with_the_cube_of_the_unit(statistic, mask, gain):
    table = neighbor_table(mask, 26)

    # ∫ e^½ h² dh with every height times gain
    np.testing.assert_allclose(
        tfce(gain * statistic[mask], table), gain**3 * tfce(statistic[mask], table), rtol=1e-9, atol=1e-12
    )


@settings(deadline=None)
@given(
    statistic=maps,
    mask=masks,
    connectivity=connectivities,
    thresholds=st.lists(st.floats(0.1, 3), min_size=1, max_size=3),
)
def test_the_tree_holds_the_largest_cluster_and_mass_of_every_threshold(statistic, mask, connectivity, thresholds):
    values = statistic[mask]
    order = np.argsort(-values, kind="stable")
    parent, size, total = component_tree(values, order, neighbor_table(mask, connectivity))

    sizes, masses = cluster_maxima(values, order, parent, size, total, np.array(thresholds))

    for k, threshold in enumerate(thresholds):
        found = label_clusters(statistic, mask, threshold, rule=ClusterRule(connectivity=connectivity))
        assert sizes[k] == found.sizes.max(initial=0)
        assert masses[k] == pytest.approx(found.masses.max(initial=0), abs=1e-9)


def test_steps_reproduce_palm_and_their_limit_is_the_integral(reference):
    mask = _volume(reference / "clustsim/w1_mask.nii.gz") != 0
    t = _volume(reference / "tfce/palm_t1000_vox_tstat.nii.gz")
    theirs = _volume(reference / "tfce/palm_t1000_tfce_tstat.nii.gz")
    z = np.where(mask, stats.norm.isf(stats.t.sf(t, 19)), 0)
    step = z.max() / 100

    in_steps = step * _in_steps(z, mask, 6, step)
    score = tfce(z[mask], neighbor_table(mask, 6))

    np.testing.assert_allclose(in_steps[mask], theirs[mask], atol=2e-5)  # it stores float32
    # a voxel's height lies up to a step above the last step taken
    strong = theirs[mask] > 0.1 * theirs.max()
    np.testing.assert_allclose(score[strong], theirs[mask][strong], rtol=0.15)
    np.testing.assert_allclose(score, step / 20 * _in_steps(z, mask, 6, step / 20)[mask], atol=2e-3 * score.max())


@pytest.mark.parametrize(("file", "connectivity"), [("NN1", 6), ("NN2", 18), ("NN3", 26)])
def test_nilearn_leaves_out_the_step_and_keeps_signs_apart(reference, file, connectivity):
    mask = _volume(reference / "clustsim/w1_mask.nii.gz") != 0
    t = _volume(reference / "clusterize/w1_groupxcue_t19.nii.gz")
    theirs = _volume(reference / f"tfce/nilearn_tfce_{file}_two_dhauto.nii.gz")[mask]
    step = np.abs(t[mask]).max() / 100

    score = tfce(t[mask], neighbor_table(mask, connectivity), sided="bi")

    np.testing.assert_array_equal(np.sign(score)[theirs != 0], np.sign(theirs)[theirs != 0])
    strong = np.abs(theirs) > 0.1 * np.abs(theirs).max()
    np.testing.assert_allclose(score[strong], step * theirs[strong], rtol=0.15)  # its steps, as above


def test_voxels_without_a_fit_score_nothing():
    statistic = np.array([np.nan, 2.0, 3.0])

    score = tfce(statistic, neighbor_table(np.ones((3, 1, 1), bool), 6))

    np.testing.assert_allclose(score, [0, np.sqrt(2) * 8 / 3, np.sqrt(2) * 8 / 3 + 19 / 3])


def test_powers_must_be_positive():
    with pytest.raises(DataError, match="TFCE powers"):
        TfceSettings(extent_power=0.0)
