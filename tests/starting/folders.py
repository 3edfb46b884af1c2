"""Small folders of a laboratory: MED-PC logs, scans with events, tables; written by hand, with the faults asked for."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from cuecircuit.io.medpc_write import MedpcSession, write_medpc

SHAPE = (4, 4, 3)


def write_tsv(path: Path, rows: Mapping[str, Sequence[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False, na_rep="n/a")
    return path


def write_log(
    folder: Path,
    subjects: Sequence[str],
    experiment: str,
    day: int,
    *,
    msn: str = "SIMULATED COCAINE FR1",
    hours: float = 1.0,
    infusions: int = 5,
    group: str = "0",
    name: str = "",
) -> Path:
    """Write the sessions of one day, whose animals press more from one to the next."""
    start = datetime(2026, 1, 5, 9) + timedelta(days=day)
    sessions = []
    for place, subject in enumerate(subjects):
        presses = 60.0 * np.arange(1, infusions + place % 3 + day % 2 + 1) if infusions else np.array([30.0, 90.0])
        rewards = presses if infusions else np.empty(0)
        numbers = {"A": len(presses), "I": 0, "R": len(rewards), "L": 0, "S": 0, "K": 3600 * hours}
        arrays = {"X": presses, "Y": np.empty(0), "Z": rewards, "U": np.empty(0), "V": np.empty(0)}
        end = start + timedelta(hours=hours)
        sessions.append(
            MedpcSession(
                subject=subject,
                experiment=experiment,
                group=group,
                box=str(place + 1),
                msn=msn,
                start=start,
                end=end,
                scalars=numbers,
                arrays=arrays,
            )
        )
    path = folder / (name or f"day{day:02d}.txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(write_medpc(sessions).encode("ascii"))
    return path


def write_image(path: Path, *, volumes: int = 1, tr_s: float = 2.0, mm: float = 3.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = SHAPE if volumes == 1 else (*SHAPE, volumes)
    values = np.ones(shape, np.float32)
    values[0, 0, 0] = 0.0  # air
    image = nib.Nifti1Image(values, np.diag([mm, mm, mm, 1.0]))
    image.header.set_xyzt_units("mm", "sec")
    if volumes > 1:
        image.header.set_zooms((mm, mm, mm, tr_s))
    image.to_filename(path)
    return path


def write_scan(
    root: Path,
    subject: str,
    task: str = "cues",
    *,
    volumes: int = 60,
    tr_s: float = 2.0,
    entities: str = "",
    session: str = "",
    mm: float = 3.0,
    is_event: bool = True,
    suffix: str = "bold",
) -> Path:
    """Write a scan with its sidecar and events of two cues and of rest."""
    folder = root / f"sub-{subject}" / (f"ses-{session}" if session else "") / "func"
    stem = f"sub-{subject}" + (f"_ses-{session}" if session else "") + f"_task-{task}"
    bold = write_image(folder / f"{stem}{entities}_{suffix}.nii.gz", volumes=volumes, tr_s=tr_s, mm=mm)
    (folder / f"{stem}{entities}_{suffix}.json").write_text(json.dumps({"RepetitionTime": tr_s}))
    if is_event:
        kinds = ["neutral", "drug", "rest", "drug", "neutral"]
        write_tsv(
            folder / f"{stem}_events.tsv", {"onset": [5, 25, 45, 65, 85], "duration": [10] * 5, "trial_type": kinds}
        )
    return bold


def write_people(folder: Path, subjects: Sequence[str], **columns: Sequence[object]) -> Path:
    return write_tsv(folder / "participants.tsv", {"participant_id": [f"sub-{one}" for one in subjects], **columns})


def data_set(folder: Path, subjects: Sequence[str] = ("a1", "a2", "b1", "b2")) -> Path:
    """Write a raw data set of two groups with a mask."""
    for subject in subjects:
        write_scan(folder, subject)
    groups = ["controls" if subject.startswith("a") else "users" for subject in subjects]
    write_people(folder, subjects, group=groups, species=["homo sapiens"] * len(subjects))
    write_image(folder / "masks" / "brain_mask.nii.gz")
    return folder
