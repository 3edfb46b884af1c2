"""The scans of a study: one for each subject, session and run, or a refusal that names what nothing accounts for.

Left out by themselves, each with its reason, are scans that the study file excludes, that a `*_scans.tsv` of the data
set leaves out and, with `scans.on_fault: exclude`, those whose header is at fault or that have no events.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from cuecircuit.errors import DataError
from cuecircuit.io.bids import find_derivatives, find_scans, read_scan_table
from cuecircuit.io.listed_scans import ListedScan, read_listed_scans
from cuecircuit.io.rabies import find_rabies, is_rabies
from cuecircuit.io.scan_inventory import ScanChoice, ScanFiles, ScanSelection, one_per_run
from cuecircuit.study.acquisition import Scans
from cuecircuit.tables.scan_headers import header_faults
from cuecircuit.tables.study_files import StudyFiles


def study_scans(files: StudyFiles) -> ScanSelection:
    """Find the scans of the task and choose one for each subject, session and run.

    Raises:
        DataError: no scan; sessions, runs, echoes, spaces and other entities that the study does not account for; scans
            to exclude that are not there; scans that a table lists and that are missing.
    """
    scans = files.study.scans
    if scans is None:
        raise DataError("the study names no scans; give scans: with task and tr_s")
    everything = _all_scans(files, scans)
    selection = one_per_run(everything, scan_choice(files, scans), exclude=files.study.subjects.exclude)
    if unknown := [name for name in scans.exclude if name not in {scan.name for scan in everything}]:
        raise DataError(
            f"scans.exclude: no scan is called '{name}'; names are as {everything[0].name}" for name in unknown
        )
    selection = selection.without(scans.exclude)
    selection = _as_listed(files, scans, selection, {scan.name for scan in everything})
    if scans.on_fault == "exclude":
        space = files.study.space
        grid = None if space is None or space.is_shared else files.mask[1]
        faults = {scan.name: "; ".join(header_faults(files, scan, grid, events=True)) for scan in selection.scans}
        selection = selection.without({name: why for name, why in faults.items() if why})
    if scans.runs == "one":
        _refuse_runs(selection.scans)
    return selection


def listed_scans(files: StudyFiles) -> tuple[ListedScan, ...]:
    """Read what the tables of scans in the data set list of the task.

    Raises:
        DataError: a table is damaged.
    """
    scans = files.study.scans
    return read_listed_scans(files.path(scans.dataset), task=scans.task) if scans else ()


def _as_listed(files: StudyFiles, scans: Scans, selection: ScanSelection, names: set[str]) -> ScanSelection:
    """Leave out scans as the tables of scans say; name those that are missing."""
    listed = [row for row in listed_scans(files) if row.subject not in files.study.subjects.exclude]
    raw = scans.table is None and scans.derivatives is None
    missing = [
        row
        for row in listed
        if row.name not in {*scans.exclude, *_accepted(scans, "missing")}
        and (row.name not in names or (raw and not row.file.exists()))
    ]
    lines = [f"{row.where}: {row.name}: {row.file.name} is listed and is not there" for row in missing]
    if lines and raw and scans.on_fault == "stop":
        raise DataError(
            f"{line}; add it, take the row out, or accept it with a reason (scans.accept: {{{row.name} missing: "
            "reason}})"
            for line, row in zip(lines, missing, strict=True)
        )
    taken = _accepted(scans, "excluded")
    out = {
        scan.name: f"{row.where}: {row.left_out}"
        for scan in selection.scans
        for row in listed
        if row.left_out and row.is_of(scan) and scan.name not in taken
    }
    selection = selection.without(out)
    return replace(selection, aside=(*selection.aside, *lines, *_unordered(selection.scans, listed)))


def _accepted(scans: Scans, kind: str) -> set[str]:
    """Return the scans of which a kind of fault is accepted."""
    return {key.removesuffix(f" {kind}") for key in scans.accept if key.endswith(f" {kind}")}


def _unordered(scans: Sequence[ScanFiles], listed: Sequence[ListedScan]) -> Iterator[str]:
    """Yield runs of a session that were not acquired in the order of their numbers."""
    times = {scan.name: row.acquired for scan in scans for row in listed if row.is_of(scan) and row.acquired}
    for one, other in pairwise(scan for scan in scans if scan.name in times):
        if (one.subject, one.session) == (other.subject, other.session) and times[one.name] >= times[other.name]:
            yield (
                f"{other.name} was not acquired after {one.name} (acq_time {times[other.name]:%Y-%m-%dT%H:%M:%S} and "
                f"{times[one.name]:%Y-%m-%dT%H:%M:%S}); runs are taken by their numbers"
            )


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
    several = {key: members for key, members in runs.items() if len(members) > 1}
    if several:
        (subject, session), held = next(iter(several.items()))
        where = f"sub-{subject}" + (f" ses-{session}" if session else "")
        raise DataError(
            f"{len(several)} sessions have several runs, such as {where} with {len(held)}; set scans.runs to combine "
            "(fixed effects over runs) or key (runs are kept apart, and questions account for them)"
        )
