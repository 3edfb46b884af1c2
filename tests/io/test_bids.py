import json
import shutil

import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.bids import find_scans, read_motion, sidecar


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def note(root, name, **content):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def dataset(tmp_path):
    root = tmp_path / "data"
    for subject in ("LgA01", "ShA01"):
        for run in (1, 2):
            stem = f"sub-{subject}/func/sub-{subject}_task-odor_run-{run}"
            recording = f"{stem}_recording-respiratory_physio"
            touch(root, f"{stem}_bold.nii.gz", f"{stem}_events.tsv", f"{recording}.tsv.gz")
            note(root, f"{recording}.json", StartTime=0)
            touch(root, f"derivatives/confounds/{stem}_desc-confounds_timeseries.tsv")
    touch(root, "sub-ShA01/func/sub-ShA01_task-rest_bold.nii.gz", "sub-ShA01/anat/sub-ShA01_T2w.nii.gz")
    note(root, "dataset_description.json", Name="odors", BIDSVersion="1.9.0")
    note(root, "task-odor_bold.json", RepetitionTime=2.0)
    return root


def test_scans_come_in_order_with_all_that_belongs_to_them(dataset):
    scans = find_scans(dataset, task="odor")

    assert [scan.name for scan in scans] == ["sub-LgA01 run-1", "sub-LgA01 run-2", "sub-ShA01 run-1", "sub-ShA01 run-2"]
    last = scans[-1]
    folder, stem = dataset / "sub-ShA01" / "func", "sub-ShA01_task-odor_run-2"
    assert last.bold == folder / f"{stem}_bold.nii.gz"
    assert last.events == folder / f"{stem}_events.tsv"
    assert last.physio == folder / f"{stem}_recording-respiratory_physio.tsv.gz"
    confounds = dataset / "derivatives" / "confounds" / "sub-ShA01" / "func"
    assert last.confounds == confounds / f"{stem}_desc-confounds_timeseries.tsv"
    assert (last.subject, last.session, last.run, last.tr_s) == ("ShA01", None, 2, 2.0)


def test_looking_for_scans_says_nothing(dataset, capfd, caplog):
    touch(dataset, "sub-ShA01/func/sub-ShA01_task-rest_run-x_bold.nii.gz", "sub-ShA01/func/notes of the day.txt")

    find_scans(dataset, task="odor")

    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_files_that_are_not_there_are_none(dataset):
    for path in dataset.rglob("sub-LgA01_task-odor_run-1_[erd]*"):
        path.unlink()
    (dataset / "task-odor_bold.json").unlink()

    scan = find_scans(dataset, task="odor")[0]

    assert (scan.events, scan.physio, scan.confounds, scan.tr_s) == (None, None, None, None)


def test_events_of_all_scans_may_stand_above_them(dataset):
    for path in dataset.rglob("*_events.tsv"):
        path.unlink()
    touch(dataset, "task-odor_events.tsv", "task-other_events.tsv", "sub-ShA01/sub-ShA01_task-odor_run-2_events.tsv")

    events = [scan.events for scan in find_scans(dataset, task="odor")]

    common = dataset / "task-odor_events.tsv"
    assert events == [common] * 3 + [dataset / "sub-ShA01" / "sub-ShA01_task-odor_run-2_events.tsv"]


def test_of_several_recordings_the_respiratory_one_is_taken(dataset):
    stem = "sub-ShA01/func/sub-ShA01_task-odor_run-1"
    touch(dataset, f"{stem}_recording-cardiac_physio.tsv.gz", f"{stem}_recording-eyetrack_physio.tsv.gz")

    scan = find_scans(dataset, task="odor")[2]

    assert scan.physio is not None
    assert scan.physio.name == "sub-ShA01_task-odor_run-1_recording-respiratory_physio.tsv.gz"


def test_two_confounds_of_one_scan_are_a_fault(dataset):
    name = "sub-ShA01/func/sub-ShA01_task-odor_run-1_desc-confounds_timeseries.tsv"
    touch(dataset, f"derivatives/fmriprep/{name}")

    with pytest.raises(DataError, match=r"run-1_bold.nii.gz: 2 timeseries files belong to it .*; keep one"):
        find_scans(dataset, task="odor")


def test_sessions_keep_their_files_apart(tmp_path):
    for session in ("1", "2"):
        stem = f"sub-01/ses-{session}/func/sub-01_ses-{session}_task-odor"
        touch(tmp_path, f"{stem}_bold.nii.gz", f"{stem}_events.tsv", f"{stem}_physio.tsv.gz")

    scans = find_scans(tmp_path, task="odor")

    assert [scan.name for scan in scans] == ["sub-01 ses-1", "sub-01 ses-2"]
    for scan in scans:
        assert scan.events is not None
        assert scan.physio is not None
        assert f"ses-{scan.session}" in scan.events.name
        assert f"ses-{scan.session}" in scan.physio.name


