import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.bids import read_motion
from cuecircuit.io.rabies import find_rabies, is_rabies

HEADER = "mov1,mov2,mov3,rot1,rot2,rot3,mov1_der"


@pytest.fixture
def study(tmp_path):
    """Raw scans of two rats, the second with two runs, and what RABIES made of all but the last run."""
    made = tmp_path / "derivatives" / "rabies"
    for subject, runs in (("01", (1,)), ("02", (1, 2))):
        raw = tmp_path / f"sub-{subject}" / "func"
        raw.mkdir(parents=True)
        for run in runs:
            stem = f"sub-{subject}_task-odor_run-{run}"
            (raw / f"{stem}_bold.nii.gz").touch()
            (raw / f"{stem}_events.tsv").touch()
            if run == 2:
                continue
            inner = f"_scan_info_subject_id{subject}_split_name_sub-{subject}_task-odor_bold/_run_{run}"
            bold = made / "bold_datasink" / "commonspace_bold" / inner
            motion = made / "motion_datasink" / "motion_params_csv" / inner
            bold.mkdir(parents=True)
            motion.mkdir(parents=True)
            (bold / f"{stem}_bold_RAS_combined.nii.gz").touch()
            (motion / f"{stem}_bold_motion.csv").write_text(f"{HEADER}\n0.1,0.2,0.3,0.01,0.02,0.03,9\n0,0,0,0,0,0,9\n")
    return tmp_path


def test_scans_in_common_space_are_found_by_the_name_of_the_raw_scan(study):
    folder = study / "derivatives" / "rabies"

    first, second = find_rabies(study, folder, task="odor")

    assert is_rabies(folder)
    assert not is_rabies(study)
    assert (first.subject, first.run) == ("01", 1)
    assert first.bold.name == "sub-01_task-odor_run-1_bold_RAS_combined.nii.gz"
    assert first.events == study / "sub-01" / "func" / "sub-01_task-odor_run-1_events.tsv"
    assert second.subject == "02"


def test_the_motion_of_rabies_is_read_in_its_order(study):
    (first, _) = find_rabies(study, study / "derivatives" / "rabies", task="odor")
    assert first.confounds is not None

    np.testing.assert_allclose(read_motion(first.confounds), [[0.1, 0.2, 0.3, 0.01, 0.02, 0.03], [0.0] * 6])


def test_outputs_of_other_scans_are_named(study):
    for scan in study.glob("sub-*/func/*_bold.nii.gz"):
        scan.rename(scan.with_name(scan.name.replace("task-odor", "task-odor_acq-fast")))

    with pytest.raises(DataError, match="none of 2 scans is called like a raw scan of task 'odor'"):
        find_rabies(study, study / "derivatives" / "rabies", task="odor")


def test_two_results_of_one_scan_are_named(study):
    one = next(study.rglob("sub-01*combined.nii.gz"))
    one.with_name(one.name.replace("_RAS", "")).touch()

    with pytest.raises(DataError, match="2 scans in common space are made of it"):
        find_rabies(study, study / "derivatives" / "rabies", task="odor")
