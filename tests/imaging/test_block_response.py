import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.imaging.block_response import (
    percent_change,
    percent_variance,
    window_means,
    window_members,
)
from cuecircuit.records.scan import Block


def blocks_at(*onsets):
    return [Block(onset_s=onset, duration_s=30.0, cue="saline") for onset in onsets]


def test_windows_are_half_open_and_count_volumes_by_their_beginning():
    members = window_members(blocks_at(20.0, 41.0), (-10.0, 0.0), tr_s=2.0, n_volumes=60)

    np.testing.assert_array_equal(np.flatnonzero(members[0]), [5, 6, 7, 8, 9])  # 10 s to 18 s; 20 s is the cue's
    np.testing.assert_array_equal(np.flatnonzero(members[1]), [16, 17, 18, 19, 20])  # 32 s to 40 s


@pytest.mark.parametrize(("tr_s", "onset_s"), [(0.1, 0.3), (0.7, 2.1)])
def test_onsets_that_a_clock_has_rounded_take_the_volumes_meant(tr_s, onset_s):
    # in binary 3 × 0.1 lies above 0.3, and 3 × 0.7 below 2.1
    members = window_members(blocks_at(onset_s), (0.0, 3 * tr_s), tr_s=tr_s, n_volumes=10)

    np.testing.assert_array_equal(np.flatnonzero(members[0]), [3, 4, 5])


def test_a_window_may_end_with_the_scan():
    assert window_members(blocks_at(30.0), (0.0, 30.0), tr_s=2.0, n_volumes=30).sum() == 15


def test_every_block_whose_window_leaves_the_scan_is_named():
    with pytest.raises(DataError) as caught:
        window_members(blocks_at(5.0, 50.0, 95.0), (-10.0, 30.0), tr_s=1.0, n_volumes=100)

    assert caught.value.faults == (
        "block 1 (saline, onset 5 s): window -5 to 35 s leaves the scan, which lasts from 0 to 100 s; "
        "shorten the window",
        "block 3 (saline, onset 95 s): window 85 to 125 s leaves the scan, which lasts from 0 to 100 s; "
        "shorten the window",
    )


def test_a_window_between_two_volumes_is_named():
    with pytest.raises(DataError, match=r"block 1 \(saline, onset 10.5 s\): window 10.5 to 11.5 s holds no volume"):
        window_members(blocks_at(10.5), (0.0, 1.0), tr_s=2.0, n_volumes=30)


def test_censored_volumes_leave_the_windows_and_may_empty_them():
    keep = np.ones(30, bool)
    keep[10] = False

    members = window_members(blocks_at(10.0), (0.0, 3.0), tr_s=1.0, n_volumes=30, keep=keep)

    np.testing.assert_array_equal(np.flatnonzero(members[0]), [11, 12])
    with pytest.raises(DataError, match=r"holds no volume that counts"):
        window_members(blocks_at(10.0), (0.0, 1.0), tr_s=1.0, n_volumes=30, keep=keep)


@settings(deadline=None)
@given(st.floats(-5, 5), st.floats(10, 1e5), st.integers(0, 2**32 - 1))
def test_a_planted_step_is_recovered_whatever_the_units_of_the_scanner(amplitude, base, seed):
    level = base * np.random.default_rng(seed).uniform(0.5, 2, size=6)
    window = window_members(blocks_at(20.0, 60.0), (0.0, 20.0), tr_s=2.0, n_volumes=50)
    baseline = window_members(blocks_at(20.0, 60.0), (-20.0, 0.0), tr_s=2.0, n_volumes=50)
    data = level * (1 + amplitude / 100 * window.any(axis=0)[:, None])

    percent = percent_change(window_means(data, window), window_means(data, baseline))

    np.testing.assert_allclose(percent, amplitude, atol=1e-9)  # differences of means near 1, in percent


def test_voxels_without_signal_are_nan():
    percent = percent_change(np.array([[1.0, 2.0, 3.0]]), np.array([[0.0, -4.0, 2.0]]))

    np.testing.assert_array_equal(percent, [[np.nan, np.nan, 50.0]])


def test_the_variance_is_that_of_repeated_scans():
    rng = np.random.default_rng(10)
    data = 100 * (1 + 0.03 * rng.standard_normal((50, 40_000)))
    window = window_members(blocks_at(20.0, 60.0), (4.0, 30.0), tr_s=2.0, n_volumes=50)
    baseline = window_members(blocks_at(20.0, 60.0), (-10.0, 0.0), tr_s=2.0, n_volumes=50)
    percent = percent_change(window_means(data, window), window_means(data, baseline))

    variance = percent_variance(data, window, baseline)

    # 40 000 voxels are 40 000 scans: the standard error of a variance is sqrt(2 / 40 000) = 0.7 %; four of them
    np.testing.assert_allclose(variance.mean(axis=1), percent.var(axis=1), rtol=0.03)
    # by hand: 3² (1/13 + 1/5), noise of 3 % in 13 and 5 volumes
    np.testing.assert_allclose(variance.mean(axis=1), 9 * (1 / 13 + 1 / 5), rtol=0.03)


def test_one_volume_has_no_variance():
    data = np.random.default_rng(11).uniform(1, 2, (10, 3))
    one = np.arange(10)[None] == 2
    many = np.arange(10)[None] > 5

    assert np.isnan(percent_variance(data, one, many)).all()
    assert np.isfinite(percent_variance(data, many, many)).all()