def test_a_task_without_scans_is_named_with_the_tasks_there_are(dataset):
    with pytest.raises(DataError, match=r"data: no scans of task 'smell'; tasks found: odor, rest"):
        find_scans(dataset, task="smell")


def test_a_missing_folder_and_an_empty_one_are_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: no such folder"):
        find_scans(tmp_path / "nowhere", task="odor")
    with pytest.raises(DataError, match=r"no scans of task 'odor'; tasks found: none"):
        find_scans(tmp_path, task="odor")


def test_a_copy_kept_beside_a_scan_is_no_scan(dataset):
    stem = "sub-ShA01/func/sub-ShA01_task-odor_run-1"
    touch(dataset, f"{stem}_bold.nii.gz.bak", f"{stem}_bold.nii.gz.part", f"{stem}_physio.tsv.gz.bak")

    assert len(find_scans(dataset, task="odor")) == 4
    assert "bak" not in str(find_scans(dataset, task="odor")[2].physio)


def test_every_entity_of_a_file_name_is_kept(dataset):
    touch(dataset, "sub-ShA02/ses-a/func/sub-ShA02_ses-a_task-odor_acq-mb_dir-AP_run-3_echo-2_part-mag_bold.nii.gz")

    scan = find_scans(dataset, task="odor")[-1]

    assert (scan.subject, scan.session, scan.run) == ("ShA02", "a", 3)
    assert scan.entities == {"acq": "mb", "dir": "AP", "echo": "2", "part": "mag"}


def test_nearer_and_more_special_sidecars_win(dataset):
    note(dataset, "bold.json", A=1, B=1, C=1, D=1)
    note(dataset, "task-odor_bold.json", B=2, C=2, D=2)
    note(dataset, "task-odor_run-1_bold.json", C=3, D=3)
    note(dataset, "sub-ShA01/sub-ShA01_bold.json", D=4)
    note(dataset, "task-rest_bold.json", A=9)
    note(dataset, "task-odor_events.json", A=9)

    bold = dataset / "sub-ShA01" / "func" / "sub-ShA01_task-odor_run-1_bold.nii.gz"

    assert sidecar(bold, dataset) == {"A": 1, "B": 2, "C": 3, "D": 4}
    assert sidecar(bold.with_name("sub-ShA01_task-odor_run-2_bold.nii.gz"), dataset)["C"] == 2


def test_sidecars_above_the_data_set_do_not_count(dataset):
    note(dataset.parent, "task-odor_bold.json", EchoTime=9.0)

    bold = dataset / "sub-ShA01" / "func" / "sub-ShA01_task-odor_run-1_bold.nii.gz"

    assert sidecar(bold, dataset) == {"RepetitionTime": 2.0}


def test_a_sidecar_that_is_no_json_is_named(dataset):
    (dataset / "task-odor_bold.json").write_text('{"RepetitionTime": 2,')

    with pytest.raises(DataError, match=r"task-odor_bold.json: cannot be read as JSON"):
        find_scans(dataset, task="odor")


def test_scans_of_real_rats_have_the_ids_of_their_folders(real_data, tmp_path):
    root = tmp_path / "ds005534"
    shutil.copytree(real_data / "rat" / "bids_ds005534", root)
    for path in list(root.rglob("*_bold.json")):
        path.with_suffix(".nii.gz").touch()  # the images are not part of the excerpt

    scans = find_scans(root, task="sensorystim")

    assert [scan.subject for scan in scans] == ["0200100", "0200101", "0200103"]
    assert all(scan.tr_s == 2.0 for scan in scans)


def test_motion_is_read_in_the_order_of_its_names(tmp_path):
    path = tmp_path / "confounds.tsv"
    path.write_text(
        "rot_z\trot_y\trot_x\ttrans_z\ttrans_y\ttrans_x\tother\n6\t5\t4\t3\t2\t1\tn/a\n0\t0\t0\t0\t0\t0\t1\n"
    )

    np.testing.assert_array_equal(read_motion(path), [[1, 2, 3, 4, 5, 6], [0] * 6])


def test_motion_with_gaps_or_without_columns_is_named(tmp_path):
    path = tmp_path / "confounds.tsv"
    path.write_text("trans_x\ttrans_y\ttrans_z\trot_x\trot_y\trot_z\n0\t0\t0\t0\t0\t0\n0\tn/a\t0\t0\t0\t0\n")
    with pytest.raises(DataError, match=r"confounds.tsv:3: motion parameters are empty or no numbers"):
        read_motion(path)
    path.write_text("trans_x\ttrans_y\ttrans_z\n0\t0\t0\n")
    with pytest.raises(DataError, match=r"confounds.tsv:1: columns rot_x, rot_y, rot_z are missing"):
        read_motion(path)
