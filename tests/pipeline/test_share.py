"""The package for NeuroVault: every map of a test once, with the fields its upload takes."""

import json
from pathlib import Path
from zipfile import ZipFile

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError
from cuecircuit.pipeline.share import SharedAs, share

# pynv.Client.add_image takes these beside the file
FIELDS = {
    "file", "name", "description", "contrast_definition", "number_of_subjects", "map_type", "modality",
    "analysis_level", "target_template_image", "statistic_parameters", "cognitive_paradigm_cogatlas",
}  # fmt: skip
ABOUT = SharedAs(template="MNI152NLin2009cAsym", paradigm="trm_4c898f079d05e")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A run with one question on maps, its copy under another name, and a question on a table."""
    run = tmp_path / "run"
    folder = run / "questions" / "cue_reactivity"
    folder.mkdir(parents=True)
    pd.DataFrame(
        {
            "term": ["group", "breaths", "breaths"],
            "prefix": ["group", "breaths", "breathsInCue"],
            "stratum": ["subject", "subject", "subject:cue"],
            "df1": [1, 1, 1],
            "df2": [18.0, 18.0, 17.5],
        }
    ).to_csv(folder / "terms.tsv", sep="\t", index=False)
    settings = {"model": "error-strata ANCOVA", "n_subjects": 20, "directions": {"group": "ShA - LgA"}}
    (folder / "settings.json").write_text(json.dumps(settings))
    for number, (prefix, statistic) in enumerate(
        [("group", "F"), ("group", "t"), ("group", "z"), ("group", "effect"), ("group", "pfwe"), ("group", "se"),
         ("breaths", "t"), ("breathsInCue", "t")]
    ):  # fmt: skip
        image = nib.Nifti1Image(np.full((2, 2, 2), float(number), np.float32), np.eye(4))
        nib.save(image, folder / f"contrast-{prefix}_stat-{statistic}_statmap.nii.gz")
    (run / "group").mkdir()
    for path in folder.iterdir():
        (run / "group" / path.name).write_bytes(path.read_bytes())
    table = run / "questions" / "intake"
    table.mkdir()
    (table / "terms.tsv").write_text("term\tdf1\tdf2\tF\tp\ngroup\t1\t18\t4.0\t0.06\n")
    return run


def test_every_map_of_a_test_is_there_once_with_its_record(results: Path, tmp_path: Path) -> None:
    shown = share(results, tmp_path / "maps.zip", ABOUT)
    with ZipFile(tmp_path / "maps.zip") as package:
        records = json.loads(package.read("metadata.json"))
        images = {name: package.read(name) for name in package.namelist() if name != "metadata.json"}
    assert {record["file"] for record in records} == set(images)
    assert len(records) == len(shown) == 7
    assert all(set(record) <= FIELDS for record in records)
    by_name = {record["name"]: record for record in records}
    t = by_name["cue reactivity: group, t"]
    assert (t["map_type"], t["statistic_parameters"], t["number_of_subjects"]) == ("T", "18", 20)
    assert t["contrast_definition"] == "group; positive: ShA - LgA"
    assert t["target_template_image"] == "MNI152NLin2009cAsym"
    assert by_name["cue reactivity: group, F"]["statistic_parameters"] == "1, 18"
    assert by_name["cue reactivity: group, F"]["contrast_definition"] == "group"
    assert {by_name[f"cue reactivity: group, {word}"]["map_type"] for word in ("z", "effect", "corrected p")} == {
        "Z", "U", "P"
    }  # fmt: skip
    assert {"cue reactivity: breaths in subject, t", "cue reactivity: breaths in subject:cue, t"} <= set(by_name)
    source = results / "questions/cue_reactivity/contrast-group_stat-t_statmap.nii.gz"
    assert images[t["file"]] == source.read_bytes()


def test_the_same_results_give_the_same_bytes(results: Path, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        share(results, tmp_path / name, ABOUT)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_what_a_killed_command_left_beside_the_zip_is_swept(results: Path, tmp_path: Path) -> None:
    (tmp_path / ".unfinished-a1b2c3d4").mkdir()
    share(results, tmp_path / "maps.zip", ABOUT)
    assert not list(tmp_path.glob(".*"))


def test_the_folder_of_one_test_is_taken_as_well(results: Path, tmp_path: Path) -> None:
    shown = share(results / "group", tmp_path / "maps.zip", ABOUT)
    assert "group, t" in set(shown["name"])


def test_what_holds_no_map_or_is_no_zip_is_refused(results: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no statistical map of a test in it"):
        share(results / "questions" / "intake", tmp_path / "maps.zip", ABOUT)
    with pytest.raises(DataError, match=r"expected a name that ends in \.zip"):
        share(results, tmp_path / "maps", ABOUT)
    assert not (tmp_path / "maps.zip").exists()


@pytest.mark.parametrize(("old", "new"), [('"n_subjects": 20', '"n": 20'), ("18.0", "many")])
def test_results_that_were_edited_are_refused(results: Path, tmp_path: Path, old: str, new: str) -> None:
    for name in ("terms.tsv", "settings.json"):
        path = results / "questions" / "cue_reactivity" / name
        path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=r"run: terms\.tsv or settings\.json was edited"):
        share(results, tmp_path / "maps.zip", ABOUT)
