"""Which images of opposite phase encoding belong to a session, and what contradicts."""

import json
from pathlib import Path

import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.bids import find_scans
from cuecircuit.io.nifti import write_volume
from cuecircuit.io.phase_encoding import ReversedPair, find_reversed_pair
from cuecircuit.records.grid import Grid

GRID = Grid(shape=(3, 4, 3), affine=np.diag([2.0, 2.0, 2.0, 1.0]))
FLIPPED = Grid(shape=GRID.shape, affine=np.diag([2.0, -2.0, 2.0, 1.0]))
BOLD, MAP = "sub-1/func/sub-1_task-cue_bold", "sub-1/fmap/sub-1_dir-{}_epi"
INTENDED = f"bids::{BOLD}.nii.gz"


def image(folder: Path, name: str, grid: Grid = GRID, **notes: object) -> None:
    path = folder / f"{name}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(path, np.ones((*grid.shape, 2), np.float32), grid, tr_s=2.0)
    path.with_name(f"{path.name.removesuffix('.nii.gz')}.json").write_text(json.dumps(notes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dataset_description.json").write_text('{"Name": "fields", "BIDSVersion": "1.10.0"}')
    image(tmp_path, BOLD, PhaseEncodingDirection="j", TotalReadoutTime=0.04)
    return tmp_path


def pair_of(folder: Path, **entities: str) -> ReversedPair | None:
    of_task = find_scans(folder, task="cue", confounds=False)
    scans = [scan for scan in of_task if entities.items() <= scan.entities.items()]
    return find_reversed_pair(scans, of_task, folder)


@pytest.mark.parametrize("intended", [INTENDED, [BOLD + ".nii.gz"], "func/sub-1_task-cue_bold.nii.gz"])
def test_the_pair_of_fmap_that_is_intended_for_a_scan_is_taken(folder: Path, intended):
    image(folder, MAP.format("AP"), PhaseEncodingDirection="j-", TotalReadoutTime=0.04, IntendedFor=intended)
    image(folder, MAP.format("PA"), PhaseEncodingDirection="j", TotalReadoutTime=0.02, IntendedFor=intended)
    pair = pair_of(folder)
    assert pair is not None
    assert (pair.reverse.name, pair.axis) == ("sub-1_dir-AP_epi.nii.gz", 1)
    assert pair.forward is not None
    assert pair.forward.name == "sub-1_dir-PA_epi.nii.gz"
    assert pair.factors == pytest.approx((0.5, -1))
    assert pair.scan_factors == {"sub-1": 1}


def test_one_reversed_image_is_matched_with_the_scan_itself(folder: Path):
    image(folder, BOLD, PhaseEncodingDirection="j", B0FieldSource="field0")
    image(folder, MAP.format("AP"), PhaseEncodingDirection="j-", B0FieldIdentifier=["field0"])
    pair = pair_of(folder)
    assert pair is not None
    assert pair.forward is None
    assert pair.factors == (1, -1)


def test_directions_are_those_of_space_and_not_of_storage(folder: Path):
    image(folder, MAP.format("AP"), FLIPPED, PhaseEncodingDirection="j", TotalReadoutTime=0.04, IntendedFor=INTENDED)
    assert pair_of(folder) is not None
    image(folder, MAP.format("AP"), FLIPPED, PhaseEncodingDirection="j-", TotalReadoutTime=0.04, IntendedFor=INTENDED)
    with pytest.raises(DataError, match="the same direction"):
        pair_of(folder)


def test_scans_of_the_other_direction_correct_one_another(folder: Path):
    (folder / f"{BOLD}.nii.gz").unlink()
    for run, (name, direction) in enumerate((("AP", "j-"), ("PA", "j")), 1):
        image(folder, f"sub-1/func/sub-1_task-cue_dir-{name}_run-{run}_bold", PhaseEncodingDirection=direction)
    both, one = pair_of(folder), pair_of(folder, dir="AP")
    assert both is not None
    assert one is not None
    assert both.reverse == one.reverse
    assert one.reverse.name == "sub-1_task-cue_dir-PA_run-2_bold.nii.gz"
    assert both.scan_factors == {"sub-1 run-1": 1, "sub-1 run-2": -1}
    assert one.scan_factors == {"sub-1 run-1": 1}


def test_nothing_belongs_to_a_scan_without_a_word_of_it(folder: Path):
    assert pair_of(folder) is None
    image(folder, MAP.format("AP"), PhaseEncodingDirection="j-")
    assert pair_of(folder) is None
    image(folder, "sub-1/func/sub-1_task-cue_run-2_bold")
    (folder / f"{BOLD}.nii.gz").rename(folder / "sub-1/func/sub-1_task-cue_run-1_bold.nii.gz")
    assert pair_of(folder) is None


@pytest.mark.parametrize(
    ("notes", "fault"),
    [
        ({}, r"AP_epi\.nii\.gz: no PhaseEncodingDirection in the sidecar; write i, j or k"),
        ({"PhaseEncodingDirection": "AP"}, "PhaseEncodingDirection 'AP' in the sidecar"),
        ({"PhaseEncodingDirection": "i-"}, "along another axis than sub-1_task-cue_bold"),
        ({"PhaseEncodingDirection": "j"}, "same direction as that of sub-1_task-cue_bold.nii.gz"),
        ({"PhaseEncodingDirection": "j-"}, "no TotalReadoutTime in the sidecar, but others of its field have one"),
        ({"PhaseEncodingDirection": "j-", "TotalReadoutTime": 40}, "write seconds, such as 0.036"),
    ],
)
def test_sidecars_that_contradict_are_refused_with_the_way_out(folder: Path, notes, fault):
    image(folder, MAP.format("AP"), IntendedFor=INTENDED, **notes)
    with pytest.raises(DataError, match=fault) as caught:
        pair_of(folder)
    assert all("set preprocess.susceptibility: none" in line for line in caught.value.faults)
