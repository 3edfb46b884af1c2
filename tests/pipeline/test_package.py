"""The package of a run for an archive."""

import hashlib
import json
import os
from pathlib import Path

import pandas as pd
import pytest

import cuecircuit
from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.tables import write_table
from cuecircuit.pipeline.package import deposit
from cuecircuit.pipeline.provenance import write_crate
from cuecircuit.pipeline.store import Store
from cuecircuit.study.about import About

DESIGN = Path(cuecircuit.__file__).parent / "study" / "designs" / "alcohol_mice.yaml"
SAID = "  authors: [Ann Bee, Cy Dee]\n  license: CC0\n  abstract: Mice press for water.\n"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """What a run leaves, as far as a package reads it."""
    run = tmp_path / "run"
    frame = pd.DataFrame({"subject": ["1"], "weight": [0.03]})
    notes = {"subject": "its number", "weight": {"Description": "before the first session", "Units": "kg"}}
    for name in ("tables/subjects.tsv", "sub-1/func/sub-1_quality.tsv", "sub-2/func/sub-2_quality.tsv"):
        write_table(run / name, frame, notes)
    (run / ".cuecircuit").mkdir()
    (run / ".bidsignore").write_text("tables\n")
    (run / "study.yaml").write_text(DESIGN.read_text().replace("about:\n", f"about:\n{SAID}", 1))
    write_crate(Store(run), About(title="Mice"), About(title="Mice"))
    return run


def test_a_package_explains_every_column_once(results, tmp_path):
    dictionary = deposit(results, tmp_path / "package")

    assert dictionary[["tables", "column", "description", "units"]].to_numpy().tolist() == [
        ["sub-*/func/sub-*_quality.tsv", "subject", "its number", ""],
        ["sub-*/func/sub-*_quality.tsv", "weight", "before the first session", "kg"],
        ["tables/subjects.tsv", "subject", "its number", ""],
        ["tables/subjects.tsv", "weight", "before the first session", "kg"],
    ]
    assert (tmp_path / "package/dictionary.tsv").read_text().count("\n") == 5


@pytest.mark.parametrize(
    ("name", "damage", "says"),
    [
        (
            "ro-crate-metadata.json",
            lambda path: path.write_text('{"@graph": [1]}'),
            "is not the RO-Crate",
        ),
        ("ro-crate-metadata.json", lambda path: path.write_text("{}"), "is not the RO-Crate"),
        ("study.yaml", lambda path: path.write_bytes(b"\xff"), "cannot be read as text"),
        ("study.yaml", lambda path: (path.unlink(), os.mkfifo(path)), "a pipe, device or socket"),
        ("x", lambda path: path.symlink_to("/dev/zero"), "a pipe, device or socket"),
        ("x", lambda path: path.symlink_to("x"), "a link to nothing"),
        ("x", lambda path: path.symlink_to(".."), "a link to nothing, or to what it is in"),
    ],
)
def test_a_folder_that_somebody_damaged_is_refused_by_the_file_at_fault(results, tmp_path, name, damage, says):
    damage(results / name)
    with pytest.raises(DataError, match=f"{name}: {says}"):
        deposit(results, tmp_path / "package")
    assert not (tmp_path / "package").exists()


def test_a_note_of_another_form_explains_what_it_can(results, tmp_path):
    (results / "z.tsv").write_text("a\n1\n")
    (results / "z.json").write_text('{"a": {"Description": 5, "Units": [1], "Levels": [2]}, "b": 3}')
    assert deposit(results, tmp_path / "package").iloc[-1].tolist() == ["z.tsv", "a", "5", "[1]", ""]


def test_the_crate_of_a_package_lists_every_file_with_its_hash(results, tmp_path):
    package = tmp_path / "package"
    deposit(results, package)

    graph = {entity["@id"]: entity for entity in json.loads((package / "ro-crate-metadata.json").read_text())["@graph"]}
    files = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    parts = {part["@id"] for part in graph["./"]["hasPart"]}
    assert parts == files - {"ro-crate-metadata.json"}
    assert {name: graph[name]["sha256"] for name in parts} == {
        name: hashlib.sha256((package / name).read_bytes()).hexdigest() for name in parts
    }
    assert "https://spdx.org/licenses/CC0-1.0" in (package / "LICENSE").read_text()
    assert (package / "README.md").read_text().splitlines()[2:5] == ["Ann Bee, Cy Dee", "", "Mice press for water."]
    assert not (package / ".cuecircuit").exists()


def test_the_same_results_give_the_same_package(results, tmp_path):
    packages = [tmp_path / name for name in ("a", "b")]
    for package in packages:
        deposit(results, package)

    one, other = ({p.relative_to(x): p.read_bytes() for p in x.rglob("*") if p.is_file()} for x in packages)
    assert one == other
    deposit(results, packages[0])  # an older package is replaced


def test_what_archives_ask_for_must_be_stated(results, tmp_path):
    study = results / "study.yaml"
    study.write_text(study.read_text().replace(SAID, ""))

    with pytest.raises(StudyError, match=r"leaves out: authors \(.*\); license \(.*\); abstract \(.*\); state"):
        deposit(results, tmp_path / "package")


def test_a_folder_that_is_no_run_or_no_package_is_refused(results, tmp_path):
    with pytest.raises(DataError, match=r"no ro-crate-metadata.json in it; give the folder of a finished"):
        deposit(tmp_path, tmp_path / "package")
    with pytest.raises(DataError, match="choose a folder outside the results"):
        deposit(results, results / "package")
    with pytest.raises(DataError, match="exists and is no package; choose a new folder"):
        deposit(results, tmp_path)
