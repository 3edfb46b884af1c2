"""A simulated study without its study file gets a draft that passes `check` and states what the design stated."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cuecircuit.cli import app
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.designs import design_text
from cuecircuit.nodes.simulate import simulate_design
from cuecircuit.study.reading import parse_study
from cuecircuit.study.schema import Study

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("starting")]
DESIGNS = ("alcohol_mice", "pet_displacement", "cocaine_sessions")
Drafted = Callable[[str], tuple[Study, Study, Path]]


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> Drafted:
    """The study of a design, the one that `init --yes` drafts of its data, and the file of that."""
    made: dict[str, tuple[Study, Study, Path]] = {}

    def draft(design: str) -> tuple[Study, Study, Path]:
        if design not in made:
            folder = tmp_path_factory.mktemp(design)
            content = yaml.safe_load(design_text(design))
            content["simulation"]["n"] = dict.fromkeys(content["simulation"]["n"], 4)
            (folder / "design.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
            file = simulate_design(str(folder / "design.yaml"), folder / "data", scale="tiny")
            known = parse_study(file.read_text())
            file.unlink()
            shutil.rmtree(file.parent / "truth")
            done = CliRunner().invoke(app, ["init", str(file.parent), "--out", str(file), "--yes"])
            assert done.exit_code == 0, done.output
            assert "check will say" not in done.output
            made[design] = known, parse_study(file.read_text()), file
        return made[design]

    return draft


@pytest.mark.parametrize("design", DESIGNS)
def test_the_draft_passes_check(drafted: Drafted, design: str) -> None:
    _, _, file = drafted(design)

    check_study(file)


@pytest.mark.parametrize("design", DESIGNS)
def test_subjects_factors_and_space_are_those_of_the_design(drafted: Drafted, design: str) -> None:
    known, study, _ = drafted(design)

    assert study.subjects.species == known.subjects.species
    assert study.subjects.tables == known.subjects.tables
    assert study.subjects.exclude == {}
    for name, factor in study.factors.items():
        assert set(factor.levels) == set(known.factors[name].levels)
        assert factor.levels[0] == known.factors[name].levels[0]
    assert study.space == known.space


@pytest.mark.parametrize("design", ["alcohol_mice", "cocaine_sessions"])
def test_phases_have_the_kind_days_and_hours_of_the_design(drafted: Drafted, design: str) -> None:
    known, study, _ = drafted(design)

    def facts(of: Study) -> list[tuple[Any, ...]]:
        assert of.operant is not None
        phases = of.operant.phases.values()
        return [(phase.days, phase.access_h, len(phase.treatments)) for phase in phases]

    assert facts(study) == facts(known)


def test_kinds_that_names_state_are_taken_and_others_are_assumed(drafted: Drafted) -> None:
    _, mice, _ = drafted("alcohol_mice")
    _, rats, _ = drafted("cocaine_sessions")

    assert mice.operant is not None
    assert rats.operant is not None
    assert [phase.kind for phase in mice.operant.phases.values()] == [
        "self_administration",
        "extinction",
        "reinstatement",
    ]
    assert not [path for path in mice.assumed if path.startswith("operant")]
    # sessions called TEST: some test, but not which
    assert "operant.phases.test.kind" in rats.assumed


def test_scans_are_those_of_the_design(drafted: Drafted) -> None:
    known, study, _ = drafted("cocaine_sessions")

    assert study.scans is not None
    assert known.scans is not None
    assert (study.scans.task, study.scans.tr_s) == (known.scans.task, known.scans.tr_s)
    assert study.scans.derivatives == known.scans.derivatives
    assert study.trials == known.trials
    assert study.nuisance.motion == known.nuisance.motion
    assert set(study.questions["task_maps"].within) == {"cue", "session"}
    assert study.questions["task_and_intake"].with_.of == "derived.intake"


def test_given_maps_are_those_of_the_design(drafted: Drafted) -> None:
    known, study, _ = drafted("pet_displacement")

    (maps,) = study.maps.values()
    assert maps == known.maps["binding"]
    assert study.questions["pet_and_audit"].with_.of == "subjects.audit"


def test_every_assumed_value_has_a_reason(drafted: Drafted) -> None:
    for design in DESIGNS:
        _, study, _ = drafted(design)
        assert all(study.assumed.values())
    _, people, _ = drafted("pet_displacement")
    assert "usual" in people.assumed["space.origin"]


def test_without_yes_nothing_is_assumed_and_every_choice_is_marked(drafted: Drafted, tmp_path: Path) -> None:
    _, assumed, file = drafted("pet_displacement")
    out = tmp_path / "study.yaml"

    done = CliRunner().invoke(app, ["init", str(file.parent), "--out", str(out)])

    study = parse_study(out.read_text())
    assert done.exit_code == 0
    assert study.assumed == {}
    marked = [line.strip() for line in out.read_text().splitlines() if line.strip().startswith("# ?")]
    assert len(marked) >= len(assumed.assumed)
    assert any("reference level of group: light is taken" in line for line in marked)


def test_a_draft_elsewhere_names_data_by_absolute_paths_and_passes(drafted: Drafted, tmp_path: Path) -> None:
    _, _, file = drafted("pet_displacement")
    out = tmp_path / "study.yaml"

    CliRunner().invoke(app, ["init", str(file.parent), "--out", str(out), "--yes"])

    study = parse_study(out.read_text())
    assert Path(study.subjects.participants).is_absolute()
    check_study(out)
