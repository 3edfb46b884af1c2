"""A tiny BIDS data set of raw scans with events, and a study file for it."""

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from cuecircuit.io.nifti import write_volume
from cuecircuit.records.grid import Grid

SHAPE, VOLUMES, TR_S = (6, 5, 4), 80, 2.0
GRID = Grid(shape=SHAPE, affine=np.diag([3.0, 3.0, 3.0, 1.0]))
MASK = np.zeros(SHAPE, bool)
MASK[1:5, 1:4, :] = True
PICTURES = ("neutral", "drug") * 3
ONSETS = (14.0, 38.0, 62.0, 86.0, 110.0, 134.0)
DURATION_S = 10.0
RATINGS = (2.0, 3.0, 1.0, 5.0, 4.0, 6.0)
BLOCKS = {"kind": "blocks", "cells": "picture", "baseline_s": [-8, 0], "window_s": [4, 12], "course_s": [-8, 16]}
GLM = {
    "kind": "glm",
    "cells": "picture",
    "hrf": "glover",
    "noise": "ols",
    "contrasts": {"drug_neutral": "drug - neutral"},
}
SEEDS = {"kind": "seed", "seeds": ["dorsal part"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One scan: its labels, its events and its data; what is not named is usual."""

    subject: str
    session: str = ""
    run: int = 0
    pictures: Sequence[str] = PICTURES
    seed: int = 0
    data: np.ndarray | None = None

    @property
    def stem(self) -> str:
        """The path below the data set, without suffix."""
        folder = f"sub-{self.subject}" + (f"/ses-{self.session}" if self.session else "") + "/func/"
        parts = [f"sub-{self.subject}", *([f"ses-{self.session}"] if self.session else []), "task-cue"]
        return folder + "_".join([*parts, *([f"run-{self.run}"] if self.run else [])])


def scan_data(seed: int) -> np.ndarray:
    """Independent noise around 500 in every voxel."""
    return (500 + 5 * np.random.default_rng(seed).standard_normal((*SHAPE, VOLUMES))).astype(np.float32)


def events(pictures: Sequence[str] = PICTURES, column: str = "trial_type") -> pd.DataFrame:
    """The events of a scan: a picture at each onset, and one press of a button."""
    n = len(pictures)
    table = pd.DataFrame({"onset": ONSETS[:n], "duration": DURATION_S, column: list(pictures), "rating": RATINGS[:n]})
    press = pd.DataFrame({"onset": [30.0], "duration": [1.0], column: ["press"], "rating": [np.nan]})
    return pd.concat([table, press], ignore_index=True).sort_values("onset")


def write_scans(folder: Path, scans: Iterable[Scan], *, column: str = "trial_type") -> None:
    """Write a data set: scans, events, sidecars, participants and the space."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset_description.json").write_text('{"Name": "tiny", "BIDSVersion": "1.10.0"}')
    (folder / "task-cue_bold.json").write_text(json.dumps({"RepetitionTime": TR_S, "TaskName": "cue"}))
    scans = list(scans)
    subjects = list(dict.fromkeys(scan.subject for scan in scans))
    pd.DataFrame({"participant_id": [f"sub-{one}" for one in subjects]}).to_csv(
        folder / "participants.tsv", sep="\t", index=False
    )
    for number, scan in enumerate(scans):
        data = scan_data(scan.seed or number + 1) if scan.data is None else scan.data
        stem = folder / scan.stem
        stem.parent.mkdir(parents=True, exist_ok=True)
        write_volume(Path(f"{stem}_bold.nii.gz"), data, GRID, tr_s=TR_S)
        events(scan.pictures, column).to_csv(f"{stem}_events.tsv", sep="\t", index=False, na_rep="n/a")
    write_volume(folder / "mask.nii.gz", MASK.astype(np.uint8), GRID)
    labels = np.where(MASK, 1 + (np.arange(SHAPE[2]) > 1), 0).astype(np.int16)
    write_volume(folder / "atlas.nii.gz", labels, GRID)
    (folder / "atlas.tsv").write_text("index\tname\n1\tdorsal part\n2\tventral part\n")


def write_physio(folder: Path, scan: Scan, *, breaths_per_min: float = 15.0) -> None:
    """Write the breathing beside a scan."""
    hz = 25.0
    time_s = np.arange(-5, VOLUMES * TR_S + 5, 1 / hz)
    phase = sum(map(ord, scan.stem))  # nobody breathes as somebody else
    values = np.sin(2 * np.pi * breaths_per_min / 60 * time_s + 0.3 * np.sin(time_s / 7 + phase))
    stem = folder / scan.stem
    with gzip.open(f"{stem}_physio.tsv.gz", "wt") as file:
        file.writelines(f"{value:.5f}\n" for value in values)
    notes = {"SamplingFrequency": hz, "StartTime": -5.0, "Columns": ["respiratory"]}
    Path(f"{stem}_physio.json").write_text(json.dumps(notes))


def study_text(**sections: object) -> str:
    """A study file of the data set; sections replace those of the same name, None drops one."""
    study: dict[str, object] = {
        "about": {"title": "Tiny"},
        "subjects": {"species": "Homo sapiens"},
        "factors": {"picture": ["neutral", "drug"]},
        "trials": {"cells": "picture", "others": ["press"]},
        "scans": {"task": "cue", "tr_s": TR_S},
        "space": {"mask": "mask.nii.gz", "origin": "the scanner"},
        "maps": {"task": GLM},
        "correction": {"method": "none", "alpha": 0.05},
        "questions": {"cue": {"of": "maps.task", "within": "picture"}},
    }
    study |= sections
    kept = {name: value for name, value in study.items() if value is not None}
    return yaml.safe_dump(json.loads(json.dumps(kept)), sort_keys=False)  # a copy, as YAML would write aliases


def write_study(folder: Path, **sections: object) -> Path:
    """Write the study file beside the data set."""
    path = folder / "study.yaml"
    path.write_text(study_text(**sections), encoding="utf-8")
    return path
