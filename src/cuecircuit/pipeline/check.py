"""Every fault of a study and its files at once, before anything is computed."""

from collections.abc import Callable, Iterator
from pathlib import Path

from cuecircuit.errors import CuecircuitError, StudyError
from cuecircuit.imaging.scan_checks import scan_faults
from cuecircuit.io.bids import ScanFiles, scan_set_faults
from cuecircuit.io.events import read_blocks
from cuecircuit.io.nifti import read_grid
from cuecircuit.pipeline.behavior import phased_sessions
from cuecircuit.pipeline.firstlevel import scans_of, subjects_of
from cuecircuit.pipeline.job import StudyFiles, read_study
from cuecircuit.pipeline.regions import read_space_atlas
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Block


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
        raise StudyError(faults)


def study_faults(files: StudyFiles) -> Iterator[str]:
    """Yield what is wrong between the study and its files; each part is looked at even where another fails."""
    grids: list[Grid] = []
    yield from _attempt(lambda: grids.extend(_space_grids(files)))
    yield from _attempt(lambda: read_space_atlas(files))
    yield from _attempt(lambda: phased_sessions(files))
    scans: list[ScanFiles] = []
    yield from _attempt(lambda: scans.extend(scans_of(files)))
    if scans:
        yield from _attempt(lambda: _check_subjects(files, tuple(scans)))
    said: dict[str, list[Path]] = {}
    for scan in scans:
        for fault in _scan_faults(files, scan, grids):
            said.setdefault(fault.removeprefix(f"{scan.bold}: "), []).append(scan.bold)
    for fault, where in said.items():
        # what is wrong with every scan is most likely wrong in the study file: said once
        others = f" and {len(where) - 1} other scans" if len(where) > 1 else ""
        yield f"{where[0]}{others}: {fault}"


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
        if name in ("white_matter", "ventricles", "atlas") and not grid.same_as(mask_grid):
            faults.append(f"space.{name}: {path}: {grid}, but the mask has {mask_grid} (or another origin)")
    if faults:
        raise StudyError(faults)
    if mask_grid is not None:
        yield mask_grid


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
