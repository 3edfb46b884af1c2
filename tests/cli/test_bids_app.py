"""`cuecircuit BIDS OUT participant|group --study FILE`, as BIDS Apps are called."""

import sys
from pathlib import Path

import pytest

from cuecircuit.api import studies
from cuecircuit.cli import main
from cuecircuit.nodes.designs import design_text
from cuecircuit.nodes.graph import ordered_nodes, participant_nodes
from cuecircuit.study.reading import parse_study


def call(monkeypatch: pytest.MonkeyPatch, *words: object) -> tuple[int, dict]:
    asked = {}
    monkeypatch.setattr(studies, "run", lambda study, out, **options: asked.update(study=study, out=out, **options))
    monkeypatch.setattr(sys, "argv", ["cuecircuit", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), asked


@pytest.fixture
def study(tmp_path: Path):
    def write(design: str) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(design_text(design), encoding="utf-8")
        return path

    return write


def test_the_level_participant_ends_with_maps_of_subjects(monkeypatch, study, tmp_path):
    path = study("carmack2019")
    status, asked = call(monkeypatch, tmp_path, "out", "participant", "--study", path, "--n_cpus", 3)
    assert status == 0
    assert asked["dataset"] == tmp_path
    assert asked["n_jobs"] == 3
    assert "maps.responses" in asked["stages"]
    assert not [name for name in asked["stages"] if name.startswith(("questions", "regions", "derived"))]


def test_the_level_group_runs_everything(monkeypatch, study, tmp_path):
    status, asked = call(monkeypatch, tmp_path, "out", "group", "--study", study("carmack2019"))
    assert status == 0
    assert asked["stages"] == ()


def test_the_level_participant_of_logs_alone_is_refused_by_name(monkeypatch, study, tmp_path, capsys):
    status, asked = call(monkeypatch, tmp_path, "out", "participant", "--study", study("alcohol_mice"))
    assert (status, asked) == (2, {})
    assert "has no maps of subjects" in capsys.readouterr().err


def test_nodes_of_participants_include_all_they_need():
    study = parse_study(design_text("huang2023"))
    order, nodes = ordered_nodes(study), participant_nodes(study)
    assert any(name.startswith("maps.") for name in nodes)
    assert all(set(order[name]) <= set(nodes) for name in nodes)
