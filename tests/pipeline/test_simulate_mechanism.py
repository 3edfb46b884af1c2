import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.io.medpc import read_medpc
from cuecircuit.pipeline.check import check_study
from cuecircuit.pipeline.simulate import designs, simulate
from cuecircuit.simulation.parameters import NAMES


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def protocol(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The article's design with few animals, six hours, another dose, three pairings and two blocks a scan."""
    text = designs()["carmack2019"].replace("LgA: 12 }", "LgA: 6 }").replace("sessions: 4", "sessions: 3")
    text = text.replace("  dose_mg_kg: 0.06", "  dose_mg_kg: 0.03").replace("  blocks: 4", "  blocks: 2")
    text = text.replace("{ early: [1, 2], late: [3, 4] }", "{ early: [1], late: [2] }")
    path = tmp_path_factory.mktemp("protocol") / "mine.yaml"
    path.write_text(f"{text}\nsimulation:\n  animals: {{ ShA: 3, LgA: 4 }}\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, protocol: Path) -> Path:
    out = tmp_path_factory.mktemp("lived") / "study"
    return simulate("carmack2019", out, scale="tiny", seed=4, model="mechanism", protocol=protocol).parent


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_jobs(study: Path, protocol: Path, tmp_path: Path):
    again = simulate(
        "carmack2019", tmp_path / "again", scale="tiny", seed=4, model="mechanism", protocol=protocol, n_jobs=2
    )
    assert digests(again.parent) == digests(study)


def test_a_study_of_ones_own_is_lived_through_and_has_no_faults(study: Path, protocol: Path):
    check_study(study / "study.yaml")
    assert (study / "study.yaml").read_text(encoding="utf-8") == protocol.read_text(encoding="utf-8")
    groups = pd.read_csv(study / "participants.tsv", sep="\t")["group"].value_counts().to_dict()
    assert groups == {"ShA": 3, "LgA": 4}
    events = pd.read_csv(next(study.glob("sub-*/func/*_events.tsv")), sep="\t")
    assert len(events) == 2


def test_logs_hold_what_the_animals_did(study: Path):
    sessions = [s for path in sorted((study / "sourcedata/medpc").glob("*.txt")) for s in read_medpc(path).sessions]
    assert len(sessions) == 7 * (10 + 2 * 3 + 2 + 6 + 2)
    hours = {session.group: session.duration_s / 3600 for session in sessions if session.experiment == "ESCALATION"}
    assert hours == {"ShA": 1, "LgA": 6}
    pairings = pd.read_csv(study / "truth/pairings.tsv", sep="\t")
    for row in pairings.itertuples():
        name = f"COND-{row.treatment.upper()}"
        mine = [s for s in sessions if (f"sub-{s.subject}", s.experiment) == (row.participant_id, name)]
        window = [((s.events["infusion"] >= 1800) & (s.events["infusion"] < 3600)).sum() for s in mine]
        assert np.mean(window) == pytest.approx(row.infusions)


def test_the_truth_says_what_the_animals_were_and_learned(study: Path):
    truth = study / "truth"
    assert set(pd.read_csv(truth / "cells.tsv", sep="\t")["source"]) == {"mechanism"}
    assert json.loads((truth / "settings.json").read_text(encoding="utf-8"))["model"] == "mechanism"
    assert pd.read_csv(truth / "parameters.tsv", sep="\t")["parameter"].tolist() == list(NAMES)
    animals = pd.read_csv(truth / "animals.tsv", sep="\t")
    assert len(animals) == 7
    assert set(NAMES) < set(animals.columns)
    values = pd.read_csv(truth / "cue_values.tsv", sep="\t")
    assert len(values) == 7 * 2 * (10 + 2 * 3 + 2 + 6 + 2)


def test_a_planted_study_takes_no_protocol(protocol: Path, tmp_path: Path):
    with pytest.raises(StudyError, match="add --model mechanism"):
        simulate("carmack2019", tmp_path / "out", protocol=protocol)
    assert not list(tmp_path.iterdir())


def test_a_protocol_that_cannot_be_lived_is_refused_before_anything_is_written(protocol: Path, tmp_path: Path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(protocol.read_text(encoding="utf-8").replace("LgA: 6 }", "LgA: 600 }", 1), encoding="utf-8")
    with pytest.raises(StudyError, match=r"mine.yaml:\d+: phases.0.access_h.LgA: 600 h of access are impossible"):
        simulate("carmack2019", tmp_path / "out", model="mechanism", protocol=mine)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]
