"""The account of a study's scans: every scan found, whether it is used, and why not."""

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.bids import find_scans
from cuecircuit.io.nifti import write_volume
from cuecircuit.io.scan_inventory import ScanFiles, ScanSelection
from cuecircuit.io.tables import column_notes, write_table
from cuecircuit.pipeline.gate import set_aside
from cuecircuit.pipeline.progress import say
from cuecircuit.tables.scan_reading import scan_gate
from cuecircuit.tables.scans import listed_scans
from cuecircuit.tables.shared_mask import shared_mask_sentence
from cuecircuit.tables.study_files import StudyFiles

INPUT_COLUMNS = column_notes("inputs")


def account(files: StudyFiles, subjects: Collection[str], out: Path) -> ScanSelection:
    """Return the scans that maps are made of; write inputs.tsv, and a mask that is made of theirs as mask.nii.gz.

    Scans whose values cannot be those of a scan are left out where `scans.on_fault` says so.

    Raises:
        DataError: as `study_scans`.
    """
    selection, study = files.scans, files.study
    scans, space = study.scans, study.space
    if scans is not None and space is not None and scans.on_fault == "exclude":
        selection = set_aside(selection, scan_gate(files).read, exclude=study.subjects.exclude)
    rows, listed = [], listed_scans(files)
    for scan, reason in _reasons(files, selection):
        absent = scan.subject not in subjects
        why = study.subjects.exclude.get(scan.subject, "not among the subjects of the study") if absent else reason
        acquired = next((row.acquired for row in listed if row.acquired and row.is_of(scan)), None)
        row = _row(files, scan, acquired and acquired.isoformat())
        rows.append(row | {"used": "no" if why else "yes", "reason": why})
    write_table(out / "inputs.tsv", pd.DataFrame(rows), INPUT_COLUMNS)
    used = sum(row["used"] == "yes" for row in rows)
    say(f"scans: {len(rows)} found, {used} used, {len(rows) - used} left out (inputs.tsv)")
    for note in (*selection.notes, *selection.aside):
        say(f"scans: {note}")
    if space is not None and space.is_shared:
        mask, grid = files.mask
        write_volume(out / "mask.nii.gz", mask.astype(np.uint8), grid)
        say(f"mask.nii.gz: {shared_mask_sentence(files.shared_mask.subjects)}")
    for name, reason in (scans.accept if scans else {}).items():
        say(f"scans: accepted {name}: {reason}")
    return selection


def _reasons(files: StudyFiles, selection: ScanSelection) -> Iterator[tuple[ScanFiles, str | None]]:
    yield from ((scan, None) for scan in selection.scans)
    names = {scan.name for scan in (*selection.scans, *(scan for scan, _ in selection.left_out))}
    yield from ((one, "a raw scan without a preprocessed one") for one in _raw(files) if one.name not in names)
    yield from selection.left_out


def _raw(files: StudyFiles) -> tuple[ScanFiles, ...]:
    """Return the raw scans of a study that takes preprocessed ones."""
    scans = files.study.scans
    if scans is None or scans.derivatives is None or scans.table is not None:
        return ()
    try:
        return find_scans(files.path(scans.dataset), task=scans.task, confounds=False)
    except DataError:  # a derivative may stand without the raw data set
        return ()


def _row(files: StudyFiles, scan: ScanFiles, acquired: str | None) -> dict[str, object]:
    named = {"bold": scan.bold, "events": scan.events, "physio": scan.physio, "confounds": scan.confounds}
    return {
        "subject": scan.subject,
        "session": scan.session,
        "run": scan.run,
        "entities": " ".join(f"{name}-{value}" for name, value in scan.entities.items()) or None,
        "acq_time": acquired,
        **{name: path and files.shown(path) for name, path in named.items()},
    }
