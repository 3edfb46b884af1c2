import json

import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.imaging.respiration import block_rates, find_breaths, plausible_rates
from cuecircuit.io.physio import read_respiration
from cuecircuit.records.scan import Block

HEAD = ["rat 7.acq", "10 msec/sample", "2 channels", "Respiration", "Volts", "ECG", "mV"]


def write(folder, lines, notes=None):
    path = folder / "sub-7_task-odor_physio.txt"
    path.write_text("\r\n".join(lines) + "\r\n")
    path.with_suffix(".json").write_text(json.dumps({"StartTime": -2.5} if notes is None else notes))
    return path


def test_the_text_of_acqknowledge_gives_the_trace_with_its_rate(tmp_path):
    values = np.sin(np.arange(50) / 5)
    rows = [f"{number / 100:g}\t{value:.6f}\t0.1" for number, value in enumerate(values)]

    found = read_respiration(write(tmp_path, [*HEAD, "sec\tCH1\tCH2", *rows][:7] + ["CH1\tCH2", *rows]), tmp_path)

    np.testing.assert_allclose(found.values, values, atol=1e-6)  # six digits written
    assert found.sampling_hz == pytest.approx(100)
    assert found.start_s == -2.5


@pytest.mark.parametrize(
    ("lines", "notes", "said"),
    [
        ([*HEAD, "0.1\t0.2"], {}, "no JSON sidecar gives StartTime"),
        (["rat 7.acq", "fast", "2 channels"], None, "expected an AcqKnowledge text"),
        ([*HEAD, "0.1\t0.2", "0.1"], None, r"physio\.txt:9: 1 numbers for 2 channels; is the file cut off"),
        ([*HEAD, "0.1\t0.2", "a\tb"], None, r"physio\.txt:9: 'a\tb' holds no numbers"),
        (HEAD, None, "no numbers below the names of 2 channels"),
    ],
    ids=["start", "rate", "cut", "words", "empty"],
)
def test_a_text_at_fault_is_named_with_its_line(tmp_path, lines, notes, said):
    with pytest.raises(DataError, match=said):
        read_respiration(write(tmp_path, lines, notes), tmp_path)


def breaths(folder, times, **notes):
    rows = [
        f"{row * 5:>6}:" + "".join(f"{time:>13.3f}" for time in times[row * 5 : row * 5 + 5])
        for row in range(-(-len(times) // 5))
    ]
    head = ["File: breaths", "", "", "", "Start Date: 01/02/20", "End Date: 01/02/20", "Subject: 7", "Experiment: scan"]
    more = ["Group: a", "Box: 1", "Start Time:  9:00:00", "End Time:  9:20:00", "MSN: BREATH"]
    path = folder / "sub-7_task-odor_physio.txt"
    path.write_text("\r\n".join([*head, *more, "R:", *rows]) + "\r\n")
    path.with_suffix(".json").write_text(json.dumps({"StartTime": -10.0, "BreathArray": "R", **notes}))
    return path


def test_breaths_kept_by_medpc_are_found_where_they_were(tmp_path):
    # 90 per minute and faster in the middle, as seconds of a session that began 10 s before the first volume
    intervals = 60 / np.r_[np.full(60, 90.0), np.full(60, 110.0), np.full(60, 90.0)]
    times = 5 + np.cumsum(intervals)

    trace = read_respiration(breaths(tmp_path, [*times, 0.0, 0.0]), tmp_path)
    found = find_breaths(trace, plausible_rates("rat"))

    # the first and last breaths have no neighbor on one side
    inner = found.peak_s[2:-2]
    nearest = np.abs(inner[:, None] - (times - 10)[None]).min(axis=1)
    assert len(inner) >= len(times) - 6
    # two samples of the trace
    assert nearest.max() < 0.04
    rates = block_rates(found, [Block(onset_s=start, duration_s=20.0, cue="c") for start in (10.0, 45.0)])
    np.testing.assert_allclose(rates.per_min, [90, 110], rtol=0.02)


@pytest.mark.parametrize(
    ("times", "notes", "said"),
    [
        ([1.0, 2, 3], {"BreathArray": "Q"}, "1 of 1 sessions fit the sidecar, expected one with an array Q"),
        ([1.0, 2, 3], {"Subject": "8"}, "0 of 1 sessions fit the sidecar"),
        ([1.0, 3, 2, 4], {}, "array R holds 4 times of breaths, expected 3 or more that rise"),
        ([1.0, 0, 0], {}, "array R holds 1 times of breaths"),
        ([1.0, 2, 3], {"StartTime": None}, "no JSON sidecar gives StartTime"),
    ],
    ids=["letter", "subject", "order", "few", "start"],
)
def test_each_fault_of_a_medpc_file_of_breaths_is_named(tmp_path, times, notes, said):
    with pytest.raises(DataError, match=said):
        read_respiration(breaths(tmp_path, times, **notes), tmp_path)
