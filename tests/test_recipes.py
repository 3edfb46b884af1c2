"""Recipes for containers, clusters and releases say what is true of this checkout, as far as can be seen here."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ("examples/workflows/slurm.sh", "release/release.sh")
TARGETS = set(re.findall(r"^([a-z]+(?: [a-z]+)*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture
def recorded(tmp_path: Path):
    """A `cuecircuit` that writes down how it was called."""
    log = tmp_path / "calls"
    program = tmp_path / "bin" / "cuecircuit"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {log}\n', encoding="utf-8")
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}, log


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_shell(script):
    assert subprocess.run(["bash", "-n", ROOT / script], check=False).returncode == 0


def test_a_slurm_job_checks_then_runs_with_the_processes_it_was_given(recorded):
    environment, log = recorded
    words = ["bash", ROOT / "examples/workflows/slurm.sh", "rats.yaml", "results"]
    subprocess.run(words, env={**environment, "SLURM_CPUS_PER_TASK": "16"}, check=True)
    assert log.read_text().splitlines() == ["check rats.yaml", "run rats.yaml results --n-jobs 16"]
    assert subprocess.run(words[:2], env=environment, check=False, capture_output=True).returncode == 2


def test_a_snakefile_asks_for_the_page_of_a_checked_study(recorded, tmp_path):
    if (snakemake := shutil.which("snakemake")) is None:
        pytest.skip("snakemake is not installed")
    (tmp_path / "study.yaml").touch()
    dry = [snakemake, "--snakefile", ROOT / "examples/workflows/Snakefile", "--dry-run", "--printshellcmds"]
    done = subprocess.run([*dry, "--cores", "4"], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "cuecircuit check study.yaml" in done.stdout + done.stderr
    assert "cuecircuit run study.yaml results --n-jobs 4" in done.stdout + done.stderr


def test_an_image_has_what_it_copies_and_does_not_work_as_root():
    lines = _text("containers/Dockerfile").splitlines()
    copied = [
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    ]
    allowed = [line[1:] for line in _text(".dockerignore").splitlines() if line.startswith("!")]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists() or name not in allowed] == []
    assert [line for line in lines if line.startswith("USER ")] == ["USER cuecircuit"]
    assert lines.index('ENTRYPOINT ["cuecircuit"]') > lines.index("USER cuecircuit")


def test_both_recipes_install_the_locked_versions_and_write_nowhere_but_to_tmp():
    docker, apptainer = _text("containers/Dockerfile"), _text("containers/cuecircuit.def")
    for recipe in (docker, apptainer):
        assert "--require-hashes -r /src/locks/run.txt" in recipe
        assert re.findall(r"(?:NUMBA_CACHE_DIR|MPLCONFIGDIR)=(\S+)", recipe) == ["/tmp/numba", "/tmp/matplotlib"]
    copied = apptainer.partition("%files")[2].partition("%post")[0].split()[::2]
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_workflows_call_targets_and_scripts_that_exist_on_every_python_that_is_supported():
    jobs = yaml.safe_load(_text(".github/workflows/tests.yml"))["jobs"]
    steps = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    targets = {name for names in TARGETS for name in names.split()}
    called = [
        name for step in steps for line in re.findall(r"^make ([a-z ]+)$", step, re.MULTILINE) for name in line.split()
    ]
    called += [one["versions"] for one in jobs["versions"]["strategy"]["matrix"]["include"]]
    assert {"test", "check", "docs", "oldest", "newest"} <= set(called) <= targets
    assert all((ROOT / path).exists() for step in steps for path in re.findall(r"python (\S+\.py)", step))
    supported = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', _text("pyproject.toml"))
    assert jobs["tests"]["strategy"]["matrix"]["python"] == supported


@pytest.mark.parametrize("form", sorted(path.name for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")))
def test_issue_forms_have_what_a_form_needs(form):
    content = yaml.safe_load(_text(f".github/ISSUE_TEMPLATE/{form}"))
    assert content["name"]
    assert content["description"]
    assert all(part["type"] in ("textarea", "input") and part["attributes"]["label"] for part in content["body"])


def test_a_release_is_refused_from_a_checkout_with_changes_or_another_version(tmp_path):
    copy = tmp_path / "checkout"
    (copy / "release").mkdir(parents=True)
    shutil.copy(ROOT / "release/release.sh", copy / "release")
    (copy / "pyproject.toml").write_text('version = "1.0.0"\n', encoding="utf-8")
    git = ["git", "-C", copy, "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)

    def release(version: str) -> str:
        words = ["sh", copy / "release" / "release.sh", version]
        return subprocess.run(words, check=False, capture_output=True, text=True).stderr

    assert "the checkout has changes" in release("1.0.0")
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "a"], check=True)
    assert "another version than 2.0.0" in release("2.0.0")
