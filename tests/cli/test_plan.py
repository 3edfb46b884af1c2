"""`cuecircuit plan`, as typed at the prompt."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cuecircuit.cli import app
from cuecircuit.errors import StudyError
from cuecircuit.pipeline.simulate import designs


def run(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(designs()["carmack2019"])
    return path


def test_plan_prints_where_the_page_is(study: Path, tmp_path: Path):
    options = ("--animals", 8, "--animals", "11,10", "--studies", 20, "--test", "conditioning", "--n-jobs", 1)
    done = run("plan", study, tmp_path / "out", *options)
    assert done.exit_code == 0, done.exception
    assert done.stdout == f"{tmp_path / 'out' / 'plan.html'}\n"
    assert (tmp_path / "out" / "power.tsv").is_file()


def test_a_hypothesis_that_nobody_wrote_is_a_fault_of_the_study(study: Path, tmp_path: Path):
    done = run("plan", study, tmp_path / "out", "--hypothesis", "magic")
    assert isinstance(done.exception, StudyError)


@pytest.mark.parametrize(
    "words",
    [("--studies", 5), ("--permutations", 3), ("--model", "magic"), ("--effects", "t.tsv", "--model", "mechanism")],
    ids=["few studies", "few permutations", "no model", "two sources"],
)
def test_a_wrong_command_line_is_told_as_one(study: Path, tmp_path: Path, words):
    done = run("plan", study, tmp_path / "out", *words)
    assert done.exit_code == 2
    assert words[0] in done.stderr or "--effects" in done.stderr


def test_a_study_of_questions_is_planned_from_its_planted_effects(tmp_path: Path):
    from cuecircuit.nodes.designs import design_text

    path = tmp_path / "study.yaml"
    path.write_text(design_text("pet_displacement"))
    options = ("--n", 5, "--studies", 20, "--test", "questionnaire", "--n-jobs", 1)
    done = run("plan", path, tmp_path / "out", *options)
    assert done.exit_code == 0, done.exception
    assert done.stdout == f"{tmp_path / 'out' / 'plan.html'}\n"
    assert "questionnaire" in (tmp_path / "out" / "power.tsv").read_text()
    done = run("plan", path, tmp_path / "mechanism", "--model", "mechanism")
    assert done.exit_code == 2
    assert "--model" in done.stderr
