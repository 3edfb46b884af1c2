"""Runs of one person to one map per cell and contrast, with its variance: runs of a session by fixed effects."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.imaging.fixed_effects import Estimate, over_runs
from cuecircuit.io.bids import ScanFiles
from cuecircuit.io.derivatives import map_name
from cuecircuit.io.nifti import read_mask, write_volume
from cuecircuit.io.tables import read_table, write_table
from cuecircuit.pipeline.cells import subjects_of
from cuecircuit.pipeline.faults import faults_named
from cuecircuit.pipeline.gate import GATE_COLUMNS, pass_gate, refuse_doubles
from cuecircuit.pipeline.job import PeopleJob, bring_up_to_date
from cuecircuit.pipeline.people.scan import quality_row, read_run, run_answer, weights_of
from cuecircuit.pipeline.people.tables import people_stage
from cuecircuit.pipeline.store import Stage
from cuecircuit.pipeline.subject_stages import SCAN_COLUMNS, account, run_subjects

MAP_COLUMNS = {
    "subject": "participant label",
    "session": "entity ses; n/a where scans have none",
    "contrast": "cell or contrast",
    "runs": "runs combined by fixed effects",
    "map": "effect, percent of the voxel's mean, relative to the output folder",
    "variance": "its variance",
}
QUALITY_COLUMNS = (
    SCAN_COLUMNS
    | GATE_COLUMNS
    | {
        "volumes": "length",
        "framewise_displacement": {"Description": "mean over volumes; n/a where not given", "Units": "mm"},
        "censored": "volumes left out for motion",
        "confounds": "columns of the model beside the events, drift and the constant",
        "trials": "events",
    }
)


def run_people(job: PeopleJob) -> None:
    """Do every person that is missing or stale; one person's failure does not stop the others.

    Raises:
        DataError: what was wrong with each person that failed, after all others are done.
    """
    scans = account(job)
    bring_up_to_date(job, people_stage(job))
    subjects = subjects_of(job.files)["subject"]
    run_subjects(job.store, [_stage(job, subject, scans) for subject in subjects], n_jobs=job.n_jobs)
    tables = {one: job.out / f"sub-{one}" / f"sub-{one}_quality.tsv" for one in subjects}
    refuse_doubles(tables, job.study.acquisition.accept)


def maps_table(job: PeopleJob) -> pd.DataFrame:
    """Give one row per person, session and estimate, as the first level wrote them."""
    subjects = subjects_of(job.files)["subject"]
    rows = [
        read_table(job.out / f"sub-{one}" / f"sub-{one}_maps.tsv", text=("subject", "session", "contrast"))
        for one in subjects
    ]
    return pd.concat(rows, ignore_index=True)


def _stage(job: PeopleJob, subject: str, scans: tuple[ScanFiles, ...]) -> Stage:
    own = tuple(scan for scan in scans if scan.subject == subject)
    files = [path for scan in own for path in (scan.bold, scan.events, scan.confounds) if path]
    return Stage(
        name=f"sub-{subject}",
        target=f"sub-{subject}",
        settings={name: getattr(job.study, name) for name in ("acquisition", "cues", "nuisance", "response", "space")},
        inputs=(*files, job.path(job.study.space.mask)),
        make=partial(_make, job, subject, own),
    )


def _make(job: PeopleJob, subject: str, scans: tuple[ScanFiles, ...], folder: Path) -> None:
    if not scans:
        raise DataError("no scan is left (inputs.tsv says why); exclude the subject (subjects.exclude)")
    study, weights = job.study, weights_of(job.study)
    rows, quality = [], []
    for session in dict.fromkeys(scan.session for scan in scans):
        answers = []
        for scan in (each for each in scans if each.session == session):
            with faults_named(scan.bold, unless=scan.bold.parent):
                run = read_run(job.files, scan)
                values = pass_gate(scan, run.series.data, run.mask, study.acquisition.accept)
                answers.append(run_answer(run, study, weights))
                quality.append(quality_row(run) | {"covered": values.covered, "digest": values.digest})
        for name in weights:
            parts = [answer[name] for answer in answers if name in answer]
            if not parts:
                raise DataError(f"session {session}: no run has a trial of {name}; exclude the person, or the cell")
            known = {"subject": subject, "session": session, "contrast": name, "runs": len(parts)}
            rows.append(known | _written(job, folder, session, name, over_runs(name, parts)))
    write_table(folder / f"sub-{subject}_maps.tsv", pd.DataFrame(rows), MAP_COLUMNS)
    write_table(folder / f"sub-{subject}_quality.tsv", pd.DataFrame(quality), QUALITY_COLUMNS)


def _written(job: PeopleJob, folder: Path, session: str | None, name: str, estimate: Estimate) -> dict[str, str]:
    mask, grid = read_mask(job.path(job.study.space.mask))
    place = Path(*([f"ses-{session}"] if session else []), "func")
    stem = "_".join([folder.name, *([f"ses-{session}"] if session else []), f"task-{job.study.acquisition.task}", ""])
    written = {}
    for column, statistic in (("map", "effect"), ("variance", "variance")):
        file = place / map_name(name, statistic, prefix=stem)
        volume = np.full(grid.shape, np.nan, np.float32)
        volume[mask] = getattr(estimate, statistic)
        write_volume(folder / file, volume, grid)
        written[column] = f"{folder.name}/{file}"
    return written
