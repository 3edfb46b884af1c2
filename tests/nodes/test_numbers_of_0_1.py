"""The studies of the two articles, written as tables and questions, give the numbers that 0.1.0 gave."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cuecircuit.nodes.simulate import simulate_design

VALIDATION = Path(__file__).parents[2] / "validation"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("numbers_of_0_1")]


def simulated(design: str, folder: Path) -> Path:
    """Simulate a design with the sizes that 0.1.0 planted; those of today are smaller."""
    study = folder / "study_of_0_1.yaml"
    subprocess.run([sys.executable, str(VALIDATION / "same_numbers.py"), "study", design, str(study)], check=True)
    return simulate_design(str(study), folder / "data", seed=1, scale="tiny")


# of the processor that the record was made on; other kernels differ in the fifth digit of an F (docs/trust.md)
PROCESSOR = {
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+sse4.2,+avx,+avx2,+fma,+bmi,+bmi2,+lzcnt,+popcnt,+f16c",
}


def run_apart(study: Path, out: Path) -> Path:
    # in a process of its own, which checks no array types: these studies are the longest of all tests
    done = subprocess.run(
        [sys.executable, "-m", "cuecircuit", "run", str(study), str(out), "--n-jobs", "1"],
        env=os.environ | (PROCESSOR if platform.machine() == "x86_64" else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return out


def differences(design: str, out: Path) -> subprocess.CompletedProcess[str]:
    record = VALIDATION / "same_numbers" / f"{design}.json.xz"
    command = [sys.executable, str(VALIDATION / "same_numbers.py"), "compare", str(out), str(record)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def unexplained(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.endswith("UNEXPLAINED")]


@pytest.fixture(scope="module")
def rats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rats")
    return run_apart(simulated("carmack2019", folder), folder / "results")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    return run_apart(simulated("huang2023", folder), folder / "results")


def test_every_number_of_the_rats_is_that_of_0_1(rats: Path) -> None:
    found = differences("carmack2019", rats)
    assert found.returncode == 0, unexplained(found.stdout) or found.stderr


def test_every_number_of_the_people_is_that_of_0_1(people: Path) -> None:
    found = differences("huang2023", people)
    assert found.returncode == 0, unexplained(found.stdout) or found.stderr


def test_data_sets_and_results_are_bids(rats: Path, people: Path, validators: ModuleType) -> None:
    for folder in (rats.parent / "data", rats, people.parent / "data", people):
        assert not validators.bids_errors(folder), folder


def test_results_of_the_rats_have_the_names_of_the_article_too(rats: Path) -> None:
    for name in ("behavior/sessions.tsv", "behavior/escalation_anova.tsv", "regions/table1.tsv"):
        assert (rats / name).read_bytes()
        assert (rats / name).with_suffix(".json").is_file()
    assert (rats / "group" / "terms.tsv").read_bytes() == (rats / "questions/access_by_cue/terms.tsv").read_bytes()
    assert {f"fig1{letter}.svg" for letter in "abc"} | {f"fig2{letter}.svg" for letter in "abcdef"} <= {
        path.name for path in (rats / "figures").iterdir()
    }


def test_the_page_shows_every_question_and_the_interactive_brain(rats: Path, people: Path) -> None:
    for results in (rats, people):
        page = (results / "report.html").read_text(encoding="utf-8")
        assert "Interactive brain" in page
        for question in sorted((results / "questions").iterdir()):
            assert f'id="{question.name}-' in page or f'id="{question.name}_' in page, question.name
        assert "SIMULATED DATA" in page


def test_what_is_handed_on_is_there(rats: Path) -> None:
    for name in ("references.bib", "pagetab.tsv", "inputs.sha256", "outputs.sha256", "rerun.sh"):
        assert (rats / "report" / name).stat().st_size > 0
    assert "sha256" in (rats / "ro-crate-metadata.json").read_text(encoding="utf-8")
