"""The scans of a study: one for each subject, session and run, or a refusal that names what nothing accounts for."""

from pathlib import Path

from cuecircuit.errors import DataError
from cuecircuit.io.bids import find_derivatives, find_scans, read_scan_table
from cuecircuit.io.rabies import find_rabies, is_rabies
from cuecircuit.io.scan_inventory import ScanChoice, ScanFiles, ScanSelection, one_per_run
from cuecircuit.nodes.study_files import StudyFiles
from cuecircuit.study.acquisition import Scans


def study_scans(files: StudyFiles) -> ScanSelection:
    """Find the scans of the task and choose one for each subject, session and run.

    Raises:
        DataError: no scan, or sessions, runs, echoes, spaces and other entities that the study does not account for.
    """
    scans = files.study.scans
    if scans is None:
        raise DataError("the study names no scans; give scans: with task and tr_s")
    choice = scan_choice(files, scans)
    selection = one_per_run(_all_scans(files, scans), choice, exclude=files.study.subjects.exclude)
    if scans.runs == "one":
        _refuse_runs(selection.scans)
    return selection


def scan_choice(files: StudyFiles, scans: Scans) -> ScanChoice:
    """Return what the study says of sessions and entities."""
    return ScanChoice(
        sessions=files.study.factors["session"].levels if "session" in files.study.factors else (),
        session_setting="factors.session",
        entities=dict(scans.entities)
        | {name: value for name in ("space", "res", "echo") if (value := getattr(scans, name)) is not None},
    )


def _all_scans(files: StudyFiles, scans: Scans) -> tuple[ScanFiles, ...]:
    if scans.table is not None:
        return read_scan_table(files.path(scans.table))
    dataset = files.path(scans.dataset)
    if scans.derivatives is None:
        return find_scans(dataset, task=scans.task)
    folder: Path = files.path(scans.derivatives)
    if is_rabies(folder):
        return find_rabies(dataset, folder, task=scans.task)
    return find_derivatives(dataset, folder, task=scans.task, desc=scans.entities.get("desc", "preproc"))


def _refuse_runs(scans: tuple[ScanFiles, ...]) -> None:
    runs: dict[tuple[str, str | None], list[ScanFiles]] = {}
    for scan in scans:
        runs.setdefault((scan.subject, scan.session), []).append(scan)
    several = {key: own for key, own in runs.items() if len(own) > 1}
    if several:
        (subject, session), own = next(iter(several.items()))
        where = f"sub-{subject}" + (f" ses-{session}" if session else "")
        raise DataError(
            f"{len(several)} sessions have several runs, such as {where} with {len(own)}; set scans.runs to combine "
            "(fixed effects over runs) or key (runs are kept apart, and questions account for them)"
        )
