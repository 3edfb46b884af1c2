import json

import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.physio import read_respiration

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
