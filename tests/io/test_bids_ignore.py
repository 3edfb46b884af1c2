"""What a data set lists as not of BIDS."""

from pathlib import Path

import pandas as pd

from cuecircuit.io.bids_ignore import write_bidsignore


def lines_of(folder: Path, *, patterns: tuple[str, ...] = ()) -> list[str]:
    write_bidsignore(folder, patterns=patterns)
    return (folder / ".bidsignore").read_text(encoding="utf-8").splitlines()


def test_files_and_folders_without_a_place_in_bids_are_listed_and_others_are_not(tmp_path):
    for name in ("truth", "sub-01/func", "derivatives", "sourcedata", "code", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("study.yaml", "dataset_description.json", "README", "participants.tsv", "report.html"):
        (tmp_path / name).touch()
    assert lines_of(tmp_path) == ["report.html", "study.yaml", "truth", "truth/**"]


def test_a_table_of_several_rows_per_participant_is_listed(tmp_path):
    (tmp_path / "sub-01" / "func").mkdir(parents=True)
    (tmp_path / "phenotype").mkdir()
    for name, people in (("age", ["sub-01", "sub-02"]), ("weight", ["sub-01", "sub-01"])):
        table = pd.DataFrame({"participant_id": people, "value": [1, 2]})
        table.to_csv(tmp_path / "phenotype" / f"{name}.tsv", sep="\t", index=False)
    assert lines_of(tmp_path, patterns=("*_maps.*",)) == ["phenotype/weight.*", "*_maps.*"]


def test_participants_without_folders_of_subjects_are_listed(tmp_path):
    (tmp_path / "participants.tsv").touch()
    assert lines_of(tmp_path) == ["participants.tsv"]
    assert lines_of(tmp_path) == ["participants.tsv"]  # the file itself is never listed
