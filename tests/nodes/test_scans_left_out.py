"""Single scans are left out by the study file, by tables of scans, or for a fault of their header; all are named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.columns import read_columns
from cuecircuit.io.listed_scans import read_listed_scans
from cuecircuit.io.nifti import write_volume
from cuecircuit.io.tables import read_table
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.run import run_study
from cuecircuit.records.grid import Grid
from tests.nodes.tiny_scans import GRID, SHAPE, TR_S, Scan, scan_data, write_scans, write_study

RUNS = tuple(Scan(subject=f"0{one}", run=run, seed=10 * one + run) for one in (1, 2, 3) for run in (1, 2))
COMBINED = {"task": "cue", "tr_s": TR_S, "runs": "combine"}
EXCLUDE = COMBINED | {"on_fault": "exclude"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_scans(tmp_path, RUNS)
    return tmp_path


def bold(folder: Path, run: int = 1) -> Path:
    return folder / f"sub-01/func/sub-01_task-cue_run-{run}_bold.nii.gz"


def list_scans(folder: Path, *rows: str, header: str = "filename\tacq_time\texclude") -> None:
    lines = [f"func/sub-01_task-cue_run-{row}" for row in rows]
    (folder / "sub-01" / "sub-01_scans.tsv").write_text("\n".join([header, *lines]) + "\n")


def faults(folder: Path, scans: dict[str, object], *, data: bool = False) -> tuple[str, ...]:
    with pytest.raises(StudyError) as error:
        check_study(write_study(folder, scans=scans), data=data)
    return error.value.faults


def cut_off(folder: Path) -> None:
    bold(folder).write_bytes(bold(folder).read_bytes()[:100])


def another_grid(folder: Path) -> None:
    grid = Grid(shape=(*SHAPE[:2], 3), affine=GRID.affine)
    write_volume(bold(folder), scan_data(5)[:, :, :3], grid, tr_s=TR_S)


def another_time_step(folder: Path) -> None:
    write_volume(bold(folder), scan_data(5), GRID, tr_s=1.5)


def one_volume(folder: Path) -> None:
    write_volume(bold(folder), scan_data(5)[..., 0], GRID)


def no_events(folder: Path) -> None:
    Path(str(bold(folder)).replace("_bold.nii.gz", "_events.tsv")).unlink()


@pytest.mark.parametrize(
    ("plant", "why"),
    [
        (cut_off, "sub-01_task-cue_run-1_bold.nii.gz"),
        (another_grid, "6 × 5 × 3 voxels"),
        (another_time_step, "TR is 1.5 s in the header"),
        (one_volume, "one volume, expected a scan of many"),
        (no_events, "no events file belongs to it"),
    ],
)
def test_a_scan_with_a_fault_in_its_header_or_without_events_stops_the_study_or_is_set_aside(
    folder: Path, plant: Callable[[Path], None], why: str
):
    plant(folder)
    assert why in " ".join(faults(folder, COMBINED))
    (note,) = check_study(write_study(folder, scans=EXCLUDE))
    assert note.startswith("sub-01 run-1 set aside: ")
    assert why in note or plant is cut_off


def test_maps_are_made_of_the_scans_that_are_left_and_the_reason_is_in_the_inventory(folder: Path):
    another_grid(folder)
    list_scans(folder, "1_bold.nii.gz\t2026-01-31T09:00:00\tn/a")
    run_study(write_study(folder, scans=EXCLUDE), folder / "out", stages=["subjects", "trials", "maps"])
    inputs = read_table(folder / "out" / "inputs.tsv", text=("subject",))
    left_out = inputs[inputs["used"] == "no"]
    assert len(inputs) == 6
    assert "6 × 5 × 3 voxels" in left_out["reason"].item()
    assert left_out["acq_time"].item() == "2026-01-31T09:00:00"
    maps = read_columns(folder / "out" / "tables" / "maps.task.npz")
    assert maps.groupby("subject")["n_runs"].first().to_dict() == {"01": 1, "02": 2, "03": 2}


def test_a_subject_whose_scans_are_all_set_aside_is_named(folder: Path):
    for run in (1, 2):
        bold(folder, run).write_bytes(b"")
    (fault,) = faults(folder, EXCLUDE)
    assert fault == "scans: sub-01: no scan is left; exclude the subject (subjects.exclude), or add the scans"


def test_scans_that_the_study_file_excludes_are_left_out_and_must_be_there(folder: Path):
    no_events(folder)
    exclude = {"sub-01 run-1": "fell asleep"}
    (note,) = check_study(write_study(folder, scans=COMBINED | {"exclude": exclude}))
    assert note == "sub-01 run-1 set aside: fell asleep"
    found = faults(folder, COMBINED | {"exclude": {"sub-01 run-7": "fell asleep"}})
    assert any("scans.exclude: no scan is called 'sub-01 run-7'; names are as sub-01 run-1" in one for one in found)


def test_scans_that_a_table_leaves_out_are_named_and_can_be_accepted(folder: Path):
    list_scans(folder, "1_bold.nii.gz\t2026-01-31T09:00:00\tyes", "2_bold.nii.gz\tn/a\tno")
    (note,) = check_study(write_study(folder, scans=COMBINED))
    assert note == f"sub-01 run-1 set aside: {folder}/sub-01/sub-01_scans.tsv:2: exclude yes"
    accept = {"sub-01 run-1 excluded": "it was another scan"}
    assert check_study(write_study(folder, scans=COMBINED | {"accept": accept}), data=True) == ()


@pytest.mark.parametrize(
    ("header", "cell", "left_out"),
    [
        ("excluded", "1", True),
        ("exclude", "False", False),
        ("include", "no", True),
        ("Usable", "true", False),
        ("status", "bad", True),
        ("status", "good", False),
        ("exclude", "n/a", False),
        ("quality", "bad", False),  # nothing is known of other columns
    ],
)
def test_the_words_by_which_tables_leave_scans_out(folder: Path, header: str, cell: str, left_out: bool):
    list_scans(folder, f"1_bold.nii.gz\t{cell}", header=f"filename\t{header}")
    (row,) = read_listed_scans(folder, task="cue")
    assert (row.left_out is not None) == left_out


def test_what_cannot_be_understood_in_a_table_of_scans_is_refused_with_its_line(folder: Path):
    list_scans(folder, "1_bold.nii.gz\tyesterday\tno", "2_bold.nii.gz\tn/a\tmoved a lot")
    with pytest.raises(DataError) as error:
        read_listed_scans(folder, task="cue")
    time, word = error.value.faults
    assert "sub-01_scans.tsv:2: acq_time 'yesterday' is no time" in time
    assert "sub-01_scans.tsv:3: exclude is 'moved a lot'; write no or yes" in word
    list_scans(folder, "1_bold.nii.gz\tn/a\tno", header="file\tacq_time\texclude")
    with pytest.raises(DataError, match=r"no column filename; found: file, acq_time, exclude"):
        read_listed_scans(folder, task="cue")


def test_a_listed_scan_that_is_missing_is_named(folder: Path):
    list_scans(folder, "1_bold.nii.gz\tn/a\tn/a", "3_bold.nii.gz\tn/a\tn/a")
    place = f"{folder}/sub-01/sub-01_scans.tsv:3: sub-01 run-3: sub-01_task-cue_run-3_bold.nii.gz"
    (fault,) = faults(folder, COMBINED)
    assert f"{place} is listed and is not there; add it, take the row out, or accept it" in fault
    (note,) = check_study(write_study(folder, scans=EXCLUDE))
    assert note == f"{place} is listed and is not there"
    accept = {"sub-01 run-3 missing": "the scanner broke"}
    assert check_study(write_study(folder, scans=COMBINED | {"accept": accept}), data=True) == ()


def test_runs_that_were_not_acquired_in_the_order_of_their_numbers_are_noted(folder: Path):
    list_scans(folder, "1_bold.nii.gz\t2026-01-31T09:30:00\tn/a", "2_bold.nii.gz\t2026-01-31T09:00:00Z\tn/a")
    (note,) = check_study(write_study(folder, scans=COMBINED))
    assert note.startswith("sub-01 run-2 was not acquired after sub-01 run-1 (acq_time 2026-01-31T09:00:00 and ")


def test_what_is_accepted_and_names_no_fault_or_no_scan_is_refused(folder: Path):
    accept = {"sub-01 run-1 spikes": "a reason", "sub-01 spike": "a reason"}
    kind, scan = faults(folder, COMBINED | {"accept": accept})
    assert "scans.accept: 'sub-01 run-1 spikes' ends in no kind of fault; expected one of zero, constant" in kind
    assert "scans.accept: 'sub-01 spike': no scan is called 'sub-01'; the most alike is sub-0" in scan


def test_what_is_accepted_and_was_not_found_is_named_when_data_are_read(folder: Path):
    accept = dict.fromkeys(["sub-01 run-1 spike", "sub-02 run-1 double", "mask full"], "a reason")
    check_study(write_study(folder, scans=COMBINED | {"accept": accept}))
    found = faults(folder, COMBINED | {"accept": accept}, data=True)
    assert found == tuple(
        f"scans: scans.accept: nothing is found that is called '{one}'; take it out" for one in accept
    )
