import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from cuecircuit.clusters.labeling import label_clusters
from cuecircuit.clusters.maxima import (
    MaximaRule,
    depth_heights,
    maxima_by_name,
    permuted_heights,
    permuted_maxima,
    voxel_places,
)
from cuecircuit.clusters.maxima_kernel import map_maxima
from cuecircuit.clusters.neighbors import ClusterRule, neighbor_table
from cuecircuit.clusters.tfce import TfceSettings, tfce

maps = arrays(np.float32, (4, 4, 3), elements=st.floats(-4, 4, width=16))
masks = arrays(bool, (4, 4, 3), elements=st.booleans()).filter(np.any)
connectivities = st.sampled_from([6, 18, 26])
powers = st.sampled_from([(0.5, 2.0), (1.0, 1.0)])


def maxima_of(statistic, mask, connectivity, threshold, *, one_sign, depths, powers, with_score):
    values = np.ascontiguousarray(statistic[mask])[None]
    found = np.empty((1, 4))
    extents = np.arange(values.size + 1.0) ** powers[0]
    where = voxel_places(mask, connectivity)
    map_maxima(values, where.places, where.steps, threshold, one_sign, depths, powers[1], extents, with_score, found)
    return found[0]


def z(t):
    return np.copysign(stats.norm.isf(stats.t.sf(np.abs(t), 7)), t)


def half_z(f):
    return np.maximum(stats.norm.isf(stats.f.sf(f, 2, 9)), 0)


@settings(max_examples=200, deadline=None)
@given(statistic=maps, mask=masks, connectivity=connectivities, threshold=st.floats(0.1, 3), powers=powers)
@pytest.mark.parametrize("sided", ["1", "2", "bi"])
@pytest.mark.parametrize("with_score", [True, False])
def test_maxima_are_those_of_the_labeled_clusters_and_of_the_enhanced_map(
    statistic, mask, connectivity, threshold, powers, sided, with_score
):
    depth = half_z if sided == "1" else z
    if sided == "1":  # F is not negative
        statistic = np.abs(statistic)
    voxel, size, mass, score = maxima_of(
        statistic,
        mask,
        connectivity,
        threshold,
        one_sign=sided == "bi",
        depths=depth(depth_heights()),
        powers=powers,
        with_score=with_score,
    )

    clusters = label_clusters(statistic, mask, threshold, rule=ClusterRule(connectivity=connectivity, sided=sided))
    enhanced = tfce(
        depth(statistic[mask].astype(float)),
        neighbor_table(mask, connectivity),
        sided=sided,
        settings=TfceSettings(extent_power=powers[0], height_power=powers[1]),
    )
    assert voxel == np.abs(statistic[mask]).max()
    assert size == clusters.sizes.max(initial=0)
    assert mass == pytest.approx(clusters.masses.max(initial=0), rel=1e-5, abs=1e-5)  # masses of float32 maps
    if with_score:
        # the depth is interpolated and F near its median has a depth near 0
        assert score == pytest.approx(np.abs(enhanced).max(), rel=1e-6, abs=1e-9)
    else:
        assert score == 0


def orthonormal(n_rows, n_columns, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n_rows, n_columns)))[0]


@pytest.mark.parametrize("tested", [1, 2])
def test_heights_are_t_or_f_of_the_projections(tested):
    rng = np.random.default_rng(0)
    # more voxels than are worked on at a time
    residuals = rng.normal(size=(12, 5000))
    residuals /= np.linalg.norm(residuals, axis=0)
    bases = np.stack([orthonormal(12, 4, seed).T for seed in range(3)])

    heights = permuted_heights(residuals.astype(np.float32), bases.astype(np.float32), tested=tested, df2=8)

    products = bases @ residuals
    explained = (products[:, :tested] ** 2).sum(axis=1)
    f = explained / tested / ((1 - (products**2).sum(axis=1)) / 8)
    expected = np.sign(products[:, 0]) * np.sqrt(f) if tested == 1 else f
    # products of unit vectors in single precision: 12 rows × 2⁻²⁴ of 1 − R², which is above .01 here
    np.testing.assert_allclose(heights, expected, rtol=1e-4, atol=1e-5)


def test_voxels_without_residuals_count_nowhere():
    residuals = np.zeros((6, 27), np.float32)
    rule = MaximaRule(rule=ClusterRule(sided="2"), threshold=2.0, tested=1, df2=4, tfce=TfceSettings())
    bases = orthonormal(6, 2, 0).T[None].astype(np.float32)

    found = permuted_maxima(residuals, bases, voxel_places(np.ones((3, 3, 3), bool), 6), rule)

    np.testing.assert_array_equal(found, 0)
    assert maxima_by_name(found, ("mass", "voxel")).keys() == {"mass", "voxel"}


def test_a_voxel_without_error_is_high_but_finite():
    basis = orthonormal(6, 2, 0)
    residuals = basis[:, :1].astype(np.float32)

    height = permuted_heights(residuals, basis.T[None].astype(np.float32), tested=1, df2=4)

    assert np.isfinite(height).all()
    assert height[0, 0] > 1000


@given(mask=masks, connectivity=connectivities)
def test_places_and_steps_lead_to_the_neighbors_of_the_table(mask, connectivity):
    where, table = voxel_places(mask, connectivity), neighbor_table(mask, connectivity)
    voxel_at = {place: voxel for voxel, place in enumerate(where.places.tolist())}
    found = [[voxel_at.get(place + step, -1) for step in where.steps.tolist()] for place in where.places.tolist()]
    np.testing.assert_array_equal(found, table)
    assert min(where.places) + min(where.steps) >= 0
