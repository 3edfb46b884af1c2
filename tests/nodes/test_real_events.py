"""Events and participants of four public data sets, with small images, are read by `check` or refused by name."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.io.nifti import write_volume
from cuecircuit.nodes.check import check_study
from tests.nodes.tiny_scans import GLM, GRID, SHAPE, write_study


def with_images(source: Path, folder: Path, subjects: Sequence[str], *, tr_s: float, volumes: int) -> None:
    """Copy the tables of some subjects, and write a scan of noise beside each table of events."""
    (folder / "dataset_description.json").write_text('{"Name": "real", "BIDSVersion": "1.10.0"}')
    if (source / "participants.tsv").is_file():
        header, *rows = (source / "participants.tsv").read_text(encoding="utf-8-sig").splitlines()
        own = [row for row in rows if row.split("\t")[0].removeprefix("sub-") in subjects]
        (folder / "participants.tsv").write_text("\n".join([header, *own]) + "\n")
    paths = [path for one in subjects for path in sorted((source / f"sub-{one}").rglob("*_events.tsv"))]
    assert paths
    rng = np.random.default_rng(1)
    for path in paths:
        new = folder / path.relative_to(source)
        new.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, new)
        bold = new.with_name(new.name.replace("_events.tsv", "_bold.nii.gz"))
        write_volume(bold, rng.normal(500, 5, (*SHAPE, volumes)).astype(np.float32), GRID, tr_s=tr_s)
        bold.with_name(bold.name.replace(".nii.gz", ".json")).write_text(json.dumps({"RepetitionTime": tr_s}))
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:5, 1:4] = 1
    write_volume(folder / "mask.nii.gz", mask, GRID)


def glm(factor: str, levels: Sequence[str]) -> dict[str, object]:
    model = {**GLM, "cells": factor, "contrasts": {}}
    question = {"of": "maps.task", "within": factor}
    return {"factors": {factor: list(levels)}, "maps": {"task": model}, "questions": {"cue": question}}


@pytest.fixture
def source(real_data: Path) -> Path:
    return real_data / "real" / "cue_events"


def test_pictures_of_food_are_read_as_they_are(source: Path, tmp_path: Path):
    with_images(source / "ds000157", tmp_path, ("01", "02", "03"), tr_s=1.6, volumes=400)
    scans = {"task": "passiveimageviewing", "tr_s": 1.6}
    trials = {"cells": "picture", "others": ["break"]}
    assert check_study(write_study(tmp_path, scans=scans, trials=trials, **glm("picture", ["food", "nonfood"]))) == ()


def test_labels_that_hold_person_and_session_are_noted(source: Path, tmp_path: Path):
    labels = [f"SAXSISO0{person}{session}" for person in (2, 3) for session in "bfs"]
    with_images(source / "ds003242", tmp_path, labels, tr_s=2.0, volumes=200)
    scans = {"task": "CIC", "tr_s": 2, "runs": "combine"}
    kinds = ["Food", "Social", "Control"]
    cells = {f"{kind}_{number}": {"craving": kind} for kind in kinds for number in (1, 2, 3)}
    study = write_study(tmp_path, scans=scans, trials={"cells": cells, "others": ["Rating"]}, **glm("craving", kinds))
    (note,) = [note for note in check_study(study) if note.startswith("subjects")]
    assert "SAXSISO02b, SAXSISO02f, SAXSISO02s" in note
    assert "sub-SAXSISO02/ses-b" in note


def test_conditions_in_another_column_without_a_table_of_participants(source: Path, tmp_path: Path):
    with_images(source / "ds002513", tmp_path, ("38", "39"), tr_s=2.0, volumes=600)
    scans, trials = {"task": "cueexposure", "tr_s": 2}, {"cells": "available"}
    with pytest.raises(StudyError) as error:
        check_study(write_study(tmp_path, scans=scans, trials=trials, **glm("available", ["1", "2"])))
    assert any("participants.tsv: no such file" in fault for fault in error.value.faults)
    (tmp_path / "participants.tsv").write_text("participant_id\nsub-38\nsub-39\n")
    with pytest.raises(StudyError) as error:
        check_study(write_study(tmp_path, scans=scans, trials=trials, **glm("available", ["1", "2"])))
    assert any("column trial_type is missing; name the column" in fault for fault in error.value.faults)
    trials |= {"column": "condition"}
    assert check_study(write_study(tmp_path, scans=scans, trials=trials, **glm("available", ["1", "2"]))) == ()


def test_participants_without_prefix_and_a_row_for_each_session(source: Path, tmp_path: Path):
    with_images(source / "ds001541", tmp_path, ("600", "667"), tr_s=1.0, volumes=700)
    where = {"light": "opto"}
    asked = {"of": "maps.task", "where": where, "formula": "1", "method": "ols", "tests": ["(Intercept)"]}
    sections = glm("light", ["opto"]) | {
        "scans": {"task": "opto", "tr_s": 1, "runs": "combine"},
        "trials": {"cells": {"opto": {"light": "opto"}}},
        "questions": {"cue": asked},
    }
    with pytest.raises(StudyError) as error:
        check_study(write_study(tmp_path, **sections))
    assert any("sub-667: has scans in sessions 1, 2, which nothing" in one for one in error.value.faults)
    sections["factors"] = {"light": ["opto"], "session": {"levels": ["1"], "leave_out": {"2": "not asked about"}}}
    sections["questions"] = {"cue": asked | {"where": where | {"session": "1"}}}
    check_study(write_study(tmp_path, **sections))
