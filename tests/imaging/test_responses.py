import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.imaging.block_response import percent_change, percent_variance, window_means, window_members
from cuecircuit.imaging.hrf import rat_response
from cuecircuit.imaging.nuisance import Regressors, regress
from cuecircuit.imaging.removed import ScanSignals, counted_volumes, removed_signals
from cuecircuit.imaging.responses import block_responses
from cuecircuit.imaging.smoothing import smooth_in_mask
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Block, Series
from cuecircuit.study.acquisition import Nuisance

SHAPE, TR_S, N_VOLUMES = (12, 10, 6), 2.0, 210
ONSETS = (60.0, 150.0, 240.0, 330.0)
BLOCKS = tuple(Block(onset_s=onset, duration_s=30.0, cue="naloxone") for onset in ONSETS)
MASK = np.zeros(SHAPE, bool)
MASK[1:11, 1:9, 1:5] = True
WHITE_MATTER, VENTRICLES = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
WHITE_MATTER[2:4, 2:5, 2:4] = True
VENTRICLES[8:10, 5:7, 2:4] = True
TISSUES = {"white_matter": WHITE_MATTER, "ventricles": VENTRICLES}
BOTH = Nuisance(white_matter=True, ventricles=True)


def boxcar_response():
    """Rat response to the cue blocks, at the volumes, 1 at its plateau."""
    fine_s = np.arange(0, N_VOLUMES * TR_S, 0.1)
    on = np.any([(fine_s >= onset) & (fine_s < onset + 30) for onset in ONSETS], axis=0)
    return (np.convolve(on, rat_response(np.arange(0, 20, 0.1)))[: len(fine_s)] * 0.1)[:: int(TR_S / 0.1)]


def scan(seed, noise=0.02, amplitude=0.0):
    """A brain with noise and two nuisance signals, which fill its tissues; `amplitude` % in the gray voxels."""
    rng = np.random.default_rng(seed)
    data = 1000 * (1 + noise * rng.standard_normal((*SHAPE, N_VOLUMES)))
    gray = MASK & ~WHITE_MATTER & ~VENTRICLES
    data[gray] *= 1 + amplitude / 100 * boxcar_response()
    slow = np.cumsum(rng.standard_normal((2, N_VOLUMES)), axis=1)
    data[MASK] += slow[0]
    data[VENTRICLES] += 5 * slow[1]
    data[~MASK] = 0
    return series_of(data)


def series_of(data):
    affine = np.diag([0.5, 0.5, 1.0, 1.0])
    return Series(data=data.astype(np.float32), grid=Grid(shape=data.shape[:3], affine=affine), tr_s=TR_S)


def respond(series, **changes):
    return block_responses(series, BLOCKS, mask=MASK, **(settings_of(series, **changes)))


def settings_of(series, nuisance=BOTH, tissues=TISSUES, keep=None, **changes):
    signals = ScanSignals(tissues=tissues)
    keep = counted_volumes(series, signals, nuisance, MASK) if keep is None else keep
    regressors = removed_signals(series, signals, nuisance, keep)
    windows = {"baseline_s": (-20.0, 0.0), "window_s": (4.0, 30.0), "fwhm_mm": 0.8}
    return {"regressors": regressors, "keep": keep, **windows} | changes


def test_smoothing_the_window_means_is_smoothing_every_volume():
    series = scan(1)
    tissues = np.column_stack([series.data[where].mean(axis=0) for where in (WHITE_MATTER, VENTRICLES)])
    cleaned = regress(
        series.data[MASK].T.astype(float),
        Regressors(values=tissues.astype(float), names=("white_matter", "ventricles")),
    )
    volumes = smooth_in_mask(cleaned.data, MASK, fwhm_mm=0.8, voxel_mm=series.grid.voxel_mm)
    window, baseline = (
        window_members(BLOCKS, edges, tr_s=TR_S, n_volumes=N_VOLUMES) for edges in ((4.0, 30.0), (-20.0, 0.0))
    )

    found = respond(series, with_variance=True)

    # percent from float32 near 1000: spacing 6e-5 of 1000 is 6e-6 %, times a few operations
    expected = percent_change(window_means(volumes, window), window_means(volumes, baseline))
    np.testing.assert_allclose(found.percent, expected, atol=2e-4)
    np.testing.assert_allclose(found.variance, percent_variance(volumes, window, baseline), rtol=1e-3)


