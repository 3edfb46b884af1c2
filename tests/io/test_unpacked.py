"""Small files that unpack to gigabytes."""

import gzip
import json
import tracemalloc
import zipfile

import pytest

from cuecircuit.errors import DataError
from cuecircuit.io import unpacked
from cuecircuit.io.operant_rows import read_rows
from cuecircuit.io.physio import read_physio


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(unpacked, "MOST_BYTES", 2**24)


def test_a_recording_that_unpacks_without_end_is_refused_before_memory_fills(tmp_path, small_limit):
    path = tmp_path / "sub-01_task-odor_physio.tsv.gz"
    path.write_bytes(gzip.compress(b"0\n" * 2**25))
    notes = {"SamplingFrequency": 50, "StartTime": 0, "Columns": ["respiratory"]}
    (tmp_path / "sub-01_task-odor_physio.json").write_text(json.dumps(notes))
    assert path.stat().st_size < 2**18
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"physio.tsv.gz: its \d+ bytes unpack to more than 0.0156 GiB"):
            read_physio(path, tmp_path)
        _, largest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert largest < 2**24


def test_a_workbook_that_states_gigabytes_is_refused(tmp_path, small_limit):
    path = tmp_path / "events.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * 2**25)
    with pytest.raises(DataError, match=r"events.xlsx: its \d+ bytes unpack to 0.0 GiB, more than 0.0156 GiB"):
        read_rows(path)


def test_a_workbook_whose_properties_fill_memory_is_refused(tmp_path):
    path = tmp_path / "events.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 2**27)
        archive.writestr("docProps/core.xml", b" " * (2**26 + 1))
    with pytest.raises(DataError, match=r"events.xlsx: 67 MB beside its sheets"):
        read_rows(path)


def test_a_recording_of_the_length_allowed_is_read(tmp_path, small_limit):
    path = tmp_path / "sub-01_task-odor_physio.tsv.gz"
    path.write_bytes(gzip.compress(b"0.5\n" * 2**22))
    notes = {"SamplingFrequency": 1000, "StartTime": 0, "Columns": ["respiratory"]}
    (tmp_path / "sub-01_task-odor_physio.json").write_text(json.dumps(notes))
    assert read_physio(path, tmp_path)["respiratory"].values.size == 2**22
