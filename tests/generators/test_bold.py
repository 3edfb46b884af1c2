import numpy as np
import pytest

from cuecircuit.generators import bold
from cuecircuit.generators.bold import block_onsets, noise_free_percent, simulate_scan
from cuecircuit.generators.brain import Brain, draw_brain
from cuecircuit.generators.breathing import Breathing, draw_breathing

ONSETS = block_onsets(4, 420.0)
frame_times_s = np.arange(210) * 2.0
AMPLITUDES = np.linspace(-3.5, 2.0, 19)


@pytest.fixture(scope="module")
def brain() -> Brain:
    return draw_brain("paper")


@pytest.fixture(scope="module")
def still() -> Breathing:
    drawn = draw_breathing(80.0, 0.0, ONSETS, 30.0, 420.0, np.random.default_rng(0))
    return Breathing(trace=drawn.trace, rate=np.full_like(drawn.rate, 80.0), block_rates=np.full(4, 80.0))


@pytest.fixture(scope="module")
def noise(brain: Brain, still: Breathing) -> np.ndarray:
    """A scan without a response, as parts of the voxel's mean."""
    scan = simulate_scan(brain, np.zeros(19), still, ONSETS, 30.0, frame_times_s, np.random.default_rng(1))
    data = scan.data.astype(float)
    mean = data.mean(axis=-1, keepdims=True)
    return np.where(brain.mask[..., None], data / np.maximum(mean, 1) - 1, np.nan)


def test_blocks_start_after_a_minute_and_are_evenly_spaced():
    assert ONSETS.tolist() == [60, 150, 240, 330]


def test_block_average_of_the_noise_free_series_is_the_planted_amplitude(brain: Brain, still: Breathing):
    series = noise_free_percent(brain, AMPLITUDES, still, ONSETS, 30.0, frame_times_s)
    labels = brain.atlas.labels[brain.mask]
    for onset in ONSETS:
        plateau = series[:, (frame_times_s >= onset + 14) & (frame_times_s <= onset + 30)].mean(axis=1)
        window = series[:, (frame_times_s >= onset + 4) & (frame_times_s < onset + 30)].mean(axis=1)
        before = series[:, (frame_times_s >= onset - 20) & (frame_times_s <= onset)].mean(axis=1)
        for label, amplitude in enumerate(AMPLITUDES, 1):
            mine = labels == label
            # float32, and the tail of the undershoot
            assert (plateau - before)[mine] == pytest.approx(amplitude, abs=2e-3)
            # the overshoot at the onset adds 3 % to the window from 4 s on
            assert (window - before)[mine] == pytest.approx(amplitude, rel=0.04, abs=1e-6)
        assert not (plateau - before)[labels == 0].any()


def test_tsnr_is_that_of_rat_scans(brain: Brain, noise: np.ndarray):
    tsnr = 1 / noise.std(axis=-1)
    top = brain.mask & (brain.tsnr > 33)
    deep = brain.mask & (brain.tsnr < 22)
    # 25-40 in the cortex, about half of it in deep structures
    assert 25 < np.median(tsnr[top]) < 40
    assert 0.45 < np.median(tsnr[deep]) / np.median(tsnr[top]) < 0.7


def test_noise_is_correlated_in_time_as_stated(brain: Brain, noise: np.ndarray):
    series = noise[brain.mask]
    steps = (series[:, 1:] * series[:, :-1]).mean(axis=1) / series.var(axis=1)
    # drift adds to the lag; motion adds more at the brain's edge, so the median
    assert bold.NOISE_AR - 0.05 < np.median(steps) < bold.NOISE_AR + 0.1


def test_noise_is_smooth_in_space_as_stated(brain: Brain, noise: np.ndarray):
    # differences of volumes leave drift and motion out
    change = np.zeros_like(noise[..., 1:])
    change[brain.mask] = np.diff(noise[brain.mask], axis=-1)
    change[brain.mask] /= change[brain.mask].std(axis=-1, keepdims=True)
    for axis in (0, 1):
        values, inside = np.moveaxis(change, axis, 0), np.moveaxis(brain.mask, axis, 0)
        pairs = inside[1:] & inside[:-1]
        r = (values[1:][pairs] * values[:-1][pairs]).mean()
        # correlation of Gaussian-smoothed noise half a millimeter apart: exp(−lag² / 4σ²)
        fwhm = 0.5 * np.sqrt(-2 * np.log(2) / np.log(r))
        assert fwhm == pytest.approx(bold.NOISE_FWHM_MM, abs=0.1)


def test_outside_of_the_brain_there_is_nothing(brain: Brain, still: Breathing):
    scan = simulate_scan(brain, AMPLITUDES, still, ONSETS, 30.0, frame_times_s, np.random.default_rng(2))
    assert not scan.data[~brain.mask].any()
    assert (scan.data[brain.mask] > 0).all()


def test_motion_starts_at_zero_and_stays_small(brain: Brain, still: Breathing):
    motion = simulate_scan(brain, AMPLITUDES, still, ONSETS, 30.0, frame_times_s, np.random.default_rng(3)).motion
    assert motion.shape == (210, 6)
    assert not motion[0].any()
    # a head held in a frame: well below a voxel
    assert np.abs(motion[:, :3]).max() < 0.1
    assert motion[:, :3].std() > 0.001


def test_moving_the_tissue_moves_the_image(brain: Brain):
    # first order: minus the gradient; along x the image of a mirror-symmetric brain changes antisymmetrically
    slope = np.zeros(brain.grid.shape)
    slope[brain.mask] = bold._gradients(brain)[:, 0]
    assert np.allclose(slope, -slope[::-1], atol=1e-2)
    left_edge = np.argmax(brain.mask[:, 30, 8])
    # tissue that moves right leaves its left edge darker
    assert slope[left_edge, 30, 8] < 0


def test_the_same_stream_gives_the_same_scan(brain: Brain, still: Breathing):
    scans = [
        simulate_scan(brain, AMPLITUDES, still, ONSETS, 30.0, frame_times_s, np.random.default_rng(seed)).data
        for seed in (4, 4, 5)
    ]
    assert np.array_equal(scans[0], scans[1])
    assert not np.array_equal(scans[0], scans[2])
