"""Every fault of a study and its files at once, before anything is computed."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from cuecircuit.errors import CuecircuitError, StudyError
from cuecircuit.imaging.scan_checks import scan_faults
from cuecircuit.io.bids import ScanFiles, scan_set_faults
from cuecircuit.io.events import read_blocks
from cuecircuit.io.nifti import read_grid, read_mask
from cuecircuit.pipeline.behavior import phased_sessions
from cuecircuit.pipeline.cells import block_table, cells_of, scans_of, subjects_of, with_subjects
from cuecircuit.pipeline.job import StudyFiles, read_study
from cuecircuit.pipeline.space import read_space_atlas
from cuecircuit.records.cells import complete_cells
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Block
from cuecircuit.stats.strata_design import strata_model
from cuecircuit.study.file import KeyPath, lines_of


def check_study(path: Path) -> None:
    """Read a study file and the headers and tables of all its files.

    Raises:
        StudyError: every fault found, one line each.
        DataError: there is no such study file.
    """
    check_files(read_study(path))


def check_files(files: StudyFiles) -> None:
    """Check the files of a study that has been read.

    Raises:
        StudyError: every fault found, one line each.
    """
    faults = tuple(dict.fromkeys(study_faults(files)))
    if faults:
        lines = lines_of(files.file.read_text(encoding="utf-8-sig"))
        raise StudyError(_with_line(fault, files.file.name, lines) for fault in faults)


def _with_line(fault: str, name: str, lines: Mapping[KeyPath, int]) -> str:
    """Put the line of the setting that a fault names, such as (acquisition.tr_s), before the fault."""
    named = [path for path in lines if len(path) == 2 and f"{path[0]}.{path[1]}" in fault]
    return f"{name}:{lines[named[0]]}: {fault}" if named else fault


def study_faults(files: StudyFiles) -> Iterator[str]:
    """Yield what is wrong between the study and its files; each part is looked at even where another fails."""
    grids: list[Grid] = []
    yield from _attempt(lambda: grids.extend(_space_grids(files)))
    yield from _attempt(lambda: _check_atlas(files))
    yield from _attempt(lambda: phased_sessions(files))
    scans: list[ScanFiles] = []
    yield from _attempt(lambda: scans.extend(scans_of(files)))
    unknown = tuple(_attempt(lambda: _check_subjects(files, tuple(scans)))) if scans else ()
    yield from unknown
    said: dict[str, list[Path]] = {}
    for scan in scans:
        for fault in _scan_faults(files, scan, grids):
            said.setdefault(fault.removeprefix(f"{scan.bold}: "), []).append(scan.bold)
    if not said and not unknown:
        yield from _design_faults(files, tuple(scans))
    for fault, where in said.items():
        # what is wrong with every scan is most likely wrong in the study file: said once
        others = f" and {len(where) - 1} other scans" if len(where) > 1 else ""
        yield f"{where[0]}{others}: {fault}"


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


def _attempt(look: Callable[[], object]) -> Iterator[str]:
    try:
        look()
    except CuecircuitError as error:
        notes = "; ".join(getattr(error, "__notes__", []))
        yield from (f"{fault} ({notes})" if notes else fault for fault in error.faults)


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
            faults += (f"space.{name}: {fault}" for fault in _attempt(lambda path=path: read_mask(path)))
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
        events = scan.events
        unread = tuple(_attempt(lambda: blocks.extend(read_blocks(events))))
        readable = not unread
        yield from unread
    header: list[tuple[Grid, int, float]] = []
    yield from _attempt(lambda: header.append(read_grid(scan.bold)))
    for grid, volumes, tr_header_s in header:
        yield from scan_faults(
            str(scan.bold),
            grid=grid,
            volumes=volumes,
            tr_header_s=tr_header_s,
            tr_sidecar_s=scan.tr_s,
            blocks=blocks if readable else None,
            acquisition=files.study.acquisition,
            cues=files.study.cues,
            space_grid=grids[0] if grids else grid,
        )
