import gzip
import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.medpc import read_medpc
from cuecircuit.pipeline.simulate import designs, simulate


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "study"
    return simulate("carmack2019", out, scale="tiny", seed=1).parent


@pytest.fixture(scope="module")
def null(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "null"
    return simulate("carmack2019", out, scale="tiny", seed=2, hypothesis="null").parent


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_jobs(study: Path, tmp_path: Path):
    again = simulate("carmack2019", tmp_path / "again", scale="tiny", seed=1, n_jobs=2).parent
    assert digests(again) == digests(study)


def test_another_seed_gives_another_study(study: Path, null: Path):
    before, after = digests(study), digests(null)
    assert before.keys() == after.keys()
    for name, digest in before.items():
        if name.endswith(("_bold.nii.gz", "_physio.tsv.gz")) or "medpc" in name:
            assert after[name] != digest, name


def test_the_study_file_is_the_design(study: Path):
    assert (study / "study.yaml").read_text(encoding="utf-8") == designs()["carmack2019"]


def test_participants_are_those_of_the_article(study: Path):
    table = pd.read_csv(study / "participants.tsv", sep="\t")
    assert table["group"].value_counts().to_dict() == {"ShA": 11, "LgA": 10}
    assert table["participant_id"].tolist()[:2] == ["sub-ShA01", "sub-ShA02"]
    assert (table[["odor_saline", "odor_naloxone"]].nunique(axis=1) == 2).all()
    assert set(table["strain"]) == {"Long-Evans"}
    notes = json.loads((study / "participants.json").read_text(encoding="utf-8"))
    assert list(notes) == list(table.columns)


def test_each_rat_has_one_scan_per_cue_as_the_study_file_describes_it(study: Path):
    mask = nib.load(study / "derivatives/template/tpl-drawn_desc-brain_mask.nii.gz")
    table = pd.read_csv(study / "participants.tsv", sep="\t").set_index("participant_id")
    for participant, row in table.iterrows():
        cues = []
        for run in (1, 2):
            stem = study / f"{participant}/func/{participant}_task-odor_run-{run}"
            image = nib.load(f"{stem}_bold.nii.gz")
            assert image.shape == (*mask.shape, 210)
            assert np.allclose(image.affine, mask.affine)
            assert image.header.get_zooms()[3] == 2.0
            sidecar = json.loads(Path(f"{stem}_bold.json").read_text(encoding="utf-8"))
            assert sidecar["RepetitionTime"] == 2.0
            events = pd.read_csv(f"{stem}_events.tsv", sep="\t")
            cue = events["trial_type"].unique().item()
            assert events["odor"].unique().item() == row[f"odor_{cue}"]
            assert events["onset"].tolist() == [60, 150, 240, 330]
            cues.append(cue)
            lines = gzip.decompress(Path(f"{stem}_recording-respiratory_physio.tsv.gz").read_bytes()).splitlines()
            assert len(lines) == 420 * 50
        assert cues[0] == row["first_cue"]
        assert sorted(cues) == ["naloxone", "saline"]


def test_motion_of_every_scan_lies_beside_it(study: Path):
    scans = sorted(path.name.removesuffix("_bold.nii.gz") for path in study.glob("sub-*/func/*_bold.nii.gz"))
    tables = sorted((study / "derivatives/confounds").glob("sub-*/func/*_desc-confounds_timeseries.tsv"))
    assert [path.name.removesuffix("_desc-confounds_timeseries.tsv") for path in tables] == scans
    assert pd.read_csv(tables[0], sep="\t").shape == (210, 6)


def test_logs_read_back_as_they_were_drawn(study: Path):
    sessions = []
    for path in sorted((study / "sourcedata/medpc").glob("*.txt")):
        log = read_medpc(path)
        assert not [fault for fault in log.faults if "no values" not in fault.what], path.name
        sessions += log.sessions
    assert len(sessions) == 21 * 28
    pairings = pd.read_csv(study / "truth/pairings.tsv", sep="\t")
    for row in pairings.itertuples():
        mine = [
            session
            for session in sessions
            if (f"sub-{session.subject}", session.experiment) == (row.participant_id, f"COND-{row.treatment.upper()}")
        ]
        window = [((s.events["infusion"] >= 1800) & (s.events["infusion"] < 3600)).sum() for s in mine]
        assert np.mean(window) == row.infusions
    hours = {session.group: session.duration_s / 3600 for session in sessions if session.experiment == "ESCALATION"}
    assert hours == {"ShA": 1, "LgA": 12}


def test_the_truth_names_its_sources(study: Path):
    truth = study / "truth"
    cells = pd.read_csv(truth / "cells.tsv", sep="\t")
    assert len(cells) == 19 * 4
    assert set(cells["source"]) == {"paper"}
    slopes = pd.read_csv(truth / "slopes.tsv", sep="\t").set_index("region")["slope"]
    assert slopes[slopes != 0].index.tolist() == ["Amygdala nuclei", "PVN/VM hypothalamus"]
    assert set(pd.read_csv(truth / "regions.tsv", sep="\t")["source"]) == {"assumed"}
    settings = json.loads((truth / "settings.json").read_text(encoding="utf-8"))
    assert (settings["hypothesis"], settings["scale"], settings["seed"]) == ("withdrawal", "tiny", 1)


def test_null_says_that_nothing_is_planted(null: Path):
    truth = null / "truth"
    assert not pd.read_csv(truth / "cells.tsv", sep="\t")["percent"].any()
    assert not pd.read_csv(truth / "slopes.tsv", sep="\t")["slope"].any()
    assert not pd.read_csv(truth / "breathing.tsv", sep="\t")["planted_change"].any()


def test_every_rat_has_two_scans(study: Path):
    assert len(list(study.glob("sub-*/func/*_bold.nii.gz"))) == 2 * 21


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"design": "nobody2020"}, "design 'nobody2020' is unknown; expected one of: carmack2019"),
        ({"hypothesis": "magic"}, "hypothesis 'magic' is unknown"),
        ({"scale": "huge"}, "scale 'huge' is unknown"),
        ({"seed": -1}, "seed -1 is negative"),
    ],
)
def test_what_is_unknown_is_refused_and_nothing_is_written(tmp_path: Path, wrong: dict, message: str):
    with pytest.raises(StudyError, match=message):
        simulate(**{"design": "carmack2019", "out": tmp_path / "out", **wrong})
    assert not list(tmp_path.iterdir())


def test_a_folder_with_files_is_left_alone(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(DataError, match="not an empty folder; choose another name"):
        simulate("carmack2019", tmp_path, scale="tiny")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cuecircuit.simulation.dataset.write_truth", stop)
    with pytest.raises(KeyboardInterrupt):
        simulate("carmack2019", tmp_path / "out", scale="tiny")
    assert not list(tmp_path.iterdir())
