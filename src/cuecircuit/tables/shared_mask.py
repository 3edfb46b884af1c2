"""The mask of a study that names none (`space.mask: auto`): voxels that the brain masks of its scans share.

A subject has the voxels that lie in the brain masks of all its scans; the mask has the voxels that at least a share
`space.mask_share` of the subjects have. Shares above one half are a majority, 1 is the intersection.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Int
from cuecircuit.errors import DataError
from cuecircuit.io.brain_masks import find_brain_mask
from cuecircuit.io.nifti import read_mask
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.io.tables import column_notes
from cuecircuit.pipeline.faults import shared_faults
from cuecircuit.records.grid import Grid

COLUMNS = column_notes("shared_mask")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SharedMask:
    """A mask made of those of subjects.

    `counts`: subjects that have each voxel; `subjects`: a row for each, as `COLUMNS`; `files`: the brain masks.
    """

    mask: Bool[Array, "x y z"]
    grid: Grid
    counts: Int[Array, "x y z"]
    subjects: pd.DataFrame
    files: tuple[Path, ...]


def shared_mask_sentence(subjects: pd.DataFrame) -> str:
    """Return what a mask is made of, and who takes most away, from the table of its subjects."""
    n = int((subjects["voxels"] - subjects["outside"] + subjects["missing"]).iloc[0])
    worst = subjects.loc[subjects["lost"].idxmax()]
    lost = f" Most are lost by sub-{worst['subject']} alone: {worst['lost']}." if worst["lost"] else ""
    return (
        f"The mask is made of the brain masks of {subjects['scans'].sum()} scans of {len(subjects)} subjects: {n} "
        f"voxels; each subject has {subjects['voxels'].min()} to {subjects['voxels'].max()}.{lost}"
    )


def share_masks(scans: Sequence[ScanFiles], *, share: float) -> SharedMask:
    """Make a mask of the brain masks of scans.

    Args:
        scans: preprocessed, those of one subject together or not.
        share: of the subjects that a voxel must have, above 0 and at most 1.

    Raises:
        DataError: a scan has no brain mask, masks are on several grids, or no voxel is shared.
    """
    held: dict[str, Bool[Array, "x y z"]] = {}
    grids: dict[Path, Grid] = {}
    faults: list[tuple[str, str]] = []
    for scan in scans:
        path = find_brain_mask(scan.bold)
        if path is None:
            faults.append((str(scan.bold), "no brain mask beside it, of which space.mask: auto is made; name a mask"))
            continue
        mask, grid = read_mask(path)
        if not next(iter(grids.values()), grid).same_as(grid):
            faults.append((str(path), f"{grid}, but {next(iter(grids))} has {next(iter(grids.values()))}"))
            continue
        grids[path] = grid
        held[scan.subject] = held.get(scan.subject, True) & mask
    if faults or not held:
        raise DataError(
            [*shared_faults(faults)] or "space.mask: auto: the study has no scan, so no brain mask; name a mask"
        )
    counts = np.sum(list(held.values()), axis=0)
    mask = counts >= np.ceil(share * len(held) - 1e-9)
    if not mask.any():
        raise DataError(
            f"space.mask: auto: no voxel is in the brain masks of {share:g} of {len(held)} subjects; they have at most "
            f"{counts.max()} in common: check that all scans are in one space, or lower space.mask_share"
        )
    n_scans = pd.Series([scan.subject for scan in scans]).value_counts()
    rows = [
        {
            "subject": subject,
            "scans": int(n_scans[subject]),
            "voxels": int(voxels.sum()),
            "outside": int((voxels & ~mask).sum()),
            "missing": int((mask & ~voxels).sum()),
            "lost": int(((counts == len(held) - 1) & ~voxels).sum()),
        }
        for subject, voxels in held.items()
    ]
    grid = next(iter(grids.values()))
    return SharedMask(mask=mask, grid=grid, counts=counts, subjects=pd.DataFrame(rows), files=tuple(grids))
