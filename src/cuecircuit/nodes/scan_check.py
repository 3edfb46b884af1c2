"""What the scans of a study hold against it, before anything is computed: headers, events, confounds, windows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool
from cuecircuit.errors import DataError
from cuecircuit.imaging.block_response import window_members
from cuecircuit.imaging.removed import ScanSignals, displacement, signal_faults
from cuecircuit.imaging.respiration import plausible_rates
from cuecircuit.imaging.scan_checks import event_faults
from cuecircuit.imaging.scan_values import LEAST_COVERED
from cuecircuit.imaging.trace_checks import TraceReport, check_trace
from cuecircuit.io.events import Events
from cuecircuit.io.nifti import read_grid, read_volume
from cuecircuit.io.physio import read_respiration
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.nodes.rehearsal import rehearse_scan, rehearsed_scan
from cuecircuit.pipeline.faults import attempt, faults_named, shared_faults
from cuecircuit.pipeline.gate import FULL_MASK, accept_faults, double_faults, double_pairs
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Block
from cuecircuit.study.acquisition import Blocks, Given, seeds_of
from cuecircuit.tables.edges import rehearse_edges
from cuecircuit.tables.map_plan import Estimated, wanted_maps
from cuecircuit.tables.map_tables import trials_of_scan
from cuecircuit.tables.scan_headers import header_faults
from cuecircuit.tables.scan_reading import (
    head_radius_mm,
    other_events,
    read_breaths,
    read_regions,
    read_signals,
    read_tissues,
    scan_events,
    scan_gate,
)
from cuecircuit.tables.scans import listed_scans
from cuecircuit.tables.seeds import seed_faults
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.subjects import listed_subjects
from cuecircuit.tables.table import Table
from cuecircuit.tables.trials import blocks_of_trials


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Shared:
    """What all scans are held against, and `notes` with the files that each is of."""

    files: StudyFiles
    mask: Bool[Array, "x y z"]
    grid: Grid
    tissues: Mapping[str, Bool[Array, "x y z"]]
    wanted: Mapping[str, Sequence[Estimated]]
    notes: dict[str, list[str]]


def check_scans(files: StudyFiles, made: Mapping[str, Table], *, data: bool = False) -> tuple[str, ...]:
    """Check every scan that maps would be made of.

    Args:
        files: the study.
        made: tables subjects and, where the study has trials, trials.
        data: also read every scan whole and check its values.

    Returns:
        Notes on scans that are set aside, events and traces of breathing, a line each.

    Raises:
        DataError: every fault of every scan, those of many scans said once.
    """
    study, space = files.study, files.study.space
    assert space is not None
    subjects = list(made["subjects"].rows["subject"])
    mask, grid = files.mask
    tissues = read_tissues(files)
    selection, accept = files.scans, study.scans.accept if study.scans else {}
    scans = [scan for scan in selection.scans if scan.subject in subjects]
    there, aside = {scan.subject for scan in scans}, {scan.subject for scan, _ in selection.left_out}
    of_task = f"of task {study.scans.task}" if study.scans else ""
    faults = [
        f"sub-{one}: no scan {'is left' if one in aside else of_task}; exclude the subject (subjects.exclude), or add "
        "the scans"
        for one in subjects
        if one not in there
    ]
    faults += _subjects_without_maps(files, made, there)
    met = _listed_faults(files, {scan.name for scan in scans}) | ({FULL_MASK} if mask.all() else set())
    if mask.all() and FULL_MASK not in accept:
        faults.append(
            f"{files.path(space.mask)}: the mask holds every voxel of its grid, air as well; give a mask of the brain, "
            f"or accept it with a reason (scans.accept: {{{FULL_MASK}: reason}})"
        )
    scan_faults: list[tuple[str, str]] = [*_copied_tables(scans, accept, met)]
    notes: dict[str, list[str]] = {}
    asked = {name: wanted_maps(study, name, maps) for name, maps in study.maps.items() if not isinstance(maps, Given)}
    shared = _Shared(files=files, mask=mask, grid=grid, tissues=tissues, wanted=asked, notes=notes)
    for scan in scans:
        scan_faults += _scan_faults(shared, scan, trials_of_scan(made, scan))
    faults += shared_faults(scan_faults)
    for name, maps in study.maps.items():
        if seeds := seeds_of(maps):
            faults += (f"maps.{name}: {fault}" for fault in seed_faults(seeds, read_regions(files), mask))
    names = {name.rsplit(" ", 1)[0] for name in met} | {scan.name for scan in selection.scans}
    faults += accept_faults(accept, names | {scan.name for scan, _ in selection.left_out})
    if data and not faults:
        faults += _value_faults(files, scans, notes, met)
        faults += accept_faults(accept, names, met)
    DataError.raise_any(faults)
    return (
        *selection.aside,
        *_strangers(files, selection.scans),
        *(f"{_files(paths)}: {note}" for note, paths in notes.items()),
    )


def _strangers(files: StudyFiles, scans: Sequence[ScanFiles]) -> Iterator[str]:
    """Yield who was scanned and is not among the participants."""
    if unlisted := sorted(
        {scan.subject for scan in scans} - listed_subjects(files) - set(files.study.subjects.exclude)
    ):
        yield (
            f"{', '.join(f'sub-{one}' for one in unlisted)}: scanned, but not in {files.study.subjects.participants}, "
            "so left out; add the rows there if they take part"
        )


def _listed_faults(files: StudyFiles, names: Collection[str]) -> set[str]:
    """Return faults of the tables of scans, as `scans.accept` calls them."""
    listed = listed_scans(files)
    missing = {f"{row.name} missing" for row in listed if row.name not in names or not row.file.exists()}
    return missing | {f"{row.name} excluded" for row in listed if row.left_out}


def _copied_tables(scans: Sequence[ScanFiles], accept: Collection[str], met: set[str]) -> Iterator[tuple[str, str]]:
    """Yield confounds and recordings that hold the same as those of an earlier scan; add all, by name, to `met`."""
    for kind in ("confounds", "physio"):
        first: dict[bytes, ScanFiles] = {}
        for scan in scans:
            path = getattr(scan, kind)
            other = scan if path is None or not path.is_file() else first.setdefault(_content(path), scan)
            if other is not scan:
                met.add(f"{scan.name} double")
            if other is not scan and f"{scan.name} double" not in accept:
                yield (
                    str(path),
                    f"{kind} of {scan.name} are those of {other.name}; one of them is a copy: find the file that "
                    f"belongs there, or accept it with a reason (scans.accept: {{{scan.name} double: reason}})",
                )


def _content(path: Path) -> bytes:
    """Return what tells the content of a file from others; of a gzip file, its check sum and length (RFC 1952)."""
    content = path.read_bytes()
    return content[-8:] if path.suffix == ".gz" else sha256(content).digest()


def _files(paths: Sequence[str]) -> str:
    return paths[0] + (f" and {len(paths) - 1} other scans" if len(paths) > 1 else "")


def _subjects_without_maps(files: StudyFiles, made: Mapping[str, Table], scanned: Collection[str]) -> Iterator[str]:
    """Yield who was scanned and has no trial in any cell of a set of maps."""
    for name, maps in files.study.maps.items():
        tables = [made[table] for table in (f"maps.{name}", f"contrasts.{name}") if table in made]
        there = {subject for table in tables for subject in table.rows["subject"]}
        for subject in sorted(set(scanned) - there) if tables and not isinstance(maps, Given) else ():
            yield f"sub-{subject}: no cell of maps.{name} has a trial in its scans; exclude it (subjects.exclude)"


def _scan_faults(shared: _Shared, scan: ScanFiles, trials: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield the file and the fault."""
    bold = str(scan.bold)
    header = header_faults(shared.files, scan, shared.grid)
    if early_faults := header or tuple(attempt(lambda: _refuse_uncovered(shared, scan))):
        yield from _named(bold, early_faults)
    else:
        yield from _content_faults(shared, scan, trials, read_grid(scan.bold)[1])


