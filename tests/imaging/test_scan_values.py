import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuecircuit.imaging.scan_values import check_values, motion_faults

MASK = np.zeros((8, 9, 6), bool)
MASK[1:-1, 1:-1, 1:-1] = True


def scan(volumes=40, *, seed=0, mean=1000.0, sd=15.0, order="F"):
    rng = np.random.default_rng(seed)
    anatomy = mean * rng.uniform(0.6, 1.4, (*MASK.shape, 1))
    drift = 1 + 0.02 * np.linspace(-1, 1, volumes)
    return np.asarray(anatomy * drift + sd * rng.standard_normal((*MASK.shape, volumes)), np.float32, order=order)


def check(data, mask=MASK, **options):
    return check_values(data[mask].T, mask, **options)


def kinds(data, mask=MASK, **options):
    return [fault.kind for fault in check(data, mask, **options).faults]


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_scan_has_no_fault_and_covers_the_mask(order):
    found = check(scan(order=order))

    assert found.faults == ()
    assert found.covered == 1.0


def test_a_denoised_scan_without_a_mean_has_no_percent_change():
    assert kinds(scan(mean=0.0)) == []
    assert kinds(scan(mean=0.0), percent=True) == ["mean"]
    assert kinds(scan(), percent=True) == []


def test_a_scan_whose_values_are_below_zero_has_no_percent_change():
    assert kinds(-scan(), percent=True) == ["mean"]


def test_values_cut_off_at_the_top_are_named_and_the_single_largest_one_is_not():
    data = scan()
    ceiling = np.quantile(data[MASK], 0.97)

    (fault,) = check(np.minimum(data, ceiling)).faults

    assert fault.kind == "clipped"
    assert f"3% of the values in the mask are the largest one, {ceiling:g}" in fault.text
    assert kinds(np.minimum(data, np.quantile(data[MASK], 0.995))) == []
    assert kinds(np.round(data)) == []


def test_the_order_in_memory_changes_nothing():
    bad = scan()
    bad[..., 20] *= 1e6

    assert check(bad) == check_values(np.ascontiguousarray(bad[MASK].T), MASK)


def test_an_empty_scan_is_named():
    (fault,) = check(np.zeros_like(scan())).faults

    assert (fault.kind, fault.text.split(";")[0]) == ("zero", "every voxel of the mask is 0")


def test_what_lies_outside_of_the_mask_does_not_make_a_scan():
    empty = scan()
    empty[MASK] = 0

    assert kinds(empty) == ["zero"]


def test_a_scan_whose_volumes_are_the_first_one_is_constant():
    frozen = np.repeat(scan()[..., :1], 40, axis=3)

    (fault,) = check(frozen).faults

    assert fault.kind == "constant"
    assert "no voxel of the mask varies over 40 volumes" in fault.text


def test_a_frozen_scan_that_was_rounded_since_is_constant():
    frozen = np.repeat(scan()[..., :1], 40, axis=3)
    frozen *= 1 + 1e-6 * np.random.default_rng(3).standard_normal(frozen.shape).astype(np.float32)

    (fault,) = check(frozen).faults

    assert fault.kind == "constant"
    assert "the mask varies by 1e-06 of its signal, as by rounding, over 40 volumes" in fault.text


@pytest.mark.parametrize(("factor", "goes"), [(0.6, r"from 5\d\d.* to 9\d\d.+"), (1.4, r"from 9\d\d.+ to 14\d\d.+")])
def test_a_gain_that_was_changed_within_the_scan_is_named_and_drift_is_not(factor, goes):
    data = scan()
    data *= 1000 / data[MASK].mean()

    assert kinds(data * np.linspace(0.95, 1.05, 40, dtype=np.float32)) == []

    data[..., 15:] *= np.float32(factor)
    (fault,) = check(data).faults

    assert fault.kind == "brightness"
    assert re.match(f"the mean of the mask goes {goes}, as where the gain", fault.text)


@pytest.mark.parametrize(("start", "other"), [(31, 30), (31, 3)])
def test_volumes_that_repeat_an_earlier_one_are_counted(start, other):
    data = scan()
    data[..., start : start + 3] = data[..., other : other + 1]

    (fault,) = check(data).faults

    assert fault.kind == "repeated"
    assert "3 volumes equal an earlier one in every voxel of the mask" in fault.text
    assert f"(first volume {start}, which equals volume {other}, from 0)" in fault.text


def test_a_scan_that_is_its_first_half_twice_is_named():
    data = scan()
    data[..., 20:] = data[..., :20]

    assert kinds(data) == ["repeated"]


