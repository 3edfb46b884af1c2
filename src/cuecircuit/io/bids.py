"""BIDS data sets: which scans a task has, and the files that belong to each. Vocabulary: BIDS entities and suffixes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float64
from cuecircuit.errors import DataError
from cuecircuit.io.bids_names import BidsFile, index_files, parse_entities
from cuecircuit.io.scan_inventory import DERIVED_ENTITIES, ScanFiles
from cuecircuit.io.tables import read_json, read_table

_MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
_RABIES_MOTION = ("mov1", "mov2", "mov3", "rot1", "rot2", "rot3")
_ENTITIES = ("sub", "ses", "task", "acq", "ce", "rec", "dir", "run", "echo", "part")
# columns of the index that are no entities by which scans differ
_NO_ENTITIES = ("sub", "ses", "task", "run", "suffix", "ext", "unread", "path")


def find_scans(root: Path, *, task: str, confounds: bool = True) -> tuple[ScanFiles, ...]:
    """Find all scans of a task, in order of subject, session and run; `one_per_run` chooses among them.

    Args:
        root: the data set.
        task: entity task.
        confounds: look for confounds in the data sets under `derivatives/` as well, of which one may have them.

    Raises:
        DataError: no such folder, no scan of the task, or sidecars that cannot be read.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; the study's data set must lie there")
    files = index_files(root)
    scans = [file for file in files if _is_image(file)]
    of_task = [scan for scan in scans if scan["task"] == task]
    if not of_task:
        tasks = ", ".join(sorted({str(scan["task"]) for scan in scans})) or "none"
        raise DataError(f"{root}: no scans of task '{task}'; tasks found: {tasks}")
    tables = [*files, *_derivatives(root)] if confounds else files
    return tuple(_scan_files(scan, tables, root) for scan in sorted(of_task, key=_order))


def find_derivatives(root: Path, folder: Path, *, task: str, desc: str = "preproc") -> tuple[ScanFiles, ...]:
    """Find all preprocessed scans, as fMRIPrep names them, with their confounds; events and physio are raw.

    Args:
        root: the raw data set.
        folder: the derivative.
        task: entity task.
        desc: entity desc of the scans.

    Raises:
        DataError: no such folder, or no scan.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; scans.derivatives must name a folder of preprocessed scans")
    tables = index_files(folder)
    images = [file for file in tables if _is_image(file)]
    scans = [file for file in images if file["task"] == task and file["desc"] == desc]
    if not scans:
        kinds = ", ".join(sorted({f"task {file['task']} desc {file['desc']}" for file in images})) or "none"
        raise DataError(
            f"{folder}: no preprocessed scans of task '{task}' with desc {desc}; found: {kinds}; name the one "
            "to take in scans.entities.desc"
        )
    raw = index_files(root) if root.is_dir() and root.resolve() != folder.resolve() else []
    return tuple(_derived(scan, [*raw, *_confounds(tables)], root) for scan in sorted(scans, key=_order))


def list_images(root: Path) -> pd.DataFrame:
    """List the functional scans of a data set, raw or derived: a row of entities (sub, ses, task ...) and `path` each.

    Raises:
        DataError: no such folder.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder")
    rows = [{**_entities(file), **file} for file in index_files(root) if _is_image(file)]
    columns = ("sub", "ses", "task", "run", "echo", "space", "res", "desc", "path")
    return pd.DataFrame([{name: row.get(name) for name in columns} for row in rows], columns=list(columns))


def _is_image(file: BidsFile) -> bool:
    """Recognize a functional scan from what lies beside it, such as a copy that ends in .bak."""
    return file["suffix"] == "bold" and file["ext"] in (".nii", ".nii.gz")


def _derived(scan: BidsFile, tables: Sequence[BidsFile], root: Path) -> ScanFiles:
    names = [part for part in scan["path"].name.split("_") if part.split("-")[0] not in DERIVED_ENTITIES]
    folders = [f"sub-{scan['sub']}", *([f"ses-{scan['ses']}"] if scan["ses"] else []), "func"]
    like_raw = _scan_files(scan | {"path": root.joinpath(*folders, "_".join(names))}, tables, root)
    beside = scan["path"].with_name(scan["path"].name.split(".")[0] + ".json")
    tr_s = read_json(beside).get("RepetitionTime") if beside.is_file() else None
    return replace(like_raw, bold=scan["path"], tr_s=float(tr_s) if isinstance(tr_s, int | float) else like_raw.tr_s)


def read_scan_table(path: Path) -> tuple[ScanFiles, ...]:
    """Read scans from a table: subject, bold, and where there are any session, run, events, physio, confounds.

    Paths are relative to the table. TR is that of the scans' headers.

    Raises:
        DataError: a column is missing, files that do not exist, or scans that are duplicated.
    """
    table = read_table(path, text=("subject", "session", "bold", "events", "physio", "confounds"))
    absent = [name for name in ("subject", "bold") if name not in table]
    if absent:
        raise DataError(f"{path}:1: columns {', '.join(absent)} are missing; found: {', '.join(map(str, table))}")
    faults, scans = [], []
    for line, row in enumerate(table.to_dict("records"), start=2):
        given = {name: row.get(name) for name in ("bold", "events", "physio", "confounds")}
        files = {name: path.parent / str(value) for name, value in given.items() if pd.notna(value)}
        faults += [f"{path}:{line}: {name} {file}: no such file" for name, file in files.items() if not file.is_file()]
        if pd.isna(row["subject"]) or "bold" not in files:
            faults.append(f"{path}:{line}: subject or bold is empty")
            continue
        session, run = (None if pd.isna(row.get(name)) else row[name] for name in ("session", "run"))
        scan = ScanFiles(
            subject=str(row["subject"]).removeprefix("sub-"),
            session=None if session is None else str(session),
            run=None if run is None else int(run),
            bold=files["bold"],
            events=files.get("events"),
            physio=files.get("physio"),
            confounds=files.get("confounds"),
            tr_s=None,
        )
        if any(scan.name == other.name for other in scans):
            faults.append(
                f"{path}:{line}: {scan.name} is duplicated; tell scans of one subject apart by session or run"
            )
        scans.append(scan)
    DataError.raise_any(faults)
    return tuple(scans)