def _refuse_uncovered(shared: _Shared, scan: ScanFiles) -> None:
    """Refuse a scan whose first volume is empty where the mask is, as one of another space."""
    scans = shared.files.study.scans
    if scans is None or scans.on_fault == "exclude" or f"{scan.name} coverage" in scans.accept:
        return
    empty = float(np.mean(read_volume(Path(f"{scan.bold}#0"))[0][shared.mask] == 0))
    if empty > 1 - LEAST_COVERED:
        raise DataError(
            f"{empty:.0%} of the mask is 0 in the first volume, as where nothing was measured; check that the mask is "
            "of this space and that the scan covers the brain, or accept it with a reason (scans.accept: "
            f"{{{scan.name} coverage: reason}})"
        )


def _content_faults(shared: _Shared, scan: ScanFiles, trials: pd.DataFrame, volumes: int) -> Iterator[tuple[str, str]]:
    """Yield what the files of a scan are lacking; where that is nothing, what its maps cannot be estimated of."""
    files, blocks = shared.files, blocks_of_trials(trials)
    signals: list[ScanSignals] = []
    events: list[Events] = []
    radius_mm = head_radius_mm(files)
    look = partial(read_signals, scan, shared.tissues, volumes, head_radius_mm=radius_mm)
    faults = [
        *_event_faults(files, scan, blocks, volumes, shared.notes, events),
        *_named(str(scan.confounds or scan.bold), attempt(lambda: signals.append(look()))),
    ]
    for signal in signals:
        faults += _signal_faults(files, scan, signal)
    faults += _breathing_faults(files, scan, blocks, volumes, shared.notes)
    yield from faults or _estimate_faults(shared, scan, trials, other_events(files, events[0]), signals[0], volumes)


