import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.imaging.breath_regressors import breath_regressors, volume_per_time
from cuecircuit.imaging.nuisance import regress
from cuecircuit.imaging.respiration import HUMAN_PER_MIN, RAT_PER_MIN, find_breaths
from cuecircuit.io.physio import read_respiration
from cuecircuit.records.scan import Trace

HZ, TR_S, N = 100.0, 1.0, 200


def sine(per_min, depth=1.0):
    time_s = np.arange(int(N * TR_S * HZ)) / HZ
    return Trace(values=depth * np.sin(2 * np.pi * per_min / 60 * time_s), sampling_hz=HZ, start_s=0.0)


def columns(trace, kind, rates=RAT_PER_MIN):
    return breath_regressors(trace, find_breaths(trace, rates), n_volumes=N, tr_s=TR_S, kind=kind)


def test_retroicor_removes_what_follows_the_phase_of_a_rats_breath():
    trace = sine(93)
    time_s = np.arange(N) * TR_S
    angle = 2 * np.pi * 93 / 60 * time_s
    noise = np.random.default_rng(1).standard_normal(N)
    series = 1000 + 20 * np.cos(angle) + 8 * np.sin(2 * angle)

    found = columns(trace, "retroicor")
    cleaned = regress((series + 0.1 * noise)[:, None], found)

    assert found.names == ("breath_cos1", "breath_sin1", "breath_cos2", "breath_sin2")
    # the phase by histogram is not quite linear in time (Glover 2000): over 95 % of the variance goes
    assert cleaned.data.var() < 0.05 * series.var()


def test_a_signal_unrelated_to_breathing_loses_only_its_degrees_of_freedom():
    noise = np.random.default_rng(2).standard_normal((N, 400))

    cleaned = regress(noise, columns(sine(93), "both"))

    # 9 columns of 199 df; the standard error of the mean variance of 400 voxels is 0.5 %
    assert cleaned.data.var(axis=0, ddof=1).mean() == pytest.approx(1 - 9 / (N - 1), abs=0.02)


@pytest.mark.parametrize(("per_min", "depth"), [(60, 1.0), (90, 3.0), (120, 0.5)])
def test_depth_over_time_of_a_sine_is_twice_its_amplitude_times_its_rate(per_min, depth):
    trace = sine(per_min, depth)

    found = volume_per_time(trace, find_breaths(trace, RAT_PER_MIN), np.arange(5.0, 190.0))

    # peaks and troughs lie between samples: a breath has 50 samples or more
    np.testing.assert_allclose(found, 2 * depth * per_min / 60, rtol=0.02)


def test_deeper_breaths_raise_the_regressor_when_they_come():
    trace = sine(90)
    later = trace.values * np.where(np.arange(len(trace.values)) / HZ > 100, 2.0, 1.0)
    deeper = Trace(values=later, sampling_hz=HZ, start_s=0.0)

    found = dict(zip(columns(deeper, "rvt").names, columns(deeper, "rvt").values.T, strict=True))

    assert found["rvt_delay0s"][110:].mean() == pytest.approx(2 * found["rvt_delay0s"][:90].mean(), rel=0.05)
    np.testing.assert_allclose(found["rvt_delay10s"][30:], found["rvt_delay0s"][20:-10], rtol=1e-9)


def test_a_trace_shorter_than_the_scan_is_refused():
    trace = sine(90)
    short = Trace(values=trace.values[: int(50 * HZ)], sampling_hz=HZ, start_s=0.0)

    with pytest.raises(DataError, match="lasts from 0 to 50 s, the scan from 0 to 200 s"):
        columns(short, "rvt")


def test_a_real_human_trace_gives_columns_without_gaps(real_data):
    root = real_data / "physio" / "ds210"
    trace = read_respiration(root / "sub-01" / "func" / "sub-01_task-rest_run-01_physio.tsv.gz", root)

    found = breath_regressors(trace, find_breaths(trace, HUMAN_PER_MIN), n_volumes=100, tr_s=3.0, kind="both")

    assert np.isfinite(found.values).all()
    assert np.linalg.matrix_rank(found.values) == 9
