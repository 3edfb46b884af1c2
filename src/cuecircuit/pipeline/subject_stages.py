"""One stage per subject, whatever the stage does, and the scans that the subjects of a study have."""

import os
from collections.abc import Sequence
from typing import Any

import pandas as pd

from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.io.bids import ScanFiles
from cuecircuit.io.nifti import read_mask
from cuecircuit.io.tables import write_table
from cuecircuit.pipeline.cells import event_notes, raw_scans_without_result, scan_selection, subjects_of
from cuecircuit.pipeline.gate import set_aside
from cuecircuit.pipeline.job import Job
from cuecircuit.pipeline.progress import say, steps
from cuecircuit.pipeline.store import Stage, Store
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.pipeline.workers import tied

INPUT_COLUMNS = {
    "subject": "participant label",
    "session": "entity ses; n/a where scans have none",
    "run": "scan",
    "entities": "further BIDS entities of its name, such as echo and space; n/a where it has none",
    "bold": "the scan, relative to the study file",
    "events": "its cue blocks; n/a where none was found",
    "physio": "its recording of respiration; n/a where none was found",
    "confounds": "its motion parameters; n/a where none were found",
    "used": "yes or no",
    "reason": "why it is left out",
}
# what the first levels of every kind of study say of a scan
SCAN_COLUMNS = {
    "session": "entity ses; n/a where scans have none",
    "run": "scan",
    "tsnr": "temporal signal-to-noise ratio, median over the mask",
    "dvars": {"Description": "root mean square change from volume to volume, median", "Units": "%"},
}


def run_subjects(store: Store, stages: Sequence[Stage], *, n_jobs: int, what: str = "first level") -> None:
    """Do every subject's stage that is missing or stale; one subject's failure does not stop the others.

    Raises:
        DataError: what was wrong with each subject that failed, after all others are done.
    """
    from joblib import Parallel, delayed

    stale = [stage for stage in stages if store.why_stale(stage)]
    if not stale:
        say(f"{what}: {len(stages)} subjects up to date")
        return
    say(f"{what}: {len(stale)} of {len(stages)} subjects to do ({store.why_stale(stale[0])})")
    faults: list[str] = []
    work: Any = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(tied(_attempt))(store, stage) for stage in stale)
    with steps(what, len(stale)) as advance:
        for failed in work:
            faults += failed
            advance(1)
    if faults:
        raise DataError(faults)


def account(job: Job) -> tuple[ScanFiles, ...]:
    """Return the scans of the study; write inputs.tsv: every scan found, whether it is used, and why not."""
    selection, acquisition = scan_selection(job.files), job.study.acquisition
    if acquisition.on_fault == "exclude":
        mask, _ = read_mask(job.path(job.study.space.mask))
        selection = set_aside(selection, mask, acquisition.accept, exclude=job.study.subjects.exclude)
    reasons, included = job.study.subjects.exclude, set(subjects_of(job.files)["subject"])
    preprocessed = (*selection.scans, *(scan for scan, _ in selection.left_out))
    without_result = raw_scans_without_result(job.files, preprocessed)
    why = [(scan, "a raw scan without a preprocessed one") for scan in without_result]
    why = [*((scan, None) for scan in selection.scans), *why, *selection.left_out]
    rows = []
    for scan, reason in why:
        if scan.subject not in included:
            reason = reasons.get(scan.subject, "not in the participants table")
        rows.append(_input_row(job, scan) | {"used": "no" if reason else "yes", "reason": reason})
    write_table(job.out / "inputs.tsv", pd.DataFrame(rows), INPUT_COLUMNS)
    used = sum(row["used"] == "yes" for row in rows)
    say(f"scans: {len(rows)} found, {used} used, {len(rows) - used} left out (inputs.tsv)")
    for note in selection.notes:
        say(f"scans: {note}")
    for name, reason in job.study.acquisition.accept.items():
        say(f"scans: accepted {name}: {reason}")
    for note in event_notes(job.files, (scan for scan in selection.scans if scan.subject in included)):
        say(f"events: {note}")
    return selection.scans


def _input_row(job: Job, scan: ScanFiles) -> dict[str, object]:
    files = {"bold": scan.bold, "events": scan.events, "physio": scan.physio, "confounds": scan.confounds}
    return {
        "subject": scan.subject,
        "session": scan.session,
        "run": scan.run,
        "entities": " ".join(f"{name}-{value}" for name, value in scan.entities.items()) or None,
        **{name: path and os.path.relpath(path, job.files.file.parent) for name, path in files.items()},
    }


def _attempt(store: Store, stage: Stage) -> tuple[str, ...]:
    try:
        with one_blas_thread():  # a worker process starts with its own number of threads
            store.run(stage)
    except CuecircuitError as error:
        return tuple(f"{stage.name}: {fault}" for fault in error.faults)
    except (MemoryError, ArithmeticError, ValueError, RuntimeError) as error:
        # numbers nobody foresaw in one subject must not cost the others their results
        return (f"{stage.name}: {type(error).__name__}: {error}; leave the subject out (subjects.exclude) to go on",)
    return ()