def _estimate_faults(
    shared: _Shared, scan: ScanFiles, trials: pd.DataFrame, others: pd.DataFrame, signals: ScanSignals, volumes: int
) -> Iterator[tuple[str, str]]:
    files, nuisance = shared.files, shared.files.study.nuisance
    assert files.study.scans is not None
    signals = replace(signals, breaths=read_breaths(files, scan, volumes))
    drawn = rehearsed_scan(scan, signals, trials, others, volumes=volumes, tr_s=files.study.scans.tr_s)
    for name, estimated in shared.wanted.items():
        maps = files.study.maps[name]
        assert not isinstance(maps, Given)
        faults = rehearse_scan(drawn, maps, nuisance, estimated)
        yield from _named(str(scan.bold), (f"maps.{name}: {fault}" for fault in faults))
    for name, edges in files.study.edges.items():
        faults = rehearse_edges(drawn, edges, nuisance)
        yield from _named(str(scan.bold), (f"edges.{name}: {fault}" for fault in faults))


def _event_faults(
    files: StudyFiles,
    scan: ScanFiles,
    blocks: Sequence[Block],
    volumes: int,
    notes: dict[str, list[str]],
    kept: list[Events],
) -> Iterator[tuple[str, str]]:
    """Yield events that do not fit the scan; note which rows of the file do not count, and keep those that do."""
    study, events = files.study, str(scan.events)
    assert study.scans is not None
    windows = {name: maps for name, maps in study.maps.items() if isinstance(maps, Blocks)}
    if not blocks and windows:
        yield events, "no event of this scan is a cell of the study; add its events, or exclude it"
    scan_s = volumes * study.scans.tr_s
    misplaced = [*event_faults(blocks, scan_s, apart=bool(windows))]
    yield from _named(events, misplaced)
    for name, maps in windows.items():
        for window in ("baseline_s", "window_s"):
            look = partial(window_members, blocks, getattr(maps, window), tr_s=study.scans.tr_s, n_volumes=volumes)
            yield from _named(events, (f"maps.{name}.{window}: {fault}" for fault in attempt(look)))
    if not misplaced:
        kept.append(scan_events(files, scan, scan_s))
        for (why, kind), count in kept[0].left_out.items():
            if study.trials is not None and kind not in study.trials.ignored:
                notes.setdefault(f"left out {count} events {kind} {why}", []).append(events)


