import numpy as np
import pytest
from scipy.signal import lfilter

from cuecircuit.imaging.respiration import HUMAN_PER_MIN, RAT_PER_MIN, breath_signal
from cuecircuit.imaging.trace_checks import breath_rhythm, check_trace, clipped
from cuecircuit.io.physio import read_respiration
from cuecircuit.records.scan import Block, Trace

HZ, SCAN_S = 50.0, 420.0
BLOCKS = tuple(Block(onset_s=onset, duration_s=30.0, cue="saline") for onset in (60.0, 150.0, 240.0, 330.0))


def breathing(seconds=SCAN_S, per_min=90.0, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * HZ)) / HZ
    phase = np.cumsum(per_min / 60 * (1 + 0.05 * np.sin(2 * np.pi * time_s / 44))) / HZ
    return np.sin(2 * np.pi * phase) + noise * rng.standard_normal(len(time_s))


def report(values, start_s=0.0, hz=HZ, rates=RAT_PER_MIN):
    return check_trace(Trace(values=values, sampling_hz=hz, start_s=start_s), rates, BLOCKS, scan_s=SCAN_S)


def rhythm(values, rates, hz=HZ):
    trace = Trace(values=values, sampling_hz=hz, start_s=0.0)
    return breath_rhythm(trace, *breath_signal(trace, rates), rates)


def test_a_trace_of_the_whole_scan_has_no_fault():
    found = report(breathing())

    assert found.faults == ()
    assert found.notes == ()


def test_a_recording_that_starts_late_is_named_with_what_it_covers():
    found = report(breathing(), start_s=120.0)

    (fault,) = found.faults
    assert fault.startswith("block 1 (onset 60 s): breaths in 0% of the block, ")
    assert "the recording covers 120 to 540 s, the scan 0 to 420 s; correct StartTime" in fault
    assert found.notes == ("the recording covers 120 to 540 s, the scan 0 to 420 s",)


def test_a_recording_that_misses_no_block_is_noted_alone():
    found = report(breathing(seconds=380), start_s=20.0)

    assert found.faults == ()
    assert found.notes == ("the recording covers 20 to 400 s, the scan 0 to 420 s",)


@pytest.mark.parametrize(("stated_hz", "factor"), [(100.0, "0.5"), (25.0, "2"), (500.0, "0.1"), (200.0, "0.25")])
def test_another_sampling_rate_than_stated_is_named(stated_hz, factor):
    (fault,) = report(breathing(), hz=stated_hz).faults

    assert f"{factor} times as long; SamplingFrequency {stated_hz:g} Hz was most likely 50 Hz" in fault


@pytest.mark.parametrize("rates", [RAT_PER_MIN, HUMAN_PER_MIN])
@pytest.mark.parametrize("color", ["white", "brown", "ar", "pulse"])
@pytest.mark.parametrize("seed", range(3))
def test_a_trace_without_breaths_is_never_used(rates, color, seed):
    rng = np.random.default_rng(seed)
    white = rng.standard_normal(int(SCAN_S * HZ))
    values = {
        "white": white,
        "brown": np.cumsum(white),
        "ar": lfilter([1], [1, -0.95], white),
        "pulse": np.repeat(rng.standard_normal(420), 50),  # a sensor that changes once a second
    }[color]
    if color == "pulse" and rates == HUMAN_PER_MIN:
        values = values + white

    (fault,) = report(values, rates=rates).faults

    assert "has no rhythm of breaths" in fault
    assert "take respiration out of the study" in fault


def test_a_flat_trace_is_named():
    (fault,) = report(np.full(int(SCAN_S * HZ), 0.5)).faults

    assert fault.startswith("the trace is flat or not recorded; ")


@pytest.mark.parametrize("per_min", [45.0, 90.0, 170.0])
@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_breaths_have_a_rhythm_at_every_rate_of_a_rat(per_min, noise):
    assert report(breathing(per_min=per_min, noise=noise)).faults == ()


def test_a_rhythm_does_not_depend_on_unit_sign_or_offset():
    values = breathing()

    assert rhythm(-3e4 * values + 7e6, RAT_PER_MIN) == pytest.approx(rhythm(values, RAT_PER_MIN), rel=1e-6)
    assert rhythm(breathing(noise=0.0), RAT_PER_MIN) > 0.95


def test_a_block_in_which_the_belt_came_off_is_named():
    values = breathing()
    values[int(235 * HZ) : int(275 * HZ)] = values[int(235 * HZ)]

    (fault,) = report(values).faults

    assert fault.startswith("block 3 (onset 240 s): breaths in 0% of the block, the trace is flat or n/a there")


def test_a_clipped_block_is_noted():
    values = breathing(noise=0.0)
    inside = slice(int(150 * HZ), int(180 * HZ))
    values[inside] = np.clip(values[inside], -0.8, None)
    values[values < -0.8] = -0.8  # the sensor's end of range

    found = report(values)

    assert found.faults == ()
    assert any(note.startswith("block 2 (onset 150 s): ") and "clipped" in note for note in found.notes)


def test_a_trace_that_touches_its_end_once_is_not_clipped():
    values = breathing()

    assert not clipped(Trace(values=values, sampling_hz=HZ, start_s=0.0)).any()


def test_real_breathing_of_human_participants_has_a_rhythm(real_data):
    root = real_data / "physio" / "ds210"
    paths = sorted(root.rglob("*_physio.tsv.gz"))
    found = [breath_rhythm_of(read_respiration(path, root)) for path in paths]

    assert len(found) == 15
    assert min(found) > 0.3


def breath_rhythm_of(trace):
    return breath_rhythm(trace, *breath_signal(trace, HUMAN_PER_MIN), HUMAN_PER_MIN)