def test_a_planted_response_is_found_behind_noise_and_nuisance():
    found = respond(scan(2, amplitude=2.0), fwhm_mm=0.0)

    gray = (MASK & ~WHITE_MATTER & ~VENTRICLES)[MASK]
    # the true response averaged over the window from 4 s to 30 s: it overshoots and then stays at its plateau
    inside = window_members(BLOCKS[:1], (4.0, 30.0), tr_s=TR_S, n_volumes=N_VOLUMES)[0]
    expected = 2.0 * boxcar_response()[inside].mean()
    # noise of a block: 2 % · sqrt(1/13 + 1/10) = 0.84 %; of the mean of 4 blocks × 300 voxels 0.025 %; four of them
    assert found.percent[:, gray].mean() == pytest.approx(expected, abs=0.10)
    assert found.cues == ("naloxone",) * 4
    assert found.residual_df == N_VOLUMES - 1 - 2
    assert found.n_unusable == 0


def test_scans_without_a_response_give_none_on_average():
    means = [respond(scan(seed)).percent.mean() for seed in range(30, 50)]

    standard_error = np.std(means, ddof=1) / np.sqrt(len(means))
    assert abs(np.mean(means)) < 3.6 * standard_error  # t with 19 degrees of freedom: p = 0.002


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 30.0))
def test_the_gain_of_the_scanner_does_not_matter(gain):
    series = scan(3)

    louder = series_of(series.data * np.float32(gain))

    # float32 scans: 6e-8 of 1000 in every volume, in percent of the mean
    np.testing.assert_allclose(respond(louder).percent, respond(series).percent, atol=2e-4)


@settings(max_examples=10, deadline=None)
@given(st.floats(-20.0, 20.0))
def test_more_of_the_white_matter_signal_changes_nothing(factor):
    series = scan(4)
    signal = series.data[WHITE_MATTER].mean(axis=0)
    polluted = series.data.copy()
    polluted[MASK] += np.float32(factor) * (signal - signal.mean())

    # twenty times a signal of a few units on top of 1000: float32 rounding of both
    np.testing.assert_allclose(respond(series_of(polluted)).percent, respond(series).percent, atol=1e-3)


def test_blocks_come_out_in_order_of_time():
    series = scan(5)
    blocks = [Block(onset_s=onset, duration_s=30.0, cue=cue) for onset, cue in zip(ONSETS, "abcd", strict=True)]

    shuffled = block_responses(
        series,
        [blocks[2], blocks[0], blocks[3], blocks[1]],
        mask=MASK,
        **settings_of(series),
    )

    assert shuffled.cues == ("a", "b", "c", "d")
    np.testing.assert_array_equal(shuffled.percent, respond(series).percent)


def test_voxels_without_signal_are_nan_counted_and_kept_from_their_neighbors():
    series = scan(6)
    dead = series.data.copy()
    dead[5, 5, 2] = 0
    dead[6, 5, 2] = -3

    found, whole = respond(series_of(dead)), respond(series)

    assert found.n_unusable == 2
    lost = np.isnan(found.percent).all(axis=0)
    np.testing.assert_array_equal(np.argwhere(MASK)[lost], [[5, 5, 2], [6, 5, 2]])
    # their neighbors lose two voxels of noise, and no more: a zero that leaked in would leave the ratio, not the scale
    assert np.nanmax(np.abs(found.percent - whole.percent)) < 1.0
    assert np.isfinite(found.percent[:, ~lost]).all()


def test_censored_volumes_do_not_reach_the_responses():
    series = scan(7)
    keep = np.ones(N_VOLUMES, bool)
    keep[[35, 36, 90]] = False
    spiked = series.data.copy()
    spiked[..., ~keep] *= 3

    found = respond(series_of(spiked), keep=keep)

    np.testing.assert_allclose(found.percent, respond(series, keep=keep).percent, atol=2e-4)  # float32, as above
    assert found.residual_df == N_VOLUMES - 3 - 1 - 2


def test_masks_on_another_grid_and_empty_tissues_are_named_at_once():
    with pytest.raises(DataError) as caught:
        respond(scan(8), tissues={"white_matter": np.ones((3, 3, 3), bool), "ventricles": np.zeros(SHAPE, bool)})

    assert caught.value.faults == (
        "the mask space.white_matter has shape (3, 3, 3), the scan (12, 10, 6)",
        "the mask space.ventricles holds no voxel",
    )


def test_without_nuisance_only_the_mean_costs_a_degree_of_freedom():
    found = respond(scan(9), nuisance=Nuisance())

    assert found.residual_df == N_VOLUMES - 1