def _signal_faults(files: StudyFiles, scan: ScanFiles, signals: ScanSignals) -> Iterator[tuple[str, str]]:
    nuisance, table = files.study.nuisance, str(scan.confounds or scan.bold)
    yield from _named(table, signal_faults(signals, nuisance))
    if nuisance.censor_fd_mm is not None and displacement(signals) is None:
        yield (
            table,
            (
                "nuisance.censor_fd_mm is set, but nothing tells how the head moved; give framewise_displacement, or "
                "the six columns of motion"
            ),
        )


def _breathing_faults(
    files: StudyFiles, scan: ScanFiles, blocks: Sequence[Block], volumes: int, notes: dict[str, list[str]]
) -> Iterator[tuple[str, str]]:
    study = files.study
    assert study.scans is not None
    measured = study.trials is not None and study.trials.breathing is not None
    if not (measured or study.nuisance.breathing != "none"):
        return
    if scan.physio is None:
        yield str(scan.bold), "no physio file belongs to it, which trials.breathing or nuisance.breathing asks for"
        return
    reports: list[TraceReport] = []

    def look() -> None:
        assert scan.physio is not None
        assert study.scans is not None
        with faults_named(scan.physio):
            trace = read_respiration(scan.physio, files.path(study.scans.dataset))
            rates = plausible_rates(study.subjects.species)
            reports.append(check_trace(trace, rates, blocks, scan_s=volumes * study.scans.tr_s))

    yield from _named(str(scan.physio), attempt(look))
    for report in reports:
        yield from _named(str(scan.physio), report.faults)
        for note in report.notes:
            notes.setdefault(note, []).append(str(scan.physio))


def _value_faults(
    files: StudyFiles, scans: Sequence[ScanFiles], notes: dict[str, list[str]], met: set[str]
) -> Iterator[str]:
    """Read every scan whole; yield what would stop a run, and scans that hold the same values.

    Scans that `scans.on_fault: exclude` sets aside are noted; a subject who has no other is at fault. Faults that the
    study accepts, by name, are added to `met`.
    """
    settings, gate = files.study.scans, scan_gate(files)
    assert settings is not None
    volumes: dict[str, tuple[str, ...]] = {}
    for scan in scans:

        def look(scan: ScanFiles = scan) -> None:
            values = gate.read(scan)
            volumes[scan.name] = values.volumes
            met.update(f"{scan.name} {fault.kind}" for fault in values.faults)

        faults = list(attempt(look))
        if settings.on_fault == "stop":
            yield from faults
        for file, fault in _named(str(scan.bold), faults) if settings.on_fault == "exclude" else ():
            notes.setdefault(f"set aside: {fault}", []).append(file)
    left = {scan.subject for scan in scans if scan.name in volumes}
    for subject in dict.fromkeys(scan.subject for scan in scans) if settings.on_fault == "exclude" else ():
        if subject not in left:
            yield f"sub-{subject}: no scan is left; exclude the subject (subjects.exclude)"
    yield from double_faults(volumes, settings.accept)
    met.update(f"{name} double" for _, name in double_pairs(volumes))
    stopped = {scan.name for scan in scans} - set(volumes)  # of these not every fault is known
    met.update(key for key in settings.accept if key.rsplit(" ", 1)[0] in stopped)


def _named(file: str, faults: Sequence[str] | Iterator[str]) -> Iterator[tuple[str, str]]:
    """Take the name of the file off each fault, so that faults of many files can be told to be one."""
    yield from ((file, fault.removeprefix(f"{file}:").strip()) for fault in faults)