@pytest.mark.parametrize("factor", [1e6, 30.0, 3.0, 0.0, -1.0])
@pytest.mark.parametrize("volume", [6, 21, 39])
def test_a_volume_of_another_brightness_is_a_spike(factor, volume):
    data = scan()
    data[..., volume] *= factor

    (fault,) = check(data).faults

    assert fault.kind == "spike"
    assert f"1 volumes are no image of the same brain; volume {volume} (from 0)" in fault.text


def test_one_voxel_of_one_volume_can_be_a_spike():
    data = scan()
    data[4, 4, 3, 17] = 1e6

    assert kinds(data) == ["spike"]


def test_a_spike_of_a_denoised_scan_is_named():
    data = scan(mean=0.0)
    data[..., 17] *= 100

    assert kinds(data) == ["spike"]


def test_bright_first_volumes_before_the_steady_state_and_moving_are_no_spikes():
    data = scan()
    data[..., 0] *= 1.8
    data[..., 1] *= 1.3
    data[:, :, 3, 25:27] *= 0.8  # a slice that a movement darkened

    assert kinds(data) == []


def test_a_scan_that_misses_a_part_of_the_mask_is_named_with_the_share():
    data = scan()
    data[:4] = 0

    found = check(data)

    assert [fault.kind for fault in found.faults] == ["coverage"]
    assert found.covered == pytest.approx(0.5)
    assert "50% of the mask never varies" in found.faults[0].text


def shares(data, other):
    return bool(set(check(data).volumes) & set(check(other).volumes))


def test_scans_share_volumes_by_their_values_in_the_mask():
    data, other = scan(), scan(seed=1)
    outside = data.copy()
    outside[0, 0, 0] += 1

    assert check(data).volumes == check(outside).volumes
    assert not shares(data, other)


@given(shift=st.integers(-39, 39), seed=st.integers(0, 3))
def test_a_copy_that_begins_earlier_or_later_is_found(shift, seed):
    assert shares(scan(seed=seed), np.roll(scan(seed=seed), shift, axis=3))


@pytest.mark.parametrize("change", [lambda one: one * 1.7, lambda one: one + 100, lambda one: np.float32(one / 3 - 50)])
def test_a_copy_in_another_unit_is_found(change):
    assert shares(scan(), change(scan()).astype(np.float32))


def test_a_scan_with_the_last_volumes_of_another_is_found():
    data, other = scan(), scan(seed=1)
    other[..., 10:] = data[..., 10:]

    assert shares(data, other)


def test_volumes_of_nothing_are_shared_by_nobody():
    data, other = scan(), scan(seed=1)
    data[..., 30:] = other[..., 30:] = 0

    assert not shares(data, other)


@given(scale=st.floats(1e-3, 1e4), seed=st.integers(0, 5))
def test_faults_do_not_depend_on_the_unit(scale, seed):
    data = scan(seed=seed)
    data[..., 12] *= 5

    assert kinds((data * np.float32(scale)).astype(np.float32)) == ["spike"]


def motion(degrees):
    walk = np.cumsum(np.random.default_rng(0).standard_normal((100, 6)), axis=0)
    walk *= np.array([0.3, 0.3, 0.3, degrees, degrees, degrees]) / np.ptp(walk, axis=0)
    return walk


def test_rotations_in_degrees_are_named_and_those_in_radians_are_not():
    (fault,) = motion_faults(motion(1.5), head_radius_mm=50.0)

    assert fault.kind == "degrees"
    assert "rotations span 1.5, which as radians is 86°" in fault.text
    radians = np.radians(motion(1.5)) * [57.3, 57.3, 57.3, 1, 1, 1]
    assert list(motion_faults(radians, head_radius_mm=50.0)) == []


def test_a_slice_that_was_lost_in_some_volumes_is_named_and_one_that_was_never_there_is_not():
    data = scan()
    data[:, :, 1] = 0
    data[:, :, 3, 7:9] = 0

    (fault,) = check(data).faults

    assert fault.kind == "slice"
    assert fault.text.startswith("2 slices hold one value throughout (first slice 3 of volume 7, from 0; 2 volumes)")


def test_a_few_equal_voxels_of_a_slice_are_no_lost_slice():
    mask = MASK.copy()
    mask[:, :, 1] = False
    mask[3:5, 3, 1] = True
    data = np.round(scan() / 50) * 50

    assert kinds(data.astype(np.float32), mask) == []


def test_translations_of_more_than_the_head_are_in_another_unit():
    micrometers = np.radians(motion(1.5)) * [57_300, 57_300, 57_300, 1, 1, 1]

    (fault,) = motion_faults(micrometers, head_radius_mm=50.0)

    assert fault.kind == "far"
    assert "translations span 300 mm, more than the radius of the head (50 mm)" in fault.text
