"""Every fault of a study and its files at once, before anything is computed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from cuecircuit.errors import CuecircuitError, StudyError
from cuecircuit.imaging.scan_checks import scan_faults
from cuecircuit.io.bids import ScanFiles, scan_set_faults
from cuecircuit.io.nifti import orientation_faults, read_grid, read_mask
from cuecircuit.pipeline.alternatives.runs import alternative_files
from cuecircuit.pipeline.cells import (
    block_table,
    blocks_of,
    cells_of,
    event_notes,
    scans_of,
    subjects_of,
    with_subjects,
)
from cuecircuit.pipeline.check_logs import log_faults, log_notes
from cuecircuit.pipeline.check_scans import (
    block_faults,
    breathing_faults,
    breathing_notes,
    sidecar_faults,
    value_faults,
)
from cuecircuit.pipeline.faults import attempt, raise_faults
from cuecircuit.pipeline.job import StudyFiles, read_study
from cuecircuit.pipeline.space import read_space_atlas
from cuecircuit.records.cells import complete_cells
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Block
from cuecircuit.stats.strata_design import strata_model


def check_study(path: Path, *, data: bool = False) -> tuple[str, ...]:
    """Read a study file and the headers and tables of all its files; give what is odd in the logs and no fault.

    Args:
        path: the study file.
        data: read the values of every scan too.

    Raises:
        StudyError: every fault found, one line each.
        DataError: there is no such study file.
    """
    files = read_study(path)
    check_files(files, alternatives=True)
    included = set(subjects_of(files)["subject"])
    scans = [scan for scan in scans_of(files) if scan.subject in included]
    notes = tuple(event_notes(files, scans))
    if data:
        raise_faults(value_faults(files), files)
    absent = read_space_atlas(files).absent_note
    about_atlas = (f"{files.study.space.labels}: {absent}",) if absent else ()
    return (*log_notes(files), *about_atlas, *notes, *breathing_notes(files, scans))


def check_files(files: StudyFiles, *, alternatives: bool = False) -> None:
    """Check the files of a study that has been read, and against its alternatives where those are to be run.

    Raises:
        StudyError: every fault found, one line each.
    """
    raise_faults(study_faults(files), files)
    if alternatives:
        raise_faults(_alternative_faults(files), files)


def _alternative_faults(files: StudyFiles) -> Iterator[str]:
    """Yield what is wrong between the files of a study without faults and each alternative."""
    own = _told_by_files(files)
    for name, other in alternative_files(files).items():
        if _told_by_files(other) != own:
            yield from (f"alternatives.{name}: {fault}" for fault in study_faults(other))


def _told_by_files(files: StudyFiles) -> str:
    """Give the settings that files could contradict."""
    free = {"correction": True, "seed": True, "assumed": True, "alternatives": True}
    within: dict[str, Any] = {"nuisance": {"smoothing_fwhm_mm"}, "regions": {"smoothed", "extent"}}
    return files.study.model_dump_json(exclude=free | within)


def study_faults(files: StudyFiles) -> Iterator[str]:
    """Yield what is wrong between the study and its files; each part is looked at even where another fails."""
    grids: list[Grid] = []
    yield from attempt(lambda: grids.extend(_space_grids(files)))
    yield from attempt(lambda: _check_atlas(files))
    logs: list[str] = []
    yield from attempt(lambda: logs.extend(log_faults(files)))
    yield from logs
    scans: list[ScanFiles] = []
    yield from attempt(lambda: scans.extend(scans_of(files)))
    unknown = tuple(attempt(lambda: _check_subjects(files, tuple(scans)))) if scans else ()
    yield from unknown
    said: dict[str, list[Path]] = {}
    for scan in scans:
        for fault in _scan_faults(files, scan, grids):
            of_events = scan.events is not None and fault.startswith(f"{scan.events}:")
            file = scan.events if scan.events is not None and of_events else scan.bold
            said.setdefault(fault.removeprefix(f"{file}:").strip(), []).append(file)
    if not said and not unknown:
        yield from _design_faults(files, tuple(scans))
    for fault, where in said.items():
        # what is wrong with every scan is most likely wrong in the study file: said once
        others = f" and {len(where) - 1} other scans: " if len(where) > 1 else ":" if fault[0].isdigit() else ": "
        yield f"{where[0]}{others}{fault}"


def _design_faults(files: StudyFiles, scans: tuple[ScanFiles, ...]) -> Iterator[str]:
    """Make the design that the group model will have, without its maps."""
    study, cells = files.study, []
    faults: list[str] = []
    for subject in dict.fromkeys(scan.subject for scan in scans if scan.subject not in study.subjects.exclude):
        try:
            blocks = pd.concat([block_table(files, scan) for scan in scans if scan.subject == subject])
            cells.append(cells_of(study, subject, blocks))
        except CuecircuitError as error:
            faults += (fault if subject in fault else f"sub-{subject}: {fault}" for fault in error.faults)
    yield from faults
    if faults or not cells:
        return
    model = study.group
    try:
        table = with_subjects(files, pd.concat(cells, ignore_index=True))
        found = complete_cells(
            table, subject="subject", between=model.between, within=model.within, covariates=model.covariates
        )
        strata_model(found.design)
        yield from (f"{missing}; exclude the subject (subjects.exclude) or the covariate" for missing in found.excluded)
    except CuecircuitError as error:
        yield from (fault if "group.covariates" in fault else f"group.covariates: {fault}" for fault in error.faults)


def _space_grids(files: StudyFiles) -> Iterator[Grid]:
    space = files.study.space
    faults: list[str] = []
    mask_grid = None
    for name in ("mask", "white_matter", "ventricles", "anatomy", "atlas"):
        path = files.path(getattr(space, name))
        try:
            grid, _, _ = read_grid(path)
        except CuecircuitError as error:
            faults += [f"space.{name}: {fault}" for fault in error.faults]
            continue
        mask_grid = mask_grid or grid
        if name in ("mask", "white_matter", "ventricles"):
            faults += (f"space.{name}: {fault}" for fault in attempt(lambda path=path: read_mask(path)))
        if name in ("white_matter", "ventricles", "atlas") and not grid.same_as(mask_grid):
            faults.append(f"space.{name}: {path}: {grid}, but the mask has {mask_grid} (or another origin)")
    if faults:
        raise StudyError(faults)
    if mask_grid is not None:
        yield mask_grid


def _check_atlas(files: StudyFiles) -> None:
    regions = set(read_space_atlas(files).names.values())
    unknown = [region for region in files.study.regions.shown if region not in regions]
    if unknown:
        raise StudyError(f"regions.shown: no region {', '.join(unknown)} in {files.study.space.labels}")


def _check_subjects(files: StudyFiles, scans: tuple[ScanFiles, ...]) -> None:
    subjects = subjects_of(files)["subject"]
    covariates = files.study.group.covariates
    faults = scan_set_faults(
        scans,
        subjects,
        exclude=files.study.subjects.exclude,
        physio="respiration" in covariates,
        confounds=files.study.nuisance.motion > 0,
    )
    if faults:
        raise StudyError(faults)


def _scan_faults(files: StudyFiles, scan: ScanFiles, grids: list[Grid]) -> Iterator[str]:
    blocks: list[Block] = []
    readable = False
    if scan.events is not None:  # a missing file is named with the subjects
        unread = tuple(attempt(lambda: blocks.extend(blocks_of(files, scan))))
        readable = not unread
        yield from unread
    header: list[tuple[Grid, int, float]] = []
    yield from attempt(lambda: header.append(read_grid(scan.bold)))
    yield from sidecar_faults(files, scan)
    for grid, volumes, tr_header_s in header:
        yield from orientation_faults(scan.bold)
        found = scan_faults(
            str(scan.bold),
            grid=grid,
            volumes=volumes,
            tr_header_s=tr_header_s,
            tr_sidecar_s=scan.tr_s,
            blocks=blocks if readable else None,
            acquisition=files.study.acquisition,
            space_grid=grids[0] if grids else grid,
        )
        yield from found
        if readable and not found:
            yield from block_faults(files, scan, blocks, volumes)
            yield from breathing_faults(files, scan, blocks, volumes)
