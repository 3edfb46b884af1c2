"""Study files made here, and shipped designs simulated and run once."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from cuecircuit.nodes.designs import design_text
from cuecircuit.nodes.run import run_study
from cuecircuit.nodes.simulate import simulate_design
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

STUDY = """
about: { title: Intake of three days }
subjects: { species: Mus musculus }
factors: { group: [water, ethanol] }
drugs: { water: { route: oral }, ethanol: { route: oral } }
operant:
  logs: "logs/*"
  phases:
    drinking:
      { kind: self_administration, experiment: FR1, days: 3, access_h: 1, delivers: { water: water, ethanol: ethanol } }
    test:
      kind: cue_test
      days: 1
      access_h: 1
      delivers: { water: water, ethanol: ethanol }
      treatments: { none: { experiment: TEST-NONE }, light: { experiment: TEST-LIGHT } }
derived:
  rise: { of: operant.infusions, where: { phase: drinking }, over: day, how: slope, complete: false }
questions:
  intake: { of: operant.infusions, where: { phase: drinking }, between: group, within: day }
  tested: { of: operant.infusions, where: { phase: test }, between: group, within: treatment }
  rising: { of: derived.rise, between: group }
"""


@pytest.fixture
def files() -> StudyFiles:
    return StudyFiles(parse_study(STUDY), Path("study.yaml"))


@pytest.fixture
def tables(files: StudyFiles) -> Tables:
    """Four mice, three days, one of them without day 2."""
    subjects = pd.DataFrame({"subject": ["w1", "w2", "e1", "e2"], "group": ["water", "water", "ethanol", "ethanol"]})
    rows = [
        (subject, "drinking", "none", day, 10.0 * place + day)
        for place, subject in enumerate(subjects["subject"])
        for day in (1, 2, 3)
        if (subject, day) != ("e2", 2)
    ]
    rows += [
        (subject, "test", treatment, 1, 5.0 * place + shift)
        for place, subject in enumerate(subjects["subject"])
        for shift, treatment in ((0, "none"), (place + 1, "light"))
    ]
    operant = pd.DataFrame(rows, columns=["subject", "phase", "treatment", "day", "infusions"])
    made = {
        "subjects": Table(name="subjects", keys=("subject",), rows=subjects, notes=dict.fromkeys(subjects, "")),
        "operant": Table(
            name="operant",
            keys=("subject", "phase", "treatment", "day"),
            # in another order than anything is asked for
            rows=operant.sample(frac=1, random_state=3).reset_index(drop=True),
            notes=dict.fromkeys(operant, ""),
        ),
    }
    return Tables(files=files, made=made)


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """Simulate and run a design at tiny scale, once; the folder of the data set and that of the results."""
    done: dict[str, tuple[Path, Path]] = {}

    def get(design: str) -> tuple[Path, Path]:
        if design not in done:
            folder = tmp_path_factory.mktemp(design)
            study = simulate_design(design, folder / "data", seed=1, scale="tiny")
            text = study.read_text(encoding="utf-8")
            few = text.replace("draws: 10000", "draws: 500").replace("draws: 5000", "draws: 500")
            study.write_text(few, encoding="utf-8")
            run_study(study, folder / "results")
            done[design] = study.parent, folder / "results"
        return done[design]

    return get


IN_CLUSTER = "  in_cluster: { of: regions.cluster, each: region, average: block, between: group, within: cue }"


def few_rats_text() -> str:
    """The design of the rats with three animals in each group, few days and null fields and no alternatives."""
    text = design_text("carmack2019").replace("LgA: 12 }", "LgA: 3 }")
    text = text[: text.index("\nalternatives:")]
    compared = next(line for line in text.splitlines(keepends=True) if line.startswith("  compare:"))
    for old, new in (
        ("  draws: 10000\n  smoothness", "  draws: 1000\n  smoothness"),
        ("    draws: 10000\n  withdrawal", "    draws: 200\n  withdrawal"),
        (compared, ""),
        ("  corrections_map: { question: access_by_cue, kind: corrections }\n", ""),
        ("days: 10\n", "days: 3\n"),
        ("days: 4\n", "days: 2\n"),
        ("days: 6,", "days: 2,"),
        ("  compare_draws: 2000\n", ""),
        ("\nfigures:\n", f"{IN_CLUSTER}\n\nfigures:\n"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return f"{text}\nsimulation: {{ n: {{ ShA: 3, LgA: 3 }}, generator: carmack2019 }}\n"


@pytest.fixture(scope="session")
def few_rats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study file of six simulated rats, two scans each."""
    folder = tmp_path_factory.mktemp("rats")
    (folder / "few.yaml").write_text(few_rats_text(), encoding="utf-8")
    return simulate_design(str(folder / "few.yaml"), folder / "study", scale="tiny", seed=1)


@pytest.fixture(scope="session")
def few_results(few_rats: Path) -> Path:
    """The output folder of a run of them."""
    run_study(few_rats, few_rats.parents[1] / "results")
    return few_rats.parents[1] / "results"


@pytest.fixture(scope="session")
def validators() -> ModuleType:
    """The script that calls the validators of other projects."""
    path = Path(__file__).resolve().parents[2] / "validation" / "validators.py"
    spec = importlib.util.spec_from_file_location("validators", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["validators"] = module
    spec.loader.exec_module(module)
    return module
