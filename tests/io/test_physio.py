import gzip
import json

import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.physio import read_physio, read_respiration

NOTES = {"SamplingFrequency": 50, "StartTime": -2.5, "Columns": ["cardiac", "respiratory"]}


@pytest.fixture
def recording(tmp_path):
    def write(notes=NOTES, rows="1\t2\n3\tn/a\n5\t6\n"):
        folder = tmp_path / "sub-01" / "func"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "sub-01_task-odor_run-1_physio.tsv.gz"
        path.write_bytes(gzip.compress(rows.encode()))
        (tmp_path / "sub-01" / "sub-01_task-odor_physio.json").write_text(json.dumps(notes))
        return path

    return write


def without(key):
    return {name: value for name, value in NOTES.items() if name != key}


def test_columns_become_traces_on_the_clock_of_the_scan(recording, tmp_path):
    traces = read_physio(recording(), tmp_path)

    assert list(traces) == ["cardiac", "respiratory"]
    np.testing.assert_array_equal(traces["respiratory"].values, [2, np.nan, 6])
    assert traces["respiratory"].sampling_hz == 50.0
    assert traces["respiratory"].start_s == -2.5


def test_the_respiratory_column_is_found_by_its_name(recording, tmp_path):
    assert read_respiration(recording(), tmp_path).values[2] == 6
    assert read_respiration(recording(), tmp_path, column="cardiac").values[2] == 5
    belt = recording({**NOTES, "Columns": ["Resp", "trigger"]})
    assert read_respiration(belt, tmp_path).values[2] == 5


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        (without("StartTime"), "no JSON sidecar gives StartTime; add it to the sidecar"),
        (without("SamplingFrequency"), "no JSON sidecar gives SamplingFrequency"),
        (without("Columns"), "no JSON sidecar gives Columns"),
        ({**NOTES, "SamplingFrequency": 0}, "SamplingFrequency 0 in the sidecar is no rate in Hz"),
        ({**NOTES, "SamplingFrequency": "50"}, "SamplingFrequency '50' in the sidecar is no rate in Hz"),
        ({**NOTES, "StartTime": None}, "StartTime None in the sidecar is no time in seconds"),
        ({**NOTES, "Columns": "respiratory"}, "Columns 'respiratory' in the sidecar is no list of different names"),
        ({**NOTES, "Columns": ["a", "a"]}, "Columns ['a', 'a'] in the sidecar is no list of different names"),
        ({**NOTES, "Columns": ["respiratory"]}, "2 columns, the sidecar names 1 (respiratory); fix Columns"),
        ({**NOTES, "Columns": ["a", "b"]}, "expected one column of respiration"),
        ({**NOTES, "Columns": ["resp", "breath"]}, "found 2 among: resp, breath"),
    ],
)
def test_each_fault_of_a_sidecar_is_named_with_the_file(recording, tmp_path, notes, said):
    path = recording(notes)

    with pytest.raises(DataError) as caught:
        read_respiration(path, tmp_path)

    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith(f"{path}: ")
    assert said in caught.value.faults[0]


def test_a_recording_that_was_cut_off_is_named(recording, tmp_path):
    path = recording(rows="1\t2\n" * 5000)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(DataError, match=r"run-1_physio.tsv.gz: damaged or cut off"):
        read_physio(path, tmp_path)


def test_a_recording_that_is_no_gzip_is_named(recording, tmp_path):
    path = recording()
    path.write_bytes(b"1\t2\n3\t4\n")

    with pytest.raises(DataError, match=r"run-1_physio.tsv.gz: damaged or cut off"):
        read_physio(path, tmp_path)


@pytest.mark.parametrize("rows", ["cardiac\trespiratory\n1\t2\n", "1\t2\n3\n1\t2\t3\n", ""])
def test_a_recording_that_is_no_table_of_numbers_is_named(recording, tmp_path, rows):
    with pytest.raises(DataError, match=r"run-1_physio.tsv.gz: not a table of numbers without header"):
        read_physio(recording(rows=rows), tmp_path)


def test_a_missing_recording_is_named(tmp_path):
    with pytest.raises(DataError, match=r"sub-01_physio.tsv.gz: no such file"):
        read_physio(tmp_path / "sub-01_physio.tsv.gz", tmp_path)


def test_real_recordings_find_their_sidecar_one_folder_up(real_data):
    root = real_data / "physio" / "ds210"

    trace = read_respiration(root / "sub-02" / "func" / "sub-02_task-rest_run-01_physio.tsv.gz", root)

    assert trace.sampling_hz == 50.0
    assert trace.start_s == 0.0
    assert len(trace.values) == 30_600
    assert trace.values[0] == -1376
