import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.imaging.respiration import (
    HUMAN_PER_MIN,
    RAT_PER_MIN,
    Breathing,
    block_rates,
    find_breaths,
    plausible_rates,
)
from cuecircuit.io.physio import read_respiration
from cuecircuit.records.scan import Block, Trace

HZ = 50.0


def trace(values, start_s=0.0, hz=HZ):
    return Trace(values=values, sampling_hz=hz, start_s=start_s)


def block(onset_s, duration_s):
    return Block(onset_s=float(onset_s), duration_s=float(duration_s), cue="saline")


def rat_breathing(per_min, seed, seconds=420, noise=0.3, wander=0.05):
    """Breaths with a second harmonic at a rate that wanders, on a drifting belt, with noise; and the true phase."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * HZ)) / HZ
    rate = per_min / 60 * (1 + wander * np.sin(2 * np.pi * time_s / 44 + rng.uniform(0, 6)))
    phase = np.cumsum(rate) / HZ
    breaths = np.sin(2 * np.pi * phase) + 0.35 * np.sin(4 * np.pi * phase + 0.5)
    drift = 5 * np.sin(2 * np.pi * time_s / 60) + time_s / 20
    return breaths + drift + noise * rng.standard_normal(len(time_s)), phase


@settings(max_examples=20, deadline=None)
@given(st.floats(50, 170), st.integers(0, 2**32 - 1))
def test_the_rate_of_a_rat_is_found_within_one_breath_per_minute(per_min, seed):
    values, phase = rat_breathing(per_min, seed)

    rates = block_rates(find_breaths(trace(values), RAT_PER_MIN), [block(0, 420)])

    assert rates.per_min[0] == pytest.approx(60 * (phase[-1] - phase[0]) / 420, abs=1.0)
    assert rates.valid_share[0] > 0.97


@pytest.mark.parametrize("seed", range(5))
def test_a_rat_at_90_keeps_its_rate_through_gaps_spikes_and_a_belt_that_comes_off(seed):
    values, phase = rat_breathing(90, seed)
    rng = np.random.default_rng(1000 + seed)
    for start in (2000, 6000, 11_000):
        values[start : start + int(rng.integers(20, 400))] = np.nan
    values[rng.integers(0, len(values), 20)] += 60
    values[15_000:16_000] = values[15_000]
    blocks = [block(60, 30), block(150, 30), block(300, 20), block(360, 30)]

    rates = block_rates(find_breaths(trace(values), RAT_PER_MIN), blocks)

    true = [
        60
        * np.diff(np.interp([b.onset_s, b.onset_s + b.duration_s], np.arange(len(phase)) / HZ, phase))[0]
        / b.duration_s
        for b in blocks
    ]
    np.testing.assert_allclose(rates.per_min[[0, 1, 3]], np.array(true)[[0, 1, 3]], atol=1.0)
    assert (rates.valid_share[[0, 1, 3]] > 0.8).all()
    # the belt is off from 300 s to 320 s
    assert rates.valid_share[2] < 0.1


@pytest.mark.parametrize("per_min", [60, 70])
def test_the_second_hump_of_a_breath_is_no_breath(per_min):
    time_s = np.arange(0, 420, 1 / HZ)
    angle = 2 * np.pi * per_min / 60 * time_s
    noise = 0.1 * np.random.default_rng(6).standard_normal(len(time_s))

    rates = block_rates(
        find_breaths(trace(np.sin(angle) + 0.6 * np.cos(2 * angle) + noise), RAT_PER_MIN), [block(0, 420)]
    )

    assert rates.per_min[0] == pytest.approx(per_min, abs=1)


@pytest.mark.parametrize("rail", [0.0, 8.0])
def test_a_sensor_at_its_rail_has_no_breaths(rail):
    time_s = np.arange(0, 420, 1 / HZ)
    values = np.sin(2 * np.pi * 1.5 * time_s) + 0.1 * np.random.default_rng(7).standard_normal(len(time_s))
    values[5000:6000] = rail

    rates = block_rates(find_breaths(trace(values), RAT_PER_MIN), [block(100, 20), block(95, 30)])

    assert rates.valid_share[0] == 0
    assert rates.per_min[1] == pytest.approx(90, abs=0.3)


def test_a_breath_that_was_not_recorded_does_not_count():
    time_s = np.arange(0, 120, 1 / HZ)
    values = np.sin(2 * np.pi * 1.5 * time_s)
    gap = (time_s > 59.9) & (time_s < 60.3)  # bridged, and its peaks would pass for regular ones
    values[gap] = np.nan

    breathing = find_breaths(trace(values), RAT_PER_MIN)

    over = (breathing.peak_s[:-1] < 60.3) & (breathing.peak_s[1:] > 59.9)
    assert breathing.valid[~over].all()
    assert not breathing.valid[over].all()


def test_noise_alone_in_a_gap_of_breathing_is_not_breathing():
    values, _ = rat_breathing(90, 3, noise=0.0)
    drift, _ = rat_breathing(90, 3, noise=0.0)
    rng = np.random.default_rng(4)
    values[5000:7500] = drift[5000] + 0.02 * rng.standard_normal(2500)

    rates = block_rates(find_breaths(trace(values), RAT_PER_MIN), [block(105, 40), block(200, 40)])

    assert rates.valid_share[0] < 0.1
    assert rates.valid_share[1] > 0.97


@settings(max_examples=15, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.floats(-20, 20))
def test_units_offset_and_start_of_the_trace_do_not_matter(gain, offset, start_s):
    values, _ = rat_breathing(90, 5, seconds=120)

    plain = find_breaths(trace(values), RAT_PER_MIN)
    other = find_breaths(trace(gain * values + offset, start_s=start_s), RAT_PER_MIN)

    np.testing.assert_allclose(other.peak_s - start_s, plain.peak_s, atol=1e-9)
    np.testing.assert_array_equal(other.valid, plain.valid)


def test_parts_of_breaths_count_as_parts():
    breathing = Breathing(peak_s=np.arange(0.0, 61.0, 1.5), valid=np.ones(40, bool))

    rates = block_rates(breathing, [block(10, 7), block(58, 4), block(100, 5)])

    np.testing.assert_allclose(rates.per_min, [40, 40, np.nan])
    np.testing.assert_allclose(rates.valid_share, [1, 0.5, 0])


def test_intervals_that_are_not_valid_stay_out_of_the_rate():
    breathing = Breathing(peak_s=np.array([0.0, 1, 2, 6, 7, 8]), valid=np.array([True, True, False, True, True]))

    rates = block_rates(breathing, [block(0, 8)])

    np.testing.assert_allclose(rates.per_min, [60])
    np.testing.assert_allclose(rates.valid_share, [0.5])


def test_a_missed_breath_is_not_taken_for_a_slow_one():
    time_s = np.arange(0, 120, 1 / HZ)
    values = np.cos(2 * np.pi * 1.5 * time_s)
    hidden = np.abs(time_s - 60) < 0.34  # the breath at 60 s does not move the belt; 45/min would be plausible
    values[hidden] = -1

    rates = block_rates(find_breaths(trace(values), RAT_PER_MIN), [block(50, 20)])

    assert rates.per_min[0] == pytest.approx(90, abs=1)
    assert rates.valid_share[0] == pytest.approx(1 - 2 / 1.5 / 20, abs=0.01)


def test_a_trace_of_nothing_has_no_breaths():
    for values in (np.full(3000, np.nan), np.full(3000, 7.0)):
        breathing = find_breaths(trace(values), RAT_PER_MIN)

        assert breathing.peak_s.size == breathing.valid.size == 0
        rates = block_rates(breathing, [block(0, 30)])
        assert np.isnan(rates.per_min).all()
        assert rates.valid_share.tolist() == [0]


def test_a_trace_that_cannot_show_the_rates_is_refused():
    with pytest.raises(DataError, match=r"sampled at 8 Hz cannot show 180 breaths/min; it needs 12 Hz"):
        find_breaths(trace(np.zeros(1000), hz=8.0), RAT_PER_MIN)
    with pytest.raises(DataError, match=r"lasts 2 s, shorter than two breaths"):
        find_breaths(trace(np.zeros(100)), RAT_PER_MIN)


def test_species_have_their_rates():
    assert plausible_rates("Rattus norvegicus") == RAT_PER_MIN
    assert plausible_rates("Homo sapiens") == HUMAN_PER_MIN
    with pytest.raises(DataError, match=r"species 'Mus musculus'; known: homo sapiens, human, rat, rattus norvegicus"):
        plausible_rates("Mus musculus")


def test_a_real_human_trace_has_the_breaths_that_the_eye_sees(real_data):
    values = np.loadtxt(real_data / "physio" / "ds210" / "peakdet" / "RESP.csv")
    # 40 samples per second make its 24 000 samples ten minutes; the file itself gives no rate
    found = np.round(find_breaths(trace(values, hz=40.0), HUMAN_PER_MIN).peak_s * 40)

    # read off a plot of the first 4000 samples; between breaths the belt rests near -2900
    by_eye = [150, 318, 498, 685, 870, 1035, 1238, 1403, 1590, 1828, 2110, 2395, 2640, 2900, 3262, 3510, 3730, 3930]
    np.testing.assert_allclose(found[:18], by_eye, atol=10)  # a quarter of a second: the plot, and the band-pass
    # each rise from rest (-2780) above -2650 is a breath: a second way to count, which needs no filter
    high, low = values > -2650, values < -2780
    state = np.where(high, 1, np.where(low, 0, -1))
    state = state[state >= 0]
    assert abs(len(found) - np.sum(np.diff(state) == 1)) <= 1


def test_real_people_at_rest_breathe_at_the_rate_of_their_spectrum(real_data):
    from scipy.signal import welch

    root = real_data / "physio" / "ds210"
    paths = sorted(root.glob("sub-*/func/*_task-rest_*_physio.tsv.gz"))
    assert len(paths) == 3
    for path in paths:
        recorded = read_respiration(path, root)
        seconds = len(recorded.values) / recorded.sampling_hz
        rates = block_rates(find_breaths(recorded, HUMAN_PER_MIN), [block(0, seconds)])

        frequency, power = welch(recorded.values, fs=recorded.sampling_hz, nperseg=3000)
        breathing = (frequency > 0.1) & (frequency < 0.67)
        spectral = 60 * np.sum(frequency[breathing] * power[breathing]) / power[breathing].sum()
        assert 12 < rates.per_min[0] < 20  # adults at rest
        # the center of the spectrum weighs deep breaths more and has steps of 1/min
        assert rates.per_min[0] == pytest.approx(spectral, abs=2)
        assert rates.valid_share[0] > 0.95
