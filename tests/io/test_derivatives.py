"""Names of maps and the description of a derivative."""

import json

import pytest

from cuecircuit.io.derivatives import bids_label, map_name, subject_prefixes, write_description
from cuecircuit.study.about import About


def test_a_description_says_who_made_the_data_under_which_license_and_from_what(tmp_path):
    about = About(title="Odors", authors=("A B", "C D"), license="CC0-1.0", doi="10.5281/zenodo.1")
    write_description(tmp_path, "Odors", about)
    said = json.loads((tmp_path / "dataset_description.json").read_text())
    assert said["Authors"] == ["A B", "C D"]
    assert said["License"] == "CC0-1.0"
    assert said["SourceDatasets"] == [{"DOI": "doi:10.5281/zenodo.1"}]
    assert said["DatasetType"] == "derivative"


def test_what_the_study_file_leaves_open_is_left_out(tmp_path):
    write_description(tmp_path, "Odors", About(title="Odors"))
    said = json.loads((tmp_path / "dataset_description.json").read_text())
    assert set(said) == {"Name", "BIDSVersion", "DatasetType", "GeneratedBy"}


def test_labels_have_letters_and_digits_only():
    assert bids_label("LgA - ShA: naloxone_odor") == "LgAMinusShAXnaloxoneodor"
    assert map_name("group:cue", "F") == "contrast-groupXcue_stat-F_statmap.nii.gz"


@pytest.mark.parametrize(
    ("groups", "prefixes"),
    [
        (["LgA", "ShA"], ["LgA", "ShA"]),
        (["long 12 h", "short-1h"], ["long12h", "short1h"]),
        (["+/+", "-/-"], ["g1", "g2"]),
        (["5-HT", "5HT"], ["g1", "g2"]),
        (["wt", "WT"], ["g1", "g2"]),
    ],
)
def test_subjects_of_different_groups_have_different_labels(groups: list[str], prefixes: list[str]) -> None:
    assert subject_prefixes(groups) == dict(zip(groups, prefixes, strict=True))
