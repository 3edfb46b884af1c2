"""Names of BIDS files, against bids2table."""

from pathlib import PurePath

import bids2table
import pytest

from cuecircuit.io.bids_names import index_files, parse_entities

NAMES = (
    "sub-01/func/sub-01_task-cue_run-02_bold.nii.gz",
    "sub-01/func/sub-01_task-cue_run-02_bold.json",
    "sub-01/func/sub-01_task-cue_run-x_echo-2_part-mag_bold.nii",
    "sub-01/ses-a/func/sub-01_ses-a_task-cue_acq-mb_recording-resp_physio.tsv.gz",
    "sub-01/ses-a/sub-01_ses-a_scans.tsv",
    "sub-01/meg/sub-01_task-cue_meg.ds/sub-01_task-cue_hist.txt",
    "sub-01/func/sub-01_task-cue_bold.nii.gz.bak",
    "sub-01/func/sub-01_noending",
    "sub-01/func/sub-01_desc-last.tsv",
    "sub-01/func/notes.txt",
    "sub-01/.hidden/sub-01_bold.nii.gz",
    "sub-a_b/func/sub-a_b_bold.nii",
    "sub-02/func/sub-02_space-MNI152NLin2009cAsym_res-2_desc-preproc_bold.nii.gz",
    "derivatives/one/sub-01/func/sub-01_desc-confounds_timeseries.tsv",
)


def test_entities_are_those_of_bids2table():
    for name in NAMES:
        theirs = bids2table.parse_bids_entities(name)
        assert parse_entities(PurePath(name)) == {key: text for key, text in theirs.items() if key != "datatype"}


@pytest.mark.filterwarnings("ignore")
def test_the_index_is_that_of_bids2table(tmp_path):
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "sub-03").symlink_to(tmp_path / "sub-02", target_is_directory=True)

    ours = index_files(tmp_path)

    theirs = bids2table.index_dataset(tmp_path).to_pylist()
    assert len(theirs) == 8
    by_path = {tmp_path / file.pop("path"): file for file in theirs}
    assert [file["path"] for file in ours] == sorted(by_path)
    for file in ours:
        expected = by_path[file["path"]]
        assert file["unread"] == dict(expected.pop("extra_entities"))
        entities = expected.keys() - {"dataset", "root", "datatype"}
        assert {key: file[key] for key in entities} == {key: expected[key] for key in entities}
