"""`cuecircuit plan`, as typed at the prompt."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cuecircuit.cli import app
from cuecircuit.errors import StudyError
from cuecircuit.nodes.designs import design_text


def run(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(design_text("pet_displacement"), encoding="utf-8")
    return path


def test_plan_prints_where_the_page_is(study: Path, tmp_path: Path):
    options = ("--n", 5, "--animals", "6,5", "--studies", 20, "--test", "questionnaire", "--n-jobs", 1)
    done = run("plan", study, tmp_path / "out", *options)
    assert done.exit_code == 0, done.exception
    assert done.stdout == f"{tmp_path / 'out' / 'plan.html'}\n"
    assert "questionnaire" in (tmp_path / "out" / "power.tsv").read_text(encoding="utf-8")


def test_a_hypothesis_that_nobody_wrote_is_a_fault_of_the_study(study: Path, tmp_path: Path):
    done = run("plan", study, tmp_path / "out", "--hypothesis", "magic")
    assert isinstance(done.exception, StudyError)


def test_a_wrong_command_line_is_told_as_one(study: Path, tmp_path: Path):
    done = run("plan", study, tmp_path / "out", "--studies", 5)
    assert done.exit_code == 2
    assert "--studies" in done.stderr
