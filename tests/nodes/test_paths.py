"""Data outside the folder of the study: absolute and `..` paths are read, hashed and named; they stay as they are."""

import hashlib
import json
from pathlib import Path

import pytest

from cuecircuit.errors import StudyError
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.run import run_study
from cuecircuit.pipeline.store import named_path
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.study_files import StudyFiles, read_study
from tests.starting.folders import write_log, write_people

RATS = ("r1", "r2", "r3", "r4", "r5", "r6")
STUDY = """
about: {{ title: Intake of three days }}
subjects: {{ species: Rattus norvegicus, participants: "{data}/participants.tsv" }}
factors: {{ group: [saline, cocaine] }}
operant:
  logs: {logs}
  phases: {{ sa: {{ kind: self_administration, {found_by}, days: 3, access_h: 1 }} }}
questions:
  intake: {{ of: operant.infusions, between: group, within: day }}
"""


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """Three days of logs on another disk, whose name has brackets."""
    folder = tmp_path / "storage [lab]"
    write_people(folder, RATS, group=["saline"] * 3 + ["cocaine"] * 3)
    for day in range(3):
        write_log(folder / "logs", RATS, "SA", day)
    return folder


def written(tmp_path: Path, *, data: str, logs: str, found_by: str = "experiment: SA") -> Path:
    file = tmp_path / "mine" / "study.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(STUDY.format(data=data, logs=logs, found_by=found_by))
    return file


def hashes(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("place", ["absolute", "relative"])
def test_data_elsewhere_are_read_hashed_and_left_as_they_are(tmp_path: Path, storage: Path, place: str) -> None:
    data = str(storage) if place == "absolute" else "../storage [lab]"
    logs = data.replace("[", "[[]") + "/logs/*.txt"
    file = written(tmp_path, data=data, logs=f'"{logs}"')
    before = hashes(storage)

    run_study(file, tmp_path / "results")

    assert hashes(storage) == before
    record = json.loads((tmp_path / "results" / ".cuecircuit" / "operant.json").read_text())
    used = set(record["inputs"].values())
    assert {digest for path, digest in before.items() if "/logs/" in path} <= used


def test_results_name_data_elsewhere_by_their_setting_and_not_by_folders_of_the_machine(
    tmp_path: Path, storage: Path
) -> None:
    logs = str(storage).replace("[", "[[]") + "/logs/*"
    file = written(tmp_path, data=str(storage), logs=f'"{logs}"')

    run_study(file, tmp_path / "results")

    operant = (tmp_path / "results" / "tables" / "operant.tsv").read_text()
    assert "operant.logs/day00.txt" in operant
    assert str(tmp_path) not in operant
    record = json.loads((tmp_path / "results" / ".cuecircuit" / "operant.json").read_text())
    assert "operant.logs/day00.txt" in record["inputs"]
    assert not [name for name in record["inputs"] if name.startswith("/")]


def test_several_patterns_take_each_log_once_and_one_that_fits_nothing_is_named(tmp_path: Path, storage: Path) -> None:
    folder = str(storage).replace("[", "[[]")
    twice = written(tmp_path, data=str(storage), logs=f'["{folder}/logs/day0[01].txt", "{folder}/logs/*"]')
    check_study(twice)
    none = written(tmp_path, data=str(storage), logs=f'["{folder}/logs/*", "{folder}/logs/*.csv"]')

    with pytest.raises(StudyError, match=r"no file fits .*\.csv"):
        run_study(none, tmp_path / "results")


def test_phases_are_found_by_program(tmp_path: Path, storage: Path) -> None:
    write_log(storage / "logs", RATS, "SA", 3, msn="SIMULATED SALINE FR1")
    logs = str(storage).replace("[", "[[]") + "/logs/*"
    file = written(tmp_path, data=str(storage), logs=f'"{logs}"', found_by='program: "SIMULATED COCAINE*"')

    run_study(file, tmp_path / "results")

    table = (tmp_path / "results" / "tables" / "operant.tsv").read_text().splitlines()
    assert len(table) == 1 + 3 * len(RATS)


def test_a_subject_of_the_logs_alone_may_be_excluded_and_one_of_nowhere_may_not(tmp_path: Path, storage: Path) -> None:
    write_log(storage / "logs", (*RATS, "x9"), "SA", 2)
    logs = str(storage).replace("[", "[[]") + "/logs/*"
    file = written(tmp_path, data=str(storage), logs=f'"{logs}"')
    text = file.read_text()
    with_x9 = text.replace('participants.tsv" }', 'participants.tsv", exclude: { x9: of another study } }')
    file.write_text(with_x9)
    check_study(file)

    file.write_text(with_x9.replace("x9:", "y9:"))
    with pytest.raises(StudyError, match="no participant y9, whom"):
        check_study(file)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/study/logs/a.txt", "logs/a.txt"),
        ("/disk/prep/sub-1/b.nii", "scans.derivatives/sub-1/b.nii"),
        ("/disk/c.tsv", "scans.dataset/c.tsv"),
        ("/other/d.txt", "/other/d.txt"),
    ],
)
def test_files_are_named_by_the_deepest_folder_that_has_a_name(path: str, name: str) -> None:
    roots = {"scans.dataset": Path("/disk"), "scans.derivatives": Path("/disk/prep")}

    assert named_path(Path(path), (Path("/study"),), roots) == name


def test_every_setting_that_names_a_place_elsewhere_is_a_root() -> None:
    text = STUDY.format(data="/disk", logs="[/disk/logs/2026/*.txt, local/*]", found_by="experiment: SA")
    files = StudyFiles(parse_study(text), Path("study.yaml"))

    assert files.roots == {"subjects.participants": Path("/disk"), "operant.logs": Path("/disk/logs/2026")}
    assert files.shown(Path("/disk/logs/2026/a.txt")) == "operant.logs/a.txt"


def test_a_study_is_read_from_its_file(tmp_path: Path, storage: Path) -> None:
    file = written(tmp_path, data="..", logs="x/*")

    assert read_study(file).path("../a.tsv") == file.parent / "../a.tsv"
