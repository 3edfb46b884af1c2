import numpy as np
import pytest

from cuecircuit.generators.breathing import SAMPLING_HZ, draw_breathing, global_signals, rate_changes
from cuecircuit.generators.planted import HYPOTHESES, TABLE_1

ONSETS = np.array([60.0, 150.0, 240.0, 330.0])
FRAMES = np.arange(210) * 2.0


def drawn(change: float, seed: int):
    return draw_breathing(80.0, change, ONSETS, 30.0, 420.0, np.random.default_rng(seed))


def test_the_trace_breathes_as_often_as_the_rate_says():
    for seed in range(5):
        breathing = drawn(3.0, seed)
        wave = breathing.trace.values
        spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
        frequency = np.fft.rfftfreq(len(wave), 1 / SAMPLING_HZ)
        near = np.abs(frequency - frequency[spectrum.argmax()]) < 0.3
        found = 60 * (spectrum * frequency)[near].sum() / spectrum[near].sum()
        # the window weighs the middle of the scan more, where the rate may be 1 or 2 off its mean
        assert found == pytest.approx(breathing.rate.mean(), abs=2)
        assert len(wave) == 420 * SAMPLING_HZ


def test_cues_change_the_rate_by_what_is_planted():
    rises = []
    for seed in range(60):
        breathing = drawn(5.0, seed)
        times = np.arange(len(breathing.rate)) / SAMPLING_HZ
        before = np.mean([breathing.rate[(times >= onset - 30) & (times < onset)].mean() for onset in ONSETS])
        rises.append(breathing.block_rates.mean() - before)
    # the rise takes 4 s of the 30; 60 scans with an SD of 1.7 between them
    assert np.mean(rises) == pytest.approx(5 * (1 - 4 / 30), abs=0.8)


def test_signals_follow_breathing_downward_and_white_matter_later():
    breathing = drawn(15.0, 0)
    gray, white = global_signals(breathing, FRAMES)
    in_block = (FRAMES >= 75) & (FRAMES < 90)
    before = (FRAMES >= 40) & (FRAMES < 60)
    assert gray[in_block].mean() < gray[before].mean() - 0.3
    lags = [np.corrcoef(gray[:-shift], white[shift:])[0, 1] for shift in range(1, 6)]
    # 4 s are two volumes
    assert int(np.argmax(lags)) + 1 == 2


def test_steady_breathing_leaves_the_signal_alone():
    breathing = drawn(0.0, 0)
    still = type(breathing)(trace=breathing.trace, rate=np.full(21_000, 80.0), block_rates=breathing.block_rates)
    gray, white = global_signals(still, FRAMES)
    assert np.allclose(gray, 0)
    assert np.allclose(white, 0)


def test_each_hypothesis_changes_breathing_as_it_should():
    assert set(HYPOTHESES) == {"withdrawal", "antagonism", "respiration", "null"}
    assert not rate_changes("null").any()
    assert np.ptp(rate_changes("antagonism")) == 0
    assert (rate_changes("withdrawal") > 0).all()
    # by breathing alone: where Table 1 is low on average, breathing is fast
    table = np.array(list(TABLE_1.values())).mean(axis=0)
    assert np.corrcoef(rate_changes("respiration").ravel(), table)[0, 1] == pytest.approx(-1)
