"""Raw echoes of a run are found, read and combined before motion is estimated; what is missing is named."""

import json
from pathlib import Path

import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.nifti import read_series, write_volume
from cuecircuit.io.scan_inventory import ScanChoice
from cuecircuit.pipeline.preprocess import RawStudy, _prepared, raw_echoes, raw_scans
from cuecircuit.study.acquisition import Preprocess
from tests.nodes.tiny_scans import GRID, SHAPE, TR_S

T2_S, S0, ECHO_S = 0.03, 800.0, (0.014, 0.032, 0.05)
COMBINED = ScanChoice(entities={"echo": "combined"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs of three echoes, in which R2* changes by 1 per second in every second volume."""
    (tmp_path / "dataset_description.json").write_text('{"Name": "echoes", "BIDSVersion": "1.10.0"}')
    func = tmp_path / "sub-01" / "func"
    func.mkdir(parents=True)
    rate = 1 / T2_S + np.tile([0.0, 1.0], 5)
    for run in (1, 2):
        for number, te in enumerate(ECHO_S, 1):
            stem = func / f"sub-01_task-cue_run-{run}_echo-{number}_bold"
            data = np.broadcast_to(run * S0 * np.exp(-te * rate), (*SHAPE, 10)).astype(np.float32)
            write_volume(stem.with_suffix(".nii.gz"), data, GRID, tr_s=TR_S)
            stem.with_suffix(".json").write_text(json.dumps({"RepetitionTime": TR_S, "EchoTime": te}))
    return tmp_path


def raw_study(folder: Path, choice: ScanChoice) -> RawStudy:
    return RawStudy(
        title="",
        root=folder,
        dataset=folder,
        task="cue",
        subjects=("01",),
        scans=raw_scans(folder, "cue", choice, exclude=()),
        echoes=raw_echoes(folder, "cue", choice, exclude=()),
        settings=Preprocess(),
        head_radius_mm=None,
    )


def test_the_echoes_of_each_run_are_combined_with_the_weights_of_the_formula(folder: Path):
    raw = raw_study(folder, COMBINED)
    assert [scan.bold.name for scan in raw.scans] == [f"sub-01_task-cue_run-{run}_echo-1_bold.nii.gz" for run in (1, 2)]
    assert [echo.echo_s for echo in raw.echoes["sub-01 run-2"]] == list(ECHO_S)
    series, _ = _prepared(raw, raw.scans[1])
    te = np.array(ECHO_S)
    echoes = 2 * S0 * np.exp(-te[:, None] * (1 / T2_S + np.tile([0.0, 1.0], 5)))
    weights = te * np.exp(-te * (1 / T2_S + 0.5))  # R2* of the mean over volumes
    np.testing.assert_allclose(series.data[2, 2, 2], weights @ echoes / weights.sum(), rtol=2e-4)  # cosh(TE / 2)
    assert series.tr_s == TR_S


def test_one_echo_is_taken_as_it_is_where_the_study_names_it(folder: Path):
    raw = raw_study(folder, ScanChoice(entities={"echo": "2"}))
    series, _ = _prepared(raw, raw.scans[0])
    np.testing.assert_array_equal(series.data, read_series(raw.scans[0].bold).data)
    assert raw.scans[0].bold.name == "sub-01_task-cue_run-1_echo-2_bold.nii.gz"
    assert raw.echoes == {}


def test_echoes_that_cannot_be_combined_are_named(folder: Path):
    func = folder / "sub-01" / "func"
    (func / "sub-01_task-cue_run-2_echo-3_bold.json").write_text(json.dumps({"EchoTime": 50}))
    with pytest.raises(DataError, match=r"run-2_echo-3_bold\.nii\.gz: EchoTime 50 in the sidecar; .* write seconds"):
        raw_study(folder, COMBINED)
    (func / "sub-01_task-cue_run-2_echo-3_bold.nii.gz").unlink()
    with pytest.raises(DataError, match=r"sub-01 run-2: no scan with echo 3 \(scans.echo\); found: 1, 2"):
        raw_study(folder, COMBINED)
    for echo in func.glob("*_echo-[23]_*"):
        echo.unlink()
    with pytest.raises(DataError, match=r"sub-01 run-1: one echo, of which nothing is combined"):
        raw_study(folder, COMBINED)


def test_echoes_of_another_length_are_named(folder: Path):
    bold = folder / "sub-01" / "func" / "sub-01_task-cue_run-1_echo-2_bold.nii.gz"
    write_volume(bold, read_series(bold).data[..., :9], GRID, tr_s=TR_S)
    raw = raw_study(folder, COMBINED)
    with pytest.raises(DataError, match=r"run-1_echo-1_bold\.nii\.gz: echoes of .* expected the same"):
        _prepared(raw, raw.scans[0])
