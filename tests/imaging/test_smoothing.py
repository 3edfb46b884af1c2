import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.nifti1 import Nifti1Image
from nilearn.image import smooth_img

from cuecircuit.imaging.smoothing import FWHM_PER_SIGMA, smooth_in_mask

VOXEL_MM = np.array([0.5, 0.5, 1.0])


def odd_mask(rng, shape=(9, 8, 6)):
    mask = rng.random(shape) < 0.7
    mask[4, 4, 3] = True
    return mask


def by_direct_sum(values, mask, fwhm_mm, voxel_mm):
    where = np.argwhere(mask)
    steps = np.abs(where[:, None] - where[None])
    sigma = fwhm_mm / FWHM_PER_SIGMA / voxel_mm
    weight = np.exp(-0.5 * ((steps / sigma) ** 2).sum(axis=2))
    weight *= (steps <= np.floor(4 * sigma + 0.5)).all(axis=2)  # cut at 4 σ, as the module says
    return values @ (weight / weight.sum(axis=1, keepdims=True)).T


def test_smoothing_is_the_weighted_mean_of_the_neighbors_within_the_mask():
    rng = np.random.default_rng(0)
    mask = odd_mask(rng)
    values = rng.standard_normal((3, mask.sum()))

    smooth = smooth_in_mask(values, mask, fwhm_mm=1.2, voxel_mm=VOXEL_MM)

    # a separable Gaussian normalized axis by axis and then by the mask: only rounding differs
    np.testing.assert_allclose(smooth, by_direct_sum(values, mask, 1.2, VOXEL_MM), atol=1e-12)


def test_far_from_edges_smoothing_is_nilearns():
    rng = np.random.default_rng(1)
    volume = np.zeros((24, 22, 20))
    volume[9:15, 8:14, 8:12] = rng.standard_normal((6, 6, 4))
    image = Nifti1Image(volume, np.diag([*VOXEL_MM, 1.0]))

    theirs = smooth_img(image, fwhm=1.0).get_fdata()
    ours = smooth_in_mask(volume.reshape(1, -1), np.ones(volume.shape, bool), fwhm_mm=1.0, voxel_mm=VOXEL_MM)

    # nilearn cuts the Gaussian at 4 σ as well; at the edges of the box only zeros are averaged
    np.testing.assert_allclose(ours.reshape(volume.shape)[4:-4, 4:-4, 4:-4], theirs[4:-4, 4:-4, 4:-4], atol=1e-12)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 5.0), st.floats(-1e4, 1e4))
def test_a_constant_stays_constant_up_to_the_edge(seed, fwhm_mm, level):
    mask = odd_mask(np.random.default_rng(seed))

    smooth = smooth_in_mask(np.full((1, mask.sum()), level), mask, fwhm_mm=fwhm_mm, voxel_mm=VOXEL_MM)

    np.testing.assert_allclose(smooth, level, rtol=1e-10, atol=1e-300)  # below that are subnormal numbers


@settings(deadline=None)
@given(st.permutations([0, 1, 2]))
def test_the_order_of_the_axes_does_not_matter(order):
    rng = np.random.default_rng(2)
    mask = odd_mask(rng)
    volume = np.where(mask, rng.standard_normal(mask.shape), 0)
    straight = np.zeros(mask.shape)
    straight[mask] = smooth_in_mask(volume[mask][None], mask, fwhm_mm=1.5, voxel_mm=VOXEL_MM)[0]

    turned_mask, turned = mask.transpose(order), volume.transpose(order)
    smooth = smooth_in_mask(turned[turned_mask][None], turned_mask, fwhm_mm=1.5, voxel_mm=VOXEL_MM[list(order)])

    np.testing.assert_allclose(smooth[0], straight.transpose(order)[turned_mask], atol=1e-12)


def test_the_width_is_in_mm():
    volume = np.zeros((41, 41, 41))
    volume[20, 20, 20] = 1
    full = np.ones(volume.shape, bool)

    smooth = smooth_in_mask(volume.reshape(1, -1), full, fwhm_mm=6.0, voxel_mm=np.array([1.0, 1.5, 2.0]))

    smooth = smooth.reshape(volume.shape)
    # half of the peak lies half a width away along each axis: 3 steps of 1 mm, 2 of 1.5 mm
    assert smooth[23, 20, 20] / smooth[20, 20, 20] == pytest.approx(0.5, rel=1e-9)
    assert smooth[20, 22, 20] / smooth[20, 20, 20] == pytest.approx(0.5, rel=1e-9)


def test_no_smoothing_changes_nothing():
    values = np.arange(5.0)[None]
    mask = np.ones((5, 1, 1), bool)

    np.testing.assert_array_equal(smooth_in_mask(values, mask, fwhm_mm=0.0, voxel_mm=VOXEL_MM), values)
