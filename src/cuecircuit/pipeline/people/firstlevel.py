"""Runs of one person to one map per cell and contrast, with its variance: runs of a session by fixed effects."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.imaging.fixed_effects import Estimate, over_runs
from cuecircuit.io.bids import ScanFiles
from cuecircuit.io.derivatives import map_name
from cuecircuit.io.nifti import read_mask, write_volume
from cuecircuit.io.tables import read_table, write_table
from cuecircuit.pipeline.cells import scans_of, subjects_of
from cuecircuit.pipeline.firstlevel import account, run_subjects
from cuecircuit.pipeline.job import PeopleFiles, PeopleJob
from cuecircuit.pipeline.people.scan import Weights, quality_row, read_run, run_answer, weights_of
from cuecircuit.pipeline.people.tables import people_table
from cuecircuit.pipeline.store import Stage
from cuecircuit.study.people import PeopleStudy

MAP_COLUMNS = {
    "subject": "participant label",
    "session": "entity ses; n/a where scans have none",
    "contrast": "cell or contrast",
    "runs": "runs combined by fixed effects",
    "map": "effect, percent of the voxel's mean, relative to the output folder",
    "variance": "its variance",
}
QUALITY_COLUMNS = {
    "session": "entity ses; n/a where scans have none",
    "run": "scan",
    "volumes": "length",
    "tsnr": "temporal signal-to-noise ratio, median over the mask",
    "dvars": {"Description": "root mean square change from volume to volume, median", "Units": "%"},
    "framewise_displacement": {"Description": "mean over volumes; n/a where not given", "Units": "mm"},
    "censored": "volumes left out for motion",
    "confounds": "columns of the model beside the events, drift and the constant",
    "trials": "events",
}


def run_people(job: PeopleJob) -> None:
    """Do every person that is missing or stale; one person's failure does not stop the others.

    Raises:
        DataError: what was wrong with each person that failed, after all others are done.
    """
    scans = analyzed(job.files)
    account(job, scans)
    people = people_table(job.files, job.study.session)
    write_table(job.out / "people.tsv", people, dict.fromkeys(map(str, people), "column of the tables about people"))
    run_subjects(job, [_stage(job, subject, scans) for subject in subjects_of(job.files)["subject"]])


def analyzed(files: PeopleFiles) -> tuple[ScanFiles, ...]:
    """Find the scans of the study's sessions.

    Raises:
        DataError: no scan, or none of a session that the study names.
    """
    scans, sessions = scans_of(files), files.study.acquisition.sessions
    found = sorted({str(scan.session) for scan in scans})
    missing = [session for session in sessions if session not in found]
    if missing:
        raise DataError(
            f"no scans of session {one} (acquisition.sessions); found: {', '.join(found)}" for one in missing
        )
    return tuple(scan for scan in scans if not sessions or scan.session in sessions)


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
    study, weights = job.study, weights_of(job.study)
    rows, quality = [], []
    for session in dict.fromkeys(scan.session for scan in scans):
        answers = []
        for scan in (each for each in scans if each.session == session):
            answer, numbers = _answered(job.files, study, scan, weights)
            answers.append(answer)
            quality.append(numbers)
        for name in weights:
            parts = [answer[name] for answer in answers if name in answer]
            if not parts:
                raise DataError(f"session {session}: no run has a trial of {name}; exclude the person, or the cell")
            known = {"subject": subject, "session": session, "contrast": name, "runs": len(parts)}
            rows.append(known | _written(job, folder, session, name, over_runs(name, parts)))
    write_table(folder / f"sub-{subject}_maps.tsv", pd.DataFrame(rows), MAP_COLUMNS)
    write_table(folder / f"sub-{subject}_quality.tsv", pd.DataFrame(quality), QUALITY_COLUMNS)


def _answered(files: PeopleFiles, study: PeopleStudy, scan: ScanFiles, weights: Weights):
    try:
        run = read_run(files, scan)
        return run_answer(run, study, weights), quality_row(run)
    except CuecircuitError as error:
        # the mathematics does not know the file
        raise DataError(f if str(scan.bold.parent) in f else f"{scan.bold}: {f}" for f in error.faults) from error


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