def _derivatives(root: Path) -> list[BidsFile]:
    folders = sorted(path for path in (root / "derivatives").glob("*") if any(path.glob("sub-*")))
    return [file for folder in folders for file in _confounds(index_files(folder))]


def _confounds(files: Sequence[BidsFile]) -> list[BidsFile]:
    """Tables of confounds; fMRIPrep before 20.2 gave them the suffix regressors, those of XCP-D hold motion alone."""
    named = {"timeseries": ("confounds",), "regressors": ("confounds",), "motion": (None, "filtered")}
    tables = (file for file in files if file["desc"] in named.get(file["suffix"], ()))
    return [file | {"suffix": "timeseries"} for file in tables]


def _order(file: BidsFile) -> tuple[str, str, int]:
    return file["sub"], file["ses"] or "", file["run"] or 0


def _scan_files(scan: BidsFile, tables: Sequence[BidsFile], root: Path) -> ScanFiles:
    tr_s = sidecar(scan["path"], root).get("RepetitionTime")
    events = _inherited(scan["path"], root, suffix="events", ending=".tsv")
    return ScanFiles(
        subject=scan["sub"],
        session=scan["ses"],
        run=scan["run"],
        entities=_entities(scan),
        bold=scan["path"],
        events=events[-1] if events else None,
        physio=_beside(scan, "physio", tables),
        confounds=_beside(scan, "timeseries", tables),
        tr_s=float(tr_s) if isinstance(tr_s, int | float) else None,
    )


def _entities(file: BidsFile) -> dict[str, str]:
    named = {name: str(value) for name, value in file.items() if name not in _NO_ENTITIES and value is not None}
    return named | file["unread"]


def _beside(scan: BidsFile, suffix: str, tables: Sequence[BidsFile]) -> Path | None:
    """Find the table of that suffix that speaks of the scan; entities that tell images apart (echo) it may lack."""
    files = [
        table
        for table in tables
        if table["suffix"] == suffix
        and table["ext"] in (".tsv", ".tsv.gz")
        and all(table[name] == scan[name] for name in ("sub", "ses", "task", "run"))
        and all(table[name] in (None, scan[name]) for name in _ENTITIES)
    ]
    if len(files) > 1:
        # several recordings of one scan: the one that says it holds respiration
        files = [table for table in files if str(table["recording"]).lower().startswith("resp")] or files
    if len(files) > 1:  # motion as it was before a filter (XCP-D)
        files = [table for table in files if table["desc"] != "filtered"] or files
    if len(files) > 1:
        names = ", ".join(str(table["path"]) for table in files)
        raise DataError(f"{scan['path']}: {len(files)} {suffix} files belong to it ({names}); keep one")
    return files[0]["path"] if files else None


def sidecar(path: Path, root: Path) -> dict[str, Any]:
    """Join the JSON sidecars of a file by BIDS inheritance; those nearer to the file win.

    Args:
        path: the file; it need not exist.
        root: where the data set begins; no sidecar is looked for above it.

    Raises:
        DataError: a sidecar is not a JSON object.
    """
    notes: dict[str, Any] = {}
    for file in _inherited(path, root):
        notes |= read_json(file)
    return notes


def _inherited(path: Path, root: Path, *, suffix: str | None = None, ending: str = ".json") -> list[Path]:
    """List the files that speak of `path` by BIDS inheritance: same suffix (or the one given), no entity that it lacks.

    From the root down to the file's own folder, and within a folder those of few entities first.
    """
    entities = _named(path)
    if suffix:
        entities["suffix"] = suffix
    folders = [folder for folder in (path.parent, *path.parent.parents) if folder == root or root in folder.parents]
    inherited = []
    for folder in reversed(folders):
        above = {file: _named(file) for file in folder.glob(f"*{entities.get('suffix', '')}{ending}")}
        speaking = [file for file, its in above.items() if its.items() <= entities.items()]
        inherited += sorted(speaking, key=lambda file: len(above[file]))
    return inherited


def _named(path: Path) -> dict[str, str]:
    return {name: value for name, value in parse_entities(path).items() if name != "ext"}


def read_motion(path: Path) -> Float64[Array, "volume 6"]:
    """Read the six motion parameters (mm, rad; x y z) of a confounds table, or of the CSV that RABIES writes.

    Raises:
        DataError: no such file, a column that is missing, or values that are no numbers.
    """
    names = _RABIES_MOTION if path.suffix == ".csv" else _MOTION
    table = read_table(path)
    absent = [name for name in names if name not in table]
    if absent:
        raise DataError(f"{path}:1: columns {', '.join(absent)} are missing; a confounds table has them in mm and rad")
    values = table[list(names)].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise DataError(f"{path}:{bad[0] + 2}: motion parameters are empty or no numbers")
    return values
