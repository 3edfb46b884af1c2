"""In which order a table has the subjects, and a disk the files, does not matter."""

import base64
import hashlib
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from cuecircuit.pipeline.cells import subjects_of
from cuecircuit.pipeline.job import StudyFiles
from cuecircuit.pipeline.run import run_study
from cuecircuit.pipeline.simulate import designs
from cuecircuit.study.file import parse_study

STUDY = parse_study(designs()["carmack2019"])


def test_participants_stand_by_group_and_name_whatever_the_order_of_the_table(tmp_path):
    names = ["LgA02", "ShA10", "LgA01", "ShA02", "ShA01"]
    table = pd.DataFrame({"participant_id": [f"sub-{name}" for name in names], "group": [name[:3] for name in names]})
    path = tmp_path / STUDY.subjects.participants
    path.parent.mkdir(parents=True, exist_ok=True)
    found = []
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1]):
        table.iloc[order].to_csv(path, sep="\t", index=False)
        found.append(subjects_of(StudyFiles(study=STUDY, file=tmp_path / "study.yaml")))
    pd.testing.assert_frame_equal(*found)
    # the reference group first, as the study names the groups
    assert STUDY.subjects.groups == ("ShA", "LgA")
    assert found[0]["subject"].tolist() == ["ShA01", "ShA02", "ShA10", "LgA01", "LgA02"]


def in_another_order(study: Path, folder: Path) -> Path:
    """Copy a study, its last file first, with the rows of its table of participants in another order."""
    for path in sorted(study.parent.rglob("*"), reverse=True):
        if path.is_file():
            new = folder / path.relative_to(study.parent)
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, new)
    head, *rows = (folder / "participants.tsv").read_text().splitlines(keepends=True)
    (folder / "participants.tsv").write_text("".join([head, *rows[1::2], *reversed(rows[::2])]))
    return folder / study.name


def contents(study: Path, out: Path) -> dict[str, bytes]:
    """Every file of the results, less the hashes that name the table of participants and the page that shows them."""
    table, page = study.parent / "participants.tsv", out / "report.html"
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest().encode() for path in (table, page)]
    found = {}
    for path in out.rglob("*"):
        if path.is_file() and ".cuecircuit" not in path.parts:
            content = path.read_bytes()
            if path == page:  # the hashes are a table to take away as well
                packed = rb'(download="inputs.tsv" href="data:text/tab-separated-values;base64,)([^"]+)'
                content, tables = re.subn(packed, lambda link: link[1] + base64.b64decode(link[2]), content)
                assert tables == 1
            for one in hashes:
                content = content.replace(one, b"")
            found[str(path.relative_to(out))] = content
    return found


def assert_order_does_not_matter(study: Path, folder: Path) -> None:
    other = in_another_order(study, folder / "study")
    results = []
    for number, each in enumerate((study, other)):
        run_study(each, folder / f"results{number}")
        results.append(contents(each, folder / f"results{number}"))
    one, two = results
    assert (other.parent / "participants.tsv").read_bytes() != (study.parent / "participants.tsv").read_bytes()
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
def test_a_study_of_animals_is_the_same_bytes_to_its_page_in_any_order(six_animals, tmp_path):
    assert_order_does_not_matter(six_animals, tmp_path)
