"""What a scan says about itself against what the study says of all scans: grid, time step, length, events."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import Block
from cuecircuit.study.acquisition import Scans

# Headers hold float32 and sidecars a few decimals: half a millisecond is rounding, more is another TR.
_SAME_TR_S = 5e-4
# Half a degree is rounding of a header; a millimeter at the rim of a human head.
_SAME_AXES_DEG = 0.5
# Event files are written with clocks: a block may be that much shorter or longer than planned.
_SAME_DURATION_S = 0.1
# Lengths of the scan: what was shown may go on after it ended, in milliseconds it is a thousand times as long.
_LONGEST = 2.0


def run_faults(
    *,
    grid: Grid,
    volumes: int,
    tr_header_s: float,
    tr_sidecar_s: float | None,
    scans: Scans,
    space_grid: Grid,
) -> Iterator[str]:
    """Yield everything in which the header of a scan differs from the study.

    Args:
        grid: of the scan.
        volumes: length of the scan.
        tr_header_s: time step in the header; 0 where it has none.
        tr_sidecar_s: RepetitionTime of the sidecar, if any.
        scans: what the study expects.
        space_grid: grid of the study's mask.
    """
    if volumes < 2:
        yield "one volume, expected a scan of many (four dimensions); find the scan that belongs there, or exclude it"
        return
    yield from _grid_faults(grid, space_grid)
    yield from _time_faults(volumes, tr_header_s, tr_sidecar_s, scans)


def event_faults(blocks: Sequence[Block], scan_s: float, *, apart: bool) -> Iterator[str]:
    """Yield events outside the scan and, where they must be `apart`, those that overlap."""
    for number, block in enumerate(blocks, start=1):
        who = f"event {number} (onset {block.onset_s:g} s)"
        if block.onset_s < 0 or block.onset_s >= scan_s:
            yield f"{who} begins outside the scan, which lasts from 0 to {scan_s:g} s"
        elif block.duration_s > _LONGEST * scan_s:
            yield f"{who} lasts {block.duration_s:g} s, the scan {scan_s:g} s; durations are in seconds"
        elif apart and block.onset_s + block.duration_s > scan_s + _SAME_DURATION_S:
            yield f"{who} ends at {block.onset_s + block.duration_s:g} s, after the scan ({scan_s:g} s)"
    for before, after in pairwise(sorted(blocks, key=lambda block: block.onset_s)) if apart else ():
        if after.onset_s < before.onset_s + before.duration_s - _SAME_DURATION_S:
            yield f"the blocks at {before.onset_s:g} and {after.onset_s:g} s overlap; correct their onsets or durations"


def _grid_faults(grid: Grid, space: Grid) -> Iterator[str]:
    if grid.same_as(space):
        return
    ratio = grid.voxel_mm / space.voxel_mm
    for factor, size in ((10.0, "ten times larger"), (0.1, "ten times smaller")):
        if np.allclose(ratio, factor, rtol=0.05):
            yield (
                f"the header's voxels are {size} than the mask's ({grid} against {space}); "
                "one of the two headers is scaled for human software: divide or multiply it back"
            )
            return
    if np.linalg.det(grid.affine[:3, :3]) * np.linalg.det(space.affine[:3, :3]) < 0:
        yield (
            "left and right are swapped between scan and mask (one affine mirrors the other: "
            f"x axis {_direction(grid)} in the scan, {_direction(space)} in the mask); find out which header is wrong"
        )
        return
    turn = turned_deg(grid, space)
    if turn > _SAME_AXES_DEG:
        yield (
            f"the slices are oblique: their axes are turned by {turn:.1f}° against the mask's ({grid}); "
            "bring the scan to the mask's space (`cuecircuit preprocess` for rats, fMRIPrep for people)"
        )
        return
    shift = grid.affine[:3, 3] - space.affine[:3, 3]
    yield (
        f"the scan lies on another grid than the mask: {grid} against {space}, origins apart by "
        f"({', '.join(f'{edge:g}' for edge in np.round(shift, 3))}) mm; resample the scan to the mask's grid"
    )


def turned_deg(grid: Grid, other: Grid) -> float:
    """Angle between the axes of two grids, whatever their order and directions: 0 to 54.7°."""
    axes, others = grid.affine[:3, :3] / grid.voxel_mm, other.affine[:3, :3] / other.voxel_mm
    nearest = np.abs(others.T @ axes).max(axis=0)
    return float(np.degrees(np.arccos(np.clip(nearest.min(), 0, 1))))


def _direction(grid: Grid) -> str:
    axis = int(np.argmax(np.abs(grid.affine[0, :3])))
    return f"{'+' if grid.affine[0, axis] > 0 else '-'}{'ijk'[axis]}"


def _time_faults(
    volumes: int,
    tr_header_s: float,
    tr_sidecar_s: float | None,
    scans: Scans,
) -> Iterator[str]:
    if tr_header_s > 0 and tr_sidecar_s is not None and abs(tr_header_s - tr_sidecar_s) > _SAME_TR_S:
        yield f"TR is {tr_header_s:g} s in the header and {tr_sidecar_s:g} s in the sidecar; one of them is wrong"
    for tr_s_of, where in ((tr_header_s or None, "header"), (tr_sidecar_s, "sidecar")):
        if tr_s_of is not None and abs(tr_s_of - scans.tr_s) > _SAME_TR_S:
            unit = "; is it in milliseconds?" if np.isclose(tr_s_of, 1000 * scans.tr_s, rtol=0.01) else ""
            yield f"TR is {tr_s_of:g} s in the {where} and {scans.tr_s:g} s in the study (scans.tr_s){unit}"
    if tr_header_s <= 0 and tr_sidecar_s is None:
        yield "neither header nor sidecar states TR; add RepetitionTime to the sidecar"
    if scans.volumes is not None and volumes != scans.volumes:
        yield f"{volumes} volumes, the study expects {scans.volumes} (scans.volumes)"
