import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.imaging.quality import framewise_displacement, outlying, scan_quality


def test_tsnr_is_mean_over_noise():
    rng = np.random.default_rng(0)
    data = 300 * (1 + rng.standard_normal((400, 2000)) / 30)

    quality = scan_quality(data)

    # relative error of one voxel's noise 1/sqrt(2·399) = 3.5 %, of the median over 2000 about 0.1 %; five of them
    assert quality.tsnr_median == pytest.approx(30, rel=0.005)
    # the difference of two independent volumes has sqrt(2) of their noise
    assert quality.dvars_percent.mean() == pytest.approx(100 * np.sqrt(2) / 30, rel=0.005)
    assert quality.dvars_percent.shape == (399,)
    assert quality.framewise_mm is None


def test_the_numbers_of_three_volumes_are_those_of_a_pocket_calculator():
    quality = scan_quality(np.array([[1.0, 4], [2, 4], [3, 7]]))

    np.testing.assert_allclose(quality.tsnr, [2, 5 / np.sqrt(3)])
    np.testing.assert_allclose(quality.dvars_percent, 100 * np.sqrt([1 / 2, 10 / 2]) / 3.5)


def test_voxels_that_never_change_have_no_tsnr_and_do_not_spoil_the_median():
    data = np.random.default_rng(1).uniform(90, 110, (50, 4))
    data[:, 2] = 0

    quality = scan_quality(data)

    assert np.isnan(quality.tsnr).tolist() == [False, False, True, False]
    assert np.isfinite(quality.tsnr_median)


def test_framewise_displacement_adds_shifts_and_arcs():
    motion = np.zeros((4, 6))
    motion[1:, 0] = 0.3  # mm, once
    motion[2:, 5] = -0.01  # rad, once

    steps = framewise_displacement(motion, head_radius_mm=50.0)

    np.testing.assert_allclose(steps, [0.3, 0.5, 0.0])
    np.testing.assert_allclose(framewise_displacement(motion, head_radius_mm=10.0), [0.3, 0.1, 0.0])


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 1e4))
def test_quality_does_not_depend_on_the_gain(seed, gain):
    data = np.random.default_rng(seed).uniform(50, 150, (20, 5))
    one, other = scan_quality(data), scan_quality(gain * data)

    np.testing.assert_allclose(one.tsnr, other.tsnr, rtol=1e-9)
    np.testing.assert_allclose(one.dvars_percent, other.dvars_percent, rtol=1e-9)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_displacement_does_not_depend_on_the_position_of_the_head(seed):
    motion = np.random.default_rng(seed).standard_normal((10, 6))

    moved = framewise_displacement(motion + np.array([3, -2, 1, 0.1, 0.2, 0.3]), head_radius_mm=10.0)

    np.testing.assert_allclose(moved, framewise_displacement(motion, head_radius_mm=10.0), rtol=1e-9)


def test_scans_that_are_far_from_others_much_alike_do_not_stand_out_by_a_few_percent():
    alike = np.array([2.0, 2.001, 1.999, 2.0, 2.001, 2.03])

    assert not outlying(alike, worse=1).any()
    assert outlying(np.r_[alike, 2.3], worse=1).tolist() == [False] * 6 + [True]
    assert not outlying(np.r_[alike, 2.3], worse=-1).any()
