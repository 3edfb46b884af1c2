"""Every fault of a study of people and its files at once, before anything is computed."""

from collections.abc import Iterator, Sequence

import pandas as pd

from cuecircuit.imaging.confounds import confound_faults
from cuecircuit.imaging.scan_checks import run_faults
from cuecircuit.io.bids import ScanFiles, scan_set_faults
from cuecircuit.io.confounds import read_confounds
from cuecircuit.io.nifti import read_grid
from cuecircuit.pipeline.cells import scans_of, subjects_of
from cuecircuit.pipeline.faults import attempt
from cuecircuit.pipeline.job import PeopleFiles
from cuecircuit.pipeline.people.behavior import behavior_faults
from cuecircuit.pipeline.people.group import people_space, question_faults
from cuecircuit.pipeline.people.longitudinal import longitudinal_faults
from cuecircuit.pipeline.people.scan import model_events, weights_of
from cuecircuit.pipeline.people.tables import people_table
from cuecircuit.records.grid import Grid
from cuecircuit.study.sections import word_of


def people_faults(files: PeopleFiles) -> Iterator[str]:
    """Yield what is wrong between the study and its files; each part is looked at even where another fails."""
    grids: list[Grid] = []
    yield from attempt(lambda: grids.append(people_space(files).grid))
    if files.study.space.anatomy is not None:
        anatomy = files.path(files.study.space.anatomy)
        yield from attempt(lambda: read_grid(anatomy))
    yield from (f"response.contrasts: {fault}" for fault in attempt(lambda: weights_of(files.study)))
    tables = tuple(attempt(lambda: [people_table(files, one) for one in files.study.acquisition.sessions or (None,)]))
    yield from tables
    scans: list[ScanFiles] = []
    yield from attempt(lambda: scans.extend(scans_of(files)))
    if tables or not scans:
        return
    included = set(subjects_of(files)["subject"])
    yield from _who_was_scanned(files, scans)
    scans = [scan for scan in scans if scan.subject in included]
    faults = [fault for scan in scans for fault in _run_faults(files, scan, grids)]
    yield from _said_once(faults)
    if not faults:
        yield from _cells_without_trials(files, scans)
    yield from question_faults(files)
    scanned = pd.DataFrame([(scan.subject, scan.session) for scan in scans], columns=["subject", "session"])
    yield from longitudinal_faults(files, scanned)
    yield from _measure_fault(files)
    if files.study.behavior is not None and not faults:
        yield from _said_once([("", fault) for fault in behavior_faults(files, files.study.behavior, scans)])


def _who_was_scanned(files: PeopleFiles, scans: Sequence[ScanFiles]) -> Iterator[str]:
    study, subjects = files.study, subjects_of(files)["subject"]
    yield from scan_set_faults(scans, subjects, exclude=study.subjects.exclude, confounds=True)
    if study.session is not None:
        there = {scan.subject for scan in scans if scan.session == study.session}
        later = {scan.subject for scan in scans} - there - set(study.subjects.exclude)
        yield from (
            f"sub-{one}: no scan of session {study.session}, which questions are about (acquisition.sessions); exclude "
            "the person (subjects.exclude)"
            for one in sorted(later & set(subjects))
        )


def _run_faults(files: PeopleFiles, scan: ScanFiles, grids: Sequence[Grid]) -> Iterator[tuple[str, str]]:
    """Yield the file and the fault."""
    headers: list[tuple[Grid, int, float]] = []
    yield from (("", fault) for fault in attempt(lambda: headers.append(read_grid(scan.bold))))
    for grid, volumes, tr_header_s in headers:
        own = run_faults(
            grid=grid,
            volumes=volumes,
            tr_header_s=tr_header_s,
            tr_sidecar_s=scan.tr_s,
            runs=files.study.acquisition,
            space_grid=grids[0] if grids else grid,
        )
        yield from ((str(scan.bold), fault) for fault in own)
        if scan.events is not None:  # a missing file is named with the people
            yield from (("", fault) for fault in attempt(lambda v=volumes: model_events(files, scan, v * _tr_s(files))))
        yield from _confound_faults(files, scan, volumes)


def _tr_s(files: PeopleFiles) -> float:
    return files.study.acquisition.tr_s


def _confound_faults(files: PeopleFiles, scan: ScanFiles, volumes: int) -> Iterator[tuple[str, str]]:
    confounds = scan.confounds
    if confounds is None:
        return
    tables = []
    yield from (("", fault) for fault in attempt(lambda: tables.append(read_confounds(confounds))))
    for table in tables:
        yield from ((str(confounds), fault) for fault in confound_faults(table, files.study.nuisance))
        rows = len(next(iter(table.values())))
        if rows != volumes:
            yield str(confounds), f"{rows} rows, the run has {volumes} volumes"


def _said_once(faults: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Say what is wrong with many files once: it is most likely wrong in the study file."""
    where: dict[str, list[str]] = {}
    for file, fault in faults:
        where.setdefault(fault, []).append(file)
    for fault, files in where.items():
        others = f" and {len(files) - 1} other files" if len(files) > 1 else ""
        yield f"{files[0]}{others}: {fault}" if files[0] else fault


def _cells_without_trials(files: PeopleFiles, scans: Sequence[ScanFiles]) -> Iterator[str]:
    cells = {word_of(level): level for level in files.study.cues.levels}
    found: dict[tuple[str, str | None], set[str]] = {}
    for scan in scans:
        if scan.events is not None:
            trials = model_events(files, scan, float("inf"))["trial_type"]
            found.setdefault((scan.subject, scan.session), set()).update(trials)
    for (subject, session), trials in found.items():
        missing = [level for word, level in cells.items() if word not in trials]
        if missing:
            where = f" in session {session}" if session else ""
            yield (
                f"sub-{subject}: no trial of {', '.join(missing)} (cues.levels){where}; trial types found: "
                f"{', '.join(sorted(trials))}"
            )


def _measure_fault(files: PeopleFiles) -> Iterator[str]:
    wanted = files.study.correlations
    if wanted is None:
        return
    people = people_table(files, files.study.session)
    if wanted.measure not in people:
        known = ", ".join(name for name in people if name != "subject")
        yield f"correlations.measure: no column {wanted.measure} in the tables about people; expected one of: {known}"
