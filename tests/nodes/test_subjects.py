"""Tables of participants: every fault with its line, and rows in the order of the study."""

from pathlib import Path

import pandas as pd
import pytest

from cuecircuit.errors import DataError
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.subjects import subjects_table

STUDY = """
about: { title: Weights }
subjects: { species: Mus musculus, exclude: { m9: died } }
factors: { group: [ShA, LgA] }
questions: { weight: { of: subjects.weight, between: group } }
"""


def read(folder: Path, table: str, study: str = STUDY) -> pd.DataFrame:
    (folder / "participants.tsv").write_text(table, encoding="utf-8")
    return subjects_table(StudyFiles(parse_study(study), folder / "study.yaml")).rows


def faults_of(folder: Path, table: str) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, table)
    return "\n".join(caught.value.faults)


def test_participants_lose_their_prefix_and_come_by_group(tmp_path: Path) -> None:
    rows = read(tmp_path, "weight\tparticipant_id\tgroup\n3\tsub-02\tLgA\n5\tm9\tShA\n7\t01\tShA\n")

    assert rows["subject"].tolist() == ["01", "02"]
    assert rows["weight"].tolist() == [7, 3]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("participant_id\tgroup\tweight\nm1\tShA\t3\nsub-m1\tShA\t4\nm9\tShA\t1\n", "several rows for sub-m1"),
        ("participant_id\tgroup\tweight\nm1\tShA\t3\nn/a\tLgA\t4\n", "participants.tsv:3: no participant_id"),
        ("participant_id\tgroup\tweight\nm1\tShA\t3\nm9\tLga\t4\nm2\tLga\t4\n", "group is 'Lga' for m2"),
        ("participant_id\tgroup\tweight\nm1\tn/a\t3\nm9\tShA\t1\n", "no group for m1"),
        ("id\tgroup\tweight\nm1\tShA\t3\n", "participants.tsv:1: no column participant_id; found: id, group, weight"),
        ("participant_id\tgroup\tweight\nm1\tShA\t3\n", "no participant m9, whom subjects.exclude"),
        ("participant_id\tgroup\tweight\nm9\tShA\t3\n", "nobody is left"),
        ("participant_id\tgroup\tweight\nm9\tShA\t3\nsub-../../x\tShA\t3\n", ":3: participant_id '../../x' cannot"),
        ("participant_id\tgroup\tweight\nm9\tShA\t3\nsub-\tShA\t3\n", ":3: participant_id '' cannot name a file"),
    ],
)
def test_a_table_at_fault_is_named_with_what_is_wrong(tmp_path: Path, table: str, words: str) -> None:
    assert words in faults_of(tmp_path, table)


def test_subjects_of_a_further_table_who_take_no_part_are_named(tmp_path: Path) -> None:
    (tmp_path / "scores.tsv").write_text("participant_id\tscore\nsub-m1\t3\nsub-M2\t4\nm9\t5\n")
    table = "participant_id\tgroup\tweight\nm1\tShA\t3\nm2\tLgA\t4\nm9\tShA\t1\n"
    study = STUDY.replace("Mus musculus", "Mus musculus, tables: [scores.tsv]")

    with pytest.raises(DataError, match=r"scores\.tsv: M2 not in participants\.tsv"):
        read(tmp_path, table, study)
