import json

import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.bids import find_derivatives, read_scan_table
from cuecircuit.io.scan_inventory import ScanChoice, one_per_run


@pytest.fixture
def study(tmp_path):
    """A raw data set of two people with events and physio, and fMRIPrep's outputs in two spaces."""
    for subject in ("01", "02"):
        raw = tmp_path / f"sub-{subject}" / "func"
        done = tmp_path / "derivatives" / "fmriprep" / f"sub-{subject}" / "func"
        raw.mkdir(parents=True)
        done.mkdir(parents=True)
        stem = f"sub-{subject}_task-cue_run-1"
        for ending in ("bold.nii.gz", "events.tsv", "physio.tsv.gz"):
            (raw / f"{stem}_{ending}").touch()
        for space in ("MNI152NLin2009cAsym_res-2", "T1w"):
            (done / f"{stem}_space-{space}_desc-preproc_bold.nii.gz").touch()
            (done / f"{stem}_space-{space}_desc-brain_mask.nii.gz").touch()
        (done / f"{stem}_space-T1w_desc-preproc_bold.json").write_text(json.dumps({"RepetitionTime": 1.5}))
        (done / f"{stem}_desc-confounds_timeseries.tsv").touch()
    (tmp_path / "derivatives" / "fmriprep" / "dataset_description.json").write_text("{}")
    return tmp_path


def find(study, **entities):
    scans = find_derivatives(study, study / "derivatives" / "fmriprep", task="cue")
    return one_per_run(scans, ScanChoice(entities=entities)).scans


def test_a_preprocessed_scan_keeps_its_raw_events_and_physio_and_its_own_confounds(study):
    first, second = find(study, space="T1w")

    assert first.bold.name == "sub-01_task-cue_run-1_space-T1w_desc-preproc_bold.nii.gz"
    assert first.events == study / "sub-01" / "func" / "sub-01_task-cue_run-1_events.tsv"
    assert first.physio == study / "sub-01" / "func" / "sub-01_task-cue_run-1_physio.tsv.gz"
    assert first.confounds is not None
    assert first.confounds.name == "sub-01_task-cue_run-1_desc-confounds_timeseries.tsv"
    assert first.tr_s == 1.5
    assert second.subject == "02"


def test_a_space_and_resolution_can_be_chosen(study):
    found = find(study, space="MNI152NLin2009cAsym", res="2")

    assert ["res-2" in scan.bold.name for scan in found] == [True, True]


def test_several_spaces_must_be_chosen_from(study):
    with pytest.raises(DataError) as error:
        find(study)

    space, res = error.value.faults
    assert space.startswith("sub-01 run-1 and 1 others: 2 images of one run, space MNI152NLin2009cAsym, T1w; ")
    assert "name the one to take in scans.space, or keep one in the data set" in space
    assert "res 2, none (none: the scan without res)" in res


def test_the_same_scan_with_and_without_a_resolution_is_not_taken_twice(study):
    func = study / "derivatives" / "fmriprep" / "sub-01" / "func"
    (func / "sub-01_task-cue_run-1_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz").touch()

    with pytest.raises(DataError, match=r"^sub-01 run-1: 2 images of one run, res 2, none .*scans\.res"):
        find(study, space="MNI152NLin2009cAsym")
    assert len(find(study, space="MNI152NLin2009cAsym", res="2")) == 2


def test_confounds_go_by_the_name_they_had_before_fmriprep_20_2_too(study):
    for path in study.rglob("*_desc-confounds_timeseries.tsv"):
        path.rename(path.with_name(path.name.replace("timeseries", "regressors")))

    first, _ = find(study, space="T1w")

    assert first.confounds is not None
    assert first.confounds.name == "sub-01_task-cue_run-1_desc-confounds_regressors.tsv"


def test_a_space_that_is_not_there_is_named(study):
    with pytest.raises(DataError, match=r"no scan with space MNI305 \(scans.*found: MNI152NLin2009cAsym, T1w;"):
        find(study, space="MNI305")


def test_a_table_of_paths_gives_scans(study):
    table = study / "scans.tsv"
    table.write_text(
        "subject\trun\tbold\tevents\n"
        "01\t1\tsub-01/func/sub-01_task-cue_run-1_bold.nii.gz\tsub-01/func/sub-01_task-cue_run-1_events.tsv\n"
        "01\t2\tsub-02/func/sub-02_task-cue_run-1_bold.nii.gz\tn/a\n"
    )

    first, second = read_scan_table(table)

    assert (first.subject, first.run, first.session, first.physio) == ("01", 1, None, None)
    assert first.events == study / "sub-01" / "func" / "sub-01_task-cue_run-1_events.tsv"
    assert second.events is None


def test_every_fault_of_a_table_of_paths_is_named_with_its_line(study):
    table = study / "scans.tsv"
    bold = "sub-01/func/sub-01_task-cue_run-1_bold.nii.gz"
    table.write_text(f"subject\tbold\n01\t{bold}\n01\t{bold}\n02\tnowhere.nii\n03\tn/a\n")

    with pytest.raises(DataError) as error:
        read_scan_table(table)

    said = "\n".join(error.value.faults)
    assert "scans.tsv:3: sub-01 is duplicated" in said
    assert "nowhere.nii: no such file" in said
    assert "scans.tsv:5: subject or bold is empty" in said
